//! One user or group of a connector.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Path, Viewer};
use super::super::problem::Problem;
use super::{When, key_of};
use crate::directory::{MemberKind, ObjectRecord, ObjectState};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(group))
        .routes(routes!(user))
}

/// A user or group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Found {
    /// Whose it is.
    connector: Uuid,
    /// Identifier at the source.
    id: String,
    /// What it is.
    kind: MemberKind,
    /// Where it stands.
    state: ObjectState,
    /// Name; empty where only the identifier is known.
    name: String,
    /// Of a group: its kind, as the connector's type declares it; absent where it isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_kind: Option<String>,
    /// Its document in the target model.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Value>,
    /// For a user: the full target document, with the documents of the groups that the user is directly in.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    target_document: Option<Value>,
    /// When it came; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<When>,
    /// When it changed last; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<When>,
}

/// Read a group.
#[utoipa::path(
    get, path = "/connectors/{connector}/groups/{group}", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("group" = String, Path, description = "Identifier at the source"),
    ),
    responses((status = 200, description = "The group", body = Found)),
    security(("token" = ["viewer"]))
)]
async fn group(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
) -> Result<Json<Found>, Problem> {
    read(&plane, connector, &id, MemberKind::Group, "group").await
}

/// Read a user.
#[utoipa::path(
    get, path = "/connectors/{connector}/users/{user}", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("user" = String, Path, description = "Identifier at the source"),
    ),
    responses((status = 200, description = "The user", body = Found)),
    security(("token" = ["viewer"]))
)]
async fn user(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
) -> Result<Json<Found>, Problem> {
    read(&plane, connector, &id, MemberKind::User, "user").await
}

async fn read(
    plane: &Plane,
    connector: Uuid,
    id: &str,
    kind: MemberKind,
    what: &str,
) -> Result<Json<Found>, Problem> {
    let missing = || Problem::not_found(what);
    let key = key_of(plane, connector).await?.ok_or_else(missing)?;
    let record = plane.directory.object(key, id).await?;
    let record = record
        .filter(|record| record.kind == kind)
        .ok_or_else(missing)?;
    found(connector, record).map(Json)
}

fn found(connector: Uuid, record: ObjectRecord) -> Result<Found, Problem> {
    Ok(Found {
        connector,
        id: record.id,
        kind: record.kind,
        state: record.state,
        name: record.name,
        group_kind: record.group_kind,
        document: record.document,
        target_document: record.target_document,
        since: record.since.map(When::of).transpose()?,
        changed: record.changed.map(When::of).transpose()?,
    })
}
