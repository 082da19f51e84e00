//! Profiles: when a connector runs, with which transform map, and what its guard lets through.

mod change;
mod list;
mod read;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connector::Stamp;
use super::input::given;
use super::map::MapName;
use crate::limits::Guard;
use crate::schedule::{Baseline, Schedule};

pub use list::{ListedProfile, ProfileFilter};
pub(super) use read::{COLUMNS, maps_of_other_plugins, profile};

/// A profile, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Identifier.
    pub id: Uuid,
    /// Its connector.
    pub connector: Uuid,
    /// Counts its changes.
    pub revision: i64,
    /// Name, unique in its connector without regard to case.
    pub name: String,
    /// For people.
    pub description: String,
    /// The transform map; runs use its newest version.
    pub map: MapName,
    /// Whether its schedule counts.
    pub active: bool,
    /// Which of its runs read everything.
    pub baseline: Baseline,
    /// When it runs.
    pub schedule: Schedule,
    /// The same in a sentence.
    pub schedule_text: String,
    /// What its runs may remove without being held.
    pub guard: Guard,
    /// Its making.
    pub created: Stamp,
    /// Its last change.
    pub changed: Stamp,
}

/// A profile to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProfile {
    /// Name of 1 to 100 characters, unique in its connector without regard to case.
    pub name: String,
    /// For people, up to 2,000 characters.
    #[serde(default)]
    pub description: String,
    /// Identifier of a transform map; the plugin's own default where absent.
    #[serde(default)]
    pub map: Option<String>,
    /// Whether its schedule counts.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub active: bool,
    /// Which of its runs read everything.
    #[serde(default)]
    pub baseline: Baseline,
    /// When it runs; only when asked where absent.
    #[serde(default)]
    pub schedule: Schedule,
    /// What its runs may remove without being held.
    #[serde(default)]
    pub guard: Guard,
}

fn yes() -> bool {
    true
}

/// A change of a profile. Members that are left out stay as they are; those that are given are taken whole.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileChange {
    /// Another name.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub name: Option<String>,
    /// Another description.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<String>,
    /// Identifier of another transform map.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub map: Option<String>,
    /// Whether its schedule counts.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    pub active: Option<bool>,
    /// Another baseline.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Baseline>)]
    pub baseline: Option<Baseline>,
    /// Another schedule.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Schedule>)]
    pub schedule: Option<Schedule>,
    /// Another guard.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Guard>)]
    pub guard: Option<Guard>,
}
