//! Which address leads where.

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};

use super::{health, layers};
use crate::access::{OverTls, authenticated};
use crate::api;
use crate::control_plane::ControlPlane;
use crate::web;

/// Everything that is served at the main address.
pub(super) fn app(plane: &Arc<ControlPlane>, tls: bool) -> Router {
    let router = api::router(Arc::clone(plane))
        .merge(Router::new().route(
            "/metrics",
            get(health::metrics_for_viewers).with_state(Arc::clone(plane)),
        ))
        .merge(web::router(plane));
    let mut router = authenticated(router, Arc::clone(&plane.access)).merge(health::routes(plane));
    if tls {
        router = router.layer(Extension(OverTls));
    }
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
