//! What a held run would remove, all of it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Path, Query, Viewer};
use super::super::page::{Page, Paging};
use super::super::problem::Problem;
use super::{nothing, page_of, page_request};
use crate::directory::{Removable, RemovalRecord, RunKey};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which removals.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of what.
    #[param(inline)]
    what: Removable,
    /// Only those in whose names this is, without regard to case and accents.
    text: Option<String>,
}

/// List what a held run would remove.
///
/// Users and groups by name. Empty for a run that isn't held.
#[utoipa::path(
    get, path = "/runs/{run}/removals", tag = "runs",
    params(("run" = Uuid, Path, description = "The run"), Wanted, Paging),
    responses((status = 200, description = "Removals", body = Page<RemovalRecord>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Path(run): Path<Uuid>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RemovalRecord>>, Problem> {
    let page = page_request(&paging)?;
    let Some(key) = plane.work.run(run).await?.directory_run else {
        return Ok(Json(nothing()));
    };
    let page = plane
        .directory
        .removals(RunKey(key), wanted.what, wanted.text.as_deref(), &page)
        .await?;
    Ok(Json(page_of(page, Ok)?))
}
