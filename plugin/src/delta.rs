//! What changed: the pages of `groups/delta` and `users/delta`, in a run of their own and at the
//! end of a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::{
    Change, CursorPart, Expectation, Fault, FaultKind, Joined, Left, Member, MemberKind, Object,
    Opening, Page, Removal, RemovedUser,
};
use crate::graph::walk::{Walk, check_link};
use crate::graph::{Area, Client, Failure, malformed};
use crate::lookup;
use crate::member_of;
use crate::members;
use crate::model::{Group, Listing, User, member_kind};
use crate::run::{Run, page};
use crate::snapshot::{area, mark, without_id};
use crate::state::{CATCH_UP, GroupRef, Mark, Of, READ, Work};

/// Two partitions, from where the last run ended. Costs no request.
pub(crate) fn plan(run: &Run<'_>, cursor: &[CursorPart]) -> Result<Opening, Fault> {
    let mut partitions = Vec::new();
    let made_with = run.made_with();
    for of in [Of::Groups, Of::Users] {
        let part = cursor.iter().find(|part| part.key == of.key());
        let Some(mark) =
            part.and_then(|part| serde_json::from_slice::<Mark>(part.value.as_bytes()).ok())
        else {
            return Err(expired(
                "cursor.missing",
                format!(
                    "The cursor has no place from which changes to {} go on.",
                    of.key()
                ),
            ));
        };
        if mark.made_with != made_with {
            return Err(expired(
                "cursor.changed",
                "Settings, links or the transform map were changed since the last run, so what did not change in the directory must be mapped again too.".to_owned(),
            ));
        }
        if check_link(&mark.link, &run.settings.graph).is_err() {
            return Err(expired(
                "cursor.foreign",
                "The cursor belongs to another Graph endpoint.".to_owned(),
            ));
        }
        let title = format!("changes to {}", of.key());
        partitions.push(
            Work::Changes {
                of,
                link: mark.link,
                amid: mark.amid,
            }
            .partition(format!("changes/{}", of.key()), READ, title)?,
        );
    }
    let unread = GroupRef::all_unread(cursor)?;
    let wanted = unread.into_iter().filter(|group| run.wants(&group.id));
    partitions.extend(members::partitions(run, wanted.collect(), CATCH_UP)?);
    Ok(Opening {
        partitions,
        expected: Expectation {
            users: None,
            groups: None,
            members: None,
        },
        unreferenced_users: run.retention(),
        note: Some("What changed since the last run is read.".to_owned()),
    })
}

fn expired(code: &str, message: String) -> Fault {
    Fault::new(FaultKind::CursorExpired, code, message)
}

/// Which changes are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) of: Of,
    pub(crate) stage: u8,
    /// They begin with those that came while everything was read.
    pub(crate) amid: bool,
}

impl Changes {
    /// Who among those that arrived may be a member of groups that nothing else will tell of.
    fn to_ask<'i>(
        self,
        client: &mut Client<'_>,
        arrived: impl Iterator<Item = &'i str>,
    ) -> Vec<&'i str> {
        if self.amid {
            arrived.collect::<BTreeSet<_>>().into_iter().collect()
        } else {
            client.lacking(arrived)
        }
    }
}

/// A page of changes.
pub(crate) fn read(
    run: &Run<'_>,
    client: &mut Client<'_>,
    changes: Changes,
    start: &str,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let of = changes.of;
    let mut walk = checkpoint.map_or_else(|| Ok(Walk::new(None)), Walk::resume)?;
    let link = walk.next().unwrap_or(start).to_owned();
    check_link(&link, &run.settings.graph)?;
    let mut out = page();
    let response = match client.get(&link, 1) {
        Ok(response) => response,
        Err(Failure::Graph(error)) if error.token_expired() => {
            return Err(expired(
                &error.fault_code(),
                format!(
                    "Microsoft Graph does not know the delta token any more; it keeps them for seven days ({}).",
                    error.told()
                ),
            ));
        }
        Err(Failure::Graph(error)) if error.page_expired() => {
            if link == start {
                return Err(expired(
                    &error.fault_code(),
                    format!("The delta token is too old ({}).", error.told()),
                ));
            }
            walk.restart()?;
            out.checkpoint = Some(walk.checkpoint()?);
            return Ok(out);
        }
        Err(failure) => return Err(client.fault(failure, area(of))),
    };
    let (next, delta) = match of {
        Of::Groups => {
            let listing: Listing<Group<'_>> = serde_json::from_slice(&response.body)
                .map_err(|error| malformed(Area::Groups, &error))?;
            groups(run, client, changes, &listing.value, &mut out)?;
            (listing.next, listing.delta)
        }
        Of::Users => {
            let listing: Listing<User<'_>> = serde_json::from_slice(&response.body)
                .map_err(|error| malformed(Area::Users, &error))?;
            users(run, client, changes, &listing.value, &mut out)?;
            (listing.next, listing.delta)
        }
    };
    if let Some(delta) = onward(run, of, &mut walk, &link, (next, delta), &mut out)? {
        out.cursor.push(mark(run, of, delta, false)?);
    }
    Ok(out)
}

