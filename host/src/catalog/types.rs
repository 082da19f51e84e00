//! Connector types: the installed plugins, what they declare and what they judge.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use utoipa::ToSchema;

use super::CatalogError;
use crate::contract::{
    Candidates, CheckLine, Description, Fault, FaultKind, Problem, TransformMap,
};
use crate::directory::Mode;
use crate::egress::{Connection, Egress};
use crate::plugin::registry::{Entry, Registry, RegistryError, Standing, Wanted};
use crate::plugin::{CallError, Plugin, RunRequest};
use crate::run::{self, ConnectError};
use crate::settings::{PluginSettings, Settings};

/// How long a question to the source may take while somebody waits for the answer.
const ASKING: Duration = Duration::from_secs(60);
/// How long a question to the plugin alone may take.
const THINKING: Duration = Duration::from_secs(20);

/// A kind of connector: an installed plugin.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorType {
    /// Name of the plugin.
    pub name: String,
    /// The version that connectors without a pinned one use; absent where none is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub active: Option<Version>,
    /// Installed versions, the oldest first.
    pub versions: Vec<InstalledVersion>,
    /// What the active version declares, or the newest that may run; absent where none may.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Description>)]
    pub description: Option<Arc<Description>>,
    /// Why nothing is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// An installed version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstalledVersion {
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// Where it stands: `active`, `ready`, `waiting` for approval, or `withdrawn`.
    pub standing: String,
    /// What it waits for, or why it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Version of the contract that it was built for.
    pub contract: String,
    /// The trusted key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When it was installed.
    #[schema(value_type = String, format = DateTime)]
    pub installed_at: Timestamp,
}

/// What a plugin is asked about a source.
#[derive(Debug, Clone)]
pub struct Question {
    /// Identifier of the connector, whose limits hold; empty for one that isn't there yet.
    pub connector: String,
    /// The plugin.
    pub wanted: Wanted,
    /// Settings and secrets.
    pub settings: Settings,
}

/// The installed plugins, as far as the catalog needs them.
#[async_trait]
pub trait Types: std::fmt::Debug + Send + Sync + 'static {
    /// Every installed plugin, by name.
    async fn installed(&self) -> Result<Vec<ConnectorType>, CatalogError>;

    /// What a version declares.
    ///
    /// # Errors
    /// [`CatalogError::Plugin`] where it can't be had.
    async fn description(&self, wanted: &Wanted) -> Result<Arc<Description>, CatalogError>;

    /// What the plugin makes of settings: where it would connect, or what is wrong with them.
    async fn connect(
        &self,
        wanted: &Wanted,
        settings: &PluginSettings,
    ) -> Result<Result<Connection, Vec<Problem>>, CatalogError>;

    /// The connection test. [`CatalogError::Fault`] says why nothing could be tested.
    async fn check(
        &self,
        question: &Question,
        map: &TransformMap,
    ) -> Result<Vec<CheckLine>, CatalogError>;

    /// Groups to choose from whose names begin with `name`.
    async fn discover(
        &self,
        question: &Question,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError>;

    /// Every problem of a map.
    async fn validate(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
    ) -> Result<Vec<Problem>, CatalogError>;

    /// What a map makes of a sample: a document as JSON text, or the problems of map and sample.
    async fn preview(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
        sample: &str,
    ) -> Result<Result<String, Vec<Problem>>, CatalogError>;
}

/// The plugins of a registry.
#[derive(Debug)]
pub struct Installed {
    registry: Arc<Registry>,
    egress: Arc<Egress>,
    /// By the content of the component, which never says anything else.
    descriptions: Mutex<HashMap<String, Arc<Description>>>,
}

impl Installed {
    /// The plugins of this registry, which reach their sources this way.
    #[must_use]
    pub fn new(registry: Arc<Registry>, egress: Arc<Egress>) -> Self {
        Self {
            registry,
            egress,
            descriptions: Mutex::default(),
        }
    }

    async fn described(&self, entry: &Entry) -> Result<Arc<Description>, RegistryError> {
        let known = {
            let descriptions = self.descriptions.lock();
            let descriptions = descriptions.unwrap_or_else(PoisonError::into_inner);
            descriptions.get(&entry.sha256).cloned()
        };
        if let Some(description) = known {
            return Ok(description);
        }
        let plugin = self.registry.resolve(&entry.id.clone().into()).await?;
        let description = Arc::new(plugin.description().clone());
        let descriptions = self.descriptions.lock();
        let mut descriptions = descriptions.unwrap_or_else(PoisonError::into_inner);
        descriptions.insert(plugin.facts().sha256.clone(), Arc::clone(&description));
        Ok(description)
    }

    async fn of_entries(&self, name: &str, entries: &[Entry]) -> ConnectorType {
        let active = entries
            .iter()
            .find(|entry| entry.standing == Standing::Active);
        let usable = || {
            let mut newest_first = entries.iter().rev();
            newest_first.find(|entry| entry.standing == Standing::Ready)
        };
        let (description, trouble) = match active.or_else(usable) {
            Some(entry) => match self.described(entry).await {
                Ok(description) => (Some(description), None),
                Err(error) => (None, Some(error.to_string())),
            },
            None => (None, Some("No installed version may run yet.".to_owned())),
        };
        ConnectorType {
            name: name.to_owned(),
            active: active.map(|entry| entry.id.version.clone()),
            versions: entries.iter().map(installed_version).collect(),
            description,
            trouble,
        }
    }

