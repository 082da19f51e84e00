//! The REST API: thin handlers over the modules that do the work.
//!
//! Every handler names the role that it needs twice: in its signature, which enforces it ([`extract`]), and in
//! its documentation, from which the OpenAPI document is made. A test compares the two for every route.

#![allow(
    unused_qualifications,
    reason = "the macro that documents handlers writes them"
)]

pub mod extract;
pub mod page;
pub mod problem;
pub mod revision;

mod audit;
mod connector_types;
mod connectors;
mod data_models;
pub(crate) mod directory;
mod events;
mod group_links;
pub(crate) mod known;
mod oidc;
mod openapi;
pub(crate) mod plugins;
mod profiles;
mod refusal;
pub(crate) mod runs;
mod schedules;
mod server;
mod session;
mod setup;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;
pub(crate) mod transform_maps;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::control_plane::ControlPlane;

pub(crate) use openapi::SESSION_COOKIE;
pub use openapi::document;
pub(crate) use session::session_cookie;

/// What handlers work on.
pub type Plane = Arc<ControlPlane>;

/// Every resource, below `/api/v1`.
fn resources() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .merge(audit::routes())
        .merge(directory::routes())
        .merge(events::routes())
        .merge(oidc::routes())
        .merge(session::routes())
        .merge(setup::routes())
        .merge(tokens::routes())
        .merge(users::routes())
        .merge(plugins::routes())
        .merge(connector_types::routes())
        .merge(connectors::routes())
        .merge(data_models::routes())
        .merge(group_links::routes())
        .merge(profiles::routes())
        .merge(schedules::routes())
        .merge(server::routes())
        .merge(transform_maps::routes())
        .merge(runs::routes())
}

/// The API without authentication: whoever calls it has put the principal into the request.
pub fn router(plane: Plane) -> Router {
    let (resources, document) = openapi::build(resources());
    let text = Bytes::from(document);
    resources
        .route(
            "/api/v1/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], text.clone())),
        )
        .with_state(plane)
}
