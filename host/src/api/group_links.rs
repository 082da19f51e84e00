//! `/connectors/{connector}/group-links`: which of the platform's groups a group of the source feeds.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::directory::key_of;
use super::extract::{Admin, Json, Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::catalog::{CatalogError, LinkFilter, LinkRecord, NewLink};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, replace))
        .routes(routes!(read, set, remove))
}

/// Which links.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    /// Only those that feed this group of the platform.
    platform_group: Option<Uuid>,
}

/// List a connector's links, by the source's identifier of the group.
#[utoipa::path(
    get, path = "/connectors/{connector}/group-links", tag = "group links",
    params(("connector" = Uuid, Path, description = "Identifier of the connector"), Wanted, Paging),
    responses((status = 200, description = "Links", body = Page<LinkRecord>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<LinkRecord>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position::<String>()?);
    let filter = LinkFilter {
        group: None,
        platform_group: wanted.platform_group,
    };
    let (links, total) = plane
        .catalog
        .links(connector, &filter, after.as_deref(), limit + 1)
        .await?;
    let mut page = Page::of(links, limit, |link| link.group.clone()).total(total);
    name(&plane, connector, &mut page.items).await?;
    Ok(axum::Json(page))
}

/// Gives links the names that the directory knows.
async fn name(plane: &Plane, connector: Uuid, links: &mut [LinkRecord]) -> Result<(), Problem> {
    let Some(key) = key_of(plane, connector).await? else {
        return Ok(());
    };
    for link in links {
        let group = plane.directory.object(key, &link.group).await?;
        link.name = group
            .map(|group| group.name)
            .filter(|name| !name.is_empty());
    }
    Ok(())
}

/// Read the link of a group.
#[utoipa::path(
    get, path = "/connectors/{connector}/group-links/{group}", tag = "group links",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
    ),
    responses((status = 200, description = "The link", body = LinkRecord)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, group)): Path<(Uuid, String)>,
) -> Result<axum::Json<LinkRecord>, Problem> {
    Ok(axum::Json(one(&plane, connector, group).await?))
}

async fn one(plane: &Plane, connector: Uuid, group: String) -> Result<LinkRecord, Problem> {
    let filter = LinkFilter {
        group: Some(group),
        platform_group: None,
    };
    let (mut links, _) = plane.catalog.links(connector, &filter, None, 1).await?;
    name(plane, connector, &mut links).await?;
    let link = links.pop();
    Ok(link.ok_or(CatalogError::NotFound("group link"))?)
}

/// The platform's groups that a group feeds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fed {
    /// UUIDs of groups in the platform, 1 to 100.
    platform_groups: Vec<String>,
}

/// Set the platform groups that a group feeds, in place of those before.
///
/// The next run of the connector is a snapshot, since documents name these groups.
#[utoipa::path(
    put, path = "/connectors/{connector}/group-links/{group}", tag = "group links",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
    ),
    request_body = Fed,
    responses((status = 200, description = "The link", body = LinkRecord)),
    security(("token" = ["admin"]))
)]
async fn set(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, group)): Path<(Uuid, String)>,
    Json(fed): Json<Fed>,
) -> Result<axum::Json<LinkRecord>, Problem> {
    plane
        .catalog
        .set_link(&by, connector, &group, &fed.platform_groups)
        .await?;
    Ok(axum::Json(one(&plane, connector, group).await?))
}

/// Remove the link of a group.
#[utoipa::path(
    delete, path = "/connectors/{connector}/group-links/{group}", tag = "group links",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
    ),
    responses((status = 204, description = "It is removed")),
    security(("token" = ["admin"]))
)]
async fn remove(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, group)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    plane.catalog.remove_link(&by, connector, &group).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set all links of a connector, in place of those before: an import. All of them are set, or none.
#[utoipa::path(
    put, path = "/connectors/{connector}/group-links", tag = "group links",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    request_body = Vec<NewLink>,
    responses((status = 204, description = "They are set")),
    security(("token" = ["admin"]))
)]
async fn replace(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Json(links): Json<Vec<NewLink>>,
) -> Result<StatusCode, Problem> {
    plane.catalog.replace_links(&by, connector, links).await?;
    Ok(StatusCode::NO_CONTENT)
}
