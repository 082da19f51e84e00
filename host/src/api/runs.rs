//! `/runs`, and what of `/connectors/{id}` is about runs.

use axum::Json as Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::directory::key_of;
use super::extract::{Json, Operator, Path, Query, Viewer};
use super::page::{Page, Paging};
use super::problem::{FieldError, Problem};
use crate::access::Principal;
use crate::directory::{Mode, Verdict};
use crate::journal::{Level, Line};
use crate::work::state::Transition;
use crate::work::{
    AskedMode, Caller, Holdings, LONGEST_REASON, Overview, Run, RunFilter, RunProgress, RunStatus,
    TriggerKind, WorkError,
};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(log))
        .routes(routes!(cancel))
        .routes(routes!(decide))
        .routes(routes!(transitions))
        .routes(routes!(overview))
}

/// What to run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Start {
    /// The profile; where absent, the connector's own choice.
    #[serde(default)]
    profile: Option<Uuid>,
    /// The kind of run.
    #[serde(default)]
    mode: AskedMode,
}

/// Run a connector now.
///
/// The run waits for its turn where as many go on as may. Where a run of the connector waits or goes on
/// already, the answer is 409 with the code `run.open`, and its detail names that run.
#[utoipa::path(
    post, path = "/connectors/{id}/runs", tag = "runs",
    params(("id" = Uuid, Path, description = "The connector")),
    request_body = Start,
    responses(
        (status = 202, description = "The run, queued; `Location` is where it is", body = Run),
        (status = 404, description = "No such connector or profile", body = Problem),
        (status = 409, description = "A run is open, or the connector is disabled", body = Problem),
    ),
    security(("token" = ["operator"]))
)]
async fn start(
    Operator(principal): Operator,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Json(wanted): Json<Start>,
) -> Result<impl IntoResponse, Problem> {
    let run = plane
        .work
        .run_now(connector, wanted.profile, wanted.mode, caller(&principal))
        .await?;
    let mut headers = HeaderMap::new();
    if let Ok(place) = HeaderValue::try_from(format!("/api/v1/runs/{}", run.id)) {
        headers.insert(header::LOCATION, place);
    }
    Ok((StatusCode::ACCEPTED, headers, Body(run)))
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Only of this connector.
    connector: Option<Uuid>,
    /// Only of this profile.
    profile: Option<Uuid>,
    /// Only in this state.
    #[param(inline)]
    state: Option<RunStatus>,
    /// Only of this kind; runs that have not ended have none yet.
    #[param(inline)]
    mode: Option<Mode>,
    /// Only asked for by this.
    #[param(inline)]
    trigger: Option<TriggerKind>,
    /// Only failed with a fault of this code.
    fault: Option<String>,
    /// Only asked for at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Only asked for before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// List runs, newest first.
#[utoipa::path(
    get, path = "/runs", tag = "runs",
    params(Wanted, Paging),
    responses((status = 200, description = "Runs", body = Page<Run>)),
    security(("token" = ["viewer"]))
)]
async fn list(
    _: Viewer,
    State(plane): State<Plane>,
    Query(wanted): Query<Wanted>,
    Query(paging): Query<Paging>,
) -> Result<Body<Page<Run>>, Problem> {
    let limit = paging.limit()?;
    let filter = RunFilter {
        connector: wanted.connector,
        profile: wanted.profile,
        state: wanted.state,
        mode: wanted.mode,
        trigger: wanted.trigger,
        fault: wanted.fault,
        since: wanted.since,
        until: wanted.until,
    };
    let before = paging.position()?;
    let runs = plane.work.runs(&filter, before, limit + 1).await?;
    let total = plane.work.count_runs(&filter).await?;
    Ok(Body(Page::of(runs, limit, |run| run.id).total(total)))
}

/// A run with everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RunDetails {
    /// The run.
    #[serde(flatten)]
    run: Run,
    /// How far it has come, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<RunProgress>,
    /// What it did, once it has ended: counts, parts that were given up, groups that could not be read, use of
    /// the network and of limits, log lines; in a held run, what it would remove. Absent where it was
    /// dropped for its age.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
}

