//! Reading rows of runs.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::audit::Actor;
use crate::database::{DatabaseError, instant};
use crate::directory::Mode;
use crate::work::record::{AskedMode, Changed, Holdings, Run, RunStatus, Trigger, TriggerKind};

/// Reads a row of `run`.
pub(in crate::work) fn run(row: &SqliteRow) -> Result<Run, DatabaseError> {
    let optional = |column: &str| -> Result<Option<String>, sqlx::Error> { row.try_get(column) };
    let when = |column: &str| -> Result<Option<Timestamp>, DatabaseError> {
        let at: Option<i64> = row.try_get(column)?;
        at.map(instant).transpose()
    };
    let stream = |name: &str, updates: bool| -> Result<Changed, DatabaseError> {
        Ok(Changed {
            added: count(row, &format!("{name}_added"))?,
            updated: if updates {
                count(row, &format!("{name}_updated"))?
            } else {
                0
            },
            removed: count(row, &format!("{name}_removed"))?,
        })
    };
    let actor = |column: &str| -> Result<Option<Actor>, DatabaseError> {
        let text = optional(column)?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    };
    let (fault, decision) = (optional("fault")?, optional("decision")?);
    let state = word(row.try_get("state")?, &RunStatus::ALL, RunStatus::word)?;
    Ok(Run {
        id: uuid(row.try_get("id")?)?,
        connector: uuid(row.try_get("connector")?)?,
        connector_name: row.try_get("connector_name")?,
        profile: uuid(row.try_get("profile")?)?,
        profile_name: row.try_get("profile_name")?,
        trigger: trigger(row)?,
        actor: actor("actor")?
            .ok_or_else(|| DatabaseError::Corrupt("a run that nobody asked for".into()))?,
        asked: word(row.try_get("asked")?, &AskedMode::ALL, AskedMode::word)?,
        mode: optional("mode")?
            .map(|mode| word(&mode, &[Mode::Snapshot, Mode::Incremental], Mode::word))
            .transpose()?,
        reason: optional("reason")?,
        state,
        queued: instant(row.try_get("queued_at")?)?,
        started: when("started_at")?,
        ended: when("ended_at")?,
        attempts: u32::try_from(count(row, "attempts")?).unwrap_or(u32::MAX),
        plugin: optional("plugin")?,
        directory_run: row.try_get("directory_run")?,
        fault: fault
            .map(|fault| serde_json::from_str(&fault))
            .transpose()?,
        retry_at: when("retry_at")?,
        cursor_kept: row.try_get("cursor_kept")?,
        users: stream("users", true)?,
        groups: stream("groups", true)?,
        memberships: stream("memberships", false)?,
        holdings: holdings(row)?,
        requests: count(row, "requests")?,
        resource_units: count(row, "resource_units")?,
        waited_ms: count(row, "waited_ms")?,
        duration_ms: count(row, "duration_ms")?,
        cancelled_by: actor("cancelled_by")?,
        decision: decision
            .map(|decision| serde_json::from_str(&decision))
            .transpose()?,
        superseded_by: optional("superseded_by")?.map(|id| uuid(&id)).transpose()?,
    })
}

fn holdings(row: &SqliteRow) -> Result<Option<Holdings>, DatabaseError> {
    let known: Option<i64> = row.try_get("users_held")?;
    if known.is_none() {
        return Ok(None);
    }
    Ok(Some(Holdings {
        users: count(row, "users_held")?,
        groups: count(row, "groups_held")?,
        memberships: count(row, "memberships_held")?,
    }))
}

fn trigger(row: &SqliteRow) -> Result<Trigger, DatabaseError> {
    let lacking = || DatabaseError::Corrupt("a run's trigger without its facts".into());
    let kind = word(
        row.try_get("trigger")?,
        &TriggerKind::ALL,
        TriggerKind::word,
    )?;
    Ok(match kind {
        TriggerKind::Schedule => Trigger::Schedule {
            occurrence: instant(
                row.try_get::<Option<i64>, _>("occurrence")?
                    .ok_or_else(lacking)?,
            )?,
            missed: count(row, "missed")?,
        },
        TriggerKind::Manual => Trigger::Manual,
        TriggerKind::Retry => Trigger::Retry {
            of: uuid(
                &row.try_get::<Option<String>, _>("retry_of")?
                    .ok_or_else(lacking)?,
            )?,
        },
    })
}

/// The value of a word.
pub(super) fn word<T: Copy>(
    text: &str,
    all: &[T],
    word_of: impl Fn(T) -> &'static str,
) -> Result<T, DatabaseError> {
    all.iter()
        .copied()
        .find(|value| word_of(*value) == text)
        .ok_or_else(|| DatabaseError::Corrupt(format!("the word {text:?} of a run")))
}

/// An identifier.
pub(in crate::work) fn uuid(text: &str) -> Result<Uuid, DatabaseError> {
    Uuid::parse_str(text).map_err(|error| DatabaseError::Corrupt(error.to_string()))
}

/// A count, which is never negative.
pub(in crate::work) fn count(row: &SqliteRow, column: &str) -> Result<u64, DatabaseError> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|_| DatabaseError::Corrupt(format!("{column} below zero")))
}

/// A count as it is kept.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
