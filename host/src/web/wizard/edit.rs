//! Changing a connector.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, done, page};
use super::super::sent::Sent;
use super::super::settings_form::{
    Input, SettingsForm, beside_fields, changes, group_choice, read,
};
use super::super::shell::{Administers, Shell};
use super::authentication::Help;
use super::basic::{VersionChoice, pin, versions};
use super::regroup;
use super::tested::Shown;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::catalog::{
    CatalogError, Connector, ConnectorChange, Draft, LastTest, Pin, SecretChanges,
};
use crate::contract::Description;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/{connector}/edit", get(form).post(save))
}

/// What is filled in, beside the settings.
struct Filled {
    name: String,
    description: String,
    version: String,
    settings: Map<String, Value>,
}

impl Filled {
    fn of(connector: &Connector) -> Self {
        Self {
            name: connector.name.clone(),
            description: connector.description.clone(),
            version: connector.version.to_string(),
            settings: connector.settings.clone(),
        }
    }
}

/// Which groups are synced, in short.
struct Groups {
    /// By which problems name the setting.
    path: String,
    label: String,
    help: String,
    said: String,
    address: String,
}

impl Groups {
    fn of(connector: &Connector, description: &Description) -> Option<Self> {
        let setting = group_choice(description)?;
        let chosen = connector
            .settings
            .get(&setting.key)
            .and_then(Value::as_array);
        Some(Self {
            path: format!("settings.{}", setting.key),
            label: setting.label.clone(),
            help: setting.help.clone(),
            said: match chosen {
                None => "All groups of the source".to_owned(),
                Some(chosen) => filters::counted(chosen.len(), "group"),
            },
            address: regroup::address_of(connector.id),
        })
    }
}

#[derive(Template)]
#[template(path = "wizard/edit.html")]
struct EditPage {
    shell: Shell,
    connector: Connector,
    name: String,
    description: String,
    versions: Vec<VersionChoice>,
    form: SettingsForm,
    /// The groups that are synced, which a page of its own changes.
    groups: Option<Groups>,
    tested: Option<Shown>,
    /// Labels of secrets that were tested, but aren't saved.
    unsaved: Vec<String>,
    /// Whether somebody else was faster.
    is_stale: bool,
    help: Help,
    mistakes: Mistakes,
}

async fn form(
    State(plane): State<Plane>,
    Administers { shell, .. }: Administers,
    Path(id): Path<Uuid>,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let filled = Filled::of(&connector);
    let description = declared(&plane, &connector, &connector.version).await?;
    page(&shown(&plane, shell, connector, filled, description).await?)
}

