//! Changes to the tenant: explicit operations, and random but realistic ones.

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::blob::{Blob, Field};
use super::directory::{Denied, Directory, Life, Slot};
use super::records::{GroupSort, NewUser, group_blob, guid, user_blob};
use super::render::{guid_text, parse_guid};
use super::schema::{Kind, Shape};

/// A change to the tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Operation {
    /// Creates an object. Without an `id` one is made up. A null property is a cleared one, a missing one never set.
    Create {
        /// Kind of object.
        kind: Kind,
        /// Its id.
        #[serde(default)]
        id: Option<String>,
        /// Its properties.
        #[serde(default)]
        properties: Map<String, Value>,
    },
    /// Sets properties; null clears one.
    Update {
        /// Object.
        id: String,
        /// New values.
        properties: Map<String, Value>,
    },
    /// Deletes as the service does: users and Microsoft 365 groups restorably, everything else for good.
    Delete {
        /// Object.
        id: String,
    },
    /// Deletes for good, from life or from deleted items.
    Purge {
        /// Object.
        id: String,
    },
    /// Restores a soft-deleted object.
    Restore {
        /// Object.
        id: String,
    },
    /// Adds a direct member.
    AddMember {
        /// Group.
        group: String,
        /// Member.
        member: String,
    },
    /// Takes a direct member out.
    RemoveMember {
        /// Group.
        group: String,
        /// Member.
        member: String,
    },
}

/// Applies an operation and gives the id of the object it was about.
pub(crate) fn apply(
    directory: &mut Directory,
    operation: &Operation,
    announce_restored: bool,
) -> Result<String, String> {
    let slot = |directory: &Directory, id: &str| {
        parse_guid(id)
            .and_then(|id| directory.find(id))
            .ok_or_else(|| format!("there is no object {id}"))
    };
    let explain = |denied: Denied| match denied {
        Denied::NoSuchObject => "there is no such object".to_owned(),
        Denied::NotInThatState => "the object is not in a state that allows this".to_owned(),
        Denied::IdInUse => "the id is in use".to_owned(),
    };
    match operation {
        Operation::Create {
            kind,
            id,
            properties,
        } => {
            let id = match id {
                Some(id) => parse_guid(id).ok_or_else(|| format!("`{id}` is no id"))?,
                None => guid(&mut Rng::new()),
            };
            let mut blob = Blob::build(*kind, &[]);
            for (index, value) in indexed(*kind, properties)? {
                blob = blob.with(*kind, index, value);
            }
            directory.create(id, *kind, blob).map_err(explain)?;
            Ok(guid_text(id))
        }
        Operation::Update { id, properties } => {
            let slot = slot(directory, id)?;
            let kind = directory
                .head(slot)
                .map(|head| head.kind)
                .ok_or_else(|| explain(Denied::NoSuchObject))?;
            for (index, value) in indexed(kind, properties)? {
                directory.set(slot, index, value).map_err(explain)?;
            }
            Ok(id.clone())
        }
        Operation::Delete { id } => {
            let slot = slot(directory, id)?;
            directory.delete(slot).map_err(explain)?;
            Ok(id.clone())
        }
        Operation::Purge { id } => {
            let slot = slot(directory, id)?;
            directory.purge(slot).map_err(explain)?;
            Ok(id.clone())
        }
        Operation::Restore { id } => {
            let slot = slot(directory, id)?;
            directory
                .restore(slot, announce_restored)
                .map_err(explain)?;
            Ok(id.clone())
        }
        Operation::AddMember { group, member } => {
            let (into, who) = (slot(directory, group)?, slot(directory, member)?);
            directory.join(into, who).map_err(explain)?;
            Ok(group.clone())
        }
        Operation::RemoveMember { group, member } => {
            let (from, who) = (slot(directory, group)?, slot(directory, member)?);
            directory.leave(from, who).map_err(explain)?;
            Ok(group.clone())
        }
    }
}

fn indexed(kind: Kind, properties: &Map<String, Value>) -> Result<Vec<(usize, &Value)>, String> {
    let mut found = Vec::with_capacity(properties.len());
    for (name, value) in properties {
        let index = kind
            .index_of(name)
            .ok_or_else(|| format!("a {} has no property `{name}`", kind.label()))?;
        let shape = kind.properties().get(index).map(|property| property.shape);
        let fits = match value {
            Value::Null => shape != Some(Shape::Texts),
            Value::String(_) => shape == Some(Shape::Text),
            Value::Bool(_) => shape == Some(Shape::Flag),
            Value::Array(_) => shape == Some(Shape::Texts),
            _ => false,
        };
        if !fits {
            return Err(format!("`{name}` of a {} cannot be {value}", kind.label()));
        }
        found.push((index, value));
    }
    Ok(found)
}

/// Makes random changes: mostly memberships and properties, some arrivals and departures. Returns how many took effect.
pub(crate) fn churn(
    directory: &mut Directory,
    seed: u64,
    changes: usize,
    announce_restored: bool,
) -> usize {
    let mut rng = Rng::with_seed(seed);
    (0..changes)
        .filter(|_| one_change(directory, &mut rng, announce_restored).is_ok_and(|done| done))
        .count()
}

