//! `/setup`: making the first administrator.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::Json;
use super::problem::Problem;
use super::session::{WhoAmI, begun};
use crate::access::{Visitor, deserialize_secret};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new().routes(routes!(set_up))
}

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FirstAdmin {
    /// The code that the server printed on its terminal.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String)]
    code: SecretString,
    /// Name to sign in with: 1 to 128 characters without spaces.
    name: String,
    /// Their password: 12 to 256 characters, not their name.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Make the first administrator, and sign in as such.
#[utoipa::path(
    post, path = "/setup", tag = "session",
    request_body = FirstAdmin,
    responses(
        (status = 201, description = "Made and signed in; the answer sets the session's cookie", body = WhoAmI),
        (status = 403, description = "The code is wrong", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "There is a user already", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(())
)]
async fn set_up(
    State(plane): State<Plane>,
    visitor: Visitor,
    Json(given): Json<FirstAdmin>,
) -> Result<Response, Problem> {
    let access = &plane.access;
    let session = access
        .set_up(
            given.code.expose_secret(),
            &given.name,
            given.password,
            &visitor,
        )
        .await?;
    Ok(begun(StatusCode::CREATED, session, &visitor))
}
