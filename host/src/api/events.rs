//! `/events`: what happens, as server-sent events.
//!
//! A stream begins with the present state, and goes back to it where the reader was too slow or comes again:
//! nothing is kept for a reader, so `Last-Event-ID` needs no more than that.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Path, Query, Viewer};
use super::problem::Problem;
use crate::work::state::Standing;
use crate::work::{Happening, Run, RunProgress, Seen, Watcher, What, Work, WorkError};

/// Silence after which a comment shows that the stream is alive.
const ALIVE: Duration = Duration::from_secs(15);
/// Name of the header by which a reader says where it was.
const LAST_EVENT: &str = "last-event-id";
/// Identifier of the last event of a run's stream: who comes again with it has seen the end.
const END: &str = "end";

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(all))
        .routes(routes!(of_run))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only about this connector; also those about no connector.
    connector: Option<Uuid>,
}

/// The present state, with which a stream begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Present {
    /// Runs that wait or go on; in a run's own stream that run, also where it has ended.
    runs: Vec<Run>,
    /// How far those have come that go on.
    progress: Vec<RunProgress>,
    /// Where connectors stand.
    connectors: Vec<ConnectorStanding>,
}

/// Where a connector stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorStanding {
    /// The connector.
    connector: Uuid,
    /// Where it stands.
    standing: Standing,
}

/// Watch what happens: `state`, then `run`, `progress`, `connector` and `catalogue` events.
///
/// `state` comes first, and again where events were left out; it holds everything that the others change.
#[utoipa::path(
    get, path = "/events", tag = "events",
    params(Wanted),
    responses(
        (status = 200, description = "Server-sent events; their data is JSON", content_type = "text/event-stream", body = Happening),
        (status = 429, description = "Too many watch already", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn all(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let watcher = watch(&plane.work)?;
    let scope = Scope::Connector(wanted.connector);
    Ok(respond(Watching::new(
        Arc::clone(&plane.work),
        watcher,
        scope,
    )))
}

/// Watch a run until it has ended: `state`, then `run` and `progress` events.
#[utoipa::path(
    get, path = "/runs/{id}/events", tag = "events",
    params(("id" = Uuid, Path, description = "The run")),
    responses(
        (status = 200, description = "Server-sent events; their data is JSON", content_type = "text/event-stream", body = Happening),
        (status = 204, description = "It has ended, and the reader has seen that"),
        (status = 404, description = "No such run", body = Problem),
        (status = 429, description = "Too many watch already", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn of_run(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = plane.work.run(id).await?;
    let seen = headers.get(LAST_EVENT).is_some_and(|last| last == END);
    if seen && !run.state.is_open() {
        // This is what tells a browser not to come again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watcher = watch(&plane.work)?;
    let scope = Scope::Run(id);
    Ok(respond(Watching::new(
        Arc::clone(&plane.work),
        watcher,
        scope,
    )))
}

fn watch(work: &Work) -> Result<Watcher, Problem> {
    work.events().watch().ok_or_else(|| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "events.too-many",
            "As many watch events as the policy lets.",
        )
        .remedy("Close other pages, or raise `runs.watchers` in the configuration.")
    })
}

fn respond(watching: Watching) -> Response {
    let closing = watching.work.closing();
    let events = watching
        .events()
        .take_until(async move { closing.cancelled().await });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(ALIVE))
        .into_response()
}

/// What a stream is about.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Connector(Option<Uuid>),
    Run(Uuid),
}

impl Scope {
    fn holds(self, what: &What) -> bool {
        match self {
            Self::Connector(None) => true,
            Self::Connector(wanted) => what.connector().is_none() || what.connector() == wanted,
            Self::Run(run) => what.run() == Some(run),
        }
    }
}

/// A stream's side of the server.
struct Watching {
    work: Arc<Work>,
    watcher: Watcher,
    scope: Scope,
    next: Next,
    /// Events up to this one are in the state that was sent.
    known: u64,
}

enum Next {
    State,
    Event,
    Nothing,
}

impl Watching {
    fn new(work: Arc<Work>, watcher: Watcher, scope: Scope) -> Self {
        Self {
            work,
            watcher,
            scope,
            next: Next::State,
            known: 0,
        }
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        stream::unfold(self, async |mut watching| {
            let event = watching.next_event().await?;
            Some((Ok(event), watching))
        })
    }

    async fn next_event(&mut self) -> Option<Event> {
        loop {
            match self.next {
                Next::Nothing => return None,
                Next::State => {
                    self.next = Next::Event;
                    self.known = self.work.events().last();
                    // A database that fails ends the stream; the reader comes again.
                    let (present, ended) = self.present().await.ok()?;
                    return self.event("state", self.known, ended, &present);
                }
                Next::Event => match self.watcher.next().await? {
                    Seen::Gap => self.next = Next::State,
                    Seen::Event(happening) => {
                        if happening.id <= self.known || !self.scope.holds(&happening.what) {
                            continue;
                        }
                        let ended = self.is_end(&happening);
                        return self.event(
                            happening.what.name(),
                            happening.id,
                            ended,
                            happening.as_ref(),
                        );
                    }
                },
            }
        }
    }

    fn event(&mut self, name: &str, id: u64, ended: bool, data: &impl Serialize) -> Option<Event> {
        let id = if ended {
            self.next = Next::Nothing;
            END.to_owned()
        } else {
            id.to_string()
        };
        Event::default().event(name).id(id).json_data(data).ok()
    }

    fn is_end(&self, happening: &Happening) -> bool {
        match (&happening.what, self.scope) {
            (What::Run { run }, Scope::Run(_)) => !run.state.is_open(),
            _ => false,
        }
    }

    /// The present state, and whether that is the end.
    async fn present(&self) -> Result<(Present, bool), WorkError> {
        let (runs, connector) = match self.scope {
            Scope::Run(id) => {
                let run = self.work.run(id).await?;
                let connector = run.connector;
                (vec![run], Some(connector))
            }
            Scope::Connector(Some(connector)) => {
                let open = self.work.open_run(connector).await?;
                (open.into_iter().collect(), Some(connector))
            }
            Scope::Connector(None) => (self.work.open_runs().await?, None),
        };
        let standings = self.work.standings(connector).await?;
        let ended =
            matches!(self.scope, Scope::Run(_)) && runs.iter().all(|run| !run.state.is_open());
        let present = Present {
            progress: runs
                .iter()
                .filter_map(|run| self.work.progress(run.id))
                .collect(),
            connectors: standings
                .into_iter()
                .map(|(connector, standing)| ConnectorStanding {
                    connector,
                    standing,
                })
                .collect(),
            runs,
        };
        Ok((present, ended))
    }
}
