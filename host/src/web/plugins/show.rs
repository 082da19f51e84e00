//! The page of a plugin: its versions, and one of them closely.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use semver::Version;
use serde::Deserialize;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use super::version::Row;
use super::{asked, limit};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::plugins::change::connectors_of;
use crate::api::problem::Problem;
use crate::catalog::{Connector, PluginUse};
use crate::contract::{Description, SettingKind};

/// Connectors of a plugin that its page names.
const MOST_CONNECTORS: u32 = 20;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/plugins/{name}", get(show))
}

#[derive(Deserialize)]
struct Wanted {
    version: Option<String>,
}

#[derive(Template)]
#[template(path = "plugins/show.html")]
pub(super) struct ShowPage {
    shell: Shell,
    name: String,
    /// The newest first.
    versions: Vec<Row>,
    /// Which of them is looked at.
    at: Version,
    description: Option<Arc<Description>>,
    /// Why nothing is known of what the version declares.
    trouble: Option<String>,
    asked: Vec<asked::Line>,
    limits: Vec<limit::Limit>,
    connectors: Vec<Connector>,
    connector_count: u64,
    mistakes: Mistakes,
}

impl ShowPage {
    /// The page of a plugin, at a version or at the one that is most of interest.
    pub(super) async fn of(
        shell: Shell,
        plane: &Plane,
        name: &str,
        version: Option<&str>,
    ) -> Result<Self, Problem> {
        let uses: Vec<PluginUse> = plane.catalog.plugin_uses().await?;
        let entries = plane.registry.list().await?.into_iter().rev();
        let versions: Vec<Row> = entries
            .filter(|entry| entry.id.name == name)
            .map(|entry| Row::new(entry, &uses))
            .collect();
        let shown = match version {
            Some(version) => versions
                .iter()
                .find(|row| row.version().to_string() == version),
            None => versions
                .iter()
                .find(|row| row.is_active())
                .or(versions.first()),
        };
        let shown = shown.ok_or_else(|| Problem::not_found("plugin"))?;
        let described = described(plane, shown).await;
        let (description, trouble) = match described {
            Ok(description) => (Some(description), None),
            Err(problem) => (None, Some(problem.detail)),
        };
        let (connectors, connector_count) = connectors_of(plane, name, MOST_CONNECTORS).await?;
        Ok(Self {
            asked: asked::lines(&shown.entry, description.as_deref()),
            at: shown.version().clone(),
            limits: limit::of(&plane.config.limits, name),
            name: name.to_owned(),
            shell,
            versions,
            description,
            trouble,
            connectors,
            connector_count,
            mistakes: Mistakes::default(),
        })
    }

    /// The same with what was wrong with what was asked for.
    pub(super) fn with(mut self, mistakes: Mistakes) -> Self {
        self.mistakes = mistakes;
        self
    }

    pub(super) fn mistakes(&self) -> &Mistakes {
        &self.mistakes
    }

    /// The version that is looked at.
    fn shown(&self) -> Option<&Row> {
        self.versions.iter().find(|row| *row.version() == self.at)
    }

    fn active(&self) -> Option<&Row> {
        self.versions.iter().find(|row| row.is_active())
    }

    /// The version that rolling back leads to.
    fn previous(&self) -> Option<&Row> {
        self.versions.iter().find(|row| row.entry.previous)
    }

    /// Connectors that aren't named.
    fn more_connectors(&self) -> u64 {
        self.connector_count
            .saturating_sub(u64::try_from(self.connectors.len()).unwrap_or(u64::MAX))
    }

    /// Whether anything that is asked for isn't approved.
    fn lacks_approval(&self) -> bool {
        self.asked.iter().any(|line| line.asked && !line.approved)
    }
}

/// What a version declares. One that may not run yet is asked in a sandbox of its own.
async fn described(plane: &Plane, row: &Row) -> Result<Arc<Description>, Problem> {
    let id = &row.entry.id;
    if !row.waits() {
        let wanted = id.clone().into();
        return Ok(plane.catalog.types().description(&wanted).await?);
    }
    let (_, plugin) = plane.registry.inspect(id).await?;
    Ok(Arc::new(plugin.description().clone()))
}

/// What may be entered for a setting, in words.
fn kind(kind: &SettingKind) -> String {
    match kind {
        SettingKind::Text => "text".into(),
        SettingKind::Secret => "secret".into(),
        SettingKind::Choice(choices) => {
            let values: Vec<&str> = choices.iter().map(|one| one.value.as_str()).collect();
            format!("one of {}", values.join(", "))
        }
        SettingKind::Flag => "yes or no".into(),
        SettingKind::Items => "list, or all".into(),
        SettingKind::Groups => "groups, or all".into(),
        SettingKind::Document => "JSON object".into(),
    }
}

async fn show(
    shell: Shell,
    State(plane): State<Plane>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    page(&ShowPage::of(shell, &plane, &name, wanted.version.as_deref()).await?)
}
