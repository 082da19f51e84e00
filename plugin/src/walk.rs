//! A delta walk: the first rounds of `groups/delta` and `users/delta`, which bring all that there is.
//!
//! Where a round ends, changes from its beginning on are what the next incremental run reads, so nothing is drained; it asks all
//! that changed for their groups, since who was in the deleted items for a while may not have shown as a member.
//! For the same reason a round can't be begun again within a run: what left between two beginnings is in the pages of
//! the first and in the changes of neither, and the host would go on taking it for seen. A link that is too
//! old therefore begins the whole snapshot anew, which the host does a bounded number of times.

use std::collections::BTreeSet;

use crate::contract::{Change, Fault, FaultKind, Page, Partition, Stream};
use crate::delta::{self, Newcomers};
use crate::graph::walk::{Walk, check_link};
use crate::graph::{Area, Client, Failure, malformed};
use crate::members;
use crate::model::{Group, Listing, User};
use crate::run::{Run, page};
use crate::snapshot::size::first_path;
use crate::snapshot::{area, mark};
use crate::state::{GroupRef, Of, READ, Work};

/// The two rounds, side by side.
pub(crate) fn partitions() -> Result<Vec<Partition>, Fault> {
    [
        (Of::Groups, "delta walk of groups and members"),
        (Of::Users, "delta walk of users"),
    ]
    .into_iter()
    .map(|(of, title)| Work::Walk { of }.partition(format!("walk/{}", of.key()), READ, title))
    .collect()
}

/// First link of a round that brings everything.
pub(crate) fn first_url(run: &Run<'_>, client: &Client<'_>, of: Of) -> String {
    client.url(&first_path(run, of))
}

/// A page of a round.
pub(crate) fn read(
    run: &Run<'_>,
    client: &mut Client<'_>,
    of: Of,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let mut walk = checkpoint.map_or_else(|| Ok(Walk::new(None)), Walk::resume)?;
    let first = first_url(run, client, of);
    let link = walk.next().unwrap_or(&first).to_owned();
    check_link(&link, &run.settings.graph)?;
    let response = match client.get(&link, 1) {
        Ok(response) => response,
        Err(Failure::Graph(error)) if error.token_expired() || error.page_expired() => {
            return Err(Fault::new(
                FaultKind::CursorExpired,
                error.fault_code(),
                format!(
                    "The delta walk of {} has to begin anew: its link expired ({}).",
                    of.key(),
                    error.told()
                ),
            ));
        }
        Err(Failure::Graph(error)) if link == first && error.status != 403 => {
            let mut fault = client.fault(Failure::Graph(error), area(of)).with_remedy(
                "If the tenant does not support change tracking, no snapshot strategy can help; otherwise set `snapshotStrategy` to `fastest`.",
            );
            fault.setting = Some("snapshotStrategy".to_owned());
            return Err(fault);
        }
        Err(failure) => return Err(client.fault(failure, area(of))),
    };
    let mut out = page();
    let (next, delta) = match of {
        Of::Groups => {
            let listing: Listing<Group<'_>> = serde_json::from_slice(&response.body)
                .map_err(|error| malformed(Area::Groups, &error))?;
            groups(run, client, &listing.value, &mut out)?;
            (listing.next, listing.delta)
        }
        Of::Users => {
            let listing: Listing<User<'_>> = serde_json::from_slice(&response.body)
                .map_err(|error| malformed(Area::Users, &error))?;
            let whole = delta::whole_users(run, client, &listing.value)?;
            let told = listing.value.iter();
            out.changes
                .extend(told.filter_map(|entry| delta::user(run, entry, &whole)));
            (listing.next, listing.delta)
        }
    };
    if let Some(delta) = delta::onward(run, of, &mut walk, &link, (next, delta), &mut out)? {
        out.cursor.push(mark(run, of, delta, true)?);
        out.changes.push(Change::StreamComplete(of.into()));
        if of == Of::Groups {
            out.changes.push(Change::StreamComplete(Stream::Members));
        }
    }
    Ok(out)
}

/// Groups with slices of their members, as they come. A group that hides its members is asked for them in a
/// partition of its own, unless they were seen here: that it shows none proves nothing.
fn groups(
    run: &Run<'_>,
    client: &mut Client<'_>,
    entries: &[Group<'_>],
    out: &mut Page,
) -> Result<(), Fault> {
    let whole = delta::whole_groups(run, client, entries)?;
    // Users come by their own round, and whoever is in neither is no member.
    let mut nobody = Newcomers::default();
    let mut hiding = BTreeSet::new();
    for entry in entries {
        let id = entry.id.get().unwrap_or_default();
        if !delta::group(run, entry, &whole, out) {
            continue;
        }
        delta::slice(entry, id, &mut nobody, out)?;
        let may_hide = entry.hides_members() || entry.is_stub();
        if may_hide && (entry.members.is_empty() || !client.sees_hidden_members()?) {
            hiding.insert(id);
        }
    }
    let hiding = hiding.into_iter().map(|id| GroupRef {
        id: id.to_owned(),
        hidden: true,
    });
    out.partitions = members::partitions(run, hiding.collect(), READ)?;
    Ok(())
}

#[cfg(test)]
mod tests;
