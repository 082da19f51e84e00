//! What a version asks for beside what is approved.

use std::collections::BTreeSet;

use crate::contract::Description;
use crate::plugin::registry::Entry;

/// A host or a permission.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) asked: bool,
    pub(super) approved: bool,
    /// Why it is needed, as far as the plugin says so.
    pub(super) reason: String,
    /// Whether the connector can work without it.
    pub(super) optional: bool,
}

impl Line {
    /// What is to be said of the difference.
    pub(super) fn difference(&self) -> &'static str {
        match (self.asked, self.approved) {
            (true, false) => "Not approved yet",
            (false, true) => "Approved, no longer asked for",
            _ => "",
        }
    }
}

/// Permissions and hosts that are asked for or approved, by name.
pub(super) fn lines(entry: &Entry, description: Option<&Description>) -> Vec<Line> {
    let (asks, approved) = (&entry.asks, &entry.approved);
    let both = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.union(other).cloned().collect()
    };
    let permissions = both(&asks.permissions, &approved.permissions).into_iter();
    let permissions = permissions.map(|name| {
        let declared = description
            .into_iter()
            .flat_map(|description| &description.permissions)
            .find(|permission| permission.name == name);
        Line {
            kind: "Permission",
            asked: asks.permissions.contains(&name),
            approved: approved.permissions.contains(&name),
            reason: declared.map_or_else(String::new, |one| one.reason.clone()),
            optional: declared.is_some_and(|one| !one.required),
            name,
        }
    });
    let hosts = both(&asks.hosts, &approved.hosts).into_iter();
    let hosts = hosts.map(|name| Line {
        kind: "Host",
        asked: asks.hosts.contains(&name),
        approved: approved.hosts.contains(&name),
        reason: String::new(),
        optional: false,
        name,
    });
    permissions.chain(hosts).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plugin::registry::{Asked, Standing};

    #[test]
    fn what_is_asked_and_what_is_approved_stand_side_by_side() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let entry = Entry {
            id: "contoso@1.1.0".parse().unwrap(),
            standing: Standing::Ready,
            sha256: String::new(),
            size: 0,
            contract: String::new(),
            checkpoint_version: 1,
            asks: Asked {
                hosts: set(&["graph.contoso.example", "new.contoso.example"]),
                permissions: set(&["User.Read.All"]),
            },
            approved: Asked {
                hosts: set(&["graph.contoso.example", "old.contoso.example"]),
                permissions: set(&[]),
            },
            previous: false,
            signed_by: None,
            installed_at: Timestamp::UNIX_EPOCH,
        };
        let said: Vec<(String, &str)> = lines(&entry, None)
            .iter()
            .map(|line| (line.name.clone(), line.difference()))
            .collect();
        let expected = [
            ("User.Read.All", "Not approved yet"),
            ("graph.contoso.example", ""),
            ("new.contoso.example", "Not approved yet"),
            ("old.contoso.example", "Approved, no longer asked for"),
        ];
        assert_eq!(
            said,
            expected
                .map(|(name, said)| (name.to_owned(), said))
                .to_vec()
        );
    }
}
