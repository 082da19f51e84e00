//! `connector-host group user`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::super::Act;
use super::super::client::Client;
use super::super::output::{Column, Output};
use super::super::resolve::Objects;
use super::{Find, One, Reach, Whose, chain};

/// Commands about users.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Find users by name.
    Find(Find),
    /// Everything about one user.
    Show(One),
    /// Which groups a user is in.
    Groups(Groups),
}

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::Find(command) => command.run(Objects::Users, None, client, output).await,
            Self::Show(command) => command.run(Objects::Users, client, output).await,
            Self::Groups(command) => command.run(client, output).await,
        }
    }
}

/// Arguments of `group user groups`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Groups {
    /// The user.
    #[arg(value_name = "NAME|ID")]
    user: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    reach: Reach,
}

const GROUPS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::made("Path", |group| {
        chain(group.get("path").unwrap_or(&Value::Null))
    }),
    Column::text("Id", "/id"),
];

impl Groups {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = Objects::Users
            .find(client, self.whose.name(), &self.user)
            .await?;
        let path = [
            "connectors",
            &found.connector,
            "users",
            &found.object.id,
            "groups",
        ];
        let request = client
            .get(&path)?
            .flag("effective", self.reach.effective)
            .maybe("text", self.reach.text);
        output.list(request, GROUPS).await
    }
}
