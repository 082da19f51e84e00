//! The command line: thin, over the library.

mod check;
mod export;
mod inspect;
mod install;
mod options;
mod progress;
mod remote;
mod report;
mod sync;
mod table;

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use connector_host::contract::Problem;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_FAILED, EXIT_PROCESSED};

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
    /// Synchronise a directory once, without a server.
    Sync(sync::Sync),
    /// Stream the directory as NDJSON.
    Export(export::Export),
    /// Test the connection: one line per item, with the remedy.
    Check(check::Check),
    /// Install, look at and swap plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
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
    log_to_stderr(arguments.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let outcome = runtime.block_on(async {
        match arguments.command {
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
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
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
    if error.downcast_ref::<Mistakes>().is_some() {
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

/// `CONNECTOR_LOG` wins over `--verbose`.
fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        0 => "error",
        1 => "info,sqlx=warn",
        _ => "debug,hyper=info,h2=info,sqlx=info,wasmtime=info,cranelift=info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("CONNECTOR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
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
