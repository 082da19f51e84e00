//! Every limit in one place: what a plugin may use, and how patient a run is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a plugin may use. Everything has a default; nothing is unlimited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one instance, in bytes, all its memories together.
    pub memory: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// CPU time of one call, in milliseconds.
    pub cpu_ms: u64,
    /// Wall-clock time of one call, in milliseconds; time spent waiting for the vendor's quota included.
    pub wall_ms: u64,
    /// Wall-clock and CPU time of `describe`, in milliseconds.
    pub describe_ms: u64,
    /// Instances that work at the same time. One partition is read by one instance.
    pub in_flight: usize,
    /// Requests of one run.
    pub requests: u64,
    /// Bytes of one request's body.
    pub request_bytes: usize,
    /// Bytes of one response, after decompression.
    pub response_bytes: u64,
    /// Bytes of all responses of a run, after decompression.
    pub total_response_bytes: u64,
    /// Changes in one page.
    pub page_changes: usize,
    /// Members in one page.
    pub page_members: usize,
    /// Bytes that one page emits: names, documents, identifiers.
    pub page_bytes: usize,
    /// Bytes of one document.
    pub document_bytes: usize,
    /// Bytes of a checkpoint, a cursor piece or a partition's state.
    pub state_bytes: usize,
    /// Partitions of one run.
    pub partitions: u64,
    /// Pages of one partition.
    pub pages: u64,
    /// Log lines of one run that are kept.
    pub log_lines: usize,
    /// Bytes of one log line that are kept.
    pub log_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            table_elements: 100_000,
            cpu_ms: 10_000,
            wall_ms: 300_000,
            describe_ms: 1_000,
            in_flight: 32,
            requests: 10_000_000,
            request_bytes: 1 << 20,
            response_bytes: 32 << 20,
            total_response_bytes: 1 << 40,
            page_changes: 20_000,
            page_members: 100_000,
            page_bytes: 32 << 20,
            document_bytes: 256 << 10,
            state_bytes: 64 << 10,
            partitions: 1_000_000,
            pages: 1_000_000,
            log_lines: 1_000,
            log_line_bytes: 4 << 10,
        }
    }
}

/// How patient a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Patience {
    /// How often a page is read again after a transient fault before its partition is given up.
    pub transient_retries: u32,
    /// First wait after a transient fault, in milliseconds; doubles each time.
    pub transient_wait_ms: u64,
    /// How often in a row a page may be throttled before its partition is given up.
    pub throttled_retries: u32,
    /// Longest wait of any kind, in milliseconds.
    pub longest_wait_ms: u64,
    /// How often one run may begin anew as a snapshot because its cursor was of no use.
    pub restarts: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            transient_retries: 5,
            transient_wait_ms: 1_000,
            throttled_retries: 30,
            longest_wait_ms: 600_000,
            restarts: 2,
        }
    }
}

/// When the mass-change guard holds a run: where it would remove more than `share` *and* more than
/// `count` of the users, the groups or the memberships.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Guard {
    /// Share of what is held, from 0 to 1.
    pub share: f64,
    /// Count below which nothing is ever held.
    pub count: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            share: 0.2,
            count: 50,
        }
    }
}

impl Limits {
    /// The deadline of one call.
    pub(crate) fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }
}
