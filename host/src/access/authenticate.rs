//! The layer that finds out who makes a request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;

use super::error::AccessError;
use super::visitor::Visitor;
use super::{Access, Caller, Means, csrf};
use crate::api::problem::Problem;
use crate::api::{SESSION_COOKIE, session_cookie};

/// What is the same for everybody, so that nobody is looked for: method (any where `None`) and path.
const OPEN: [(Option<Method>, &str); 9] = [
    (None, "/healthz"),
    (None, "/readyz"),
    (None, "/api/v1/openapi.json"),
    (Some(Method::POST), "/api/v1/setup"),
    (Some(Method::POST), "/api/v1/session"),
    (Some(Method::GET), "/api/v1/session/oidc"),
    (Some(Method::GET), "/api/v1/session/oidc/callback"),
    (None, "/setup"),
    (None, "/sign-in"),
];

/// Of those, what works before there is a user.
const BEFORE_SETUP: [&str; 5] = [
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/api/v1/setup",
    "/setup",
];
/// Below it are the style and the scripts of all pages.
const ASSETS: &str = "/assets/";

/// Puts the [`Visitor`] of a request into its extensions, and, where a token or a session's cookie comes with it,
/// the [`Principal`](super::Principal) and the [`Caller`]. A token goes before a cookie.
///
/// Whoever brings neither goes on as nobody: the handlers refuse them where somebody is needed. Refused here are
/// a token that isn't valid and, below `/api/`, such a session (401), a change that another site may have caused
/// (403), and, while there is no user, everything but health, the API's description and setting up (401).
pub(super) async fn authenticate(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    let visitor = Visitor::of(&request, access.policy());
    let secure = visitor.secure;
    match admit(&access, request, visitor).await {
        Ok(Admitted { request, stale }) => {
            let response = next.run(request).await;
            if stale && !response.headers().contains_key(SET_COOKIE) {
                return (ended(secure), response).into_response();
            }
            response
        }
        Err(Refused { problem, stale }) if stale => (ended(secure), problem).into_response(),
        Err(refused) => refused.problem.into_response(),
    }
}

struct Admitted {
    request: Request,
    /// Whether the browser is to forget its cookie.
    stale: bool,
}

struct Refused {
    problem: Problem,
    stale: bool,
}

impl<E: Into<Problem>> From<E> for Refused {
    fn from(problem: E) -> Self {
        Self {
            problem: problem.into(),
            stale: false,
        }
    }
}

async fn admit(
    access: &Access,
    mut request: Request,
    visitor: Visitor,
) -> Result<Admitted, Refused> {
    let path = request.uri().path();
    let open = is_open(request.method(), path);
    let before_setup = BEFORE_SETUP.contains(&path) || path.starts_with(ASSETS);
    let below_api = path.starts_with("/api/");
    let changes = !csrf::is_safe(request.method());
    let mut stale = false;

    if !before_setup && !access.is_configured().await? {
        return Err(setup_required().into());
    }
    let token = request.headers().contains_key(AUTHORIZATION) && !open;
    if changes && !token {
        csrf::check_site(request.headers(), &visitor, access.policy())?;
    }
    let caller = if open {
        None
    } else if token {
        Some(bearer(access, request.headers(), &visitor).await?)
    } else if let Some(cookie) = cookie(request.headers()) {
        let caller = access.session(&cookie, &visitor).await?;
        stale = caller.is_none();
        if stale && below_api {
            let problem = Problem::unauthorized();
            return Err(Refused { problem, stale });
        }
        caller
    } else {
        None
    };
    if let Some(caller) = caller {
        if let Means::Session { csrf, .. } = &caller.means
            && changes
        {
            request = csrf::check_token(request, csrf).await?;
        }
        let extensions = request.extensions_mut();
        extensions.insert(caller.principal.clone());
        extensions.insert(caller);
    }
    request.extensions_mut().insert(visitor);
    Ok(Admitted { request, stale })
}

fn is_open(method: &Method, path: &str) -> bool {
    if path.starts_with(ASSETS) {
        return true;
    }
    OPEN.iter().any(|(open, at)| {
        // Asking for the head of an answer is asking for it.
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        *at == path && open.as_ref().is_none_or(|open| open == asked)
    })
}

async fn bearer(
    access: &Access,
    headers: &HeaderMap,
    visitor: &Visitor,
) -> Result<Caller, Refused> {
    let said = headers.get(AUTHORIZATION);
    let token = said
        .and_then(|said| said.to_str().ok())
        .and_then(|said| said.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let caller: Result<Option<Caller>, AccessError> = match token {
        Some(token) => access.bearer(token, visitor).await,
        None => Ok(None),
    };
    Ok(caller?.ok_or_else(Problem::unauthorized)?)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers)
        .get(SESSION_COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

/// Tells the browser to forget its session.
fn ended(secure: bool) -> CookieJar {
    CookieJar::new().add(session_cookie(None, secure))
}

fn setup_required() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "access.setup-required",
        "This server has no user yet.",
    )
    .remedy(
        "Make the first administrator with `POST /api/v1/setup` and the code that the server printed on its \
         terminal.",
    )
}
