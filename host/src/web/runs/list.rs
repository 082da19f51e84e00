//! The history of runs.

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::asked::Listed;
use super::{filters, words};
use crate::api::Plane;
use crate::api::extract::Query;
use crate::api::page::{Page, Paging};
use crate::api::problem::Problem;
use crate::catalog::ConnectorFilter;
use crate::directory::Mode;
use crate::web::link::{Foot, address};
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;
use crate::work::{Changed, Run, RunFilter, RunStatus, TriggerKind};

/// Runs of a page.
const ROWS: u32 = 50;
/// Connectors and profiles that can be chosen from.
const CHOICES: u32 = 500;

/// A choice of a filter: its value, its name, whether it is chosen.
struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct ListPage {
    shell: Shell,
    /// Whose runs are listed, where it is one connector's.
    connector: Option<(Uuid, String)>,
    connectors: Vec<Choice>,
    profiles: Vec<Choice>,
    states: Vec<Choice>,
    modes: Vec<Choice>,
    triggers: Vec<Choice>,
    runs: Vec<Run>,
    filtered: bool,
    held: u64,
    events: String,
    foot: Foot,
}

pub(super) async fn list(
    shell: Shell,
    State(plane): State<Plane>,
    Query(listed): Query<Listed>,
) -> Answer {
    let paging = Paging {
        limit: None,
        cursor: listed.cursor.clone(),
    };
    let filter = listed.filter();
    let runs = plane
        .work
        .runs(&filter, paging.position()?, ROWS + 1)
        .await?;
    let total = plane.work.count_runs(&filter).await?;
    let runs = Page::of(runs, ROWS, |run| run.id);
    let held = RunFilter {
        state: Some(RunStatus::Held),
        ..RunFilter::default()
    };
    let connectors = connectors(&plane, listed.connector).await?;
    let connector = listed.connector.map(|id| {
        let named = connectors.iter().find(|choice| choice.chosen);
        let last = runs.items.first().map(|run| run.connector_name.clone());
        let name = named.map(|choice| choice.name.clone()).or(last);
        (id, name.unwrap_or_else(|| "Deleted connector".into()))
    });
    page(&ListPage {
        connector,
        connectors,
        profiles: profiles(&plane, &listed).await?,
        states: choices(&RunStatus::ALL, listed.state, RunStatus::word),
        modes: choices(
            &[Mode::Snapshot, Mode::Incremental],
            listed.mode,
            Mode::word,
        ),
        triggers: choices(&TriggerKind::ALL, listed.trigger, TriggerKind::word),
        filtered: !listed.is_all(),
        held: match listed.state {
            Some(RunStatus::Held) => 0,
            _ => plane.work.count_runs(&held).await?,
        },
        events: address("/api/v1/events", &[("connector", &text(listed.connector))]),
        foot: foot(&listed, total, runs.next.as_deref()),
        runs: runs.items,
        shell,
    })
}

fn foot(listed: &Listed, total: u64, next: Option<&str>) -> Foot {
    Foot::new(
        filters::counted(total, "run"),
        "/runs",
        &[
            ("connector", &text(listed.connector)),
            ("profile", &text(listed.profile)),
            ("state", listed.state.map_or("", RunStatus::word)),
            ("mode", listed.mode.map_or("", Mode::word)),
            ("trigger", listed.trigger.map_or("", TriggerKind::word)),
        ],
        listed.cursor.as_deref(),
        next,
    )
}

fn text(id: Option<Uuid>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn choices<T: Copy + PartialEq>(
    all: &[T],
    chosen: Option<T>,
    word: impl Fn(T) -> &'static str,
) -> Vec<Choice> {
    let choice = |value: &T| Choice {
        value: word(*value).into(),
        name: word(*value).into(),
        chosen: chosen == Some(*value),
    };
    all.iter().map(choice).collect()
}

async fn connectors(plane: &Plane, chosen: Option<Uuid>) -> Result<Vec<Choice>, Problem> {
    let all = ConnectorFilter::default();
    let (connectors, _) = plane.catalog.connectors(&all, None, CHOICES).await?;
    let choice = |(id, name): (Uuid, String)| Choice {
        value: id.to_string(),
        name,
        chosen: chosen == Some(id),
    };
    let named = connectors.into_iter().map(|one| (one.id, one.name));
    Ok(named.map(choice).collect())
}

/// Profiles of the connector whose runs are listed.
async fn profiles(plane: &Plane, listed: &Listed) -> Result<Vec<Choice>, Problem> {
    let Some(connector) = listed.connector else {
        return Ok(Vec::new());
    };
    let profiles = match plane.catalog.profiles(connector, None, CHOICES).await {
        Ok((profiles, _)) => profiles,
        // Its runs outlive it in links.
        Err(crate::catalog::CatalogError::NotFound(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let choice = |(id, name): (Uuid, String)| Choice {
        value: id.to_string(),
        name,
        chosen: listed.profile == Some(id),
    };
    let named = profiles.into_iter().map(|one| (one.id, one.name));
    Ok(named.map(choice).collect())
}

impl ListPage {
    /// What was added and removed of one stream, in few characters.
    fn changed(changed: &Changed) -> Option<(u64, u64)> {
        (changed.added + changed.removed > 0).then_some((changed.added, changed.removed))
    }
}
