//! `connector-host sync`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use connector_host::contract::GroupLink;
use connector_host::directory::{self, Directory, RunState};
use connector_host::egress::Egress;
use connector_host::limits::{Guard, Patience};
use connector_host::lock::Lock;
use connector_host::plugin::Plugin;
use connector_host::run::{self, EXIT_FAILED, Interrupt, Job, Progress, Report, WantedMode};

use super::options::{
    DirectoryOptions, NetworkArguments, PluginOptions, PluginSource, SettingsOptions,
};
use super::{progress, report};

/// Arguments of the command.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub(super) struct Sync {
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    directory: DirectoryOptions,
    #[command(flatten)]
    network: NetworkArguments,
    /// Links between the source's groups and the platform's:
    /// `[{"group": ID, "platformGroups": [ID, …]}, …]`.
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
    /// The kind of run.
    #[arg(long, value_enum, default_value_t = ModeArgument::Auto)]
    mode: ModeArgument,
    /// Let a run through that removes more than the mass-change guard allows.
    #[arg(long)]
    allow_mass_change: bool,
    /// Share of users, groups or memberships beyond which a removal is held, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    guard_percent: u8,
    /// Go on for ever: wait this long after each run, such as `15m` or `1h 30m`, then run again, with the
    /// version of the plugin that is active by then.
    #[arg(long, value_name = "TIME", value_parser = pause)]
    every: Option<Duration>,
    /// How the report is written to standard output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    report: ReportFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArgument {
    /// A snapshot at first, incremental after.
    Auto,
    /// A snapshot.
    Full,
    /// Only what changed; fails where no snapshot has succeeded yet.
    Incremental,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportFormat {
    /// For people.
    Text,
    /// For programs; one line.
    Json,
}

impl Sync {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let source = self.plugin.source().await?;
        let egress = self.network.egress()?;
        // Before the database is made: a mistake in the settings leaves nothing behind.
        let job = self.next_job(&source).await?;
        let _alone = Lock::directory(&self.directory.database)?;
        let directory: Arc<dyn Directory> =
            Arc::from(directory::open(&self.directory.database).await?);
        let ended = self.repeat(job, &source, &directory, &egress).await;
        directory.close().await;
        ended
    }

    async fn repeat(
        &self,
        mut job: Job,
        source: &PluginSource,
        directory: &Arc<dyn Directory>,
        egress: &Arc<Egress>,
    ) -> anyhow::Result<u8> {
        loop {
            let Some(report) = self.once(&job, directory, egress).await? else {
                return Ok(EXIT_FAILED);
            };
            source.ran(&job.plugin, &report).await?;
            let Some(pause) = self.every else {
                return Ok(report.exit_code());
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = tokio::signal::ctrl_c() => return Ok(report.exit_code()),
            }
            // Another version may be active by now, the settings may have been edited.
            match self.next_job(source).await {
                Ok(next) => job = next,
                Err(error) => tracing::error!("going on as before: {error:#}"),
            }
        }
    }

    async fn next_job(&self, source: &PluginSource) -> anyhow::Result<Job> {
        self.job(source.plugin().await?).await
    }

    async fn job(&self, plugin: Plugin) -> anyhow::Result<Job> {
        let settings = self.settings.read(&plugin)?;
        let map = self.settings.map(&plugin).await?;
        Ok(Job {
            plugin: plugin.for_connector(&self.directory.connector),
            connector: self.directory.connector.clone(),
            settings,
            map,
            links: self.links()?,
            mode: match self.mode {
                ModeArgument::Auto => WantedMode::Auto,
                ModeArgument::Full => WantedMode::Full,
                ModeArgument::Incremental => WantedMode::Incremental,
            },
            allow_mass_change: self.allow_mass_change,
            guard: Guard::of_share(f64::from(self.guard_percent) / 100.0),
            patience: Patience::default(),
        })
    }

    /// One run with its report; nothing where it was interrupted.
    async fn once(
        &self,
        job: &Job,
        directory: &Arc<dyn Directory>,
        egress: &Arc<Egress>,
    ) -> anyhow::Result<Option<Report>> {
        let watched = Arc::new(Progress::default());
        let bars = progress::show(Arc::clone(&watched));
        let outcome = stoppable(&watched, run::run(job, directory, egress, &watched)).await;
        bars.clear().await;
        let report = outcome.transpose()?;
        let report = report.filter(|report| report.state != RunState::Interrupted);
        let mut out = std::io::stdout().lock();
        let Some(report) = report else {
            // Whatever was read is stored with its checkpoint.
            writeln!(
                std::io::stderr(),
                "interrupted; the same command goes on from here"
            )?;
            return Ok(None);
        };
        match self.report {
            ReportFormat::Text => report::write(&mut out, &report)?,
            ReportFormat::Json => {
                serde_json::to_writer(&mut out, &report)?;
                writeln!(out)?;
            }
        }
        out.flush()?;
        Ok(Some(report))
    }

    fn links(&self) -> anyhow::Result<Vec<GroupLink>> {
        let Some(file) = &self.links else {
            return Ok(Vec::new());
        };
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("the links file {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("the links file {}", file.display()))
    }
}

/// A run that Ctrl-C stops, at the second time without asking it; then there is no outcome.
async fn stoppable<T>(progress: &Progress, run: impl Future<Output = T>) -> Option<T> {
    let mut run = std::pin::pin!(run);
    tokio::select! {
        outcome = &mut run => return Some(outcome),
        _ = tokio::signal::ctrl_c() => progress.interrupt(Interrupt::Stop),
    }
    tokio::select! {
        outcome = run => Some(outcome),
        _ = tokio::signal::ctrl_c() => None,
    }
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause: jiff::SignedDuration = text
        .parse()
        .map_err(|error| format!("write a time such as 15m: {error}"))?;
    Duration::try_from(pause)
        .ok()
        .filter(|pause| !pause.is_zero())
        .ok_or_else(|| "write a time above zero, such as 15m".into())
}
