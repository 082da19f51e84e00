//! `/session`: signing in and out, and who is signed in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Json, Signed};
use super::openapi::SESSION_COOKIE;
use super::page::Page;
use super::problem::Problem;
use crate::access::{
    Caller, Means, NewSession, Role, SessionEntry, SignedInBy, User, Visitor, deserialize_secret,
};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(show, sign_in, sign_out))
        .routes(routes!(change_password))
        .routes(routes!(list, end_others))
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Credentials {
    /// Name of the user.
    name: String,
    /// Their password.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WhoAmI {
    /// The user, or the one whose token it is.
    user: User,
    /// What this request may do: of a token, it may be less than its user may.
    role: Role,
    /// How it was proved: `password`, `setup`, `oidc` or `token`.
    by: &'static str,
    /// What requests that change something must carry in `X-CSRF-Token`; absent with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
}

impl From<Caller> for WhoAmI {
    fn from(caller: Caller) -> Self {
        let (by, csrf_token) = match &caller.means {
            Means::Token { .. } => ("token", None),
            Means::Session { by, csrf, .. } => {
                let by = match by {
                    SignedInBy::Password => "password",
                    SignedInBy::Setup => "setup",
                    SignedInBy::Oidc => "oidc",
                };
                (by, Some(csrf.expose_secret().to_owned()))
            }
        };
        Self {
            user: caller.user,
            role: caller.principal.role,
            by,
            csrf_token,
        }
    }
}

/// The cookie of a session, or the one that makes a browser forget it.
pub(crate) fn session_cookie(value: Option<&SecretString>, secure: bool) -> Cookie<'static> {
    let cookie = Cookie::build((
        SESSION_COOKIE,
        value.map_or_else(String::new, |value| value.expose_secret().to_owned()),
    ))
    .http_only(true)
    .same_site(SameSite::Strict)
    .path("/")
    .secure(secure);
    // Without an age it ends with the browser, or with the server's own times.
    match value {
        Some(_) => cookie.build(),
        None => cookie.removal().build(),
    }
}

/// An answer that begins a session.
pub(super) fn begun(status: StatusCode, session: NewSession, visitor: &Visitor) -> Response {
    let cookie = session_cookie(Some(&session.cookie), visitor.secure);
    let jar = CookieJar::new().add(cookie);
    let body = axum::Json(WhoAmI::from(session.caller));
    (status, jar, body).into_response()
}

/// Tell who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "session",
    responses((status = 200, description = "Who makes this request", body = WhoAmI)),
    security(("token" = ["viewer"]))
)]
async fn show(Signed(caller): Signed) -> axum::Json<WhoAmI> {
    axum::Json(caller.into())
}

/// Sign in with a name and a password.
#[utoipa::path(
    post, path = "/session", tag = "session",
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in; the answer sets the session's cookie", body = WhoAmI),
        (status = 401, description = "The name or the password is wrong", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts; `Retry-After` tells how long to wait", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(())
)]
async fn sign_in(
    State(plane): State<Plane>,
    visitor: Visitor,
    Json(given): Json<Credentials>,
) -> Result<Response, Problem> {
    let access = &plane.access;
    let session = access
        .sign_in(&given.name, given.password, &visitor)
        .await?;
    Ok(begun(StatusCode::OK, session, &visitor))
}

/// Sign out.
#[utoipa::path(
    delete, path = "/session", tag = "session",
    responses((status = 204, description = "The session has ended")),
    security(("session" = ["viewer"]))
)]
async fn sign_out(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    plane.access.sign_out(&caller).await?;
    let jar = CookieJar::new().add(session_cookie(None, visitor.secure));
    Ok((StatusCode::NO_CONTENT, jar).into_response())
}

/// A change of one's own password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordChange {
    /// The password that it is now.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String, format = Password)]
    old_password: SecretString,
    /// What it is to be: 12 to 256 characters, not the user's name.
    #[serde(deserialize_with = "deserialize_secret")]
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Change one's own password; it ends all sessions and begins a new one.
#[utoipa::path(
    put, path = "/session/password", tag = "session",
    request_body = PasswordChange,
    responses((status = 200, description = "Changed; the answer sets the new session's cookie", body = WhoAmI)),
    security(("session" = ["viewer"]))
)]
async fn change_password(
    Signed(caller): Signed,
    State(plane): State<Plane>,
    visitor: Visitor,
    Json(change): Json<PasswordChange>,
) -> Result<Response, Problem> {
    let access = &plane.access;
    let session = access
        .change_own_password(&caller, change.old_password, change.new_password, &visitor)
        .await?;
    Ok(begun(StatusCode::OK, session, &visitor))
}

/// List one's own sessions.
#[utoipa::path(
    get, path = "/sessions", tag = "session",
    responses((status = 200, description = "Sessions, the newest first", body = Page<SessionEntry>)),
    security(("session" = ["viewer"]))
)]
async fn list(
    Signed(caller): Signed,
    State(plane): State<Plane>,
) -> Result<axum::Json<Page<SessionEntry>>, Problem> {
    let items = plane.access.sessions(&caller).await?;
    let total = u64::try_from(items.len()).ok();
    let page = Page {
        items,
        next: None,
        total,
    };
    Ok(axum::Json(page))
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
struct Ended {
    /// How many.
    ended: u64,
}

/// End all one's own sessions but this one.
#[utoipa::path(
    delete, path = "/sessions", tag = "session",
    responses((status = 200, description = "They have ended", body = Ended)),
    security(("session" = ["viewer"]))
)]
async fn end_others(
    Signed(caller): Signed,
    State(plane): State<Plane>,
) -> Result<axum::Json<Ended>, Problem> {
    let ended = plane.access.sign_out_elsewhere(&caller).await?;
    Ok(axum::Json(Ended { ended }))
}
