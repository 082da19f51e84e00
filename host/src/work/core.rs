//! What the parts of work share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::assignments::Assignments;
use super::error::WorkError;
use super::events::{Events, What};
use super::executor::Executor;
use super::live::Live;
use super::policy::RunPolicy;
use super::queue::{Handler, Queue};
use super::record::{Run, RunFault, RunStatus};
use super::state::{self, Event, StateError, Step};
use super::store::{self, Ending};
use crate::audit::Actor;
use crate::clock::Clock;
use crate::contract::{Fault, FaultKind};
use crate::database::Database;

/// How often runs that nobody looks after are searched for.
const RECONCILE: Duration = Duration::from_secs(30);
/// How often progress is told at most.
const PROGRESS: Duration = Duration::from_millis(500);

/// What the parts of work share.
pub(super) struct Core {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) assignments: Arc<dyn Assignments>,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) policy: RunPolicy,
    pub(super) queue: Queue,
    pub(super) events: Events,
    /// This process, as the owner of the runs that it has in hand.
    pub(super) owner: Uuid,
    /// Runs that are looked after in this process.
    pub(super) running: Mutex<HashMap<Uuid, Live>>,
    /// Room for runs, also where the queue hands out more.
    pub(super) room: Semaphore,
    /// Something that the scheduler should know.
    pub(super) poke: Notify,
    /// A decision was carried out.
    pub(super) decided: Notify,
    /// The process ends: begin nothing, stop between pages.
    pub(super) stop: CancellationToken,
    /// Everything ends at once.
    pub(super) kill: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Core {
    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Live>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something on a task of its own, until it is done or everything ends at once.
    pub(super) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let kill = self.kill.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = kill.cancelled() => None,
                value = work => Some(value),
            }
        })
    }

    /// Does something for as long as work goes on.
    pub(super) fn in_background<F>(self: &Arc<Self>, work: F)
    where
        F: for<'a> FnOnce(&'a Self) -> BoxFuture<'a, ()> + Send + 'static,
    {
        let core = Arc::clone(self);
        self.spawn(async move { work(&core).await });
    }

    /// Puts a run into the queue. Where that fails, [`Core::reconcile`] does it later.
    pub(super) async fn push(&self, run: &Run) {
        if let Err(error) = self.queue.push(run.id, run.attempts).await {
            tracing::warn!("run {} is queued a little later: {error}", run.id);
        }
    }

    /// Hands queued runs out until the process ends.
    pub(super) fn hand_out(self: &Arc<Self>) {
        let core = Arc::downgrade(self);
        let handler = Handler::new(move |run| {
            let core = core.upgrade();
            Box::pin(async move {
                if let Some(core) = core {
                    // A task that panics is found by the search for lost runs.
                    let _ = core.spawn(Arc::clone(&core).look_after(run)).await;
                }
            })
        });
        let queue = self.queue.clone();
        self.spawn(queue.serve(self.policy.at_once(), handler, self.stop.clone()));
    }

    /// Tells of a run, and of its connector where that may have moved.
    pub(super) async fn tell(&self, run: Uuid) {
        let read = self.database.read(async |connection| {
            let Some(run) = store::get(connection, run).await? else {
                return Ok(None);
            };
            let standing = state::standing(connection, run.connector).await?;
            Ok::<_, WorkError>(Some((run, standing)))
        });
        let at = self.clock.now();
        match read.await {
            Ok(Some((run, standing))) => {
                let connector = run.connector;
                self.events.tell(at, What::Run { run: Box::new(run) });
                if let Some(standing) = standing {
                    self.events.tell(
                        at,
                        What::Connector {
                            connector,
                            standing,
                        },
                    );
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!("what became of run {run} can't be told: {error}"),
        }
    }

    /// Makes a connector's step because of a run. A step that can't be made any more, because someone
    /// disabled or deleted the connector meanwhile, is left out.
    pub(super) async fn step(
        &self,
        connection: &mut sqlx::SqliteConnection,
        run: &Run,
        event: Event,
        cause: &str,
        actor: &Actor,
    ) -> Result<(), WorkError> {
        let step = Step {
            connector: run.connector,
            event,
            cause,
            actor,
            run: Some(run.id),
            at: self.clock.now(),
        };
        match state::step(connection, &step).await {
            Ok(_) => Ok(()),
            Err(error @ StateError::Impossible { .. }) => {
                tracing::info!("connector {}: {error}", run.connector_name);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The steps of a connector whose run was cancelled or rejected: it stands as if there had been none.
    pub(super) async fn dismiss(
        &self,
        connection: &mut sqlx::SqliteConnection,
        run: &Run,
        cause: &str,
        actor: &Actor,
        scheduled: bool,
    ) -> Result<(), WorkError> {
        self.step(connection, run, Event::RunDismissed, cause, actor)
            .await?;
        if scheduled {
            let cause = "A profile's schedule runs it";
            self.step(connection, run, Event::Scheduled, cause, &Actor::system())
                .await?;
        }
        Ok(())
    }

    /// Whether a schedule will run the connector.
    pub(super) async fn is_scheduled(&self, connector: Uuid) -> bool {
        let scheduled = self.assignments.scheduled().await;
        scheduled.is_ok_and(|all| all.iter().any(|one| one.connector == connector))
    }

    /// Looks for runs that nobody looks after, again and again.
    pub(super) async fn reconcile_always(&self) {
        loop {
            tokio::time::sleep(RECONCILE).await;
            if let Err(error) = self.reconcile().await {
                tracing::warn!("runs that nobody looks after could not be searched for: {error}");
            }
        }
    }

    /// Queues runs that wait without being queued, and ends those that were lost in this process.
    pub(super) async fn reconcile(&self) -> Result<(), WorkError> {
        let open = self.database.read(store::open).await?;
        for run in open {
            let is_lost = !self.running().contains_key(&run.id);
            match run.state {
                RunStatus::Queued if is_lost => self.push(&run).await,
                RunStatus::Processing if is_lost => self.give_up(&run, lost()).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends a run that this process has in hand as failed.
    pub(super) async fn give_up(&self, run: &Run, fault: Fault) -> Result<(), WorkError> {
        let ending = Ending {
            fault: Some(RunFault::from(&fault)),
            ..Ending::bare(RunStatus::Failed)
        };
        let at = self.clock.now();
        let ended = self
            .database
            .write(async |connection| {
                if !store::end(connection, run.id, Some(self.owner), at, &ending).await? {
                    return Ok(false);
                }
                let actor = Actor::system();
                self.step(connection, run, Event::RunFailed, &fault.message, &actor)
                    .await?;
                Ok::<_, WorkError>(true)
            })
            .await?;
        if ended {
            self.tell(run.id).await;
        }
        Ok(())
    }

    /// Tells how far runs have come, at a steady pace.
    pub(super) async fn tell_progress(&self) {
        let mut pace = tokio::time::interval(PROGRESS);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let at = self.clock.now();
            let news: Vec<_> = self
                .running()
                .iter_mut()
                .filter_map(|(run, live)| live.news(*run, at))
                .collect();
            if !self.events.is_watched() {
                continue;
            }
            for progress in news {
                let progress = Box::new(progress);
                self.events.tell(at, What::Progress { progress });
            }
        }
    }

    /// Tells when the catalogue changes.
    pub(super) async fn tell_catalogue(&self) {
        let mut changed = self.assignments.changed();
        while changed.changed().await.is_ok() {
            let revision = *changed.borrow_and_update();
            self.events
                .tell(self.clock.now(), What::Catalogue { revision });
        }
    }
}

fn lost() -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        code: "host.lost-run".into(),
        message: "The host lost sight of the run.".into(),
        remedy: Some("Run it again, and report it to the host's developers.".into()),
        setting: None,
    }
}
