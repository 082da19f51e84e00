//! Why the catalog doesn't do something.

use crate::contract::{Fault, Problem};
use crate::database::DatabaseError;
use crate::plugin::registry::RegistryError;
use crate::vault::VaultError;
use crate::work::state::StateError;

/// Why the catalog doesn't do something. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such resource; this is its kind, such as `connector`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was given can't be: every problem with its field.
    #[error("{} of what was given can't be", .0.len())]
    Invalid(Vec<Problem>),
    /// Somebody else changed it meanwhile.
    #[error("revision {named} was named, {current} is current")]
    Stale {
        /// The revision that the change is about.
        named: i64,
        /// The revision that it has.
        current: i64,
    },
    /// It doesn't go together with how things are.
    #[error("{message}")]
    Conflict {
        /// Stable word to search for.
        code: &'static str,
        /// What is in the way.
        message: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The plugin can't be had in this version.
    #[error(transparent)]
    Plugin(#[from] RegistryError),
    /// The plugin or the source failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A secret doesn't open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CatalogError {
    /// It doesn't go together with how things are.
    pub(crate) fn conflict(
        code: &'static str,
        message: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self::Conflict {
            code,
            message: message.into(),
            remedy,
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<serde_json::Error> for CatalogError {
    fn from(error: serde_json::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<StateError> for CatalogError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Database(error) => Self::Database(error),
            impossible @ StateError::Impossible { .. } => Self::conflict(
                "connector.state",
                format!("This is not possible now: {impossible}."),
                "Wait until its run has ended, or cancel it.",
            ),
        }
    }
}
