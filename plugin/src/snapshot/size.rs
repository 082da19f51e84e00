//! What a snapshot asks before it reads anything, in one round trip: the tokens from which the changes
//! during the run will be drained, and how much there is to read.

use crate::contract::{Fault, FaultKind};
use crate::graph::batch::{self, Get, Verdict};
use crate::graph::transport::Level;
use crate::graph::walk::check_link;
use crate::graph::{Area, Client, Failure, PATIENCE, malformed, throttled, url};
use crate::model::{Listing, User};
use crate::run::Run;
use crate::settings::Scope;
use crate::state::Of;

use super::area;

/// Most ids that a filter of a delta query takes.
const FILTERED: usize = 50;
/// Pages on which a request for the latest token may keep the link back.
pub(super) const TOKEN_PAGES: usize = 8;
/// Batches in which a request may go unanswered.
const ROUNDS: u32 = 4;

/// How much a tenant has, as far as it tells. Graph counts in an index that lags behind, and tenants
/// of Azure AD B2C don't count at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) groups: Option<u64>,
    pub(crate) users: Option<u64>,
}

/// From where a snapshot starts.
#[derive(Debug)]
pub(crate) struct Start {
    /// Link to the changes to groups from now on.
    pub(crate) groups: String,
    /// The same for users.
    pub(crate) users: String,
    pub(crate) size: Size,
}

/// Takes the tokens and, where everything is read, the sizes. That the tokens can be had is the test of
/// the permissions as well; a count that is refused is just not known.
pub(crate) fn start(run: &Run<'_>, client: &mut Client<'_>) -> Result<Start, Fault> {
    let mut asks = vec![Ask::latest(run, Of::Groups), Ask::latest(run, Of::Users)];
    if run.settings.scope.is_all() {
        asks.extend([Ask::count(Of::Groups), Ask::count(Of::Users)]);
    }
    let mut found = Found::default();
    ask(client, asks, &mut found)?;
    Ok(Start {
        groups: latest(client, Of::Groups, found.groups)?,
        users: latest(client, Of::Users, found.users)?,
        size: found.size,
    })
}

/// The sizes alone, in one request.
pub(super) fn sizes(client: &mut Client<'_>) -> Result<Size, Fault> {
    let mut found = Found::default();
    let asks = vec![Ask::count(Of::Groups), Ask::count(Of::Users)];
    ask(client, asks, &mut found)?;
    Ok(found.size)
}

/// How many there are now, where the tenant tells.
pub(super) fn count(client: &mut Client<'_>, of: Of) -> Result<Option<u64>, Fault> {
    let mut found = Found::default();
    ask(client, vec![Ask::count(of)], &mut found)?;
    Ok(match of {
        Of::Groups => found.size.groups,
        Of::Users => found.size.users,
    })
}

/// Path of the first page of a stream of changes; without a token, its first round brings everything.
pub(crate) fn first_path(run: &Run<'_>, of: Of) -> String {
    match of {
        Of::Users => format!("/users/delta?{}", run.select_users()),
        Of::Groups => {
            let filter = match &run.settings.scope {
                Scope::Groups(ids) if ids.len() <= FILTERED => {
                    let terms: Vec<String> = ids
                        .iter()
                        .map(|id| format!("id eq {}", url::literal(id)))
                        .collect();
                    format!("&$filter={}", url::query(&terms.join(" or ")))
                }
                _ => String::new(),
            };
            format!("/groups/delta?{},members{filter}", run.select_groups())
        }
    }
}

/// Path of the first page of a stream of changes that begins now.
fn latest_path(run: &Run<'_>, of: Of) -> String {
    format!("{}&$deltatoken=latest", first_path(run, of))
}

/// First link of a stream of changes that begins now.
pub(crate) fn latest_url(run: &Run<'_>, client: &Client<'_>, of: Of) -> String {
    client.url(&latest_path(run, of))
}

/// One request of the batch.
struct Ask {
    of: Of,
    counts: bool,
    path: String,
}

impl Ask {
    fn latest(run: &Run<'_>, of: Of) -> Self {
        Self {
            of,
            counts: false,
            path: latest_path(run, of),
        }
    }

