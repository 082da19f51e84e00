//! Which of two ways a snapshot of all groups is read, and why.
//!
//! *Fan-out* lists groups and users and asks each group for its members: many requests side by side, at two resource
//! units a group at least. A *delta walk* follows the first rounds of the two delta queries, which bring everything
//! at a unit a page, but one page after another. So the first is faster until the quota holds it back, and the
//! second is cheaper unless there are many users to a group.

use std::time::Duration;

use crate::contract::{Fault, FaultKind};
use crate::graph::{Area, Client, Failure};
use crate::model::{Group, Listing};
use crate::run::Run;
use crate::settings::Priority;
use crate::state::Of;
use crate::walk;

use super::size::Size;

/// Objects on a page of a listing.
const LISTED: u64 = 999;
/// By how much ranges shorten the listing of many users, since some have more names than others.
const RANGES: u64 = 8;
/// Resource units of the first page of a group's members.
const UNITS_A_GROUP: u64 = 2;
/// Requests of a fan-out beside lists and members: tokens, sizes, and the changes at the end.
const AROUND: u64 = 6;
/// A first page of `groups/delta` where none was looked at. Microsoft documents no size of its pages, so this
/// is a guess on the low side; calls take 0.3 to 0.4 s.
const USUAL: Sample = Sample {
    latency: Duration::from_millis(350),
    groups: 200,
    whole: false,
};
/// The best that a first page could show.
const BEST: Sample = Sample {
    latency: Duration::from_millis(100),
    groups: 999,
    whole: false,
};

/// How all groups are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    FanOut,
    DeltaWalk,
}

/// What was chosen, and the reason in plain words.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) strategy: Strategy,
    pub(crate) note: String,
}

/// What the first page of `groups/delta` showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    latency: Duration,
    groups: u64,
    /// It had everything.
    whole: bool,
}

/// What a strategy costs at least.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Estimate {
    units: u64,
    time: Duration,
}

impl Estimate {
    fn fan_out(groups: u64, users: u64, latency: Duration) -> Self {
        let chain = pages(groups, LISTED).max(pages(users, LISTED * RANGES)) + 2;
        let units = AROUND + pages(groups, LISTED) + pages(users, LISTED) + UNITS_A_GROUP * groups;
        let paced = Duration::from_millis(units.saturating_mul(10_000) / quota(users));
        Self {
            units,
            time: paced.max(times(latency, chain)),
        }
    }

    fn walk(groups: u64, users: u64, sample: Sample) -> Self {
        let groups = if sample.whole {
            1
        } else {
            pages(groups, sample.groups)
        };
        let users = pages(users, USUAL.groups);
        Self {
            units: groups + users,
            time: times(sample.latency, groups.max(users)),
        }
    }

    fn seconds(self) -> u64 {
        self.time.as_secs().max(1)
    }
}

/// Resource units that a tenant of so many users gives an application in ten seconds.
fn quota(users: u64) -> u64 {
    match users {
        0..50 => 3_500,
        50..=500 => 5_000,
        _ => 8_000,
    }
}

fn pages(objects: u64, on_a_page: u64) -> u64 {
    objects.div_ceil(on_a_page.max(1)).max(1)
}

fn times(latency: Duration, calls: u64) -> Duration {
    latency.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
}

/// For the fewest resource units; no request is needed.
fn thriftiest(size: Size) -> Choice {
    let (Some(groups), Some(users)) = (size.groups, size.users) else {
        return Choice {
            strategy: Strategy::DeltaWalk,
            note: "Delta walk, as the connector is to be thrifty; the tenant does not tell its size, so nothing could be estimated.".to_owned(),
        };
    };
    let fan_out = Estimate::fan_out(groups, users, USUAL.latency);
    let walk = Estimate::walk(groups, users, USUAL);
    if walk.units <= fan_out.units {
        let note = instead("Delta walk", walk, fan_out);
        return Choice {
            strategy: Strategy::DeltaWalk,
            note: format!(
                "{note}, as the connector is to be thrifty; pages full of members make it more."
            ),
        };
    }
    let note = instead("Fan-out", fan_out, walk);
    Choice {
        strategy: Strategy::FanOut,
        note: format!(
            "{note}, since the connector is to be thrifty and has many users to a group."
        ),
    }
}

