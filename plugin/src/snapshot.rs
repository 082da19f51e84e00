//! A snapshot by fan-out: tokens and sizes first, then everything, then what changed meanwhile. Whether it is one,
//! or a delta walk, is decided here too.

pub(crate) mod size;
mod strategy;
pub(crate) mod users;

use serde::{Deserialize, Serialize};

use crate::contract::{
    Change, CursorPart, Expectation, Fault, FaultKind, Opening, Page, Partition, Stream,
};
use crate::graph::batch::{self, Verdict};
use crate::graph::error::GraphError;
use crate::graph::transport::{Level, Response};
use crate::graph::walk::{Walk, check_link, decode, unreadable};
use crate::graph::{Area, Client, Failure, malformed, throttled, url};
use crate::members;
use crate::model::{Group, Listing};
use crate::run::{Run, page};
use crate::settings::{Priority, Scope};
use crate::state::{DRAIN, GroupRef, Mark, Of, READ, Work};
use crate::walk;

use size::{Size, Start};
use strategy::Strategy;

/// Batches in which a configured group may fail before it counts as unreadable.
const ROUNDS: u32 = 4;

/// Chooses how to read, and names the first partitions.
pub(crate) fn plan(run: &Run<'_>, client: &mut Client<'_>) -> Result<Opening, Fault> {
    client.grant()?;
    match &run.settings.scope {
        Scope::All => plan_all(run, client),
        Scope::Groups(ids) => {
            let note = format!(
                "{} configured groups are read with their members' details; users are not listed.",
                ids.len()
            );
            let start = size::start(run, client)?;
            let size = Size {
                groups: u64::try_from(ids.len()).ok(),
                ..start.size
            };
            let groups =
                vec![Work::ConfiguredGroups.partition("list/groups", READ, "configured groups")?];
            let partitions = drained(groups, start)?;
            Ok(opening(run, partitions, size, note))
        }
    }
}

fn plan_all(run: &Run<'_>, client: &mut Client<'_>) -> Result<Opening, Fault> {
    // The tokens are of use to fan-out alone, but are had for the asking where the time counts.
    let mut start = match run.settings.priority {
        Priority::Fastest => Some(size::start(run, client)?),
        Priority::Thrifty => None,
    };
    let size = match &start {
        Some(start) => start.size,
        None => size::sizes(client)?,
    };
    let choice = strategy::choose(run, client, size)?;
    let (partitions, how) = match choice.strategy {
        Strategy::DeltaWalk => (walk::partitions()?, "read".to_owned()),
        Strategy::FanOut => {
            let start = match start.take() {
                Some(start) => start,
                None => size::start(run, client)?,
            };
            let mut partitions =
                vec![Work::Groups.partition("list/groups", READ, "list of groups")?];
            let (listings, ranges) = users::partitions(size)?;
            partitions.extend(listings);
            (drained(partitions, start)?, side_by_side(ranges))
        }
    };
    let note = format!("{} are {how}. {}", told(size), choice.note);
    Ok(opening(run, partitions, size, note))
}

fn opening(run: &Run<'_>, partitions: Vec<Partition>, size: Size, note: String) -> Opening {
    Opening {
        partitions,
        expected: Expectation {
            users: size.users,
            groups: size.groups,
            members: None,
        },
        unreferenced_users: run.retention(),
        note: Some(note),
    }
}

/// With those that take in, at the end, what changed since the tokens were given.
fn drained(mut partitions: Vec<Partition>, start: Start) -> Result<Vec<Partition>, Fault> {
    for (of, link) in [(Of::Groups, start.groups), (Of::Users, start.users)] {
        let title = format!("changes to {} during the run", of.key());
        let work = Work::Changes {
            of,
            link,
            amid: true,
        };
        partitions.push(work.partition(format!("changes/{}", of.key()), DRAIN, title)?);
    }
    Ok(partitions)
}

/// What there is, for the report.
fn told(size: Size) -> String {
    let told = |count: Option<u64>| count.map_or_else(String::new, |count| format!(" ({count})"));
    format!(
        "All groups{} and users{}",
        told(size.groups),
        told(size.users)
    )
}

