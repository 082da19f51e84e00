//! Work: what is to be run when, what runs now, and what became of it.
//!
//! The table of runs in the control database is the truth. A run is a row in it: queued by a schedule or by
//! somebody, taken into hand by one process, ended with its report. The row's changes, the connector's
//! [state] and the audit log are written in one transaction, and everything else can be made anew from it
//! after a crash at any instant: the [queue] only hands rows out, and [events] only tell of them.
//!
//! ```text
//! schedule, people -> run (queued) -> queue -> run (processing) -> executor -> run (ended) -> decision
//! ```
//!
//! A connector has at most one open run. A schedule whose time comes meanwhile is skipped, which is recorded;
//! a person is told. One process at a time may use a data folder.

pub mod state;

mod ask;
mod assignments;
mod core;
mod decide;
mod error;
mod events;
mod executor;
mod gauges;
mod list;
mod live;
mod log;
mod outcome;
mod overview;
mod plugins;
mod policy;
mod queue;
mod record;
mod recover;
mod retention;
mod runner;
mod scheduler;
mod store;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::clock::Clock;
use crate::database::Database;
use crate::metrics::Sampler;

pub use ask::Caller;
pub use assignments::{Assignment, Assignments, Chosen, JobParts, NotChosen};
pub use error::{LONGEST_REASON, WorkError};
pub use events::{Events, Happening, Seen, Watcher, What};
pub use executor::{DecideError, Executor, Order, Outcome, Signals};
pub use list::RunFilter;
pub use live::{Brought, RunProgress};
pub use log::LogPage;
pub use overview::{NextRun, Overview, TokenAge};
pub use plugins::Plugins;
pub use policy::RunPolicy;
pub use queue::QueueError;
pub use record::{
    AskedMode, Changed, Holdings, Run, RunDecision, RunFault, RunStatus, Skipped, Trigger,
    TriggerKind,
};
pub use retention::{forget_connector, is_open};

use self::core::Core;
use self::gauges::WorkSampler;
use self::queue::Queue;

/// What work is done with.
pub struct Workshop {
    /// Where runs are kept.
    pub database: Database,
    /// The queue's file. Nobody else uses it.
    pub queue: PathBuf,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is to be run.
    pub assignments: Arc<dyn Assignments>,
    /// Who carries runs out.
    pub executor: Arc<dyn Executor>,
    /// How.
    pub policy: RunPolicy,
}

impl std::fmt::Debug for Workshop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workshop").finish_non_exhaustive()
    }
}

/// Work that is being done: it runs what is due until it is shut down.
pub struct Work {
    core: Arc<Core>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl Work {
    /// Takes over what an earlier process left, and begins.
    ///
    /// # Errors
    /// Where the database or the queue can't be used.
    pub async fn start(workshop: Workshop) -> Result<Self, WorkError> {
        let core = Arc::new(Core {
            queue: Queue::open(&workshop.queue).await?,
            database: workshop.database,
            clock: workshop.clock,
            assignments: workshop.assignments,
            executor: workshop.executor,
            events: Events::new(workshop.policy.watchers),
            owner: Uuid::now_v7(),
            running: Mutex::new(HashMap::new()),
            room: Semaphore::new(workshop.policy.at_once()),
            poke: Notify::new(),
            decided: Notify::new(),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
            policy: workshop.policy,
        });
        core.recover().await?;
        core.hand_out();
        core.in_background(|core| Box::pin(core.schedule()));
        core.in_background(|core| Box::pin(until_stop(core, core.reconcile_always())));
        core.in_background(|core| Box::pin(until_stop(core, core.tell_progress())));
        core.in_background(|core| Box::pin(until_stop(core, core.write_logs())));
        core.in_background(|core| Box::pin(until_stop(core, core.tell_catalogue())));
        core.in_background(|core| Box::pin(until_stop(core, core.forget_daily())));
        Ok(Self { core })
    }

    /// Ends: nothing begins any more, what goes on stops between two pages and goes on in the next process.
    /// What has not stopped after `grace` is broken off, and goes on from its last stored page.
    pub async fn shutdown(&self, grace: Duration) {
        let core = &self.core;
        core.stop.cancel();
        core.tasks.close();
        if tokio::time::timeout(grace, core.tasks.wait())
            .await
            .is_err()
        {
            core.kill.cancel();
            core.tasks.wait().await;
        }
        if let Err(error) = self.put_rest_back().await {
            tracing::warn!("runs that were broken off are found by the next start: {error}");
        }
        core.queue.close().await;
    }

    /// Runs that were broken off are not to be taken for those of a crash.
    async fn put_rest_back(&self) -> Result<(), WorkError> {
        for run in self.core.database.read(store::open).await? {
            if run.state == RunStatus::Processing {
                self.core.put_back(&run).await?;
            }
        }
        Ok(())
    }

    /// Ends when work does: whoever watches should end too.
    #[must_use]
    pub fn closing(&self) -> CancellationToken {
        self.core.stop.clone()
    }

    /// How work is done.
    #[must_use]
    pub fn policy(&self) -> &RunPolicy {
        &self.core.policy
    }

    /// What tells metrics how many runs there are and how old cursors are, for as long as work goes on.
    #[must_use]
    pub fn sampler(&self) -> Arc<dyn Sampler> {
        Arc::new(WorkSampler(Arc::downgrade(&self.core)))
    }

    /// What happens, for whoever watches.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.core.events
    }

    /// A run.
    ///
    /// # Errors
    /// [`WorkError::NoRun`].
    pub async fn run(&self, id: Uuid) -> Result<Run, WorkError> {
        self.core.read_run(id).await
    }

    /// The report of a run that has ended, as [`crate::run::Report`] writes it; none where it had not begun or
    /// was dropped for its age.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn report(&self, id: Uuid) -> Result<Option<Value>, WorkError> {
        let report = self
            .core
            .database
            .read(async |connection| store::report(connection, id).await);
        Ok(report.await?)
    }

    /// How far a run has come that goes on in this process.
    #[must_use]
    pub fn progress(&self, id: Uuid) -> Option<RunProgress> {
        let at = self.core.clock.now();
        self.core.running().get(&id).map(|live| live.look(id, at))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.core.stop.cancel();
        self.core.kill.cancel();
    }
}

async fn until_stop(core: &Core, work: impl Future<Output = ()>) {
    tokio::select! {
        () = core.stop.cancelled() => {}
        () = work => {}
    }
}
