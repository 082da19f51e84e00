//! Deleting a connector, with or without what it brought.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::{FieldError, Problem};
use crate::api::runs::holdings;
use crate::catalog::{Connector, Data, LinkFilter};
use crate::web::filters;
use crate::web::form::{Form, Mistakes};
use crate::web::page::{Answer, again, done, page};
use crate::web::shell::{Administers, Shell};
use crate::work::Holdings;

#[derive(Template)]
#[template(path = "connectors/delete.html")]
struct DeletePage {
    shell: Shell,
    connector: Connector,
    profiles: u64,
    links: u64,
    runs: u64,
    holdings: Holdings,
    data: String,
    confirm: String,
    mistakes: Mistakes,
}

impl DeletePage {
    async fn new(shell: Shell, plane: &Plane, id: Uuid) -> Result<Self, Problem> {
        let connector = plane.catalog.connector(id).await?;
        let filter = LinkFilter::default();
        let overview = plane.work.overview(&[id]).await?.pop();
        Ok(Self {
            shell,
            connector,
            profiles: plane.catalog.profiles(id, None, 1).await?.1,
            links: plane.catalog.links(id, &filter, None, 1).await?.1,
            runs: overview.map_or(0, |overview| overview.runs.values().sum()),
            holdings: holdings(plane, id).await?,
            data: String::new(),
            confirm: String::new(),
            mistakes: Mistakes::default(),
        })
    }
}

/// What is to be deleted.
#[derive(Debug, Deserialize)]
pub(super) struct Fate {
    revision: i64,
    #[serde(default)]
    data: String,
    #[serde(default)]
    confirm: String,
}

/// Says what would be deleted.
pub(super) async fn form(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    page(&DeletePage::new(shell, &plane, id).await?)
}

/// Deletes a connector.
pub(super) async fn delete(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(fate): Form<Fate>,
) -> Answer {
    let mut shown = DeletePage::new(shell, &plane, id).await?;
    let name = shown.connector.name.clone();
    let refused = match decided(&fate, &name) {
        Err(mistake) => Mistakes::from(vec![mistake]),
        Ok(data) => {
            let revision = Some(fate.revision);
            let deleted = plane
                .catalog
                .delete_connector(&by, id, revision, data)
                .await;
            match deleted {
                Ok(()) => {
                    let data = match data {
                        Data::Keep => "What it brought stays.",
                        Data::Remove => "What it brought is being removed.",
                    };
                    return done("/connectors", format!("{name} was deleted. {data}"));
                }
                Err(error) => Mistakes::of(error.into())?,
            }
        }
    };
    (shown.data, shown.confirm) = (fate.data, fate.confirm);
    shown.mistakes = refused;
    again(&shown.mistakes, &shown)
}

/// What becomes of the data, where it is said, and, for what can't be undone, confirmed.
fn decided(fate: &Fate, name: &str) -> Result<Data, FieldError> {
    let mistake = |path: &str, message: &str, remedy: &str| FieldError {
        path: path.into(),
        message: message.into(),
        remedy: remedy.into(),
    };
    match fate.data.as_str() {
        "keep" => Ok(Data::Keep),
        "remove" if fate.confirm.trim() == name => Ok(Data::Remove),
        "remove" => Err(mistake(
            "confirm",
            "This is not the connector's name.",
            "Type the name to confirm that the data is to be removed.",
        )),
        _ => Err(mistake(
            "data",
            "It is not said what becomes of the data.",
            "Choose whether it stays or is removed.",
        )),
    }
}
