//! Where one comes in.

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::api::Plane;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/", get(async || Redirect::to("/connectors")))
}
