//! Transform maps: those that plugins bring, which are read-only, and administrators' own, in versions.

mod change;
mod compare;
mod diff;
mod id;
mod preview;
mod read;
mod rules;
mod sample;
mod version;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connector::Stamp;
use super::input::given;
use crate::contract::Rule;

pub use compare::{Compared, compared};
pub use diff::{ChangedField, ChangedRule, MapDiff, MovedRule, PlacedRule};
pub use id::MapId;
pub(in crate::catalog) use id::brought;
pub use preview::{Before, Preview, PreviewOf, Record, RulesInForce, SampleOrigin};
pub use read::MapFilter;
pub use rules::RulesDraft;
pub use version::{MapVersion, MapVersionDetail};

/// A map by identifier and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MapName {
    /// Its identifier.
    pub id: String,
    /// Its name; absent where the map is gone, as when its plugin is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A transform map, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapRecord {
    /// Identifier: `default.PLUGIN.NAME` for one that a plugin brings, a UUID for an own one.
    pub id: String,
    /// Name, of own maps unique for a plugin without regard to case.
    pub name: String,
    /// The plugin that it is for.
    pub plugin: String,
    /// Name of the source model.
    pub source_model: String,
    /// Name of the target model.
    pub target_model: String,
    /// Whether it can't be changed, only cloned.
    pub read_only: bool,
    /// Counts its changes; 0 for one that a plugin brings.
    pub revision: i64,
    /// The newest version, counted from 1; 0 for one that a plugin brings, which has no others.
    pub version: i64,
    /// How many profiles use it.
    pub uses: u64,
    /// Profiles that use it, by connector and name.
    pub used_by: Vec<MapUse>,
    /// Its making.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// Its last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Stamp>,
}

/// A transform map with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapDetail {
    /// The map.
    #[serde(flatten)]
    pub map: MapRecord,
    /// The rules of the newest version.
    pub rules: Vec<Rule>,
}

/// A profile that uses a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapUse {
    /// The profile.
    pub profile: Uuid,
    /// Its name.
    pub profile_name: String,
    /// Its connector.
    pub connector: Uuid,
    /// Name of the connector.
    pub connector_name: String,
}

/// A transform map to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMap {
    /// Name of 1 to 100 characters, unique for the plugin without regard to case.
    pub name: String,
    /// Name of an installed plugin.
    pub plugin: String,
    /// Name of the source model; the plugin's where absent.
    #[serde(default)]
    pub source_model: Option<String>,
    /// Name of the target model; the plugin's where absent.
    #[serde(default)]
    pub target_model: Option<String>,
    /// The rules; where absent, those of the plugin's default map, since a map without any can't tell records
    /// apart.
    #[serde(default)]
    pub rules: Option<Vec<Rule>>,
    /// About its first version.
    #[serde(default)]
    pub comment: String,
}

/// A copy of a map to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloneMap {
    /// Name of the copy.
    pub name: String,
    /// Which version is copied; the newest where absent.
    #[serde(default)]
    pub version: Option<i64>,
    /// About the copy's first version.
    #[serde(default)]
    pub comment: String,
}

/// A change of an own map. Members that are left out stay as they are.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MapChange {
    /// Another name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub name: Option<String>,
    /// All rules, in order, of a new version.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Rule>>)]
    pub rules: Option<Vec<Rule>>,
    /// About the new version.
    #[serde(default)]
    pub comment: String,
}
