//! `/data-models`: the records that plugins read and emit.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::catalog::DataModelRecord;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// List data models, with every field, by identifier.
#[utoipa::path(
    get, path = "/data-models", tag = "data models",
    params(Paging),
    responses((status = 200, description = "Data models", body = Page<DataModelRecord>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<DataModelRecord>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position::<String>()?);
    let mut models = plane.catalog.data_models().await?;
    models.sort_by(|one, other| one.id.cmp(&other.id));
    let total = u64::try_from(models.len()).unwrap_or(u64::MAX);
    let models = models.into_iter();
    let rest = models.filter(|model| after.as_ref().is_none_or(|after| model.id > *after));
    let page = Page::of(rest.collect(), limit, |model: &DataModelRecord| {
        model.id.clone()
    });
    Ok(Json(page.total(total)))
}

/// Read a data model.
#[utoipa::path(
    get, path = "/data-models/{id}", tag = "data models",
    params(("id" = String, Path, description = "`PLUGIN.source` or `PLUGIN.target`")),
    responses((status = 200, description = "The data model", body = DataModelRecord)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<String>,
) -> Result<Json<DataModelRecord>, Problem> {
    let models = plane.catalog.data_models().await?;
    let found = models.into_iter().find(|model| model.id == id);
    Ok(Json(found.ok_or_else(|| Problem::not_found("data-model"))?))
}