/// Look at a run.
#[utoipa::path(
    get, path = "/runs/{id}", tag = "runs",
    params(("id" = Uuid, Path, description = "The run")),
    responses(
        (status = 200, description = "The run", body = RunDetails),
        (status = 404, description = "No such run", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn get(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Body<RunDetails>, Problem> {
    // The progress first: a run that ends between the two reads has both.
    let progress = plane.work.progress(id);
    let run = plane.work.run(id).await?;
    let report = plane.work.report(id).await?;
    Ok(Body(RunDetails {
        progress: progress.filter(|_| run.state == RunStatus::Processing),
        run,
        report,
    }))
}

/// Which lines of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// Only those that matter at least so much.
    #[serde(default)]
    #[param(inline)]
    level: Level,
}

/// A part of a run's log.
#[derive(Debug, Serialize, ToSchema)]
struct RunLog {
    /// Lines, the newest first.
    #[serde(flatten)]
    page: Page<Line>,
    /// How many older lines are not kept, of any level.
    dropped: u64,
}

/// Read the log of a run: messages of the plugin, and what the host met and decided.
///
/// Newest first. At most 500 lines of 64 KB together are kept of a run, the newest ones.
#[utoipa::path(
    get, path = "/runs/{id}/log", tag = "runs",
    params(("id" = Uuid, Path, description = "The run"), Lines, Paging),
    responses(
        (status = 200, description = "Lines", body = RunLog),
        (status = 404, description = "No such run", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn log(
    _: Viewer,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Query(lines): Query<Lines>,
    Query(paging): Query<Paging>,
) -> Result<Body<RunLog>, Problem> {
    let limit = paging.limit()?;
    let before = paging.position()?;
    let log = plane.work.log(id, lines.level, before, limit + 1).await?;
    Ok(Body(RunLog {
        page: Page::of(log.lines, limit, |line| line.position).total(log.total),
        dropped: log.dropped,
    }))
}

/// Cancel a run.
///
/// One that waits is cancelled at once; one that goes on ends between two pages, and is still `processing`
/// in the answer.
#[utoipa::path(
    post, path = "/runs/{id}/cancel", tag = "runs",
    params(("id" = Uuid, Path, description = "The run")),
    responses(
        (status = 200, description = "The run", body = Run),
        (status = 404, description = "No such run", body = Problem),
        (status = 409, description = "It has ended", body = Problem),
    ),
    security(("token" = ["operator"]))
)]
async fn cancel(
    Operator(principal): Operator,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Result<Body<Run>, Problem> {
    Ok(Body(plane.work.cancel(id, caller(&principal)).await?))
}

/// What is decided about a held run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DecisionRequest {
    /// What is decided.
    verdict: Verdict,
    /// Why; it is kept with the run and in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Allow or reject the removals of a held run.
#[utoipa::path(
    post, path = "/runs/{id}/decision", tag = "runs",
    params(("id" = Uuid, Path, description = "The run")),
    request_body = DecisionRequest,
    responses(
        (status = 200, description = "The run", body = Run),
        (status = 404, description = "No such run", body = Problem),
        (status = 409, description = "It doesn't wait for a decision", body = Problem),
        (status = 422, description = "The reason is missing or too long", body = Problem),
    ),
    security(("token" = ["operator"]))
)]
async fn decide(
    Operator(principal): Operator,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Json(wanted): Json<DecisionRequest>,
) -> Result<Body<Run>, Problem> {
    let run = plane
        .work
        .decide(id, wanted.verdict, &wanted.reason, caller(&principal))
        .await?;
    Ok(Body(run))
}

/// List the steps of a connector from state to state, newest first.
#[utoipa::path(
    get, path = "/connectors/{id}/transitions", tag = "runs",
    params(("id" = Uuid, Path, description = "The connector"), Paging),
    responses(
        (status = 200, description = "Steps", body = Page<Transition>),
        (status = 404, description = "No such connector", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn transitions(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Body<Page<Transition>>, Problem> {
    let limit = paging.limit()?;
    let before = paging.position()?;
    let steps = plane.work.transitions(connector, before, limit + 1).await?;
    Ok(Body(Page::of(steps, limit, |step| step.position)))
}

/// How things stand with a connector, and what it holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorOverview {
    /// How things stand.
    #[serde(flatten)]
    overview: Overview,
    /// What it holds now.
    holdings: Holdings,
}

/// How things stand with a connector: its state, its last and next run, the age of its cursor, what it holds.
#[utoipa::path(
    get, path = "/connectors/{id}/overview", tag = "runs",
    params(("id" = Uuid, Path, description = "The connector")),
    responses(
        (status = 200, description = "The overview", body = ConnectorOverview),
        (status = 404, description = "No such connector", body = Problem),
    ),
    security(("token" = ["viewer"]))
)]
async fn overview(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
) -> Result<Body<ConnectorOverview>, Problem> {
    let overview = plane.work.overview(&[connector]).await?.pop();
    Ok(Body(ConnectorOverview {
        overview: overview.ok_or(Problem::not_found("connector"))?,
        holdings: holdings(&plane, connector).await?,
    }))
}

/// What a connector holds.
pub(crate) async fn holdings(plane: &Plane, connector: Uuid) -> Result<Holdings, Problem> {
    let Some(key) = key_of(plane, connector).await? else {
        return Ok(Holdings::default());
    };
    let record = plane.directory.counts(key).await?;
    Ok(record.as_ref().map(Holdings::from).unwrap_or_default())
}

/// Somebody as work knows them.
pub(crate) fn caller(principal: &Principal) -> Caller<'_> {
    Caller {
        actor: &principal.actor,
        address: principal.address,
    }
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        let detail = format!("{}.", capitalised(&error.to_string()));
        match error {
            WorkError::NoConnector => Self::not_found("connector"),
            WorkError::NoProfile => Self::not_found("profile"),
            WorkError::NoRun(_) => Self::not_found("run"),
            WorkError::Disabled => {
                Self::conflict("connector.disabled", detail).remedy("Enable the connector first.")
            }
            WorkError::Open(run) => Self::conflict("run.open", detail)
                .remedy(format!("Wait for it to end, or cancel run {}.", run.id)),
            WorkError::NotOpen(_) => Self::conflict("run.ended", detail),
            WorkError::NotHeld(_) => Self::conflict("run.not-held", detail),
            WorkError::Deciding(_) => {
                Self::conflict("run.deciding", detail).remedy("Look at the run in a moment.")
            }
            WorkError::Closing => Self::conflict("server.closing", detail)
                .remedy("Try again when the host has been started again."),
            WorkError::Reason => Self::invalid([FieldError {
                path: "reason".into(),
                message: detail,
                remedy: format!("Say why in 1 to {LONGEST_REASON} characters."),
            }]),
            WorkError::Refused(fault) => {
                let problem = Self::conflict(&fault.code, fault.message);
                match fault.remedy {
                    Some(remedy) => problem.remedy(remedy),
                    None => problem,
                }
            }
            WorkError::Directory(_)
            | WorkError::Queue(_)
            | WorkError::State(_)
            | WorkError::Database(_) => Self::internal(&error),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
