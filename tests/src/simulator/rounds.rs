//! The rounds of a delta query: which objects and members come onto which page.

use std::collections::HashMap;

use super::chance::Chance;
use super::directory::{Change, Directory, Life, Slot};
use super::options::{Behaviour, Trick};
use super::state::State;
use super::token::{DeltaToken, Place};

/// What a page says of one object.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) slot: Slot,
    /// Properties that changed; everything for a new object.
    pub(crate) changed: u64,
    /// Members that came or went; which of the two is looked up when the page is written.
    pub(crate) members: Vec<Slot>,
}

/// A page before it is written.
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) place: Place,
}

/// How much a page may hold.
pub(crate) struct Budget {
    pub(crate) objects: usize,
    pub(crate) members: usize,
}

impl State {
    /// Where a round that follows a delta link begins: sometimes a little earlier, which replays known changes.
    pub(crate) fn begin_later(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        since: u64,
        round: u32,
    ) -> Place {
        let chance = Chance::of(&[self.seed, since, u64::from(round)]);
        let again = if chance.hits(1, behaviour.odds(Trick::Replays, 0.5)) {
            let all = behaviour.tricks.contains(&Trick::Replays);
            if all { 40 } else { chance.below(2, 40) as u64 }
        } else {
            0
        };
        let until = directory.log().len() as u64;
        Place::Later {
            at: since.saturating_sub(again),
            member: 0,
            until,
            idle: 0,
        }
    }

    fn chance(&self, token: &DeltaToken) -> Chance {
        let (step, at, member, idle) = match token.place {
            Place::Since(since) => (0, since, 0, 0),
            Place::First {
                at, member, idle, ..
            } => (1, at, member, idle),
            Place::Later {
                at, member, idle, ..
            } => (2, at, member, idle),
        };
        Chance::of(&[
            self.seed,
            u64::from(token.round),
            step,
            at,
            u64::from(member),
            u64::from(idle),
        ])
    }

    pub(crate) fn idles(&self, behaviour: &Behaviour, token: &DeltaToken) -> bool {
        let rested = matches!(
            token.place,
            Place::First { idle: 2.., .. } | Place::Later { idle: 2.., .. }
        );
        !rested
            && self
                .chance(token)
                .hits(1, behaviour.odds(Trick::EmptyPages, 0.12))
    }

    fn budget(&self, behaviour: &Behaviour, token: &DeltaToken) -> Budget {
        let chance = self.chance(token);
        let vary = |salt, most: usize| {
            if chance.hits(salt, behaviour.odds(Trick::ShortPages, 0.6)) {
                1 + chance.below(salt + 10, most)
            } else {
                most
            }
        };
        Budget {
            objects: vary(2, behaviour.delta_page_objects.max(1)),
            members: vary(3, behaviour.delta_page_members.max(1)),
        }
    }

    pub(crate) fn first(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        (at, from, until): (u64, Slot, u64),
    ) -> Page {
        let mut budget = self.budget(behaviour, token);
        let mut entries = Vec::new();
        let slots = directory.of_kind(token.tracked.kind());
        let first = usize::try_from(at).unwrap_or(usize::MAX);
        for (index, slot) in slots.iter().enumerate().skip(first) {
            // Only the object that the page before has cut, which may be gone by now.
            let from = if index == first { from } else { 0 };
            let here = |member| Place::First {
                at: index as u64,
                member,
                until,
                idle: 0,
            };
            if !self.first_shows(directory, behaviour, token, *slot) {
                continue;
            }
            if budget.objects == 0 || budget.members == 0 {
                return Page {
                    entries,
                    place: here(0),
                };
            }
            budget.objects -= 1;
            let (members, rest) = self.slice(directory, token, *slot, from, budget.members);
            budget.members -= members.len();
            entries.push(Entry {
                slot: *slot,
                changed: u64::MAX,
                members,
            });
            if let Some(rest) = rest {
                return Page {
                    entries,
                    place: here(rest),
                };
            }
        }
        Page {
            entries,
            place: Place::Since(until),
        }
    }

    /// Live objects, and some of those that were deleted not long ago.
    fn first_shows(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        slot: Slot,
    ) -> bool {
        let Some(head) = directory.head(slot) else {
            return false;
        };
        let wanted = token.only.is_empty() || token.only.contains(&head.id);
        wanted
            && match head.life {
                Life::Live => true,
                Life::Purged => false,
                Life::SoftDeleted => Chance::of(&[self.seed, u64::from(slot)])
                    .hits(4, behaviour.odds(Trick::EarlyRemovals, 1.0)),
            }
    }

    /// Members of a live group from a slot on, at most so many, and where to go on.
    fn slice(
        &self,
        directory: &Directory,
        token: &DeltaToken,
        group: Slot,
        from: Slot,
        most: usize,
    ) -> (Vec<Slot>, Option<Slot>) {
        if !token.members
            || !directory.is_live(group)
            || !self.sees_members(directory, group).unwrap_or(false)
        {
            return (Vec::new(), None);
        }
        let all = directory.members(group);
        let rest = all
            .get(all.partition_point(|slot| *slot < from)..)
            .unwrap_or_default();
        (
            rest.iter().take(most).copied().collect(),
            rest.get(most).copied(),
        )
    }

