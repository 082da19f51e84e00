//! How long a guest computes.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Adds up the time in which a future is polled. A guest computes only then, and so does the host
/// for it; what it waits for costs nothing, however often it wakes.
#[derive(Debug, Default)]
pub(super) struct Stopwatch(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    spent: Duration,
    /// Since when it runs.
    since: Option<Instant>,
}

impl Stopwatch {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reset(&self) {
        *self.reading() = Reading::default();
    }

    /// The time so far, also while it runs.
    pub(super) fn spent(&self) -> Duration {
        let reading = self.reading();
        let running = reading.since.map(|since| since.elapsed());
        reading.spent + running.unwrap_or_default()
    }

    /// Runs a future with the watch.
    pub(super) async fn time<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            self.reading().since = Some(Instant::now());
            let poll = future.as_mut().poll(context);
            let mut reading = self.reading();
            let running = reading.since.take().map(|since| since.elapsed());
            reading.spent += running.unwrap_or_default();
            poll
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_work_does() {
        let watch = Stopwatch::default();
        watch
            .time(tokio::time::sleep(Duration::from_millis(300)))
            .await;
        assert!(watch.spent() < Duration::from_millis(250), "{watch:?}");
        watch
            .time(async {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(20) {}
                assert!(watch.spent() >= Duration::from_millis(20), "{watch:?}");
            })
            .await;
        assert!(watch.spent() >= Duration::from_millis(20), "{watch:?}");
        watch.reset();
        assert_eq!(watch.spent(), Duration::ZERO);
    }
}
