//! The tenant as it really is: what a perfect sync would hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::directory::{Directory, Slot};
use super::render::{self, guid_text};
use super::schema::Kind;

/// A direct membership.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// Group.
    pub group: String,
    /// Member.
    pub member: String,
    /// Kind of member.
    pub kind: Kind,
}

/// Everything live in a tenant. Objects have all their properties, null where unset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Users by id.
    pub users: BTreeMap<String, Value>,
    /// Groups by id.
    pub groups: BTreeMap<String, Value>,
    /// Memberships between live objects, service principals included.
    pub memberships: BTreeSet<Membership>,
}

impl Truth {
    /// Live users who are direct members of a live group.
    #[must_use]
    pub fn grouped_users(&self) -> BTreeMap<String, Value> {
        let of_users = self.memberships.iter().filter(|m| m.kind == Kind::User);
        let members: BTreeSet<&str> = of_users.map(|m| m.member.as_str()).collect();
        let users = self.users.iter();
        users
            .filter(|(id, _)| members.contains(id.as_str()))
            .map(|(id, user)| (id.clone(), user.clone()))
            .collect()
    }

    pub(crate) fn of(directory: &Directory) -> Self {
        let objects = |kind| {
            let one = |slot: &Slot| {
                let id = guid_text(directory.head(*slot)?.id);
                let mut json = Vec::new();
                render::object(&mut json, directory, *slot, Kind::full_mask(kind), false);
                Some((id, serde_json::from_slice(&json).ok()?))
            };
            directory
                .of_kind(kind)
                .iter()
                .filter(|slot| directory.is_live(**slot))
                .filter_map(one)
                .collect()
        };
        let mut memberships = BTreeSet::new();
        for group in directory
            .of_kind(Kind::Group)
            .iter()
            .filter(|group| directory.is_live(**group))
        {
            let name = directory
                .head(*group)
                .map(|head| guid_text(head.id))
                .unwrap_or_default();
            for head in live_members(directory, *group).filter_map(|slot| directory.head(slot)) {
                memberships.insert(Membership {
                    group: name.clone(),
                    member: guid_text(head.id),
                    kind: head.kind,
                });
            }
        }
        Self {
            users: objects(Kind::User),
            groups: objects(Kind::Group),
            memberships,
        }
    }
}

/// Members that are live themselves.
pub(crate) fn live_members(directory: &Directory, group: Slot) -> impl Iterator<Item = Slot> {
    directory
        .members(group)
        .iter()
        .copied()
        .filter(|slot| directory.is_live(*slot))
}

/// What the export streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Users,
    Groups,
    Memberships,
}

/// Where an export is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    next: usize,
}

/// Writes the next lines of an export, one object each, or nothing at its end. Each call looks at the tenant anew, so
/// an export during changes is not of one moment.
pub(crate) fn lines(directory: &Directory, part: Part, progress: &mut Progress) -> Vec<u8> {
    const ENOUGH: usize = 256 * 1024;
    let kind = if part == Part::Users {
        Kind::User
    } else {
        Kind::Group
    };
    let mut out = Vec::with_capacity(ENOUGH + 4_096);
    for slot in directory.of_kind(kind).iter().skip(progress.next) {
        progress.next += 1;
        if !directory.is_live(*slot) {
            continue;
        }
        if part == Part::Memberships {
            edges(&mut out, directory, *slot);
        } else {
            render::object(&mut out, directory, *slot, kind.full_mask(), false);
            out.push(b'\n');
        }
        if out.len() >= ENOUGH {
            break;
        }
    }
    out
}

fn edges(out: &mut Vec<u8>, directory: &Directory, group: Slot) {
    let Some(head) = directory.head(group) else {
        return;
    };
    for member in live_members(directory, group).filter_map(|slot| directory.head(slot)) {
        out.extend_from_slice(b"{\"group\":\"");
        render::guid(out, head.id);
        out.extend_from_slice(b"\",\"member\":\"");
        render::guid(out, member.id);
        out.extend_from_slice(b"\",\"kind\":\"");
        out.extend_from_slice(member.kind.label().as_bytes());
        out.extend_from_slice(b"\"}\n");
    }
}
