//! Carrying runs out with the installed plugins.

use std::sync::Arc;

use async_trait::async_trait;

use super::executor::{DecideError, Executor, Order, Outcome};
use super::outcome::problems_fault;
use super::record::{AskedMode, Holdings, RunDecision, RunStatus};
use crate::causes::with_causes;
use crate::contract::{Fault, FaultKind};
use crate::directory::{
    ConnectorKey, Decision, Directory, DirectoryError, PageRequest, RunFilter, RunKey, RunState,
};
use crate::egress::Egress;
use crate::limits::Patience;
use crate::metrics::Metrics;
use crate::plugin::Plugin;
use crate::plugin::registry::Registry;
use crate::run::{self, Interrupt, Job, Report, WantedMode};
use crate::settings::Settings;

/// Carries runs out with the installed plugins, the shared directory and the shared way out.
pub struct Plugins {
    registry: Arc<Registry>,
    directory: Arc<dyn Directory>,
    egress: Arc<Egress>,
    metrics: Arc<Metrics>,
    patience: Patience,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").finish_non_exhaustive()
    }
}

impl Plugins {
    /// Plugins of this registry. What runs did is counted in `metrics`.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        directory: Arc<dyn Directory>,
        egress: Arc<Egress>,
        metrics: Arc<Metrics>,
        patience: Patience,
    ) -> Self {
        Self {
            registry,
            directory,
            egress,
            metrics,
            patience,
        }
    }

    async fn try_execute(&self, order: &Order) -> Result<Outcome, Outcome> {
        let plugin = self.plugin(order).await?;
        let parts = &order.parts;
        let settings =
            Settings::split(&parts.settings, parts.secrets.clone(), plugin.description()).map_err(
                |problems| Outcome::Failed {
                    fault: problems_fault(&problems),
                    problems,
                },
            )?;
        let job = Job {
            connector: parts.connector.to_string(),
            plugin,
            settings,
            map: parts.map.clone(),
            links: parts.links.clone(),
            mode: match order.asked {
                AskedMode::Auto => WantedMode::Auto,
                AskedMode::Snapshot => WantedMode::Full,
            },
            allow_mass_change: false,
            guard: parts.guard.clone(),
            patience: self.patience.clone(),
        };
        let in_flight = self.metrics.run_started();
        let report = self
            .run(&job, order)
            .await
            .map_err(|error| failed(&error))?;
        let (directory_run, holdings) = match self.end(&job, &report).await {
            Ok(Some((key, holdings))) => (Some(key), holdings),
            Ok(None) => (None, None),
            Err(error) => return Err(failed(&error)),
        };
        drop(in_flight);
        self.metrics.run_ended(&order.parts.connector_name, &report);
        if matches!(report.state, RunState::Cancelled | RunState::Interrupted) {
            // Neither speaks for nor against the plugin.
        } else if let Err(error) = self.registry.ran(&job.plugin, report.plugin_at_fault).await {
            tracing::warn!("how a run of {} went was not noted: {error}", report.plugin);
        }
        Ok(Outcome::Ended {
            report: Box::new(report),
            directory_run,
            holdings,
        })
    }

    /// The plugin that is active now, with what was dropped into its folder meanwhile.
    async fn plugin(&self, order: &Order) -> Result<Plugin, Outcome> {
        if let Err(error) = self.registry.adopt().await {
            tracing::warn!("plugins that were dropped in are left where they are: {error}");
        }
        let plugin = self.registry.resolve(&order.parts.wanted).await;
        let plugin = plugin.map_err(|error| Outcome::Failed {
            fault: Fault {
                kind: FaultKind::Configuration,
                code: "plugin.unavailable".into(),
                message: error.to_string(),
                remedy: Some("Install and activate the plugin, then run it again.".into()),
                setting: None,
            },
            problems: Vec::new(),
        })?;
        Ok(plugin.for_connector(&order.parts.connector_name))
    }

    async fn run(&self, job: &Job, order: &Order) -> Result<Report, DirectoryError> {
        let progress = &order.progress;
        let heed = async {
            let signals = &order.signals;
            tokio::select! {
                () = signals.stop.cancelled() => progress.interrupt(Interrupt::Stop),
                () = signals.cancel.cancelled() => progress.interrupt(Interrupt::Cancel),
            }
            // A run that is already stopping may still be cancelled.
            signals.cancel.cancelled().await;
            progress.interrupt(Interrupt::Cancel);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            report = run::run(job, &self.directory, &self.egress, progress) => report,
            () = heed => std::future::pending().await,
        }
    }

    /// The run's key in the directory, if it got that far, and what the connector holds after it. It is the
    /// connector's newest, for its runs don't overlap.
    async fn end(
        &self,
        job: &Job,
        report: &Report,
    ) -> Result<Option<(i64, Option<Holdings>)>, DirectoryError> {
        if !report.has_begun() {
            return Ok(None);
        }
        let connector = self.directory.connector(&job.connector).await?;
        let filter = RunFilter {
            connectors: vec![connector],
            state: None,
        };
        let newest = self.directory.runs(&filter, &PageRequest::first(1)).await?;
        let Some(run) = newest.items.first() else {
            return Ok(None);
        };
        Ok(Some((run.key.0, self.holdings(connector).await?)))
    }

    async fn holdings(&self, connector: ConnectorKey) -> Result<Option<Holdings>, DirectoryError> {
        let record = self.directory.counts(connector).await?;
        Ok(record.as_ref().map(Holdings::from))
    }
}

#[async_trait]
impl Executor for Plugins {
    async fn execute(&self, order: Order) -> Outcome {
        self.try_execute(&order)
            .await
            .unwrap_or_else(|outcome| outcome)
    }

    async fn decide(
        &self,
        directory_run: i64,
        decision: &RunDecision,
    ) -> Result<(RunStatus, Option<Holdings>), DecideError> {
        let key = RunKey(directory_run);
        let wanted = Decision {
            verdict: decision.verdict,
            actor: decision.actor.name.clone(),
            reason: decision.reason.clone(),
        };
        let record = match self.directory.decide(key, wanted).await {
            Ok(record) => record,
            // A process that died in the middle of it may have decided this already.
            Err(DirectoryError::NotHeld(record))
                if record.decision.as_ref().is_some_and(|decided| {
                    decided.verdict == decision.verdict && decided.reason == decision.reason
                }) =>
            {
                *record
            }
            Err(error @ (DirectoryError::NotHeld(_) | DirectoryError::NoRun(_))) => {
                return Err(DecideError::NotHeld(error.to_string()));
            }
            Err(error) => return Err(DecideError::Failed(with_causes(&error))),
        };
        let state = match record.state {
            RunState::Processed => RunStatus::Processed,
            RunState::Partial => RunStatus::Partial,
            RunState::Rejected => RunStatus::Rejected,
            state => return Err(DecideError::NotHeld(format!("it is {state:?}"))),
        };
        // It is carried out, whether or not this can be told.
        let holdings = self.holdings(record.connector).await.unwrap_or_default();
        Ok((state, holdings))
    }

    async fn prune(&self, before: i64, keep_last: u32) -> Result<u64, String> {
        let pruned = self.directory.prune(before, keep_last).await;
        pruned.map_err(|error| with_causes(&error))
    }
}

fn failed(error: &DirectoryError) -> Outcome {
    Outcome::Failed {
        fault: Fault {
            kind: FaultKind::Transient,
            code: "directory.failed".into(),
            message: format!("The directory's store failed: {}.", with_causes(error)),
            remedy: Some("Look at the host's log, and at the disk that the store is on.".into()),
            setting: None,
        },
        problems: Vec::new(),
    }
}
