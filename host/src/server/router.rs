//! Which address leads where.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use secrecy::SecretString;

use super::{health, layers};
use crate::api;
use crate::control_plane::ControlPlane;

/// Everything that is served at the main address.
pub(super) fn app(plane: &Arc<ControlPlane>, tls: bool) -> Router {
    let router = api::router(Arc::clone(plane))
        .merge(Router::new().route(
            "/metrics",
            get(health::metrics_for_viewers).with_state(Arc::clone(plane)),
        ))
        .merge(pages(plane));
    let router = authenticated(router, plane).merge(health::routes(plane));
    layers::around(router, plane, tls)
}

/// What is served at the address for metrics, to whoever asks.
pub(super) fn metrics_app(plane: &Arc<ControlPlane>) -> Router {
    let router = Router::new()
        .route(
            "/metrics",
            get(health::metrics).with_state(Arc::clone(plane)),
        )
        .merge(health::routes(plane));
    layers::around(router, plane, false)
}

/// The web pages.
// To be wired: merge the router of the pages.
fn pages(_plane: &Arc<ControlPlane>) -> Router {
    Router::new()
}

/// Puts a `Principal` into each request whose session or token is recognised; handlers demand one by their
/// extractors.
// To be wired: lay the authentication of `access` around the router.
fn authenticated(router: Router, _plane: &Arc<ControlPlane>) -> Router {
    router
}

/// The one-time code with which the first administrator is set up; nothing where there is one.
// To be wired: ask `access`.
pub(super) async fn setup_code(_plane: &ControlPlane) -> Option<SecretString> {
    None
}
