//! What administrators configure: connectors, their profiles and group links, and transform maps.
//!
//! Everything is validated before it is kept, by its form and by the connector's plugin, and every problem is
//! told with its field. A change is one transaction with its line in the audit log and the connector's step
//! to another state; it names the revision that it is about, and fails where somebody else was faster.
//!
//! Secrets are in the [`Vault`] and never come back from it but for a run or a test of the connection.

mod assignments;
mod book;
mod certificate;
mod connector;
mod draft;
mod error;
mod form;
mod input;
mod kinds;
mod link;
mod linked;
mod map;
mod model;
mod profile;
mod question;
mod run_plan;
mod types;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::database::{Database, DatabaseError};
use crate::vault::Vault;

pub use book::is_scheduled;
pub use connector::{
    CloneConnector, Connector, ConnectorChange, ConnectorFilter, Data, DataModelName, NewConnector,
    Pin, PluginUse, Stamp, Warning,
};
pub use draft::{Answers, ConnectorDraft, LastTest, Review};
pub use error::CatalogError;
pub use form::SecretChanges;
pub use kinds::GroupKinds;
pub use link::{LinkFilter, LinkRecord, MOST_LINKS, MOST_PLATFORM_GROUPS, NewLink};
pub use linked::SourceGroup;
pub use map::{
    Before, ChangedField, ChangedRule, CloneMap, Compared, MapChange, MapDetail, MapDiff,
    MapFilter, MapId, MapName, MapRecord, MapUse, MapVersion, MapVersionDetail, MovedRule, NewMap,
    PlacedRule, Preview, PreviewOf, Record, RulesDraft, RulesInForce, SampleOrigin, compared,
};
pub use model::{DataModelRecord, FieldRecord, FieldUse, Side};
pub use profile::{ListedProfile, NewProfile, Profile, ProfileChange, ProfileFilter};
pub use question::{Draft, Tested};
pub use types::{ConnectorType, Installed, InstalledVersion, Question, Types};

/// What administrators configured. It is kept in the control plane's database.
#[derive(Debug)]
pub struct Catalog {
    database: Database,
    vault: Arc<Vault>,
    types: Arc<dyn Types>,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
}

impl Catalog {
    /// The catalog of a database, with the plugins that it may ask.
    #[must_use]
    pub fn new(
        database: Database,
        vault: Arc<Vault>,
        types: Arc<dyn Types>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            database,
            vault,
            types,
            clock,
            changes: watch::Sender::new(0),
        }
    }

    /// Counts the changes that were made by this process; it moves after each one is kept.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The installed plugins.
    #[must_use]
    pub fn types(&self) -> &dyn Types {
        self.types.as_ref()
    }

    /// Tells everyone who waits that something was changed.
    fn tell(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Whether a change that names a revision, or none, may be made to this one.
fn check_revision(named: Option<i64>, current: i64) -> Result<(), CatalogError> {
    match named {
        Some(named) if named != current => Err(CatalogError::Stale { named, current }),
        _ => Ok(()),
    }
}

/// A kept identifier.
fn uuid(text: &str) -> Result<uuid::Uuid, DatabaseError> {
    uuid::Uuid::parse_str(text).map_err(|error| DatabaseError::Corrupt(error.to_string()))
}
