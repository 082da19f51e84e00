//! The tenant's directory: objects, direct memberships, and the log of every change.
//!
//! Objects are numbered; everything inside speaks of those numbers ("slots"), only answers show ids. A slot is never
//! reused, so a page token or a log entry that names one stays meaningful for ever.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::blob::Blob;
use super::schema::Kind;

/// Number of a directory object.
pub(crate) type Slot = u32;

/// Where an object is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// Restorable: gone from every listing, but still a member of its groups.
    SoftDeleted,
    /// Gone for good, memberships included.
    Purged,
}

/// What every page needs of an object, kept apart from its properties so that a scan touches little memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) id: u128,
    pub(crate) kind: Kind,
    pub(crate) life: Life,
    /// Position among the objects of its kind.
    pub(crate) rank: u32,
}

/// One entry of the change log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Created(Slot),
    /// Back from deleted items: shown as new; a group comes back with all its members.
    Restored(Slot),
    /// The bits of the properties that changed.
    Changed(Slot, u64),
    Removed(Slot),
    Joined(Slot, Slot),
    /// `purge` when the membership went because the member was deleted for good.
    Left {
        group: Slot,
        member: Slot,
        purge: bool,
    },
}

/// Why an operation on the directory was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    NoSuchObject,
    NotInThatState,
    IdInUse,
}

/// Ids are random already: their low half is the hash.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half is what is wanted"
    )]
    fn write_u128(&mut self, id: u128) {
        self.0 = id as u64;
    }
}

/// The directory of one tenant.
#[derive(Default)]
pub(crate) struct Directory {
    heads: Vec<Head>,
    blobs: Vec<Blob>,
    of_kind: [Vec<Slot>; 5],
    live: [usize; 5],
    by_id: HashMap<u128, Slot, BuildHasherDefault<IdHasher>>,
    /// Direct members by group rank, ordered by slot.
    members: Vec<Vec<Slot>>,
    log: Vec<Change>,
}

impl Directory {
    pub(crate) fn head(&self, slot: Slot) -> Option<&Head> {
        self.heads.get(slot as usize)
    }

    pub(crate) fn blob(&self, slot: Slot) -> Option<&Blob> {
        self.blobs.get(slot as usize)
    }

    pub(crate) fn is_live(&self, slot: Slot) -> bool {
        self.head(slot).is_some_and(|head| head.life == Life::Live)
    }

    /// The slots of a kind, oldest first, deleted objects included.
    pub(crate) fn of_kind(&self, kind: Kind) -> &[Slot] {
        self.of_kind.get(kind as usize).map_or(&[], Vec::as_slice)
    }

    /// How many objects of a kind are live.
    pub(crate) fn live_count(&self, kind: Kind) -> usize {
        self.live.get(kind as usize).copied().unwrap_or_default()
    }

    /// Any object with this id, in whatever state.
    pub(crate) fn find(&self, id: u128) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    /// A live object with this id and kind.
    pub(crate) fn find_live(&self, id: u128, kind: Kind) -> Option<Slot> {
        self.find(id).filter(|slot| {
            self.head(*slot)
                .is_some_and(|h| h.kind == kind && h.life == Life::Live)
        })
    }

