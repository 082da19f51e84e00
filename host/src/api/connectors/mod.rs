//! `/connectors`: a plugin with settings, secrets and a name.

mod questions;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Admin, Json, Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::{FieldError, Problem};
use super::revision::{Created, IfMatch, Tagged};
use crate::access::Principal;
use crate::catalog::{
    CloneConnector, Connector, ConnectorChange, ConnectorFilter, Data, NewConnector,
};
use crate::work::state;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(clone))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .merge(questions::routes())
}

/// Which connectors.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// This is somewhere in the name, without regard to case.
    name: Option<String>,
    /// Only in this state.
    #[param(inline)]
    state: Option<state::State>,
    /// Only of this plugin.
    plugin: Option<String>,
}

/// List connectors, by name.
#[utoipa::path(
    get, path = "/connectors", tag = "connectors",
    params(Wanted, Paging),
    responses((status = 200, description = "Connectors", body = Page<Connector>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Connector>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position::<String>()?);
    let filter = ConnectorFilter {
        name: wanted.name,
        state: wanted.state,
        plugin: wanted.plugin,
    };
    let (connectors, total) = plane
        .catalog
        .connectors(&filter, after.as_deref(), limit + 1)
        .await?;
    let page = Page::of(connectors, limit, Connector::position);
    Ok(axum::Json(page.total(total)))
}

/// Create a connector.
///
/// Settings and secrets are validated by the plugin before anything is saved; the source isn't asked. Secrets
/// never come back.
#[utoipa::path(
    post, path = "/connectors", tag = "connectors",
    request_body = NewConnector,
    responses((status = 201, description = "The new connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn create(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Json(new): Json<NewConnector>,
) -> Result<Created<Connector>, Problem> {
    Ok(created(plane.catalog.create_connector(&by, new).await?))
}

fn created(connector: Connector) -> Created<Connector> {
    let location = format!("/api/v1/connectors/{}", connector.id);
    Created(location, connector.revision, connector)
}

/// Read a connector.
#[utoipa::path(
    get, path = "/connectors/{connector}", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "The connector; its revision is the ETag", body = Connector)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<Connector>, Problem> {
    Ok(tagged(plane.catalog.connector(id).await?))
}

fn tagged(connector: Connector) -> Tagged<Connector> {
    Tagged(connector.revision, connector)
}

/// Change a connector.
///
/// Members that are left out stay as they are; `settings` and `secrets` are changed key by key, and `null`
/// removes a key. A setting itself is taken whole. `If-Match` names the revision that the change is about.
#[utoipa::path(
    patch, path = "/connectors/{connector}", tag = "connectors",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("If-Match" = String, Header, description = "ETag of the connector, or `*`"),
    ),
    request_body = ConnectorChange,
    responses((status = 200, description = "The changed connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn change(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    revision: IfMatch,
    Json(change): Json<ConnectorChange>,
) -> Result<Tagged<Connector>, Problem> {
    let changed = plane
        .catalog
        .change_connector(&by, id, revision.named(), change);
    Ok(tagged(changed.await?))
}

/// What becomes of the data.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Fate {
    /// What becomes of the users, groups and memberships that it brought: `keep` or `remove`. Must be said.
    #[param(required)]
    data: Option<String>,
}

/// Delete a connector with its secrets, profiles and links.
#[utoipa::path(
    delete, path = "/connectors/{connector}", tag = "connectors",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("If-Match" = String, Header, description = "ETag of the connector, or `*`"),
        Fate,
    ),
    responses((status = 204, description = "It is deleted; data that was to be removed is on its way out")),
    security(("token" = ["admin"]))
)]
async fn delete(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Query(fate): Query<Fate>,
    revision: IfMatch,
) -> Result<StatusCode, Problem> {
    let data = match fate.data.as_deref() {
        Some("keep") => Data::Keep,
        Some("remove") => Data::Remove,
        _ => {
            return Err(Problem::invalid([FieldError {
                path: "data".into(),
                message: "It is not said what becomes of the users, groups and memberships that it brought."
                    .into(),
                remedy: "Add `?data=keep` or `?data=remove`.".into(),
            }]));
        }
    };
    plane
        .catalog
        .delete_connector(&by, id, revision.named(), data)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clone a connector with its settings, secrets and profiles.
///
/// The copy's profiles are inactive, so that nothing runs by itself.
#[utoipa::path(
    post, path = "/connectors/{connector}/clone", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    request_body = CloneConnector,
    responses((status = 201, description = "The copy", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn clone(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Json(wanted): Json<CloneConnector>,
) -> Result<Created<Connector>, Problem> {
    let copy = plane.catalog.clone_connector(&by, id, &wanted).await?;
    Ok(created(copy))
}

/// Enable a connector.
#[utoipa::path(
    post, path = "/connectors/{connector}/enable", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "The connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn enable(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<Connector>, Problem> {
    Ok(tagged(plane.catalog.enable_connector(&by, id).await?))
}

/// Disable a connector: nothing of it runs until it is enabled. Not while a run goes on.
#[utoipa::path(
    post, path = "/connectors/{connector}/disable", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "The connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn disable(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<Connector>, Problem> {
    Ok(tagged(plane.catalog.disable_connector(&by, id).await?))
}

/// Pause a connector's schedules. It still runs when asked.
#[utoipa::path(
    post, path = "/connectors/{connector}/pause", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "The connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn pause(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<Connector>, Problem> {
    set_paused(&plane, &by, id, true).await
}

/// Resume a connector's schedules.
#[utoipa::path(
    post, path = "/connectors/{connector}/resume", tag = "connectors",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    responses((status = 200, description = "The connector", body = Connector)),
    security(("token" = ["admin"]))
)]
async fn resume(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<Connector>, Problem> {
    set_paused(&plane, &by, id, false).await
}

async fn set_paused(
    plane: &Plane,
    by: &Principal,
    id: Uuid,
    paused: bool,
) -> Result<Tagged<Connector>, Problem> {
    let connector = plane.catalog.pause_connector(by, id, paused).await?;
    Ok(tagged(connector))
}
