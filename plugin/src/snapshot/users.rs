//! All users: one chain of pages where there are few, else ranges of sign-in names side by side and then
//! the proof that these came to all of them.
//!
//! A page links to the next one, so a chain can't be read faster than page after page: a hundred pages take more
//! than half a minute, however fast everything else is. Ranges have chains of their own. They take their ends in, so
//! that neighbours overlap in a name; Graph documents no operators but `ge` and `le` here, and whatever order it
//! compares in, each name is on one side of a cut or on both.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::{Change, Fault, Page, Partition, Stream};
use crate::graph::transport::Level;
use crate::graph::{Area, Client, Failure, malformed, url};
use crate::model::{Listing, User};
use crate::run::{Run, page};
use crate::state::{Of, PROVE, READ, Work};

use super::size::{self, Size};
use super::{Step, opened, step, without_id};

/// Most users on a page.
const PAGE: u64 = 999;
/// Pages that a range should have: fewer cost more calls for pages that are not full, more take longer.
const RANGE_PAGES: u64 = 2;
/// Where names are cut into sixteen parts of about equal size: by how given names and family names begin
/// where Latin letters are used. Digits come before letters. Where a tenant's names begin otherwise, some
/// ranges are longer than others, and the longest is what the one chain would have been.
const CUTS: [&str; 15] = [
    "ar", "bs", "cr", "ds", "fj", "hj", "jf", "kb", "lh", "mf", "nd", "pn", "sa", "sp", "vb",
];

/// Users whose sign-in names are between two cuts, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl Range {
    /// Ranges that have all names between them; a single one for a tenant that is read in one chain.
    fn all(users: Option<u64>) -> Vec<Self> {
        let pages = users.unwrap_or_default().div_ceil(PAGE);
        let most = CUTS.len() + 1;
        let count = if pages <= RANGE_PAGES {
            1
        } else {
            usize::try_from(pages.div_ceil(RANGE_PAGES)).map_or(most, |count| count.min(most))
        };
        let cut = |index: usize| {
            let place = (index * most + count / 2) / count;
            let place = place.checked_sub(1)?;
            CUTS.get(place).map(|cut| (*cut).to_owned())
        };
        (0..count)
            .map(|index| Self {
                from: cut(index),
                to: cut(index + 1),
            })
            .collect()
    }

    /// The option that keeps a listing to it.
    fn filter(&self) -> String {
        let bound = |operator: &str, cut: &Option<String>| {
            cut.as_deref()
                .map(|cut| format!("userPrincipalName {operator} {}", url::literal(cut)))
        };
        let bounds: Vec<String> = [bound("ge", &self.from), bound("le", &self.to)]
            .into_iter()
            .flatten()
            .collect();
        format!("&$filter={}", url::query(&bounds.join(" and ")))
    }

    fn key(&self) -> String {
        let end = |cut: &Option<String>| cut.clone().unwrap_or_default();
        format!("list/users/{}-{}", end(&self.from), end(&self.to))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("list of users")?;
        if let Some(from) = &self.from {
            write!(formatter, " from {from}")?;
        }
        if let Some(to) = &self.to {
            write!(formatter, " to {to}")?;
        }
        Ok(())
    }
}

/// The partition that reads them in one chain.
///
/// Its key is the same in any stage: the host reads it once in a run, whoever named it first.
fn chain(stage: u8) -> Result<Partition, Fault> {
    Work::Users.partition("list/users", stage, "list of users")
}

/// The partitions that read all users, and into how many ranges they are split.
pub(super) fn partitions(size: Size) -> Result<(Vec<Partition>, usize), Fault> {
    let ranges = Range::all(size.users);
    let count = ranges.len();
    let Some(users) = size.users.filter(|_| count > 1) else {
        return Ok((vec![chain(READ)?], 1));
    };
    let mut partitions = Vec::with_capacity(count + 1);
    for range in ranges {
        let (key, title) = (range.key(), range.to_string());
        partitions.push(Work::UserRange(range).partition(key, READ, title)?);
    }
    let proof = Work::ProveUsers { counted: users };
    partitions.push(proof.partition("prove/users", PROVE, "proof that all users are there")?);
    Ok((partitions, count))
}

/// A page of all users.
pub(crate) fn read(
    run: &Run<'_>,
    client: &mut Client<'_>,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let mut out =
        list(run, client, "", checkpoint).map_err(|failure| client.fault(failure, Area::Users))?;
    if out.checkpoint.is_none() {
        out.changes.push(Change::StreamComplete(Stream::Users));
    }
    Ok(out)
}

/// A page of a range. A tenant that doesn't take the filter is read in one chain.
pub(crate) fn read_range(
    run: &Run<'_>,
    client: &mut Client<'_>,
    range: &Range,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let refused = match list(run, client, &range.filter(), checkpoint) {
        Ok(out) => return Ok(out),
        // A listing without a filter tells whether anything but the filter is wrong.
        Err(Failure::Graph(error)) if matches!(error.status, 400 | 501) => error,
        Err(failure) => return Err(client.fault(failure, Area::Users)),
    };
    client.log(
        Level::Info,
        &format!(
            "The {range} is refused ({}), so users are read in one chain.",
            refused.told()
        ),
    );
    let mut out = page();
    out.partitions.push(chain(READ)?);
    Ok(out)
}

/// Reads on in a listing of users; at its end the page has no checkpoint.
fn list(
    run: &Run<'_>,
    client: &mut Client<'_>,
    filter: &str,
    checkpoint: Option<&str>,
) -> Result<Page, Failure> {
    let mut walk = opened(checkpoint)?;
    let first = client.url(&format!(
        "/users?{}{filter}&$top={PAGE}",
        run.select_users()
    ));
    let link = walk.next().unwrap_or(&first).to_owned();
    let mut out = page();
    let Step::Page(response) = step(client, &mut walk, &link, Area::Users)? else {
        out.checkpoint = Some(walk.checkpoint()?);
        return Ok(out);
    };
    let listing: Listing<User<'_>> =
        serde_json::from_slice(&response.body).map_err(|error| malformed(Area::Users, &error))?;
    out.changes.reserve(listing.value.len() + 1);
    for user in &listing.value {
        user.id.filled().ok_or_else(|| without_id(Area::Users))?;
        out.changes.push(Change::User(run.user(user)));
    }
    if let Some(next) = listing.next {
        walk.advance(&link, &next, &run.settings.graph)?;
        out.checkpoint = Some(walk.checkpoint()?);
    }
    Ok(out)
}

/// Holds what the ranges gave against what the tenant counts, and reads everything in one chain where that is more.
///
/// The larger of two counts, of the beginning and of now, has to be reached: as many users created during
/// the run as a filter has left out would make up for them in the smaller one. Where users come or go
/// between a count and their range, the chain is read for nothing; that is rare, and safe.
pub(crate) fn prove(client: &mut Client<'_>, counted: u64) -> Result<Page, Fault> {
    let now = size::count(client, Of::Users)?;
    let seen = client.seen(Stream::Users);
    let mut out = page();
    let found = match now {
        Some(now) if seen >= counted.max(now) => {
            out.changes.push(Change::StreamComplete(Stream::Users));
            format!("All users are there: ranges gave {seen}, and the tenant counts {now}.")
        }
        Some(now) => format!(
            "Ranges gave {seen} users, where the tenant counted {counted} at first and {now} then, so all are read in one chain too."
        ),
        None => format!(
            "Ranges gave {seen} users, and the tenant does not tell any more how many it has, so all are read in one chain too."
        ),
    };
    client.log(Level::Info, &found);
    if out.changes.is_empty() {
        out.partitions.push(chain(PROVE)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
