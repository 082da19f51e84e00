//! The control plane: the modules of a serving host, put together.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{Access, AccessError};
use crate::catalog::{Catalog, Installed};
use crate::clock::Clock;
use crate::config::{self, Config, Loaded, VaultPolicy, user_folder};
use crate::database::{Database, DatabaseError};
use crate::directory::{self, Directory, DirectoryError};
use crate::egress::{Egress, EgressError};
use crate::limits::Patience;
use crate::lock::{Lock, LockError};
use crate::metrics::Metrics;
use crate::plugin::registry::{Registry, RegistryError};
use crate::plugin::{Engine, PluginError, make_private};
use crate::vault::{Key, KeyError, KeyPlace, Vault, VaultError};
use crate::work::{Assignments, Plugins, Work, WorkError, Workshop};

/// Everything that a serving host works with.
pub struct ControlPlane {
    /// What the operator configured.
    pub config: Config,
    /// The same value by value, with where each was given and without passwords.
    pub configured: Vec<config::Value>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// What was configured and what ran.
    pub database: Database,
    /// Users, groups and memberships.
    pub directory: Arc<dyn Directory>,
    /// Where they are: a path or a URL, which may hold a password.
    pub directory_database: String,
    /// Compiles and runs plugins.
    pub engine: Engine,
    /// Installed plugins.
    pub registry: Arc<Registry>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Secrets, encrypted at rest.
    pub vault: Arc<Vault>,
    /// What administrators configured.
    pub catalog: Arc<Catalog>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is run when, what runs now, and what became of it.
    pub work: Arc<Work>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Cancelled when the server is told to stop: nothing new begins, streams end.
    pub shutdown: CancellationToken,
    /// Work that the server waits for when it stops, up to the grace.
    pub tasks: TaskTracker,
    /// Nobody else writes to the data folder and the directory meanwhile.
    _alone: (Lock, Option<Lock>),
}

