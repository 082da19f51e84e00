//! Lists of runs and of a connector's steps.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::Work;
use super::error::WorkError;
use super::record::{Run, RunStatus, Skipped, TriggerKind};
use super::state::{self, Standing, Transition};
use super::store;
use crate::database::{DatabaseError, instant, millis};
use crate::directory::Mode;
use sqlx::Row;

/// Which runs are listed: those that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this connector.
    pub connector: Option<Uuid>,
    /// Of this profile.
    pub profile: Option<Uuid>,
    /// In this state.
    pub state: Option<RunStatus>,
    /// Of this kind.
    pub mode: Option<Mode>,
    /// Asked for by this.
    pub trigger: Option<TriggerKind>,
    /// Failed with a fault of this code.
    pub fault: Option<String>,
    /// Asked for at this time or later.
    pub since: Option<Timestamp>,
    /// Asked for before this time.
    pub until: Option<Timestamp>,
}

impl Work {
    /// The newest runs, at most `limit`, of those before `before`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn runs(
        &self,
        filter: &RunFilter,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Run>, WorkError> {
        let rows = self.core.database.read(async |connection| {
            sqlx::query(include_str!("list_runs.sql"))
                .bind(before.map(|id| id.to_string()))
                .bind(filter.connector.map(|id| id.to_string()))
                .bind(filter.profile.map(|id| id.to_string()))
                .bind(filter.state.map(RunStatus::word))
                .bind(filter.mode.map(Mode::word))
                .bind(filter.trigger.map(TriggerKind::word))
                .bind(&filter.fault)
                .bind(filter.since.map(millis))
                .bind(filter.until.map(millis))
                .bind(limit)
                .fetch_all(connection)
                .await
        });
        Ok(rows
            .await?
            .iter()
            .map(store::run)
            .collect::<Result<_, _>>()?)
    }

    /// How many runs meet a filter.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count_runs(&self, filter: &RunFilter) -> Result<u64, WorkError> {
        let count: Result<i64, DatabaseError> = self
            .core
            .database
            .read(async |connection| {
                let count = sqlx::query_scalar(include_str!("count_runs.sql"))
                    .bind(filter.connector.map(|id| id.to_string()))
                    .bind(filter.profile.map(|id| id.to_string()))
                    .bind(filter.state.map(RunStatus::word))
                    .bind(filter.mode.map(Mode::word))
                    .bind(filter.trigger.map(TriggerKind::word))
                    .bind(&filter.fault)
                    .bind(filter.since.map(millis))
                    .bind(filter.until.map(millis))
                    .fetch_one(connection)
                    .await?;
                Ok(count)
            })
            .await;
        Ok(count?.unsigned_abs())
    }

    /// Which runs of a connector are these in the directory's store, by their keys there. Those that are forgotten
    /// are missing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn runs_in_directory(
        &self,
        connector: Uuid,
        keys: &[i64],
    ) -> Result<HashMap<i64, Uuid>, WorkError> {
        let keys = serde_json::to_string(keys).map_err(DatabaseError::from)?;
        let found = self.core.database.read(async |connection| {
            sqlx::query(
                "SELECT directory_run, id FROM run WHERE connector = $1 \
                 AND directory_run IN (SELECT value FROM json_each($2))",
            )
            .bind(connector.to_string())
            .bind(keys)
            .fetch_all(connection)
            .await?
            .iter()
            .map(|row| Ok((row.try_get(0)?, store::uuid(row.try_get(1)?)?)))
            .collect::<Result<_, DatabaseError>>()
        });
        Ok(found.await?)
    }

    /// Every run that waits or goes on, the oldest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn open_runs(&self) -> Result<Vec<Run>, WorkError> {
        Ok(self.core.database.read(store::open).await?)
    }

    /// The run of a connector that waits or goes on.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn open_run(&self, connector: Uuid) -> Result<Option<Run>, WorkError> {
        let open = self
            .core
            .database
            .read(async |connection| store::open_of(connection, connector).await);
        Ok(open.await?)
    }

    /// Where every connector stands, or one of them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn standings(
        &self,
        connector: Option<Uuid>,
    ) -> Result<Vec<(Uuid, Standing)>, WorkError> {
        let standings = self.core.database.read(async |connection| {
            sqlx::query(
                "SELECT connector, state, since FROM standing WHERE $1 IS NULL OR connector = $1 \
                 ORDER BY connector",
            )
            .bind(connector.map(|id| id.to_string()))
            .fetch_all(connection)
            .await?
            .iter()
            .map(|row| Ok((store::uuid(row.try_get("connector")?)?, state::read(row)?)))
            .collect::<Result<Vec<_>, DatabaseError>>()
        });
        Ok(standings.await?)
    }

    /// The steps of a connector, newest first, before a position where one is given.
    ///
    /// # Errors
    /// [`WorkError::NoConnector`].
    pub async fn transitions(
        &self,
        connector: Uuid,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Transition>, WorkError> {
        let read = self.core.database.read(async |connection| {
            if state::standing(connection, connector).await?.is_none() {
                return Err(WorkError::NoConnector);
            }
            Ok(state::transitions(connection, connector, before, limit).await?)
        });
        read.await
    }
}

/// The latest occurrences of a connector's schedules for which there was no run.
pub(super) async fn skipped(
    connection: &mut sqlx::SqliteConnection,
    connector: Uuid,
    limit: u32,
) -> Result<Vec<Skipped>, DatabaseError> {
    sqlx::query("SELECT * FROM skipped WHERE connector = $1 ORDER BY position DESC LIMIT $2")
        .bind(connector.to_string())
        .bind(limit)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            let run: Option<&str> = row.try_get("run")?;
            Ok(Skipped {
                profile: store::uuid(row.try_get("profile")?)?,
                profile_name: row.try_get("profile_name")?,
                occurrence: instant(row.try_get("occurrence")?)?,
                reason: row.try_get("reason")?,
                run: run.map(store::uuid).transpose()?,
                at: instant(row.try_get("at")?)?,
            })
        })
        .collect()
}
