//! Who joined and left which groups.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Path, Query, Viewer};
use super::super::page::{Page, Paging};
use super::super::problem::Problem;
use super::{When, key_of, nothing, page_of, page_request};
use crate::database::millis;
use crate::directory::{ChangeFilter, MemberKind, Named, RunKey, Turn};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only those that this run made.
    run: Option<Uuid>,
    /// Only of the group of this identifier.
    group: Option<String>,
    /// Only of the member of this identifier.
    member: Option<String>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only those who joined, or only those who left.
    #[param(inline)]
    what: Option<Turn>,
    /// Only those with this in the name of the group or the member, without regard to case and accents.
    text: Option<String>,
}

/// Somebody joined or left a group.
#[derive(Debug, Serialize, ToSchema)]
struct MembershipChange {
    /// Which of the two.
    what: Turn,
    /// The group; its name is empty where it is forgotten.
    group: Named,
    /// The member; its name is empty where it is forgotten.
    member: Named,
    /// What the member is.
    kind: MemberKind,
    /// When.
    when: When,
}

/// List who joined and left groups, newest first.
#[utoipa::path(
    get, path = "/connectors/{connector}/changes", tag = "directory",
    params(("connector" = Uuid, Path, description = "The connector"), Wanted, Paging),
    responses((status = 200, description = "Changes", body = Page<MembershipChange>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MembershipChange>>, Problem> {
    let page = page_request(&paging)?;
    let Some(key) = key_of(&plane, connector).await? else {
        return Ok(Json(nothing()));
    };
    let run = match wanted.run {
        Some(run) => match plane.work.run(run).await?.directory_run {
            Some(run) => Some(RunKey(run)),
            // It never came to read anything.
            None => return Ok(Json(nothing())),
        },
        None => None,
    };
    let filter = ChangeFilter {
        run,
        group: wanted.group,
        member: wanted.member,
        since: wanted.since.map(millis),
        what: wanted.what,
        text: wanted.text,
    };
    let page = plane
        .directory
        .membership_changes(key, &filter, &page)
        .await?;
    let page = page_of(page, |change| {
        Ok(MembershipChange {
            what: change.what,
            group: change.group,
            member: change.member,
            kind: change.kind,
            when: When::of(change.when)?,
        })
    })?;
    Ok(Json(page))
}
