//! `connector-host group links`, `link` and `unlink`: which of the platform's groups a group of the source feeds.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use connector_host::contract::GroupLink;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Column, Output};
use super::super::resolve::{self, Object, Objects};
use super::Whose;

/// Arguments of `group links`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Links {
    #[command(flatten)]
    whose: Whose,
    /// Only those that feed this group of the platform.
    #[arg(long, value_name = "UUID")]
    platform_group: Option<String>,
}

/// Arguments of `group import-links`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The links: `[{"group": ID, "platformGroups": [UUID, …]}, …]`, as `sync --links` takes them.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

impl Import {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let place = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("the links file {place}"))?;
        let links: Vec<GroupLink> = serde_json::from_str(&text).map_err(|error| {
            let form = "Write [{\"group\": \"…\", \"platformGroups\": [\"…\"]}].";
            Failure::input(format!("the links file {place}: {error}"), form)
        })?;
        let connector = resolve::connector_or_only(client, self.whose.name()).await?;
        let what = format!(
            "Setting {} links in the place of all of {}",
            links.len(),
            connector.name
        );
        output.confirm(&what, &connector.name, self.yes)?;
        let request = client.put(&["connectors", &connector.id, "group-links"])?;
        let answer = request.body(serde_json::to_value(&links)?).send().await?;
        let sentence = format!("{} has {} links", connector.name, links.len());
        output.done(&sentence, &answer.body)
    }
}

/// Arguments of `group link` and `group unlink`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    /// The group of the source.
    #[arg(value_name = "NAME|ID")]
    group: String,
    /// Identifiers of the platform's groups.
    #[arg(value_name = "PLATFORM_GROUP", required = true)]
    platform_groups: Vec<String>,
    #[command(flatten)]
    whose: Whose,
}

const COLUMNS: &[Column] = &[
    Column::text("Group", "/name"),
    Column::text("Platform groups", "/platformGroups"),
    Column::text("Id", "/group"),
];

impl Links {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let connector = resolve::connector_or_only(client, self.whose.name()).await?;
        let request = client.get(&["connectors", &connector.id, "group-links"])?;
        let request = request.maybe("platformGroup", self.platform_group);
        output.list(request, COLUMNS).await
    }
}

impl Change {
    /// Links the group to more of the platform's.
    pub(super) async fn link(self, client: &Client, output: &mut Output) -> Result<u8> {
        self.change(client, output, |linked, named| {
            let new = named.iter().filter(|group| !linked.contains(group));
            let new: Vec<String> = new.cloned().collect();
            linked.extend(new);
        })
        .await
    }

    /// Takes links away.
    pub(super) async fn unlink(self, client: &Client, output: &mut Output) -> Result<u8> {
        self.change(client, output, |linked, named| {
            linked.retain(|group| !named.contains(group));
        })
        .await
    }

    async fn change(
        self,
        client: &Client,
        output: &mut Output,
        make: impl FnOnce(&mut Vec<String>, &[String]),
    ) -> Result<u8> {
        let Object { connector, object } = Objects::Groups
            .find(client, self.whose.name(), &self.group)
            .await?;
        let path = ["connectors", &connector, "group-links", &object.id];
        let before = match client.get(&path)?.send().await {
            Ok(answer) => answer.body,
            Err(failure) if failure.is_not_found() => Value::Null,
            Err(failure) => return Err(failure.into()),
        };
        let linked = before.get("platformGroups").and_then(Value::as_array);
        let had = linked.is_some();
        let mut linked: Vec<String> = linked
            .into_iter()
            .flatten()
            .filter_map(|group| group.as_str().map(str::to_owned))
            .collect();
        make(&mut linked, &self.platform_groups);
        if linked.is_empty() {
            if had {
                client.delete(&path)?.send().await?;
            }
            let sentence = format!("{} feeds no group of the platform", object.name);
            return output.done(&sentence, &Value::Null);
        }
        let body = json!({ "platformGroups": linked });
        let answer = client.put(&path)?.body(body).send().await?;
        let sentence = format!("{} feeds {}", object.name, linked.join(", "));
        output.done(&sentence, &answer.body)
    }
}
