//! `/audit`: who did what.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::audit::{self, Filter, Line};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only what was done to the resource of this identifier or, at the time, this name.
    target: Option<String>,
    /// Only actions that begin with this, such as `connector.`.
    action: Option<String>,
    /// Only what an actor of this name or identifier did.
    actor: Option<String>,
    /// Only what was done then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only what was done before then.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// List the audit log, newest first.
#[utoipa::path(
    get, path = "/audit", tag = "audit",
    params(Wanted, Paging),
    responses((status = 200, description = "Lines of the log", body = Page<Line>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Line>>, Problem> {
    let limit = paging.limit()?;
    let filter = Filter {
        target: wanted.target,
        action: wanted.action,
        actor: wanted.actor,
        from: wanted.from,
        to: wanted.to,
        before: paging.position()?,
    };
    let lines = audit::read(&plane.database, &filter, limit + 1).await?;
    Ok(Json(Page::of(lines, limit, |line| line.position)))
}
