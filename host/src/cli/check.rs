//! `connector-host check`.

use std::io::Write;

use clap::Args;
use connector_host::contract::{CheckLine, CheckOutcome};
use connector_host::directory::Mode;
use connector_host::plugin::RunRequest;
use connector_host::run::{self, ConnectError, EXIT_CONFIGURATION, EXIT_PROCESSED, exit_code_of};

use super::options::{NetworkArguments, PluginOptions, SettingsOptions};
use super::{Mistakes, report};

/// Arguments of the command.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    settings: SettingsOptions,
    #[command(flatten)]
    network: NetworkArguments,
    /// Write the lines as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let plugin = self.plugin.load().await?;
        let settings = self.settings.read(&plugin)?;
        let map = self.settings.map(&plugin).await?;
        let egress = self.network.egress()?;
        let connected = match run::connect(&plugin, &settings, &egress).await {
            Ok(connected) => connected,
            Err(ConnectError::Problems(problems)) => return Err(Mistakes(problems).into()),
            Err(ConnectError::Fault(fault)) => return self.fault(&fault),
        };
        let request = RunRequest::new(&settings.plugin, &map, &[], Mode::Snapshot, None);
        let mut instance = plugin.open(Some(&connected.session)).await?;
        match instance.check(&request).await {
            Ok(lines) => {
                let own = connected.certificate_line().into_iter();
                self.lines(&own.chain(lines).collect::<Vec<_>>())
            }
            Err(error) => self.fault(&error.into_fault()),
        }
    }

    fn lines(&self, lines: &[CheckLine]) -> anyhow::Result<u8> {
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, lines)?;
            writeln!(out)?;
        } else {
            for line in lines {
                let word = match line.outcome {
                    CheckOutcome::Passed => "passed",
                    CheckOutcome::Failed => "FAILED",
                    CheckOutcome::Skipped => "skipped",
                };
                writeln!(out, "{word:8} {}: {}", line.item, line.seen)?;
                if let Some(remedy) = &line.remedy {
                    writeln!(out, "         {remedy}")?;
                }
            }
        }
        let failed = lines
            .iter()
            .any(|line| line.outcome == CheckOutcome::Failed);
        Ok(if failed {
            EXIT_CONFIGURATION
        } else {
            EXIT_PROCESSED
        })
    }

    fn fault(&self, fault: &connector_host::contract::Fault) -> anyhow::Result<u8> {
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &serde_json::json!({ "fault": fault }))?;
            writeln!(out)?;
        } else {
            report::write_fault(&mut out, fault)?;
        }
        Ok(exit_code_of(fault))
    }
}
