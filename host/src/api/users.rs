//! `/users`: who may sign in.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Admin, Json, Path, Query, Signed};
use super::page::{Page, Paging};
use super::problem::Problem;
use super::revision::{IfMatch, Tagged};
use crate::access::{NewUser, Role, User, UserChange, deserialize_secret};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, remove))
        .routes(routes!(set_password))
}

/// List users by name.
#[utoipa::path(
    get, path = "/users", tag = "users",
    params(Paging),
    responses((status = 200, description = "Users", body = Page<User>)),
    security(("token" = ["admin"]))
)]
async fn list(
    _: Admin,
    State(plane): State<Plane>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<User>>, Problem> {
    let limit = paging.limit()?;
    let after: Option<String> = paging.position()?;
    let users = plane.access.users(after.as_deref(), limit + 1).await?;
    let page = Page::of(users, limit, |user| user.name.clone());
    Ok(axum::Json(page.total(plane.access.count_users().await?)))
}

/// Make a user.
#[utoipa::path(
    post, path = "/users", tag = "users",
    request_body = NewUser,
    responses((status = 201, description = "Made", body = User)),
    security(("token" = ["admin"]))
)]
async fn create(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    let user = plane.access.create_user(new, &by).await?;
    let place = HeaderValue::from_str(&format!("/api/v1/users/{}", user.id));
    let mut response = (StatusCode::CREATED, Tagged(user.revision, user)).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Show a user: an administrator sees all, everybody themselves.
#[utoipa::path(
    get, path = "/users/{id}", tag = "users",
    params(("id" = Uuid, Path, description = "The user")),
    responses((status = 200, description = "The user", body = User)),
    security(("token" = ["viewer"]))
)]
async fn show(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Tagged<User>, Problem> {
    if caller.principal.role < Role::Admin && caller.user.id != id {
        return Err(Problem::not_found("user"));
    }
    let user = plane.access.user(id).await?;
    Ok(Tagged(user.revision, user))
}

/// Change a user.
#[utoipa::path(
    put, path = "/users/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "The user"),
        ("If-Match" = String, Header, description = "The ETag that it was read with, or `*`"),
    ),
    request_body = UserChange,
    responses((status = 200, description = "Changed", body = User)),
    security(("token" = ["admin"]))
)]
async fn change(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    seen: IfMatch,
    Json(change): Json<UserChange>,
) -> Result<Tagged<User>, Problem> {
    let access = &plane.access;
    let user = access.change_user(id, &change, seen.named(), &by).await?;
    Ok(Tagged(user.revision, user))
}

/// A user's new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPassword {
    /// 12 to 256 characters, not the user's name.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Give a user another password; it ends their sessions.
#[utoipa::path(
    put, path = "/users/{id}/password", tag = "users",
    params(
        ("id" = Uuid, Path, description = "The user"),
        ("If-Match" = String, Header, description = "The ETag that it was read with, or `*`"),
    ),
    request_body = NewPassword,
    responses((status = 200, description = "Changed", body = User)),
    security(("token" = ["admin"]))
)]
async fn set_password(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    seen: IfMatch,
    Json(new): Json<NewPassword>,
) -> Result<Tagged<User>, Problem> {
    let access = &plane.access;
    let user = access
        .set_password(id, new.password, seen.named(), &by)
        .await?;
    Ok(Tagged(user.revision, user))
}

/// Delete a user with their sessions and tokens. Whoever comes from the identity provider is made anew when they
/// sign in again: disable them to keep them out.
#[utoipa::path(
    delete, path = "/users/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "The user"),
        ("If-Match" = String, Header, description = "The ETag that it was read with, or `*`"),
    ),
    responses((status = 204, description = "Deleted")),
    security(("token" = ["admin"]))
)]
async fn remove(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    plane.access.delete_user(id, seen.named(), &by).await?;
    Ok(StatusCode::NO_CONTENT)
}
