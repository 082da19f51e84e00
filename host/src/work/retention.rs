//! Forgetting old runs.

use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::core::Core;
use super::error::WorkError;
use super::state;
use crate::database::millis;

/// How long lies between two cleanings.
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Core {
    /// Forgets what is old once a day, and when the process begins.
    pub(super) async fn forget_daily(&self) {
        loop {
            match self.forget_old().await {
                Ok(0) => {}
                Ok(runs) => tracing::info!("{runs} old runs were forgotten"),
                Err(error) => tracing::warn!("old runs could not be forgotten: {error}"),
            }
            let Ok(next) = self.clock.now().checked_add(DAY) else {
                return;
            };
            self.clock.sleep_until(next).await;
        }
    }

    /// Forgets runs, steps and skipped occurrences that the policy doesn't keep. Tells how many runs.
    pub(super) async fn forget_old(&self) -> Result<u64, WorkError> {
        let policy = &self.policy;
        let keep = SignedDuration::from_hours(i64::from(policy.keep_days).saturating_mul(24));
        let before = self.clock.now().checked_sub(keep).unwrap_or(Timestamp::MIN);
        let keep_last = policy.keep_last;
        let runs = self
            .database
            .write(async |connection| {
                let runs = sqlx::query(include_str!("forget_runs.sql"))
                    .bind(millis(before))
                    .bind(keep_last)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                for table in [
                    include_str!("forget_steps.sql"),
                    include_str!("forget_skipped.sql"),
                ] {
                    sqlx::query(table)
                        .bind(millis(before))
                        .bind(keep_last)
                        .execute(&mut *connection)
                        .await?;
                }
                Ok::<_, WorkError>(runs)
            })
            .await?;
        if let Err(error) = self.executor.prune(millis(before), keep_last).await {
            tracing::warn!("the directory's old runs could not be pruned: {error}");
        }
        Ok(runs)
    }
}

/// Forgets all that work knows of a connector, in the transaction that deletes it. The caller has seen to it
/// that no run of it is open.
///
/// # Errors
/// Where the database fails.
pub async fn forget_connector(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM run WHERE connector = $1",
        "DELETE FROM skipped WHERE connector = $1",
    ] {
        sqlx::query(statement)
            .bind(connector.to_string())
            .execute(&mut *connection)
            .await?;
    }
    state::forget(connection, connector).await
}

/// Whether a run of a connector waits or goes on, in the transaction of whoever asks.
///
/// # Errors
/// Where the database fails.
pub async fn is_open(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM run WHERE connector = $1 AND state IN ('queued', 'processing'))",
    )
    .bind(connector.to_string())
    .fetch_one(connection)
    .await
}
