//! Name, description and version: the first step, from which a draft is made.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use uuid::Uuid;

use super::super::filters;
use super::super::form::{Form, Mistakes};
use super::super::page::{Answer, again, go, page};
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::catalog::{Answers, ConnectorType, Pin};
use crate::contract::Description;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/new/{draft}/basic", get(form).post(save))
}

/// What is filled in.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Basics {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    /// Absent once there is a draft, which keeps its plugin.
    #[serde(default)]
    pub(super) plugin: String,
    #[serde(default = "latest")]
    pub(super) version: String,
}

fn latest() -> String {
    Pin::default().to_string()
}

impl Basics {
    /// Nothing yet, for a plugin.
    pub(super) fn of_plugin(plugin: &str) -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            plugin: plugin.to_owned(),
            version: latest(),
        }
    }

    fn of(answers: &Answers) -> Self {
        Self {
            name: answers.name.clone(),
            description: answers.description.clone(),
            plugin: answers.plugin.clone(),
            version: answers.version.to_string(),
        }
    }

    /// Writes what was filled in into answers, but for the plugin.
    pub(super) fn into_answers(self, answers: &mut Answers) {
        answers.name = self.name.trim().to_owned();
        answers.description = self.description.trim().to_owned();
        answers.version = pin(&self.version);
    }
}

/// The version that was chosen; the page gives no others.
pub(super) fn pin(text: &str) -> Pin {
    Pin(text.parse().ok())
}

/// A version to choose.
#[derive(Debug)]
pub(super) struct VersionChoice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// Versions of a plugin to choose from.
pub(super) fn versions(of: Option<&ConnectorType>, chosen: &str) -> Vec<VersionChoice> {
    let active = of.and_then(|of| of.active.as_ref());
    let latest = latest();
    let mut choices = vec![VersionChoice {
        label: match active {
            Some(active) => format!("Latest, whichever is active (now {active})"),
            None => "Latest, whichever is active (now none)".into(),
        },
        chosen: chosen == latest,
        value: latest,
    }];
    let installed = of.into_iter().flat_map(|of| of.versions.iter().rev());
    for version in installed {
        let value = version.version.to_string();
        let is_chosen = chosen == value;
        if is_chosen || matches!(version.standing.as_str(), "active" | "ready") {
            choices.push(VersionChoice {
                label: format!("{value}, fixed ({})", version.standing),
                chosen: is_chosen,
                value,
            });
        }
    }
    choices
}

#[derive(Template)]
#[template(path = "wizard/basic.html")]
pub(super) struct BasicPage {
    pub(super) shell: Shell,
    pub(super) frame: Frame,
    /// Where the form is sent to.
    pub(super) action: String,
    pub(super) basics: Basics,
    pub(super) versions: Vec<VersionChoice>,
    pub(super) description: std::sync::Arc<Description>,
    /// Whether another plugin can be chosen.
    pub(super) has_others: bool,
    pub(super) mistakes: Mistakes,
}

async fn form(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let (draft, _) = author.work(&plane, id).await?;
    let basics = Basics::of(&draft.answers);
    page(&shown(&plane, author, id, basics, Mistakes::default()).await?)
}

async fn shown(
    plane: &Plane,
    author: Author,
    id: Uuid,
    basics: Basics,
    mistakes: Mistakes,
) -> Result<BasicPage, crate::api::problem::Problem> {
    let (draft, description) = author.work(plane, id).await?;
    let types = plane.catalog.types().installed().await?;
    let own = types.iter().find(|of| of.name == draft.answers.plugin);
    Ok(BasicPage {
        frame: Frame::new(&draft, &description, Step::Basic),
        action: Step::Basic.address(id),
        versions: versions(own, &basics.version),
        basics,
        description,
        has_others: false,
        shell: author.shell,
        mistakes,
    })
}

async fn save(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    Form(basics): Form<Basics>,
) -> Answer {
    let given = basics.clone();
    let change = |answers: &mut Answers| given.into_answers(answers);
    let draft = author.change(&plane, id, change).await?;
    let checked = plane.catalog.check_basics(&draft.answers).await;
    author
        .mark(&plane, id, Step::Basic, checked.is_ok())
        .await?;
    if let Err(error) = checked {
        let mistakes = Mistakes::of(error.into())?;
        let shown = shown(&plane, author, id, basics, mistakes).await?;
        return again(&shown.mistakes, &shown);
    }
    go(&Step::Authentication.address(id))
}

/// The answers of a draft that begins with these.
pub(super) fn first_answers(basics: Basics) -> Answers {
    let mut answers = Answers {
        plugin: basics.plugin.clone(),
        ..Answers::default()
    };
    basics.into_answers(&mut answers);
    mark(&mut answers, Step::Basic, true);
    answers
}
