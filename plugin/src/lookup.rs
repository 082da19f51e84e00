//! Whole objects by id, in bulk.
//!
//! `directoryObjects/getByIds` would do it in one call and needs a much wider permission.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::contract::{Fault, FaultKind, Object};
use crate::graph::batch::{self, Verdict};
use crate::graph::walk::check_link;
use crate::graph::{Area, Client, Failure, malformed, throttled, url};
use crate::model::{Group, Listing, User};
use crate::run::Run;

/// Most values of an `in` filter.
const IN_FILTER: usize = 15;
/// Batches without any progress before a lookup is given up.
const ROUNDS: u32 = 5;
/// Pages of one filtered answer.
const PAGES: usize = 16;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The users that exist among these.
pub(crate) fn users(
    run: &Run<'_>,
    client: &mut Client<'_>,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Object>, Fault> {
    let ids: Vec<&str> = ids.iter().copied().collect();
    let select = run.select_users();
    let paths = ids
        .chunks(IN_FILTER)
        .map(|chunk| {
            let values: Vec<String> = chunk.iter().map(|id| url::literal(id)).collect();
            let filter = url::query(&format!("id in ({})", values.join(",")));
            format!("/users?$filter={filter}&{select}")
        })
        .collect();
    let mut found = BTreeMap::new();
    fetch(client, paths, Area::Users, &mut |_, body| {
        let listing: Listing<User<'_>> =
            serde_json::from_slice(body).map_err(|error| malformed(Area::Users, &error))?;
        for user in &listing.value {
            if let Some(id) = user.id.filled() {
                found.insert(id.to_owned(), run.user(user));
            }
        }
        Ok(listing.next)
    })?;
    Ok(found)
}

/// The groups that exist among these.
pub(crate) fn groups(
    run: &Run<'_>,
    client: &mut Client<'_>,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Object>, Fault> {
    let select = run.select_groups();
    let paths = ids
        .iter()
        .map(|id| format!("/groups/{}?{select}", url::segment(id)))
        .collect();
    let mut found = BTreeMap::new();
    fetch(client, paths, Area::Groups, &mut |_, body| {
        let group: Group<'_> =
            serde_json::from_slice(body).map_err(|error| malformed(Area::Groups, &error))?;
        if let Some(id) = group.id.filled() {
            found.insert(id.to_owned(), run.group(&group));
        }
        Ok(None)
    })?;
    Ok(found)
}

/// Takes an answer to the request for a path, and gives the link to the rest of it.
type Take<'t> = dyn FnMut(&str, &[u8]) -> Result<Option<String>, Fault> + 't;

/// Asks for all these paths, in batches and with patience. What isn't there is passed over.
pub(crate) fn fetch(
    client: &mut Client<'_>,
    mut paths: Vec<String>,
    area: Area,
    take: &mut Take<'_>,
) -> Result<(), Fault> {
    let mut fruitless = 0;
    while !paths.is_empty() {
        let later = paths.split_off(paths.len().min(batch::MOST));
        let response =
            batch::send(client, &paths, 1).map_err(|failure| client.fault(failure, area))?;
        let parts = batch::parts(client, &response, paths.len(), 1)?;
        let mut again = Vec::new();
        let mut after = None;
        let mut throttling = false;
        let asked = paths.len();
        for (path, part) in paths.into_iter().zip(parts) {
            match part.map_or(Verdict::MISSING, |part| part.verdict()) {
                Verdict::Good(body) => {
                    let next = take(&path, body.as_bytes())?;
                    rest(client, &path, next, area, take)?;
                }
                Verdict::Bad(error) if error.not_found() => {}
                Verdict::Bad(error) => return Err(client.fault(Failure::Graph(error), area)),
                Verdict::Again {
                    throttled,
                    after: asked,
                } => {
                    throttling |= throttled;
                    after = after.max(asked);
                    again.push(path);
                }
                Verdict::Unauthorized => {
                    client.refresh()?;
                    again.push(path);
                }
            }
        }
        if again.is_empty() {
            paths = later;
            continue;
        }
        fruitless = if again.len() < asked {
            0
        } else {
            fruitless + 1
        };
        if fruitless >= ROUNDS || after.is_some_and(|after| after > LONGEST_PAUSE) {
            return Err(if throttling {
                throttled(after)
            } else {
                Fault::new(
                    FaultKind::Transient,
                    "graph.lookup",
                    format!(
                        "Microsoft Graph could not give details of {}, several times in a row.",
                        area.words()
                    ),
                )
            });
        }
        match after {
            Some(after) => client.pause_for(after),
            None => client.pause(fruitless),
        }
        again.extend(later);
        paths = again;
    }
    Ok(())
}

/// Follows the links of one answer.
fn rest(
    client: &mut Client<'_>,
    path: &str,
    mut next: Option<String>,
    area: Area,
    take: &mut Take<'_>,
) -> Result<(), Fault> {
    for _ in 0..PAGES {
        let Some(link) = next else { return Ok(()) };
        check_link(&link, &client.settings.graph)?;
        let response = client
            .get(&link, 1)
            .map_err(|failure| client.fault(failure, area))?;
        next = take(path, &response.body)?;
    }
    Err(Fault::protocol(
        "graph.loop",
        format!("A lookup of a few {} does not end.", area.words()),
    ))
}
