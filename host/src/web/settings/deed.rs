//! A line of the audit log, as it is shown.

use serde_json::Value;

use super::super::link::address;
use crate::access::Role;
use crate::audit::{ActorKind, Line};

/// Bytes of a value that are shown.
const LONGEST: usize = 500;

/// What was done, in words.
pub(super) struct Deed {
    pub(super) line: Line,
}

impl Deed {
    /// What kind of actor it was.
    pub(super) fn actor_kind(&self) -> &'static str {
        match self.line.actor.kind {
            ActorKind::User => "user",
            ActorKind::Token => "API token",
            ActorKind::Schedule => "schedule",
            ActorKind::System => "server",
            ActorKind::Anonymous => "not signed in",
        }
    }

    /// The page of what it was done to, where there is one that somebody with this role may see.
    pub(super) fn page(&self, role: &Role) -> Option<String> {
        let target = self.line.target.as_ref()?;
        let id = &target.id;
        match target.kind.as_str() {
            "connector" => Some(format!("/connectors/{id}")),
            "transform-map" => Some(format!("/maps/{id}")),
            "user" if *role >= Role::Admin => Some(format!("/settings/users/{id}")),
            "token" if *role >= Role::Admin => Some("/settings/tokens".to_owned()),
            "plugin" => {
                let (name, version) = id.split_once('@').unwrap_or((id, ""));
                Some(address(
                    &format!("/plugins/{name}"),
                    &[("version", version)],
                ))
            }
            _ => None,
        }
    }

    /// What kind of thing it was done to.
    pub(super) fn target_kind(&self) -> String {
        let target = self.line.target.as_ref();
        target.map_or_else(String::new, |target| target.kind.replace('-', " "))
    }

    /// The page of a run, where the detail of this name names one.
    pub(super) fn run(&self, detail: &str) -> Option<String> {
        let run = self.line.details.get(detail)?.as_str()?;
        (detail == "run").then(|| format!("/runs/{run}"))
    }

    /// Each detail by name. A pair in a change is what it was and what it is.
    pub(super) fn details(&self) -> Vec<(String, String)> {
        let Value::Object(fields) = &self.line.details else {
            return Vec::new();
        };
        let change = self.line.action.ends_with(".change");
        fields
            .iter()
            .filter(|(_, value)| !is_nothing(value))
            .map(|(name, value)| {
                let said = match value.as_array().map(Vec::as_slice) {
                    Some([old, new]) if change => format!("{} → {}", text(old), text(new)),
                    _ => text(value),
                };
                (name.clone(), said)
            })
            .collect()
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

/// A value in one line, no longer than that.
fn text(value: &Value) -> String {
    let mut text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(text_of_item).collect();
            items.join(", ")
        }
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !is_nothing(value));
            let fields: Vec<String> = fields
                .map(|(name, value)| format!("{name} {}", text_of_item(value)))
                .collect();
            fields.join("; ")
        }
        other => other.to_string(),
    };
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

fn text_of_item(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_array() && !item.is_object()) =>
        {
            let items: Vec<String> = items.iter().map(text_of_item).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::audit::{Actor, Target};

    fn deed(action: &str, target: Option<Target>, details: Value) -> Deed {
        Deed {
            line: Line {
                position: 1,
                at: Timestamp::UNIX_EPOCH,
                actor: Actor::system(),
                address: None,
                action: action.into(),
                target,
                details,
            },
        }
    }

    fn pairs(deed: &Deed) -> Vec<String> {
        let details = deed.details().into_iter();
        details
            .map(|(name, said)| format!("{name}: {said}"))
            .collect()
    }

    #[test]
    fn details_are_told_in_words() {
        let changed = deed(
            "user.change",
            None,
            json!({"role": ["viewer", "admin"], "disabled": [false, true]}),
        );
        assert_eq!(
            pairs(&changed),
            ["disabled: false → true", "role: viewer → admin"]
        );
        let approved = deed(
            "plugin.approve",
            None,
            json!({"granted": {"hosts": ["a.example", "b.example"], "permissions": []}, "note": null}),
        );
        assert_eq!(pairs(&approved), ["granted: hosts a.example, b.example"]);
    }

    #[test]
    fn targets_lead_to_pages_that_the_reader_may_see() {
        let page = |kind: &str, id: &str, role: Role| {
            deed("x.y", Some(Target::new(kind, id, "n")), json!({})).page(&role)
        };
        let plugin = page("plugin", "contoso@1.0.0", Role::Viewer).unwrap();
        assert_eq!(plugin, "/plugins/contoso?version=1.0.0");
        assert_eq!(
            page("connector", "c", Role::Viewer).unwrap(),
            "/connectors/c"
        );
        assert_eq!(page("user", "u", Role::Operator), None);
        assert!(page("user", "u", Role::Admin).is_some());
        assert_eq!(page("profile", "p", Role::Admin), None);
    }
}
