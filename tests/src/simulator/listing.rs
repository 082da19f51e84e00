//! Collections: pages, counts, links and their traps.

use super::chance::Chance;
use super::directory::{Directory, Life, Slot};
use super::filter::Filter;
use super::odata::{Listing, Query, Scope, Selection};
use super::options::Trick;
use super::refusal::Refusal;
use super::render;
use super::route::readers;
use super::schema::Kind;
use super::state::{Call, State};
use super::token::{PageToken, fingerprint};

/// What a page shows.
pub(crate) struct Source<'a> {
    pub(crate) slots: &'a [Slot],
    /// Positions are slots of an ordered list that may change in between, not places in a list that only grows.
    pub(crate) by_slot: bool,
    pub(crate) kinds: &'a [Kind],
    /// Last part of `@odata.context`.
    pub(crate) context: String,
    /// Objects carry `@odata.type`, because they may be of several types.
    pub(crate) typed: bool,
}

pub(crate) type Answer = Result<Vec<u8>, Refusal>;

impl State {
    /// `/users` and `/groups`.
    pub(crate) fn list_objects(&self, call: &Call, kind: Kind) -> Answer {
        let listing = Listing::read(&call.query, &[kind], call.consistency)?;
        let by_range = listing.filter.as_ref().is_some_and(Filter::has_range);
        if by_range && !self.behaviour.read().range_filters {
            return Err(Refusal::unsupported("Unsupported Query."));
        }
        let directory = self.directory.read();
        let chosen;
        let slots = match &listing {
            Listing {
                filter: Some(filter),
                ..
            } if filter.ids().is_some() => {
                let mut found: Vec<Slot> = filter
                    .ids()
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|id| directory.find_live(id, kind))
                    .collect();
                found.sort_unstable();
                found.dedup();
                chosen = found;
                chosen.as_slice()
            }
            Listing {
                order: Some(descending),
                ..
            } => {
                let mut named: Vec<(String, Slot)> = directory
                    .of_kind(kind)
                    .iter()
                    .map(|slot| {
                        (
                            directory
                                .text(*slot, "displayName")
                                .unwrap_or_default()
                                .to_lowercase(),
                            *slot,
                        )
                    })
                    .collect();
                named.sort_unstable();
                if *descending {
                    named.reverse();
                }
                chosen = named.into_iter().map(|(_, slot)| slot).collect();
                chosen.as_slice()
            }
            _ => directory.of_kind(kind),
        };
        let context = if kind == Kind::User {
            "users"
        } else {
            "groups"
        }
        .to_owned();
        let source = Source {
            slots,
            by_slot: false,
            kinds: &[kind],
            context,
            typed: false,
        };
        self.page(call, &directory, &source, &listing)
    }

    /// `/users/$count` and `/groups/$count`.
    pub(crate) fn count_objects(&self, call: &Call, kind: Kind) -> Result<String, Refusal> {
        if !call.consistency {
            return Err(Refusal::bad("$count is not currently supported."));
        }
        let listing = Listing::read(
            &Query::parse(&format!("{}&$count=true", call.raw_query)),
            &[kind],
            true,
        )?;
        let directory = self.directory.read();
        let fits = |slot: &&Slot| directory.is_live(**slot) && fits(&directory, &listing, **slot);
        let count = match listing.filter {
            None => directory.live_count(kind),
            Some(_) => directory.of_kind(kind).iter().filter(fits).count(),
        };
        Ok(count.to_string())
    }

    /// A single user or group. Users can be named by their principal name too.
    pub(crate) fn single(&self, call: &Call, id: &str, kind: Kind) -> Answer {
        let selection = Selection::read(call.query.get("$select"), &[kind], Scope::Single)?;
        let directory = self.directory.read();
        let slot = find(&directory, id, kind)?;
        let set = if kind == Kind::User {
            "users"
        } else {
            "groups"
        };
        let mut out = Vec::with_capacity(2_048);
        let mut object = Vec::with_capacity(1_024);
        render::open_object(
            &mut object,
            &directory,
            slot,
            selection.mask(kind),
            render::Unset::Null,
            false,
        );
        out.extend_from_slice(b"{\"@odata.context\":");
        render::string(
            &mut out,
            &format!("{}/v1.0/$metadata#{set}/$entity", call.origin),
        );
        out.push(b',');
        out.extend_from_slice(object.get(1..).unwrap_or_default());
        match call.query.get("$expand") {
            None => {}
            Some("members") if kind == Kind::Group => self.expanded(&mut out, &directory, slot),
            Some(other) => {
                return Err(Refusal::unsupported(format!(
                    "Expanding '{other}' is not supported."
                )));
            }
        }
        out.push(b'}');
        Ok(out)
    }

    /// `POST /directoryObjects/getByIds`.
    pub(crate) fn get_by_ids(&self, call: &Call) -> Answer {
        #[derive(serde::Deserialize)]
        struct Wanted {
            ids: Vec<String>,
            #[serde(default)]
            types: Vec<String>,
        }
        let wanted: Wanted = serde_json::from_slice(&call.body)
            .map_err(|_| Refusal::bad("Invalid request body: 'ids' is required."))?;
        if wanted.ids.len() > 1_000 {
            return Err(Refusal::bad(
                "Too many ids: at most 1000 can be looked up at once.",
            ));
        }
        let selection = Selection::read(call.query.get("$select"), &Kind::ALL, Scope::Collection)?;
        let directory = self.directory.read();
        let typed = |kind: Kind| {
            let name = kind.type_name().trim_start_matches("microsoft.graph.");
            wanted.types.is_empty()
                || wanted.types.iter().any(|t| {
                    t.eq_ignore_ascii_case(name) || t.eq_ignore_ascii_case("directoryObject")
                })
        };
        let found = wanted
            .ids
            .iter()
            .filter_map(|id| directory.find(render::parse_guid(id)?));
        let found = found.filter(|slot| {
            directory
                .head(*slot)
                .is_some_and(|h| h.life == Life::Live && typed(h.kind))
        });
        let mut out = Vec::with_capacity(wanted.ids.len() * 256);
        render::open_page(
            &mut out,
            &format!("{}/v1.0/$metadata#directoryObjects", call.origin),
            None,
            None,
        );
        render::sequence(&mut out, found, |out, slot| {
            self.member(out, &directory, slot, &selection, true)
        });
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// Writes one member, as much of it as the app may read.
    fn member(
        &self,
        out: &mut Vec<u8>,
        directory: &Directory,
        slot: Slot,
        selection: &Selection,
        typed: bool,
    ) {
        let Some(kind) = directory.head(slot).map(|head| head.kind) else {
            return;
        };
        let mask = selection.mask(kind);
        if mask != 0 && !self.granted(readers(kind)) {
            render::limited(out, directory, slot, mask);
        } else {
            render::object(out, directory, slot, mask, typed);
        }
    }

    /// `$expand=members`: twenty at most, and no link to the rest.
    fn expanded(&self, out: &mut Vec<u8>, directory: &Directory, group: Slot) {
        let visible = self.sees_members(directory, group).unwrap_or(false);
        let members = directory
            .members(group)
            .iter()
            .copied()
            .filter(|slot| visible && in_listing(directory, *slot));
        out.extend_from_slice(b",\"members\":[");
        let Ok(selection) = Selection::read(None, &Kind::ALL, Scope::Collection) else {
            return;
        };
        render::sequence(out, members.take(20), |out, slot| {
            self.member(out, directory, slot, &selection, true)
        });
        out.push(b']');
    }

    pub(crate) fn page(
        &self,
        call: &Call,
        directory: &Directory,
        source: &Source<'_>,
        listing: &Listing,
    ) -> Answer {
        let bound = fingerprint(
            self.seed,
            format!("{}?{}", call.path.to_lowercase(), call.query.canonical()).as_bytes(),
        );
        let token = self.page_token(call, bound)?;
        let (at, idle) = token
            .as_ref()
            .map_or((0, 0), |token| (token.at, token.idle));
        let visible = |slot: Slot| {
            in_kinds(directory, slot, source.kinds)
                && (!source.by_slot || in_listing(directory, slot))
                && fits(directory, listing, slot)
        };
        let (limit, tail) = self.whim(bound, at, idle, listing.top);
        let start = if source.by_slot {
            source.slots.partition_point(|slot| u64::from(*slot) < at)
        } else {
            usize::try_from(at).unwrap_or(usize::MAX)
        };
        let mut shown = Vec::with_capacity(limit.min(source.slots.len()));
        let mut next = None;
        for (index, slot) in source.slots.iter().enumerate().skip(start) {
            if !visible(*slot) {
                continue;
            }
            if shown.len() == limit {
                next = Some(if source.by_slot {
                    u64::from(*slot)
                } else {
                    index as u64
                });
                break;
            }
            shown.push(*slot);
        }
        if next.is_none() && tail {
            next = Some(if source.by_slot {
                u64::from(Slot::MAX)
            } else {
                source.slots.len() as u64
            });
        }
        let link = next.map(|at| {
            let idle = if shown.is_empty() { idle + 1 } else { 0 };
            let token = PageToken {
                bound,
                at,
                advanced: listing.advanced,
                epoch: self.page_epoch(),
                idle,
            };
            next_link(call, &self.sealer.seal(&token))
        });
        let count = (listing.count && token.is_none())
            .then(|| source.slots.iter().filter(|slot| visible(**slot)).count());
        let kind = source
            .kinds
            .first()
            .copied()
            .filter(|_| source.kinds.len() == 1);
        let size = kind.map_or(128, |kind| render::estimate(&listing.selection, kind));
        let mut out = Vec::with_capacity(512 + shown.len() * size);
        let context = format!("{}/v1.0/$metadata#{}", call.origin, source.context);
        render::open_page(
            &mut out,
            &context,
            count,
            link.as_deref().map(|link| ("@odata.nextLink", link)),
        );
        let readable = kind.is_some_and(|kind| self.granted(readers(kind)));
        render::sequence(&mut out, shown, |out, slot| match kind {
            Some(kind) if listing.expand_members => {
                render::open_object(
                    out,
                    directory,
                    slot,
                    listing.selection.mask(kind),
                    render::Unset::Null,
                    source.typed,
                );
                self.expanded(out, directory, slot);
                out.push(b'}');
            }
            Some(kind) if readable => render::object(
                out,
                directory,
                slot,
                listing.selection.mask(kind),
                source.typed,
            ),
            _ => self.member(out, directory, slot, &listing.selection, source.typed),
        });
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// How many objects a page may have, and whether a listing ends with an empty page.
    fn whim(&self, bound: u64, at: u64, idle: u8, top: usize) -> (usize, bool) {
        let behaviour = self.behaviour.read();
        let chance = Chance::of(&[self.seed, bound, at, u64::from(idle)]);
        let empty = idle < 2 && chance.hits(1, behaviour.odds(Trick::EmptyPages, 0.1));
        let short = chance.hits(2, behaviour.odds(Trick::ShortPages, 0.3));
        let limit = match (empty, short) {
            (true, _) => 0,
            (false, true) => 1 + chance.below(3, top),
            (false, false) => top,
        };
        (
            limit,
            idle == 0 && chance.hits(4, behaviour.odds(Trick::EmptyPages, 0.3)),
        )
    }

    pub(crate) fn page_epoch(&self) -> u32 {
        self.page_epoch.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn page_token(&self, call: &Call, bound: u64) -> Result<Option<PageToken>, Refusal> {
        let Some(text) = call.query.get("$skiptoken") else {
            return Ok(None);
        };
        let token: PageToken = self
            .sealer
            .open(text)
            .ok_or_else(|| Refusal::bad("Invalid page token."))?;
        if token.bound != bound {
            return Err(Refusal::bad("The page token belongs to another query."));
        }
        // The header is not part of the link; a client that drops it has lost its advanced query.
        if token.epoch != self.page_epoch() || (token.advanced && !call.consistency) {
            return Err(Refusal::page_token());
        }
        Ok(Some(token))
    }
}

/// The request's own address with a page token in it.
fn next_link(call: &Call, token: &str) -> String {
    let mut url = format!("{}/v1.0{}?", call.origin, call.path);
    let kept = call.raw_query.split('&').filter(|pair| {
        let name = super::odata::decode(pair.split('=').next().unwrap_or_default());
        !pair.is_empty() && !name.eq_ignore_ascii_case("$skiptoken")
    });
    for pair in kept {
        url.push_str(pair);
        url.push('&');
    }
    url.push_str("$skiptoken=");
    url.push_str(token);
    url
}

/// A live object of this id; Graph tells malformed ids from unknown ones.
pub(crate) fn find(directory: &Directory, id: &str, kind: Kind) -> Result<Slot, Refusal> {
    match render::parse_guid(id) {
        Some(number) => directory
            .find_live(number, kind)
            .ok_or_else(|| Refusal::not_found(id)),
        None if kind == Kind::User => {
            let named = |slot: &&Slot| {
                directory.is_live(**slot)
                    && directory
                        .text(**slot, "userPrincipalName")
                        .is_some_and(|name| name.eq_ignore_ascii_case(id))
            };
            directory
                .of_kind(kind)
                .iter()
                .find(named)
                .copied()
                .ok_or_else(|| Refusal::not_found(id))
        }
        None => Err(Refusal::bad(format!("Invalid object identifier '{id}'."))),
    }
}

fn in_kinds(directory: &Directory, slot: Slot, kinds: &[Kind]) -> bool {
    directory
        .head(slot)
        .is_some_and(|head| head.life == Life::Live && kinds.contains(&head.kind))
}

/// v1.0 member listings leave out service principals, and whatever is deleted.
fn in_listing(directory: &Directory, slot: Slot) -> bool {
    directory
        .head(slot)
        .is_some_and(|head| head.life == Life::Live && head.kind != Kind::ServicePrincipal)
}

fn fits(directory: &Directory, listing: &Listing, slot: Slot) -> bool {
    let filtered = listing
        .filter
        .as_ref()
        .is_none_or(|filter| filter.matches(directory, slot));
    filtered
        && listing.search.as_ref().is_none_or(|(property, term)| {
            directory.text(slot, property).is_some_and(|text| {
                text.to_lowercase()
                    .split_whitespace()
                    .any(|word| word.starts_with(term.as_str()))
                    || text.to_lowercase().starts_with(term.as_str())
            })
        })
}
