//! Plugins: which are installed, what they may do, and which version runs use.

mod asked;
mod change;
mod install;
mod limit;
mod list;
mod show;
mod version;

use axum::Router;

use crate::api::Plane;
use crate::api::problem::Problem;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .merge(list::routes())
        .merge(install::routes())
        .merge(show::routes())
        .merge(change::routes())
}

/// Where the page of a version is.
fn address(name: &str, version: &semver::Version) -> String {
    super::link::address(
        &format!("/plugins/{name}"),
        &[("version", &version.to_string())],
    )
}

/// The same problem with the words of the pages, where those of the API name requests and headers.
fn on_page(problem: Problem) -> Problem {
    let remedy = match problem.code.as_str() {
        "plugin.unsigned" => {
            "Sign it with minisign, and choose the .minisig file together with the component."
        }
        "plugin.unusable" => {
            "Build it for the target wasm32-wasip2 and this host's contract, or choose another file."
        }
        "plugin.not-approved" => {
            "Look at what it asks for on its page, and approve it there first."
        }
        _ => return problem,
    };
    let detail = match problem.code.as_str() {
        "plugin.unsigned" => {
            "The upload is not signed, and only signed plugins are let in.".to_owned()
        }
        _ => problem.detail.clone(),
    };
    Problem {
        detail,
        remedy: Some(remedy.to_owned()),
        ..problem
    }
}
