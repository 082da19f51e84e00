//! Profiles: when connectors run, with which transform map, and what is held.

mod edit;
mod form;
mod list;
mod plan;

use axum::Router;

use crate::api::Plane;

pub(super) use form::{MapChoice, ProfileForm, baseline_words, map_choices, thresholds, zones};
pub(super) use plan::{Plan, plan};

pub(super) fn routes() -> Router<Plane> {
    Router::new().merge(list::routes()).merge(edit::routes())
}
