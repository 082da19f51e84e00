//! The control plane: the modules of a serving host, put together.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::database::Database;
use crate::directory::Directory;
use crate::egress::Egress;
use crate::plugin::registry::Registry;
use crate::vault::Vault;

/// Everything that a serving host works with.
pub struct ControlPlane {
    /// What was configured and what ran.
    pub database: Database,
    /// Users, groups and memberships.
    pub directory: Arc<dyn Directory>,
    /// Installed plugins.
    pub registry: Arc<Registry>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// What administrators configured.
    pub catalog: Arc<Catalog>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").finish_non_exhaustive()
    }
}
