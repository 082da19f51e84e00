//! What people ask for: runs, and the end of runs.

use std::net::IpAddr;

use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::assignments::NotChosen;
use super::error::WorkError;
use super::record::{AskedMode, Run, RunStatus, Trigger};
use super::state::{self, State};
use super::store::{self, Ending, NewRun};
use super::{Core, Work};
use crate::audit::{self, Actor, Deed, Target};

/// Who asks for something.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Who it is, for the record.
    pub actor: &'a Actor,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Work {
    /// Queues a run of a connector, with the wanted profile or the one that the catalogue chooses.
    ///
    /// # Errors
    /// [`WorkError::Open`] where a run of the connector waits or goes on, [`WorkError::Disabled`],
    /// [`WorkError::NoConnector`], [`WorkError::NoProfile`], or that the catalogue refuses.
    pub async fn run_now(
        &self,
        connector: Uuid,
        profile: Option<Uuid>,
        asked: AskedMode,
        caller: Caller<'_>,
    ) -> Result<Run, WorkError> {
        let core = &self.core;
        if core.stop.is_cancelled() {
            return Err(WorkError::Closing);
        }
        let chosen = core.assignments.choose(connector, profile).await;
        let chosen = chosen.map_err(|error| match error {
            NotChosen::NoConnector => WorkError::NoConnector,
            NotChosen::NoProfile => WorkError::NoProfile,
            NotChosen::Refused(fault) => WorkError::Refused(fault),
        })?;
        let new = NewRun {
            connector,
            connector_name: chosen.connector_name,
            profile: chosen.profile,
            profile_name: chosen.profile_name,
            trigger: Trigger::Manual,
            asked,
            actor: caller.actor.clone(),
            at: core.clock.now(),
        };
        let run = core
            .database
            .write(async |connection| {
                let standing = state::standing(connection, connector).await?;
                match standing.ok_or(WorkError::NoConnector)?.state {
                    State::Disabled => return Err(WorkError::Disabled),
                    _ => {
                        if let Some(open) = store::open_of(connection, connector).await? {
                            return Err(WorkError::Open(Box::new(open)));
                        }
                    }
                }
                let run = store::insert(connection, &new).await?;
                let details = json!({"run": run.id, "profile": run.profile_name, "mode": asked});
                core.record(connection, &run, caller, "run.start", details)
                    .await?;
                Ok(run)
            })
            .await?;
        core.push(&run).await;
        core.tell(run.id).await;
        Ok(run)
    }

    /// Ends a run that waits at once, and one that goes on between two pages.
    ///
    /// # Errors
    /// [`WorkError::NoRun`], or [`WorkError::NotOpen`] where it has ended.
    pub async fn cancel(&self, id: Uuid, caller: Caller<'_>) -> Result<Run, WorkError> {
        let core = &self.core;
        let connector = self.run(id).await?.connector;
        let scheduled = core.is_scheduled(connector).await;
        let at = core.clock.now();
        let run = core
            .database
            .write(async |connection| {
                let run = store::get(connection, id)
                    .await?
                    .ok_or(WorkError::NoRun(id))?;
                if !run.state.is_open() {
                    return Err(WorkError::NotOpen(Box::new(run)));
                }
                store::want_cancelled(connection, id, caller.actor).await?;
                if run.state == RunStatus::Queued {
                    let ending = Ending::bare(RunStatus::Cancelled);
                    store::end(connection, id, None, at, &ending).await?;
                    // It had begun, before a restart.
                    if run.attempts > 0 {
                        let cause = "The run was cancelled";
                        core.dismiss(connection, &run, cause, caller.actor, scheduled)
                            .await?;
                    }
                }
                let details = json!({ "run": id });
                core.record(connection, &run, caller, "run.cancel", details)
                    .await?;
                store::get(connection, id)
                    .await?
                    .ok_or(WorkError::NoRun(id))
            })
            .await?;
        if let Some(live) = core.running().get(&id) {
            live.cancel.cancel();
        }
        core.tell(id).await;
        Ok(run)
    }
}

impl Core {
    /// Writes down what somebody did about a run. Its target is the connector, where people look for it.
    pub(super) async fn record(
        &self,
        connection: &mut SqliteConnection,
        run: &Run,
        caller: Caller<'_>,
        action: &str,
        details: serde_json::Value,
    ) -> Result<(), WorkError> {
        let deed = Deed {
            at: self.clock.now(),
            actor: caller.actor,
            address: caller.address,
            action,
            target: Some(Target::new("connector", run.connector, &run.connector_name)),
            details,
        };
        Ok(audit::record(connection, &deed).await?)
    }
}
