//! Members of groups: the first page of many groups in one batch, the rest of a big group page
//! by page.
//!
//! What can't be read of one group is reported for that group, and never as "no members".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::contract::{Change, Fault, FaultKind, Joined, Member, MemberKind, Page, Unavailable};
use crate::fault::shown;
use crate::graph::batch::{self, Verdict};
use crate::graph::transport::Level;
use crate::graph::walk::{Walk, check_link, decode, hash, unreadable};
use crate::graph::{Area, Client, Failure, malformed, throttled, url};
use crate::model::{self, Listing, User, member_kind};
use crate::run::{Run, page};
use crate::state::{GroupRef, Work};

/// Resource units of a page of members with `$select`.
const COST: u32 = 2;
/// Groups in a batch when members come with their details: pages of 999 such members are half a
/// megabyte each, and an instance has only 32.
const DETAILED: usize = 5;
/// Batches in which a group may fail for another reason than throttling.
const ROUNDS: u32 = 4;
/// Longest pause before the next batch.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a partition of many groups stands.
#[derive(Debug, Serialize, Deserialize)]
struct Rest {
    groups: Vec<GroupRef>,
    /// Batches that were needed because of troubles.
    #[serde(default)]
    rounds: u32,
    /// To wait before the next batch.
    #[serde(default)]
    pause_ms: u64,
}

/// A page of members, and the link to the next one.
struct Read {
    changes: Vec<Change>,
    found: bool,
    next: Option<String>,
}

/// Partitions that read the members of these groups.
pub(crate) fn partitions(
    run: &Run<'_>,
    groups: Vec<GroupRef>,
    stage: u8,
) -> Result<Vec<crate::contract::Partition>, Fault> {
    let size = if run.users_come_with_groups() {
        DETAILED
    } else {
        batch::MOST
    };
    groups
        .chunks(size)
        .map(|chunk| {
            // Keyed by content: a listing that is started again may cut its pages elsewhere.
            let ids: Vec<&str> = chunk.iter().map(|group| group.id.as_str()).collect();
            let key = format!("members/{:016x}", hash(&ids.join(",")));
            let title = match chunk.len() {
                1 => "members of 1 group".to_owned(),
                many => format!("members of {many} groups"),
            };
            Work::Members {
                groups: chunk.to_vec(),
            }
            .partition(key, stage, title)
        })
        .collect()
}

fn path(run: &Run<'_>, group: &str) -> String {
    let select = if run.users_come_with_groups() {
        url::select(&run.map.user_fields())
    } else {
        url::select(&["id"])
    };
    format!("/groups/{}/members?{select}&$top=999", url::segment(group))
}

