//! How fast requests leave: the vendor's quota, closed windows, the number in flight.
//!
//! Everything here is arithmetic over given instants; waiting is done in [`gate`](super::gate).
//!
//! The quota is counted as the contract words it, *units in any window*, by a log of charges. A
//! bucket that refills evenly would let twice the quota through in the window after a pause. A
//! vendor counts a request somewhere between its departure and its answer, so a charge counts
//! from the answer on, less the shortest time that any answer took: constant latency costs
//! nothing, and jitter can't squeeze more into a window than it holds.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::time::Instant;

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// An answer that took this many times as long as the fastest of its cost, and a little more, has queued.
const QUEUED: u32 = 3;
const QUEUED_AT_LEAST: Duration = Duration::from_millis(100);
/// Costs of which the fastest answer is remembered.
const COSTS: usize = 64;
const LONGEST_CLOSURE: Duration = Duration::from_secs(3600);

/// Why a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WaitReason {
    /// The service asked for a pause, or failed in a way that calls for one.
    Closed,
    /// The quota is used up.
    Quota,
    /// As many requests are in flight as may be.
    InFlight,
}

/// How much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaUse {
    /// Units used in the window that ends now, those of requests in flight included.
    pub used: u64,
    /// Units that may be used in any window.
    pub units: u64,
    /// Length of the window in milliseconds.
    pub window_ms: u64,
}

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// Not now; look again at that instant, or when something has changed.
    Wait {
        until: Option<Instant>,
        reason: WaitReason,
    },
}

/// A quota in the shape in which it is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) units: u64,
    pub(super) window: Duration,
}

#[derive(Debug)]
struct Charge {
    until: Instant,
    cost: u64,
    estimate: u64,
    settled: bool,
}

/// How a request ended, as far as pacing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    /// Answered.
    Answered,
    /// Answered with 429, or with 503: `pause` is what `Retry-After` asked for.
    Throttled { pause: Option<Duration> },
    /// It never reached the service.
    NotSent,
    /// No answer, for any other reason.
    Lost,
}

/// The state of one origin.
#[derive(Debug)]
pub(super) struct Pace {
    allowance: Option<Allowance>,
    charges: VecDeque<Charge>,
    charged: u64,
    flying: u64,
    fastest: Option<Duration>,
    /// By estimated cost: a batch takes longer than what it is made of.
    fastest_of: BTreeMap<u64, Duration>,
    in_flight: usize,
    limit: usize,
    most: usize,
    streak: usize,
    closed_at: Option<Instant>,
    closed_until: Option<Instant>,
    strikes: u32,
}

impl Pace {
    pub(super) fn new(allowance: Option<Allowance>, in_flight: usize) -> Self {
        let most = in_flight.max(1);
        Self {
            allowance,
            charges: VecDeque::new(),
            charged: 0,
            flying: 0,
            fastest: None,
            fastest_of: BTreeMap::new(),
            in_flight: 0,
            limit: most,
            most,
            streak: 0,
            closed_at: None,
            closed_until: None,
            strikes: 0,
        }
    }

    /// What a request counts for beforehand; one that is dearer than the whole quota still gets
    /// its turn.
    pub(super) fn estimate(&self, cost: Option<u32>) -> u64 {
        let cost = u64::from(cost.unwrap_or(1)).max(1);
        self.allowance
            .map_or(cost, |allowance| cost.min(allowance.units))
    }