/// How fan-out reads it.
fn side_by_side(ranges: usize) -> String {
    match ranges {
        1 => "listed; the members of many groups are read side by side".to_owned(),
        ranges => format!(
            "listed; {ranges} ranges of users and the members of many groups are read side by side"
        ),
    }
}

pub(crate) fn area(of: Of) -> Area {
    match of {
        Of::Groups => Area::Groups,
        Of::Users => Area::Users,
    }
}

/// What a request for a page of a listing gave.
pub(crate) enum Step {
    Page(Response),
    /// The listing has to start again; the walk stands at its beginning.
    Again,
}

/// Reads the page at which the walk stands.
fn step(client: &mut Client<'_>, walk: &mut Walk, link: &str, area: Area) -> Result<Step, Failure> {
    check_link(link, &client.settings.graph)?;
    match client.get(link, 1) {
        Ok(response) => Ok(Step::Page(response)),
        Err(Failure::Graph(error)) if error.page_expired() => {
            walk.restart()?;
            client.log(
                Level::Info,
                &format!(
                    "The list of {} is started again: its link expired.",
                    area.words()
                ),
            );
            Ok(Step::Again)
        }
        Err(failure) => Err(failure),
    }
}

fn opened(checkpoint: Option<&str>) -> Result<Walk, Fault> {
    checkpoint.map_or_else(|| Ok(Walk::new(None)), Walk::resume)
}

/// A page of all groups, with the partitions that read their members.
pub(crate) fn read_groups(
    run: &Run<'_>,
    client: &mut Client<'_>,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let mut walk = opened(checkpoint)?;
    let first = client.url(&format!("/groups?{}&$top=999", run.select_groups()));
    let link = walk.next().unwrap_or(&first).to_owned();
    let mut out = page();
    let step = step(client, &mut walk, &link, Area::Groups)
        .map_err(|failure| client.fault(failure, Area::Groups))?;
    let Step::Page(response) = step else {
        out.checkpoint = Some(walk.checkpoint()?);
        return Ok(out);
    };
    let listing: Listing<Group<'_>> =
        serde_json::from_slice(&response.body).map_err(|error| malformed(Area::Groups, &error))?;
    let mut refs = Vec::with_capacity(listing.value.len());
    for group in &listing.value {
        let id = group.id.filled().ok_or_else(|| without_id(Area::Groups))?;
        refs.push(GroupRef {
            id: id.to_owned(),
            hidden: group.hides_members(),
        });
        out.changes.push(Change::Group(run.group(group)));
    }
    out.partitions = members::partitions(run, refs, READ)?;
    match listing.next {
        Some(next) => {
            walk.advance(&link, &next, &run.settings.graph)?;
            out.checkpoint = Some(walk.checkpoint()?);
        }
        None => out.changes.push(Change::StreamComplete(Stream::Groups)),
    }
    Ok(out)
}

/// A listing that holds something without an id can't be proven complete.
pub(crate) fn without_id(area: Area) -> Fault {
    Fault::protocol(
        "graph.malformed",
        format!("An entry in a page of {} has no id.", area.words()),
    )
}

/// Where the reading of the configured groups stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Configured {
    /// Ids that were dealt with.
    done: usize,
    #[serde(default)]
    rounds: u32,
    /// Groups of the present batch that remain.
    #[serde(default)]
    again: Vec<String>,
    /// Why the list of groups can't be called complete.
    #[serde(default)]
    gap: Option<Gap>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Gap {
    permission: bool,
    code: String,
    message: String,
    remedy: Option<String>,
}

