//! `/groups/{connector}/{id}`: one group.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::record::{Record, record};
use super::relations::{List, Relations, groups_of, members};
use super::timeline::{Timeline, timeline};
use super::{Head, Shown, Tab, read, tabs};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::Problem;
use crate::directory::MemberKind;
use crate::web::filters;
use crate::web::form::Mistakes;
use crate::web::link;
use crate::web::page::{Answer, again, page};
use crate::web::shell::Shell;

const TABS: [(&str, &str); 5] = [
    ("members", "Direct members"),
    ("effective", "Effective members"),
    ("in", "In groups"),
    ("changes", "Joined and left"),
    ("record", "Mapped record"),
];

#[derive(Template)]
#[template(path = "directory/group.html")]
struct Group {
    shell: Shell,
    head: Head,
    path: String,
    tabs: Vec<Tab>,
    show: &'static str,
    /// The platform's groups that it feeds.
    platform_groups: Vec<String>,
    /// What the form for these is filled in with.
    fed: String,
    mistakes: Mistakes,
    relations: Option<Relations>,
    timeline: Option<Timeline>,
    record: Option<Record>,
    /// Where the members of the tab are given as files.
    export: String,
}

pub(super) async fn show(
    shell: Shell,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
    Query(shown): Query<Shown>,
) -> Answer {
    let group = group(shell, &plane, connector, &id, &shown).await?;
    page(&group)
}

/// The page again, with what was sent about the platform groups and what is wrong with it.
pub(super) async fn refused(
    shell: Shell,
    plane: &Plane,
    (connector, id): (Uuid, &str),
    fed: String,
    mistakes: Mistakes,
) -> Result<Response, Problem> {
    let mut group = group(shell, plane, connector, id, &Shown::default()).await?;
    group.fed = fed;
    group.mistakes = mistakes.clone();
    again(&mistakes, &group)
}

async fn group(
    shell: Shell,
    plane: &Plane,
    connector: Uuid,
    id: &str,
    shown: &Shown,
) -> Result<Group, Problem> {
    let (key, object, head) = read(plane, connector, id, MemberKind::Group).await?;
    let path = link::group(connector, id);
    let (tabs, show) = tabs(&path, &TABS, &shown.show);
    let place = (key, connector);
    let list = List {
        path: &path,
        show,
        shown,
    };
    let (mut relations, mut changes, mut mapped) = (None, None, None);
    match show {
        "in" => relations = Some(groups_of(plane, place, id, true, &list).await?),
        "changes" => {
            let at = (path.as_str(), shown.cursor.as_ref());
            changes = Some(timeline(plane, place, id, true, at).await?);
        }
        "record" => {
            if let Some(document) = &object.document {
                mapped = Some(record(plane, connector, document, true).await);
            }
        }
        _ => relations = Some(members(plane, place, id, show == "effective", &list).await?),
    }
    let own = (connector, id.to_owned());
    let fed = plane.catalog.fed_by(std::slice::from_ref(&own)).await?;
    let platform_groups = fed.get(&own).cloned().unwrap_or_default();
    let effective = show == "effective";
    Ok(Group {
        shell,
        export: format!(
            "/api/v1/connectors/{connector}{}/export?effective={effective}",
            path.strip_prefix(&format!("/groups/{connector}"))
                .map(|id| format!("/groups{id}"))
                .unwrap_or_default()
        ),
        head,
        path,
        tabs,
        show,
        fed: platform_groups.join("\n"),
        platform_groups,
        mistakes: Mistakes::default(),
        relations,
        timeline: changes,
        record: mapped,
    })
}
