//! `/transform-maps`: how source records become target documents.

pub(crate) mod trial;
mod versions;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Admin, Json, Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use super::revision::{Created, IfMatch, Tagged};
use crate::catalog::{
    CatalogError, CloneMap, MapChange, MapDetail, MapFilter, MapId, MapRecord, NewMap,
};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(clone))
        .merge(trial::routes())
        .merge(versions::routes())
}

/// The map of an identifier in a path.
pub(crate) fn map_id(text: &str) -> Result<MapId, Problem> {
    MapId::read(text).ok_or_else(|| CatalogError::NotFound("transform map").into())
}

/// Which maps.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// This is somewhere in the name, without regard to case.
    name: Option<String>,
    /// Only of this plugin.
    plugin: Option<String>,
}

/// List transform maps: first those that plugins bring, then own ones, each by name.
#[utoipa::path(
    get, path = "/transform-maps", tag = "transform maps",
    params(Wanted, Paging),
    responses((status = 200, description = "Transform maps", body = Page<MapRecord>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<MapRecord>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position()?);
    let filter = MapFilter {
        name: wanted.name,
        plugin: wanted.plugin,
    };
    let (maps, total) = plane
        .catalog
        .maps(&filter, after.as_ref(), limit + 1)
        .await?;
    let page = Page::of(maps, limit, MapRecord::position);
    Ok(axum::Json(page.total(total)))
}

/// Create a transform map.
#[utoipa::path(
    post, path = "/transform-maps", tag = "transform maps",
    request_body = NewMap,
    responses((status = 201, description = "The new map", body = MapDetail)),
    security(("token" = ["admin"]))
)]
async fn create(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Json(new): Json<NewMap>,
) -> Result<Created<MapDetail>, Problem> {
    Ok(created(plane.catalog.create_map(&by, new).await?))
}

fn created(map: MapDetail) -> Created<MapDetail> {
    let location = format!("/api/v1/transform-maps/{}", map.map.id);
    Created(location, map.map.revision, map)
}

/// Read a transform map with the rules of its newest version.
#[utoipa::path(
    get, path = "/transform-maps/{map}", tag = "transform maps",
    params(("map" = String, Path, description = "Identifier of the map")),
    responses((status = 200, description = "The map; its revision is the ETag", body = MapDetail)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<String>,
) -> Result<Tagged<MapDetail>, Problem> {
    Ok(tagged(plane.catalog.map(&map_id(&id)?).await?))
}

fn tagged(map: MapDetail) -> Tagged<MapDetail> {
    Tagged(map.map.revision, map)
}

/// Change a transform map. Other rules make a new version.
///
/// `rules` are all rules in order: to add, remove or move one, send the list as it is to be.
#[utoipa::path(
    patch, path = "/transform-maps/{map}", tag = "transform maps",
    params(
        ("map" = String, Path, description = "Identifier of an own map"),
        ("If-Match" = String, Header, description = "ETag of the map, or `*`"),
    ),
    request_body = MapChange,
    responses((status = 200, description = "The changed map", body = MapDetail)),
    security(("token" = ["admin"]))
)]
async fn change(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    revision: IfMatch,
    Json(change): Json<MapChange>,
) -> Result<Tagged<MapDetail>, Problem> {
    let id = map_id(&id)?;
    let changed = plane.catalog.change_map(&by, &id, revision.named(), change);
    Ok(tagged(changed.await?))
}

/// Delete a transform map with all its versions. Not while a profile uses it.
#[utoipa::path(
    delete, path = "/transform-maps/{map}", tag = "transform maps",
    params(
        ("map" = String, Path, description = "Identifier of an own map"),
        ("If-Match" = String, Header, description = "ETag of the map, or `*`"),
    ),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    revision: IfMatch,
) -> Result<StatusCode, Problem> {
    let id = map_id(&id)?;
    plane.catalog.delete_map(&by, &id, revision.named()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clone a version of a transform map, also of one that a plugin brings.
#[utoipa::path(
    post, path = "/transform-maps/{map}/clone", tag = "transform maps",
    params(("map" = String, Path, description = "Identifier of the map")),
    request_body = CloneMap,
    responses((status = 201, description = "The copy", body = MapDetail)),
    security(("token" = ["admin"]))
)]
async fn clone(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Json(wanted): Json<CloneMap>,
) -> Result<Created<MapDetail>, Problem> {
    let id = map_id(&id)?;
    Ok(created(plane.catalog.clone_map(&by, &id, wanted).await?))
}
