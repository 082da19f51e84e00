//! `/connectors/{connector}/profiles`: when a connector runs, with which map, and what its guard lets through.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Admin, Json, Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::Problem;
use super::revision::{Created, IfMatch, Tagged};
use crate::access::Principal;
use crate::catalog::{ListedProfile, NewProfile, Profile, ProfileChange, ProfileFilter};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list_all))
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(activate))
        .routes(routes!(deactivate))
}

/// Which profiles.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// This is somewhere in the name of the profile or of its connector, without regard to case.
    text: Option<String>,
    /// Only active ones, or only others.
    active: Option<bool>,
}

/// List the profiles of all connectors, by name of the connector, then of the profile.
#[utoipa::path(
    get, path = "/profiles", tag = "profiles",
    params(Wanted, Paging),
    responses((status = 200, description = "Profiles", body = Page<ListedProfile>)),
    security(("token" = ["viewer"]))
)]
async fn list_all(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<ListedProfile>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position()?);
    let filter = ProfileFilter {
        text: wanted.text,
        active: wanted.active,
    };
    let (profiles, total) = plane
        .catalog
        .all_profiles(&filter, after.as_ref(), limit + 1)
        .await?;
    let page = Page::of(profiles, limit, ListedProfile::position);
    Ok(axum::Json(page.total(total)))
}

/// List a connector's profiles, by name.
#[utoipa::path(
    get, path = "/connectors/{connector}/profiles", tag = "profiles",
    params(("connector" = Uuid, Path, description = "Identifier of the connector"), Paging),
    responses((status = 200, description = "Profiles", body = Page<Profile>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Profile>>, Problem> {
    let (limit, after) = (paging.limit()?, paging.position::<String>()?);
    let (profiles, total) = plane
        .catalog
        .profiles(connector, after.as_deref(), limit + 1)
        .await?;
    let page = Page::of(profiles, limit, Profile::position);
    Ok(axum::Json(page.total(total)))
}

/// Create a profile.
#[utoipa::path(
    post, path = "/connectors/{connector}/profiles", tag = "profiles",
    params(("connector" = Uuid, Path, description = "Identifier of the connector")),
    request_body = NewProfile,
    responses((status = 201, description = "The new profile", body = Profile)),
    security(("token" = ["admin"]))
)]
async fn create(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Json(new): Json<NewProfile>,
) -> Result<Created<Profile>, Problem> {
    let profile = plane.catalog.create_profile(&by, connector, new).await?;
    let location = format!("/api/v1/connectors/{connector}/profiles/{}", profile.id);
    Ok(Created(location, profile.revision, profile))
}

/// Read a profile.
#[utoipa::path(
    get, path = "/connectors/{connector}/profiles/{profile}", tag = "profiles",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("profile" = Uuid, Path, description = "Identifier of the profile"),
    ),
    responses((status = 200, description = "The profile; its revision is the ETag", body = Profile)),
    security(("token" = ["viewer"]))
)]
async fn read(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Result<Tagged<Profile>, Problem> {
    Ok(tagged(plane.catalog.profile(connector, id).await?))
}

fn tagged(profile: Profile) -> Tagged<Profile> {
    Tagged(profile.revision, profile)
}

/// Change a profile.
///
/// Members that are left out stay as they are; those that are given, such as `schedule`, are taken whole.
#[utoipa::path(
    patch, path = "/connectors/{connector}/profiles/{profile}", tag = "profiles",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("profile" = Uuid, Path, description = "Identifier of the profile"),
        ("If-Match" = String, Header, description = "ETag of the profile, or `*`"),
    ),
    request_body = ProfileChange,
    responses((status = 200, description = "The changed profile", body = Profile)),
    security(("token" = ["admin"]))
)]
async fn change(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, Uuid)>,
    revision: IfMatch,
    Json(change): Json<ProfileChange>,
) -> Result<Tagged<Profile>, Problem> {
    let changed = plane
        .catalog
        .change_profile(&by, connector, id, revision.named(), change);
    Ok(tagged(changed.await?))
}

/// Delete a profile. A run of it that goes on is not stopped.
#[utoipa::path(
    delete, path = "/connectors/{connector}/profiles/{profile}", tag = "profiles",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("profile" = Uuid, Path, description = "Identifier of the profile"),
        ("If-Match" = String, Header, description = "ETag of the profile, or `*`"),
    ),
    responses((status = 204, description = "It is deleted")),
    security(("token" = ["admin"]))
)]
async fn delete(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, Uuid)>,
    revision: IfMatch,
) -> Result<StatusCode, Problem> {
    plane
        .catalog
        .delete_profile(&by, connector, id, revision.named())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a profile's schedule count.
#[utoipa::path(
    post, path = "/connectors/{connector}/profiles/{profile}/activate", tag = "profiles",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("profile" = Uuid, Path, description = "Identifier of the profile"),
    ),
    responses((status = 200, description = "The profile", body = Profile)),
    security(("token" = ["admin"]))
)]
async fn activate(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Result<Tagged<Profile>, Problem> {
    set_active(&plane, &by, (connector, id), true).await
}

/// Let a profile's schedule count no more.
#[utoipa::path(
    post, path = "/connectors/{connector}/profiles/{profile}/deactivate", tag = "profiles",
    params(
        ("connector" = Uuid, Path, description = "Identifier of the connector"),
        ("profile" = Uuid, Path, description = "Identifier of the profile"),
    ),
    responses((status = 200, description = "The profile", body = Profile)),
    security(("token" = ["admin"]))
)]
async fn deactivate(
    Admin(by): Admin,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Result<Tagged<Profile>, Problem> {
    set_active(&plane, &by, (connector, id), false).await
}

async fn set_active(
    plane: &Plane,
    by: &Principal,
    (connector, id): (Uuid, Uuid),
    active: bool,
) -> Result<Tagged<Profile>, Problem> {
    let change = ProfileChange {
        active: Some(active),
        ..ProfileChange::default()
    };
    let changed = plane
        .catalog
        .change_profile(by, connector, id, None, change);
    Ok(tagged(changed.await?))
}
