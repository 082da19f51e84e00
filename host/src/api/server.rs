//! `/server`: how this server is, and how it is configured.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::Viewer;
use super::page::Page;
use super::problem::Problem;
use crate::config;
use crate::server::about::About;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(about))
        .routes(routes!(configuration))
}

/// Tell how this server is reached, where its things are, and whether it can work.
#[utoipa::path(
    get, path = "/server", tag = "server",
    responses((status = 200, description = "The server", body = About)),
    security(("token" = ["viewer"]))
)]
async fn about(_: Viewer, State(plane): State<Plane>) -> Result<Json<About>, Problem> {
    Ok(Json(About::of(&plane).await?))
}

/// List the configuration in force: every field with its value and where it was given. Passwords are left out.
#[utoipa::path(
    get, path = "/server/configuration", tag = "server",
    responses((status = 200, description = "Every field, all on one page", body = Page<config::Value>)),
    security(("token" = ["viewer"]))
)]
async fn configuration(_: Viewer, State(plane): State<Plane>) -> Json<Page<config::Value>> {
    let items = plane.configured.clone();
    let total = Some(items.len() as u64);
    Json(Page {
        items,
        next: None,
        total,
    })
}
