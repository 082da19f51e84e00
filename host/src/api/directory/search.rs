//! `/directory/groups` and `/directory/users`: finding them by name, in one connector or in all.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
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
use super::{connectors, key_of, nothing, page_of, page_request};
use crate::database::millis;
use crate::directory::{ConnectorKey, Entry, Kind, Match, Search};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(groups))
        .routes(routes!(users))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Wanted {
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
}

/// A group that was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundGroup {
    /// Whose it is.
    connector: Uuid,
    /// Identifier at the source.
    id: String,
    /// Name.
    name: String,
    /// How many direct members it has.
    members: u64,
}

/// A user who was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundUser {
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
}

/// Find groups by name.
///
/// In the order of their names.
#[utoipa::path(
    get, path = "/directory/groups", tag = "directory",
    params(Wanted, Paging),
    responses((status = 200, description = "Groups", body = Page<FoundGroup>)),
    security(("token" = ["viewer"]))
)]
async fn groups(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<FoundGroup>>, Problem> {
    find(&plane, Kind::Groups, wanted, &paging, |connector, entry| {
        FoundGroup {
            connector,
            id: entry.id,
            name: entry.name,
            members: entry.links,
        }
    })
    .await
}

/// Find users by name.
///
/// In the order of their names.
#[utoipa::path(
    get, path = "/directory/users", tag = "directory",
    params(Wanted, Paging),
    responses((status = 200, description = "Users", body = Page<FoundUser>)),
    security(("token" = ["viewer"]))
)]
async fn users(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<FoundUser>>, Problem> {
    find(&plane, Kind::Users, wanted, &paging, |connector, entry| {
        FoundUser {
            connector,
            id: entry.id,
            name: entry.name,
            groups: entry.links,
            hidden: entry.hidden,
        }
    })
    .await
}

async fn find<T>(
    plane: &Plane,
    what: Kind,
    wanted: Wanted,
    paging: &Paging,
    found: impl Fn(Uuid, Entry) -> T,
) -> Result<Json<Page<T>>, Problem> {
    let page = page_request(paging)?;
    let names: HashMap<ConnectorKey, Uuid> = connectors(plane).await?;
    let among = match wanted.connector {
        Some(connector) => match key_of(plane, connector).await? {
            Some(key) => vec![key],
            None => return Ok(Json(nothing())),
        },
        None => names.keys().copied().collect(),
    };
    if among.is_empty() {
        return Ok(Json(nothing()));
    }
    let query = Search {
        text: wanted.text,
        how: wanted.how,
        changed_since: wanted.changed_since.map(millis),
        hidden: wanted.hidden,
    };
    let page = plane.directory.search(&among, what, &query, &page).await?;
    let page = page_of(page, |entry| {
        let connector = names.get(&entry.connector).copied().unwrap_or_default();
        Ok(found(connector, entry))
    })?;
    Ok(Json(page))
}
