//! One run: how it stands, how far it has come, what it did.

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::asked::{Looked, Show};
use super::held::Found;
use super::progress::{self, View};
use super::summary::Summary;
use super::tab::{Body, Tab, tabs};
use super::{filters, words};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::Problem;
use crate::directory::{Turn, Verdict};
use crate::journal::Level;
use crate::run::NOT_BEGUN;
use crate::web::form::Mistakes;
use crate::web::link;
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;
use crate::work::{LONGEST_REASON, Run, RunStatus, Trigger};

#[derive(Template)]
#[template(path = "runs/run.html")]
pub(super) struct RunPage {
    shell: Shell,
    run: Run,
    progress: Option<View>,
    /// What the guard found, in a run that was held.
    held: Option<Found>,
    tabs: Vec<Tab>,
    body: Body,
    /// What was given as the reason of a decision that failed.
    pub(super) reason: String,
    pub(super) mistakes: Mistakes,
}

pub(super) async fn look(
    shell: Shell,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Query(looked): Query<Looked>,
) -> Answer {
    page(&RunPage::of(&plane, shell, id, &looked).await?)
}

impl RunPage {
    pub(super) async fn of(
        plane: &Plane,
        shell: Shell,
        id: Uuid,
        looked: &Looked,
    ) -> Result<Self, Problem> {
        // The progress first: a run that ends between the two reads has both.
        let told = plane.work.progress(id);
        let run = plane.work.run(id).await?;
        let report = plane.work.report(id).await?;
        let summary = Summary::of(report.as_ref());
        let held = Found::of(report.as_ref());
        let waiting = held.as_ref().filter(|_| run.state == RunStatus::Held);
        let show = match (looked.show, waiting) {
            (Some(Show::Users | Show::Groups | Show::Memberships), None) => Show::Summary,
            (Some(show), _) => show,
            (None, Some(found)) => found.first(),
            (None, None) => Show::Summary,
        };
        let told = told.filter(|_| run.state == RunStatus::Processing);
        let progress = match told {
            Some(told) => Some(View::of(plane, told, plane.clock.now()).await?),
            None => None,
        };
        Ok(Self {
            tabs: tabs(&run, &summary, waiting, show),
            body: Body::of(plane, &run, summary, show, looked).await?,
            shell,
            run,
            progress,
            held,
            reason: String::new(),
            mistakes: Mistakes::default(),
        })
    }

    /// Whether somebody may decide about it now.
    fn is_waiting(&self) -> bool {
        self.run.state == RunStatus::Held && self.run.decision.is_none()
    }

    /// Of which mode it is and why, as far as that is known by now.
    fn mode(&self) -> (&'static str, Option<&str>) {
        let told = self.progress.as_ref().map(|view| &view.told);
        if self.run.reason.as_deref() == Some(NOT_BEGUN) {
            return ("–", None);
        }
        let mode = self.run.mode.or(told.and_then(|told| told.mode));
        let reason = told.and_then(|told| told.reason.as_deref());
        let reason = self.run.reason.as_deref().or(reason);
        match mode {
            Some(mode) => (mode.word(), reason),
            None => (words::mode_of(&self.run), reason),
        }
    }
}
