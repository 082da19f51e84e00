//! `connector-host profile`.

mod change;
mod guard;

use anyhow::Result;
use clap::{Args, Subcommand};
use connector_host::run::EXIT_PROCESSED;

use super::Act;
use super::client::{Answer, Client};
use super::output::{Column, Output};
use super::resolve::{self, Named};

/// Commands about profiles.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// A connector's profiles.
    List(Whose),
    /// Everything about one profile.
    Show(One),
    /// Make a profile.
    #[command(after_help = super::schedule::FORMS)]
    Create(change::Create),
    /// Change a profile; what isn't named stays as it is.
    #[command(after_help = super::schedule::FORMS)]
    Change(change::Change),
    /// Let its schedule count.
    Activate(One),
    /// Let its schedule not count.
    Deactivate(One),
    /// Delete a profile.
    Delete(Delete),
    /// The next runs and their modes: of a profile, or of a schedule that is only thought of.
    #[command(after_help = super::schedule::FORMS)]
    Preview(change::Preview),
}

/// Which connector's.
#[derive(Debug, Args)]
pub(in crate::cli) struct Whose {
    /// The connector; the only one where absent.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

impl Whose {
    async fn read(&self, client: &Client) -> Result<Named> {
        Ok(resolve::connector_or_only(client, self.connector.as_deref()).await?)
    }
}

/// One profile.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The profile.
    #[arg(value_name = "NAME|ID")]
    profile: String,
    #[command(flatten)]
    whose: Whose,
}

/// Arguments of `profile delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    one: One,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

const COLUMNS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Active", "/active"),
    Column::text("Schedule", "/scheduleText"),
    Column::text("Baseline", "/baseline"),
    Column::text("Map", "/map"),
    Column::text("Id", "/id"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List(whose) => {
                let connector = whose.read(client).await?;
                let path = ["connectors", &connector.id, "profiles"];
                output.list(client.get(&path)?, COLUMNS).await
            }
            Self::Show(one) => {
                output.thing(&one.read(client).await?.1.body)?;
                Ok(EXIT_PROCESSED)
            }
            Self::Create(command) => command.run(client, output).await,
            Self::Change(command) => command.run(client, output).await,
            Self::Activate(one) => one.set_active(true, client, output).await,
            Self::Deactivate(one) => one.set_active(false, client, output).await,
            Self::Delete(command) => command.run(client, output).await,
            Self::Preview(command) => command.run(client, output).await,
        }
    }
}

impl One {
    /// The connector and the profile with its revision.
    async fn read(&self, client: &Client) -> Result<(Named, Answer)> {
        let connector = self.whose.read(client).await?;
        let path = ["connectors", &connector.id, "profiles"];
        let found = resolve::one_of(client, "profile", &path, &self.profile).await?;
        let path = ["connectors", &connector.id, "profiles", &found.id];
        let answer = client.get(&path)?.send().await?;
        Ok((connector, answer))
    }

    async fn set_active(self, active: bool, client: &Client, output: &mut Output) -> Result<u8> {
        let connector = self.whose.read(client).await?;
        let path = ["connectors", &connector.id, "profiles"];
        let found = resolve::one_of(client, "profile", &path, &self.profile).await?;
        let (verb, word) = match active {
            true => ("activate", "active"),
            false => ("deactivate", "inactive"),
        };
        let path = ["connectors", &connector.id, "profiles", &found.id, verb];
        let answer = client.post(&path)?.send().await?;
        output.done(&format!("{} is {word}", found.name), &answer.body)
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let (connector, found) = self.one.read(client).await?;
        let (id, name) = (found.text("id"), found.text("name"));
        let what = format!("Deleting the profile {name} of {}", connector.name);
        output.confirm(&what, &name, self.yes)?;
        let path = ["connectors", &connector.id, "profiles", &id];
        let request = client.delete(&path)?.if_match(found.etag);
        let answer = request.send().await?;
        output.done(&format!("{name} is deleted"), &answer.body)
    }
}
