//! What is known of a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audit::Actor;
use crate::contract::{self, FaultKind};
use crate::directory::{ConnectorRecord, Mode, Verdict};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It waits for its turn; also one that goes on after a restart.
    Queued,
    /// It goes on.
    Processing,
    /// Everything was read and stored.
    Processed,
    /// It ended, but something could not be read.
    Partial,
    /// It ended with a fault.
    Failed,
    /// It would remove too much and waits for a decision.
    Held,
    /// It was held, and its removals were rejected.
    Rejected,
    /// It was held, and a newer run began before anyone had decided.
    Superseded,
    /// Someone ended it before it was done.
    Cancelled,
}

impl RunStatus {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Processing,
        Self::Processed,
        Self::Partial,
        Self::Failed,
        Self::Held,
        Self::Rejected,
        Self::Superseded,
        Self::Cancelled,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Processed => "processed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it waits or goes on.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Processing)
    }

    /// Whether what it read counts.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Processed | Self::Partial)
    }
}

/// What asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Trigger {
    /// The profile's schedule.
    Schedule {
        /// The time that it is for, without the schedule's delay.
        #[schema(value_type = String, format = DateTime)]
        occurrence: Timestamp,
        /// Earlier occurrences without a run, which won't get one, counted up to 1000.
        missed: u64,
    },
    /// Somebody.
    Manual,
    /// The failure of an earlier run, for a reason that passes.
    Retry {
        /// The run that failed.
        of: Uuid,
    },
}

/// What a list of runs knows a trigger by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerKind {
    /// [`Trigger::Schedule`].
    Schedule,
    /// [`Trigger::Manual`].
    Manual,
    /// [`Trigger::Retry`].
    Retry,
}

impl TriggerKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Manual, Self::Retry];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Retry => "retry",
        }
    }
}

impl Trigger {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> TriggerKind {
        match self {
            Self::Schedule { .. } => TriggerKind::Schedule,
            Self::Manual => TriggerKind::Manual,
            Self::Retry { .. } => TriggerKind::Retry,
        }
    }

    /// For the record of a connector's states.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Schedule { missed: 0, .. } => "It was time by the schedule".into(),
            Self::Schedule { missed, .. } => {
                format!("It was time by the schedule; {missed} earlier runs were missed")
            }
            Self::Manual => "Someone asked for a run".into(),
            Self::Retry { .. } => "The run before failed for a reason that passes".into(),
        }
    }
}

/// The kind of run that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AskedMode {
    /// A snapshot at first, incremental after.
    #[default]
    Auto,
    /// A snapshot.
    Snapshot,
}

impl AskedMode {
    pub(super) const ALL: [Self; 2] = [Self::Auto, Self::Snapshot];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Snapshot => "snapshot",
        }
    }
}

/// Changes of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// New ones.
    pub added: u64,
    /// Those whose name or document changed; always 0 for memberships.
    pub updated: u64,
    /// Those removed, or, in a held run, kept back.
    pub removed: u64,
}

/// What a connector holds: what of what it brought is visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holdings {
    /// Users, without hidden ones.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Direct memberships, without those of hidden users.
    pub memberships: u64,
}

impl From<&ConnectorRecord> for Holdings {
    fn from(record: &ConnectorRecord) -> Self {
        Self {
            users: record.users,
            groups: record.groups,
            memberships: record.memberships,
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunFault {
    /// Who must act: `configuration`, `authentication`, `permission`, `throttled`, `cursor-expired`,
    /// `transient`, `protocol` or `permanent`.
    pub kind: String,
    /// Stable word to search for.
    pub code: String,
    /// What happened and what it means.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The setting to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
}

impl From<&contract::Fault> for RunFault {
    fn from(fault: &contract::Fault) -> Self {
        let kind = match fault.kind {
            FaultKind::Configuration => "configuration",
            FaultKind::Authentication => "authentication",
            FaultKind::Permission => "permission",
            FaultKind::Throttled(_) => "throttled",
            FaultKind::CursorExpired => "cursor-expired",
            FaultKind::Transient => "transient",
            FaultKind::Protocol => "protocol",
            FaultKind::Permanent => "permanent",
        };
        Self {
            kind: kind.into(),
            code: fault.code.clone(),
            message: fault.message.clone(),
            remedy: fault.remedy.clone(),
            setting: fault.setting.clone(),
        }
    }
}

/// What was decided about a held run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunDecision {
    /// What was decided.
    pub verdict: Verdict,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Identifier; those of later runs are greater.
    pub id: Uuid,
    /// The connector.
    pub connector: Uuid,
    /// Name of the connector when the run was asked for.
    pub connector_name: String,
    /// The profile.
    pub profile: Uuid,
    /// Name of the profile when the run was asked for.
    pub profile_name: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// Who asked for it.
    pub actor: Actor,
    /// The kind that was asked for.
    pub asked: AskedMode,
    /// The kind that it was; known at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why it was of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands.
    pub state: RunStatus,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub queued: Timestamp,
    /// When it began first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// How often it began: more than once where the host was restarted meanwhile.
    pub attempts: u32,
    /// `name@version` of the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Its key in the directory, where its removals and membership changes are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory_run: Option<i64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<RunFault>,
    /// When it will be tried again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retry_at: Option<Timestamp>,
    /// Whether the next run starts from its cursor.
    pub cursor_kept: bool,
    /// Users.
    pub users: Changed,
    /// Groups.
    pub groups: Changed,
    /// Direct memberships.
    pub memberships: Changed,
    /// What the connector held at its end; absent where it didn't get as far as the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdings: Option<Holdings>,
    /// Requests to the source.
    pub requests: u64,
    /// What they cost in units of the vendor's quota.
    pub resource_units: u64,
    /// Milliseconds for which the quota held requests back.
    pub waited_ms: u64,
    /// Milliseconds from its last beginning to its end.
    pub duration_ms: u64,
    /// Who ended it, or wants it to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<Actor>,
    /// What was decided, if it was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RunDecision>,
    /// The run that took its place, if it was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<Uuid>,
}

impl Run {
    /// Memberships that it removed. What its guard kept back has not gone.
    #[must_use]
    pub fn memberships_gone(&self) -> u64 {
        match self.state {
            RunStatus::Held | RunStatus::Rejected | RunStatus::Superseded => 0,
            _ => self.memberships.removed,
        }
    }
}

/// An occurrence of a schedule for which there was no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// The profile.
    pub profile: Uuid,
    /// Its name.
    pub profile_name: String,
    /// The occurrence, without the schedule's delay.
    #[schema(value_type = String, format = DateTime)]
    pub occurrence: Timestamp,
    /// Why.
    pub reason: String,
    /// The run that was in its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// When that was found out.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}
