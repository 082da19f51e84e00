//! User groups and users: finding them, who is in which and why, what changed, and what was made of their records.

mod group;
mod links;
mod list;
mod record;
mod relations;
mod timeline;
mod user;
mod why;

use std::collections::HashMap;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::api::Plane;
use crate::api::directory::key_of;
use crate::api::problem::Problem;
use crate::database::instant;
use crate::directory::{
    ConnectorKey, MemberKind, Moment, ObjectRecord, ObjectState, PageRequest, Position, Total,
};
use crate::web::filters;

/// Entries of a page.
const PAGE: usize = 50;
/// Characters of a name in a table; longer ones are cut.
const NAME: usize = 80;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/groups", get(list::groups))
        .route("/users", get(list::users))
        .route("/groups/{connector}/{id}", get(group::show))
        .route("/groups/{connector}/{id}/links", post(links::set))
        .route(
            "/groups/{connector}/{id}/links/remove",
            get(links::ask).post(links::remove),
        )
        .route("/groups/{connector}/{id}/members/{member}", get(why::show))
        .route("/users/{connector}/{id}", get(user::show))
}

/// What the page of a user or group shows, and which part of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Shown {
    /// The tab; the first where it is none of them.
    show: String,
    /// What is looked for in names.
    text: String,
    cursor: Option<String>,
}

/// A tab of a page.
struct Tab {
    name: &'static str,
    href: String,
    current: bool,
}

/// The tabs of a page, by what `show` says and their names; and which of them is shown.
fn tabs(path: &str, all: &[(&'static str, &'static str)], shown: &str) -> (Vec<Tab>, &'static str) {
    let first = all.first().map_or("", |(word, _)| *word);
    let current = all.iter().find(|(word, _)| *word == shown);
    let current = current.map_or(first, |(word, _)| *word);
    let tabs = all.iter().map(|(word, name)| Tab {
        name,
        href: if *word == first {
            path.to_owned()
        } else {
            super::link::address(path, &[("show", word)])
        },
        current: *word == current,
    });
    (tabs.collect(), current)
}

/// The head of the page of a user or group.
struct Head {
    connector: Uuid,
    connector_name: String,
    id: String,
    name: String,
    /// What people call the kind of a group, where it is known.
    kind: Option<String>,
    /// Its state in a word, and the class that colours it.
    state: (&'static str, &'static str),
    since: Option<Timestamp>,
    changed: Option<Timestamp>,
}

/// A user or group that is shown: where it is in the store, and everything about it.
async fn read(
    plane: &Plane,
    connector: Uuid,
    id: &str,
    kind: MemberKind,
) -> Result<(ConnectorKey, ObjectRecord, Head), Problem> {
    let missing = || {
        Problem::not_found(if kind == MemberKind::Group {
            "group"
        } else {
            "user"
        })
    };
    let key = key_of(plane, connector).await?.ok_or_else(missing)?;
    let object = plane.directory.object(key, id).await?;
    let object = object
        .filter(|object| object.kind == kind)
        .ok_or_else(missing)?;
    let names = names(plane).await?;
    let head = Head {
        connector,
        connector_name: names.get(&connector).cloned().ok_or_else(missing)?,
        id: object.id.clone(),
        name: called(&object.name, &object.id),
        kind: match &object.group_kind {
            Some(kind) => Some(plane.catalog.group_kinds().await?.label(connector, kind)),
            None => None,
        },
        state: state(object.state),
        since: moment(object.since)?,
        changed: moment(object.changed)?,
    };
    Ok((key, object, head))
}

/// The names of connectors.
async fn names(plane: &Plane) -> Result<HashMap<Uuid, String>, Problem> {
    Ok(plane.catalog.connector_names().await?.into_iter().collect())
}

/// The page of a list that is wanted.
fn request(cursor: Option<&String>) -> PageRequest {
    PageRequest {
        after: cursor.cloned().map(Position::from),
        limit: PAGE,
    }
}

fn moment(moment: Option<Moment>) -> Result<Option<Timestamp>, Problem> {
    Ok(moment.map(|moment| instant(moment.at)).transpose()?)
}

/// A name, or the identifier of what has none.
fn called(name: &str, id: &str) -> String {
    clipped(if name.trim().is_empty() { id } else { name }, NAME)
}

/// A text that is cut where it is too long.
fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut text: String = text.chars().take(most).collect();
    text.push('…');
    text
}

fn state(state: ObjectState) -> (&'static str, &'static str) {
    match state {
        ObjectState::Mentioned => ("Only mentioned", "registered"),
        ObjectState::Present => ("Present", "active"),
        ObjectState::Hidden => ("Hidden", "warning"),
        ObjectState::Gone => ("Gone", "registered"),
    }
}

/// How many there are, such as `12 408 groups` or `more than 10 000 groups`.
fn counted(total: Option<Total>, noun: &str) -> String {
    let Some(total) = total else {
        return String::new();
    };
    let count = filters::counted(total.count, noun);
    if total.exact {
        count
    } else {
        format!("more than {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_say_when_they_stopped() {
        let total = |count, exact| Some(Total { count, exact });
        assert_eq!(counted(total(1, true), "group"), "1 group");
        assert_eq!(
            counted(total(10_000, false), "user"),
            "more than 10\u{202f}000 users"
        );
    }
}
