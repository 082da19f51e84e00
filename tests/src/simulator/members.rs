//! Memberships: a group's members, direct and nested, and a user's groups.

use std::collections::HashSet;

use super::directory::{Directory, Slot};
use super::listing::{Answer, Source, find};
use super::odata::Listing;
use super::options::HiddenMembers;
use super::refusal::Refusal;
use super::route::{Route, Target};
use super::schema::Kind;
use super::state::{Call, State};

impl State {
    /// `/groups/{id}/members`, `/transitiveMembers` and their casts.
    pub(crate) fn list_members(&self, call: &Call, target: Target<'_>, transitive: bool) -> Answer {
        let directory = self.directory.read();
        let group = find(&directory, target.id, Kind::Group)?;
        let cast = target
            .cast
            .map(|name| cast(name, directory.is_unified(group) && !transitive))
            .transpose()?;
        let listing = self.member_listing(call, cast)?;
        let everyone;
        let slots = if self.sees_members(&directory, group)? {
            if transitive {
                everyone = self.transitive(&directory, group);
                everyone.as_slice()
            } else {
                directory.members(group)
            }
        } else {
            &[]
        };
        let kinds = cast
            .as_ref()
            .map_or(Kind::ALL.as_slice(), std::slice::from_ref);
        let context = match cast {
            Some(kind) => format!("Collection({})", kind.type_name()),
            None => "directoryObjects".to_owned(),
        };
        self.page(
            call,
            &directory,
            &Source {
                slots,
                by_slot: true,
                kinds,
                context,
                typed: cast.is_none(),
            },
            &listing,
        )
    }

    /// `/users/{id}/memberOf`, `/transitiveMemberOf` and `/groups/{id}/memberOf`: groups with hidden members are silently left out for apps
    /// without `Member.Read.Hidden`.
    pub(crate) fn list_member_of(
        &self,
        call: &Call,
        target: Target<'_>,
        transitive: bool,
    ) -> Answer {
        let directory = self.directory.read();
        let kind = match target.route {
            Route::GroupMemberOf => Kind::Group,
            _ => Kind::User,
        };
        let member = find(&directory, target.id, kind)?;
        let cast = target.cast.map(|name| cast(name, false)).transpose()?;
        let listing = self.member_listing(call, cast)?;
        let mut groups: Vec<Slot> = directory.groups_of(member).collect();
        if transitive {
            let mut seen: HashSet<Slot> = groups.iter().copied().collect();
            let mut next = 0;
            while let Some(group) = groups.get(next).copied() {
                next += 1;
                groups.extend(
                    directory
                        .groups_of(group)
                        .filter(|parent| seen.insert(*parent)),
                );
            }
        }
        let all = self.granted(&["Member.Read.Hidden"]);
        groups.retain(|group| all || !directory.is_hidden(*group));
        groups.sort_unstable();
        let context = "directoryObjects".to_owned();
        let source = Source {
            slots: &groups,
            by_slot: true,
            kinds: &[Kind::Group],
            context,
            typed: cast.is_none(),
        };
        self.page(call, &directory, &source, &listing)
    }

    fn member_listing(&self, call: &Call, cast: Option<Kind>) -> Result<Listing, Refusal> {
        let kinds = cast
            .as_ref()
            .map_or(Kind::ALL.as_slice(), std::slice::from_ref);
        let listing = Listing::read(&call.query, kinds, call.consistency)?;
        let advanced_only = cast.is_some()
            || listing.filter.is_some()
            || listing.search.is_some()
            || listing.order.is_some();
        if advanced_only && !listing.advanced {
            return Err(Refusal::unsupported(
                "The query requires the header 'ConsistencyLevel: eventual' and '$count=true'.",
            ));
        }
        Ok(listing)
    }

    /// Whether the app sees the members of this group; `Err` where hidden members are answered with 403.
    pub(crate) fn sees_members(&self, directory: &Directory, group: Slot) -> Result<bool, Refusal> {
        if !directory.is_hidden(group) || self.granted(&["Member.Read.Hidden"]) {
            return Ok(true);
        }
        match self.behaviour.read().hidden_members {
            HiddenMembers::Empty => Ok(false),
            HiddenMembers::Forbidden => Err(Refusal::denied()),
        }
    }

    /// Everything under a group, each object once, ordered by slot. Cycles are walked once.
    fn transitive(&self, directory: &Directory, group: Slot) -> Vec<Slot> {
        let mut seen = HashSet::new();
        let mut open = vec![group];
        while let Some(parent) = open.pop() {
            for member in directory.members(parent) {
                if directory.is_live(*member) && seen.insert(*member) {
                    open.push(*member);
                }
            }
        }
        let mut all: Vec<Slot> = seen.into_iter().collect();
        all.sort_unstable();
        all
    }
}

fn cast(name: &str, unified: bool) -> Result<Kind, Refusal> {
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.type_name().eq_ignore_ascii_case(name));
    let kind = kind.ok_or_else(|| {
        Refusal::bad(format!("The cast to '{name}' does not name a member type."))
    })?;
    // A Microsoft 365 group holds nothing but users.
    if unified && kind != Kind::User {
        Err(Refusal::unsupported("Unsupported Query."))
    } else {
        Ok(kind)
    }
}