/// Twenty of the configured groups. Only answers that prove a group's absence count as such; any
/// other trouble leaves a gap, and the partition ends with it as a fault after all the groups
/// that can be read were read.
pub(crate) fn read_configured(
    run: &Run<'_>,
    client: &mut Client<'_>,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let mut at: Configured = match checkpoint {
        Some(text) => decode("checkpoint", text)?,
        None => Configured::default(),
    };
    let Scope::Groups(ids) = &run.settings.scope else {
        return Err(Fault::new(
            FaultKind::Permanent,
            "state.unreadable",
            "The groups to read were changed during the run.",
        ));
    };
    let fresh: Vec<String> = ids
        .iter()
        .skip(at.done)
        .take(batch::MOST)
        .cloned()
        .collect();
    let now = if at.again.is_empty() {
        fresh
    } else {
        std::mem::take(&mut at.again)
    };
    let mut out = page();
    if now.is_empty() {
        return end_configured(at, out);
    }
    let select = run.select_groups();
    let paths: Vec<String> = now
        .iter()
        .map(|id| format!("/groups/{}?{select}", url::segment(id)))
        .collect();
    let response =
        batch::send(client, &paths, 1).map_err(|failure| client.fault(failure, Area::Groups))?;
    let parts = batch::parts(client, &response, paths.len(), 1)?;
    let mut refs = Vec::new();
    let mut after = None;
    let mut trouble = false;
    for (id, part) in now.iter().zip(parts) {
        match part.map_or(Verdict::MISSING, |part| part.verdict()) {
            Verdict::Good(body) => {
                let group: Group<'_> = serde_json::from_slice(body.as_bytes())
                    .map_err(|error| malformed(Area::Groups, &error))?;
                let own = group.id.filled().ok_or_else(|| without_id(Area::Groups))?;
                refs.push(GroupRef {
                    id: own.to_owned(),
                    hidden: group.hides_members(),
                });
                out.changes.push(Change::Group(run.group(&group)));
            }
            Verdict::Bad(error) if error.not_found() => {
                client.log(
                    Level::Warn,
                    &format!("The configured group {id} does not exist (any more)."),
                );
            }
            Verdict::Bad(error) => at.gap = Some(gap(client, id, &error)),
            Verdict::Again {
                throttled,
                after: asked,
            } => {
                after = after.max(asked);
                trouble |= !throttled;
                at.again.push(id.clone());
            }
            Verdict::Unauthorized => {
                client.refresh()?;
                trouble = true;
                at.again.push(id.clone());
            }
        }
    }
    out.partitions = members::partitions(run, refs, READ)?;
    if at.again.len() == now.len() && !trouble {
        return Err(throttled(after));
    }
    if trouble {
        at.rounds += 1;
        if at.rounds >= ROUNDS {
            return Err(Fault::new(
                FaultKind::Transient,
                "graph.groups",
                "Microsoft Graph could not give some of the configured groups, several times in a row.",
            ));
        }
    }
    if at.again.is_empty() {
        at.rounds = 0;
        at.done += batch::MOST;
    } else {
        match after {
            Some(after) => client.pause_for(after),
            None => client.pause(at.rounds),
        }
    }
    if at.again.is_empty() && at.done >= ids.len() && at.gap.is_none() {
        return end_configured(at, out);
    }
    out.checkpoint =
        Some(serde_json::to_string(&at).map_err(|error| unreadable("checkpoint", &error))?);
    Ok(out)
}

fn gap(client: &mut Client<'_>, id: &str, error: &GraphError) -> Gap {
    let fault = client.fault(Failure::Graph(error.clone()), Area::Groups);
    Gap {
        permission: fault.kind == FaultKind::Permission,
        code: fault.code,
        message: format!("Group {id} could not be read. {}", fault.message),
        remedy: fault.remedy,
    }
}

fn end_configured(at: Configured, mut out: Page) -> Result<Page, Fault> {
    let Some(gap) = at.gap else {
        out.changes.push(Change::StreamComplete(Stream::Groups));
        return Ok(out);
    };
    let kind = if gap.permission {
        FaultKind::Permission
    } else {
        FaultKind::Protocol
    };
    let mut fault = Fault::new(kind, gap.code, gap.message);
    fault.remedy = gap.remedy;
    Err(fault)
}

/// The piece of the next cursor for a link.
pub(crate) fn mark(run: &Run<'_>, of: Of, link: String, amid: bool) -> Result<CursorPart, Fault> {
    let mark = Mark {
        link,
        made_with: run.made_with(),
        amid,
    };
    let value = serde_json::to_string(&mark).map_err(|error| unreadable("cursor", &error))?;
    Ok(CursorPart {
        key: of.key().to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests;
