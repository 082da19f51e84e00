//! Copying a connector.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::page_of;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::catalog::{CloneConnector, Connector, LinkFilter};
use crate::web::filters;
use crate::web::form::{Form, Mistakes};
use crate::web::page::{Answer, again, done, page};
use crate::web::shell::{Administers, Shell};

#[derive(Template)]
#[template(path = "connectors/clone.html")]
struct ClonePage {
    shell: Shell,
    connector: Connector,
    profiles: u64,
    linked: u64,
    name: String,
    links: bool,
    mistakes: Mistakes,
}

impl ClonePage {
    async fn new(shell: Shell, plane: &Plane, id: Uuid) -> Result<Self, Problem> {
        let connector = plane.catalog.connector(id).await?;
        let filter = LinkFilter::default();
        Ok(Self {
            shell,
            profiles: plane.catalog.profiles(id, None, 1).await?.1,
            linked: plane.catalog.links(id, &filter, None, 1).await?.1,
            name: format!("{} (copy)", connector.name),
            links: false,
            mistakes: Mistakes::default(),
            connector,
        })
    }
}

/// What the copy is to be.
#[derive(Debug, Deserialize)]
pub(super) struct Copy {
    name: String,
    links: Option<String>,
}

/// Asks what the copy is to be.
pub(super) async fn form(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    page(&ClonePage::new(shell, &plane, id).await?)
}

/// Copies a connector.
pub(super) async fn clone(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(copy): Form<Copy>,
) -> Answer {
    let wanted = CloneConnector {
        name: copy.name,
        links: copy.links.is_some(),
    };
    match plane.catalog.clone_connector(&by, id, &wanted).await {
        Ok(made) => done(
            &page_of(made.id),
            format!(
                "{} was created. Its profiles are inactive, so nothing runs by itself.",
                made.name
            ),
        ),
        Err(error) => {
            let mut shown = ClonePage::new(shell, &plane, id).await?;
            shown.mistakes = Mistakes::of(error.into())?;
            (shown.name, shown.links) = (wanted.name, wanted.links);
            again(&shown.mistakes, &shown)
        }
    }
}