fn one_change(directory: &mut Directory, rng: &mut Rng, announce: bool) -> Result<bool, Denied> {
    let live = |directory: &Directory, rng: &mut Rng, kind: Kind| {
        let all = directory.of_kind(kind);
        (0..50).find_map(|_| {
            rng.choice(all)
                .copied()
                .filter(|slot| directory.is_live(*slot))
        })
    };
    let deleted = |directory: &Directory, rng: &mut Rng, kind: Kind| {
        let gone = |slot: &&Slot| {
            directory
                .head(**slot)
                .is_some_and(|head| head.life == Life::SoftDeleted)
        };
        let all: Vec<Slot> = directory
            .of_kind(kind)
            .iter()
            .filter(gone)
            .copied()
            .collect();
        rng.choice(&all).copied()
    };
    let missing = Denied::NoSuchObject;
    match rng.u8(..100) {
        0..30 => {
            let group = live(directory, rng, Kind::Group).ok_or(missing)?;
            let kind = match rng.u8(..10) {
                0 if !directory.is_unified(group) => Kind::Group,
                1 if !directory.is_unified(group) => Kind::Device,
                2 if !directory.is_unified(group) => Kind::ServicePrincipal,
                3 if !directory.is_unified(group) => Kind::Contact,
                _ => Kind::User,
            };
            let member = live(directory, rng, kind).ok_or(missing)?;
            directory.join(group, member)
        }
        30..55 => {
            let group = live(directory, rng, Kind::Group).ok_or(missing)?;
            let member = rng
                .choice(directory.members(group))
                .copied()
                .ok_or(missing)?;
            directory.leave(group, member)
        }
        55..70 => {
            let user = live(directory, rng, Kind::User).ok_or(missing)?;
            change_property(
                directory,
                rng,
                user,
                Kind::User,
                &[
                    "displayName",
                    "jobTitle",
                    "mail",
                    "country",
                    "streetAddress",
                    "preferredLanguage",
                ],
            )
        }
        70..77 => {
            let group = live(directory, rng, Kind::Group).ok_or(missing)?;
            change_property(
                directory,
                rng,
                group,
                Kind::Group,
                &["displayName", "description", "classification"],
            )
        }
        77..84 => create_user(directory, rng).map(|()| true),
        84..87 => create_group(directory, rng).map(|()| true),
        87..92 => live(directory, rng, Kind::User)
            .map_or(Ok(false), |user| directory.delete(user).map(|()| true)),
        92..94 => live(directory, rng, Kind::Group)
            .map_or(Ok(false), |group| directory.delete(group).map(|()| true)),
        94..96 => deleted(directory, rng, Kind::User).map_or(Ok(false), |user| {
            directory.restore(user, announce).map(|()| true)
        }),
        96..97 => deleted(directory, rng, Kind::Group).map_or(Ok(false), |group| {
            directory.restore(group, announce).map(|()| true)
        }),
        97..99 => deleted(directory, rng, Kind::User)
            .map_or(Ok(false), |user| directory.purge(user).map(|()| true)),
        _ => live(directory, rng, Kind::User)
            .map_or(Ok(false), |user| directory.purge(user).map(|()| true)),
    }
}

fn change_property(
    directory: &mut Directory,
    rng: &mut Rng,
    slot: Slot,
    kind: Kind,
    names: &[&str],
) -> Result<bool, Denied> {
    let name = rng.choice(names).copied().unwrap_or("displayName");
    let index = kind.index_of(name).ok_or(Denied::NoSuchObject)?;
    // A display name is required; anything else is cleared now and then.
    let value = if name != "displayName" && rng.u8(..4) == 0 {
        Value::Null
    } else {
        Value::String(format!("{name} № {}", rng.u32(..100_000)))
    };
    directory.set(slot, index, &value).map(|()| true)
}

fn create_user(directory: &mut Directory, rng: &mut Rng) -> Result<(), Denied> {
    let number = directory.of_kind(Kind::User).len();
    let (display, upn) = (
        format!("New Person {number}"),
        format!("new.person{number}@contoso.example"),
    );
    let user = NewUser {
        display: &display,
        given: Field::Text("New"),
        family: Field::Text("Person"),
        mail: if rng.bool() {
            Field::Text(&upn)
        } else {
            Field::Unset
        },
        upn: &upn,
        guest: false,
        number,
    };
    let blob = user_blob(rng, &user);
    let slot = directory.create(guid(rng), Kind::User, blob)?;
    for _ in 0..rng.u8(..4) {
        if let Some(group) = rng
            .choice(directory.of_kind(Kind::Group))
            .copied()
            .filter(|group| directory.is_live(*group))
        {
            directory.join(group, slot)?;
        }
    }
    Ok(())
}

fn create_group(directory: &mut Directory, rng: &mut Rng) -> Result<(), Denied> {
    let number = directory.of_kind(Kind::Group).len();
    let sort = rng
        .choice([
            GroupSort::Security,
            GroupSort::Unified,
            GroupSort::MailEnabledSecurity,
        ])
        .unwrap_or(GroupSort::Security);
    let blob = group_blob(rng, number, &format!("New Group {number}"), sort);
    let group = directory.create(guid(rng), Kind::Group, blob)?;
    for _ in 0..rng.u8(..20) {
        if let Some(user) = rng
            .choice(directory.of_kind(Kind::User))
            .copied()
            .filter(|user| directory.is_live(*user))
        {
            directory.join(group, user)?;
        }
    }
    Ok(())
}
