//! The command line: thin, over the library.

mod backup;
mod check;
mod export;
mod inspect;
mod install;
mod options;
mod progress;
mod recovery;
mod remote;
mod report;
mod server;
mod sync;
mod table;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use connector_host::config::{ConfigError, LogPolicy, Sources};
use connector_host::contract::Problem;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_FAILED, EXIT_PROCESSED};
use connector_host::server::ServeError;
use connector_host::telemetry::{self, Telemetry, TelemetryError};

/// Runs directory connectors: WebAssembly components that bring users, groups and memberships into a
/// platform's directory.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Say more about what happens, on standard error; twice for everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  processed: everything was read and stored
  2  settings, credentials or permissions are wrong; nothing was stored
  3  processed in part: the report names what could not be read; nothing was removed without proof
  4  held: the run would remove too much, see --allow-mass-change; or a plugin waits for approval
  1  anything else";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the web pages, and run connectors on time, until told to stop.
    Serve(server::Serve),
    /// Synchronise a directory once, without a server.
    Sync(sync::Sync),
    /// Stream the directory as NDJSON.
    Export(export::Export),
    /// Test the connection: one line per item, with the remedy.
    Check(check::Check),
    /// Install, look at and swap plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Copy a server's databases and plugins into a folder, while it works.
    Backup(backup::Backup),
    /// Put a backup into an empty data folder.
    Restore(backup::Restore),
    /// The server's configuration.
    #[command(subcommand)]
    Config(server::ConfigCommand),
    /// The key that a server's secrets are encrypted with.
    #[command(subcommand)]
    Vault(recovery::VaultCommand),
    /// Give a user of a server a new password, read from the terminal or standard input.
    ResetPassword(recovery::ResetPassword),
    #[command(flatten)]
    Remote(remote::Command),
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Check a component and store it; runs use it once it is activated.
    Install(install::Install),
    /// Every installed version and where it stands.
    List(install::List),
    /// Everything that a plugin declares, and what it may use.
    Inspect(inspect::Inspect),
    /// Grant a version the hosts and permissions that it asks for.
    Approve(install::Approve),
    /// Make a version the one that runs use from now on.
    Activate(install::Activate),
    /// Go back to the version that was active before.
    Rollback(install::Rollback),
    /// Remove a version.
    Remove(install::Remove),
}

/// Runs a command to its exit code.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let filter = filter(arguments.verbose);
    let outcome = runtime.block_on(async {
        // A server's logs and traces are configured with everything else of it.
        let telemetry = match arguments.command {
            Command::Serve(_) => None,
            _ => Some(telemetry(filter.unwrap_or("error"))?),
        };
        let outcome = carry_out(arguments.command, filter).await;
        if let Some(telemetry) = telemetry {
            telemetry.stop().await;
        }
        outcome
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
    }
}

async fn carry_out(command: Command, filter: Option<&str>) -> anyhow::Result<u8> {
    match command {
        Command::Serve(command) => command.run(filter).await,
        Command::Config(command) => command.run(),
        Command::Vault(command) => command.run().await,
        Command::ResetPassword(command) => command.run().await,
        Command::Backup(command) => command.run().await,
        Command::Restore(command) => command.run().await,
        Command::Sync(command) => command.run().await,
        Command::Export(command) => command.run().await,
        Command::Check(command) => command.run().await,
        Command::Plugin(command) => match command {
            PluginCommand::Install(command) => command.run().await,
            PluginCommand::List(command) => command.run().await,
            PluginCommand::Inspect(command) => command.run().await,
            PluginCommand::Approve(command) => command.run().await,
            PluginCommand::Activate(command) => command.run().await,
            PluginCommand::Rollback(command) => command.run().await,
            PluginCommand::Remove(command) => command.run().await,
        },
        Command::Remote(command) => command.run().await,
    }
}

/// What the administrator entered is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", list(.0))]
pub(crate) struct Mistakes(pub(crate) Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|p| format!("{}: {} {}", p.path, p.message, p.remedy))
        .collect();
    lines.join("\n")
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let code = exit_code(error);
    if code != EXIT_PROCESSED {
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
    }
    ExitCode::from(code)
}

/// The exit code of a command that ended with an error.
fn exit_code(error: &anyhow::Error) -> u8 {
    let plain_http = matches!(error.downcast_ref(), Some(ServeError::PlainHttp(_)));
    if error.is::<Mistakes>() || error.is::<ConfigError>() || plain_http {
        return EXIT_CONFIGURATION;
    }
    if let Some(failure) = error.downcast_ref::<remote::Failure>() {
        return failure.exit_code();
    }
    match error.downcast_ref::<std::io::Error>() {
        // A reader that has seen enough, such as `head`, is no failure.
        Some(error) if error.kind() == ErrorKind::BrokenPipe => EXIT_PROCESSED,
        _ => EXIT_FAILED,
    }
}

/// What `--verbose` lets through, if it is given.
fn filter(verbose: u8) -> Option<&'static str> {
    match verbose {
        0 => None,
        1 => Some("info,sqlx=warn"),
        _ => Some("debug,hyper=info,h2=info,sqlx=info,wasmtime=info,cranelift=info"),
    }
}

/// Logs, and traces where the environment names a collector. `CONNECTOR_LOG` wins over `--verbose`.
fn telemetry(filter: &str) -> Result<Telemetry, TelemetryError> {
    let environment = Sources::default().process_environment().load();
    // A command that is configured tells what is wrong there; others have no use for it.
    let config = environment.map(|loaded| loaded.config).unwrap_or_default();
    let log = LogPolicy {
        filter: std::env::var("CONNECTOR_LOG").unwrap_or_else(|_| filter.into()),
        ..config.log
    };
    telemetry::start(&log, &config.telemetry, &config.network.ca_files)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_go_together() {
        Arguments::command().debug_assert();
    }
}
