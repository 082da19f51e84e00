//! Runs in the control database. Every function is a part of its caller's transaction.

mod held;
pub(super) mod log;
mod row;

use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::record::{AskedMode, Changed, Holdings, Run, RunFault, RunStatus, Trigger};
use crate::audit::Actor;
use crate::database::{DatabaseError, millis};
use crate::directory::Mode;

pub(super) use held::{decided, half_decided, held_of, note_decision, supersede};
use row::signed;
pub(super) use row::{count, run, uuid};

/// A run to be queued.
#[derive(Debug, Clone)]
pub(super) struct NewRun {
    pub(super) connector: Uuid,
    pub(super) connector_name: String,
    pub(super) profile: Uuid,
    pub(super) profile_name: String,
    pub(super) trigger: Trigger,
    pub(super) asked: AskedMode,
    pub(super) actor: Actor,
    pub(super) at: Timestamp,
}

/// What is known of a run once it has ended.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) state: RunStatus,
    pub(super) mode: Option<Mode>,
    pub(super) reason: Option<String>,
    pub(super) plugin: Option<String>,
    pub(super) directory_run: Option<i64>,
    pub(super) fault: Option<RunFault>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) cursor_kept: bool,
    pub(super) users: Changed,
    pub(super) groups: Changed,
    pub(super) memberships: Changed,
    pub(super) holdings: Option<Holdings>,
    pub(super) requests: u64,
    pub(super) resource_units: u64,
    pub(super) waited_ms: u64,
    pub(super) duration_ms: u64,
    pub(super) report: Option<Value>,
}

impl Ending {
    /// An end of which nothing more is known.
    pub(super) fn bare(state: RunStatus) -> Self {
        Self {
            state,
            mode: None,
            reason: None,
            plugin: None,
            directory_run: None,
            fault: None,
            retry_at: None,
            cursor_kept: false,
            users: Changed::default(),
            groups: Changed::default(),
            memberships: Changed::default(),
            holdings: None,
            requests: 0,
            resource_units: 0,
            waited_ms: 0,
            duration_ms: 0,
            report: None,
        }
    }
}

/// Queues a run. The caller has made sure that the connector has no open one.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: &NewRun,
) -> Result<Run, DatabaseError> {
    let id = Uuid::now_v7();
    let (occurrence, missed, retry_of) = match new.trigger {
        Trigger::Schedule { occurrence, missed } => {
            (Some(millis(occurrence)), Some(signed(missed)), None)
        }
        Trigger::Manual => (None, None, None),
        Trigger::Retry { of } => (None, None, Some(of.to_string())),
    };
    forget_retry(connection, new.connector).await?;
    sqlx::query(
        "INSERT INTO run (id, connector, connector_name, profile, profile_name, trigger, occurrence, \
         missed, retry_of, asked, state, actor, queued_at) \
         VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, (SELECT occurrence FROM run WHERE id = $9)), $8, \
         $9, $10, 'queued', $11, $12)",
    )
    .bind(id.to_string())
    .bind(new.connector.to_string())
    .bind(&new.connector_name)
    .bind(new.profile.to_string())
    .bind(&new.profile_name)
    .bind(new.trigger.kind().word())
    .bind(occurrence)
    .bind(missed)
    .bind(retry_of)
    .bind(new.asked.word())
    .bind(serde_json::to_string(&new.actor)?)
    .bind(millis(new.at))
    .execute(&mut *connection)
    .await?;
    get(connection, id)
        .await?
        .ok_or_else(|| DatabaseError::Corrupt("a run that was just stored is not there".into()))
}

/// A run.
pub(super) async fn get(
    connection: &mut SqliteConnection,
    id: Uuid,
) -> Result<Option<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(run)
        .transpose()
}

