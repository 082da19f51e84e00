//! `/users/delta` and `/groups/delta`: a first round over everything, then rounds over the change log.
//!
//! Whatever a page says of an object is that object's state when the page is made. Replays and repeats therefore never
//! carry old values, and applying entries in the order of arrival always ends at the truth.

use std::sync::atomic::Ordering;

use super::directory::{Directory, Life};
use super::filter::delta_ids;
use super::odata::{Scope, Selection};
use super::options::{Behaviour, ExpirySpelling};
use super::refusal::Refusal;
use super::render::{self, Unset};
use super::rounds::{Entry, Page, idle};
use super::schema::Kind;
use super::state::{Call, Reply, State};
use super::token::{DeltaToken, Place, Tracked};

impl Tracked {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Users => Kind::User,
            Self::Groups => Kind::Group,
        }
    }

    pub(crate) fn set(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }
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
        // A copy: a second read lock below, with a writer waiting in between, would never be had.
        let behaviour = self.behaviour.read().clone();
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