/// Where a page of changes leads: to the next one, or to the place from which the next run goes on, whose link is
/// returned.
pub(crate) fn onward(
    run: &Run<'_>,
    of: Of,
    walk: &mut Walk,
    link: &str,
    links: (Option<String>, Option<String>),
    out: &mut Page,
) -> Result<Option<String>, Fault> {
    match links {
        (Some(next), None) => {
            walk.advance(link, &next, &run.settings.graph)?;
            out.checkpoint = Some(walk.checkpoint()?);
            Ok(None)
        }
        (None, Some(delta)) => {
            check_link(&delta, &run.settings.graph)?;
            Ok(Some(delta))
        }
        (next, _) => {
            let which = if next.is_some() {
                "both a next and a delta link"
            } else {
                "neither a next nor a delta link"
            };
            Err(Fault::protocol(
                "graph.links",
                format!(
                    "A page of changes to {} has {which}, so it is not known whether more follows.",
                    of.key()
                ),
            ))
        }
    }
}

fn groups(
    run: &Run<'_>,
    client: &mut Client<'_>,
    changes: Changes,
    entries: &[Group<'_>],
    out: &mut Page,
) -> Result<(), Fault> {
    let whole = whole_groups(run, client, entries)?;
    let mut newcomers = newcomers(run, client, entries)?;
    let arrived = entries.iter().filter(|entry| entry.removed.is_none());
    let arrived = arrived.filter_map(|entry| entry.id.filled());
    let arrived = changes.to_ask(client, arrived.filter(|id| run.wants(id)));
    let stage = changes.stage;
    out.partitions = member_of::partitions(Of::Groups, stage, &arrived)?;
    // Once they are stored, the changes to users don't find them lacking any more.
    let users: Vec<&str> = newcomers.details.keys().map(String::as_str).collect();
    out.partitions
        .extend(member_of::partitions(Of::Users, stage, &users)?);
    for entry in entries {
        let id = entry.id.get().unwrap_or_default();
        if run.wants(id) && group(run, entry, &whole, out) {
            slice(entry, id, &mut newcomers, out)?;
        }
    }
    Ok(())
}

/// Details of the groups that came without them, of which no entry may lack its id.
pub(crate) fn whole_groups(
    run: &Run<'_>,
    client: &mut Client<'_>,
    entries: &[Group<'_>],
) -> Result<BTreeMap<String, Object>, Fault> {
    let mut stubs = BTreeSet::new();
    for entry in entries {
        let id = entry.id.filled().ok_or_else(|| without_id(Area::Groups))?;
        if entry.removed.is_none() && entry.is_stub() && run.wants(id) {
            stubs.insert(id);
        }
    }
    lookup::groups(run, client, &stubs)
}

/// What an entry says of the group itself; returns whether the group is there.
pub(crate) fn group(
    run: &Run<'_>,
    entry: &Group<'_>,
    whole: &BTreeMap<String, Object>,
    out: &mut Page,
) -> bool {
    let id = entry.id.get().unwrap_or_default();
    let object = if entry.removed.is_some() {
        out.changes.push(Change::GroupRemoved(id.to_owned()));
        None
    } else if entry.is_stub() {
        // Where it is gone by now, its removal is on its way.
        whole.get(id).cloned()
    } else {
        Some(run.group(entry))
    };
    let there = object.is_some();
    out.changes.extend(object.map(Change::Group));
    there
}

/// Users who join in this page and whom the host does not hold.
#[derive(Default)]
pub(crate) struct Newcomers {
    /// Their details, until they are handed over.
    details: BTreeMap<String, Object>,
    /// Those of whom Graph knows nothing, such as users in the deleted items: they keep their
    /// memberships, but nobody else sees them.
    unknown: BTreeSet<String>,
}

fn newcomers(
    run: &Run<'_>,
    client: &mut Client<'_>,
    entries: &[Group<'_>],
) -> Result<Newcomers, Fault> {
    let mut ids = BTreeSet::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.removed.is_none() && entry.id.get().is_some_and(|id| run.wants(id)))
    {
        for member in entry
            .members
            .iter()
            .filter(|member| member.removed.is_none())
        {
            if member_kind(&member.odata_type) == Some(MemberKind::User) {
                ids.extend(member.id.filled());
            }
        }
    }
    let ids: BTreeSet<&str> = client.lacking(ids.into_iter()).into_iter().collect();
    let details = lookup::users(run, client, &ids)?;
    let unknown = ids
        .into_iter()
        .filter(|id| !details.contains_key(*id))
        .map(str::to_owned)
        .collect();
    Ok(Newcomers { details, unknown })
}

/// One slice of a group's members, in the order in which it came. Whatever the reason says, a
/// removal here ends the membership; the user's own fate is told by the changes to users.
pub(crate) fn slice(
    entry: &Group<'_>,
    group: &str,
    newcomers: &mut Newcomers,
    out: &mut Page,
) -> Result<(), Fault> {
    let mut joined = Vec::new();
    let mut left = Vec::new();
    for member in &entry.members {
        let id = member
            .id
            .filled()
            .ok_or_else(|| without_id(Area::Members))?;
        let Some(kind) = member_kind(&member.odata_type) else {
            continue;
        };
        if member.removed.is_some() {
            flush_joined(group, &mut joined, out);
            left.push(id.to_owned());
        } else {
            if newcomers.unknown.contains(id) {
                continue;
            }
            flush_left(group, &mut left, out);
            if let Some(object) = newcomers.details.remove(id) {
                out.changes.push(Change::User(object));
            }
            joined.push(Member {
                id: id.to_owned(),
                kind,
            });
        }
    }
    flush_joined(group, &mut joined, out);
    flush_left(group, &mut left, out);
    Ok(())
}

fn flush_joined(group: &str, members: &mut Vec<Member>, out: &mut Page) {
    if !members.is_empty() {
        let members = std::mem::take(members);
        out.changes.push(Change::MembersAdded(Joined {
            group: group.to_owned(),
            members,
        }));
    }
}

fn flush_left(group: &str, members: &mut Vec<String>, out: &mut Page) {
    if !members.is_empty() {
        let members = std::mem::take(members);
        out.changes.push(Change::MembersRemoved(Left {
            group: group.to_owned(),
            members,
        }));
    }
}

fn users(
    run: &Run<'_>,
    client: &mut Client<'_>,
    changes: Changes,
    entries: &[User<'_>],
    out: &mut Page,
) -> Result<(), Fault> {
    let whole = whole_users(run, client, entries)?;
    let arrived = entries.iter().filter(|entry| entry.removed.is_none());
    let asked = changes.to_ask(client, arrived.filter_map(|entry| entry.id.filled()));
    out.partitions = member_of::partitions(Of::Users, changes.stage, &asked)?;
    // They are in none of the groups in sync, unless their groups tell otherwise.
    let strangers = match (run.users_come_with_groups(), changes.amid) {
        (false, _) => Vec::new(),
        (true, true) => client.lacking(asked.into_iter()),
        // Asked are those that the host lacks.
        (true, false) => asked,
    };
    let strangers: BTreeSet<&str> = strangers.into_iter().collect();
    for entry in entries {
        let id = entry.id.get().unwrap_or_default();
        if entry.removed.is_none() && strangers.contains(id) {
            continue;
        }
        out.changes.extend(user(run, entry, &whole));
    }
    Ok(())
}

/// Details of the users that came without them, of which no entry may lack its id.
pub(crate) fn whole_users(
    run: &Run<'_>,
    client: &mut Client<'_>,
    entries: &[User<'_>],
) -> Result<BTreeMap<String, Object>, Fault> {
    let mut stubs = BTreeSet::new();
    for entry in entries {
        let id = entry.id.filled().ok_or_else(|| without_id(Area::Users))?;
        if entry.removed.is_none() && entry.is_stub() {
            stubs.insert(id);
        }
    }
    lookup::users(run, client, &stubs)
}

/// What an entry says of a user.
pub(crate) fn user(
    run: &Run<'_>,
    entry: &User<'_>,
    whole: &BTreeMap<String, Object>,
) -> Option<Change> {
    let id = entry.id.get().unwrap_or_default();
    match &entry.removed {
        Some(removed) => Some(Change::UserRemoved(RemovedUser {
            id: id.to_owned(),
            removal: if removed.soft {
                Removal::Soft
            } else {
                Removal::Hard
            },
        })),
        None if entry.is_stub() => whole.get(id).cloned().map(Change::User),
        None => Some(Change::User(run.user(entry))),
    }
}

#[cfg(test)]
mod tests;
