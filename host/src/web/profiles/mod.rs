//! Profiles: when connectors run, with which transform map, and what is held.

mod choices;
mod edit;
mod form;
mod list;
mod plan;

use axum::Router;

use crate::api::Plane;

pub(super) use choices::{MapChoice, map_choices, zones};
pub(super) use form::{ProfileForm, baseline_words, thresholds};
pub(super) use plan::{Plan, plan};

pub(super) fn routes() -> Router<Plane> {
    Router::new().merge(list::routes()).merge(edit::routes())
}
