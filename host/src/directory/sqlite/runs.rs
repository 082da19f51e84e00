//! Connectors, runs, partitions and cursors.

use std::collections::{BTreeMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::TryStreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::apply::{settle, stream_code};
use super::fault::{Fault, Result};
use super::labels;
use crate::directory::{
    ConnectorKey, Cursor, CursorPart, Mode, NewRun, OpenPartition, PageCommit, Partition, Run,
    RunKey, RunState, Stream,
};

/// Unix milliseconds.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|passed| i64::try_from(passed.as_millis()).ok())
        .unwrap_or_default()
}

/// The word for a mode or state, the same as in JSON.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(format!("{other} where a word is needed").into()),
    }
}

pub(super) fn decode<T: DeserializeOwned>(word: String) -> Result<T> {
    Ok(serde_json::from_value(serde_json::Value::String(word))?)
}

fn run_of(row: &SqliteRow) -> Result<Run> {
    Ok(Run {
        key: RunKey(row.try_get(0)?),
        connector: ConnectorKey(row.try_get(1)?),
        mode: decode(row.try_get(2)?)?,
        reason: row.try_get(3)?,
        plugin: row.try_get(4)?,
        fingerprint: row.try_get(5)?,
        state: decode(row.try_get(6)?)?,
        started: row.try_get(7)?,
        planned: row.try_get(8)?,
        drop_unreferenced_users: row.try_get(9)?,
        needs_snapshot: row.try_get(10)?,
    })
}

pub(super) async fn find(connection: &mut SqliteConnection, key: RunKey) -> Result<Run> {
    let row = sqlx::query(include_str!("get_run.sql"))
        .bind(key.0)
        .fetch_optional(connection)
        .await?
        .ok_or(Fault::NoRun(key))?;
    run_of(&row)
}

/// How many different objects of a stream the connector's run that goes on has stored. They are counted here, since
/// SQLite takes several times as long to find repeats in arrays.
pub(super) async fn seen(
    connection: &mut SqliteConnection,
    connector: ConnectorKey,
    stream: Stream,
) -> Result<u64> {
    let mut rows = sqlx::query_scalar::<_, String>(include_str!("seen_objects.sql"))
        .bind(connector.0)
        .bind(stream_code(stream))
        .fetch(connection);
    let mut keys: Vec<i64> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        keys.extend(serde_json::from_str::<Vec<i64>>(&row)?);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
}

/// The run, if it goes on.
pub(super) async fn going_on(connection: &mut SqliteConnection, key: RunKey) -> Result<Run> {
    let run = find(connection, key).await?;
    if run.state == RunState::Processing {
        Ok(run)
    } else {
        Err(Fault::Ended(key))
    }
}

pub(super) async fn find_unfinished(
    connection: &mut SqliteConnection,
    connector: ConnectorKey,
) -> Result<Option<Run>> {
    sqlx::query(include_str!("unfinished_run.sql"))
        .bind(connector.0)
        .fetch_optional(connection)
        .await?
        .map(|row| run_of(&row))
        .transpose()
}

