//! Looking after one run: from the queue to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::core::Core;
use super::error::WorkError;
use super::executor::{Order, Outcome, Signals};
use super::live::Live;
use super::outcome::{self, end_of};
use super::record::{Run, RunFault, RunStatus};
use super::state::{self, Event, StateError, Step};
use super::store::{self, Ending};
use crate::audit::Actor;
use crate::contract::{Fault, FaultKind};

/// How often the end of a run is written before it is left to [`Core::reconcile`].
const WRITES: u32 = 5;
/// How long to wait between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of an attempt to take a run into hand.
enum Claim {
    /// It goes on, and this process ends it.
    Mine(Box<Run>),
    /// It has ended, or somebody else has it.
    Not,
    /// A decision about the held run that it will supersede is being carried out.
    Later,
}

/// A run is looked after for as long as this lives.
struct Entered<'a> {
    core: &'a Core,
    run: Uuid,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.core.running().remove(&self.run);
    }
}

impl Core {
    /// Carries a run out, if it waits and nobody else does.
    pub(super) async fn look_after(self: Arc<Self>, id: Uuid) {
        if let Err(error) = self.try_look_after(id).await {
            tracing::error!("run {id} could not be looked after: {error}");
        }
    }

    async fn try_look_after(&self, id: Uuid) -> Result<(), WorkError> {
        let Ok(_room) = self.room.acquire().await else {
            return Ok(());
        };
        if self.stop.is_cancelled() {
            return Ok(());
        }
        let Some((run, _entered)) = self.enter(id).await? else {
            return Ok(());
        };
        let run = loop {
            // Before the claim, so that no decision ends between it and the wait.
            let decided = self.decided.notified();
            match self.claim(&run).await? {
                Claim::Mine(run) => break run,
                Claim::Not => return Ok(()),
                Claim::Later => {
                    tokio::select! {
                        () = decided => {}
                        () = self.stop.cancelled() => return Ok(()),
                    }
                }
            }
        };
        self.tell(id).await;
        self.note_beginning(&run);
        let outcome = self.carry_out(&run).await;
        self.note_outcome(&run, &outcome);
        // Before the end, so that whoever hears of that finds the log whole.
        self.write_log(id).await;
        let mut writes = 0;
        while let Err(error) = self.settle(&run, &outcome).await {
            writes += 1;
            if writes == WRITES {
                return Err(error);
            }
            tracing::warn!("the end of run {id} could not be written: {error}");
            tokio::time::sleep(PAUSE).await;
        }
        self.tell(id).await;
        Ok(())
    }

    /// Notes that this process looks after a run; nothing where it does already, or the run doesn't wait.
    async fn enter(&self, id: Uuid) -> Result<Option<(Run, Entered<'_>)>, WorkError> {
        let found = self
            .database
            .read(async |connection| store::get(connection, id).await)
            .await?;
        let Some(run) = found.filter(|run| run.state == RunStatus::Queued) else {
            return Ok(None);
        };
        let mut running = self.running();
        if running.contains_key(&id) {
            return Ok(None);
        }
        running.insert(id, Live::new(run.connector));
        Ok(Some((
            run,
            Entered {
                core: self,
                run: id,
            },
        )))
    }

    /// Takes a run into hand: from here on it goes on, and so does its connector.
    async fn claim(&self, run: &Run) -> Result<Claim, WorkError> {
        let at = self.clock.now();
        let claimed = self
            .database
            .write(async |connection| {
                let held = store::held_of(connection, run.connector).await?;
                if held.iter().any(|held| held.decision.is_some()) {
                    return Ok(Claim::Later);
                }
                if !store::claim(connection, run.id, self.owner, at).await? {
                    return Ok(Claim::Not);
                }
                for held in held {
                    store::supersede(connection, held.id, Some(run.id)).await?;
                }
                let step = Step {
                    connector: run.connector,
                    event: Event::RunBegan,
                    cause: &run.trigger.cause(),
                    actor: &run.actor,
                    run: Some(run.id),
                    at,
                };
                state::step(connection, &step).await?;
                let run = store::get(connection, run.id).await?;
                Ok(run.map_or(Claim::Not, |run| Claim::Mine(Box::new(run))))
            })
            .await;
        match claimed {
            Err(WorkError::State(error @ StateError::Impossible { .. })) => {
                self.refuse(run, &error).await?;
                Ok(Claim::Not)
            }
            other => other,
        }
    }

