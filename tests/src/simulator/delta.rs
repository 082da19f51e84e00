//! `/users/delta` and `/groups/delta`: a first round over everything, then rounds over the change log.
//!
//! Whatever a page says of an object is that object's state when the page is made. Replays and repeats therefore never
//! carry old values, and applying entries in the order of arrival always ends at the truth.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::chance::Chance;
use super::directory::{Change, Directory, Life, Slot};
use super::filter::delta_ids;
use super::odata::{Scope, Selection};
use super::options::{Behaviour, ExpirySpelling};
use super::refusal::Refusal;
use super::render::{self, Unset};
use super::schema::Kind;
use super::state::{Call, Reply, State};
use super::token::{DeltaToken, Place, Tracked};

impl Tracked {
    fn kind(self) -> Kind {
        match self {
            Self::Users => Kind::User,
            Self::Groups => Kind::Group,
        }
    }

    fn set(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }
}

/// What a page says of one object.
#[derive(Clone, Debug)]
struct Entry {
    slot: Slot,
    /// Properties that changed; everything for a new object.
    changed: u64,
    /// Members that came or went; which of the two is looked up when the page is written.
    members: Vec<Slot>,
}

/// A page before it is written.
struct Page {
    entries: Vec<Entry>,
    place: Place,
}

/// How much a page may hold.
struct Budget {
    objects: usize,
    members: usize,
}

impl State {
    /// Answers a delta request.
    pub(crate) fn delta(&self, call: &Call, tracked: Tracked) -> Result<Reply, Refusal> {
        let latest = call
            .query
            .get("$deltatoken")
            .is_some_and(|token| token.eq_ignore_ascii_case("latest"));
        let given = call
            .query
            .get("$skiptoken")
            .or_else(|| call.query.get("$deltatoken").filter(|_| !latest));
        // An empty token is the initial query again, as the `Location` of a 410 spells it.
        let token = match given.filter(|token| !token.is_empty()) {
            None => self.first_token(call, tracked, latest)?,
            Some(text) => {
                let token: Option<DeltaToken> = self
                    .sealer
                    .open(text)
                    .filter(|token: &DeltaToken| token.tracked == tracked);
                let mut token = token.ok_or_else(|| Refusal::bad("Badly formed token."))?;
                if self.expired(&token) {
                    return Ok(self.gone(call, tracked));
                }
                self.reselect(call, &mut token)?;
                token
            }
        };
        let directory = self.directory.read();
        let behaviour = self.behaviour.read();
        let place = match token.place {
            Place::Since(since) if latest => Place::Since(since),
            Place::Since(since) => self.begin_later(&directory, &behaviour, since, token.round),
            place => place,
        };
        let token = DeltaToken { place, ..token };
        let page = match place {
            Place::Since(_) => Page {
                entries: Vec::new(),
                place,
            },
            _ if self.idles(&behaviour, &token) => Page {
                entries: Vec::new(),
                place: idle(place),
            },
            Place::First {
                at, member, until, ..
            } => self.first(&directory, &behaviour, &token, (at, member, until)),
            Place::Later {
                at, member, until, ..
            } => self.later(&directory, &behaviour, &token, (at, member, until)),
        };
        Ok(Reply::json(
            self.write_page(call, &directory, &behaviour, &token, page),
        ))
    }

    fn first_token(
        &self,
        call: &Call,
        tracked: Tracked,
        latest: bool,
    ) -> Result<DeltaToken, Refusal> {
        // `$top` is silently ignored here; these are refused.
        for option in ["$expand", "$orderby", "$search", "$skip"] {
            if call.query.get(option).is_some() {
                return Err(Refusal::unsupported(format!(
                    "The query option '{option}' is not supported for change tracking."
                )));
            }
        }
        let kind = tracked.kind();
        let only = call
            .query
            .get("$filter")
            .map(|filter| delta_ids(filter, kind))
            .transpose()?
            .unwrap_or_default();
        let selection = Selection::read(call.query.get("$select"), &[kind], Scope::Delta)?;
        let until = self.directory.read().log().len() as u64;
        let place = if latest {
            Place::Since(until)
        } else {
            Place::First {
                at: 0,
                member: 0,
                until,
                idle: 0,
            }
        };
        Ok(DeltaToken {
            tracked,
            select: selection.mask(kind),
            members: selection.members && kind == Kind::Group,
            only,
            epoch: self.delta_epoch.load(Ordering::Relaxed),
            issued: self.now(),
            round: fastrand::u32(..),
            place,
        })
    }

