//! Integration: the connectors, the types that they may be of, and what is done with one.

mod act;
mod catalogue;
mod clone;
mod concern;
mod course;
mod delete;
mod list;
mod one;
mod setting;

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use crate::api::Plane;
use crate::catalog::Connector;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/connectors", get(list::list))
        .route("/connectors/catalogue", get(catalogue::catalogue))
        .route("/connectors/{id}", get(one::one))
        .route("/connectors/{id}/run", get(act::choose).post(act::run))
        .route("/connectors/{id}/pause", post(act::pause))
        .route("/connectors/{id}/resume", post(act::resume))
        .route("/connectors/{id}/enable", post(act::enable))
        .route("/connectors/{id}/disable", post(act::disable))
        .route(
            "/connectors/{id}/clone",
            get(clone::form).post(clone::clone),
        )
        .route(
            "/connectors/{id}/delete",
            get(delete::form).post(delete::delete),
        )
}

/// The page of a connector.
fn page_of(id: Uuid) -> String {
    format!("/connectors/{id}")
}

/// The tenant that a connector reads, where its settings name one.
fn tenant(connector: &Connector) -> Option<&str> {
    ["tenantId", "tenant"]
        .iter()
        .find_map(|key| connector.settings.get(*key)?.as_str())
}
