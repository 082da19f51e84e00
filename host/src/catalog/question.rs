//! Questions to a source while a connector is configured: the connection test, and groups to choose from.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Origin, Url};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connector::{find, present};
use super::form::{SecretChange, SecretChanges, located};
use super::input::Findings;
use super::types::Question;
use super::{Catalog, CatalogError, Pin};
use crate::contract::{Candidates, CheckLine, CheckOutcome, Description, Fault};
use crate::egress::{Authentication, Connection, Secrets};
use crate::plugin::registry::Wanted;
use crate::settings::{PluginSettings, Settings};

/// Settings that are to be tried before they are saved.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draft {
    /// A saved connector, which gives whatever is left out here. Its secrets are used only where the draft
    /// connects to the same origins.
    #[serde(default)]
    pub connector: Option<Uuid>,
    /// Name of an installed plugin.
    #[serde(default)]
    pub plugin: Option<String>,
    /// Which version of it.
    #[serde(default)]
    pub version: Option<Pin>,
    /// Settings by key, all of them.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub settings: Option<Map<String, Value>>,
    /// Secrets; `null` for one is to leave it out.
    #[serde(default)]
    pub secrets: SecretChanges,
}

/// What a connection test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tested {
    /// Whether the connector can work: something was tested, and nothing failed.
    pub passed: bool,
    /// What was tested.
    pub lines: Vec<CheckLine>,
    /// Why nothing could be tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

impl Draft {
    /// A connector as it is saved.
    #[must_use]
    pub fn saved(connector: Uuid) -> Self {
        Self {
            connector: Some(connector),
            ..Self::default()
        }
    }
}

/// What a draft builds on.
#[derive(Default)]
pub(super) struct Base {
    /// Identifier of the connector; empty where there is none yet.
    pub(super) connector: String,
    pub(super) wanted: Option<Wanted>,
    pub(super) settings: Map<String, Value>,
    pub(super) secrets: Secrets,
}

impl Catalog {
    /// The connection test.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] where the draft can't be; that the source can't be reached is no error.
    pub async fn test(&self, draft: Draft) -> Result<Tested, CatalogError> {
        let asked = self.question(draft).await?;
        self.tested(asked).await
    }

    pub(super) async fn tested(
        &self,
        (question, description): (Question, Arc<Description>),
    ) -> Result<Tested, CatalogError> {
        let map = description.maps.first();
        let map = map.ok_or(CatalogError::NotFound("transform map"))?;
        match self.types.check(&question, map).await {
            Ok(lines) => Ok(Tested {
                passed: !lines.is_empty()
                    && lines
                        .iter()
                        .all(|line| line.outcome != CheckOutcome::Failed),
                lines,
                fault: None,
            }),
            Err(CatalogError::Fault(fault)) => Ok(Tested {
                passed: false,
                lines: Vec::new(),
                fault: Some(fault),
            }),
            Err(error) => Err(in_request(&description, error)),
        }
    }

