//! `/session/oidc`: signing in through the identity provider.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::Query;
use super::problem::Problem;
use super::session::session_cookie;
use crate::access::{OIDC_COOKIE, OIDC_PATIENCE, OidcAnswer, Visitor};
use crate::web::escaped;

/// Where the cookie of a sign-in is sent.
const PATH: &str = "/api/v1/session/oidc";

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(finish))
}

/// Where to go afterwards.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Wish {
    /// Path of this server, such as `/connectors`; `/` where absent.
    return_to: Option<String>,
}

/// Sign in through the identity provider: a browser is sent there.
#[utoipa::path(
    get, path = "/session/oidc", tag = "session",
    params(Wish),
    responses(
        (status = 303, description = "Go on at the provider"),
        (status = 404, description = "None is configured", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(())
)]
async fn start(
    State(plane): State<Plane>,
    visitor: Visitor,
    Query(wish): Query<Wish>,
) -> Result<Response, Problem> {
    let access = &plane.access;
    let started = access
        .start_oidc(wish.return_to.as_deref(), &visitor)
        .await?;
    let jar = CookieJar::new().add(cookie(Some(&started.state), visitor.secure));
    let to = [(header::LOCATION, started.url.to_string())];
    Ok((StatusCode::SEE_OTHER, jar, to).into_response())
}

/// The provider sends browsers back here; whoever it vouches for is signed in.
#[utoipa::path(
    get, path = "/session/oidc/callback", tag = "session",
    params(OidcAnswer),
    responses(
        (status = 200, description = "Signed in; a page that goes on by itself", content_type = "text/html"),
        (status = 400, description = "It answers no sign-in of this browser", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "The person may not come in", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(())
)]
async fn finish(
    State(plane): State<Plane>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(answer): Query<OidcAnswer>,
) -> Result<Response, Problem> {
    let brought = CookieJar::from_headers(&headers);
    let state = brought.get(OIDC_COOKIE).map(Cookie::value);
    let (session, to) = plane.access.finish_oidc(answer, state, &visitor).await?;
    let jar = CookieJar::new()
        .add(session_cookie(Some(&session.cookie), visitor.secure))
        .add(cookie(None, visitor.secure));
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        // The address that is left holds the code.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((jar, headers, Html(onward(&to))).into_response())
}

/// A cookie that the provider's redirect brings along, which one for this site alone wouldn't be.
fn cookie(state: Option<&SecretString>, secure: bool) -> Cookie<'static> {
    let value = state.map_or_else(String::new, |state| state.expose_secret().to_owned());
    let cookie = Cookie::build((OIDC_COOKIE, value))
        .http_only(true)
        .same_site(SameSite::Lax)
        .path(PATH)
        .secure(secure);
    match state {
        Some(_) => cookie
            .max_age(OIDC_PATIENCE.try_into().unwrap_or_default())
            .build(),
        None => cookie.removal().build(),
    }
}

/// A page that goes there. A redirect would still be part of what the provider's site began, and the
/// session's cookie wouldn't be sent along.
fn onward(path: &str) -> String {
    let path = escaped(path);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Signed in</title>\
         <meta http-equiv=\"refresh\" content=\"0;url={path}\"></head>\
         <body><p>Signed in. <a href=\"{path}\">Go on</a>.</p></body></html>"
    )
}
