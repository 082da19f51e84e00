//! Cuts pages into pieces that can be stored in bulk.

use std::collections::HashSet;

use crate::directory::{Change, Member, MemberKind, Object, Removal, Stream};

/// Consecutive changes whose order among each other doesn't matter, as long as the removals come
/// last. Most pages, and most of those that are stored together, are a single one.
#[derive(Debug, Default)]
pub(super) struct Segment<'a> {
    /// Users and groups, none twice.
    pub(super) upserts: Vec<(MemberKind, &'a Object)>,
    /// Members by group. A group may come several times.
    pub(super) added: Vec<(&'a str, &'a [Member])>,
    /// Groups whose members are complete; not in `unavailable`.
    pub(super) complete: Vec<&'a str>,
    /// Groups whose members could not be read, and why; not in `complete`.
    pub(super) unavailable: Vec<(&'a str, &'a str)>,
    /// Listings that ended.
    pub(super) streams: Vec<Stream>,
    /// Users and groups to remove, none twice.
    pub(super) gone: Vec<(&'a str, Departure)>,
    /// Members to remove by group.
    pub(super) left: Vec<(&'a str, &'a [String])>,
    conflicts: Conflicts<'a>,
}

/// The source's word that an object is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    User(Removal),
    Group,
}

/// What may not be named again in the same segment.
#[derive(Debug, Default)]
struct Conflicts<'a> {
    upserted: HashSet<&'a str>,
    gone: HashSet<&'a str>,
    left: HashSet<(&'a str, &'a str)>,
}

impl<'a> Segment<'a> {
    /// The segments of these changes, in order. Only a snapshot lists whole streams.
    pub(super) fn cut(changes: impl Iterator<Item = &'a Change>, snapshot: bool) -> Vec<Self> {
        let mut segments = Vec::new();
        let mut segment = Self::default();
        for change in changes {
            if matches!(change, Change::StreamComplete(_)) && !snapshot {
                continue;
            }
            if !segment.admits(change) {
                segments.push(std::mem::take(&mut segment));
            }
            segment.take(change);
        }
        segments.push(segment);
        segments
    }

    fn admits(&self, change: &Change) -> bool {
        let Conflicts {
            upserted,
            gone,
            left,
        } = &self.conflicts;
        match change {
            Change::User(object) | Change::Group(object) => {
                let id = object.id.as_str();
                !upserted.contains(id) && !gone.contains(id)
            }
            Change::UserRemoved { id, .. } | Change::GroupRemoved { id } => {
                !gone.contains(id.as_str())
            }
            Change::MembersAdded { group, members } => {
                let group = group.as_str();
                (gone.is_empty()
                    || !gone.contains(group)
                        && members
                            .iter()
                            .all(|member| !gone.contains(member.id.as_str())))
                    && (left.is_empty()
                        || members
                            .iter()
                            .all(|member| !left.contains(&(group, member.id.as_str()))))
            }
            Change::MembersComplete { group } => !gone.contains(group.as_str()),
            Change::MembersRemoved { .. }
            | Change::MembersUnavailable { .. }
            | Change::StreamComplete(_) => true,
        }
    }

    fn take(&mut self, change: &'a Change) {
        match change {
            Change::User(object) => {
                self.conflicts.upserted.insert(&object.id);
                self.upserts.push((MemberKind::User, object));
            }
            Change::Group(object) => {
                self.conflicts.upserted.insert(&object.id);
                self.upserts.push((MemberKind::Group, object));
            }
            Change::UserRemoved { id, removal } => {
                self.conflicts.gone.insert(id);
                self.gone.push((id, Departure::User(*removal)));
            }
            Change::GroupRemoved { id } => {
                self.conflicts.gone.insert(id);
                self.gone.push((id, Departure::Group));
            }
            Change::MembersAdded { group, members } => self.added.push((group, members)),
            Change::MembersRemoved { group, members } => {
                let pairs = members.iter().map(|id| (group.as_str(), id.as_str()));
                self.conflicts.left.extend(pairs);
                self.left.push((group, members));
            }
            Change::MembersComplete { group } => {
                self.unavailable.retain(|(other, _)| other != group);
                self.complete.push(group);
            }
            Change::MembersUnavailable { group, reason } => {
                self.complete.retain(|other| other != group);
                self.unavailable.push((group, reason));
            }
            Change::StreamComplete(stream) => self.streams.push(*stream),
        }
    }
}
