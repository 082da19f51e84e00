//! `/tokens`: API tokens for programs.

use axum::extract::State;
use axum::http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Json, Path, Query, Signed};
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::access::{NewToken, Token};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// Whose tokens.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Whether to list everybody's, which only an administrator sees; one's own where absent.
    #[serde(default)]
    all: bool,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(flatten)]
    entry: Token,
    /// The token itself, to be sent as `Authorization: Bearer`. It is never shown again.
    token: String,
}

/// List API tokens, newest first.
#[utoipa::path(
    get, path = "/tokens", tag = "tokens",
    params(Wanted, Paging),
    responses((status = 200, description = "Tokens, without their secrets", body = Page<Token>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Token>>, Problem> {
    let limit = paging.limit()?;
    let before = paging.position()?;
    let access = &plane.access;
    let tokens = access
        .tokens(&caller, wanted.all, before, limit + 1)
        .await?;
    let total = access.count_tokens(&caller, wanted.all).await?;
    let page = Page::of(tokens, limit, |token| token.id);
    Ok(axum::Json(page.total(total)))
}

/// Make an API token; its secret is in this answer only.
#[utoipa::path(
    post, path = "/tokens", tag = "tokens",
    request_body = NewToken,
    responses((status = 201, description = "Made", body = Created)),
    security(("token" = ["viewer"]))
)]
async fn create(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<Created>), Problem> {
    let (entry, token) = plane.access.create_token(&new, &caller).await?;
    let token = token.expose_secret().to_owned();
    let created = Created { entry, token };
    Ok((StatusCode::CREATED, axum::Json(created)))
}

/// Revoke an API token: one's own, or, as an administrator, anybody's.
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "tokens",
    params(("id" = Uuid, Path, description = "The token")),
    responses((status = 204, description = "It no longer works")),
    security(("token" = ["viewer"]))
)]
async fn revoke(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    plane.access.revoke_token(id, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
