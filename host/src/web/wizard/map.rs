//! Which transform map the connector's profile uses.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, done, go, page};
use super::super::profiles::{MapChoice, map_choices};
use super::super::sent::Sent;
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::{FieldError, Problem};
use crate::catalog::{CloneMap, MapDetail, MapId};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/new/{draft}/map", get(form).post(save))
}

#[derive(Deserialize)]
struct Wanted {
    /// The map whose rules are shown.
    #[serde(default)]
    show: String,
}

#[derive(Template)]
#[template(path = "wizard/map.html")]
struct MapPage {
    shell: Shell,
    frame: Frame,
    address: String,
    maps: Vec<MapChoice>,
    chosen: String,
    /// The map whose rules are shown.
    detail: Option<MapDetail>,
    clone_name: String,
    mistakes: Mistakes,
}

impl MapPage {
    /// Whether the rules of a map are those that are shown.
    fn shows(&self, map: &str) -> bool {
        self.detail
            .as_ref()
            .is_some_and(|detail| detail.map.id == map)
    }
}

async fn form(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    page(&shown(&plane, author, id, "", &wanted.show).await?)
}

/// The page with a map ticked; where none is named, the one of the draft, or else the plugin's default.
async fn shown(
    plane: &Plane,
    author: Author,
    id: Uuid,
    chosen: &str,
    show: &str,
) -> Result<MapPage, Problem> {
    let (draft, description) = author.work(plane, id).await?;
    let maps = map_choices(plane, &draft.answers.plugin).await?;
    let first = maps.first().map(|map| map.id.clone()).unwrap_or_default();
    let chosen = match chosen {
        "" => draft.answers.map.clone().unwrap_or(first),
        chosen => chosen.to_owned(),
    };
    let show = if show.is_empty() { &chosen } else { show };
    let detail = match MapId::read(show) {
        Some(map) => plane.catalog.map(&map).await.ok(),
        None => None,
    };
    // Rules of another plugin's map are of no use here.
    let detail = detail.filter(|detail| detail.map.plugin == draft.answers.plugin);
    Ok(MapPage {
        frame: Frame::new(&draft, &description, Step::Map),
        address: Step::Map.address(id),
        shell: author.shell,
        maps,
        chosen,
        detail,
        clone_name: String::new(),
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
    let map = sent.text("map").to_owned();
    let known = map_choices(&plane, &draft.answers.plugin).await?;
    let outcome = match MapId::read(&map) {
        Some(read) if known.iter().any(|choice| choice.id == map) => match sent.action() {
            "clone" => clone(&plane, &author, &read, &sent).await.map(Some),
            _ => Ok(None),
        },
        _ => Err(Problem::invalid([FieldError {
            path: "map".into(),
            message: "No transform map is chosen.".into(),
            remedy: "Choose one of the list.".into(),
        }])),
    };
    match outcome {
        Ok(cloned) => {
            let is_clone = cloned.is_some();
            let chosen = cloned.unwrap_or(map);
            let draft = author
                .change(&plane, id, |answers| {
                    answers.map = Some(chosen);
                    mark(answers, Step::Map, true);
                })
                .await?;
            if is_clone {
                let what = format!(
                    "The transform map {} was made and chosen.",
                    sent.text("name")
                );
                return done(&Step::Map.address(id), what);
            }
            let types = plane.catalog.types();
            let description = types.description(&draft.wanted()).await?;
            go(&Frame::new(&draft, &description, Step::Map).next)
        }
        Err(problem) => {
            let mut shown = shown(&plane, author, id, &map, "").await?;
            sent.text("name").clone_into(&mut shown.clone_name);
            shown.mistakes = Mistakes::of(problem)?;
            again(&shown.mistakes, &shown)
        }
    }
}

/// Makes a copy of a map; gives its identifier.
async fn clone(
    plane: &Plane,
    author: &Author,
    map: &MapId,
    sent: &Sent,
) -> Result<String, Problem> {
    let wanted = CloneMap {
        name: sent.text("name").to_owned(),
        version: None,
        comment: String::new(),
    };
    let copy = plane.catalog.clone_map(&author.by, map, wanted).await?;
    Ok(copy.map.id)
}