/// One batch.
pub(crate) fn read_batch(
    run: &Run<'_>,
    client: &mut Client<'_>,
    stage: u8,
    groups: &[GroupRef],
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let rest: Rest = match checkpoint {
        Some(text) => decode("checkpoint", text)?,
        None => Rest {
            groups: groups.to_vec(),
            rounds: 0,
            pause_ms: 0,
        },
    };
    if rest.groups.len() > batch::MOST {
        let error = serde::de::Error::custom("it has more groups than a batch takes");
        return Err(unreadable("state of a partition", &error));
    }
    if rest.pause_ms > 0 {
        client.pause_for(Duration::from_millis(rest.pause_ms).min(LONGEST_PAUSE));
    }
    let paths: Vec<String> = rest
        .groups
        .iter()
        .map(|group| path(run, &group.id))
        .collect();
    let answered = batch::send(client, &paths, COST);
    let response = match answered {
        Ok(response) => response,
        Err(failure) => return none_of(client, failure, &rest.groups),
    };
    let parts = match batch::parts(client, &response, paths.len(), COST) {
        Ok(parts) => parts,
        Err(fault) => return none_of(client, fault.into(), &rest.groups),
    };

    let mut out = page();
    let mut again = Vec::new();
    let mut wait = Wait::default();
    for (group, part) in rest.groups.iter().zip(parts) {
        let verdict = part.map_or(Verdict::MISSING, |part| part.verdict());
        let trouble = match verdict {
            Verdict::Good(body) => {
                match take(run, client, group, body.as_bytes(), false) {
                    Ok(read) => finish(client, stage, group, read, &mut out)?,
                    // Spoilt or strange; once more may help, the rounds are bounded.
                    Err(fault) if rest.rounds + 1 < ROUNDS && fault.code == "graph.malformed" => {
                        wait.trouble = true;
                        again.push(group.clone());
                    }
                    Err(fault) => unavailable(group, &fault.message, &mut out)?,
                }
                continue;
            }
            // Gone from the source and from here: nothing is left to be read.
            Verdict::Bad(error)
                if error.not_found()
                    && !client.lacking([group.id.as_str()].into_iter()).is_empty() =>
            {
                continue;
            }
            Verdict::Bad(error) => {
                let fault = client.fault(Failure::Graph(error), Area::Members);
                unavailable(group, &fault.message, &mut out)?;
                continue;
            }
            Verdict::Again {
                throttled: true,
                after,
            } => {
                wait.longest = wait.longest.max(after);
                again.push(group.clone());
                continue;
            }
            Verdict::Again { after, .. } => {
                wait.longest = wait.longest.max(after);
                "Microsoft Graph could not give them, several times in a row."
            }
            Verdict::Unauthorized => {
                wait.unauthorized = true;
                "Microsoft Graph did not accept a fresh token for them."
            }
        };
        if rest.rounds + 1 < ROUNDS {
            wait.trouble = true;
            again.push(group.clone());
        } else {
            unavailable(group, trouble, &mut out)?;
        }
    }
    if again.is_empty() {
        return Ok(out);
    }
    if wait.unauthorized {
        client.refresh()?;
    }
    // Nothing but throttling: the host waits better, without an instance.
    let stuck = again.len() == rest.groups.len() && !wait.trouble;
    if stuck
        || wait
            .longest
            .is_some_and(|longest| longest > LONGEST_PAUSE && out.changes.is_empty())
    {
        return Err(throttled(wait.longest));
    }
    let rounds = rest.rounds + u32::from(wait.trouble);
    let pause = wait
        .longest
        .unwrap_or_else(|| Duration::from_millis(500 << rounds.min(4)));
    let next = Rest {
        groups: again,
        rounds,
        pause_ms: u64::try_from(pause.min(LONGEST_PAUSE).as_millis()).unwrap_or_default(),
    };
    out.checkpoint =
        Some(serde_json::to_string(&next).map_err(|error| unreadable("checkpoint", &error))?);
    Ok(out)
}

#[derive(Default)]
struct Wait {
    longest: Option<Duration>,
    trouble: bool,
    unauthorized: bool,
}

/// The whole batch failed. What a retry, a token or an administrator mends is a fault of the
/// partition; otherwise each of its groups is named.
fn none_of(client: &mut Client<'_>, failure: Failure, groups: &[GroupRef]) -> Result<Page, Fault> {
    let fault = client.fault(failure, Area::Members);
    if !concerns_group(&fault) {
        return Err(fault);
    }
    let mut out = page();
    for group in groups {
        unavailable(group, &fault.message, &mut out)?;
    }
    Ok(out)
}

/// Whether a fault says something about what was asked for, and not about the connection.
fn concerns_group(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Permission | FaultKind::Protocol)
}

/// The members are not known in this run. The cursor remembers the group, so that the next run reads it:
/// the changes from this run's tokens on would not tell what was missed before.
fn unavailable(group: &GroupRef, reason: &str, out: &mut Page) -> Result<(), Fault> {
    out.changes.push(Change::MembersUnavailable(Unavailable {
        group: group.id.clone(),
        reason: reason.to_owned(),
    }));
    out.cursor.push(group.unread()?);
    Ok(())
}

