//! `/directory/groups` and `/directory/users`: finding them by name, in one connector or in all.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Query, Viewer};
use super::super::page::{Page, Paging};
use super::super::problem::Problem;
use super::{Found, Link, Wanted, When, find, page_of, page_request};
use crate::database::millis;
use crate::directory::{Kind, Match, Sort};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(groups))
        .routes(routes!(users))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this connector.
    connector: Option<Uuid>,
    /// Only those in whose names this is, without regard to case, accents and repeated white space.
    text: Option<String>,
    /// Where in the name; at its beginning where absent.
    #[serde(default, rename = "match")]
    #[param(inline)]
    how: Match,
    /// Only those that came, changed or were hidden at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    changed_since: Option<Timestamp>,
    /// Whether hidden users are found too; they aren't where absent.
    #[serde(default)]
    hidden: bool,
    /// Which way round; ascending where absent.
    #[serde(default)]
    #[param(inline)]
    order: Order,
}

/// Which way round a list is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    /// From the least to the greatest, from the oldest to the newest.
    #[default]
    Asc,
    /// The other way round.
    Desc,
}

/// How groups are sorted, and which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct OfGroups {
    /// By what; by name where absent.
    #[serde(default)]
    #[param(inline)]
    sort: GroupSort,
    /// Only those that feed `any` group of the platform, `none`, or the one of this UUID.
    link: Option<String>,
    /// Only those of these kinds, separated by commas: values of `groupKinds` in what the connector's type declares.
    group_kind: Option<String>,
}

/// By what groups are sorted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum GroupSort {
    /// By name.
    #[default]
    Name,
    /// By the number of direct members.
    Members,
    /// By kind.
    Kind,
    /// By the run that changed them last.
    Changed,
    /// By the run that brought them.
    Since,
}

/// How users are sorted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfUsers {
    /// By what; by name where absent.
    #[serde(default)]
    #[param(inline)]
    sort: UserSort,
}

/// By what users are sorted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum UserSort {
    /// By name.
    #[default]
    Name,
    /// By the number of groups that they are directly in.
    Groups,
    /// By the run that changed them last.
    Changed,
    /// By the run that brought them.
    Since,
}

impl OfGroups {
    /// What is looked for, all in all.
    pub(super) fn of(self, asked: Asked) -> Result<Wanted, Problem> {
        let link = self.link.as_deref().map(|text| {
            Link::read(text).ok_or_else(|| {
                let detail = "`link` is none of `any`, `none` and a UUID.";
                Problem::new(StatusCode::BAD_REQUEST, "request.link", detail)
            })
        });
        let sort = match self.sort {
            GroupSort::Name => Sort::Name,
            GroupSort::Members => Sort::Members,
            GroupSort::Kind => Sort::GroupKind,
            GroupSort::Changed => Sort::Changed,
            GroupSort::Since => Sort::Since,
        };
        let kinds = self.group_kind.unwrap_or_default();
        let kinds = kinds.split(',').map(str::trim);
        Ok(Wanted {
            group_kinds: kinds
                .filter(|kind| !kind.is_empty())
                .map(str::to_owned)
                .collect(),
            ..wanted(asked, link.transpose()?, sort)
        })
    }
}

impl OfUsers {
    /// What is looked for, all in all.
    pub(super) fn of(self, asked: Asked) -> Wanted {
        let sort = match self.sort {
            UserSort::Name => Sort::Name,
            UserSort::Groups => Sort::Members,
            UserSort::Changed => Sort::Changed,
            UserSort::Since => Sort::Since,
        };
        wanted(asked, None, sort)
    }
}

fn wanted(asked: Asked, link: Option<Link>, sort: Sort) -> Wanted {
    Wanted {
        connector: asked.connector,
        text: asked.text,
        how: asked.how,
        changed_since: asked.changed_since.map(millis),
        hidden: asked.hidden,
        group_kinds: Vec::new(),
        link,
        sort,
        descending: asked.order == Order::Desc,
    }
}

/// A group that was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundGroup {
    /// Whose it is.
    connector: Uuid,
    /// Identifier at the source.
    id: String,
    /// Name.
    name: String,
    /// Its kind, as the connector's type declares it; absent where it isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_kind: Option<String>,
    /// How many direct members it has.
    members: u64,
    /// UUIDs of the platform's groups that it feeds.
    platform_groups: Vec<String>,
    /// When it came; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<When>,
    /// When it changed last; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<When>,
}

impl FoundGroup {
    pub(super) fn of(found: Found) -> Result<Self, Problem> {
        Ok(Self {
            connector: found.connector,
            id: found.entry.id,
            name: found.entry.name,
            group_kind: found.entry.group_kind,
            members: found.entry.links,
            platform_groups: found.platform_groups,
            since: found.entry.since.map(When::of).transpose()?,
            changed: found.entry.changed.map(When::of).transpose()?,
        })
    }
}

/// A user who was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundUser {
    /// Whose it is.
    connector: Uuid,
    /// Identifier at the source.
    id: String,
    /// Name.
    name: String,
    /// How many groups the user is directly in. While a run goes on, it may lag behind.
    groups: u64,
    /// Whether the user is deleted at the source, but can be restored.
    hidden: bool,
    /// When the user came; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<When>,
    /// When the user changed last; absent where that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<When>,
}

impl FoundUser {
    pub(super) fn of(found: Found) -> Result<Self, Problem> {
        Ok(Self {
            connector: found.connector,
            id: found.entry.id,
            name: found.entry.name,
            groups: found.entry.links,
            hidden: found.entry.hidden,
            since: found.entry.since.map(When::of).transpose()?,
            changed: found.entry.changed.map(When::of).transpose()?,
        })
    }
}

/// Find groups by name.
///
/// In the order of their names, or as `sort` says.
#[utoipa::path(
    get, path = "/directory/groups", tag = "directory",
    params(Asked, OfGroups, Paging),
    responses((status = 200, description = "Groups", body = Page<FoundGroup>)),
    security(("token" = ["viewer"]))
)]
async fn groups(
    _: Viewer,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
    Query(sorted): Query<OfGroups>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<FoundGroup>>, Problem> {
    let (wanted, page) = (sorted.of(asked)?, page_request(&paging)?);
    let found = find(&plane, Kind::Groups, &wanted, &page).await?;
    Ok(Json(page_of(found, FoundGroup::of)?))
}

/// Find users by name.
///
/// In the order of their names, or as `sort` says.
#[utoipa::path(
    get, path = "/directory/users", tag = "directory",
    params(Asked, OfUsers, Paging),
    responses((status = 200, description = "Users", body = Page<FoundUser>)),
    security(("token" = ["viewer"]))
)]
async fn users(
    _: Viewer,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
    Query(sorted): Query<OfUsers>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<FoundUser>>, Problem> {
    let (wanted, page) = (sorted.of(asked), page_request(&paging)?);
    let found = find(&plane, Kind::Users, &wanted, &page).await?;
    Ok(Json(page_of(found, FoundUser::of)?))
}
