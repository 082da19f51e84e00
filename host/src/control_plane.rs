//! The control plane: the modules of a serving host, put together.

use std::sync::Arc;

use crate::clock::Clock;
use crate::database::Database;
use crate::directory::Directory;
use crate::egress::Egress;
use crate::plugin::registry::Registry;
use crate::work::Work;

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
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is run when, what runs now, and what became of it.
    pub work: Arc<Work>,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").finish_non_exhaustive()
    }
}
