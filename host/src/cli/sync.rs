//! `connector-host sync`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use connector_host::contract::GroupLink;
use connector_host::directory::{self, Directory};
use connector_host::limits::{Guard, Patience};
use connector_host::run::{self, EXIT_FAILED, Job, Progress, WantedMode};

use super::options::{DirectoryOptions, NetworkArguments, PluginOptions, SettingsOptions};
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
        let plugin = self.plugin.load().await?;
        let settings = self.settings.read(&plugin)?;
        let map = self.settings.map(&plugin).await?;
        let links = self.links()?;
        let egress = self.network.egress()?;
        let _alone = lock(&self.directory.database)?;
        let directory: Arc<dyn Directory> =
            Arc::from(directory::open(&self.directory.database).await?);
        let job = Job {
            plugin: plugin.for_connector(&self.directory.connector),
            connector: self.directory.connector,
            settings,
            map,
            links,
            mode: match self.mode {
                ModeArgument::Auto => WantedMode::Auto,
                ModeArgument::Full => WantedMode::Full,
                ModeArgument::Incremental => WantedMode::Incremental,
            },
            allow_mass_change: self.allow_mass_change,
            guard: Guard {
                share: f64::from(self.guard_percent) / 100.0,
                ..Guard::default()
            },
            patience: Patience::default(),
        };
        let watched = Arc::new(Progress::default());
        let bars = progress::show(Arc::clone(&watched));
        let outcome = tokio::select! {
            outcome = run::run(&job, &directory, &egress, &watched) => Some(outcome),
            _ = tokio::signal::ctrl_c() => None,
        };
        bars.clear().await;
        let mut out = std::io::stdout().lock();
        let Some(outcome) = outcome else {
            // Whatever was read is stored with its checkpoint.
            writeln!(
                std::io::stderr(),
                "interrupted; the same command goes on from here"
            )?;
            return Ok(EXIT_FAILED);
        };
        let report = outcome?;
        match self.report {
            ReportFormat::Text => report::write(&mut out, &report)?,
            ReportFormat::Json => {
                serde_json::to_writer(&mut out, &report)?;
                writeln!(out)?;
            }
        }
        Ok(report.exit_code())
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

/// Two runs into one file at a time would each give the other's run up. The system lets go of the lock
/// when the process ends, however it ends.
fn lock(database: &str) -> anyhow::Result<Option<File>> {
    if database.contains("://") {
        return Ok(None);
    }
    let path = format!("{database}.lock");
    let file = File::create(&path).with_context(|| format!("the lock file {path}"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            anyhow::bail!("another sync is writing to {database}; wait for it to end")
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("the lock file {path}"))
        }
    }
}
