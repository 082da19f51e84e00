//! What becomes of a fault: the policy, without any doing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::contract::{Fault, FaultKind};
use crate::limits::Patience;

/// What to do after a fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait, then read the same page again.
    Again(Duration),
    /// The cursor is of no use: make the run a snapshot.
    Snapshot,
    /// Someone must act before anything can go on: end the run.
    Stop,
    /// Give this piece of work up, go on with the others.
    GiveUp,
}

/// Counts the faults of one piece of work and decides by their kind.
#[derive(Debug)]
pub(super) struct Tries {
    patience: Patience,
    transient: ExponentialBackoff,
    throttled: u32,
}

impl Tries {
    pub(super) fn new(patience: &Patience) -> Self {
        Self {
            transient: backoff(patience),
            patience: patience.clone(),
            throttled: 0,
        }
    }

    /// Something went well: the counts begin anew.
    pub(super) fn succeeded(&mut self) {
        self.transient = backoff(&self.patience);
        self.throttled = 0;
    }

    pub(super) fn after(&mut self, fault: &Fault) -> Next {
        let longest = Duration::from_millis(self.patience.longest_wait_ms);
        match fault.kind {
            FaultKind::Configuration | FaultKind::Authentication => Next::Stop,
            FaultKind::Permission | FaultKind::Protocol | FaultKind::Permanent => Next::GiveUp,
            FaultKind::CursorExpired => Next::Snapshot,
            FaultKind::Transient => match self.transient.next() {
                Some(wait) => Next::Again(wait),
                None => Next::GiveUp,
            },
            FaultKind::Throttled(wait) => {
                self.throttled += 1;
                if self.throttled > self.patience.throttled_retries {
                    return Next::GiveUp;
                }
                let wait = match wait {
                    Some(ms) => Duration::from_millis(ms),
                    None => Duration::from_millis(self.patience.transient_wait_ms)
                        .saturating_mul(1 << self.throttled.min(6)),
                };
                Next::Again(wait.min(longest))
            }
        }
    }
}

/// How much may be repeated in a run, over all its partitions.
///
/// Each partition has its own patience, and there may be thousands: a source that is down must not be
/// asked thousands of times what it can't answer.
#[derive(Debug)]
pub(super) struct Budget {
    spare: u64,
    percent: u64,
    stalled: Duration,
    pages: AtomicU64,
    retries: AtomicU64,
    last_page: Mutex<Instant>,
    spent: AtomicBool,
}

impl Budget {
    pub(super) fn new(patience: &Patience) -> Self {
        Self {
            spare: patience.spare_retries,
            percent: patience.retry_percent,
            stalled: Duration::from_millis(patience.stalled_ms),
            pages: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            last_page: Mutex::new(Instant::now()),
            spent: AtomicBool::new(false),
        }
    }

    /// A page was read.
    pub(super) fn page(&self) {
        self.pages.fetch_add(1, Relaxed);
        *self
            .last_page
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether one more page may be read again after this fault.
    ///
    /// A throttled source works: waiting as it asks is no storm, and only standing still ends it.
    pub(super) fn allows(&self, fault: &Fault) -> bool {
        let allowed = if matches!(fault.kind, FaultKind::Throttled(_)) {
            let last = *self
                .last_page
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            last.elapsed() < self.stalled
        } else {
            let earned = self.pages.load(Relaxed).saturating_mul(self.percent) / 100;
            self.retries.fetch_add(1, Relaxed) < self.spare.saturating_add(earned)
        };
        if !allowed {
            self.spent.store(true, Relaxed);
        }
        allowed
    }

    /// Whether something was given up for want of it: nothing more is to be begun.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Relaxed)
    }
}

fn backoff(patience: &Patience) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(patience.transient_wait_ms))
        .with_max_delay(Duration::from_millis(patience.longest_wait_ms))
        .with_max_times(patience.transient_retries as usize)
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind) -> Fault {
        Fault {
            kind,
            code: "test.fault".into(),
            message: "a fault".into(),
            remedy: None,
            setting: None,
        }
    }

    #[test]
    fn a_transient_fault_is_tried_again_a_bounded_number_of_times() {
        let mut tries = Tries::new(&Patience::default());
        for _ in 0..Patience::default().transient_retries {
            assert!(matches!(
                tries.after(&fault(FaultKind::Transient)),
                Next::Again(_)
            ));
        }
        assert_eq!(tries.after(&fault(FaultKind::Transient)), Next::GiveUp);
    }

    #[test]
    fn success_renews_patience() {
        let mut tries = Tries::new(&Patience {
            transient_retries: 1,
            ..Patience::default()
        });
        assert!(matches!(
            tries.after(&fault(FaultKind::Transient)),
            Next::Again(_)
        ));
        tries.succeeded();
        assert!(matches!(
            tries.after(&fault(FaultKind::Transient)),
            Next::Again(_)
        ));
    }

    #[test]
    fn throttling_waits_as_long_as_told_but_never_longer_than_the_longest_wait() {
        let mut tries = Tries::new(&Patience::default());
        assert_eq!(
            tries.after(&fault(FaultKind::Throttled(Some(2_500)))),
            Next::Again(Duration::from_millis(2_500))
        );
        assert_eq!(
            tries.after(&fault(FaultKind::Throttled(Some(u64::MAX)))),
            Next::Again(Duration::from_millis(Patience::default().longest_wait_ms))
        );
    }

    #[test]
    fn endless_throttling_ends() {
        let mut tries = Tries::new(&Patience::default());
        let waits = (0..1000)
            .take_while(|_| tries.after(&fault(FaultKind::Throttled(None))) != Next::GiveUp)
            .count();
        assert_eq!(waits, Patience::default().throttled_retries as usize);
    }

    #[test]
    fn a_source_that_is_down_is_asked_again_only_so_often_by_all_partitions_together() {
        let budget = Budget::new(&Patience {
            spare_retries: 10,
            retry_percent: 20,
            ..Patience::default()
        });
        let down = fault(FaultKind::Transient);
        let allowed = |tries: usize| (0..tries).filter(|_| budget.allows(&down)).count();
        assert_eq!(allowed(8), 8);
        for _ in 0..50 {
            budget.page();
        }
        assert!(!budget.is_spent());
        assert_eq!(allowed(1_000), 12, "2 that were left and a fifth of 50");
        assert!(budget.is_spent());
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_source_is_waited_for_until_nothing_has_moved_for_long() {
        let budget = Budget::new(&Patience {
            spare_retries: 0,
            stalled_ms: 60_000,
            ..Patience::default()
        });
        let slow = fault(FaultKind::Throttled(None));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!((0..1_000).all(|_| budget.allows(&slow)));
        budget.page();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(budget.allows(&slow) && !budget.is_spent());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!budget.allows(&slow) && budget.is_spent());
    }

    #[test]
    fn only_an_administrator_can_mend_settings_and_credentials() {
        let mut tries = Tries::new(&Patience::default());
        assert_eq!(tries.after(&fault(FaultKind::Configuration)), Next::Stop);
        assert_eq!(tries.after(&fault(FaultKind::Authentication)), Next::Stop);
        assert_eq!(tries.after(&fault(FaultKind::Permission)), Next::GiveUp);
    }
}