pub(super) async fn connector(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<ConnectorKey> {
    sqlx::query("INSERT INTO connector (name) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    let key = sqlx::query_scalar("SELECT key FROM connector WHERE name = $1")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(ConnectorKey(key))
}

pub(super) async fn begin(connection: &mut SqliteConnection, new: &NewRun) -> Result<Run> {
    let forgotten: Option<bool> =
        sqlx::query_scalar("SELECT forgotten FROM connector WHERE key = $1")
            .bind(new.connector.0)
            .fetch_optional(&mut *connection)
            .await?;
    if forgotten != Some(false) {
        return Err(Fault::NoConnector(new.connector));
    }
    if let Some(old) = find_unfinished(connection, new.connector).await? {
        settle(connection, old.key.0).await?;
        labels::order(connection).await?;
        forget_reading(connection, old.key).await?;
        forget_outcome(connection, old.key).await?;
        sqlx::query(include_str!("give_up.sql"))
            .bind(old.key.0)
            .bind(now())
            .execute(&mut *connection)
            .await?;
    }
    supersede(connection, new.connector).await?;
    sqlx::query("UPDATE connector SET groups_path = $2 WHERE key = $1")
        .bind(new.connector.0)
        .bind(&new.groups_path)
        .execute(&mut *connection)
        .await?;
    let begun = sqlx::query(include_str!("begin_run.sql"))
        .bind(new.connector.0)
        .bind(encode(&new.mode)?)
        .bind(&new.reason)
        .bind(&new.plugin)
        .bind(&new.fingerprint)
        .bind(now())
        .execute(&mut *connection)
        .await?;
    find(connection, RunKey(begun.last_insert_rowid())).await
}

/// Takes what a held run waits with: the run that begins finds its removals again where they are still right.
async fn supersede(connection: &mut SqliteConnection, connector: ConnectorKey) -> Result<()> {
    let held: Vec<i64> =
        sqlx::query_scalar("SELECT key FROM run WHERE connector = $1 AND state = 'held'")
            .bind(connector.0)
            .fetch_all(&mut *connection)
            .await?;
    for key in held {
        forget_outcome(connection, RunKey(key)).await?;
        sqlx::query("UPDATE run SET state = $2 WHERE key = $1")
            .bind(key)
            .bind(encode(&RunState::Superseded)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn plan(
    connection: &mut SqliteConnection,
    key: RunKey,
    partitions: &[Partition],
    drop_unreferenced_users: bool,
) -> Result<()> {
    going_on(connection, key).await?;
    insert_partitions(connection, key, partitions.iter()).await?;
    sqlx::query("UPDATE run SET planned = 1, drop_unreferenced_users = $2 WHERE key = $1")
        .bind(key.0)
        .bind(drop_unreferenced_users)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn restart(
    connection: &mut SqliteConnection,
    key: RunKey,
    mode: Mode,
    reason: &str,
) -> Result<Run> {
    going_on(connection, key).await?;
    settle(connection, key.0).await?;
    forget_reading(connection, key).await?;
    forget_outcome(connection, key).await?;
    sqlx::query(include_str!("restart_run.sql"))
        .bind(key.0)
        .bind(encode(&mode)?)
        .bind(reason)
        .execute(&mut *connection)
        .await?;
    find(connection, key).await
}

/// Drops partitions and what was seen. To be settled before.
pub(super) async fn forget_reading(connection: &mut SqliteConnection, key: RunKey) -> Result<()> {
    sqlx::query(include_str!("forget_reading.sql"))
        .bind(key.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops staged removals, proofs and pieces of the cursor.
pub(super) async fn forget_outcome(connection: &mut SqliteConnection, key: RunKey) -> Result<()> {
    sqlx::query(include_str!("forget_outcome.sql"))
        .bind(key.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the run's cursor its connector's.
pub(super) async fn promote_cursor(connection: &mut SqliteConnection, run: &Run) -> Result<()> {
    sqlx::query(include_str!("promote_cursor.sql"))
        .bind(run.key.0)
        .bind(run.connector.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops the bulky parts of some old runs; returns of how many.
pub(super) async fn prune(
    connection: &mut SqliteConnection,
    before: i64,
    keep_last: u32,
) -> Result<u64> {
    let runs: Vec<i64> = sqlx::query_scalar(include_str!("prunable_runs.sql"))
        .bind(before)
        .bind(keep_last)
        .fetch_all(&mut *connection)
        .await?;
    if !runs.is_empty() {
        sqlx::query(include_str!("prune_runs.sql"))
            .bind(serde_json::to_string(&runs)?)
            .execute(connection)
            .await?;
    }
    Ok(runs.len() as u64)
}

/// Adds partitions that pages brought to light; gives each page those that are new.
pub(super) async fn add_partitions(
    connection: &mut SqliteConnection,
    key: RunKey,
    pages: &[&PageCommit],
) -> Result<Vec<Vec<Partition>>> {
    let found = pages.iter().flat_map(|page| &page.partitions);
    let mut new = insert_partitions(connection, key, found).await?;
    let of_page = |page: &&PageCommit| {
        let found = page.partitions.iter();
        let found = found.filter(|partition| new.remove(&partition.key));
        found.cloned().collect()
    };
    Ok(pages.iter().map(of_page).collect())
}

/// Gives the keys of those that weren't there.
async fn insert_partitions(
    connection: &mut SqliteConnection,
    key: RunKey,
    partitions: impl Iterator<Item = &Partition>,
) -> Result<HashSet<String>> {
    let rows: Vec<_> = partitions
        .map(|partition| {
            let Partition {
                key,
                stage,
                title,
                state,
            } = partition;
            (key, stage, title, state)
        })
        .collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let added: Vec<String> = sqlx::query_scalar(include_str!("add_partitions.sql"))
        .bind(key.0)
        .bind(serde_json::to_string(&rows)?)
        .fetch_all(connection)
        .await?;
    Ok(added.into_iter().collect())
}

/// Notes how far the partitions of pages have come, and the pages' pieces of the cursor.
pub(super) async fn move_partitions(
    connection: &mut SqliteConnection,
    key: RunKey,
    pages: &[&PageCommit],
) -> Result<()> {
    // The last page of each.
    let places: BTreeMap<&String, &Option<String>> = pages
        .iter()
        .map(|page| (&page.partition, &page.checkpoint))
        .collect();
    let moved = sqlx::query(include_str!("move_partitions.sql"))
        .bind(key.0)
        .bind(serde_json::to_string(&Vec::from_iter(&places))?)
        .execute(&mut *connection)
        .await?;
    if moved.rows_affected() < places.len() as u64 {
        let names = places.keys();
        return Err(format!("run {} lacks one of the partitions {names:?}", key.0).into());
    }
    let cursor: Vec<_> = pages
        .iter()
        .flat_map(|page| &page.cursor)
        .map(|part| (&part.key, &part.value))
        .collect();
    if !cursor.is_empty() {
        sqlx::query(include_str!("keep_cursor.sql"))
            .bind(key.0)
            .bind(serde_json::to_string(&cursor)?)
            .execute(connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn open_partitions(
    connection: &mut SqliteConnection,
    key: RunKey,
) -> Result<Vec<OpenPartition>> {
    sqlx::query(include_str!("open_partitions.sql"))
        .bind(key.0)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok(OpenPartition {
                partition: Partition {
                    key: row.try_get(0)?,
                    stage: row.try_get(1)?,
                    title: row.try_get(2)?,
                    state: row.try_get(3)?,
                },
                checkpoint: row.try_get(4)?,
            })
        })
        .collect()
}

pub(super) async fn cursor(
    connection: &mut SqliteConnection,
    connector: ConnectorKey,
) -> Result<Option<Cursor>> {
    let rows = sqlx::query(include_str!("get_cursor.sql"))
        .bind(connector.0)
        .fetch_all(connection)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut cursor = Cursor {
        parts: Vec::with_capacity(rows.len()),
        fingerprint: first.try_get(0)?,
        taken: first.try_get(1)?,
    };
    for row in &rows {
        if let Some(key) = row.try_get(2)? {
            let value = row.try_get(3)?;
            cursor.parts.push(CursorPart { key, value });
        }
    }
    Ok(Some(cursor))
}