    /// Until when the origin is closed.
    pub(super) fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.closed_until.filter(|until| *until > now)
    }

    /// Whether a request of this cost may leave now. Changes nothing but forgotten charges.
    pub(super) fn look(&mut self, estimate: u64, now: Instant) -> Verdict {
        if let Some(until) = self.closed_until(now) {
            return Verdict::Wait {
                until: Some(until),
                reason: WaitReason::Closed,
            };
        }
        if self.in_flight >= self.limit {
            return Verdict::Wait {
                until: None,
                reason: WaitReason::InFlight,
            };
        }
        let Some(allowance) = self.allowance else {
            return Verdict::Go;
        };
        self.forget(now);
        let used = self.charged + self.flying;
        let Some(missing) = (used + estimate)
            .checked_sub(allowance.units)
            .filter(|missing| *missing > 0)
        else {
            return Verdict::Go;
        };
        let mut freed = 0;
        let until = self.charges.iter().find_map(|charge| {
            freed += charge.cost;
            (freed >= missing).then_some(charge.until)
        });
        Verdict::Wait {
            until,
            reason: WaitReason::Quota,
        }
    }

    /// Forgets charges whose window is over.
    fn forget(&mut self, now: Instant) {
        while self
            .charges
            .front()
            .is_some_and(|charge| charge.until <= now)
        {
            let cost = self.charges.pop_front().map_or(0, |charge| charge.cost);
            self.charged = self.charged.saturating_sub(cost);
        }
    }

    /// How much of the quota is used in the window that ends now.
    pub(super) fn used(&mut self, now: Instant) -> Option<QuotaUse> {
        let allowance = self.allowance?;
        self.forget(now);
        Some(QuotaUse {
            used: self.charged + self.flying,
            units: allowance.units,
            window_ms: u64::try_from(allowance.window.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// A request leaves.
    pub(super) fn leave(&mut self, estimate: u64) {
        self.in_flight += 1;
        self.flying += estimate;
    }

    /// Its answer's head is there, or won't come. `cost` is what the answer says it did cost.
    /// Gives whether this is the first bad news of a bad spell.
    pub(super) fn land(
        &mut self,
        estimate: u64,
        sent: Instant,
        now: Instant,
        cost: Option<u32>,
        landing: Landing,
    ) -> bool {
        self.flying = self.flying.saturating_sub(estimate);
        let mut queued = false;
        if landing == Landing::Answered {
            let took = now.duration_since(sent);
            self.fastest = Some(self.fastest.map_or(took, |fastest| fastest.min(took)));
            queued = self.has_queued(estimate, took);
        }
        if landing != Landing::NotSent {
            self.charge(now, cost.map_or(estimate, u64::from), estimate, false);
        }
        // What left before the origin was closed tells nothing new about it.
        let fresh = self.closed_at.is_none_or(|closed| sent >= closed);
        match landing {
            Landing::Throttled { pause } => {
                self.close(now, pause, fresh);
                fresh
            }
            Landing::Answered if fresh => {
                self.strikes = 0;
                // More in flight would only wait longer there.
                self.streak += usize::from(!queued);
                if self.streak >= self.limit && self.limit < self.most {
                    self.limit += 1;
                    self.streak = 0;
                }
                false
            }
            Landing::Answered | Landing::NotSent | Landing::Lost => false,
        }
    }

    /// Whether an answer took so much longer than the fastest of its cost that requests must be
    /// queueing at the service.
    fn has_queued(&mut self, estimate: u64, took: Duration) -> bool {
        if let Some(fastest) = self.fastest_of.get_mut(&estimate) {
            *fastest = took.min(*fastest);
            return took > *fastest * QUEUED + QUEUED_AT_LEAST;
        }
        if self.fastest_of.len() < COSTS {
            self.fastest_of.insert(estimate, took);
        }
        false
    }

    /// The answer has been read or given up.
    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// When a charge of this estimate was last made and not settled yet.
    pub(super) fn unsettled(&self, estimate: u64) -> Option<Instant> {
        self.charges
            .iter()
            .rev()
            .find(|charge| !charge.settled && charge.estimate == estimate)
            .map(|charge| charge.until)
    }

    /// Sets the latest charge of this estimate to what it really was. Gives the difference.
    pub(super) fn settle(&mut self, estimate: u64, actual: u64) -> Option<i64> {
        let charge = self
            .charges
            .iter_mut()
            .rev()
            .find(|charge| !charge.settled && charge.estimate == estimate)?;
        let before = std::mem::replace(&mut charge.cost, actual);
        charge.settled = true;
        self.charged = (self.charged + actual).saturating_sub(before);
        Some(difference(before, actual))
    }

    /// A cost that no request stands for.
    pub(super) fn surcharge(&mut self, now: Instant, cost: u64) {
        self.charge(now, cost, cost, true);
    }

    fn charge(&mut self, now: Instant, cost: u64, estimate: u64, settled: bool) {
        let Some(allowance) = self.allowance else {
            return;
        };
        let counted = self
            .fastest
            .and_then(|fastest| now.checked_sub(fastest))
            .unwrap_or(now);
        let last = self.charges.back().map_or(counted, |charge| charge.until);
        // In the order in which they end.
        let until = (counted + allowance.window).max(last);
        self.charged += cost;
        self.charges.push_back(Charge {
            until,
            cost,
            estimate,
            settled,
        });
    }

    fn close(&mut self, now: Instant, pause: Option<Duration>, fresh: bool) {
        if fresh {
            self.strikes = self.strikes.saturating_add(1);
            self.limit = (self.limit / 2).max(1);
            self.streak = 0;
            self.closed_at = Some(now);
        }
        let pause = match pause.filter(|pause| !pause.is_zero()) {
            Some(pause) => pause.min(LONGEST_CLOSURE),
            None if fresh => back_off(self.strikes),
            None => Duration::ZERO,
        };
        let until = now + pause;
        self.closed_until = Some(self.closed_until.map_or(until, |before| before.max(until)));
    }

    #[cfg(test)]
    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// What `actual` is over `before`.
pub(super) fn difference(before: u64, actual: u64) -> i64 {
    if actual >= before {
        i64::try_from(actual - before).unwrap_or(i64::MAX)
    } else {
        i64::try_from(before - actual).map_or(i64::MIN, |less| -less)
    }
}

/// A growing pause, varied by a quarter so that many clients don't come back together.
pub(super) fn back_off(strikes: u32) -> Duration {
    let doubled = FIRST_BACK_OFF.saturating_mul(
        1_u32
            .checked_shl(strikes.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    let random = RandomState::new().hash_one(strikes) % 512;
    // Between 768/1024 and 1279/1024.
    doubled.min(LONGEST_BACK_OFF) * u32::try_from(768 + random).unwrap_or(1024) / 1024
}

#[cfg(test)]
mod tests;