    /// Direct members of a group, ordered by slot, soft-deleted ones included. Empty for what is no group.
    pub(crate) fn members(&self, group: Slot) -> &[Slot] {
        let head = self.head(group).filter(|head| head.kind == Kind::Group);
        head.and_then(|head| self.members.get(head.rank as usize))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_member(&self, group: Slot, member: Slot) -> bool {
        self.members(group).binary_search(&member).is_ok()
    }

    /// The change log; an index into it is what a delta token stands for.
    pub(crate) fn log(&self) -> &[Change] {
        &self.log
    }

    /// Text of a property, for rules that look at one.
    pub(crate) fn text(&self, slot: Slot, property: &str) -> Option<String> {
        let kind = self.head(slot)?.kind;
        match self.blob(slot)?.value(kind, kind.index_of(property)?) {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A group whose members only `Member.Read.Hidden` may see.
    pub(crate) fn is_hidden(&self, group: Slot) -> bool {
        self.text(group, "visibility")
            .is_some_and(|v| v.eq_ignore_ascii_case("HiddenMembership"))
    }

    /// A Microsoft 365 group: soft-deleted first, and a member of nothing but users.
    pub(crate) fn is_unified(&self, group: Slot) -> bool {
        let index = Kind::Group.index_of("groupTypes");
        let types = index
            .zip(self.blob(group))
            .map(|(index, blob)| blob.value(Kind::Group, index));
        types.is_some_and(|types| {
            types
                .as_array()
                .is_some_and(|types| types.iter().any(|t| t == "Unified"))
        })
    }

    /// Adds an object without logging it: the tenant's beginning.
    pub(crate) fn seed(&mut self, id: u128, kind: Kind, blob: Blob) -> Result<Slot, Denied> {
        let slot = Slot::try_from(self.heads.len()).map_err(|_| Denied::NotInThatState)?;
        if self.by_id.insert(id, slot).is_some() {
            return Err(Denied::IdInUse);
        }
        let ranks = self
            .of_kind
            .get_mut(kind as usize)
            .ok_or(Denied::NotInThatState)?;
        let rank = Slot::try_from(ranks.len()).map_err(|_| Denied::NotInThatState)?;
        ranks.push(slot);
        self.heads.push(Head {
            id,
            kind,
            life: Life::Live,
            rank,
        });
        self.blobs.push(blob);
        self.count(kind, 1);
        if kind == Kind::Group {
            self.members.push(Vec::new());
        }
        Ok(slot)
    }

    /// Sets a group's first members; `members` must be ordered and without repeats.
    pub(crate) fn seed_members(&mut self, group: Slot, members: Vec<Slot>) {
        if let Some(list) = self.members_mut(group) {
            *list = members;
        }
    }

    /// Makes an object soft-deleted from the beginning.
    pub(crate) fn seed_deleted(&mut self, slot: Slot) {
        self.live_to(slot, Life::SoftDeleted);
    }

    pub(crate) fn create(&mut self, id: u128, kind: Kind, blob: Blob) -> Result<Slot, Denied> {
        if self.by_id.contains_key(&id) {
            return Err(Denied::IdInUse);
        }
        let slot = self.seed(id, kind, blob)?;
        self.log.push(Change::Created(slot));
        Ok(slot)
    }

    /// Changes one property. A value equal to the present one is no change.
    pub(crate) fn set(
        &mut self,
        slot: Slot,
        property: usize,
        value: &serde_json::Value,
    ) -> Result<(), Denied> {
        let head = *self
            .head(slot)
            .filter(|head| head.life == Life::Live)
            .ok_or(Denied::NotInThatState)?;
        let blob = self
            .blobs
            .get_mut(slot as usize)
            .ok_or(Denied::NoSuchObject)?;
        if blob.value(head.kind, property) != *value {
            *blob = blob.with(head.kind, property, value);
            self.log.push(Change::Changed(slot, 1 << property));
        }
        Ok(())
    }

    /// Deletes as Entra does: users and Microsoft 365 groups can come back, everything else is gone.
    pub(crate) fn delete(&mut self, slot: Slot) -> Result<(), Denied> {
        let head = *self.head(slot).ok_or(Denied::NoSuchObject)?;
        if head.life != Life::Live {
            return Err(Denied::NotInThatState);
        }
        match head.kind {
            Kind::User => self.soft_delete(slot),
            Kind::Group if self.is_unified(slot) => self.soft_delete(slot),
            _ => return self.purge(slot),
        }
        Ok(())
    }

    fn soft_delete(&mut self, slot: Slot) {
        self.live_to(slot, Life::SoftDeleted);
        self.log.push(Change::Removed(slot));
    }

    /// Deletes for good, memberships in both directions included.
    pub(crate) fn purge(&mut self, slot: Slot) -> Result<(), Denied> {
        let head = *self.head(slot).ok_or(Denied::NoSuchObject)?;
        if head.life == Life::Purged {
            return Err(Denied::NotInThatState);
        }
        self.live_to(slot, Life::Purged);
        self.log.push(Change::Removed(slot));
        if let Some(members) = self.members_mut(slot) {
            members.clear();
        }
        let groups = self.of_kind.get(Kind::Group as usize).into_iter().flatten();
        for (group, members) in groups.zip(self.members.iter_mut()) {
            if let Ok(at) = members.binary_search(&slot) {
                members.remove(at);
                self.log.push(Change::Left {
                    group: *group,
                    member: slot,
                    purge: true,
                });
            }
        }
        Ok(())
    }

    /// Brings a soft-deleted object back. `announce` logs its memberships as new ones.
    pub(crate) fn restore(&mut self, slot: Slot, announce: bool) -> Result<(), Denied> {
        let head = *self.head(slot).ok_or(Denied::NoSuchObject)?;
        if head.life != Life::SoftDeleted {
            return Err(Denied::NotInThatState);
        }
        if let Some(head) = self.heads.get_mut(slot as usize) {
            head.life = Life::Live;
        }
        self.count(head.kind, 1);
        self.log.push(Change::Restored(slot));
        if announce {
            let groups: Vec<Slot> = self.groups_of(slot).collect();
            self.log
                .extend(groups.into_iter().map(|group| Change::Joined(group, slot)));
        }
        Ok(())
    }

    /// Adds a direct membership; `false` when it was there already.
    pub(crate) fn join(&mut self, group: Slot, member: Slot) -> Result<bool, Denied> {
        if group == member || !self.is_live(member) {
            return Err(Denied::NotInThatState);
        }
        let list = self.live_members_mut(group)?;
        let Err(at) = list.binary_search(&member) else {
            return Ok(false);
        };
        list.insert(at, member);
        self.log.push(Change::Joined(group, member));
        Ok(true)
    }

    /// Takes a direct membership away; `false` when there was none.
    pub(crate) fn leave(&mut self, group: Slot, member: Slot) -> Result<bool, Denied> {
        let list = self.live_members_mut(group)?;
        let Ok(at) = list.binary_search(&member) else {
            return Ok(false);
        };
        list.remove(at);
        self.log.push(Change::Left {
            group,
            member,
            purge: false,
        });
        Ok(true)
    }

    /// The groups that hold an object directly, whatever state they are in.
    pub(crate) fn groups_of(&self, member: Slot) -> impl Iterator<Item = Slot> {
        let groups = self.of_kind(Kind::Group).iter().zip(&self.members);
        groups
            .filter(move |(_, members)| members.binary_search(&member).is_ok())
            .map(|(group, _)| *group)
    }

    fn live_to(&mut self, slot: Slot, life: Life) {
        if let Some(head) = self.heads.get_mut(slot as usize) {
            let (was, kind) = (head.life, head.kind);
            head.life = life;
            if was == Life::Live {
                self.count(kind, -1);
            }
        }
    }

    fn count(&mut self, kind: Kind, by: isize) {
        if let Some(live) = self.live.get_mut(kind as usize) {
            *live = live.saturating_add_signed(by);
        }
    }

    fn members_mut(&mut self, group: Slot) -> Option<&mut Vec<Slot>> {
        let head = *self.head(group).filter(|head| head.kind == Kind::Group)?;
        self.members.get_mut(head.rank as usize)
    }

    fn live_members_mut(&mut self, group: Slot) -> Result<&mut Vec<Slot>, Denied> {
        if !self.is_live(group) {
            return Err(Denied::NotInThatState);
        }
        self.members_mut(group).ok_or(Denied::NoSuchObject)
    }
}