/// The report of a run, if it has one.
pub(super) async fn report(
    connection: &mut SqliteConnection,
    id: Uuid,
) -> Result<Option<Value>, DatabaseError> {
    let text: Option<String> = sqlx::query_scalar("SELECT report FROM run_report WHERE run = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// The open run of a connector.
pub(super) async fn open_of(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Option<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE connector = $1 AND state IN ('queued', 'processing')")
        .bind(connector.to_string())
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(run)
        .transpose()
}

/// All open runs, in the order in which they were asked for.
pub(super) async fn open(connection: &mut SqliteConnection) -> Result<Vec<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE state IN ('queued', 'processing') ORDER BY id")
        .fetch_all(connection)
        .await?
        .iter()
        .map(run)
        .collect()
}

/// Takes a queued run into hand. Only one taker succeeds.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    id: Uuid,
    owner: Uuid,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE run SET state = 'processing', owner = $2, attempts = attempts + 1, \
         started_at = coalesce(started_at, $3) WHERE id = $1 AND state = 'queued'",
    )
    .bind(id.to_string())
    .bind(owner.to_string())
    .bind(millis(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a run that somebody has in hand back into the queue.
pub(super) async fn release(
    connection: &mut SqliteConnection,
    id: Uuid,
    owner: Uuid,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE run SET state = 'queued', owner = NULL \
         WHERE id = $1 AND owner = $2 AND state = 'processing'",
    )
    .bind(id.to_string())
    .bind(owner.to_string())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a run that `owner` has in hand, or, without an owner, one that waits. Tells whether it was so.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    id: Uuid,
    owner: Option<Uuid>,
    at: Timestamp,
    ending: &Ending,
) -> Result<bool, DatabaseError> {
    let fault = ending
        .fault
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let done = sqlx::query(
        "UPDATE run SET state = $3, ended_at = $4, mode = $5, reason = $6, plugin = $7, \
         directory_run = $8, fault = $9, fault_code = $10, retry_at = $11, cursor_kept = $12, \
         users_added = $13, users_updated = $14, users_removed = $15, groups_added = $16, \
         groups_updated = $17, groups_removed = $18, memberships_added = $19, \
         memberships_removed = $20, requests = $21, resource_units = $22, waited_ms = $23, \
         duration_ms = $24, users_held = $25, groups_held = $26, memberships_held = $27, owner = NULL, \
         cancelled_by = CASE WHEN $3 = 'cancelled' THEN cancelled_by END \
         WHERE id = $1 AND (($2 IS NULL AND state = 'queued') OR (owner = $2 AND state = 'processing'))",
    )
    .bind(id.to_string())
    .bind(owner.map(|owner| owner.to_string()))
    .bind(ending.state.word())
    .bind(millis(at))
    .bind(ending.mode.map(Mode::word))
    .bind(&ending.reason)
    .bind(&ending.plugin)
    .bind(ending.directory_run)
    .bind(fault)
    .bind(ending.fault.as_ref().map(|fault| &fault.code))
    .bind(ending.retry_at.map(millis))
    .bind(ending.cursor_kept)
    .bind(signed(ending.users.added))
    .bind(signed(ending.users.updated))
    .bind(signed(ending.users.removed))
    .bind(signed(ending.groups.added))
    .bind(signed(ending.groups.updated))
    .bind(signed(ending.groups.removed))
    .bind(signed(ending.memberships.added))
    .bind(signed(ending.memberships.removed))
    .bind(signed(ending.requests))
    .bind(signed(ending.resource_units))
    .bind(signed(ending.waited_ms))
    .bind(signed(ending.duration_ms))
    .bind(ending.holdings.map(|held| signed(held.users)))
    .bind(ending.holdings.map(|held| signed(held.groups)))
    .bind(ending.holdings.map(|held| signed(held.memberships)))
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(report) = &ending.report {
        sqlx::query("INSERT OR REPLACE INTO run_report (run, report) VALUES ($1, $2)")
            .bind(id.to_string())
            .bind(report.to_string())
            .execute(connection)
            .await?;
    }
    Ok(true)
}

/// Failed runs that are to be tried once more, the earliest first.
pub(super) async fn to_retry(connection: &mut SqliteConnection) -> Result<Vec<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE retry_at IS NOT NULL ORDER BY retry_at")
        .fetch_all(connection)
        .await?
        .iter()
        .map(run)
        .collect()
}

/// A connector's failed runs are not tried again.
pub(super) async fn forget_retry(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE run SET retry_at = NULL WHERE connector = $1 AND retry_at IS NOT NULL")
        .bind(connector.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes who wants a run to end.
pub(super) async fn want_cancelled(
    connection: &mut SqliteConnection,
    id: Uuid,
    actor: &Actor,
) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE run SET cancelled_by = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(serde_json::to_string(actor)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Runs that others had in hand when they died; `crashes` counts how often that was so, this time
/// included.
pub(super) async fn orphans(
    connection: &mut SqliteConnection,
    owner: Uuid,
) -> Result<Vec<(Run, u32)>, DatabaseError> {
    sqlx::query(
        "UPDATE run SET crashes = crashes + 1 \
         WHERE state = 'processing' AND owner IS NOT $1 RETURNING *",
    )
    .bind(owner.to_string())
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        Ok((
            run(row)?,
            u32::try_from(row.try_get::<i64, _>("crashes")?).unwrap_or(u32::MAX),
        ))
    })
    .collect()
}

/// Makes a run one's own, whoever had it.
pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    id: Uuid,
    owner: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE run SET owner = $2 WHERE id = $1 AND state = 'processing'")
        .bind(id.to_string())
        .bind(owner.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
