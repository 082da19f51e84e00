//! Ending a run before it is done.

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::caller;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::web::page::{Answer, done, go, page};
use crate::web::shell::{Operates, Shell};
use crate::work::{Run, RunStatus, WorkError};

#[derive(Template)]
#[template(path = "runs/cancel.html")]
struct CancelPage {
    shell: Shell,
    run: Run,
}

/// What ending it means.
pub(super) async fn ask(
    Operates { shell, .. }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let run = plane.work.run(id).await?;
    if !run.state.is_open() {
        return go(&format!("/runs/{id}"));
    }
    page(&CancelPage { shell, run })
}

pub(super) async fn cancel(
    Operates { by, .. }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let to = format!("/runs/{id}");
    match plane.work.cancel(id, caller(&by)).await {
        Ok(run) if run.state == RunStatus::Cancelled => done(&to, "The run was cancelled."),
        Ok(_) => done(&to, "The run ends between two pages."),
        // Somebody was quicker, or it was done.
        Err(WorkError::NotOpen(_)) => done(&to, "The run had ended already."),
        Err(error) => Err(error.into()),
    }
}
