//! `connector-host token`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Act;
use super::client::Client;
use super::output::{Column, Output};
use super::resolve::{self, pick};

/// Commands about API tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// One's own tokens, newest first.
    List(List),
    /// Make a token; it is shown this once.
    Create(Create),
    /// Make a token useless.
    Revoke(Revoke),
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Also run, cancel, allow and reject.
    Operator,
    /// Also change everything.
    Admin,
}

impl Role {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Arguments of `token list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Everybody's, which only an administrator sees.
    #[arg(long)]
    everybody: bool,
}

/// Arguments of `token create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// What it is for.
    #[arg(long)]
    name: String,
    /// What it may do; no more than its maker.
    #[arg(long, value_enum, default_value_t = Role::Viewer)]
    role: Role,
    /// When it stops working: a date or an instant. Never where absent.
    #[arg(long, value_name = "TIME", value_parser = super::group::instant)]
    expires: Option<Timestamp>,
}

/// Arguments of `token revoke`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The token's name or identifier; never the token itself.
    #[arg(value_name = "NAME|ID")]
    token: String,
    /// Look among everybody's.
    #[arg(long)]
    everybody: bool,
}

const COLUMNS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Role", "/role"),
    Column::text("User", "/userName"),
    Column::time("Made", "/createdAt"),
    Column::time("Used", "/usedAt"),
    Column::time("Expires", "/expiresAt"),
    Column::text("Id", "/id"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List(List { everybody }) => {
                let request = client.get(&["tokens"])?.flag("all", everybody);
                output.list(request, COLUMNS).await
            }
            Self::Create(new) => {
                let mut body = json!({"name": new.name, "role": new.role.word()});
                if let (Some(at), Some(members)) = (new.expires, body.as_object_mut()) {
                    members.insert("expiresAt".into(), json!(at));
                }
                let made = client.post(&["tokens"])?.body(body).send().await?.body;
                let token = made.get("token").and_then(Value::as_str);
                let token = token.unwrap_or_default().to_owned();
                // Alone on standard output, so that it can go into a file.
                let code = output.done(&token, &made)?;
                output.note("This is the only time that the token is shown.")?;
                Ok(code)
            }
            Self::Revoke(Revoke { token, everybody }) => {
                let request = client.get(&["tokens"])?.flag("all", everybody);
                let found = pick("token", &token, resolve::listed(request).await?)?;
                let answer = client.delete(&["tokens", &found.id])?.send().await?;
                output.done(&format!("{} no longer works", found.name), &answer.body)
            }
        }
    }
}
