//! Where a connector begins: unfinished ones, the plugins to choose from, the first step.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::super::filters;
use super::super::form::{Form, Mistakes};
use super::super::page::{Answer, again, done, go, page};
use super::super::shell::Shell;
use super::basic::{BasicPage, Basics, first_answers, versions};
use super::steps::{Author, Frame, Step, undone};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::Problem;
use crate::catalog::ConnectorType;
use crate::contract::Description;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/connectors/new", get(start).post(begin))
        .route("/connectors/new/{draft}", get(continue_))
        .route(
            "/connectors/new/{draft}/discard",
            get(ask_discard).post(discard),
        )
}

/// A draft in the list.
struct Unfinished {
    id: Uuid,
    name: String,
    plugin: String,
    next: &'static str,
    secrets: usize,
    changed: Timestamp,
}

/// A plugin to choose.
struct Choice {
    name: String,
    description: Arc<Description>,
}

#[derive(Template)]
#[template(path = "wizard/start.html")]
struct StartPage {
    shell: Shell,
    drafts: Vec<Unfinished>,
    plugins: Vec<Choice>,
    /// The only plugin, with which to go right on.
    only: Option<String>,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    plugin: String,
}

/// Plugins of which connectors can be made, with what they declare.
fn usable(types: &[ConnectorType]) -> Vec<Choice> {
    let choices = types.iter().filter_map(|of| {
        Some(Choice {
            name: of.name.clone(),
            description: of.description.clone()?,
        })
    });
    choices.collect()
}

async fn start(State(plane): State<Plane>, author: Author, Query(wanted): Query<Wanted>) -> Answer {
    let types = plane.catalog.types().installed().await?;
    let plugins = usable(&types);
    let drafts = plane.catalog.drafts(author.owner).await?;
    let only = match plugins.as_slice() {
        [one] => Some(one.name.clone()),
        _ => None,
    };
    // Who has begun something is asked first whether to go on with it.
    let named = Some(wanted.plugin).filter(|name| !name.is_empty());
    let chosen = named.or_else(|| only.clone().filter(|_| drafts.is_empty()));
    if let Some(name) = chosen
        && plugins.iter().any(|plugin| plugin.name == name)
    {
        let basics = Basics::of_plugin(&name);
        let shown = first_step(&types, author.shell, basics, Mistakes::default())?;
        return page(&shown);
    }
    let drafts = drafts.into_iter().map(|draft| {
        let of_plugin = plugins.iter().find(|own| own.name == draft.answers.plugin);
        let description = of_plugin.map(|plugin| plugin.description.as_ref());
        Unfinished {
            id: draft.id,
            next: undone(&draft, description).title(),
            secrets: draft.secrets.len(),
            changed: draft.changed,
            name: draft.answers.name,
            plugin: draft.answers.plugin,
        }
    });
    page(&StartPage {
        shell: author.shell,
        drafts: drafts.collect(),
        plugins,
        only,
    })
}

fn first_step(
    types: &[ConnectorType],
    shell: Shell,
    basics: Basics,
    mistakes: Mistakes,
) -> Result<BasicPage, Problem> {
    let own = types.iter().find(|of| of.name == basics.plugin);
    let description = own.and_then(|of| of.description.clone());
    let description = description.ok_or_else(|| Problem::not_found("plugin"))?;
    Ok(BasicPage {
        frame: Frame::first(&description),
        action: "/connectors/new".into(),
        versions: versions(own, &basics.version),
        basics,
        has_others: usable(types).len() > 1,
        description,
        shell,
        mistakes,
    })
}

async fn begin(State(plane): State<Plane>, author: Author, Form(basics): Form<Basics>) -> Answer {
    let answers = first_answers(basics.clone());
    let begun = match plane.catalog.check_basics(&answers).await {
        Ok(()) => plane.catalog.begin_draft(author.owner, &answers).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(id) => go(&Step::Authentication.address(id)),
        Err(error) => {
            let mistakes = Mistakes::of(error.into())?;
            let types = plane.catalog.types().installed().await?;
            let shown = first_step(&types, author.shell, basics, mistakes)?;
            again(&shown.mistakes, &shown)
        }
    }
}

/// Leads to the first step that is still to be done.
async fn continue_(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let (draft, description) = author.work(&plane, id).await?;
    go(&undone(&draft, Some(&description)).address(id))
}

#[derive(Template)]
#[template(path = "wizard/discard.html")]
struct DiscardPage {
    shell: Shell,
    id: Uuid,
    name: String,
    secrets: usize,
}

async fn ask_discard(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let draft = author.draft(&plane, id).await?;
    page(&DiscardPage {
        shell: author.shell,
        id,
        name: draft.answers.name,
        secrets: draft.secrets.len(),
    })
}

async fn discard(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let draft = author.draft(&plane, id).await?;
    plane.catalog.discard_draft(author.owner, id).await?;
    done(
        "/connectors",
        format!("The draft of {} was discarded.", draft.answers.name),
    )
}