    /// A `$select` beside a delta link changes what is tracked from here on; beside a page link it is refused.
    fn reselect(&self, call: &Call, token: &mut DeltaToken) -> Result<(), Refusal> {
        let Some(select) = call.query.get("$select") else {
            return Ok(());
        };
        if !matches!(token.place, Place::Since(_)) {
            return Err(Refusal::unsupported(
                "'$select' cannot be combined with '$skiptoken'.",
            ));
        }
        let selection = Selection::read(Some(select), &[token.tracked.kind()], Scope::Delta)?;
        token.select = selection.mask(token.tracked.kind());
        token.members = selection.members && token.tracked == Tracked::Groups;
        Ok(())
    }

    fn expired(&self, token: &DeltaToken) -> bool {
        let lifetime = self.behaviour.read().delta_token_lifetime;
        token.epoch != self.delta_epoch.load(Ordering::Relaxed)
            || self.now() > token.issued.saturating_add(lifetime)
    }

    /// The answer to an expired token, in the spelling that is set.
    fn gone(&self, call: &Call, tracked: Tracked) -> Reply {
        const LOST: &str = "The sync state generation is not found. The delta token is expired and data must be synchronized again.";
        const RESYNC: &str =
            "The delta token is no longer valid, and the app must reset the sync state.";
        let (status, code, message) = match self.behaviour.read().expiry_spelling {
            ExpirySpelling::GoneWithLocation => {
                let location = format!("{}/v1.0/{}/delta?$deltatoken=", call.origin, tracked.set());
                return Reply {
                    status: 410,
                    headers: vec![("Location".into(), location)],
                    ..Reply::default()
                };
            }
            ExpirySpelling::GoneSyncStateNotFound => (410, "SyncStateNotFound", LOST),
            ExpirySpelling::BadRequestSyncStateNotFound => (400, "syncStateNotFound", LOST),
            ExpirySpelling::BadRequestResyncRequired => (400, "resyncRequired", RESYNC),
            ExpirySpelling::NotFoundApplyDifferences => (404, "resyncApplyDifferences", RESYNC),
            ExpirySpelling::BadRequestUploadDifferences => (400, "ResyncUploadDifferences", RESYNC),
        };
        self.refuse(&Refusal::new(status, code, message), call)
    }