/// Why a control plane can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody said where everything is kept.
    #[error("the user has no home; name a data folder with --data-dir")]
    NoFolder,
    /// The data folder can't be used.
    #[error("the data folder {} can't be used: {reason}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// Somebody else works with it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The control database can't be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The directory can't be opened.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Plugins can't be run.
    #[error(transparent)]
    Engine(#[from] PluginError),
    /// There is no key for the vault.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vault's key is not the one that its secrets were sealed with.
    #[error(
        "the vault's key is not the one that the data folder's secrets were sealed with; give the right key"
    )]
    Vault(#[source] VaultError),
    /// Nobody could be let in as configured.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The installed plugins can't be opened.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// What an earlier process left can't be taken over.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The network can't be reached as configured.
    #[error("the network can't be reached as configured")]
    Network(#[from] EgressError),
}

impl ControlPlane {
    /// Opens what a data folder holds; everything is made where it doesn't exist.
    ///
    /// # Errors
    /// [`OpenError`]. Another process that works with the same folder or directory is one.
    pub async fn open(
        configuration: impl Into<Loaded>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let configuration: Loaded = configuration.into();
        let configured = configuration.values();
        let config = configuration.config;
        let data_dir = config.data_dir().ok_or(OpenError::NoFolder)?;
        let data_dir = open_folder(&data_dir)?;
        let alone = Lock::data_folder(&data_dir)?;
        let directory_database = config.database(&data_dir);
        let alone = (alone, Lock::directory(&directory_database)?);
        let database = Database::open(&control_database(&data_dir)).await?;
        let directory: Arc<dyn Directory> = Arc::from(directory::open(&directory_database).await?);
        let plugins = plugins_folder(&data_dir);
        let code = Registry::code_folder(&plugins);
        let engine = Engine::new(config.limits.clone(), Some(&code))?;
        let registry = Arc::new(Registry::open(&engine, &plugins, config.plugins.clone())?);
        let egress = Egress::new(config.network.options())?;
        let vault = Vault::new(open_key(&config.vault, &database).await?);
        vault.verify(&database).await.map_err(OpenError::Vault)?;
        let access = Access::new(database.clone(), Arc::clone(&clock), config.access.clone())?;
        let vault = Arc::new(vault);
        let types = Installed::new(Arc::clone(&registry), Arc::clone(&egress));
        let catalog = Arc::new(Catalog::new(
            database.clone(),
            Arc::clone(&vault),
            Arc::new(types),
            Arc::clone(&clock),
        ));
        let (metrics, shutdown, tasks) =
            <(Arc<Metrics>, CancellationToken, TaskTracker)>::default();
        let executor = Plugins::new(
            Arc::clone(&registry),
            Arc::clone(&directory),
            Arc::clone(&egress),
            Arc::clone(&metrics),
            Patience::default(),
        );
        let work = Work::start(Workshop {
            database: database.clone(),
            queue: data_dir.join("queue.sqlite"),
            clock: Arc::clone(&clock),
            assignments: Arc::clone(&catalog) as Arc<dyn Assignments>,
            executor: Arc::new(executor),
            policy: config.runs.clone(),
        });
        let work = Arc::new(work.await?);
        metrics.sample_with(work.sampler());
        tasks.spawn(end_work(
            Arc::downgrade(&work),
            shutdown.clone(),
            config.server.shutdown_grace,
        ));
        tasks.spawn(clear_leftovers(
            Arc::clone(&catalog),
            Arc::clone(&directory),
            shutdown.clone(),
        ));
        Ok(Self {
            access: Arc::new(access),
            catalog,
            vault,
            database,
            directory,
            directory_database,
            engine,
            registry,
            egress,
            clock,
            work,
            metrics,
            shutdown,
            tasks,
            config,
            configured,
            data_dir,
            _alone: alone,
        })
    }

    /// Ends the connections to the databases. What is under way fails.
    pub async fn close(&self) {
        self.directory.close().await;
        self.database.close().await;
    }
}

/// Part of the grace that work may use up: what is broken off then has yet to be written down.
const WORK_SHARE: f64 = 0.9;

/// Ends work in order once the server is told to stop.
async fn end_work(work: Weak<Work>, shutdown: CancellationToken, grace: Duration) {
    shutdown.cancelled().await;
    if let Some(work) = work.upgrade() {
        work.shutdown(grace.mul_f64(WORK_SHARE)).await;
    }
}

/// Removes from the directory what deleted connectors brought, as soon as one is deleted and after a restart.
async fn clear_leftovers(
    catalog: Arc<Catalog>,
    directory: Arc<dyn Directory>,
    shutdown: CancellationToken,
) {
    let mut changed = catalog.changed();
    loop {
        if let Err(error) = clear_once(&catalog, directory.as_ref()).await {
            tracing::error!("what a deleted connector brought could not be removed: {error:#}");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = changed.changed() => if changed.is_err() { return },
        }
    }
}

async fn clear_once(catalog: &Catalog, directory: &dyn Directory) -> anyhow::Result<()> {
    for connector in catalog.leftovers().await? {
        if let Some(key) = directory.find(&connector.to_string()).await? {
            directory.forget(key).await?;
        }
        catalog.cleared(connector).await?;
    }
    Ok(())
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// Where the vault's key is.
#[must_use]
pub fn key_place(policy: &VaultPolicy) -> Option<KeyPlace> {
    if let Some(file) = &policy.key_file {
        return Some(KeyPlace::File(file.clone()));
    }
    if let Some(variable) = &policy.key_env {
        return Some(KeyPlace::Environment(variable.clone()));
    }
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    if credentials.is_some_and(|folder| Path::new(&folder).join(&policy.credential).exists()) {
        return Some(KeyPlace::Credential(policy.credential.clone()));
    }
    // Not below the data folder: whoever copies that must not have the key.
    let folder = user_folder("XDG_CONFIG_HOME", ".config")?;
    Some(KeyPlace::File(folder.join("vault.key")))
}

/// The vault's key. Where it belongs into a file that isn't there, and no secret was ever sealed, it is made.
async fn open_key(policy: &VaultPolicy, database: &Database) -> Result<Key, OpenError> {
    let place = key_place(policy).ok_or(OpenError::NoFolder)?;
    if let KeyPlace::File(file) = &place
        && !file.exists()
        && Vault::is_empty(database).await.map_err(OpenError::Vault)?
    {
        let key = Key::generate();
        key.write(file)?;
        tracing::warn!(
            "made a key for the vault in {}; keep a copy of it apart from backups of the data folder",
            file.display()
        );
    }
    Ok(Key::read(&place)?)
}

/// The control database in a data folder.
#[must_use]
pub fn control_database(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sqlite")
}

/// The folder of installed plugins in a data folder.
#[must_use]
pub fn plugins_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("plugins")
}

/// A data folder that is this user's alone, by its full name.
pub(crate) fn open_folder(folder: &Path) -> Result<PathBuf, OpenError> {
    let fail = |error: std::io::Error| OpenError::Folder {
        folder: folder.to_owned(),
        reason: error.to_string(),
    };
    make_private(folder).map_err(fail)?;
    // What others may do in it is nobody's business but its owner's.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(folder, private).map_err(fail)?;
    std::fs::canonicalize(folder).map_err(fail)
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::ControlPlane;
    use crate::access::AccessPolicy;
    use crate::clock::{Clock, ManualClock, SystemClock};
    use crate::config::Config;
    use crate::limits::Overrides;

    /// A configuration with everything in this folder, and a pool that is quick to make.
    pub(crate) fn config(folder: &std::path::Path) -> Config {
        let mut config = Config::default();
        config.server.data_dir = Some(folder.join("data"));
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.vault.key_file = Some(folder.join("vault.key"));
        config.limits.all = Overrides {
            in_flight: Some(2),
            ..Overrides::default()
        };
        config
    }

    /// A control plane in a folder that goes with it.
    pub(crate) async fn plane() -> (Arc<ControlPlane>, tempfile::TempDir) {
        plane_with(|_| {}).await
    }

    /// The same, configured otherwise.
    pub(crate) async fn plane_with(
        change: impl FnOnce(&mut Config),
    ) -> (Arc<ControlPlane>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let plane = ControlPlane::open(config, clock).await.unwrap();
        (Arc::new(plane), folder)
    }

    /// A control plane whose clock stands still, in a folder that goes with it.
    pub(crate) struct Stage {
        pub(crate) plane: Arc<ControlPlane>,
        _folder: tempfile::TempDir,
    }

    impl Stage {
        /// A control plane that was opened elsewhere.
        pub(crate) fn of(plane: Arc<ControlPlane>, folder: tempfile::TempDir) -> Self {
            Self {
                plane,
                _folder: folder,
            }
        }
    }

    /// When the clock of a new stage stands.
    pub(crate) fn start() -> Timestamp {
        "2026-03-01T08:00:00Z".parse().unwrap()
    }

    /// A stage without users, connectors or plugins, under this access policy.
    pub(crate) async fn stage_under(access: AccessPolicy) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.access = access;
        let clock = ManualClock::new(start());
        let plane = ControlPlane::open(config, Arc::new(clock)).await.unwrap();
        Stage {
            plane: Arc::new(plane),
            _folder: folder,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::clock::SystemClock;

    async fn open(config: Config) -> Result<ControlPlane, OpenError> {
        ControlPlane::open(config, Arc::new(SystemClock)).await
    }

    #[tokio::test]
    async fn a_folder_is_made_for_its_owner_and_served_once_at_a_time() {
        let (plane, folder) = testing::plane().await;
        let mode = std::fs::metadata(&plane.data_dir)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
        let again = open(testing::config(folder.path())).await.unwrap_err();
        assert!(
            matches!(again, OpenError::Locked(LockError::DataFolder { .. })),
            "{again}"
        );
        let sync = Lock::directory(&plane.directory_database).unwrap_err();
        assert!(matches!(sync, LockError::Directory { .. }), "{sync}");
        drop(plane);
        open(testing::config(folder.path())).await.unwrap();
    }

    #[tokio::test]
    async fn a_sync_that_writes_to_the_directory_keeps_the_server_out() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = testing::config(folder.path());
        let database = folder.path().join("elsewhere.sqlite");
        config.server.database = Some(database.to_str().unwrap().into());
        let _sync = Lock::directory(database.to_str().unwrap()).unwrap();
        let refused = open(config).await.unwrap_err();
        assert!(
            refused.to_string().contains("elsewhere.sqlite"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_folder_that_others_may_write_to_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let config = testing::config(folder.path());
        let data = config.server.data_dir.clone().unwrap();
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o770)).unwrap();
        let refused = open(config).await.unwrap_err();
        assert!(refused.to_string().contains("chmod go-w"), "{refused}");
    }
}
