//! What connectors brought: users, groups, who is in which and why, who joined and left.

mod changes;
mod export;
mod find;
mod listing;
mod objects;
mod relations;
mod removals;
mod search;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

pub(crate) use self::find::{Found, Link, Wanted, find};
use super::Plane;
use super::page::{Page, Paging};
use super::problem::Problem;
use crate::database::instant;
use crate::directory::{self, ConnectorKey, DirectoryError, Moment, PageRequest, Position};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .merge(search::routes())
        .merge(listing::routes())
        .merge(objects::routes())
        .merge(relations::routes())
        .merge(changes::routes())
        .merge(removals::routes())
        .merge(export::routes())
}

/// When something of the directory happened.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct When {
    /// End of the run that did it, or its beginning while it goes on.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// That run: `directoryRun` of one in the list of runs.
    directory_run: i64,
}

impl When {
    fn of(moment: Moment) -> Result<Self, Problem> {
        Ok(Self {
            at: instant(moment.at)?,
            directory_run: moment.run.0,
        })
    }
}

/// Direct memberships, or those through nested groups as well; and a text to look for in names.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Reach {
    /// Whether nested groups count; they don't where absent.
    #[serde(default)]
    effective: bool,
    /// Only those in whose names this is, without regard to case and accents.
    text: Option<String>,
}

/// The page that the store is asked for.
fn page_request(paging: &Paging) -> Result<PageRequest, Problem> {
    Ok(PageRequest {
        after: paging.cursor.clone().map(Position::from),
        limit: usize::try_from(paging.limit()?).unwrap_or(PageRequest::MOST),
    })
}

/// The store's page as the API gives it.
fn page_of<T, U>(
    page: directory::Page<T>,
    convert: impl FnMut(T) -> Result<U, Problem>,
) -> Result<Page<U>, Problem> {
    Ok(Page {
        items: page
            .items
            .into_iter()
            .map(convert)
            .collect::<Result<_, _>>()?,
        next: page.next.map(|next| next.as_str().to_owned()),
        // A count that stopped early is none.
        total: page
            .total
            .filter(|total| total.exact)
            .map(|total| total.count),
    })
}

/// An empty page.
fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next: None,
        total: Some(0),
    }
}

/// The directory's key of a connector; none where it has brought nothing yet.
pub(crate) async fn key_of(
    plane: &Plane,
    connector: Uuid,
) -> Result<Option<ConnectorKey>, Problem> {
    Ok(plane.directory.find(&connector.to_string()).await?)
}

/// The connectors that the directory knows, by its keys.
async fn connectors(plane: &Plane) -> Result<HashMap<ConnectorKey, Uuid>, DirectoryError> {
    let known = plane.directory.connectors().await?;
    Ok(known
        .into_iter()
        .filter_map(|record| Some((record.key, Uuid::parse_str(&record.name).ok()?)))
        .collect())
}
