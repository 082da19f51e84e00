//! When the connector runs, and what is held.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, go, page};
use super::super::profiles::{MapChoice, Plan, ProfileForm, plan, zones};
use super::super::sent::Sent;
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::catalog::NewProfile;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/new/{draft}/profile", get(form).post(save))
}

#[derive(Template)]
#[template(path = "wizard/profile.html")]
struct ProfilePage {
    shell: Shell,
    frame: Frame,
    address: String,
    form: ProfileForm,
    /// None here: the map has a step of its own.
    maps: Vec<MapChoice>,
    zones: Vec<String>,
    /// Whether a zone was never chosen, so that the browser's may be proposed.
    proposes_zone: bool,
    plan: Option<Plan>,
    mistakes: Mistakes,
}

async fn form(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let draft = author.draft(&plane, id).await?;
    let form = match &draft.answers.profile {
        Some(profile) => ProfileForm::of_new(profile),
        None => ProfileForm::proposed(plane.clock.now()),
    };
    let profile = form.read().ok();
    let mut shown = shown(&plane, author, id, form, profile.as_ref()).await?;
    shown.proposes_zone = draft.answers.profile.is_none();
    page(&shown)
}

async fn shown(
    plane: &Plane,
    author: Author,
    id: Uuid,
    form: ProfileForm,
    profile: Option<&NewProfile>,
) -> Result<ProfilePage, Problem> {
    let (draft, description) = author.work(plane, id).await?;
    let plan = match profile {
        Some(profile) => Some(plan(plane, &profile.schedule, profile.baseline, None).await?),
        None => None,
    };
    Ok(ProfilePage {
        shell: author.shell,
        frame: Frame::new(&draft, &description, Step::Profile),
        address: Step::Profile.address(id),
        form,
        maps: Vec::new(),
        zones: zones(),
        proposes_zone: false,
        plan,
        mistakes: Mistakes::default(),
    })
}

async fn save(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let draft = author.draft(&plane, id).await?;
    let form = ProfileForm::sent(&sent);
    let read = form.read();
    if sent.action() == "preview" {
        let mut shown = shown(&plane, author, id, form, read.as_ref().ok()).await?;
        shown.mistakes = read.err().map(Mistakes::from).unwrap_or_default();
        return match shown.mistakes.is_empty() {
            true => page(&shown),
            false => again(&shown.mistakes, &shown),
        };
    }
    let checked = match &read {
        Ok(profile) => {
            let profile = NewProfile {
                map: draft.answers.map.clone(),
                ..profile.clone()
            };
            let catalog = &plane.catalog;
            catalog
                .check_profile(&author.by, &draft.wanted(), profile)
                .await
                .map_err(Problem::from)
        }
        Err(errors) => Err(Problem::invalid(errors.iter().cloned())),
    };
    if let Err(problem) = checked {
        let mut shown = shown(&plane, author, id, form, read.as_ref().ok()).await?;
        shown.mistakes = Mistakes::of(problem)?;
        return again(&shown.mistakes, &shown);
    }
    author
        .change(&plane, id, |answers| {
            answers.profile = read.ok();
            mark(answers, Step::Profile, true);
        })
        .await?;
    go(&Step::Review.address(id))
}
