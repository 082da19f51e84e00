//! Commands against a running server: thin, over its API.

mod audit;
mod client;
mod connector;
mod failure;
mod group;
mod map;
mod output;
mod pages;
mod profile;
mod reach;
mod resolve;
mod run;
mod schedule;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod user;

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use secrecy::SecretString;
use url::Url;

use client::{Client, Connection};
use output::{Console, Form, Output};

pub(in crate::cli) use failure::Failure;

/// Environment variable of the API token.
const TOKEN_VARIABLE: &str = "CONNECTOR_TOKEN";
/// Entries of a list where nothing is said.
const ENTRIES: usize = 50;

/// Commands against a running server.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Connectors: what brings users and groups.
    #[command(after_help = NAMES)]
    Connector(Noun<connector::Command>),
    /// Profiles: when a connector runs, with which map, and what its runs may remove.
    #[command(after_help = NAMES)]
    Profile(Noun<profile::Command>),
    /// Transform maps: which fields of the source become which of the platform's.
    #[command(after_help = NAMES)]
    Map(Noun<map::Command>),
    /// Runs: what was read when, and what became of it.
    #[command(after_help = NAMES)]
    Run(Noun<run::Command>),
    /// Find groups, and see who is in them and why.
    #[command(after_help = NAMES)]
    Group(Noun<group::Command>),
    /// API tokens.
    #[command(after_help = NAMES)]
    Token(Noun<token::Command>),
    /// Those who may sign in.
    #[command(after_help = NAMES)]
    User(Noun<user::Command>),
    /// Who did what.
    Audit(Verb<audit::Audit>),
}

const NAMES: &str = "\
Names are accepted wherever an identifier is; one that isn't unique is refused, with the candidates.";

/// Commands about one kind of thing.
#[derive(Debug, Args)]
pub(in crate::cli) struct Noun<C: Subcommand> {
    #[command(flatten)]
    options: RemoteOptions,
    #[command(subcommand)]
    command: C,
}

/// A command without commands below it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verb<C: Args> {
    #[command(flatten)]
    options: RemoteOptions,
    #[command(flatten)]
    command: C,
}

/// How to reach the server, and how to write what it answers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server and output")]
struct RemoteOptions {
    /// The server.
    #[arg(
        long,
        value_name = "URL",
        env = "CONNECTOR_SERVER",
        global = true,
        default_value = "http://127.0.0.1:8080"
    )]
    server: Url,
    /// A file with the API token; that of the environment variable CONNECTOR_TOKEN where absent.
    #[arg(long, value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file as well.
    #[arg(long = "ca-file", value_name = "PEM", global = true)]
    ca_files: Vec<PathBuf>,
    /// Send the token over plain http to another machine, where anybody on the way can read it.
    #[arg(long, global = true)]
    insecure_http: bool,
    /// Write JSON: one document for a thing, one a line for a list. So it is anyway in a pipe.
    #[arg(long, global = true, conflicts_with = "table")]
    json: bool,
    /// Write tables. So it is anyway on a terminal.
    #[arg(long, global = true)]
    table: bool,
    /// Follow a list to its end.
    #[arg(long, global = true, conflicts_with = "limit")]
    all: bool,
    /// Most entries of a list; 50 where absent.
    #[arg(long, value_name = "N", global = true)]
    limit: Option<usize>,
}

/// What a command does with a server.
trait Act {
    /// Does it, to the exit code.
    async fn act(self, client: &Client, output: &mut Output) -> anyhow::Result<u8>;
}

impl Command {
    /// Runs it to its exit code.
    pub(in crate::cli) async fn run(self) -> anyhow::Result<u8> {
        let token = match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.trim().is_empty() => Some(SecretString::from(token)),
            _ => None,
        };
        self.run_with(token, Console::of_process()).await
    }

    async fn run_with(self, token: Option<SecretString>, console: Console) -> anyhow::Result<u8> {
        match self {
            Self::Connector(noun) => act(noun.options, noun.command, token, console).await,
            Self::Profile(noun) => act(noun.options, noun.command, token, console).await,
            Self::Map(noun) => act(noun.options, noun.command, token, console).await,
            Self::Run(noun) => act(noun.options, noun.command, token, console).await,
            Self::Group(noun) => act(noun.options, noun.command, token, console).await,
            Self::Token(noun) => act(noun.options, noun.command, token, console).await,
            Self::User(noun) => act(noun.options, noun.command, token, console).await,
            Self::Audit(verb) => act(verb.options, verb.command, token, console).await,
        }
    }
}

async fn act(
    options: RemoteOptions,
    command: impl Act,
    token: Option<SecretString>,
    console: Console,
) -> anyhow::Result<u8> {
    let form = options.form();
    let most = options.most();
    let client = Client::new(options.connection(token)?)?;
    let mut output = Output::new(console, form, most);
    command.act(&client, &mut output).await
}

impl RemoteOptions {
    fn form(&self) -> Form {
        if self.json || (!self.table && !std::io::stdout().is_terminal()) {
            Form::Json
        } else {
            Form::Table
        }
    }

    fn most(&self) -> Option<usize> {
        (!self.all).then(|| self.limit.unwrap_or(ENTRIES))
    }

    fn connection(self, token: Option<SecretString>) -> anyhow::Result<Connection> {
        let token = match &self.token_file {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("the token file {}", file.display()))?;
                Some(SecretString::from(text))
            }
            None => token,
        };
        Ok(Connection {
            server: self.server,
            token,
            ca_files: self.ca_files,
            insecure_http: self.insecure_http,
        })
    }
}
