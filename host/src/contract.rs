//! The host's own types for what crosses the plugin's border, beside [`crate::directory::Change`].
//!
//! Meanings are those of `wit/contract.wit`. Values get here only through the checked conversion in
//! `plugin::convert`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Static facts about a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Stable identifier.
    pub name: String,
    /// Its version.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// Who makes the product that data comes from.
    pub vendor: String,
    /// The product that data comes from.
    pub product: String,
    /// One or two sentences for a catalogue.
    pub summary: String,
    /// Kind of data.
    pub category: String,
    /// Kinds of asset.
    pub asset_types: Vec<String>,
    /// Kinds of finding.
    pub finding_types: Vec<String>,
    /// Versions of the vendor's interface.
    pub supported_versions: Vec<String>,
    /// How data is fetched.
    pub integration_method: String,
    /// Which way data flows.
    pub direction: String,
    /// Whether incremental runs are possible.
    pub incremental: bool,
    /// What one might expect and won't get.
    pub unsupported: Vec<String>,
    /// What must be configured.
    pub settings: Vec<Setting>,
    /// What must be granted.
    pub permissions: Vec<Permission>,
    /// How to get at what the settings ask for.
    pub guide: Vec<Chapter>,
    /// Kinds of group, in the order in which to show them.
    pub group_kinds: Vec<Choice>,
    /// Hosts that it may want to reach over https.
    pub hosts: Vec<String>,
    /// The records that it reads.
    pub source_model: DataModel,
    /// The records that it emits.
    pub target_model: DataModel,
    /// Ready-made maps; the first is the default.
    pub maps: Vec<TransformMap>,
    /// Changes when old cursors can't be read any more.
    pub checkpoint_version: u32,
}

impl Description {
    /// `name@version`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// One thing to configure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Key in the settings document.
    pub key: String,
    /// What a form shows.
    pub label: String,
    /// What may be entered.
    pub kind: SettingKind,
    /// Whether the connector can work without it.
    pub required: bool,
    /// Where to find it and what it does.
    pub help: String,
    /// JSON text of the value that stands for an absent one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
}

/// What may be entered for a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SettingKind {
    /// A string.
    Text,
    /// A string that stays in the host.
    Secret,
    /// One of these.
    Choice(Vec<Choice>),
    /// `true` or `false`.
    Flag,
    /// An array of strings, or `"all"`.
    Items,
    /// An array of identifiers of groups, or `"all"`.
    Groups,
    /// An object.
    Document,
}

/// One choice of a setting, or a kind of group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Choice {
    /// The value in the settings document, or of a group's kind.
    pub value: String,
    /// What people see.
    pub label: String,
}

/// Something to do at the vendor's side. In its texts, backticks are around what is entered as it is, asterisks around
/// what stands on a page of the vendor's, and an https address is a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Chapter {
    /// What it is about.
    pub title: String,
    /// One after the other.
    pub steps: Vec<String>,
}

/// Something to be granted at the vendor's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Permission {
    /// The name to look for.
    pub name: String,
    /// Why, and what is missing without it.
    pub reason: String,
    /// Whether the connector can work without it.
    pub required: bool,
}

/// A model of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataModel {
    /// Name to show.
    pub name: String,
    /// Every field.
    pub fields: Vec<Field>,
    /// In a target model: path of the list of a user's groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_path: Option<String>,
}

/// A field of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Field {
    /// Names joined with `.`; `[]` marks a list.
    pub path: String,
    /// JSON type.
    pub kind: String,
    /// What it means.
    pub meaning: String,
}

/// How source records become target documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransformMap {
    /// Name to show.
    pub name: String,
    /// Name of the source model.
    pub source_model: String,
    /// Name of the target model.
    pub target_model: String,
    /// In the order in which to show them.
    pub rules: Vec<Rule>,
}

/// One target field and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Target path.
    pub target: String,
    /// Source paths, tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Applied in order to a value found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// JSON text of the value where no source gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// The administrator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Something wrong with what an administrator entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A setting's key, or a path into a map.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// A line of the connection test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckLine {
    /// What was tested.
    pub item: String,
    /// How it went.
    pub outcome: CheckOutcome,
    /// What was seen.
    pub seen: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// How a line of the connection test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// As it should be.
    Passed,
    /// The connector can't work like this.
    Failed,
    /// Not tested, or something optional is missing.
    Skipped,
}

/// A page of groups to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidates {
    /// In the source's order.
    pub groups: Vec<Candidate>,
    /// What to ask with for more.
    pub next: Option<String>,
}

/// A group to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Candidate {
    /// Identifier at the source.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// What else helps to choose.
    pub detail: String,
}

/// A group of the source and the platform's groups that it feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupLink {
    /// Identifier at the source.
    pub group: String,
    /// Identifiers in the platform.
    pub platform_groups: Vec<String>,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The first partitions.
    pub partitions: Vec<crate::directory::Partition>,
    /// Objects expected.
    pub expected: Expectation,
    /// Whether users whom no membership reaches are dropped at the end.
    pub drop_unreferenced_users: bool,
    /// Which strategy was chosen and why.
    pub note: Option<String>,
}

/// Objects expected in a run, where known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Users.
    pub users: Option<u64>,
    /// Groups.
    pub groups: Option<u64>,
    /// Direct memberships.
    pub members: Option<u64>,
}

/// Why a hook could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, ToSchema)]
#[error("{message} [{code}]")]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Who must act.
    pub kind: FaultKind,
    /// Stable word to search for.
    pub code: String,
    /// What happened and what it means.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The setting to look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
}

/// Who must act on a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The administrator: a setting is wrong.
    Configuration,
    /// The administrator: the credential is refused.
    Authentication,
    /// The administrator: something isn't granted.
    Permission,
    /// The host: wait so many milliseconds, then read again.
    Throttled(Option<u64>),
    /// The host: make the run a snapshot.
    CursorExpired,
    /// The host: try again soon.
    Transient,
    /// The plugin's author or the vendor.
    Protocol,
    /// Nobody, by trying again.
    Permanent,
}
