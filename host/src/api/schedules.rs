//! `/schedule-preview`: when a schedule would run.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Plane;
use super::extract::{Json, Viewer};
use super::known;
use super::problem::{FieldError, Problem};
use crate::schedule::{Baseline, Planned, Schedule, preview};

/// Runs that are told where nothing is said.
const DEFAULT: u32 = 10;
/// Most runs that are told.
const MOST: u32 = 50;

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new().routes(routes!(plan))
}

/// A schedule to be previewed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    /// The schedule.
    schedule: Schedule,
    /// Which runs read everything.
    #[serde(default)]
    baseline: Baseline,
    /// The profile that it is for: the last snapshot of its connector decides as what the next run goes.
    #[serde(default)]
    profile: Option<Uuid>,
    /// How many runs to tell, from 1 to 50; 10 where absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 50)]
    count: Option<u32>,
}

/// When a schedule runs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Told {
    /// The schedule in a sentence.
    text: String,
    /// When the last snapshot began that succeeded, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_snapshot: Option<Timestamp>,
    /// The next runs, if all of them succeed; fewer than asked for where the schedule ends.
    runs: Vec<Planned>,
}

/// Tell when a schedule would run, and as what.
#[utoipa::path(
    post, path = "/schedule-preview", tag = "profiles",
    request_body = Wanted,
    responses((status = 200, description = "The next runs", body = Told)),
    security(("token" = ["viewer"]))
)]
async fn plan(
    _: Viewer,
    State(plane): State<Plane>,
    Json(wanted): Json<Wanted>,
) -> Result<axum::Json<Told>, Problem> {
    let problems = wanted.schedule.check();
    if !problems.is_empty() {
        return Err(Problem::invalid(problems.into_iter().map(|problem| {
            FieldError {
                path: format!("schedule.{}", problem.path),
                message: problem.message,
                remedy: problem.remedy,
            }
        })));
    }
    let count = wanted.count.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&count) {
        return Err(Problem::invalid([FieldError {
            path: "count".into(),
            message: format!("It is not between 1 and {MOST}."),
            remedy: "Give a number of runs to tell.".into(),
        }]));
    }
    let last_snapshot = match wanted.profile {
        Some(profile) => {
            let connector = plane.catalog.connector_of(profile).await?;
            known::last_snapshot(&plane, connector).await?
        }
        None => None,
    };
    let (schedule, baseline) = (wanted.schedule, wanted.baseline);
    let now = plane.clock.now();
    // A schedule that hardly ever fires is looked through for years.
    let told = tokio::task::spawn_blocking(move || Told {
        text: schedule.describe(),
        last_snapshot,
        runs: preview(
            &schedule,
            baseline,
            last_snapshot,
            now,
            usize::try_from(count).unwrap_or_default(),
        ),
    });
    Ok(axum::Json(
        told.await.map_err(|error| Problem::internal(&error))?,
    ))
}
