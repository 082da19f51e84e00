//! Versions of transform maps.

use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Plane;
use super::super::extract::{Admin, Json, Path, Query, Viewer};
use super::super::page::{Page, Paging};
use super::super::problem::Problem;
use super::super::revision::{IfMatch, Tagged};
use super::{map_id, tagged};
use crate::catalog::{MapDetail, MapDiff, MapVersion, MapVersionDetail};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(compare))
        .routes(routes!(restore))
}

/// List versions of an own map, newest first. A map that a plugin brings has none.
#[utoipa::path(
    get, path = "/transform-maps/{map}/versions", tag = "transform maps",
    params(("map" = String, Path, description = "Identifier of the map"), Paging),
    responses((status = 200, description = "Versions", body = Page<MapVersion>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<MapVersion>>, Problem> {
    let (limit, before) = (paging.limit()?, paging.position()?);
    let versions = plane
        .catalog
        .map_versions(&map_id(&id)?, before, limit + 1)
        .await?;
    Ok(axum::Json(Page::of(versions, limit, |version| {
        version.version
    })))
}

/// Read a version of an own map.
#[utoipa::path(
    get, path = "/transform-maps/{map}/versions/{version}", tag = "transform maps",
    params(
        ("map" = String, Path, description = "Identifier of an own map"),
        ("version" = i64, Path, description = "Number of the version"),
    ),
    responses((status = 200, description = "The version", body = MapVersionDetail)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path((id, version)): Path<(String, i64)>,
) -> Result<axum::Json<MapVersionDetail>, Problem> {
    let version = plane.catalog.map_version(&map_id(&id)?, version).await?;
    Ok(axum::Json(version))
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Between {
    /// Number of the version before.
    from: i64,
    /// Number of the version after.
    to: i64,
}

/// Tell what changed from one version of an own map to another.
#[utoipa::path(
    get, path = "/transform-maps/{map}/diff", tag = "transform maps",
    params(("map" = String, Path, description = "Identifier of an own map"), Between),
    responses((status = 200, description = "What changed", body = MapDiff)),
    security(("token" = ["viewer"]))
)]
async fn compare(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(between): Query<Between>,
) -> Result<axum::Json<MapDiff>, Problem> {
    let diff = plane
        .catalog
        .map_diff(&map_id(&id)?, between.from, between.to)
        .await?;
    Ok(axum::Json(diff))
}

/// A version to be restored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Earlier {
    /// Its number.
    version: i64,
    /// About the new version.
    #[serde(default)]
    comment: String,
}

/// Restore an earlier version: its rules become those of a new one.
#[utoipa::path(
    post, path = "/transform-maps/{map}/restore", tag = "transform maps",
    params(
        ("map" = String, Path, description = "Identifier of an own map"),
        ("If-Match" = String, Header, description = "ETag of the map, or `*`"),
    ),
    request_body = Earlier,
    responses((status = 200, description = "The changed map", body = MapDetail)),
    security(("token" = ["admin"]))
)]
async fn restore(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    revision: IfMatch,
    Json(earlier): Json<Earlier>,
) -> Result<Tagged<MapDetail>, Problem> {
    let id = map_id(&id)?;
    let Earlier { version, comment } = earlier;
    let changed = plane
        .catalog
        .restore_map(&by, &id, revision.named(), version, comment);
    Ok(tagged(changed.await?))
}
