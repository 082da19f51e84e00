//! Why work refuses something.

use uuid::Uuid;

use super::queue::QueueError;
use super::record::Run;
use super::state::StateError;
use crate::contract::Fault;
use crate::database::DatabaseError;

/// Longest reason of a decision, in characters.
pub const LONGEST_REASON: usize = 500;

/// Why work refuses something, or can't do it.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// There is no such connector.
    #[error("there is no such connector")]
    NoConnector,
    /// The connector has no such profile, or none at all.
    #[error("the connector has no such profile")]
    NoProfile,
    /// There is no such run.
    #[error("there is no run {0}")]
    NoRun(Uuid),
    /// The connector is disabled.
    #[error("the connector is disabled")]
    Disabled,
    /// The connector has a run that waits or goes on.
    #[error("run {} of this connector {}", .0.id, doing(.0))]
    Open(Box<Run>),
    /// The run has ended, so it can't be cancelled.
    #[error("run {} has ended: it is {}", .0.id, .0.state.word())]
    NotOpen(Box<Run>),
    /// The run doesn't wait for a decision, or not any more.
    #[error("run {} does not wait for a decision: it is {}", .0.id, .0.state.word())]
    NotHeld(Box<Run>),
    /// Somebody's decision is being carried out.
    #[error("a decision about run {0} is being carried out")]
    Deciding(Uuid),
    /// A decision needs a reason, and a short one.
    #[error("a reason has 1 to {LONGEST_REASON} characters")]
    Reason,
    /// The host is shutting down.
    #[error("the host is shutting down")]
    Closing,
    /// The catalogue refuses.
    #[error(transparent)]
    Refused(#[from] Fault),
    /// The directory failed.
    #[error("the directory failed: {0}")]
    Directory(String),
    /// The queue can't be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A connector's state doesn't let it.
    #[error(transparent)]
    State(#[from] StateError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for WorkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

fn doing(run: &Run) -> &'static str {
    if run.started.is_some() {
        "goes on"
    } else {
        "waits for its turn"
    }
}
