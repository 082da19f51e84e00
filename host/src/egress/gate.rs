//! Waiting for one's turn at an origin.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{self, Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until, timeout_at},
};

use super::pace::{Allowance, Landing, Pace, QuotaUse, Verdict, WaitReason};

/// Longer waits are answered instead.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the requests of an origin, or of all, are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Why.
    pub reason: WaitReason,
    /// Until when, as far as it is known.
    pub until: Option<Instant>,
    /// How many requests wait.
    pub waiting: usize,
}

/// How many requests of a gateway are in flight, and were at most.
#[derive(Debug)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    taken: AtomicUsize,
    peak: AtomicUsize,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            taken: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        }
    }

    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct State {
    pace: Pace,
    wait: Option<(WaitReason, Option<Instant>)>,
    waited: Duration,
}

/// The gate of one origin: requests pass it one after another in the order in which they came.
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    /// Held by the one whose turn it is.
    turn: sync::Mutex<()>,
    changed: Notify,
    queued: AtomicUsize,
    slots: Arc<Slots>,
}

impl Gate {
    pub(super) fn new(
        allowance: Option<Allowance>,
        in_flight: usize,
        slots: Arc<Slots>,
    ) -> Arc<Self> {
        let state = State {
            pace: Pace::new(allowance, in_flight),
            wait: None,
            waited: Duration::ZERO,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            turn: sync::Mutex::new(()),
            changed: Notify::new(),
            queued: AtomicUsize::new(0),
            slots,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may leave. Where that takes too long, gives how much longer it will
    /// probably take. Dropping the future gives the turn to the next.
    pub(super) async fn enter(self: &Arc<Self>, cost: Option<u32>) -> Result<Pass, Duration> {
        let arrived = Instant::now();
        let deadline = arrived + PATIENCE;
        let estimate = {
            let state = self.state();
            if let Some(until) = state
                .pace
                .closed_until(arrived)
                .filter(|until| *until > deadline)
            {
                return Err(until - arrived);
            }
            state.pace.estimate(cost)
        };
        let _queued = Queued::new(&self.queued);
        let Ok(_turn) = timeout_at(deadline, self.turn.lock()).await else {
            return Err(self.remaining());
        };
        let mut slot = None;
        loop {
            let now = Instant::now();
            let verdict = {
                let mut state = self.state();
                match state.pace.look(estimate, now) {
                    Verdict::Go => match slot
                        .take()
                        .or_else(|| Arc::clone(&self.slots.free).try_acquire_owned().ok())
                    {
                        Some(permit) => {
                            state.pace.leave(estimate);
                            drop(state);
                            return Ok(self.pass(estimate, now, permit));
                        }
                        None => None,
                    },
                    Verdict::Wait { until, reason } => Some((until, reason)),
                }
            };
            let Some((until, reason)) = verdict else {
                let free = Arc::clone(&self.slots.free).acquire_owned();
                match timeout_at(deadline, free).await {
                    Ok(Ok(permit)) => slot = Some(permit),
                    Ok(Err(_)) | Err(_) => return Err(self.remaining()),
                }
                continue;
            };
            slot = None;
            if now >= deadline || until.is_some_and(|until| until > deadline) {
                return Err(until.map_or_else(|| self.remaining(), |until| until - now));
            }
            let _wait = Wait::new(self, reason, until, now);
            tokio::select! {
                () = sleep_until(until.unwrap_or(deadline)) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    fn pass(self: &Arc<Self>, estimate: u64, sent: Instant, permit: OwnedSemaphorePermit) -> Pass {
        let taken = self.slots.taken.fetch_add(1, Ordering::Relaxed) + 1;
        self.slots.peak.fetch_max(taken, Ordering::Relaxed);
        Pass {
            slot: Some(Slot {
                gate: Arc::clone(self),
                _permit: permit,
            }),
            estimate,
            sent,
        }
    }

    /// How long the one whose turn it is still waits.
    fn remaining(&self) -> Duration {
        let now = Instant::now();
        let state = self.state();
        let until = state
            .wait
            .and_then(|(_, until)| until)
            .or_else(|| state.pace.closed_until(now));
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// What is being waited for.
    pub(super) fn throttle(&self) -> Option<Throttle> {
        let (reason, until) = self.state().wait?;
        Some(Throttle {
            reason,
            until,
            waiting: self.queued.load(Ordering::Relaxed),
        })
    }

    /// How much of the quota is used now.
    pub(super) fn quota(&self) -> Option<QuotaUse> {
        self.state().pace.used(Instant::now())
    }

    /// How long requests have been held back by quota and closed windows, counting once what
    /// many waited for.
    pub(super) fn waited(&self) -> Duration {
        self.state().waited
    }

    /// When a charge of this estimate was last made.
    pub(super) fn unsettled(&self, estimate: u32) -> Option<Instant> {
        let state = self.state();
        let estimate = state.pace.estimate(Some(estimate));
        state.pace.unsettled(estimate)
    }

    /// Corrects that charge.
    pub(super) fn settle(&self, estimate: u32, actual: u32) -> Option<i64> {
        let mut state = self.state();
        let estimate = state.pace.estimate(Some(estimate));
        let difference = state.pace.settle(estimate, u64::from(actual));
        drop(state);
        self.changed.notify_one();
        difference
    }

    /// Adds a cost.
    pub(super) fn surcharge(&self, cost: u64) {
        self.state().pace.surcharge(Instant::now(), cost);
    }
}

struct Queued<'a>(&'a AtomicUsize);

impl<'a> Queued<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The one whose turn it is waits; measured also where it is given up.
struct Wait<'a> {
    gate: &'a Gate,
    reason: WaitReason,
    since: Instant,
}

impl<'a> Wait<'a> {
    fn new(gate: &'a Gate, reason: WaitReason, until: Option<Instant>, since: Instant) -> Self {
        gate.state().wait = Some((reason, until));
        Self {
            gate,
            reason,
            since,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.wait = None;
        if self.reason != WaitReason::InFlight {
            state.waited += self.since.elapsed();
        }
    }
}

/// Permission for one request.
#[derive(Debug)]
pub(super) struct Pass {
    slot: Option<Slot>,
    estimate: u64,
    sent: Instant,
}

impl Pass {
    /// What it is counted for so far.
    pub(super) fn estimate(&self) -> u64 {
        self.estimate
    }

    /// The head of the answer is there, or won't come. Gives the slot, to be kept until the
    /// answer is read, and whether this is the first bad news of a bad spell.
    pub(super) fn land(mut self, cost: Option<u32>, landing: Landing) -> (Option<Slot>, bool) {
        let slot = self.slot.take();
        let first = slot
            .as_ref()
            .is_some_and(|slot| slot.land(self.estimate, self.sent, cost, landing));
        (slot, first)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.land(self.estimate, self.sent, None, Landing::Lost);
        }
    }
}

/// One of the requests that may be in flight.
#[derive(Debug)]
pub(super) struct Slot {
    gate: Arc<Gate>,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn land(&self, estimate: u64, sent: Instant, cost: Option<u32>, landing: Landing) -> bool {
        let first = self
            .gate
            .state()
            .pace
            .land(estimate, sent, Instant::now(), cost, landing);
        self.gate.changed.notify_one();
        first
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.gate.state().pace.end();
        self.gate.slots.taken.fetch_sub(1, Ordering::Relaxed);
        self.gate.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
