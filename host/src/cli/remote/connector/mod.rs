//! `connector-host connector`.

mod ask;
mod change;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use serde_json::{Value, json};

use super::Act;
use super::client::{Answer, Client};
use super::failure::Failure;
use super::output::{Column, Output};
use super::resolve;

pub(super) use ask::fault_lines;

/// Commands about connectors.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Every connector, where it stands and since when.
    List(List),
    /// Everything about one connector, secrets left out.
    Show(One),
    /// The steps of a connector from state to state, newest first.
    History(One),
    /// Make a connector.
    Create(change::Create),
    /// Change a connector; what isn't named stays as it is.
    Change(change::Change),
    /// Copy a connector with its settings, secrets and profiles, which begin inactive.
    Clone(CloneIt),
    /// Delete a connector.
    Delete(Delete),
    /// Test the connection: one line per item, with the remedy.
    Check(One),
    /// Let a disabled connector run again.
    Enable(One),
    /// Let nothing run until it is enabled.
    Disable(One),
    /// Ignore its schedules until it is resumed; it still runs when asked.
    Pause(One),
    /// Mind its schedules again.
    Resume(One),
    /// Groups of the source to choose from.
    Discover(ask::Discover),
    /// The installed plugins, of which connectors are made.
    Types(ask::Types),
}

/// One connector.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The connector.
    #[arg(value_name = "NAME|ID")]
    connector: String,
}

/// Arguments of `connector list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only those in whose names this is.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Only those in this state, such as `failed`.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this plugin.
    #[arg(long)]
    plugin: Option<String>,
}

/// Arguments of `connector clone`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CloneIt {
    #[command(flatten)]
    one: One,
    /// Name of the copy.
    #[arg(long)]
    name: String,
    /// Copy the group links too.
    #[arg(long)]
    links: bool,
}

/// Arguments of `connector delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    one: One,
    /// What becomes of the users, groups and memberships that it brought.
    #[arg(long, value_enum)]
    data: Data,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Data {
    /// They stay, and never change again.
    Keep,
    /// They are removed.
    Remove,
}

const COLUMNS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::made("State", |connector| {
        let state = connector.get("state").and_then(Value::as_str);
        let paused = connector.get("paused") == Some(&Value::Bool(true));
        let state = super::text::clean(state.unwrap_or_default());
        if paused {
            format!("{state}, paused")
        } else {
            state
        }
    }),
    Column::time("Since", "/since"),
    Column::text("Plugin", "/plugin"),
    Column::text("Version", "/version"),
    Column::made("Warnings", |connector| {
        let warnings = connector.get("warnings").and_then(Value::as_array);
        match warnings.map_or(0, Vec::len) {
            0 => String::new(),
            count => count.to_string(),
        }
    }),
    Column::text("Id", "/id"),
];

const STEPS: &[Column] = &[
    Column::time("At", "/at"),
    Column::text("From", "/from"),
    Column::text("To", "/to"),
    Column::text("Cause", "/cause"),
    Column::text("By", "/actor"),
    Column::text("Run", "/run"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List(list) => {
                let request = client
                    .get(&["connectors"])?
                    .maybe("name", list.name)
                    .maybe("state", list.state)
                    .maybe("plugin", list.plugin);
                output.list(request, COLUMNS).await
            }
            Self::Show(one) => {
                output.thing(&one.read(client).await?.body)?;
                Ok(EXIT_PROCESSED)
            }
            Self::History(one) => {
                let found = resolve::connector(client, &one.connector).await?;
                let path = ["connectors", &found.id, "transitions"];
                output.list(client.get(&path)?, STEPS).await
            }
            Self::Create(command) => command.run(client, output).await,
            Self::Change(command) => command.run(client, output).await,
            Self::Clone(command) => command.run(client, output).await,
            Self::Delete(command) => command.run(client, output).await,
            Self::Check(one) => ask::check(&one, client, output).await,
            Self::Enable(one) => one.step("enable", "is enabled", client, output).await,
            Self::Disable(one) => one.step("disable", "is disabled", client, output).await,
            Self::Pause(one) => one.step("pause", "is paused", client, output).await,
            Self::Resume(one) => one.step("resume", "is resumed", client, output).await,
            Self::Discover(command) => command.run(client, output).await,
            Self::Types(command) => command.run(client, output).await,
        }
    }
}

impl One {
    /// The connector with its revision.
    async fn read(&self, client: &Client) -> Result<Answer, Failure> {
        let found = resolve::connector(client, &self.connector).await?;
        client.get(&["connectors", &found.id])?.send().await
    }

    async fn step(
        &self,
        verb: &str,
        done: &str,
        client: &Client,
        output: &mut Output,
    ) -> Result<u8> {
        let found = resolve::connector(client, &self.connector).await?;
        let request = client.post(&["connectors", &found.id, verb])?;
        let answer = request.send().await?;
        output.done(&format!("{} {done}", found.name), &answer.body)
    }
}

impl CloneIt {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = resolve::connector(client, &self.one.connector).await?;
        let body = json!({"name": self.name, "links": self.links});
        let request = client.post(&["connectors", &found.id, "clone"])?.body(body);
        let made = request.send().await?.body;
        let sentence = format!("{} is a copy of {}", self.name, found.name);
        output.done(&sentence, &made)
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        let (id, name) = (found.text("id"), found.text("name"));
        let (data, what) = match self.data {
            Data::Keep => ("keep", "the users and groups that it brought stay"),
            Data::Remove => ("remove", "the users and groups that it brought are removed"),
        };
        output.confirm(
            &format!("Deleting the connector {name} with its profiles, links and secrets; {what}"),
            &name,
            self.yes,
        )?;
        let request = client.delete(&["connectors", &id])?.query("data", data);
        let answer = request.if_match(found.etag).send().await?;
        output.done(&format!("{name} is deleted; {what}"), &answer.body)
    }
}
