//! The profiles of all connectors.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::super::filters;
use super::super::link::Foot;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use crate::api::Plane;
use crate::api::extract::Query;
use crate::api::page::{Page, Paging};
use crate::catalog::{ListedProfile, ProfileFilter};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/profiles", get(list))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    text: String,
    #[serde(default)]
    active: String,
}

#[derive(Template)]
#[template(path = "profiles/list.html")]
struct ListPage {
    shell: Shell,
    wanted: Wanted,
    profiles: Vec<ListedProfile>,
    foot: Foot,
}

async fn list(
    State(plane): State<Plane>,
    shell: Shell,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Answer {
    let (limit, after) = (paging.limit()?, paging.position()?);
    let filter = ProfileFilter {
        text: Some(wanted.text.trim().to_owned()).filter(|text| !text.is_empty()),
        active: match wanted.active.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
    };
    let (profiles, total) = plane
        .catalog
        .all_profiles(&filter, after.as_ref(), limit + 1)
        .await?;
    let found = Page::of(profiles, limit, ListedProfile::position);
    let parameters = [
        ("text", wanted.text.as_str()),
        ("active", wanted.active.as_str()),
    ];
    let foot = Foot::new(
        filters::counted(total, "profile"),
        "/profiles",
        &parameters,
        paging.cursor.as_deref(),
        found.next.as_deref(),
    );
    page(&ListPage {
        shell,
        wanted,
        profiles: found.items,
        foot,
    })
}
