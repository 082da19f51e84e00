//! The list of maps.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::{Answer, Foot, Shell, filters, page};
use crate::api::Plane;
use crate::api::extract::Query;
use crate::api::page::{Page, Paging};
use crate::catalog::{MapFilter, MapRecord};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/maps", get(list))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    name: String,
    plugin: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "maps/list.html")]
struct ListPage {
    shell: Shell,
    name: String,
    plugin: String,
    /// Names of the installed plugins, with the versions that declare their maps.
    plugins: BTreeMap<String, String>,
    maps: Vec<MapRecord>,
    foot: Foot,
}

impl ListPage {
    fn is_filtered(&self) -> bool {
        !self.name.is_empty() || !self.plugin.is_empty()
    }

    /// The version of a plugin that brings its maps.
    fn brought_by(&self, plugin: &str) -> &str {
        self.plugins.get(plugin).map_or("", String::as_str)
    }
}

async fn list(shell: Shell, State(plane): State<Plane>, Query(wanted): Query<Wanted>) -> Answer {
    let paging = Paging {
        limit: None,
        cursor: wanted.cursor.clone(),
    };
    let (limit, after) = (paging.limit()?, paging.position()?);
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = MapFilter {
        name: some(&wanted.name),
        plugin: some(&wanted.plugin),
    };
    let (maps, total) = plane
        .catalog
        .maps(&filter, after.as_ref(), limit + 1)
        .await?;
    let maps = Page::of(maps, limit, MapRecord::position);
    let installed = plane.catalog.types().installed().await?;
    let plugins = installed.into_iter().map(|of| {
        let version = of
            .description
            .map(|description| description.version.to_string());
        (of.name, version.unwrap_or_default())
    });
    let parameters = [
        ("name", wanted.name.as_str()),
        ("plugin", wanted.plugin.as_str()),
    ];
    let foot = Foot::new(
        filters::counted(total, "transform map"),
        "/maps",
        &parameters,
        wanted.cursor.as_deref(),
        maps.next.as_deref(),
    );
    page(&ListPage {
        shell,
        name: wanted.name,
        plugin: wanted.plugin,
        plugins: plugins.collect(),
        maps: maps.items,
        foot,
    })
}
