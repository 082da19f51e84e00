//! Allowing and rejecting what a held run would remove.

use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::asked::Looked;
use super::caller;
use super::run::RunPage;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::directory::Verdict;
use crate::web::form::{Form, Mistakes};
use crate::web::page::{Answer, again, done};
use crate::web::shell::Operates;

/// A decision with its reason.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    verdict: Verdict,
    #[serde(default)]
    reason: String,
}

pub(super) async fn decide(
    Operates { shell, by }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(given): Form<Decision>,
) -> Answer {
    let work = &plane.work;
    let decided = work
        .decide(id, given.verdict, &given.reason, caller(&by))
        .await;
    match decided {
        Ok(_) => {
            let what = match given.verdict {
                Verdict::Allow => "The removals were allowed and carried out.",
                Verdict::Reject => "The removals were rejected. Nothing was removed.",
            };
            done(&format!("/runs/{id}"), what)
        }
        Err(error) => {
            let mistakes = Mistakes::of(error.into())?;
            let mut shown = RunPage::of(&plane, shell, id, &Looked::default()).await?;
            shown.reason = given.reason;
            shown.mistakes = mistakes;
            again(&shown.mistakes, &shown)
        }
    }
}
