//! Everything that a search finds, as a stream for other programs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Plane;
use super::super::extract::{Query, Viewer};
use super::super::problem::Problem;
use super::export::{CSV, Format, NDJSON, csv_line, download};
use super::search::{Asked, FoundGroup, FoundUser, OfGroups, OfUsers};
use super::{Found, Wanted, find};
use crate::directory::{Kind, PageRequest};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(groups))
        .routes(routes!(users))
}

/// How to write what is found.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Written {
    /// How; as CSV where absent.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Stream all groups that a search finds, as CSV or NDJSON.
#[utoipa::path(
    get, path = "/directory/groups/export", tag = "directory",
    params(Asked, OfGroups, Written),
    responses((status = 200, description = "Groups", content(
        (String = "text/csv"), (String = "application/x-ndjson")
    ))),
    security(("token" = ["viewer"]))
)]
async fn groups(
    _: Viewer,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
    Query(sorted): Query<OfGroups>,
    Query(written): Query<Written>,
) -> Result<Response, Problem> {
    let found = pages(plane, Kind::Groups, sorted.of(asked)?);
    Ok(match written.format {
        Format::Ndjson => ndjson("groups", found, FoundGroup::of),
        Format::Csv => {
            let titles = [
                "connector",
                "id",
                "name",
                "members",
                "platformGroups",
                "groupKind",
            ];
            csv("groups", titles, found, |found| {
                [
                    found.connector.to_string(),
                    found.entry.id,
                    found.entry.name,
                    found.entry.links.to_string(),
                    found.platform_groups.join(" "),
                    found.entry.group_kind.unwrap_or_default(),
                ]
            })
        }
    })
}

/// Stream all users that a search finds, as CSV or NDJSON.
#[utoipa::path(
    get, path = "/directory/users/export", tag = "directory",
    params(Asked, OfUsers, Written),
    responses((status = 200, description = "Users", content(
        (String = "text/csv"), (String = "application/x-ndjson")
    ))),
    security(("token" = ["viewer"]))
)]
async fn users(
    _: Viewer,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
    Query(sorted): Query<OfUsers>,
    Query(written): Query<Written>,
) -> Result<Response, Problem> {
    let found = pages(plane, Kind::Users, sorted.of(asked));
    Ok(match written.format {
        Format::Ndjson => ndjson("users", found, FoundUser::of),
        Format::Csv => {
            let titles = ["connector", "id", "name", "groups", "hidden"];
            csv("users", titles, found, |found| {
                [
                    found.connector.to_string(),
                    found.entry.id,
                    found.entry.name,
                    found.entry.links.to_string(),
                    found.entry.hidden.to_string(),
                ]
            })
        }
    })
}

/// What is found, a page at a time.
fn pages(
    plane: Plane,
    what: Kind,
    wanted: Wanted,
) -> impl Stream<Item = Result<Vec<Found>, Problem>> + Send {
    let first = Some(PageRequest::first(PageRequest::MOST));
    stream::try_unfold(first, move |request| {
        let (plane, wanted) = (Arc::clone(&plane), wanted.clone());
        async move {
            let Some(request) = request else {
                return Ok(None);
            };
            let page = find(&plane, what, &wanted, &request).await?;
            let next = page.next.map(|next| request.next(next));
            Ok(Some((page.items, next)))
        }
    })
}

fn ndjson<T: Serialize + 'static>(
    name: &str,
    found: impl Stream<Item = Result<Vec<Found>, Problem>> + Send + 'static,
    convert: fn(Found) -> Result<T, Problem>,
) -> Response {
    let lines = found.and_then(move |found| async move {
        let mut lines = String::new();
        for found in found {
            // Plain data, which serde_json always takes.
            lines.push_str(&serde_json::to_string(&convert(found)?).unwrap_or_default());
            lines.push('\n');
        }
        Ok(lines)
    });
    let lines = lines.map_err(failed).fuse();
    download(NDJSON, &format!("{name}.ndjson"), Body::from_stream(lines))
}

fn csv<const N: usize>(
    name: &str,
    titles: [&str; N],
    found: impl Stream<Item = Result<Vec<Found>, Problem>> + Send + 'static,
    cells: fn(Found) -> [String; N],
) -> Response {
    let titles = csv_line(titles.map(str::to_owned));
    let lines = found.map_ok(move |found| {
        let lines = found.into_iter().map(|found| csv_line(cells(found)));
        lines.collect::<String>()
    });
    let lines = stream::once(async { Ok(titles) }).chain(lines);
    let lines = lines.map_err(failed).fuse();
    download(CSV, &format!("{name}.csv"), Body::from_stream(lines))
}

/// What breaks a stream off once it has begun.
fn failed(problem: Problem) -> std::io::Error {
    std::io::Error::other(problem.detail)
}
