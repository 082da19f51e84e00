//! Which groups a connector syncs, changed once it is there. What is chosen travels with the form, and is saved at the
//! end: every group more or less makes the next run a snapshot.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, done, page};
use super::super::sent::Sent;
use super::super::settings_form::{ALL, beside_fields, group_choice};
use super::super::shell::{Administers, Shell};
use super::groups::{Found, Search, about, added, pick};
use crate::api::Plane;
use crate::api::directory::key_of;
use crate::api::extract::{Path, Query};
use crate::api::problem::{FieldError, Problem};
use crate::catalog::{Connector, ConnectorChange, Draft, SecretChanges};
use crate::contract::Setting;
use crate::directory::{Among, Kind, PageRequest};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/{connector}/edit/groups", get(form).post(save))
}

/// The page of a connector's groups.
pub(super) fn address_of(connector: Uuid) -> String {
    format!("/connectors/{connector}/edit/groups")
}

/// A group that is chosen, with what is sent for it.
struct Chosen {
    id: String,
    /// Empty where only the identifier is known.
    name: String,
    value: String,
}

impl Chosen {
    fn new((id, name): (String, String)) -> Self {
        let value = pick(&id, &name);
        Self { id, name, value }
    }
}

#[derive(Template)]
#[template(path = "wizard/regroup.html")]
struct GroupsPage {
    shell: Shell,
    connector: Connector,
    address: String,
    path: String,
    setting: Setting,
    all: bool,
    chosen: Vec<Chosen>,
    search: Search,
    found: Found,
    mistakes: Mistakes,
    revision: i64,
    is_stale: bool,
}

/// What the form says.
struct Filled {
    all: bool,
    chosen: Vec<(String, String)>,
    search: Search,
    revision: i64,
}

async fn form(
    State(plane): State<Plane>,
    Administers { shell, .. }: Administers,
    Path(id): Path<Uuid>,
    Query(search): Query<Search>,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let setting = setting(&plane, &connector).await?;
    let value = connector.settings.get(&setting.key);
    let items = value.and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<String> = items
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect();
    let names = names(&plane, id, &ids).await?;
    let named = ids.into_iter().map(|id| {
        let name = names.get(&id).cloned().unwrap_or_default();
        (id, name)
    });
    let filled = Filled {
        all: !value.is_some_and(Value::is_array),
        chosen: named.collect(),
        search,
        revision: connector.revision,
    };
    page(&shown(&plane, shell, connector, setting, filled).await?)
}

async fn setting(plane: &Plane, connector: &Connector) -> Result<Setting, Problem> {
    let described = plane
        .catalog
        .types()
        .description(&connector.wanted())
        .await?;
    let setting = group_choice(&described).cloned();
    setting.ok_or_else(|| Problem::not_found("choice of groups"))
}

/// Names of those groups that the directory holds.
async fn names(
    plane: &Plane,
    connector: Uuid,
    ids: &[String],
) -> Result<HashMap<String, String>, Problem> {
    let mut names = HashMap::new();
    let Some(key) = key_of(plane, connector).await? else {
        return Ok(names);
    };
    let only = ids.iter().map(|id| (key, id.clone())).collect();
    let query = crate::directory::Search {
        among: Among::Only(only),
        ..crate::directory::Search::default()
    };
    let mut request = PageRequest::first(PageRequest::MOST);
    loop {
        let found = plane
            .directory
            .search(&[key], Kind::Groups, &query, &request)
            .await?;
        let named = found.items.into_iter().map(|entry| (entry.id, entry.name));
        names.extend(named);
        match found.next {
            Some(next) => request = request.next(next),
            None => return Ok(names),
        }
    }
}

async fn shown(
    plane: &Plane,
    shell: Shell,
    connector: Connector,
    setting: Setting,
    filled: Filled,
) -> Result<GroupsPage, Problem> {
    let ids: BTreeSet<&str> = filled.chosen.iter().map(|(id, _)| id.as_str()).collect();
    let answer = if filled.search.is_too_long() {
        Err(Problem::conflict(
            "connector.search",
            "What is looked for is too long.",
        ))
    } else {
        let (name, place) = (filled.search.name(), filled.search.place());
        let asked = plane
            .catalog
            .discover(Draft::saved(connector.id), name, place);
        asked.await.map_err(Problem::from)
    };
    let found = Found::of(answer, &ids)?;
    Ok(GroupsPage {
        shell,
        address: address_of(connector.id),
        path: format!("settings.{}", setting.key),
        setting,
        all: filled.all,
        chosen: filled.chosen.into_iter().map(Chosen::new).collect(),
        search: filled.search,
        found,
        mistakes: Mistakes::default(),
        revision: filled.revision,
        is_stale: false,
        connector,
    })
}

async fn save(
    State(plane): State<Plane>,
    Administers { shell, by }: Administers,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let setting = setting(&plane, &connector).await?;
    let is_saved = sent.action() == "save";
    let mut chosen: Vec<(String, String)> = Vec::new();
    for group in added(&sent) {
        if !chosen.iter().any(|(id, _)| *id == group.0) {
            chosen.push(group);
        }
    }
    let filled = Filled {
        all: sent.text("scope") == ALL,
        search: Search {
            search: sent.text("search").to_owned(),
            page: sent.text("page").to_owned(),
        },
        revision: sent.text("revision").parse().unwrap_or(-1),
        chosen,
    };
    if !is_saved {
        return page(&shown(&plane, shell, connector, setting, filled).await?);
    }
    let ids = filled.chosen.iter().map(|(id, _)| Value::from(id.as_str()));
    let value = if filled.all {
        ALL.into()
    } else {
        Value::Array(ids.collect())
    };
    let problem = if !filled.all && filled.chosen.is_empty() {
        Problem::invalid([FieldError {
            path: format!("settings.{}", setting.key),
            message: "No group is chosen.".into(),
            remedy: "Choose one, or sync all of them.".into(),
        }])
    } else {
        let change = ConnectorChange {
            name: None,
            description: None,
            plugin: None,
            version: None,
            settings: Some(Map::from_iter([(setting.key.clone(), value)])),
            secrets: SecretChanges::default(),
        };
        let revision = Some(filled.revision);
        match plane
            .catalog
            .change_connector(&by, id, revision, change)
            .await
        {
            Ok(changed) if changed.revision == filled.revision => {
                let told = format!("Nothing of {} was changed.", changed.name);
                return done(&format!("/connectors/{id}"), told);
            }
            Ok(changed) => {
                let told = format!(
                    "The groups of {} were changed. Its next run is a snapshot.",
                    changed.name
                );
                return done(&format!("/connectors/{id}"), told);
            }
            Err(error) => {
                let problem = beside_fields(error.into());
                about(&setting, &problem).unwrap_or(problem)
            }
        }
    };
    let is_stale = problem.status == 412;
    let mistakes = Mistakes::of(problem)?;
    let current = connector.revision;
    let mut shown = shown(&plane, shell, connector, setting, filled).await?;
    if is_stale {
        shown.revision = current;
    }
    shown.is_stale = is_stale;
    shown.mistakes = mistakes;
    again(&shown.mistakes, &shown)
}
