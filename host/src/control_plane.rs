//! The control plane: the modules of a serving host, put together.

use std::sync::Arc;

use crate::access::Access;
use crate::clock::Clock;
use crate::database::Database;
use crate::directory::Directory;
use crate::egress::Egress;
use crate::plugin::registry::Registry;

/// Everything that a serving host works with.
pub struct ControlPlane {
    /// What was configured and what ran.
    pub database: Database,
    /// Users, groups and memberships.
    pub directory: Arc<dyn Directory>,
    /// Installed plugins.
    pub registry: Registry,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A control plane for tests, in a folder that goes with it.

    use std::sync::OnceLock;

    use jiff::Timestamp;

    use super::*;
    use crate::access::AccessPolicy;
    use crate::clock::ManualClock;
    use crate::database::Database;
    use crate::egress::NetworkOptions;
    use crate::limits::Limits;
    use crate::plugin::Engine;
    use crate::plugin::registry::PluginPolicy;

    /// A control plane, its clock, and its folder.
    #[allow(dead_code, reason = "some tests need one part, some another")]
    pub(crate) struct Stage {
        pub(crate) plane: Arc<ControlPlane>,
        pub(crate) clock: ManualClock,
        pub(crate) folder: tempfile::TempDir,
    }

    /// When the clock of a new plane stands.
    pub(crate) fn start() -> Timestamp {
        "2026-03-01T08:00:00Z".parse().unwrap()
    }

    /// A plane without users, connectors or plugins, under default policies.
    #[allow(dead_code, reason = "some tests need policies of their own")]
    pub(crate) async fn plane() -> Stage {
        plane_under(AccessPolicy::default()).await
    }

    /// The same under this access policy.
    pub(crate) async fn plane_under(access: AccessPolicy) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let clock = ManualClock::new(start());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let database = Database::open(&at("control.sqlite")).await.unwrap();
        let directory = at("directory.sqlite").to_string_lossy().into_owned();
        let access = Access::new(database.clone(), Arc::clone(&shared), access).unwrap();
        let plane = ControlPlane {
            database,
            directory: Arc::from(crate::directory::open(&directory).await.unwrap()),
            registry: Registry::open(engine(), &at("plugins"), PluginPolicy::default()).unwrap(),
            egress: Egress::new(NetworkOptions::default()).unwrap(),
            access: Arc::new(access),
            clock: shared,
        };
        Stage {
            plane: Arc::new(plane),
            clock,
            folder,
        }
    }

    /// Each one reserves gigabytes of addresses, so all tests share one.
    fn engine() -> &'static Engine {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| Engine::new(Limits::default(), None).unwrap())
    }
}
