//! `/connector-types`: the installed plugins and what they declare.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::catalog::ConnectorType;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
}

/// List connector types, by name.
#[utoipa::path(
    get, path = "/connector-types", tag = "connector types",
    params(Paging),
    responses((status = 200, description = "Installed plugins", body = Page<ConnectorType>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ConnectorType>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position::<String>()?);
    let types = plane.catalog.types().installed().await?;
    let total = u64::try_from(types.len()).unwrap_or(u64::MAX);
    let types = types.into_iter();
    let rest = types.filter(|of| after.as_ref().is_none_or(|after| of.name > *after));
    let page = Page::of(rest.collect(), limit, |of: &ConnectorType| of.name.clone());
    Ok(Json(page.total(total)))
}

/// Read a connector type.
#[utoipa::path(
    get, path = "/connector-types/{name}", tag = "connector types",
    params(("name" = String, Path, description = "Name of the plugin")),
    responses((status = 200, description = "The installed plugin", body = ConnectorType)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorType>, Problem> {
    let types = plane.catalog.types().installed().await?;
    let found = types.into_iter().find(|of| of.name == name);
    let found = found.ok_or_else(|| Problem::not_found("connector-type"))?;
    Ok(Json(found))
}
