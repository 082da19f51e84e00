//! Copying and deleting maps.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::{
    Administers, Answer, Form, Mistakes, Problem, Shell, again, done, filters, found, page,
};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::catalog::{CloneMap, MapRecord};

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/maps/{id}/clone", get(ask_clone).post(clone))
        .route("/maps/{id}/delete", get(ask_delete).post(delete))
}

#[derive(Template)]
#[template(path = "maps/clone.html")]
struct ClonePage {
    shell: Shell,
    map: MapRecord,
    given: CloneForm,
    mistakes: Mistakes,
}

/// The form of a copy.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CloneForm {
    name: String,
    comment: String,
    /// A number, or nothing for the newest version.
    version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Which {
    version: String,
}

async fn ask_clone(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer {
    let (_, detail) = found(&plane, &id).await?;
    let map = detail.map;
    page(&ClonePage {
        shell,
        given: CloneForm {
            name: format!("Copy of {}", map.name),
            comment: String::new(),
            version: which.version,
        },
        map,
        mistakes: Mistakes::default(),
    })
}

async fn clone(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Form(given): Form<CloneForm>,
) -> Answer {
    let (id, detail) = found(&plane, &id).await?;
    let wanted = CloneMap {
        name: given.name.clone(),
        version: given.version.parse().ok(),
        comment: given.comment.clone(),
    };
    match plane.catalog.clone_map(&by, &id, wanted).await {
        Ok(copy) => {
            let told = format!("{} is a copy of {}.", copy.map.name, detail.map.name);
            done(&copy.map.address(), told)
        }
        Err(error) => {
            let shown = ClonePage {
                shell,
                map: detail.map,
                given,
                mistakes: Mistakes::of(error.into())?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}

#[derive(Template)]
#[template(path = "maps/delete.html")]
struct DeletePage {
    shell: Shell,
    map: MapRecord,
    mistakes: Mistakes,
}

#[derive(Debug, Deserialize)]
struct Revision {
    revision: i64,
}

async fn ask_delete(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<String>,
) -> Answer {
    let (_, detail) = found(&plane, &id).await?;
    if detail.map.read_only {
        return Err(Problem::conflict(
            "transform-map.read-only",
            "The map is part of its plugin, and goes with it.",
        ));
    }
    page(&DeletePage {
        shell,
        map: detail.map,
        mistakes: Mistakes::default(),
    })
}

async fn delete(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Form(Revision { revision }): Form<Revision>,
) -> Answer {
    let (id, detail) = found(&plane, &id).await?;
    match plane.catalog.delete_map(&by, &id, Some(revision)).await {
        Ok(()) => done("/maps", format!("{} is deleted.", detail.map.name)),
        Err(error) => {
            let shown = DeletePage {
                shell,
                map: detail.map,
                mistakes: Mistakes::of(error.into())?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}
