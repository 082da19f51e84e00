//! What the catalog refuses, as problems.

use axum::http::StatusCode;

use super::problem::Problem;
use super::revision::IfMatch;
use crate::catalog::CatalogError;
use crate::contract::Fault;
use crate::plugin::registry::RegistryError;
use crate::vault::VaultError;

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound(what) => Self {
                code: format!("{}.not-found", what.replace(' ', "-")),
                ..Self::not_found(what)
            },
            CatalogError::Invalid(problems) => Self::invalid(problems),
            CatalogError::Stale { named, current } => {
                let stale = IfMatch::Revision(named).check(current);
                stale.err().unwrap_or_else(|| Self::not_found("resource"))
            }
            CatalogError::Conflict {
                code,
                message,
                remedy,
            } => Self::conflict(code, message).remedy(remedy),
            CatalogError::Plugin(
                error @ (RegistryError::Folder { .. } | RegistryError::File { .. }),
            ) => Self::internal(&error),
            CatalogError::Plugin(error) => Self::conflict(
                "plugin.unavailable",
                format!("The plugin can't be used: {error}."),
            )
            .remedy("Install, approve and activate it, or choose another version."),
            CatalogError::Fault(fault) => fault.into(),
            CatalogError::Vault(VaultError::Database(error)) => error.into(),
            CatalogError::Vault(error) => {
                Self::conflict("vault.sealed", format!("A secret can't be read: {error}."))
                    .remedy("Start the host with the key that sealed it, or set the secret again.")
            }
            CatalogError::Database(error) => error.into(),
        }
    }
}

impl From<Fault> for Problem {
    /// What the request depends on, the plugin or the source, has failed.
    fn from(fault: Fault) -> Self {
        let problem = Self::new(StatusCode::FAILED_DEPENDENCY, &fault.code, fault.message);
        match fault.remedy {
            Some(remedy) => problem.remedy(remedy),
            None => problem,
        }
    }
}
