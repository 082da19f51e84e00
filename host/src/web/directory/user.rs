//! `/users/{connector}/{id}`: one user.

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::record::{Record, record};
use super::relations::{List, Relations, groups_of};
use super::timeline::{Timeline, timeline};
use super::{Head, Shown, Tab, read, tabs};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::directory::MemberKind;
use crate::web::filters;
use crate::web::link;
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;

const TABS: [(&str, &str); 4] = [
    ("groups", "Direct groups"),
    ("effective", "Effective groups"),
    ("changes", "Joined and left"),
    ("record", "Mapped record"),
];

#[derive(Template)]
#[template(path = "directory/user.html")]
struct User {
    shell: Shell,
    head: Head,
    path: String,
    tabs: Vec<Tab>,
    show: &'static str,
    relations: Option<Relations>,
    timeline: Option<Timeline>,
    record: Option<Record>,
}

pub(super) async fn show(
    shell: Shell,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
    Query(shown): Query<Shown>,
) -> Answer {
    let (key, object, head) = read(&plane, connector, &id, MemberKind::User).await?;
    let path = link::user(connector, &id);
    let (tabs, show) = tabs(&path, &TABS, &shown.show);
    let place = (key, connector);
    let (mut relations, mut changes, mut mapped) = (None, None, None);
    match show {
        "changes" => {
            let at = (path.as_str(), shown.cursor.as_ref());
            changes = Some(timeline(&plane, place, &id, false, at).await?);
        }
        "record" => {
            if let Some(document) = &object.document {
                mapped = Some(record(&plane, connector, document, false).await);
            }
        }
        _ => {
            let list = List {
                path: &path,
                show,
                shown: &shown,
            };
            relations = Some(groups_of(&plane, place, &id, show == "effective", &list).await?);
        }
    }
    page(&User {
        shell,
        head,
        tabs,
        show,
        relations,
        timeline: changes,
        record: mapped,
        path,
    })
}
