//! Settings and secrets, and the connection test.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, go, page};
use super::super::sent::Sent;
use super::super::settings_form::{Input, SettingsForm, beside_fields, group_choice, read};
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use super::tested::Shown;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::catalog::{CatalogError, ConnectorDraft, LastTest, SecretChanges};
use crate::contract::Description;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route(
        "/connectors/new/{draft}/authentication",
        get(form).post(save),
    )
}

#[derive(Template)]
#[template(path = "wizard/authentication.html")]
struct AuthenticationPage {
    shell: Shell,
    frame: Frame,
    form: SettingsForm,
    tested: Option<Shown>,
    help: Help,
    mistakes: Mistakes,
}

/// How to get at what is asked for.
#[derive(Debug)]
pub(super) struct Help {
    pub(super) description: Arc<Description>,
    /// The page where an administrator of the source consents, once the settings tell it.
    pub(super) consent: Option<String>,
}

async fn shown(
    plane: &Plane,
    author: Author,
    draft: ConnectorDraft,
    description: Arc<Description>,
    mistakes: Mistakes,
) -> Result<AuthenticationPage, Problem> {
    let but = group_choice(&description).map(|setting| setting.key.as_str());
    let answers = draft.answers.clone();
    let (wanted, secrets) = (draft.wanted(), draft.secret_keys());
    let consent = plane.catalog.consent(&wanted, &answers.settings, &secrets);
    let consent = consent.await;
    Ok(AuthenticationPage {
        shell: author.shell,
        frame: Frame::new(&draft, &description, Step::Authentication),
        form: SettingsForm::new(&description, &answers.settings, &draft.secrets, but),
        tested: answers.tested.map(|test| Shown::new(test, &description)),
        help: Help {
            description,
            consent,
        },
        mistakes,
    })
}

async fn form(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let (draft, description) = author.work(&plane, id).await?;
    page(&shown(&plane, author, draft, description, Mistakes::default()).await?)
}

async fn save(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let (before, description) = author.work(&plane, id).await?;
    let but = group_choice(&description).map(|setting| setting.key.clone());
    let (mut settings, secrets) = read(&description, &sent, &before.secrets, but.as_deref());
    // What was entered is kept even where it is wrong: a secret can't be shown again to be mended.
    let changed = author
        .change_with(&plane, id, secrets, |answers| {
            // The choice of groups is another step's.
            if let Some(key) = but
                && let Some(groups) = answers.settings.get(&key)
            {
                settings.insert(key, groups.clone());
            }
            answers.set_settings(settings);
            mark(answers, Step::Authentication, false);
        })
        .await;
    let outcome = match changed {
        Ok(draft) if sent.action() == "test" => test(&plane, &author, &draft).await,
        Ok(draft) => match plane.catalog.check_settings(&draft).await {
            Ok(()) => {
                author.mark(&plane, id, Step::Authentication, true).await?;
                let frame = Frame::new(&draft, &description, Step::Authentication);
                return go(&frame.next);
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => go(&format!("{}#tested", Step::Authentication.address(id))),
        Err(error) => {
            let draft = author.draft(&plane, id).await?;
            let mistakes = Mistakes::of(beside_fields(error.into()))?;
            let shown = shown(&plane, author, draft, description, mistakes).await?;
            again(&shown.mistakes, &shown)
        }
    }
}

/// Tests the connection, and keeps what was found.
async fn test(plane: &Plane, author: &Author, draft: &ConnectorDraft) -> Result<(), CatalogError> {
    let found = plane.catalog.test_draft(draft).await?;
    let test = LastTest {
        at: plane.clock.now(),
        stale: false,
        found,
    };
    let none = SecretChanges::default();
    author
        .change_with(plane, draft.id, none, |answers| {
            answers.tested = Some(test);
        })
        .await?;
    Ok(())
}
