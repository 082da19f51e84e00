//! Connectors, runs and the store itself.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::super::fault::Result;
use super::super::finish::{count, stream_tally};
use super::super::runs::{decode, encode};
use super::{one_more, paged, place};
use crate::directory::position::Listing;
use crate::directory::{
    ConnectorKey, ConnectorRecord, Decided, KeptBack, Page, PageRequest, RunFilter, RunKey,
    RunRecord, RunState, StoreSize, StreamTally, UnavailableGroup,
};

pub(super) async fn connectors(view: &mut SqliteConnection) -> Result<Vec<ConnectorRecord>> {
    find_connectors(view, None).await
}

pub(super) async fn counts(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
) -> Result<Option<ConnectorRecord>> {
    Ok(find_connectors(view, Some(connector.0)).await?.pop())
}

async fn find_connectors(
    view: &mut SqliteConnection,
    key: Option<i64>,
) -> Result<Vec<ConnectorRecord>> {
    sqlx::query(include_str!("connectors.sql"))
        .bind(key)
        .fetch_all(view)
        .await?
        .iter()
        .map(|row| {
            Ok(ConnectorRecord {
                key: ConnectorKey(row.try_get(0)?),
                name: row.try_get(1)?,
                users: count(row, 2)?,
                groups: count(row, 3)?,
                memberships: count(row, 4)?,
                cursor_taken: row.try_get(5)?,
            })
        })
        .collect()
}

pub(super) async fn runs(
    view: &mut SqliteConnection,
    filter: &RunFilter,
    page: &PageRequest,
) -> Result<Page<RunRecord>> {
    let before: Option<i64> = place(page, Listing::Runs)?;
    let rows = sqlx::query(include_str!("runs.sql"))
        .bind(before.unwrap_or(i64::MAX))
        .bind(serde_json::to_string(&filter.connectors)?)
        .bind(filter.state.as_ref().map(encode).transpose()?)
        .bind(one_more(page))
        .fetch_all(view)
        .await?;
    let records = rows.iter().map(record).collect::<Result<_>>()?;
    paged(
        records,
        page,
        Listing::Runs,
        None,
        |run: &RunRecord| run.key,
        Ok,
    )
}

pub(in super::super) async fn run(
    view: &mut SqliteConnection,
    run: RunKey,
) -> Result<Option<RunRecord>> {
    let row = sqlx::query(include_str!("run.sql"))
        .bind(run.0)
        .fetch_optional(view)
        .await?;
    row.as_ref().map(record).transpose()
}

fn record(row: &SqliteRow) -> Result<RunRecord> {
    let state = decode(row.try_get(5)?)?;
    let [mut users, mut groups, mut memberships] = [
        stream_tally(row, 15)?,
        stream_tally(row, 20)?,
        stream_tally(row, 25)?,
    ];
    let kept_back = KeptBack {
        users: users.removed,
        groups: groups.removed,
        memberships: memberships.removed,
    };
    let dropped = matches!(state, RunState::Rejected | RunState::Superseded);
    if dropped {
        let streams: [&mut StreamTally; 3] = [&mut users, &mut groups, &mut memberships];
        streams.into_iter().for_each(|stream| stream.removed = 0);
    }
    Ok(RunRecord {
        key: RunKey(row.try_get(0)?),
        connector: ConnectorKey(row.try_get(1)?),
        mode: decode(row.try_get(2)?)?,
        reason: row.try_get(3)?,
        plugin: row.try_get(4)?,
        state,
        started: row.try_get(6)?,
        ended: row.try_get(7)?,
        users,
        groups,
        memberships,
        partitions: count(row, 8)?,
        unavailable: count(row, 9)?,
        kept_back: (dropped || state == RunState::Held).then_some(kept_back),
        decision: match row.try_get::<Option<String>, _>(11)? {
            Some(verdict) => Some(Decided {
                verdict: decode(verdict)?,
                actor: row.try_get(12)?,
                reason: row.try_get(13)?,
                at: row.try_get(14)?,
            }),
            None => None,
        },
        pruned: row.try_get(10)?,
    })
}

pub(super) async fn report(
    view: &mut SqliteConnection,
    run: RunKey,
) -> Result<Option<serde_json::Value>> {
    let report: Option<Option<String>> =
        sqlx::query_scalar("SELECT report FROM run WHERE key = $1")
            .bind(run.0)
            .fetch_optional(view)
            .await?;
    let report = report.flatten();
    Ok(report.as_deref().map(serde_json::from_str).transpose()?)
}

pub(super) async fn unavailable(
    view: &mut SqliteConnection,
    run: RunKey,
    page: &PageRequest,
) -> Result<Page<UnavailableGroup>> {
    let after: Option<i64> = place(page, Listing::Unavailable)?;
    let rows: Vec<(i64, String, Option<String>, String)> =
        sqlx::query_as(include_str!("unavailable.sql"))
            .bind(run.0)
            .bind(after.unwrap_or_default())
            .bind(one_more(page))
            .fetch_all(view)
            .await?;
    paged(
        rows,
        page,
        Listing::Unavailable,
        None,
        |row| row.0,
        |(_, id, name, reason)| Ok(UnavailableGroup { id, name, reason }),
    )
}

pub(super) async fn store_size(view: &mut SqliteConnection, file: &Path) -> Result<StoreSize> {
    let pragma = async |view: &mut SqliteConnection, pragma: &'static str| -> Result<u64> {
        let row = sqlx::query(pragma).fetch_one(view).await?;
        count(&row, 0)
    };
    let page = pragma(view, "PRAGMA page_size").await?;
    let pages = pragma(view, "PRAGMA page_count").await?;
    let free = pragma(view, "PRAGMA freelist_count").await?;
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    Ok(StoreSize {
        database: page * pages,
        // There is none where nothing has been written since the store was closed.
        log: std::fs::metadata(PathBuf::from(log)).map_or(0, |log| log.len()),
        free: page * free,
    })
}
