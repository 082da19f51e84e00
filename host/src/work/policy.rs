//! How work is done: every number in one place.

use std::time::Duration;

use crate::config::section::section;

section! {
    /// How many runs there are at a time, when they are tried again, and how long they are remembered.
    pub struct RunPolicy at "runs" {
        /// Runs that are carried out at the same time; others wait in the order in which they were asked for.
        pub concurrent: usize = 4;
        /// How long to wait before a run that failed for a passing reason is tried once more.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        pub retry_wait: Duration = Duration::from_secs(300);
        /// How often the host may die in the middle of a run before that run is given up.
        pub crashes: u32 = 3;
        /// Days for which a run that has ended is kept with its report and log.
        pub keep_days: u32 = 90;
        /// Runs of each connector that are kept however old they are.
        pub keep_last: u32 = 100;
        /// Days after which a connector's cursor is told to be old. Entra's live for seven.
        pub token_warn_days: u32 = 5;
        /// How many may watch events at the same time; a page that is open is one.
        pub watchers: usize = 200;
    }
}

/// The longest wait before a retry, whatever the source asks for.
const LONGEST_RETRY: Duration = Duration::from_secs(3_600);

impl RunPolicy {
    /// The wait before a retry, where the source asked for at least so many milliseconds.
    pub(super) fn retry_wait(&self, asked_ms: Option<u64>) -> Duration {
        let asked = Duration::from_millis(asked_ms.unwrap_or_default());
        self.retry_wait.max(asked.min(LONGEST_RETRY))
    }

    /// At least one run at a time.
    pub(super) fn at_once(&self) -> usize {
        self.concurrent.max(1)
    }
}
