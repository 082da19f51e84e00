//! What happens to every request and every answer.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument;
use uuid::Uuid;

use crate::api::problem::Problem;
use crate::control_plane::ControlPlane;
use crate::web;

/// Most bytes of a body, where a route doesn't say otherwise.
pub(super) const MOST_BODY: usize = 1 << 20;
/// Names a request in logs, traces and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What the layers need to know.
struct Around {
    plane: Arc<ControlPlane>,
    /// Whether browsers reach the server by https only.
    secure: bool,
    /// Whether the connection itself is protected.
    tls: bool,
}

/// Lays everything around a router, from the inside out.
pub(super) fn around(router: Router, plane: &Arc<ControlPlane>, tls: bool) -> Router {
    let public = plane.config.server.public_url.as_ref();
    let around = Arc::new(Around {
        plane: Arc::clone(plane),
        secure: tls || public.is_some_and(|url| url.scheme() == "https"),
        tls,
    });
    let timeout = plane.config.server.request_timeout;
    router
        // A route raises it by a limit of its own.
        .layer(DefaultBodyLimit::max(MOST_BODY))
        // Until the answer begins: a stream goes on for as long as it likes.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            timeout,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&around), explain))
        .layer(from_fn(web::outermost))
        // Streams of events are not compressed: they would be held up.
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&around), protect))
        .layer(from_fn_with_state(around, observe))
}

/// Names the request, finds out who asks, and writes down how it ended. Neither queries nor headers are written
/// down: they may hold secrets.
async fn observe(State(around): State<Arc<Around>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = name(&mut request);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let shown = route.as_deref().unwrap_or("unmatched");
    let span = tracing::info_span!(
        target: crate::telemetry::TARGET,
        "request",
        otel.name = %format_args!("{method} {shown}"),
        otel.kind = "server",
        http.request.method = %method,
        http.route = shown,
        http.response.status_code = tracing::field::Empty,
        id = id.to_str().unwrap_or_default(),
    );
    let policy = &around.plane.config.server;
    let mut response = match client(&request, &policy.trusted_proxies, around.tls) {
        Ok(client) => {
            if let Some(client) = client {
                request.extensions_mut().insert(ConnectInfo(client));
            }
            next.run(request).instrument(span.clone()).await
        }
        Err(problem) => problem.into_response(),
    };
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    span.record("http.response.status_code", status);
    span.in_scope(|| {
        let milliseconds = took.as_millis();
        if response.status().is_server_error() {
            tracing::warn!("{method} {shown} {status} in {milliseconds} ms");
        } else {
            tracing::debug!("{method} {shown} {status} in {milliseconds} ms");
        }
    });
    let metrics = &around.plane.metrics;
    metrics.request_ended(&method, route.as_deref(), status, took);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The request's name: the one that it brought, if it is one, else a new one.
fn name(request: &mut Request) -> HeaderValue {
    let well_formed = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=128).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if let Some(id) = request.headers().get(&REQUEST_ID).filter(well_formed) {
        return id.clone();
    }
    let id = Uuid::now_v7().to_string();
    // Letters and dashes are always a header value.
    let id = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unnamed"));
    request.headers_mut().insert(REQUEST_ID, id.clone());
    id
}

/// Who asks, as far as it isn't whoever opened the connection: behind a trusted proxy the last address that the
/// proxies did not write themselves.
fn client(request: &Request, trusted: &[IpAddr], tls: bool) -> Result<Option<SocketAddr>, Problem> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(peer)) = peer else {
        return Ok(None);
    };
    let canonical = peer.ip().to_canonical();
    if trusted.is_empty() {
        return Ok(None);
    }
    if !trusted.contains(&canonical) {
        if tls || canonical.is_loopback() {
            return Ok(None);
        }
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "request.not-through-proxy",
            "This server is reached through its proxy only.",
        )
        .remedy("Use the server's public address."));
    }
    let chain = request.headers().get_all(FORWARDED_FOR).iter();
    let mut chain: Vec<&str> = chain
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    chain.reverse();
    let addresses = chain.into_iter().map_while(|text| text.parse().ok());
    let client = addresses
        .map(|address: IpAddr| address.to_canonical())
        .find(|address| !trusted.contains(address));
    Ok(client.map(|address| SocketAddr::new(address, 0)))
}

/// Keeps browsers from doing more with an answer than showing it.
async fn protect(State(around): State<Arc<Around>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        // Pages have their own.
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CACHE_CONTROL, "no-store");
    set(header::REFERRER_POLICY, "no-referrer");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if around.secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// Turns an error without words into a problem.
async fn explain(State(around): State<Arc<Around>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_words(&response) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let problem = match status {
        StatusCode::NOT_FOUND => Problem::new(
            status,
            "request.not-found",
            "There is nothing at this address.",
        )
        .remedy(if path.starts_with("/api/") {
            "See /api/v1/openapi.json for what there is."
        } else {
            "Look at the address again."
        }),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            status,
            "request.method",
            "This address doesn't take this method.",
        )
        .remedy("Use one of those in the header `Allow`."),
        StatusCode::SERVICE_UNAVAILABLE => {
            let timeout = around.plane.config.server.request_timeout;
            Problem::new(
                status,
                "request.timeout",
                format!("The answer was not ready within {timeout:?}."),
            )
            .remedy("Try again; if that doesn't help, raise `server.requestTimeout`.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            status,
            "request.too-large",
            "The body is larger than this address takes.",
        )
        .remedy("Send less at a time."),
        _ => Problem::new(
            status,
            "request.refused",
            "The request can't be carried out as it was sent.",
        )
        .remedy("See /api/v1/openapi.json for what is possible."),
    };
    let mut response = problem.into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

/// Whether an answer says more than its status: a problem, a page.
fn has_words(response: &Response<Body>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"))
}

#[expect(clippy::needless_pass_by_value, reason = "the layer wants it")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    Problem::internal(&std::io::Error::other(format!(
        "a handler panicked: {text}"
    )))
    .into_response()
}
