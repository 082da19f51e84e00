//! `connector-host map`.

mod edit;
mod preview;
mod rules;
#[cfg(test)]
mod tests;
mod versions;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use connector_host::run::EXIT_PROCESSED;
use serde_json::{Value, json};

use super::Act;
use super::client::{Answer, Client};
use super::failure::Failure;
use super::output::{Column, Form, Output};
use super::resolve::{self, Named};

/// Where the API has them.
const PATH: &str = "transform-maps";

/// Commands about transform maps.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Every map: those that plugins bring, which can't be changed, then own ones.
    List(List),
    /// A map with its rules.
    Show(Show),
    /// Make a map.
    Create(Create),
    /// Copy a map, to change the copy.
    Clone(CloneIt),
    /// Give a map other rules, as a new version: those of a file, or in the editor of $VISUAL or $EDITOR.
    Edit(edit::Edit),
    /// Every mistake in the rules of a file; nothing is kept.
    Validate(edit::Validate),
    /// What changed from one version to another.
    Diff(versions::Diff),
    /// Versions of a map, newest first.
    Versions(One),
    /// Make the rules of an earlier version those of a new one.
    Restore(versions::Restore),
    /// Delete a map that no profile uses.
    Delete(Delete),
    /// What a map makes of a record.
    Preview(preview::Preview),
}

/// One map.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The map.
    #[arg(value_name = "NAME|ID")]
    map: String,
    /// Of this plugin, where maps of several have the name.
    #[arg(long)]
    plugin: Option<String>,
}

/// Arguments of `map list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only those in whose names this is.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Only those for this plugin.
    #[arg(long)]
    plugin: Option<String>,
}

/// Arguments of `map show`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    one: One,
    /// This version, instead of the newest.
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

/// Arguments of `map create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Name, unique for the plugin without regard to case.
    #[arg(long)]
    name: String,
    /// Name of an installed plugin.
    #[arg(long)]
    plugin: String,
    /// A file with rules: a JSON list, or an object with `rules`. Those of the plugin's default map where absent.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// About its first version.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
}

/// Arguments of `map clone`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CloneIt {
    #[command(flatten)]
    one: One,
    /// Name of the copy.
    #[arg(long)]
    name: String,
    /// Copy this version, instead of the newest.
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    /// About the copy's first version.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
}

/// Arguments of `map delete`.
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
    Column::text("Plugin", "/plugin"),
    Column::text("Read-only", "/readOnly"),
    Column::count("Version", "/version"),
    Column::count("Profiles", "/uses"),
    Column::time("Changed", "/changed/at"),
    Column::text("Id", "/id"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List(list) => {
                let request = client.get(&[PATH])?.maybe("name", list.name);
                output
                    .list(request.maybe("plugin", list.plugin), COLUMNS)
                    .await
            }
            Self::Show(command) => command.run(client, output).await,
            Self::Create(command) => command.run(client, output).await,
            Self::Clone(command) => command.run(client, output).await,
            Self::Edit(command) => command.run(client, output).await,
            Self::Validate(command) => command.run(client, output).await,
            Self::Diff(command) => command.run(client, output).await,
            Self::Versions(one) => versions::list(&one, client, output).await,
            Self::Restore(command) => command.run(client, output).await,
            Self::Delete(command) => command.run(client, output).await,
            Self::Preview(command) => command.run(client, output).await,
        }
    }
}

impl One {
    async fn find(&self, client: &Client) -> Result<Named, Failure> {
        let plugin = self.plugin.as_deref();
        let request = client.get(&[PATH])?.maybe("plugin", plugin);
        resolve::pick("map", &self.map, resolve::listed(request).await?)
    }

    /// The map with its revision.
    async fn read(&self, client: &Client) -> Result<Answer, Failure> {
        let found = self.find(client).await?;
        client.get(&[PATH, &found.id])?.send().await
    }
}

impl Show {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.find(client).await?;
        let version = self.version.map(|version| version.to_string());
        let path: &[&str] = match &version {
            Some(version) => &[PATH, &found.id, "versions", version],
            None => &[PATH, &found.id],
        };
        let mut map = client.get(path)?.send().await?.body;
        if output.form == Form::Json {
            output.thing(&map)?;
            return Ok(EXIT_PROCESSED);
        }
        let rules = map.get_mut("rules").map(Value::take).unwrap_or_default();
        if let Some(members) = map.as_object_mut() {
            members.remove("rules");
        }
        output.thing(&map)?;
        output.line("")?;
        output.whole(rules.as_array().map_or(&[], Vec::as_slice), rules::COLUMNS)?;
        Ok(EXIT_PROCESSED)
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut body = json!({
            "name": self.name, "plugin": self.plugin, "comment": self.comment,
        });
        if let (Some(file), Some(members)) = (&self.file, body.as_object_mut()) {
            members.insert("rules".into(), rules::read(file)?);
        }
        let made = client.post(&[PATH])?.body(body).send().await?;
        let sentence = format!("{} is made: {}", self.name, made.text("id"));
        output.done(&sentence, &made.body)
    }
}

impl CloneIt {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.find(client).await?;
        let mut body = json!({"name": self.name, "comment": self.comment});
        if let (Some(version), Some(members)) = (self.version, body.as_object_mut()) {
            members.insert("version".into(), version.into());
        }
        let request = client.post(&[PATH, &found.id, "clone"])?.body(body);
        let made = request.send().await?;
        let sentence = format!(
            "{} is a copy of {}: {}",
            self.name,
            found.name,
            made.text("id")
        );
        output.done(&sentence, &made.body)
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        let (id, name) = (found.text("id"), found.text("name"));
        let what = format!("Deleting the map {name} with all its versions");
        output.confirm(&what, &name, self.yes)?;
        let request = client.delete(&[PATH, &id])?.if_match(found.etag);
        let answer = request.send().await?;
        output.done(&format!("{name} is deleted"), &answer.body)
    }
}
