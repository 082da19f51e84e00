//! How work is done: every number in one place.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an operator decides about runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkPolicy {
    /// How many runs go on at the same time; others wait in the order in which they were asked for.
    pub concurrent_runs: usize,
    /// How long to wait before a run that failed for a passing reason is tried once more, in milliseconds.
    pub retry_wait_ms: u64,
    /// How often a run may be under way when its process dies before it is given up.
    pub crashes: u32,
    /// For how many days ended runs are kept with their reports and logs.
    pub keep_days: u32,
    /// How many of a connector's runs are kept however old they are.
    pub keep_last: u32,
    /// Days after which a connector's cursor is told to be old. Entra's lives for seven.
    pub token_warn_days: u32,
    /// How many may watch events at the same time.
    pub streams: usize,
}

impl Default for WorkPolicy {
    fn default() -> Self {
        Self {
            concurrent_runs: 4,
            retry_wait_ms: 300_000,
            crashes: 3,
            keep_days: 90,
            keep_last: 100,
            token_warn_days: 5,
            streams: 200,
        }
    }
}

/// The longest wait before a retry, whatever the source asks for.
const LONGEST_RETRY: Duration = Duration::from_secs(3_600);

impl WorkPolicy {
    /// The wait before a retry, where the source asked for at least so many milliseconds.
    pub(super) fn retry_wait(&self, asked_ms: Option<u64>) -> Duration {
        let wait = self.retry_wait_ms.max(asked_ms.unwrap_or_default());
        Duration::from_millis(wait).min(LONGEST_RETRY)
    }

    /// At least one run at a time.
    pub(super) fn concurrent(&self) -> usize {
        self.concurrent_runs.max(1)
    }
}
