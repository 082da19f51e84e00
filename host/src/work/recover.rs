//! Going on after a process that died.

use super::core::Core;
use super::error::WorkError;
use super::outcome;
use super::record::{Run, RunFault, RunStatus};
use super::state::Event;
use super::store::{self, Ending};
use crate::audit::Actor;
use crate::contract::{Fault, FaultKind};

impl Core {
    /// Takes over what earlier processes left, and queues every run that waits.
    pub(super) async fn recover(&self) -> Result<(), WorkError> {
        let orphans = self
            .database
            .write(async |connection| store::orphans(connection, self.owner).await)
            .await?;
        for (run, crashes) in orphans {
            self.take_over(&run, crashes).await?;
        }
        self.finish_decisions().await?;
        let open = self.database.read(store::open).await?;
        for run in open {
            self.push(&run).await;
        }
        Ok(())
    }

    async fn take_over(&self, run: &Run, crashes: u32) -> Result<(), WorkError> {
        let at = self.clock.now();
        let scheduled = self.is_scheduled(run.connector).await;
        let is_hopeless = crashes >= self.policy.crashes.max(1);
        self.database
            .write(async |connection| {
                store::adopt(connection, run.id, self.owner).await?;
                if let Some(by) = &run.cancelled_by {
                    let ending = Ending::bare(RunStatus::Cancelled);
                    store::end(connection, run.id, Some(self.owner), at, &ending).await?;
                    let cause = outcome::cause(&ending);
                    return self.dismiss(connection, run, &cause, by, scheduled).await;
                }
                if !is_hopeless {
                    store::release(connection, run.id, self.owner).await?;
                    return Ok(());
                }
                let fault = crashed(crashes);
                let ending = Ending {
                    fault: Some(RunFault::from(&fault)),
                    ..Ending::bare(RunStatus::Failed)
                };
                store::end(connection, run.id, Some(self.owner), at, &ending).await?;
                let actor = Actor::system();
                self.step(connection, run, Event::RunFailed, &fault.message, &actor)
                    .await
            })
            .await
    }
}

fn crashed(crashes: u32) -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        code: "host.crashed".into(),
        message: format!("The host's process ended {crashes} times while the run went on."),
        remedy: Some(
            "Look at the host's log and its memory; then run it again: what was read is kept."
                .into(),
        ),
        setting: None,
    }
}
