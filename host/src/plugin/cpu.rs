//! The CPU time of a call.
//!
//! A guest runs only while its call is polled, and waits for the host in between. So the thread's CPU
//! time over all polls is the call's own, however often it waits and whatever else the machine does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts CPU time; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct CpuClock(Arc<Counts>);

/// In nanoseconds.
#[derive(Debug, Default)]
struct Counts {
    /// Of polls that have ended.
    before: AtomicU64,
    /// The thread's time when the poll under way began.
    since: AtomicU64,
}

impl CpuClock {
    /// Begins anew.
    pub(super) fn reset(&self) {
        self.0.before.store(0, Ordering::Relaxed);
        self.0.since.store(0, Ordering::Relaxed);
    }

    /// The time so far. During a poll only by the thread that polls.
    pub(super) fn used(&self) -> Duration {
        let under_way = match self.0.since.load(Ordering::Relaxed) {
            0 => 0,
            since => thread_time().saturating_sub(since),
        };
        Duration::from_nanos(
            self.0
                .before
                .load(Ordering::Relaxed)
                .saturating_add(under_way),
        )
    }

    /// Counts while `call` is polled.
    pub(super) fn during<F>(&self, call: F) -> Counted<F> {
        Counted {
            clock: self.clone(),
            call: Box::pin(call),
        }
    }
}

/// A call whose CPU time is counted.
pub(super) struct Counted<F> {
    clock: CpuClock,
    call: Pin<Box<F>>,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let clock = self.clock.clone();
        clock.0.since.store(thread_time().max(1), Ordering::Relaxed);
        let outcome = self.call.as_mut().poll(context);
        let used = u64::try_from(clock.used().as_nanos()).unwrap_or(u64::MAX);
        clock.0.before.store(used, Ordering::Relaxed);
        clock.0.since.store(0, Ordering::Relaxed);
        outcome
    }
}

/// CPU time of this thread, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(time: Duration) {
        let end = thread_time() + u64::try_from(time.as_nanos()).unwrap();
        while thread_time() < end {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let clock = CpuClock::default();
        clock
            .during(async {
                compute(Duration::from_millis(20));
                tokio::time::sleep(Duration::from_millis(200)).await;
                compute(Duration::from_millis(20));
                assert!(
                    clock.used() >= Duration::from_millis(40),
                    "seen from inside"
                );
            })
            .await;
        let used = clock.used();
        assert!(used >= Duration::from_millis(40), "{used:?}");
        assert!(used < Duration::from_millis(200), "{used:?}");
        clock.reset();
        assert_eq!(clock.used(), Duration::ZERO);
    }
}
