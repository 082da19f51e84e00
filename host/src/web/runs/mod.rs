//! Runs: their history, one of them while it goes on and afterwards, and what is decided about held ones.

mod asked;
mod cancel;
mod decide;
mod held;
mod list;
mod progress;
mod run;
mod summary;
mod tab;
mod words;

use axum::Router;
use axum::routing::{get, post};

use super::filters;
use crate::access::Principal;
use crate::api::Plane;
use crate::work::Caller;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/runs", get(list::list))
        .route("/runs/{id}", get(run::look))
        .route("/runs/{id}/cancel", get(cancel::ask).post(cancel::cancel))
        .route("/runs/{id}/decision", post(decide::decide))
}

fn caller(by: &Principal) -> Caller<'_> {
    Caller {
        actor: &by.actor,
        address: by.address,
    }
}
