//! Decisions about held runs.
//!
//! A decision is noted before it is carried out in the directory, and the run leaves its state after that: a
//! process that dies between the two carries it out again when it starts, which the directory takes as one.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::ask::Caller;
use super::error::{LONGEST_REASON, WorkError};
use super::executor::DecideError;
use super::record::{Run, RunDecision, RunStatus};
use super::state::Event;
use super::store;
use super::{Core, Work};
use crate::directory::Verdict;

impl Work {
    /// Allows or rejects the removals of a held run, for a reason of 1 to 500 characters.
    ///
    /// # Errors
    /// [`WorkError::NotHeld`] where it doesn't wait for a decision, [`WorkError::Deciding`],
    /// [`WorkError::Reason`], [`WorkError::NoRun`], [`WorkError::Directory`]: then it is held as before.
    pub async fn decide(
        &self,
        id: Uuid,
        verdict: Verdict,
        reason: &str,
        caller: Caller<'_>,
    ) -> Result<Run, WorkError> {
        let reason = reason.trim();
        if !(1..=LONGEST_REASON).contains(&reason.chars().count()) {
            return Err(WorkError::Reason);
        }
        let core = Arc::clone(&self.core);
        let decision = RunDecision {
            verdict,
            actor: caller.actor.clone(),
            reason: reason.to_owned(),
            at: core.clock.now(),
        };
        let address = caller.address;
        // On a task of its own: what has begun is carried out, also where nobody waits for it any more.
        let task = self.core.spawn(async move {
            core.note(id, &decision).await?;
            core.carry_decision_out(id, &decision, address).await
        });
        task.await.ok().flatten().ok_or(WorkError::Closing)?
    }
}

impl Core {
    /// Notes a decision. From here on no run begins that would supersede the held one.
    async fn note(&self, id: Uuid, decision: &RunDecision) -> Result<(), WorkError> {
        self.database
            .write(async |connection| {
                let run = store::get(connection, id)
                    .await?
                    .ok_or(WorkError::NoRun(id))?;
                if run.state != RunStatus::Held {
                    return Err(WorkError::NotHeld(Box::new(run)));
                }
                if run.decision.is_some() {
                    return Err(WorkError::Deciding(id));
                }
                store::note_decision(connection, id, Some(decision)).await?;
                Ok(())
            })
            .await
    }

    /// Carries a noted decision out.
    async fn carry_decision_out(
        &self,
        id: Uuid,
        decision: &RunDecision,
        address: Option<IpAddr>,
    ) -> Result<Run, WorkError> {
        let outcome = self.try_carry_out(id, decision, address).await;
        self.decided.notify_waiters();
        self.tell(id).await;
        outcome
    }

    async fn try_carry_out(
        &self,
        id: Uuid,
        decision: &RunDecision,
        address: Option<IpAddr>,
    ) -> Result<Run, WorkError> {
        let run = self.read_run(id).await?;
        let decided = match run.directory_run {
            Some(key) => self.executor.decide(key, decision).await,
            None => Err(DecideError::NotHeld(
                "the directory doesn't know the run".into(),
            )),
        };
        let (state, holdings) = match decided {
            Ok(decided) => decided,
            Err(DecideError::NotHeld(reason)) => {
                tracing::warn!("run {id} is superseded: {reason}");
                self.database
                    .write(async |connection| store::supersede(connection, id, None).await)
                    .await?;
                return Err(WorkError::NotHeld(Box::new(self.read_run(id).await?)));
            }
            Err(DecideError::Failed(reason)) => {
                self.database
                    .write(async |connection| store::note_decision(connection, id, None).await)
                    .await?;
                return Err(WorkError::Directory(reason));
            }
        };
        let scheduled = self.is_scheduled(run.connector).await;
        let caller = Caller {
            actor: &decision.actor,
            address,
        };
        self.database
            .write(async |connection| {
                let complete = store::report(connection, id)
                    .await?
                    .is_some_and(|report| report.get("failures").is_none());
                let kept = state.is_success() && complete;
                store::decided(connection, id, (state, holdings), kept).await?;
                let verb = match decision.verdict {
                    Verdict::Allow => "allowed",
                    Verdict::Reject => "rejected",
                };
                let cause = format!("The removals were {verb}: {}", decision.reason);
                if state.is_success() {
                    let event = Event::RunSucceeded;
                    self.step(connection, &run, event, &cause, caller.actor)
                        .await?;
                } else {
                    self.dismiss(connection, &run, &cause, caller.actor, scheduled)
                        .await?;
                }
                let details = json!({
                    "run": id, "verdict": decision.verdict, "reason": decision.reason,
                });
                self.record(connection, &run, caller, "run.decide", details)
                    .await
            })
            .await?;
        self.read_run(id).await
    }

    /// Carries out what was noted when an earlier process died.
    pub(super) async fn finish_decisions(&self) -> Result<(), WorkError> {
        let half = self.database.read(store::half_decided).await?;
        for run in half {
            let Some(decision) = run.decision else {
                continue;
            };
            if let Err(error) = self.carry_decision_out(run.id, &decision, None).await {
                tracing::warn!("the decision about run {}: {error}", run.id);
            }
        }
        Ok(())
    }

    pub(super) async fn read_run(&self, id: Uuid) -> Result<Run, WorkError> {
        let run = self
            .database
            .read(async |connection| store::get(connection, id).await)
            .await?;
        run.ok_or(WorkError::NoRun(id))
    }
}