/// Changes of one page of a group's members.
fn take(
    run: &Run<'_>,
    client: &mut Client<'_>,
    group: &GroupRef,
    body: &[u8],
    found_before: bool,
) -> Result<Read, Fault> {
    let mut changes = Vec::new();
    let mut members = Vec::new();
    let (seen, next) = if !run.users_come_with_groups() {
        let ids: Listing<model::Member<'_>> =
            serde_json::from_slice(body).map_err(|error| malformed(Area::Members, &error))?;
        members.reserve(ids.value.len());
        for entry in &ids.value {
            let id = entry.id.filled().ok_or_else(without_id)?;
            if let Some(kind) = member_kind(&entry.odata_type) {
                members.push(Member {
                    id: id.to_owned(),
                    kind,
                });
            }
        }
        (ids.value.len(), ids.next)
    } else {
        let details: Listing<User<'_>> =
            serde_json::from_slice(body).map_err(|error| malformed(Area::Members, &error))?;
        members.reserve(details.value.len());
        let mut bare = 0_usize;
        for entry in &details.value {
            let id = entry.id.filled().ok_or_else(without_id)?;
            let Some(kind) = member_kind(&entry.odata_type) else {
                continue;
            };
            if kind == MemberKind::User {
                // Where the application may not read a type, its members have an id and no more.
                if entry.is_stub() {
                    bare += 1;
                } else {
                    changes.push(Change::User(run.user(entry)));
                }
            }
            members.push(Member {
                id: id.to_owned(),
                kind,
            });
        }
        if bare > 0 {
            client.log(
                Level::Warn,
                &format!(
                    "{bare} members of group {} came without their details",
                    group.id
                ),
            );
        }
        (details.value.len(), details.next)
    };
    if let Some(next) = &next {
        check_link(next, &run.settings.graph)?;
    }
    if !members.is_empty() {
        changes.push(Change::MembersAdded(Joined {
            group: group.id.clone(),
            members,
        }));
    }
    Ok(Read {
        changes,
        found: found_before || seen > 0,
        next,
    })
}

fn without_id() -> Fault {
    Fault::protocol("graph.malformed", "A member came without an id.")
}

/// Hands a group's first page over, with whatever must follow.
fn finish(
    client: &mut Client<'_>,
    stage: u8,
    group: &GroupRef,
    read: Read,
    out: &mut Page,
) -> Result<(), Fault> {
    out.changes.extend(read.changes);
    match read.next {
        Some(link) => {
            let work = Work::MoreMembers {
                group: group.clone(),
                link,
                found: read.found,
            };
            out.partitions.push(work.partition(
                format!("more-members/{}", group.id),
                stage,
                format!("more members of group {}", shown(&group.id)),
            )?);
        }
        None => end(client, group, read.found, out)?,
    }
    Ok(())
}

/// The last page is in: all members were given, unless there were none to see because they are
/// hidden from this application.
fn end(
    client: &mut Client<'_>,
    group: &GroupRef,
    found: bool,
    out: &mut Page,
) -> Result<(), Fault> {
    if group.hidden && !found && !client.sees_hidden_members()? {
        let reason =
            "The group hides its members, and the application was not granted Member.Read.Hidden.";
        return unavailable(group, reason, out);
    }
    out.changes.push(Change::MembersComplete(group.id.clone()));
    Ok(())
}

/// One page more of a big group.
pub(crate) fn read_more(
    run: &Run<'_>,
    client: &mut Client<'_>,
    group: &GroupRef,
    link: &str,
    found: bool,
    checkpoint: Option<&str>,
) -> Result<Page, Fault> {
    let mut walk = match checkpoint {
        Some(text) => Walk::resume(text)?,
        None => {
            let mut walk = Walk::new(Some(link));
            walk.found = found;
            walk
        }
    };
    match follow(run, client, group, &mut walk) {
        Ok(page) => Ok(page),
        Err(fault) if concerns_group(&fault) => {
            let mut out = page();
            unavailable(group, &fault.message, &mut out)?;
            Ok(out)
        }
        Err(fault) => Err(fault),
    }
}

fn follow(
    run: &Run<'_>,
    client: &mut Client<'_>,
    group: &GroupRef,
    walk: &mut Walk,
) -> Result<Page, Fault> {
    let mut out = page();
    let first = client.url(&path(run, &group.id));
    let link = walk.next().unwrap_or(&first).to_owned();
    check_link(&link, &run.settings.graph)?;
    let response = match client.get(&link, COST) {
        Ok(response) => response,
        Err(Failure::Graph(error)) if error.page_expired() => {
            walk.restart()?;
            out.checkpoint = Some(walk.checkpoint()?);
            return Ok(out);
        }
        Err(failure) => return Err(client.fault(failure, Area::Members)),
    };
    let read = take(run, client, group, &response.body, walk.found)?;
    out.changes = read.changes;
    match read.next {
        Some(next) => {
            walk.found = read.found;
            walk.advance(&link, &next, &run.settings.graph)?;
            out.checkpoint = Some(walk.checkpoint()?);
        }
        None => end(client, group, read.found, &mut out)?,
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
