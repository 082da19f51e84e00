//! The audit log: who did what.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::filters;
use super::super::form::midnight;
use super::super::link::Foot;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use super::deed::Deed;
use crate::api::Plane;
use crate::api::extract::Query;
use crate::api::page::{Page, Paging};
use crate::api::problem::Problem;
use crate::audit::{self, Filter};

/// Lines of a page.
const LINES: u32 = 50;
/// Areas that are done things in, for the filter.
const AREAS: [(&str, &str); 9] = [
    ("connector.", "Connectors"),
    ("profile.", "Profiles"),
    ("transform-map.", "Transform maps"),
    ("group-link.", "Group links"),
    ("run.", "Runs"),
    ("plugin.", "Plugins"),
    ("user.", "Users"),
    ("token.", "API tokens"),
    ("session.", "Signing in and out"),
];

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/settings/audit", get(log))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    actor: String,
    action: String,
    target: String,
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "settings/audit.html")]
struct AuditPage {
    shell: Shell,
    wanted: Wanted,
    deeds: Vec<Deed>,
    foot: Foot,
}

impl AuditPage {
    fn is_filtered(&self) -> bool {
        let wanted = &self.wanted;
        [
            &wanted.actor,
            &wanted.action,
            &wanted.target,
            &wanted.from,
            &wanted.to,
        ]
        .iter()
        .any(|value| !value.is_empty())
    }

    /// Whether the filter names an action that is none of the areas.
    fn names_action(&self) -> bool {
        let action = self.wanted.action.as_str();
        !action.is_empty() && !AREAS.iter().any(|(area, _)| *area == action)
    }
}

/// Midnight of a day, so many days later; nothing where no day is given.
fn day(text: &str, later: i64) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    midnight(text, later).map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "request.query",
            "From and to are days such as 2026-03-01.",
        )
        .remedy("Choose the days anew.")
    })
}

fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

async fn log(
    shell: Shell,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Answer {
    let filter = Filter {
        target: given(&wanted.target),
        action: given(&wanted.action),
        actor: given(&wanted.actor),
        from: day(&wanted.from, 0)?,
        to: day(&wanted.to, 1)?,
        before: paging.position()?,
    };
    let lines = audit::read(&plane.database, &filter, LINES + 1).await?;
    let listed = Page::of(lines, LINES, |line| line.position);
    let parameters = [
        ("actor", wanted.actor.as_str()),
        ("action", &wanted.action),
        ("target", &wanted.target),
        ("from", &wanted.from),
        ("to", &wanted.to),
    ];
    let count = match (listed.items.len(), &listed.next) {
        (1, None) => "1 line".to_owned(),
        (shown, None) => format!("{shown} lines"),
        (shown, Some(_)) => format!("{shown} lines of more, the newest first"),
    };
    let foot = Foot::new(
        count,
        "/settings/audit",
        &parameters,
        paging.cursor.as_deref(),
        listed.next.as_deref(),
    );
    page(&AuditPage {
        deeds: listed.items.into_iter().map(|line| Deed { line }).collect(),
        shell,
        wanted,
        foot,
    })
}
