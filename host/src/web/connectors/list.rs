//! The list of connectors.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::concern::{self, Concern};
use super::tenant;
use crate::api::Plane;
use crate::api::extract::Query;
use crate::api::page::{Page, Paging};
use crate::catalog::{Connector, ConnectorFilter};
use crate::web::filters;
use crate::web::link::Foot;
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;
use crate::work::state::State as Standing;
use crate::work::{Holdings, Overview, RunProgress};

/// Rows of a page.
const ROWS: u32 = 50;

/// Which connectors.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    name: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    plugin: String,
    cursor: Option<String>,
}

impl Wanted {
    /// Whether it may leave connectors out.
    fn is_narrow(&self) -> bool {
        [&self.name, &self.state, &self.plugin]
            .iter()
            .any(|condition| !condition.is_empty())
    }
}

#[derive(Template)]
#[template(path = "connectors/list.html")]
struct ListPage {
    shell: Shell,
    wanted: Wanted,
    rows: Vec<Row>,
    foot: Foot,
    /// Whether any plugin is installed that a connector could be of.
    has_types: bool,
}

struct Row {
    connector: Connector,
    overview: Overview,
    holdings: Holdings,
    progress: Option<RunProgress>,
    concerns: Vec<Concern>,
}

impl Row {
    fn tenant(&self) -> Option<&str> {
        tenant(&self.connector)
    }

    /// Records that the run that goes on has stored, and all of them where that is known.
    fn records(&self) -> Option<(u64, Option<u64>)> {
        let progress = self.progress.as_ref()?;
        let streams = [progress.users, progress.groups, progress.memberships];
        let done = streams.iter().map(|stream| stream.done).sum();
        let expected: Option<u64> = streams.iter().map(|stream| stream.expected).sum();
        Some((done, expected.filter(|expected| *expected >= done)))
    }
}

/// Lists connectors by name.
pub(super) async fn list(
    shell: Shell,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = ConnectorFilter {
        name: some(&wanted.name),
        // A state that there isn't narrows nothing, as in the form, where none is chosen then.
        state: Standing::ALL
            .into_iter()
            .find(|state| state.word() == wanted.state),
        plugin: some(&wanted.plugin),
    };
    let paging = Paging {
        limit: None,
        cursor: wanted.cursor.clone().filter(|cursor| !cursor.is_empty()),
    };
    let after = paging.position::<String>()?;
    let (connectors, total) = plane
        .catalog
        .connectors(&filter, after.as_deref(), ROWS + 1)
        .await?;
    let Page { items, next, .. } = Page::of(connectors, ROWS, Connector::position);
    let foot = Foot::new(
        filters::counted(total, "connector"),
        "/connectors",
        &[
            ("name", &wanted.name),
            ("state", &wanted.state),
            ("plugin", &wanted.plugin),
        ],
        paging.cursor.as_deref(),
        next.as_deref(),
    );
    page(&ListPage {
        shell,
        rows: rows(&plane, items).await?,
        foot,
        has_types: !plane.catalog.types().installed().await?.is_empty(),
        wanted,
    })
}

/// What is known of connectors, in their order.
async fn rows(
    plane: &Plane,
    connectors: Vec<Connector>,
) -> Result<Vec<Row>, crate::api::problem::Problem> {
    let ids: Vec<Uuid> = connectors.iter().map(|connector| connector.id).collect();
    let overviews = plane.work.overview(&ids).await?.into_iter();
    let mut overviews: HashMap<Uuid, Overview> = overviews
        .map(|overview| (overview.connector, overview))
        .collect();
    let held = plane.directory.connectors().await?;
    let held: HashMap<&str, Holdings> = held
        .iter()
        .map(|record| (record.name.as_str(), Holdings::from(record)))
        .collect();
    let rows = connectors.into_iter().filter_map(|connector| {
        // One that was deleted between the two reads is left out.
        let overview = overviews.remove(&connector.id)?;
        let held = held.get(connector.id.to_string().as_str());
        let open = overview.open.as_ref();
        Some(Row {
            holdings: held.copied().unwrap_or_default(),
            progress: open.and_then(|run| plane.work.progress(run.id)),
            concerns: concern::of(&connector, &overview),
            connector,
            overview,
        })
    });
    Ok(rows.collect())
}