/// What the chosen version declares; where that one can't be had, what the saved one does.
async fn declared(
    plane: &Plane,
    connector: &Connector,
    version: &Pin,
) -> Result<Arc<Description>, Problem> {
    let types = plane.catalog.types();
    let mut wanted = connector.wanted();
    wanted.version.clone_from(&version.0);
    match types.description(&wanted).await {
        Ok(description) => return Ok(description),
        Err(CatalogError::Plugin(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // Whichever version can be had: choosing it may be why somebody came here.
    let types = types.installed().await?;
    let of = types.into_iter().find(|of| of.name == connector.plugin);
    of.and_then(|of| of.description)
        .ok_or_else(|| Problem::from(CatalogError::NotFound("connector type")))
}

async fn shown(
    plane: &Plane,
    shell: Shell,
    connector: Connector,
    filled: Filled,
    description: Arc<Description>,
) -> Result<EditPage, Problem> {
    let types = plane.catalog.types().installed().await?;
    let own = types.iter().find(|of| of.name == connector.plugin);
    let mut wanted = connector.wanted();
    wanted.version.clone_from(&pin(&filled.version).0);
    let secrets = connector.secrets.iter().map(|note| note.name.clone());
    let secrets = secrets.collect();
    let consent = plane.catalog.consent(&wanted, &filled.settings, &secrets);
    let consent = consent.await;
    let but = group_choice(&description).map(|setting| setting.key.as_str());
    Ok(EditPage {
        shell,
        versions: versions(own, &filled.version),
        form: SettingsForm::new(&description, &filled.settings, &connector.secrets, but),
        groups: Groups::of(&connector, &description),
        help: Help {
            description,
            consent,
        },
        name: filled.name,
        description: filled.description,
        connector,
        tested: None,
        unsaved: Vec::new(),
        is_stale: false,
        mistakes: Mistakes::default(),
    })
}

async fn save(
    State(plane): State<Plane>,
    Administers { shell, by }: Administers,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let version = pin(sent.text("version"));
    let description = declared(&plane, &connector, &version).await?;
    let groups = group_choice(&description).map(|setting| setting.key.clone());
    let (mut settings, secrets) = read(&description, &sent, &connector.secrets, groups.as_deref());
    // Another page changes these.
    if let Some(key) = groups
        && let Some(chosen) = connector.settings.get(&key)
    {
        settings.insert(key, chosen.clone());
    }
    let filled = Filled {
        name: sent.text("name").to_owned(),
        description: sent.text("description").to_owned(),
        version: version.to_string(),
        settings,
    };
    if sent.action() == "test" {
        let tested = test(&plane, id, version, &filled.settings, secrets).await;
        let mut shown = shown(&plane, shell, connector, filled, description.clone()).await?;
        return match tested {
            Ok(test) => {
                shown.tested = Some(Shown::new(test, &description));
                shown.unsaved = entered(&description, &sent);
                page(&shown)
            }
            Err(error) => {
                shown.mistakes = Mistakes::of(beside_fields(error.into()))?;
                again(&shown.mistakes, &shown)
            }
        };
    }
    let change = ConnectorChange {
        name: Some(filled.name.clone()),
        description: Some(filled.description.clone()),
        plugin: None,
        version: Some(version),
        settings: Some(changes(&description, &connector.settings, &filled.settings)),
        secrets,
    };
    let revision = sent.text("revision").parse().unwrap_or(-1);
    let changed = plane
        .catalog
        .change_connector(&by, id, Some(revision), change)
        .await;
    match changed {
        Ok(changed) if changed.revision == revision => done(
            &format!("/connectors/{id}"),
            format!("Nothing of {} was changed.", changed.name),
        ),
        Ok(changed) => done(
            &format!("/connectors/{id}"),
            format!("{} was changed.", changed.name),
        ),
        Err(error) => {
            let is_stale = matches!(error, CatalogError::Stale { .. });
            let mistakes = Mistakes::of(beside_fields(error.into()))?;
            let mut shown = shown(&plane, shell, connector, filled, description.clone()).await?;
            shown.mistakes = mistakes;
            shown.is_stale = is_stale;
            shown.unsaved = entered(&description, &sent);
            again(&shown.mistakes, &shown)
        }
    }
}

/// Tests what is filled in, on top of what is saved.
async fn test(
    plane: &Plane,
    id: Uuid,
    version: Pin,
    settings: &Map<String, Value>,
    secrets: SecretChanges,
) -> Result<LastTest, CatalogError> {
    let draft = Draft {
        connector: Some(id),
        plugin: None,
        version: Some(version),
        settings: Some(settings.clone()),
        secrets,
    };
    let found = plane.catalog.test(draft).await?;
    Ok(LastTest {
        at: plane.clock.now(),
        stale: false,
        found,
    })
}

/// Labels of secrets for which something was entered: it is not shown again.
fn entered(description: &Description, sent: &Sent) -> Vec<String> {
    let settings = description.settings.iter();
    let entered = settings.filter(|setting| {
        setting.kind == crate::contract::SettingKind::Secret
            && !sent.text(&format!("secrets.{}", setting.key)).is_empty()
    });
    entered.map(|setting| setting.label.clone()).collect()
}
