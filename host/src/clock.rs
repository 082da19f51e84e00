//! What time it is, and waiting for a time: the real clock, or one that a test turns.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

/// A clock. Everything that is due, expires or is dated in the control plane asks one.
#[async_trait]
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// The instant that it is.
    fn now(&self) -> Timestamp;

    /// Waits until this instant, or not at all if it has passed.
    async fn sleep_until(&self, instant: Timestamp);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest that is slept at once: a machine that was suspended, or whose clock was set, notices
/// after this time.
const NAP: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, instant: Timestamp) {
        loop {
            let left = instant.duration_since(self.now());
            let Ok(left) = Duration::try_from(left) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(NAP)).await;
        }
    }
}

/// A clock that stands still until it is turned, for tests of what takes days.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
}

impl ManualClock {
    /// A clock that shows this instant.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            now: Arc::new(watch::Sender::new(now)),
        }
    }

    /// Turns it; everyone whose time has come wakes. It never goes back.
    pub fn turn_to(&self, instant: Timestamp) {
        self.now.send_if_modified(|now| {
            let later = instant > *now;
            if later {
                *now = instant;
            }
            later
        });
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, instant: Timestamp) {
        let mut shown = self.now.subscribe();
        // The sender lives as long as `self`.
        let _ = shown.wait_for(|now| *now >= instant).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_wakes_when_the_clock_has_been_turned_far_enough() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        let waits = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock
                    .sleep_until("2026-01-02T00:00:00Z".parse().unwrap())
                    .await;
                clock.now()
            }
        });
        clock.turn_to("2026-01-01T12:00:00Z".parse().unwrap());
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        clock.turn_to("2026-01-03T00:00:00Z".parse().unwrap());
        assert_eq!(waits.await.unwrap().to_string(), "2026-01-03T00:00:00Z");
    }

    #[test]
    fn it_never_goes_back() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = ManualClock::new(start);
        clock.turn_to("2025-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.now(), start);
    }
}
