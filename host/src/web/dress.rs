//! Makes pages of what went wrong, and protects all pages.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::notice::Notice;
use super::shell::Shell;
use super::{assets, sign_in};
use crate::api::Plane;
use crate::api::problem::Problem;

/// What pages may load and do: nothing that isn't this server's own, no script or style in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "error.html")]
struct Failed<'a> {
    shell: Shell,
    problem: &'a Problem,
}

#[derive(Template)]
#[template(path = "error-plain.html")]
struct FailedPlainly<'a> {
    assets: String,
    problem: &'a Problem,
}

#[derive(Template)]
#[template(path = "onward.html")]
struct Onward<'a> {
    to: &'a str,
}

/// What of a request decides how its failure is shown.
struct Asked {
    /// Path and query, where a browser can be led back to them.
    again: Option<String>,
    reads_html: bool,
    /// Whether a link of another site led here: then the session's cookie wasn't sent along.
    from_elsewhere: bool,
    notice: bool,
}

impl Asked {
    fn of(parts: &Parts) -> Self {
        let text = |name: HeaderName| {
            let value = parts.headers.get(name);
            value.and_then(|value| value.to_str().ok()).unwrap_or("")
        };
        let target = parts.uri.path_and_query();
        Self {
            again: target
                .filter(|_| parts.method == Method::GET)
                .map(|target| target.as_str().to_owned()),
            reads_html: text(ACCEPT).contains("text/html"),
            from_elsewhere: text(HeaderName::from_static("sec-fetch-site")) == "cross-site",
            notice: Notice::of(&CookieJar::from_headers(&parts.headers)).is_some(),
        }
    }
}

/// Inside authentication: the page of a failure keeps the navigation.
pub(super) async fn inner(State(plane): State<Plane>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (asked, shell) = (Asked::of(&parts), Shell::of(&parts, &plane).ok());
    let response = next.run(Request::from_parts(parts, body)).await;
    let response = explained(response, &asked, shell);
    protected(response, &asked)
}

/// Around everything: what was refused before a page was reached, and what is nowhere.
pub(crate) async fn outermost(request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let asked = Asked::of(&parts);
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.extensions().get::<Problem>().is_none() {
        return response;
    }
    let response = explained(response, &asked, None);
    protected(response, &asked)
}

/// The page of a failure, where the answer is one and somebody reads it.
fn explained(mut response: Response, asked: &Asked, shell: Option<Shell>) -> Response {
    if !asked.reads_html {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut shown = match problem.code.as_str() {
        "access.setup-required" => Redirect::to("/setup").into_response(),
        "access.sign-in" => match &asked.again {
            // Once more from a page of this server, and the cookie comes along.
            Some(again) if asked.from_elsewhere => plain(&Onward { to: again }),
            Some(again) => Redirect::to(&sign_in::address(again)).into_response(),
            None => Redirect::to(&sign_in::address("/")).into_response(),
        },
        _ => {
            let text = match shell {
                Some(shell) => Failed {
                    shell,
                    problem: &problem,
                }
                .render(),
                None => FailedPlainly {
                    assets: assets::root(),
                    problem: &problem,
                }
                .render(),
            };
            match text {
                Ok(text) => (response.status(), Html(text)).into_response(),
                Err(_) => return response,
            }
        }
    };
    for (name, value) in response.headers() {
        if *name != CONTENT_LENGTH && *name != CONTENT_TYPE {
            shown.headers_mut().append(name, value.clone());
        }
    }
    shown
}

fn plain(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Tells the browser what the page may do, and to forget a notice that it has shown.
fn protected(mut response: Response, asked: &Asked) -> Response {
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| !kind.as_bytes().starts_with(b"text/html")) {
        return response;
    }
    let shown = asked.notice && response.status().is_success();
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    // Pages tell each other where one came from, no other site does.
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    if shown && !headers.contains_key(SET_COOKIE) {
        return (Notice::forgotten(), response).into_response();
    }
    response
}