    /// Groups of the source whose names begin with `name`, a page of the source's own size. `page` is
    /// [`Candidates::next`] of the page before.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] where the draft can't be, [`CatalogError::Fault`] where the source can't be
    /// asked.
    pub async fn discover(
        &self,
        draft: Draft,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError> {
        let asked = self.question(draft).await?;
        self.found(asked, name, page).await
    }

    pub(super) async fn found(
        &self,
        (question, description): (Question, Arc<Description>),
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError> {
        let found = self.types.discover(&question, name, page).await;
        found.map_err(|error| in_request(&description, error))
    }

    async fn question(&self, draft: Draft) -> Result<(Question, Arc<Description>), CatalogError> {
        let base = match draft.connector {
            Some(id) => self.base(id).await?,
            None => Base::default(),
        };
        self.question_on(base, draft).await
    }

    /// The question that a draft asks, with what it builds on.
    pub(super) async fn question_on(
        &self,
        base: Base,
        draft: Draft,
    ) -> Result<(Question, Arc<Description>), CatalogError> {
        let mut findings = Findings::default();
        let changes = draft.secrets.read(&mut findings);
        let changes_settings =
            draft.settings.is_some() || draft.plugin.is_some() || draft.version.is_some();
        let wanted = match (draft.plugin, draft.version, &base.wanted) {
            (Some(name), version, _) => Wanted {
                name,
                version: version.unwrap_or_default().0,
            },
            (None, version, Some(saved)) => Wanted {
                name: saved.name.clone(),
                version: version.map_or_else(|| saved.version.clone(), |pin| pin.0),
            },
            (None, _, None) => {
                findings.add(
                    "plugin",
                    "It is missing.",
                    "Give the name of an installed plugin, or a saved connector.",
                );
                return Err(CatalogError::Invalid(findings.into_problems()));
            }
        };
        let mut settings = draft.settings.unwrap_or_else(|| base.settings.clone());
        settings.retain(|_, value| !value.is_null());

        let kept: BTreeSet<String> = base.secrets.keys().cloned().collect();
        let present = present(kept.clone(), &changes, &mut findings);
        let examined = self
            .examine(&wanted, &settings, &present, &mut findings)
            .await?;
        findings.end()?;
        let description = examined
            .ok_or(CatalogError::NotFound("connector type"))?
            .description;

        let mut secrets = Secrets::new();
        let mut borrowed = None;
        for key in present {
            match changes.get(&key) {
                Some(SecretChange::Set { secret, .. }) => {
                    secrets.insert(key, secret.clone());
                }
                _ => {
                    if let Some(secret) = base.secrets.get(&key) {
                        borrowed = Some(key.clone());
                        secrets.insert(key, secret.clone());
                    }
                }
            }
        }
        let values = Value::Object(settings).to_string();
        let split = Settings::split(&values, secrets, &description);
        let settings =
            split.map_err(|problems| CatalogError::Invalid(located(&description, problems)))?;
        if let Some(key) = borrowed
            && changes_settings
        {
            let saved = PluginSettings {
                values: Value::Object(base.settings).to_string(),
                secrets: kept.into_iter().collect(),
            };
            let of = (base.wanted.as_ref().unwrap_or(&wanted), &saved);
            self.refuse_elsewhere(of, (&wanted, &settings.plugin), &key)
                .await?;
        }
        let question = Question {
            connector: base.connector,
            wanted,
            settings,
        };
        Ok((question, description))
    }

    async fn base(&self, id: Uuid) -> Result<Base, CatalogError> {
        self.database
            .read(async |connection| {
                let connector = find(connection, id).await?;
                Ok(Base {
                    connector: id.to_string(),
                    wanted: Some(connector.wanted()),
                    settings: connector.settings,
                    secrets: self.vault.reveal(connection, id).await?,
                })
            })
            .await
    }

    /// Whoever may only try settings must not learn a saved secret by sending it elsewhere.
    async fn refuse_elsewhere(
        &self,
        saved: (&Wanted, &PluginSettings),
        draft: (&Wanted, &PluginSettings),
        secret: &str,
    ) -> Result<(), CatalogError> {
        let draft = self.types.connect(draft.0, draft.1).await?;
        let saved = match self.types.connect(saved.0, saved.1).await {
            Ok(connection) => connection.ok(),
            Err(_) => None,
        };
        if let (Some(saved), Ok(draft)) = (saved, draft)
            && places(&draft).is_subset(&places(&saved))
        {
            return Ok(());
        }
        let mut findings = Findings::default();
        findings.add(
            format!("secrets.{secret}"),
            "The draft connects elsewhere than the saved connector, so the saved secret is not used.",
            "Give the secret with the draft, or save the connector first.",
        );
        findings.end()
    }
}

/// Problems of settings that only turned up when the source was about to be asked.
fn in_request(description: &Description, error: CatalogError) -> CatalogError {
    match error {
        CatalogError::Invalid(problems) => CatalogError::Invalid(located(description, problems)),
        error => error,
    }
}

/// Where a connection sends secrets, or what it got for them.
fn places(connection: &Connection) -> BTreeSet<String> {
    let mut urls: Vec<&str> = connection.origins.iter().map(String::as_str).collect();
    if let Authentication::ClientCredentials(credentials) = &connection.authentication {
        urls.push(&credentials.token_endpoint);
        urls.extend(credentials.audience.iter().map(String::as_str));
    }
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    urls.into_iter()
        .map(|url| match origin(url) {
            Some(origin @ Origin::Tuple(..)) => origin.ascii_serialization(),
            // Nothing that anything could be sent to.
            _ => url.to_owned(),
        })
        .collect()
}
