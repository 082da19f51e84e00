//! Who is in a group, which groups somebody is in, and why.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Path, Query, Viewer};
use super::super::page::{Page, Paging};
use super::super::problem::Problem;
use super::{Reach, key_of, page_of, page_request};
use crate::directory::{ConnectorKey, GroupRecord, MemberRecord, Why};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(members))
        .routes(routes!(groups))
        .routes(routes!(why))
}

/// The directory's key of the connector, which has an object of this identifier.
async fn key_of_object(
    plane: &Plane,
    connector: Uuid,
    id: &str,
    what: &str,
) -> Result<ConnectorKey, Problem> {
    let missing = || Problem::not_found(what);
    let key = key_of(plane, connector).await?.ok_or_else(missing)?;
    if plane.directory.knows(key, id).await? {
        Ok(key)
    } else {
        Err(missing())
    }
}

/// List a group's members.
///
/// By name; each with a shortest chain of groups by which it is one. Hidden users are left out.
#[utoipa::path(
    get, path = "/connectors/{connector}/groups/{group}/members", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
        Reach, Paging,
    ),
    responses((status = 200, description = "Members", body = Page<MemberRecord>)),
    security(("token" = ["viewer"]))
)]
async fn members(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, group)): Path<(Uuid, String)>,
    Query(reach): Query<Reach>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MemberRecord>>, Problem> {
    let page = page_request(&paging)?;
    let key = key_of_object(&plane, connector, &group, "group").await?;
    let page = plane
        .directory
        .members(key, &group, reach.effective, reach.text.as_deref(), &page)
        .await?;
    Ok(Json(page_of(page, Ok)?))
}

/// List the groups that a user is in.
///
/// By name; each with a shortest chain of groups that leads to the user. A hidden user is in none.
#[utoipa::path(
    get, path = "/connectors/{connector}/users/{user}/groups", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("user" = String, Path, description = "Identifier at the source, of a user or of a nested group"),
        Reach, Paging,
    ),
    responses((status = 200, description = "Groups", body = Page<GroupRecord>)),
    security(("token" = ["viewer"]))
)]
async fn groups(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, user)): Path<(Uuid, String)>,
    Query(reach): Query<Reach>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<GroupRecord>>, Problem> {
    let page = page_request(&paging)?;
    let key = key_of_object(&plane, connector, &user, "user").await?;
    let page = plane
        .directory
        .groups_of(key, &user, reach.effective, reach.text.as_deref(), &page)
        .await?;
    Ok(Json(page_of(page, Ok)?))
}

/// Most chains that are told.
const MOST_CHAINS: usize = 100;

/// How many chains to tell.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Chains {
    /// Most chains, from 1 to 100; 20 where absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// Explain why somebody is in a group.
///
/// The chains of groups that lead from the group to the member, shortest first. None means that it is no member.
#[utoipa::path(
    get, path = "/connectors/{connector}/groups/{group}/members/{member}", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
        ("member" = String, Path, description = "Identifier of the member at the source"),
        Chains,
    ),
    responses((status = 200, description = "Chains of groups", body = Why)),
    security(("token" = ["viewer"]))
)]
async fn why(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, group, member)): Path<(Uuid, String, String)>,
    Query(chains): Query<Chains>,
) -> Result<Json<Why>, Problem> {
    let limit = chains.limit.unwrap_or(20);
    if !(1..=MOST_CHAINS).contains(&limit) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "request.limit",
            format!("`limit` is not between 1 and {MOST_CHAINS}."),
        ));
    }
    let key = key_of_object(&plane, connector, &group, "group").await?;
    let why = plane.directory.why(key, &group, &member, limit).await?;
    Ok(Json(why))
}