    pub(crate) fn later(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        (at, from, until): (u64, Slot, u64),
    ) -> Page {
        let mut budget = self.budget(behaviour, token);
        let mut gathered = Gathered::default();
        let mut from = from;
        let log = directory
            .log()
            .iter()
            .enumerate()
            .take(usize::try_from(until).unwrap_or(usize::MAX));
        for (index, change) in log.skip(usize::try_from(at).unwrap_or(usize::MAX)) {
            let here = |member| Place::Later {
                at: index as u64,
                member,
                until,
                idle: 0,
            };
            if gathered.entries.len() >= budget.objects || budget.members == 0 {
                return Page {
                    entries: gathered.entries,
                    place: here(from),
                };
            }
            let Some(subject) = self.subject(directory, behaviour, token, *change) else {
                continue;
            };
            let entry = gathered.entry(subject.slot);
            entry.changed |= subject.changed;
            entry.members.extend(subject.member);
            budget.members -= usize::from(subject.member.is_some());
            if matches!(change, Change::Restored(_)) {
                let (members, rest) =
                    self.slice(directory, token, subject.slot, from, budget.members);
                budget.members -= members.len();
                from = 0;
                entry.members.extend(members);
                if let Some(rest) = rest {
                    return Page {
                        entries: gathered.entries,
                        place: here(rest),
                    };
                }
            }
        }
        Page {
            entries: gathered.entries,
            place: Place::Since(until),
        }
    }

    /// What a log entry means to this query, if anything.
    fn subject(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        change: Change,
    ) -> Option<Subject> {
        let (slot, changed, member) = match change {
            Change::Created(slot) | Change::Restored(slot) | Change::Removed(slot) => {
                (slot, u64::MAX, None)
            }
            Change::Changed(slot, mask) => (slot, mask, None),
            Change::Joined(group, member) => (group, 0, Some(member)),
            Change::Left {
                group,
                member,
                purge,
            } => {
                // Hard-deleted members are not always reported.
                let chance = Chance::of(&[self.seed, u64::from(group), u64::from(member)]);
                if purge && !chance.hits(5, behaviour.report_hard_deletes) {
                    return None;
                }
                (group, 0, Some(member))
            }
        };
        let head = directory
            .head(slot)
            .filter(|head| head.kind == token.tracked.kind())?;
        if !token.only.is_empty() && !token.only.contains(&head.id) {
            return None;
        }
        let tracked = match member {
            None => changed == u64::MAX || changed & token.select != 0,
            Some(_) => token.members && self.sees_members(directory, slot).unwrap_or(false),
        };
        tracked.then_some(Subject {
            slot,
            changed,
            member,
        })
    }

    /// Repeats some entries and shuffles them all.
    pub(crate) fn disorder(
        &self,
        behaviour: &Behaviour,
        token: &DeltaToken,
        entries: &mut Vec<Entry>,
    ) {
        let chance = self.chance(token);
        if entries.len() > 1 && chance.hits(6, behaviour.odds(Trick::Repeats, 0.5)) {
            for salt in 0..2 {
                let again = entries.get(chance.below(20 + salt, entries.len())).cloned();
                entries.extend(again.map(|entry| Entry {
                    members: entry.members.into_iter().take(3).collect(),
                    ..entry
                }));
            }
        }
        if chance.hits(7, behaviour.odds(Trick::Shuffles, 1.0)) {
            for index in (1..entries.len()).rev() {
                entries.swap(index, chance.below(100 + index as u64, index + 1));
            }
        }
    }
}

struct Subject {
    slot: Slot,
    changed: u64,
    member: Option<Slot>,
}

/// Entries in order of first mention, one for each object.
#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    places: HashMap<Slot, usize>,
}

impl Gathered {
    #[expect(
        clippy::indexing_slicing,
        reason = "the place was taken from this list's own length"
    )]
    fn entry(&mut self, slot: Slot) -> &mut Entry {
        let entries = &mut self.entries;
        let place = *self.places.entry(slot).or_insert_with(|| {
            entries.push(Entry {
                slot,
                changed: 0,
                members: Vec::new(),
            });
            entries.len() - 1
        });
        &mut self.entries[place]
    }
}

pub(crate) fn idle(place: Place) -> Place {
    match place {
        Place::First {
            at,
            member,
            until,
            idle,
        } => Place::First {
            at,
            member,
            until,
            idle: idle + 1,
        },
        Place::Later {
            at,
            member,
            until,
            idle,
        } => Place::Later {
            at,
            member,
            until,
            idle: idle + 1,
        },
        since @ Place::Since(_) => since,
    }
}
