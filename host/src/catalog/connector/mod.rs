//! Connectors: a plugin with settings, secrets and a name.

mod change;
mod examine;
mod lifecycle;
mod read;
mod warning;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::form::SecretChanges;
use super::input::given;
use crate::contract::Description;
use crate::plugin::registry::Wanted;
use crate::vault::SecretNote;
use crate::work::state::State;

pub(super) use change::{SoundConnector, present, refuse_taken};
pub use read::{ConnectorFilter, PluginUse};
pub(super) use read::{find, stamp};
pub use warning::Warning;

/// A connector, as it is shown. Its secrets are never shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connector {
    /// Identifier; in the directory store it is the connector's name.
    pub id: Uuid,
    /// Counts its changes.
    pub revision: i64,
    /// Name, unique without regard to case.
    pub name: String,
    /// For people.
    pub description: String,
    /// Name of its plugin.
    pub plugin: String,
    /// Which version of it.
    pub version: Pin,
    /// The data that it brings.
    pub data_model: DataModelName,
    /// Settings by key, without secrets.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// Which secrets have a value.
    pub secrets: Vec<SecretNote>,
    /// Where it stands.
    pub state: State,
    /// Since when it stands there.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Whether nothing runs until it is enabled.
    pub disabled: bool,
    /// Whether schedules are ignored until it is resumed; it still runs when asked.
    pub paused: bool,
    /// Its making.
    pub created: Stamp,
    /// Its last change.
    pub changed: Stamp,
    /// What an administrator should look at.
    pub warnings: Vec<Warning>,
}

/// When something was done, and who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stamp {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Name of who did it.
    pub by: String,
}

/// The data that a connector brings, as its plugin declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataModelName {
    /// Name of the target model.
    #[schema(examples("Qualys Group"))]
    pub name: String,
    /// Kind of data.
    #[serde(rename = "type")]
    #[schema(examples("Assets (User Groups)"))]
    pub kind: String,
}

/// Which version of a plugin is used: `latest`, the one that is active when a run begins, or a certain one.
#[derive(Debug, Clone, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, examples("latest", "1.2.0"))]
pub struct Pin(pub Option<Version>);

/// A connector to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConnector {
    /// Name of 1 to 100 characters, unique without regard to case.
    pub name: String,
    /// For people, up to 2,000 characters.
    #[serde(default)]
    pub description: String,
    /// Name of an installed plugin.
    pub plugin: String,
    /// Which version of it.
    #[serde(default)]
    pub version: Pin,
    /// The data that it is to bring; it must be what the plugin declares, which is also meant by leaving it
    /// out.
    #[serde(default)]
    pub data_model: Option<DataModelName>,
    /// Settings by key, without secrets; `null` is the same as leaving one out.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// Its secrets.
    #[serde(default)]
    pub secrets: SecretChanges,
}

/// A change of a connector. Members that are left out stay as they are.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectorChange {
    /// Another name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub name: Option<String>,
    /// Another description.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<String>,
    /// Another plugin: not while a run goes on, nor while profiles use a map of the plugin so far.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub plugin: Option<String>,
    /// Another version.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Pin>)]
    pub version: Option<Pin>,
    /// Settings to be changed, by key; `null` removes one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// Secrets to be changed.
    #[serde(default)]
    pub secrets: SecretChanges,
}

/// A copy of a connector to be made: with its settings and secrets, and its profiles, which begin inactive.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloneConnector {
    /// Name of the copy.
    pub name: String,
    /// Whether group links are copied too.
    #[serde(default)]
    pub links: bool,
}

/// What becomes of the users, groups and memberships that a deleted connector brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// They stay, and never change again.
    Keep,
    /// They are removed.
    Remove,
}

impl Connector {
    /// The version of its plugin that it uses.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted {
            name: self.plugin.clone(),
            version: self.version.0.clone(),
        }
    }
}

impl DataModelName {
    fn of(description: &Description) -> Self {
        Self {
            name: description.target_model.name.clone(),
            kind: description.category.clone(),
        }
    }
}

/// The word for [`Pin`]'s none.
const LATEST: &str = "latest";
/// Longest version, in bytes.
const VERSION_BYTES: usize = 64;

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(version) => version.fmt(f),
            None => f.write_str(LATEST),
        }
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == LATEST {
            return Ok(Self(None));
        }
        Some(text)
            .filter(|text| text.len() <= VERSION_BYTES)
            .and_then(|text| Version::parse(&text).ok())
            .map(|version| Self(Some(version)))
            .ok_or_else(|| {
                serde::de::Error::custom("neither `latest` nor a version such as `1.2.0`")
            })
    }
}
