//! Who carries runs out.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::assignments::JobParts;
use super::record::{AskedMode, Holdings, RunDecision, RunStatus};
use crate::contract::{Fault, Problem};
use crate::run::{Progress, Report};

/// A run to be carried out.
#[derive(Debug)]
pub struct Order {
    /// The run.
    pub run: Uuid,
    /// What its profile gives it.
    pub parts: JobParts,
    /// The kind that is wanted.
    pub asked: AskedMode,
    /// Where it tells how far it has come.
    pub progress: Arc<Progress>,
    /// What it heeds.
    pub signals: Signals,
}

/// What a run heeds while it goes on, between any two pages.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// The process ends: the run stops and goes on from there in the next one.
    pub stop: CancellationToken,
    /// Somebody wants the run to end.
    pub cancel: CancellationToken,
}

/// How the carrying out of a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// With a report, whatever is in it.
    Ended {
        /// The report.
        report: Box<Report>,
        /// The run's key in the directory; none where it did not get that far.
        directory_run: Option<i64>,
        /// What the connector holds after it, where it got that far.
        holdings: Option<Holdings>,
    },
    /// By [`Signals::stop`]: what was read is kept.
    Interrupted,
    /// By [`Signals::cancel`], and nothing is left to report.
    Cancelled,
    /// It could not begin, or the directory failed.
    Failed {
        /// Why.
        fault: Fault,
        /// Mistakes in the settings or the transform map.
        problems: Vec<Problem>,
    },
}

/// Why a decision could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The run doesn't wait for one, or not any more.
    #[error("{0}")]
    NotHeld(String),
    /// The directory failed.
    #[error("{0}")]
    Failed(String),
}

/// Carries out runs, and what is decided about held ones.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Carries a run out, from wherever an earlier attempt has come.
    async fn execute(&self, order: Order) -> Outcome;

    /// Carries out a decision about the held run of this key in the directory; done twice, it is done once.
    /// Tells where the run stands then: processed, partial or rejected; and what its connector holds then, where
    /// that can be told.
    ///
    /// # Errors
    /// [`DecideError`].
    async fn decide(
        &self,
        directory_run: i64,
        decision: &RunDecision,
    ) -> Result<(RunStatus, Option<Holdings>), DecideError>;

    /// Drops what the directory keeps of runs that ended before a time in Unix milliseconds, but for the last
    /// few of each connector. Tells of how many runs.
    ///
    /// # Errors
    /// Where the directory fails.
    async fn prune(&self, before: i64, keep_last: u32) -> Result<u64, String>;
}
