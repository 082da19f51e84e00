//! What a run did, for people and for pipelines.

use serde::Serialize;

use crate::contract::{Fault, FaultKind, Problem};
use crate::directory::{Mode, Removals, RunState, Tally};
use crate::egress::Usage;
use crate::limits::{Guard, Limits};
use crate::plugin::LogLine;

use super::Reading;

/// The report of a run. As JSON it is a stable format: fields are added, never changed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Name of the connector.
    pub connector: String,
    /// `name@version` of the plugin.
    pub plugin: String,
    /// Whether the run failed, in whole or in part, for a reason that lies with this version of the
    /// plugin rather than with settings, credentials, permissions or the weather.
    pub plugin_at_fault: bool,
    /// How it ended.
    pub state: RunState,
    /// Its kind.
    pub mode: Mode,
    /// Why it is of this kind.
    pub reason: String,
    /// Whether it went on from where an earlier process had stopped.
    pub resumed: bool,
    /// The plugin's strategy and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Mistakes in the settings or the transform map.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Counts by stream, and groups whose members could not be read.
    #[serde(flatten)]
    pub tally: Tally,
    /// Pages that were stored.
    pub pages: u64,
    /// Parts of the work that were given up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// Parts of the work that were given up, beyond those told.
    pub failures_dropped: u64,
    /// In a held run: what it would remove.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removals: Option<Removals>,
    /// In a held run: what it may remove without being held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// Use of the network.
    pub network: Usage,
    /// Requests that failed or were throttled, and pages that were read again.
    pub retries: u64,
    /// Most linear memory that one instance had, in bytes.
    pub peak_instance_memory: usize,
    /// What the plugin used of each of its limits.
    pub limits: Vec<LimitUse>,
    /// Milliseconds from beginning to end, of this process.
    pub duration_ms: u64,
    /// Messages of the plugin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// Messages beyond those kept.
    pub log_dropped: u64,
}

/// Whether any of these faults lies with the plugin: it broke down, broke the contract, met a limit, or
/// could make nothing of what it read.
pub(super) fn plugin_at_fault(fault: Option<&Fault>, failures: &[Failure]) -> bool {
    let given_up = failures.iter().map(|failure| &failure.fault);
    fault.into_iter().chain(given_up).any(|fault| {
        let from_host = ["run.", "host.", "egress."]
            .iter()
            .any(|area| fault.code.starts_with(area));
        !from_host && matches!(fault.kind, FaultKind::Protocol | FaultKind::Permanent)
    })
}

/// A partition that was given up.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its title.
    pub partition: String,
    /// Why.
    pub fault: Fault,
}

/// What a run used of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitUse {
    /// The limit's name in the operator's configuration.
    pub limit: &'static str,
    /// The most that was used, or the sum where the limit is one of the whole run.
    pub used: u64,
    /// What may be used.
    pub allowed: u64,
}

/// Use and limit side by side, for every limit whose use is known.
pub(super) fn limit_uses(
    limits: &Limits,
    reading: &Reading,
    network: &Usage,
    log_lines: usize,
) -> Vec<LimitUse> {
    let call = reading.peaks.call;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    [
        ("memory", count(call.memory), count(limits.memory)),
        ("cpuMs", call.cpu_ms, limits.cpu_ms),
        ("wallMs", call.wall_ms, limits.wall_ms),
        ("requests", network.attempts, limits.requests),
        (
            "inFlightRequests",
            count(network.in_flight_peak),
            count(limits.in_flight_requests),
        ),
        (
            "responseBytes",
            network.largest_response,
            limits.response_bytes,
        ),
        (
            "totalResponseBytes",
            network.bytes_received,
            limits.total_response_bytes,
        ),
        (
            "pageChanges",
            count(call.emitted.changes),
            count(limits.page_changes),
        ),
        (
            "pageMembers",
            count(call.emitted.members),
            count(limits.page_members),
        ),
        (
            "pageBytes",
            count(call.emitted.bytes),
            count(limits.page_bytes),
        ),
        ("totalChanges", reading.changes, limits.total_changes),
        ("totalBytes", reading.bytes, limits.total_bytes),
        ("partitions", reading.partitions, limits.partitions),
        (
            "partitionBytes",
            reading.partition_bytes,
            limits.partition_bytes,
        ),
        ("pages", reading.peaks.pages, limits.pages),
        ("logLines", count(log_lines), count(limits.log_lines)),
    ]
    .into_iter()
    .map(|(limit, used, allowed)| LimitUse {
        limit,
        used,
        allowed,
    })
    .collect()
}

/// Exit code: everything was read and stored.
pub const EXIT_PROCESSED: u8 = 0;
/// Exit code: anything that has no code of its own.
pub const EXIT_FAILED: u8 = 1;
/// Exit code: settings, credentials or permissions are wrong.
pub const EXIT_CONFIGURATION: u8 = 2;
/// Exit code: processed in part.
pub const EXIT_PARTIAL: u8 = 3;
/// Exit code: held by the mass-change guard.
pub const EXIT_HELD: u8 = 4;

/// [`Report::reason`] of a run that never was one.
pub(crate) const NOT_BEGUN: &str = "not begun";

impl Report {
    /// Whether the directory has a run that this tells of.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.reason != NOT_BEGUN
    }

    /// The exit code of a command that made this run.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.state {
            RunState::Processed => EXIT_PROCESSED,
            RunState::Partial => EXIT_PARTIAL,
            RunState::Held => EXIT_HELD,
            RunState::Failed
            | RunState::Processing
            | RunState::Rejected
            | RunState::Superseded
            | RunState::Cancelled
            | RunState::Interrupted => match &self.fault {
                _ if !self.problems.is_empty() => EXIT_CONFIGURATION,
                Some(fault) => exit_code_of(fault),
                None => EXIT_FAILED,
            },
        }
    }
}

/// The exit code of a command that ended with a fault.
#[must_use]
pub fn exit_code_of(fault: &Fault) -> u8 {
    match fault.kind {
        FaultKind::Configuration | FaultKind::Authentication | FaultKind::Permission => {
            EXIT_CONFIGURATION
        }
        _ => EXIT_FAILED,
    }
}
