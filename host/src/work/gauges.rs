//! What work knows when somebody reads the metrics.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row;

use super::Core;
use super::error::WorkError;
use super::record::RunStatus;
use super::store;
use crate::database::instant;
use crate::metrics::{Gauges, Sampler};

/// Sets the gauges of runs and cursors for as long as work goes on.
pub(super) struct WorkSampler(pub(super) Weak<Core>);

#[async_trait]
impl Sampler for WorkSampler {
    async fn sample(&self, gauges: &Gauges) {
        let Some(core) = self.0.upgrade() else {
            return;
        };
        if let Err(error) = sample(&core, gauges).await {
            tracing::warn!("runs could not be counted: {error}");
        }
    }
}

async fn sample(core: &Core, gauges: &Gauges) -> Result<(), WorkError> {
    let open = core.database.read(store::open).await?;
    let waiting = open
        .iter()
        .filter(|run| run.state == RunStatus::Queued)
        .count();
    gauges.runs_queued(waiting as u64);
    let now = core.clock.now();
    let cursors = core.database.read(async |connection| {
        sqlx::query(
            "SELECT connector_name, max(coalesce(started_at, queued_at)) AS taken FROM run \
             WHERE cursor_kept AND connector IN (SELECT connector FROM standing) \
             GROUP BY connector",
        )
        .fetch_all(connection)
        .await
    });
    for row in cursors.await? {
        let taken: Timestamp = instant(row.try_get("taken")?)?;
        let age = Duration::try_from(now.duration_since(taken)).unwrap_or_default();
        gauges.cursor_age(row.try_get("connector_name")?, age);
    }
    Ok(())
}
