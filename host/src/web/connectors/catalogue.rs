//! The catalogue: the types that a connector may be of.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use crate::api::Plane;
use crate::catalog::ConnectorType;
use crate::contract::Description;
use crate::web::filters;
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "connectors/catalogue.html")]
struct CataloguePage {
    shell: Shell,
    entries: Vec<Entry>,
}

/// A type.
struct Entry {
    of: ConnectorType,
    /// What it declares, where it is known.
    description: Option<Arc<Description>>,
    /// Whether connectors of it can be made and run.
    usable: bool,
}

/// Lists the types.
pub(super) async fn catalogue(shell: Shell, State(plane): State<Plane>) -> Answer {
    let types = plane.catalog.types().installed().await?;
    let entries = types.into_iter().map(|of| Entry {
        description: of.description.clone(),
        usable: of.active.is_some() && of.description.is_some(),
        of,
    });
    page(&CataloguePage {
        shell,
        entries: entries.collect(),
    })
}
