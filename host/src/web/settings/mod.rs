//! Settings: how the server is and is configured, who may use it, and what was done.

mod audit;
mod configuration;
mod deed;
mod overview;
mod tokens;
mod users;

use axum::Router;

use crate::api::Plane;

pub(super) use tokens::Revocable;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .merge(overview::routes())
        .merge(configuration::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
}
