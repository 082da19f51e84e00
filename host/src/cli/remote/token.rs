//! `connector-host token`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

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
    /// Sign in as this user to make it, instead of with a token; goes with --password-file.
    #[arg(long, value_name = "USER", requires = "password_file")]
    sign_in: Option<String>,
    /// File with the user's password; a line break at its end doesn't count.
    #[arg(long, value_name = "FILE", requires = "sign_in")]
    password_file: Option<PathBuf>,
    /// File with the code that a new server shows: the user is made first, as its first administrator.
    #[arg(long, value_name = "FILE", requires = "sign_in")]
    setup_code_file: Option<PathBuf>,
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
            Self::Create(new) => new.run(client, output).await,
            Self::Revoke(Revoke { token, everybody }) => {
                let request = client.get(&["tokens"])?.flag("all", everybody);
                let found = pick("token", &token, resolve::listed(request).await?)?;
                let answer = client.delete(&["tokens", &found.id])?.send().await?;
                output.done(&format!("{} no longer works", found.name), &answer.body)
            }
        }
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let session = self.session(client).await?;
        let client = session.as_ref().unwrap_or(client);
        let mut body = json!({"name": self.name, "role": self.role.word()});
        if let (Some(at), Some(members)) = (self.expires, body.as_object_mut()) {
            members.insert("expiresAt".into(), json!(at));
        }
        let made = client.post(&["tokens"])?.body(body).send().await?;
        // Alone on standard output, so that it can go into a file.
        let code = output.done(&made.text("token"), &made.body)?;
        output.note("This is the only time that the token is shown.")?;
        if session.is_some() {
            // The session has done its work; that it ends by itself later is good enough.
            let _ = client.delete(&["session"])?.send().await;
        }
        Ok(code)
    }

    async fn session(&self, client: &Client) -> Result<Option<Client>> {
        let (Some(name), Some(file)) = (&self.sign_in, &self.password_file) else {
            return Ok(None);
        };
        let mut body = json!({"name": name, "password": secret_line(file)?});
        let path = match &self.setup_code_file {
            Some(file) => {
                if let Some(members) = body.as_object_mut() {
                    members.insert("code".into(), secret_line(file)?.into());
                }
                "setup"
            }
            None => "session",
        };
        Ok(Some(client.signed_in(&[path], body).await?))
    }
}

/// What a file holds, without the line break at its end.
pub(super) fn secret_line(file: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("the file {}", file.display()))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