    /// Where a round that follows a delta link begins: sometimes a little earlier, which replays known changes.
    fn begin_later(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        since: u64,
        round: u32,
    ) -> Place {
        let chance = Chance::of(&[self.seed, since, u64::from(round)]);
        let again = if chance.hits(1, behaviour.nastiness * 0.5) {
            chance.below(2, 40) as u64
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

    fn idles(&self, behaviour: &Behaviour, token: &DeltaToken) -> bool {
        let rested = matches!(
            token.place,
            Place::First { idle: 2.., .. } | Place::Later { idle: 2.., .. }
        );
        !rested && self.chance(token).hits(1, behaviour.nastiness * 0.12)
    }

    fn budget(&self, behaviour: &Behaviour, token: &DeltaToken) -> Budget {
        let chance = self.chance(token);
        let vary = |salt, most: usize| {
            if chance.hits(salt, behaviour.nastiness * 0.6) {
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

    fn first(
        &self,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        (at, from, until): (u64, Slot, u64),
    ) -> Page {
        let mut budget = self.budget(behaviour, token);
        let mut entries = Vec::new();
        let mut from = from;
        let slots = directory.of_kind(token.tracked.kind());
        for (index, slot) in slots
            .iter()
            .enumerate()
            .skip(usize::try_from(at).unwrap_or(usize::MAX))
        {
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
            from = 0;
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
                Life::SoftDeleted => {
                    Chance::of(&[self.seed, u64::from(slot)]).hits(4, behaviour.nastiness)
                }
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

    fn later(
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

    fn write_page(
        &self,
        call: &Call,
        directory: &Directory,
        behaviour: &Behaviour,
        token: &DeltaToken,
        page: Page,
    ) -> Vec<u8> {
        let mut entries = page.entries;
        self.disorder(behaviour, token, &mut entries);
        let next = DeltaToken {
            issued: self.now(),
            round: if matches!(page.place, Place::Since(_)) {
                token.round.wrapping_add(1)
            } else {
                token.round
            },
            place: page.place,
            ..token.clone()
        };
        let (name, option) = match page.place {
            Place::Since(_) => ("@odata.deltaLink", "$deltatoken"),
            _ => ("@odata.nextLink", "$skiptoken"),
        };
        let link = format!(
            "{}/v1.0/{}/delta?{option}={}",
            call.origin,
            token.tracked.set(),
            self.sealer.seal(&next)
        );
        let mut out = Vec::with_capacity(1_024 + entries.len() * 512);
        let context = format!("{}/v1.0/$metadata#{}", call.origin, token.tracked.set());
        render::open_page(&mut out, &context, None, Some((name, &link)));
        render::sequence(&mut out, entries, |out, entry| {
            write_entry(out, directory, behaviour, token, &entry, call.minimal)
        });
        out.extend_from_slice(b"]}");
        out
    }

    /// Repeats some entries and shuffles them all.
    fn disorder(&self, behaviour: &Behaviour, token: &DeltaToken, entries: &mut Vec<Entry>) {
        let chance = self.chance(token);
        if entries.len() > 1 && chance.hits(6, behaviour.nastiness * 0.5) {
            for salt in 0..2 {
                let again = entries.get(chance.below(20 + salt, entries.len())).cloned();
                entries.extend(again.map(|entry| Entry {
                    members: entry.members.into_iter().take(3).collect(),
                    ..entry
                }));
            }
        }
        if chance.hits(7, behaviour.nastiness) {
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

fn idle(place: Place) -> Place {
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

fn write_entry(
    out: &mut Vec<u8>,
    directory: &Directory,
    behaviour: &Behaviour,
    token: &DeltaToken,
    entry: &Entry,
    minimal: bool,
) {
    let Some(head) = directory.head(entry.slot) else {
        return;
    };
    let removed = match head.life {
        Life::Live => None,
        Life::SoftDeleted => Some("changed"),
        Life::Purged => Some("deleted"),
    };
    if let Some(reason) = removed {
        render::open_object(out, directory, entry.slot, 0, Unset::Absent, false);
        out.extend_from_slice(b",\"@removed\":{\"reason\":\"");
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\"}}");
        return;
    }
    let mask = if minimal {
        token.select & entry.changed
    } else {
        token.select
    };
    render::open_object(out, directory, entry.slot, mask, Unset::Absent, false);
    let mut members = entry.members.clone();
    members.sort_unstable();
    members.dedup();
    members.retain(|member| {
        let hidden = directory
            .head(*member)
            .is_some_and(|head| head.life == Life::SoftDeleted);
        behaviour.delta_shows_soft_deleted_members
            || !hidden
            || !directory.is_member(entry.slot, *member)
    });
    // A group without members has no such property at all.
    if !members.is_empty() {
        out.extend_from_slice(b",\"members@delta\":[");
        render::sequence(out, members, |out, member| {
            let Some(head) = directory.head(member) else {
                return;
            };
            render::open_object(out, directory, member, 0, Unset::Absent, true);
            let gone = head.life == Life::Purged || !directory.is_member(entry.slot, member);
            out.extend_from_slice(if gone {
                b",\"@removed\":{\"reason\":\"deleted\"}}"
            } else {
                b"}"
            });
        });
        out.push(b']');
    }
    out.push(b'}');
}
