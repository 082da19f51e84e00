//! What work knows of the catalogue.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::contract::{Fault, GroupLink, TransformMap};
use crate::egress::Secrets;
use crate::limits::Guard;
use crate::plugin::registry::Wanted;
use crate::schedule::{Baseline, Schedule};

/// A profile that runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Whose profile it is.
    pub connector: Uuid,
    /// Name of the connector.
    pub connector_name: String,
    /// The profile.
    pub profile: Uuid,
    /// Name of the profile.
    pub profile_name: String,
    /// When it runs.
    pub schedule: Schedule,
    /// Which of its runs read everything.
    pub baseline: Baseline,
    /// Since when its schedule counts: when it was set, or the profile activated, or the connector enabled or
    /// resumed, whichever came last. Occurrences before this are nobody's.
    pub since: Timestamp,
}

/// The profile that a run by hand uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Name of the connector.
    pub connector_name: String,
    /// The profile.
    pub profile: Uuid,
    /// Name of the profile.
    pub profile_name: String,
}

/// Why no profile could be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotChosen {
    /// There is no such connector.
    NoConnector,
    /// The connector has no such profile, or none at all.
    NoProfile,
    /// It must not run, or nobody could find out whether it may.
    Refused(Fault),
}

/// Everything that a run needs of its profile, as it is configured when the run begins.
#[derive(Debug, Clone)]
pub struct JobParts {
    /// Whose profile it is; in text it is the connector's name in the directory.
    pub connector: Uuid,
    /// Name of the connector.
    pub connector_name: String,
    /// The profile.
    pub profile: Uuid,
    /// Name of the profile.
    pub profile_name: String,
    /// The plugin.
    pub wanted: Wanted,
    /// JSON object of the settings, without secrets.
    pub settings: String,
    /// The secret settings.
    pub secrets: Secrets,
    /// The newest version of the transform map, with nothing in it that is only for people: its name is its
    /// identifier and no rule has a note. So a new name makes no run a snapshot.
    pub map: TransformMap,
    /// Links between the source's groups and the platform's, in an order that is always the same.
    pub links: Vec<GroupLink>,
    /// The mass-change guard.
    pub guard: Guard,
}

/// What is to be run when, and with what: the only thing that work knows of the catalogue.
#[async_trait]
pub trait Assignments: Send + Sync + 'static {
    /// The active profiles of enabled connectors that are not paused, and that have a schedule.
    ///
    /// # Errors
    /// Where that can't be told just now; it is asked again.
    async fn scheduled(&self) -> Result<Vec<Assignment>, Fault>;

    /// The profile for a run by hand of a connector: the wanted one, or the one that it would be.
    ///
    /// # Errors
    /// [`NotChosen`].
    async fn choose(&self, connector: Uuid, wanted: Option<Uuid>) -> Result<Chosen, NotChosen>;

    /// What a run of this profile needs, read when it begins.
    ///
    /// # Errors
    /// Where the profile is gone, its connector is disabled, or its secrets can't be opened.
    async fn job(&self, profile: Uuid) -> Result<JobParts, Fault>;

    /// A number that changes whenever one of the answers above may have changed.
    fn changed(&self) -> watch::Receiver<u64>;
}
