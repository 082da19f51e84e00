//! The facts about connectors that pages and metrics show first.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::assignments::Assignment;
use super::error::WorkError;
use super::record::{Run, Skipped};
use super::scheduler::{considered, last_snapshot};
use super::state::{self, Standing};
use super::{Work, list, store};
use crate::database::{DatabaseError, instant};
use crate::directory::Mode;
use crate::schedule::preview;

/// How many skipped occurrences an overview tells.
const SKIPPED: u32 = 5;

/// How things stand with a connector.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The connector.
    pub connector: Uuid,
    /// Where it stands.
    pub standing: Standing,
    /// When it came to each state the last time, the earliest first; states that it was never in, or so long ago
    /// that it is forgotten, are left out.
    pub reached: Vec<Standing>,
    /// The run that waits or goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Run>,
    /// The newest run that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Run>,
    /// The newest run that succeeded, wholly or in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Run>,
    /// The run that comes next by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextRun>,
    /// The next run of each profile that has one, the earliest first.
    pub scheduled: Vec<NextRun>,
    /// Where the next incremental run starts; absent where none is possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenAge>,
    /// How many runs are kept, by their state.
    pub runs: BTreeMap<String, u64>,
    /// The latest occurrences for which there was no run, newest first.
    pub skipped: Vec<Skipped>,
}

/// A run that comes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextRun {
    /// Of this profile; absent where a failed run is tried once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Uuid>,
    /// Name of the profile.
    pub profile_name: String,
    /// When, with the schedule's delay.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The time that it is for, as people in the schedule's zone read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// As what it goes if nothing comes between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

/// How old a connector's cursor is. Sources let cursors expire: then the next run is a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenAge {
    /// When the run began that left it.
    #[schema(value_type = String, format = DateTime)]
    pub taken: Timestamp,
    /// Seconds since then.
    pub age_seconds: i64,
    /// Whether that is more than the policy's `tokenWarnDays`.
    pub old: bool,
}

impl Work {
    /// How things stand with these connectors, in this order; those that don't exist are left out.
    ///
    /// # Errors
    /// Where the database fails, or the catalogue can't tell what is scheduled.
    pub async fn overview(&self, connectors: &[Uuid]) -> Result<Vec<Overview>, WorkError> {
        let assignments = self.core.assignments.scheduled().await?;
        let now = self.core.clock.now();
        let warn_days = i64::from(self.core.policy.token_warn_days);
        self.core
            .database
            .read(async |connection| {
                let considered = considered(connection).await?;
                let mut overviews = Vec::with_capacity(connectors.len());
                for connector in connectors {
                    let Some(standing) = state::standing(connection, *connector).await? else {
                        continue;
                    };
                    let last_snapshot = last_snapshot(connection, *connector).await?;
                    let of_connector = assignments
                        .iter()
                        .filter(|assignment| assignment.connector == *connector);
                    let mut scheduled: Vec<NextRun> = of_connector
                        .filter_map(|assignment| {
                            let until = considered.get(&assignment.profile).copied();
                            next_of(assignment, until, last_snapshot)
                        })
                        .collect();
                    scheduled.sort_by_key(|next| next.at);
                    let last = newest(connection, *connector, ENDED).await?;
                    let retry = last.as_ref().and_then(retry_of);
                    overviews.push(Overview {
                        connector: *connector,
                        standing,
                        reached: state::reached(connection, *connector).await?,
                        open: store::open_of(connection, *connector).await?,
                        last_success: newest(connection, *connector, SUCCEEDED).await?,
                        next: retry
                            .into_iter()
                            .chain(scheduled.first().cloned())
                            .min_by_key(|next| next.at),
                        scheduled,
                        token: token(connection, *connector, now, warn_days).await?,
                        runs: counts(connection, *connector).await?,
                        skipped: list::skipped(connection, *connector, SKIPPED).await?,
                        last,
                    });
                }
                Ok(overviews)
            })
            .await
    }
}

fn next_of(
    assignment: &Assignment,
    considered: Option<Timestamp>,
    last_snapshot: Option<Timestamp>,
) -> Option<NextRun> {
    let since = assignment.since;
    let until = considered.map_or(since, |until| until.max(since));
    let schedule = &assignment.schedule;
    let planned = preview(schedule, assignment.baseline, last_snapshot, until, 1).pop()?;
    Some(NextRun {
        profile: Some(assignment.profile),
        profile_name: assignment.profile_name.clone(),
        at: schedule.jittered(planned.at, &assignment.profile.to_string()),
        local: Some(planned.local),
        mode: Some(planned.mode),
    })
}

fn retry_of(last: &Run) -> Option<NextRun> {
    Some(NextRun {
        profile: None,
        profile_name: last.profile_name.clone(),
        at: last.retry_at?,
        local: None,
        mode: None,
    })
}

const ENDED: &str = "SELECT * FROM run WHERE connector = $1 AND state NOT IN ('queued', 'processing') \
                     ORDER BY id DESC LIMIT 1";
const SUCCEEDED: &str = "SELECT * FROM run WHERE connector = $1 \
                         AND state IN ('processed', 'partial') ORDER BY id DESC LIMIT 1";

async fn newest(
    connection: &mut SqliteConnection,
    connector: Uuid,
    select: &'static str,
) -> Result<Option<Run>, DatabaseError> {
    sqlx::query(select)
        .bind(connector.to_string())
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(store::run)
        .transpose()
}

async fn token(
    connection: &mut SqliteConnection,
    connector: Uuid,
    now: Timestamp,
    warn_days: i64,
) -> Result<Option<TokenAge>, DatabaseError> {
    let taken: Option<i64> = sqlx::query_scalar(
        "SELECT coalesce(started_at, queued_at) FROM run WHERE connector = $1 AND cursor_kept \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(connector.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(taken) = taken.map(instant).transpose()? else {
        return Ok(None);
    };
    let age = now.duration_since(taken);
    Ok(Some(TokenAge {
        taken,
        age_seconds: age.as_secs(),
        old: age > SignedDuration::from_hours(warn_days.saturating_mul(24)),
    }))
}

async fn counts(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<BTreeMap<String, u64>, DatabaseError> {
    sqlx::query("SELECT state, count(*) AS runs FROM run WHERE connector = $1 GROUP BY state")
        .bind(connector.to_string())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("state")?, store::count(row, "runs")?)))
        .collect()
}
