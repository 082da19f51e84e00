//! What happens, told to whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use utoipa::ToSchema;
use uuid::Uuid;

use super::live::RunProgress;
use super::record::Run;
use super::state::Standing;

/// Events that a watcher may lag behind before it goes on with the present state instead.
const BACKLOG: usize = 256;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Happening {
    /// Grows with time; begins anew with the process.
    pub id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum What {
    /// A run was queued, began, ended, or was decided about.
    Run {
        /// The run as it is now.
        run: Box<Run>,
    },
    /// A run has come further.
    Progress {
        /// How far.
        progress: Box<RunProgress>,
    },
    /// A connector went from one state to another.
    Connector {
        /// The connector.
        connector: Uuid,
        /// Where it stands now.
        standing: Standing,
    },
    /// What administrators configured changed.
    Catalogue {
        /// Grows with each change; begins anew with the process.
        revision: u64,
    },
}

impl What {
    /// The name of such events in a stream.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Progress { .. } => "progress",
            Self::Connector { .. } => "connector",
            Self::Catalogue { .. } => "catalogue",
        }
    }

    /// The connector that it is about; none where it is about all.
    #[must_use]
    pub fn connector(&self) -> Option<Uuid> {
        match self {
            Self::Run { run } => Some(run.connector),
            Self::Progress { progress } => Some(progress.connector),
            Self::Connector { connector, .. } => Some(*connector),
            Self::Catalogue { .. } => None,
        }
    }

    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> Option<Uuid> {
        match self {
            Self::Run { run } => Some(run.id),
            Self::Progress { progress } => Some(progress.run),
            Self::Connector { .. } | Self::Catalogue { .. } => None,
        }
    }
}

/// Where events are told.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<Arc<Happening>>,
    /// The last identifier; held while an event is sent, so that events go out in their order.
    last: Mutex<u64>,
    shown: AtomicU64,
    seats: Arc<Semaphore>,
}

/// Somebody who watches. Nothing is kept for them beyond a fixed backlog.
#[derive(Debug)]
pub struct Watcher {
    receiver: broadcast::Receiver<Arc<Happening>>,
    _seat: OwnedSemaphorePermit,
}

/// What a watcher gets.
#[derive(Debug, Clone)]
pub enum Seen {
    /// The next event.
    Event(Arc<Happening>),
    /// Events were left out: only the present state tells how things are.
    Gap,
}

impl Events {
    /// Events that at most so many may watch.
    pub(super) fn new(seats: usize) -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
            last: Mutex::default(),
            shown: AtomicU64::default(),
            seats: Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Begins to watch: every event from now on. Nothing where too many watch already.
    #[must_use]
    pub fn watch(&self) -> Option<Watcher> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        Some(Watcher {
            receiver: self.sender.subscribe(),
            _seat: seat,
        })
    }

    /// Identifier of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.shown.load(Ordering::Acquire)
    }

    /// Whether anyone watches.
    pub(super) fn is_watched(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells everyone.
    pub(super) fn tell(&self, at: Timestamp, what: What) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        self.shown.store(*last, Ordering::Release);
        // Nobody may be watching.
        let _ = self.sender.send(Arc::new(Happening {
            id: *last,
            at,
            what,
        }));
    }
}

impl Watcher {
    /// The next event, or nothing once there will be none any more.
    pub async fn next(&mut self) -> Option<Seen> {
        match self.receiver.recv().await {
            Ok(happening) => Some(Seen::Event(happening)),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                // What is still in the backlog is older than the state that will be read.
                self.receiver = self.receiver.resubscribe();
                Some(Seen::Gap)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
