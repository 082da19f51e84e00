//! The list of installed plugins with their versions.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::super::filters;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use super::version::Row;
use crate::api::Plane;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/plugins", get(list))
}

/// A plugin with its versions.
struct Installed {
    name: String,
    /// What it says of itself, where it may run.
    summary: String,
    /// The newest first.
    versions: Vec<Row>,
    /// Connectors that use it.
    connectors: u64,
}

#[derive(Template)]
#[template(path = "plugins/list.html")]
struct ListPage {
    shell: Shell,
    plugins: Vec<Installed>,
}

async fn list(shell: Shell, State(plane): State<Plane>) -> Answer {
    let entries = plane.registry.list().await?;
    let uses = plane.catalog.plugin_uses().await?;
    let types = plane.catalog.types().installed().await?;
    let plugins = entries
        .chunk_by(|one, next| one.id.name == next.id.name)
        .filter_map(|of_one| {
            let name = &of_one.first()?.id.name;
            let described = types
                .iter()
                .find(|kind| kind.name == *name)
                .and_then(|kind| kind.description.as_ref());
            let used = uses.iter().filter(|one| one.plugin == *name);
            Some(Installed {
                name: name.clone(),
                summary: described.map_or_else(String::new, |d| d.summary.clone()),
                versions: of_one
                    .iter()
                    .rev()
                    .map(|entry| Row::new(entry.clone(), &uses))
                    .collect(),
                connectors: used.map(|one| one.connectors).sum(),
            })
        })
        .collect();
    page(&ListPage { shell, plugins })
}
