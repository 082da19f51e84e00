//! Making a connector step by step, and changing one.
//!
//! What was answered is kept on the server, in a draft that only its owner sees: a step can be left and come back
//! to, and secrets are never sent to the browser again.

mod authentication;
mod basic;
mod edit;
mod groups;
mod map;
mod profile;
mod regroup;
mod review;
mod start;
mod steps;
mod tested;

use axum::Router;

use crate::api::Plane;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .merge(start::routes())
        .merge(basic::routes())
        .merge(authentication::routes())
        .merge(groups::routes())
        .merge(map::routes())
        .merge(profile::routes())
        .merge(review::routes())
        .merge(edit::routes())
        .merge(regroup::routes())
}
