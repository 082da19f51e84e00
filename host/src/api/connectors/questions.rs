//! Questions to a source while a connector is configured.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Json, Operator, Path};
use super::super::page::Page;
use super::super::problem::{FieldError, Problem};
use crate::catalog::{Draft, Tested};
use crate::contract::{Candidate, Candidates};

/// Longest search text, and longest page, of a question to a source, in bytes.
const QUERY_BYTES: usize = 16 << 10;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(check_draft))
        .routes(routes!(check))
        .routes(routes!(discover_draft))
        .routes(routes!(discover))
}

/// Test the connection with settings that aren't saved.
#[utoipa::path(
    post, path = "/connectors/check", tag = "connectors",
    request_body = Draft,
    responses((status = 200, description = "What was tested", body = Tested)),
    security(("token" = ["operator"]))
)]
async fn check_draft(
    _: Operator,
    State(plane): State<Plane>,
    Json(draft): Json<Draft>,
) -> Result<axum::Json<Tested>, Problem> {
    Ok(axum::Json(plane.catalog.test(draft).await?))
}

/// Test a connector's connection.
#[utoipa::path(
    post, path = "/connectors/{connector}/check", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "What was tested", body = Tested)),
    security(("token" = ["operator"]))
)]
async fn check(
    _: Operator,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<Tested>, Problem> {
    Ok(axum::Json(plane.catalog.test(Draft::saved(id)).await?))
}

/// Which groups.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Search {
    /// Beginning of their names; any where absent.
    #[serde(default)]
    name: Option<String>,
    /// `next` of the page before.
    #[serde(default)]
    page: Option<String>,
}

/// Which groups, of settings that aren't saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftSearch {
    /// The settings.
    draft: Draft,
    /// Beginning of their names; any where absent.
    #[serde(default)]
    name: Option<String>,
    /// `next` of the page before.
    #[serde(default)]
    page: Option<String>,
}

/// Find groups of the source to choose from, with settings that aren't saved.
#[utoipa::path(
    post, path = "/connectors/discover", tag = "connectors",
    request_body = DraftSearch,
    responses((status = 200, description = "Groups in the source's order", body = Page<Candidate>)),
    security(("token" = ["operator"]))
)]
async fn discover_draft(
    _: Operator,
    State(plane): State<Plane>,
    Json(wanted): Json<DraftSearch>,
) -> Result<axum::Json<Page<Candidate>>, Problem> {
    let search = Search {
        name: wanted.name,
        page: wanted.page,
    };
    find(&plane, wanted.draft, &search).await
}

/// Find groups of a connector's source to choose from.
#[utoipa::path(
    post, path = "/connectors/{connector}/discover", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    request_body = Search,
    responses((status = 200, description = "Groups in the source's order", body = Page<Candidate>)),
    security(("token" = ["operator"]))
)]
async fn discover(
    _: Operator,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Json(search): Json<Search>,
) -> Result<axum::Json<Page<Candidate>>, Problem> {
    find(&plane, Draft::saved(id), &search).await
}

async fn find(
    plane: &Plane,
    draft: Draft,
    search: &Search,
) -> Result<axum::Json<Page<Candidate>>, Problem> {
    for (path, text) in [("name", &search.name), ("page", &search.page)] {
        if text.as_ref().is_some_and(|text| text.len() > QUERY_BYTES) {
            return Err(Problem::invalid([FieldError {
                path: path.into(),
                message: format!("It is longer than {QUERY_BYTES} bytes."),
                remedy: "Shorten it.".into(),
            }]));
        }
    }
    let found = plane
        .catalog
        .discover(draft, search.name.as_deref(), search.page.as_deref());
    let Candidates { groups, next } = found.await?;
    Ok(axum::Json(Page {
        items: groups,
        next,
        total: None,
    }))
}
