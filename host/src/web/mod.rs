//! The web pages: what an administrator sees and does in a browser.
//!
//! Pages are made on the server and need no script; small modules of plain JavaScript keep them up to date and
//! filter as one types. A handler reads what it needs from the modules that do the work, and gives a template
//! together with a [`Shell`], which is what every page has around it. What goes wrong is the same
//! [`Problem`](crate::api::problem::Problem) as in the API; [`dress`] makes a page of it.

mod account;
mod assets;
mod chart;
mod connectors;
mod directory;
mod dress;
mod filters;
mod form;
mod home;
mod link;
mod maps;
mod models;
mod notice;
mod page;
mod plugins;
mod profiles;
mod runs;
mod sent;
mod settings;
mod settings_form;
mod shell;
mod sign_in;
mod size;
mod turns;
mod wizard;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::api::Plane;

pub(crate) use dress::outermost;
pub(crate) use filters::escaped;

/// What the navigation leads to.
const NOUNS: [(&str, &str); 6] = [
    ("/connectors", "Connectors"),
    ("/groups", "User groups"),
    ("/users", "Users"),
    ("/maps", "Transform maps"),
    ("/plugins", "Plugins"),
    ("/settings", "Settings"),
];

/// Every page, without authentication: whoever calls it has put the caller into the request.
pub(crate) fn router(plane: &Plane) -> Router {
    Router::new()
        .merge(connectors::routes())
        .merge(home::routes())
        .merge(maps::routes())
        .merge(models::routes())
        .merge(sign_in::routes())
        .merge(runs::routes())
        .merge(plugins::routes())
        .merge(settings::routes())
        .merge(account::routes())
        .merge(directory::routes())
        .merge(wizard::routes())
        .merge(profiles::routes())
        .layer(from_fn_with_state(Arc::clone(plane), dress::inner))
        .merge(assets::routes())
        .with_state(Arc::clone(plane))
}
