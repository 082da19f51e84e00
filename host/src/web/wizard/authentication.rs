//! Settings and secrets, and the connection test.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::link::address;
use super::super::page::{Answer, again, go, page};
use super::super::sent::Sent;
use super::super::settings_form::{Input, SettingsForm, beside_fields, group_choice, read};
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use super::tested::Shown;
use crate::api::Plane;
use crate::api::extract::Path;
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
    pub(super) consent: Consent,
}

/// Where an administrator of the tenant consents.
#[derive(Debug)]
pub(super) enum Consent {
    At(String),
    /// It can be told once tenant and application are known.
    Later,
    /// Other clouds have portals of their own.
    Elsewhere,
}

impl Help {
    pub(super) fn new(
        description: Arc<Description>,
        settings: &serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        let text = |key: &str| settings.get(key)?.as_str();
        let is_of_other_cloud = settings.contains_key("cloud") || text("loginEndpoint").is_some();
        let consent = match (text("tenantId"), text("clientId")) {
            _ if !is_entra(&description) || is_of_other_cloud => Consent::Elsewhere,
            (Some(tenant), Some(client)) if is_plain(tenant) => {
                let path = format!("https://{LOGIN}/{tenant}/adminconsent");
                Consent::At(address(&path, &[("client_id", client)]))
            }
            _ => Consent::Later,
        };
        Self {
            description,
            consent,
        }
    }

    /// Whether the plugin reads an Entra tenant, so that it can be told where in the portal things are.
    pub(super) fn is_entra(&self) -> bool {
        is_entra(&self.description)
    }
}

/// Where tokens of Entra tenants come from.
const LOGIN: &str = "login.microsoftonline.com";

fn is_entra(description: &Description) -> bool {
    description.hosts.iter().any(|host| host == LOGIN)
}

/// Whether a name of a tenant may stand in an address as it is.
fn is_plain(tenant: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !tenant.starts_with('.') && tenant.bytes().all(plain)
}

fn shown(
    author: Author,
    draft: ConnectorDraft,
    description: Arc<Description>,
    mistakes: Mistakes,
) -> AuthenticationPage {
    let but = group_choice(&description).map(|setting| setting.key.as_str());
    let answers = draft.answers.clone();
    AuthenticationPage {
        shell: author.shell,
        frame: Frame::new(&draft, &description, Step::Authentication),
        form: SettingsForm::new(&description, &answers.settings, &draft.secrets, but),
        tested: answers.tested.map(|test| Shown::new(test, &description)),
        help: Help::new(description, &answers.settings),
        mistakes,
    }
}

async fn form(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let (draft, description) = author.work(&plane, id).await?;
    page(&shown(author, draft, description, Mistakes::default()))
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
            let shown = shown(author, draft, description, mistakes);
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