    fn count(of: Of) -> Self {
        Self {
            of,
            counts: true,
            path: format!("/{}/$count", of.key()),
        }
    }
}

/// What the batch brought.
#[derive(Default)]
struct Found {
    groups: Links,
    users: Links,
    size: Size,
}

/// The links of a page of changes.
#[derive(Default)]
struct Links {
    next: Option<String>,
    delta: Option<String>,
}

impl Links {
    fn of(body: &[u8], area: Area) -> Result<Self, Fault> {
        let page: Listing<User<'_>> =
            serde_json::from_slice(body).map_err(|error| malformed(area, &error))?;
        Ok(Self {
            next: page.next,
            delta: page.delta,
        })
    }
}

fn ask(client: &mut Client<'_>, mut asks: Vec<Ask>, found: &mut Found) -> Result<(), Fault> {
    for round in 0.. {
        let gets: Vec<Get<'_>> = asks
            .iter()
            .map(|ask| Get {
                path: &ask.path,
                eventual: ask.counts,
            })
            .collect();
        let response = batch::send_all(client, &gets, 1)
            .map_err(|failure| client.fault(failure, Area::Groups))?;
        let parts = batch::parts(client, &response, asks.len(), 1)?;
        let mut again = Vec::new();
        let mut after = None;
        let mut slower = false;
        for (ask, part) in asks.into_iter().zip(parts) {
            if let Some(count) = part.as_ref().and_then(batch::Part::count) {
                match ask.of {
                    Of::Groups => found.size.groups = Some(count),
                    Of::Users => found.size.users = Some(count),
                }
                continue;
            }
            match part.map_or(Verdict::MISSING, |part| part.verdict()) {
                Verdict::Good(_) if ask.counts => {}
                Verdict::Good(body) => {
                    let links = Links::of(body.as_bytes(), area(ask.of))?;
                    match ask.of {
                        Of::Groups => found.groups = links,
                        Of::Users => found.users = links,
                    }
                }
                Verdict::Bad(error) if ask.counts => client.log(
                    Level::Info,
                    &format!(
                        "The tenant does not tell how many {} it has: {}.",
                        ask.of.key(),
                        error.told()
                    ),
                ),
                Verdict::Bad(error) => {
                    return Err(client.fault(Failure::Graph(error), area(ask.of)));
                }
                Verdict::Again {
                    throttled,
                    after: asked,
                } => {
                    slower |= throttled;
                    after = after.max(asked);
                    again.push(ask);
                }
                Verdict::Unauthorized => {
                    client.refresh()?;
                    again.push(ask);
                }
            }
        }
        let spent = round + 1 >= ROUNDS || after > Some(PATIENCE);
        if again.is_empty() || (spent && again.iter().all(|ask| ask.counts)) {
            break;
        }
        if spent {
            return Err(if slower {
                throttled(after)
            } else {
                Fault::new(
                    FaultKind::Transient,
                    "graph.no-answer",
                    "Microsoft Graph could not say from where changes are to be followed, several times in a row.",
                )
            });
        }
        match after {
            Some(after) => client.pause_for(after),
            None => client.pause(round),
        }
        asks = again;
    }
    Ok(())
}

/// The link with the token, which may be some pages further on.
fn latest(client: &mut Client<'_>, of: Of, mut links: Links) -> Result<String, Fault> {
    let area = area(of);
    for page in 1..=TOKEN_PAGES {
        match (links.next, links.delta) {
            (None, Some(delta)) => {
                check_link(&delta, &client.settings.graph)?;
                return Ok(delta);
            }
            (Some(next), None) if page < TOKEN_PAGES => {
                check_link(&next, &client.settings.graph)?;
                let response = client
                    .get(&next, 1)
                    .map_err(|failure| client.fault(failure, area))?;
                links = Links::of(&response.body, area)?;
            }
            _ => break,
        }
    }
    Err(Fault::protocol(
        "graph.no-token",
        format!(
            "Microsoft Graph gave no token from which changes to {} could be followed.",
            area.words()
        ),
    ))
}

#[cfg(test)]
mod tests;