    /// Ends a run that may not begin.
    async fn refuse(&self, run: &Run, error: &StateError) -> Result<(), WorkError> {
        let fault = Fault {
            kind: FaultKind::Configuration,
            code: "connector.no-runs".into(),
            message: format!("The run could not begin: {error}."),
            remedy: Some("Enable the connector, then run it again.".into()),
            setting: None,
        };
        let ending = Ending {
            fault: Some(RunFault::from(&fault)),
            ..Ending::bare(RunStatus::Failed)
        };
        let at = self.clock.now();
        self.database
            .write(async |connection| store::end(connection, run.id, None, at, &ending).await)
            .await?;
        self.tell(run.id).await;
        Ok(())
    }

    async fn carry_out(&self, run: &Run) -> Outcome {
        let Some((progress, cancel)) = self
            .running()
            .get(&run.id)
            .map(|live| (Arc::clone(&live.progress), live.cancel.clone()))
        else {
            return outcome::broken("the run was entered and is not there");
        };
        let (executor, assignments) = (Arc::clone(&self.executor), Arc::clone(&self.assignments));
        let signals = Signals {
            stop: self.stop.clone(),
            cancel,
        };
        let (id, profile, asked) = (run.id, run.profile, run.asked);
        // A task of its own, so that a panic ends only this run.
        let task = tokio::spawn(async move {
            match assignments.job(profile).await {
                Ok(parts) => {
                    let order = Order {
                        run: id,
                        parts,
                        asked,
                        progress,
                        signals,
                    };
                    executor.execute(order).await
                }
                Err(fault) => Outcome::Failed {
                    fault,
                    problems: Vec::new(),
                },
            }
        });
        match AbortOnDropHandle::new(task).await {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => Outcome::Interrupted,
            Err(error) => outcome::broken(&error.to_string()),
        }
    }

    /// Writes the end of a run down, or that it goes on later.
    async fn settle(&self, run: &Run, outcome: &Outcome) -> Result<(), WorkError> {
        let is_interrupted = outcome::is_interrupted(outcome);
        if is_interrupted && self.stop.is_cancelled() {
            return self.put_back(run).await;
        }
        let at = self.clock.now();
        let ending = end_of(outcome, run, &self.policy, at);
        let scheduled =
            ending.state == RunStatus::Cancelled && self.is_scheduled(run.connector).await;
        let retries = ending.retry_at.is_some();
        self.database
            .write(async |connection| {
                let now = store::get(connection, run.id).await?;
                if !store::end(connection, run.id, Some(self.owner), at, &ending).await? {
                    return Ok(());
                }
                let cause = outcome::cause(&ending);
                let system = Actor::system();
                let event = match ending.state {
                    RunStatus::Cancelled => {
                        let by = now.and_then(|run| run.cancelled_by).unwrap_or(system);
                        return self.dismiss(connection, run, &cause, &by, scheduled).await;
                    }
                    RunStatus::Processed | RunStatus::Partial => Event::RunSucceeded,
                    RunStatus::Held => Event::RunHeld,
                    _ => Event::RunFailed,
                };
                self.step(connection, run, event, &cause, &system).await
            })
            .await?;
        if retries {
            self.poke.notify_one();
        }
        Ok(())
    }

    /// Puts a run that was interrupted back into the queue, for the next process; or ends it where someone
    /// wanted that.
    pub(super) async fn put_back(&self, run: &Run) -> Result<(), WorkError> {
        let scheduled = self.is_scheduled(run.connector).await;
        let at = self.clock.now();
        self.database
            .write(async |connection| {
                let Some(now) = store::get(connection, run.id).await? else {
                    return Ok(());
                };
                let Some(by) = now.cancelled_by else {
                    store::release(connection, run.id, self.owner).await?;
                    return Ok(());
                };
                let ending = Ending::bare(RunStatus::Cancelled);
                if store::end(connection, run.id, Some(self.owner), at, &ending).await? {
                    let cause = outcome::cause(&ending);
                    self.dismiss(connection, run, &cause, &by, scheduled)
                        .await?;
                }
                Ok(())
            })
            .await
    }
}