    async fn plugin(&self, question: &Question) -> Result<Plugin, CatalogError> {
        let plugin = self.registry.resolve(&question.wanted).await?;
        Ok(plugin.for_connector(&question.connector))
    }
}

fn installed_version(entry: &Entry) -> InstalledVersion {
    let (standing, reason) = match &entry.standing {
        Standing::Active => ("active", None),
        Standing::Ready => ("ready", None),
        Standing::Waiting(beyond) => ("waiting", Some(beyond.to_string())),
        Standing::Withdrawn(reason) => ("withdrawn", Some(reason.clone())),
    };
    InstalledVersion {
        version: entry.id.version.clone(),
        standing: standing.to_owned(),
        reason,
        contract: entry.contract.clone(),
        signed_by: entry.signed_by.clone(),
        installed_at: entry.installed_at,
    }
}

#[async_trait]
impl Types for Installed {
    async fn installed(&self) -> Result<Vec<ConnectorType>, CatalogError> {
        let entries = self.registry.list().await?;
        let mut types = Vec::new();
        for of_one in entries.chunk_by(|one, next| one.id.name == next.id.name) {
            if let Some(first) = of_one.first() {
                types.push(self.of_entries(&first.id.name, of_one).await);
            }
        }
        Ok(types)
    }

    async fn description(&self, wanted: &Wanted) -> Result<Arc<Description>, CatalogError> {
        let entries = self.registry.list().await?;
        let entry = entries.iter().find(|entry| {
            entry.id.name == wanted.name
                && match &wanted.version {
                    Some(version) => entry.id.version == *version,
                    None => entry.standing == Standing::Active,
                }
        });
        match entry {
            Some(entry) if !matches!(entry.standing, Standing::Waiting(_)) => {
                Ok(self.described(entry).await?)
            }
            // It says what is wrong.
            _ => {
                let plugin = self.registry.resolve(wanted).await?;
                Ok(Arc::new(plugin.description().clone()))
            }
        }
    }

    async fn connect(
        &self,
        wanted: &Wanted,
        settings: &PluginSettings,
    ) -> Result<Result<Connection, Vec<Problem>>, CatalogError> {
        let plugin = self.registry.resolve(wanted).await?;
        within(THINKING, async {
            plugin.open(None).await?.connect(settings).await
        })
        .await
    }

    async fn check(
        &self,
        question: &Question,
        map: &TransformMap,
    ) -> Result<Vec<CheckLine>, CatalogError> {
        let plugin = self.plugin(question).await?;
        let settings = &question.settings;
        let connected = run::connect(&plugin, settings, &self.egress)
            .await
            .map_err(refused)?;
        let request = RunRequest::new(&settings.plugin, map, &[], Mode::Snapshot, None);
        let lines = within(ASKING, async {
            let mut instance = plugin.open(Some(&connected.session)).await?;
            instance.check(&request).await
        })
        .await?;
        Ok(connected
            .certificate_line()
            .into_iter()
            .chain(lines)
            .collect())
    }

    async fn discover(
        &self,
        question: &Question,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError> {
        let plugin = self.plugin(question).await?;
        let settings = &question.settings;
        let connected = run::connect(&plugin, settings, &self.egress)
            .await
            .map_err(refused)?;
        // Groups don't depend on the map; every plugin has at least one.
        let maps = &plugin.description().maps;
        let map = maps.first().cloned().unwrap_or_else(|| TransformMap {
            name: String::new(),
            source_model: plugin.description().source_model.name.clone(),
            target_model: plugin.description().target_model.name.clone(),
            rules: Vec::new(),
        });
        let request = RunRequest::new(&settings.plugin, &map, &[], Mode::Snapshot, None);
        within(ASKING, async {
            let mut instance = plugin.open(Some(&connected.session)).await?;
            instance.discover(&request, name, page).await
        })
        .await
    }

    async fn validate(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
    ) -> Result<Vec<Problem>, CatalogError> {
        let plugin = self.registry.resolve(wanted).await?;
        within(THINKING, async {
            plugin.open(None).await?.validate(map).await
        })
        .await
    }

    async fn preview(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
        sample: &str,
    ) -> Result<Result<String, Vec<Problem>>, CatalogError> {
        let plugin = self.registry.resolve(wanted).await?;
        within(THINKING, async {
            plugin.open(None).await?.preview(map, sample).await
        })
        .await
    }
}

fn refused(error: ConnectError) -> CatalogError {
    match error {
        ConnectError::Problems(problems) => CatalogError::Invalid(problems),
        ConnectError::Fault(fault) => CatalogError::Fault(fault),
    }
}

async fn within<T>(
    time: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CatalogError> {
    match tokio::time::timeout(time, call).await {
        Ok(outcome) => outcome.map_err(|error| CatalogError::Fault(error.into_fault())),
        Err(_) => Err(CatalogError::Fault(Fault {
            kind: FaultKind::Transient,
            code: "catalog.deadline".into(),
            message: format!("There was no answer within {} seconds.", time.as_secs()),
            remedy: Some("Try again; the source may be slow or throttle.".into()),
            setting: None,
        })),
    }
}