/// For the shortest time. A page is looked at only where its density and its latency could turn the choice.
fn fastest(run: &Run<'_>, client: &mut Client<'_>, size: Size) -> Result<Choice, Fault> {
    let fan_out = |note: String| {
        Ok(Choice {
            strategy: Strategy::FanOut,
            note,
        })
    };
    let (Some(groups), Some(users)) = (size.groups, size.users) else {
        return fan_out(
            "Fan-out: the tenant does not tell its size, so nothing could be estimated.".to_owned(),
        );
    };
    let usual = Estimate::fan_out(groups, users, USUAL.latency);
    let quota = quota(users);
    if usual.units <= quota {
        return fan_out(format!(
            "Fan-out: {}, which the quota of {} in 10 s does not hold back; a delta walk would read one page after another.",
            told(usual),
            thousands(quota),
        ));
    }
    if Estimate::walk(groups, users, BEST).time >= usual.time {
        let note = instead("Fan-out", usual, Estimate::walk(groups, users, USUAL));
        return fan_out(format!("{note}, as it is the faster way."));
    }
    let sample = match look(run, client)? {
        Ok(sample) => sample,
        Err(why) => {
            return fan_out(format!(
                "Fan-out: {}. A delta walk may be faster, but {why}.",
                told(usual)
            ));
        }
    };
    let fan = Estimate::fan_out(groups, users, sample.latency);
    let walk = Estimate::walk(groups, users, sample);
    if walk.time < fan.time {
        let note = instead("Delta walk", walk, fan);
        return Ok(Choice {
            strategy: Strategy::DeltaWalk,
            note: format!("{note}, as the quota would hold fan-out back."),
        });
    }
    let note = instead("Fan-out", fan, walk);
    fan_out(format!("{note}, as it is the faster way."))
}

/// Looks at the first page of `groups/delta`; or says why it tells nothing.
fn look(run: &Run<'_>, client: &mut Client<'_>) -> Result<Result<Sample, String>, Fault> {
    let begun = client.now();
    let response = match client.get(&walk::first_url(run, client, Of::Groups), 1) {
        Ok(response) => response,
        Err(Failure::Graph(error)) if error.status != 403 => {
            return Ok(Err(format!(
                "Microsoft Graph refused its first page ({})",
                error.told()
            )));
        }
        Err(failure) => {
            let fault = client.fault(failure, Area::Groups);
            return match fault.kind {
                FaultKind::Transient | FaultKind::Protocol => Ok(Err(format!(
                    "its first page could not be had: {}",
                    fault.message
                ))),
                _ => Err(fault),
            };
        }
    };
    let latency = client.now().saturating_sub(begun);
    Ok(
        match serde_json::from_slice::<Listing<Group<'_>>>(&response.body) {
            Ok(page) if page.value.is_empty() => Err("its first page was empty".to_owned()),
            Ok(page) => Ok(Sample {
                latency,
                groups: page.value.len() as u64,
                whole: page.next.is_none(),
            }),
            Err(error) => Err(format!("its first page could not be read ({error})")),
        },
    )
}

fn told(estimate: Estimate) -> String {
    format!(
        "at least {} resource units and about {} s",
        thousands(estimate.units),
        thousands(estimate.seconds())
    )
}

fn instead(what: &str, chosen: Estimate, other: Estimate) -> String {
    format!(
        "{what}: about {} resource units instead of {}, about {} s instead of {} s",
        thousands(chosen.units),
        thousands(other.units),
        thousands(chosen.seconds()),
        thousands(other.seconds()),
    )
}

/// With a comma before each three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Chooses by what is to be saved, and by how much there is.
pub(super) fn choose(run: &Run<'_>, client: &mut Client<'_>, size: Size) -> Result<Choice, Fault> {
    match run.settings.priority {
        Priority::Fastest => fastest(run, client, size),
        Priority::Thrifty => Ok(thriftiest(size)),
    }
}

#[cfg(test)]
mod tests;
