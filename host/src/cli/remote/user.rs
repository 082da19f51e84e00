//! `connector-host user`: who may sign in.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Act;
use super::client::{Answer, Client};
use super::failure::Failure;
use super::output::{Column, Output};
use super::resolve;
use super::token::{Role, secret_line};

/// Commands about those who may sign in.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Everybody, by name.
    List,
    /// Everything about one.
    Show(One),
    /// Make a user.
    Create(Create),
    /// Change a user; changing the role or keeping them out ends their sessions.
    Change(Change),
    /// Give a user another password; it ends their sessions.
    Password(Password),
    /// Delete a user with their sessions and tokens.
    Delete(Delete),
}

/// One user.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The user.
    #[arg(value_name = "NAME|ID")]
    user: String,
}

/// Arguments of `user create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Name to sign in with.
    #[arg(long)]
    name: String,
    /// Name to show.
    #[arg(long)]
    display_name: Option<String>,
    /// What they may do.
    #[arg(long, value_enum, default_value_t = Role::Viewer)]
    role: Role,
    /// File with the password, of 12 characters at least; a line break at its end doesn't count.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

/// Arguments of `user change`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    #[command(flatten)]
    one: One,
    /// Another name to sign in with.
    #[arg(long)]
    name: Option<String>,
    /// Another name to show.
    #[arg(long)]
    display_name: Option<String>,
    /// What they may do.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// Whether they and their tokens are kept out.
    #[arg(long, value_name = "true|false")]
    disabled: Option<bool>,
}

/// Arguments of `user password`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Password {
    #[command(flatten)]
    one: One,
    /// File with the password, of 12 characters at least; a line break at its end doesn't count.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

/// Arguments of `user delete`.
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
    Column::text("Shown as", "/displayName"),
    Column::text("Role", "/role"),
    Column::text("Disabled", "/disabled"),
    Column::time("Signed in", "/signedInAt"),
    Column::text("Id", "/id"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List => output.list(client.get(&["users"])?, COLUMNS).await,
            Self::Show(one) => {
                let found = one.read(client).await?;
                output.thing(&found.body)?;
                Ok(0)
            }
            Self::Create(new) => {
                let mut body = json!({
                    "name": new.name,
                    "role": new.role.word(),
                    "password": secret_line(&new.password_file)?,
                });
                if let (Some(shown), Some(members)) = (new.display_name, body.as_object_mut()) {
                    members.insert("displayName".into(), json!(shown));
                }
                let made = client.post(&["users"])?.body(body).send().await?.body;
                output.done(&format!("{} may sign in", new.name), &made)
            }
            Self::Change(change) => change.run(client, output).await,
            Self::Password(change) => {
                let found = change.one.read(client).await?;
                let (id, name) = (found.text("id"), found.text("name"));
                let body = json!({"password": secret_line(&change.password_file)?});
                let request = client.put(&["users", &id, "password"])?.body(body);
                let answer = request.if_match(found.etag).send().await?;
                output.done(&format!("{name} has another password"), &answer.body)
            }
            Self::Delete(delete) => {
                let found = delete.one.read(client).await?;
                let (id, name) = (found.text("id"), found.text("name"));
                output.confirm(&format!("Deleting the user {name}"), &name, delete.yes)?;
                let request = client.delete(&["users", &id])?.if_match(found.etag);
                let answer = request.send().await?;
                output.done(&format!("{name} is deleted"), &answer.body)
            }
        }
    }
}

impl One {
    async fn read(&self, client: &Client) -> Result<Answer, Failure> {
        let found = resolve::one_of(client, "user", &["users"], &self.user).await?;
        client.get(&["users", &found.id])?.send().await
    }
}

impl Change {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        let kept = |name: &str| found.body.get(name).cloned().unwrap_or(Value::Null);
        let body = json!({
            "name": self.name.map_or_else(|| kept("name"), Value::from),
            "displayName": self.display_name.map_or_else(|| kept("displayName"), Value::from),
            "role": self.role.map_or_else(|| kept("role"), |role| role.word().into()),
            "disabled": self.disabled.map_or_else(|| kept("disabled"), Value::from),
        });
        let id = found.text("id");
        let request = client.put(&["users", &id])?.body(body);
        let answer = request.if_match(found.etag).send().await?;
        output.done(&format!("{} is changed", answer.text("name")), &answer.body)
    }
}
