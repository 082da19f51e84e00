//! The registry: which versions of which plugins are installed, and which of them runs use.
//!
//! A folder holds the components by their content, their compiled code beside them, and a ledger of
//! what is approved and active. Many processes may use one folder: each change of the ledger is atomic,
//! and every run asks anew for its version. So a swap needs no restart: a run keeps the [`Plugin`] that
//! it began with, the next one gets the version that is active by then.
//!
//! A version is *installed* (checked and stored), *approved* (the operator grants the hosts and
//! permissions that it asks for; later versions that ask for no more need no new grant) and
//! *activated* (runs use it). One whose first runs fail can give way to the version before it.

mod error;
mod folder;
mod id;
mod ledger;
mod signature;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::{Engine, Plugin, PluginError};
use crate::config::section::section;
use folder::{Dropped, Folder};
use ledger::{Ledger, Line, Release};
use signature::TrustedKeys;

pub use error::RegistryError;
pub(crate) use folder::freeze;
pub use id::{PluginId, Wanted};
pub use ledger::{Asked, RolledBack, Standing};

section! {
    /// Which plugins are let in, and when they give way.
    pub struct PluginPolicy at "plugins" {
        /// Whether plugins without the signature of a trusted key are refused.
        pub require_signature: bool = false;
        /// Public keys, as minisign writes them.
        pub trusted_keys: Vec<String> = Vec::new();
        /// After how many failed runs a version that has had no good one gives way to the one before it;
        /// 0 for never.
        pub rollback_after: u32 = 3;
        /// Whether a newer version that is dropped into the folder becomes active by itself, as far as it
        /// asks for no more than was approved.
        pub activate_dropped: bool = true;
    }
}

/// Components above this size, in bytes, are refused.
pub const MOST_COMPONENT_BYTES: u64 = folder::MOST_BYTES;

/// What came of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Installed {
    /// The version.
    #[schema(value_type = String, example = "entra-directory-sync@1.0.0")]
    pub id: PluginId,
    /// Whether it was not there before.
    pub new: bool,
    /// Where it stands.
    pub standing: Standing,
    /// Everything that it asks for.
    pub asks: Asked,
}

/// An installed version, as a list shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The version.
    #[schema(value_type = String, example = "entra-directory-sync@1.0.0")]
    pub id: PluginId,
    /// Where it stands.
    pub standing: Standing,
    /// SHA-256 of the component.
    pub sha256: String,
    /// Bytes of the component.
    pub size: u64,
    /// Version of the contract that it was built for.
    pub contract: String,
    /// Cursors and checkpoints of another version are of no use to it: its first run is a snapshot.
    pub checkpoint_version: u32,
    /// Everything that it asks for.
    pub asks: Asked,
    /// Everything that was approved for its plugin, whichever version asked for it.
    pub approved: Asked,
    /// Whether rolling back leads to it.
    pub previous: bool,
    /// The trusted key that signed it.
    pub signed_by: Option<String>,
    /// When it was installed.
    #[schema(value_type = String, format = DateTime)]
    pub installed_at: Timestamp,
}

impl Entry {
    fn new(id: PluginId, line: &Line, release: &Release) -> Self {
        Self {
            standing: line.standing(&id.version, release),
            approved: line.approved.clone(),
            previous: line.previous() == Some(&id.version),
            id,
            sha256: release.sha256.clone(),
            size: release.size,
            contract: release.contract.clone(),
            checkpoint_version: release.checkpoint_version,
            asks: release.asks.clone(),
            signed_by: release.signed_by.clone(),
            installed_at: release.installed_at,
        }
    }
}

/// What became of a file that was dropped into the folder.
#[derive(Debug)]
pub struct Adopted {
    /// The file.
    pub file: PathBuf,
    /// What was installed, and whether it is active now; or why it was refused.
    pub outcome: Result<(Installed, bool), RegistryError>,
}

/// The registry of one folder.
#[derive(Debug)]
pub struct Registry {
    engine: Engine,
    folder: Arc<Folder>,
    policy: PluginPolicy,
    keys: TrustedKeys,
    /// Loaded versions by their content. Held while one is loaded, so that it is loaded once.
    loaded: Mutex<BTreeMap<String, Plugin>>,
}

impl Registry {
    /// Opens a folder, made where it doesn't exist. Only this user may write to it: what is in it is
    /// run.
    ///
    /// # Errors
    /// Where the folder or one of the policy's keys can't be used.
    pub fn open(engine: &Engine, root: &Path, policy: PluginPolicy) -> Result<Self, RegistryError> {
        Ok(Self {
            engine: engine.clone(),
            folder: Arc::new(Folder::open(root)?),
            keys: TrustedKeys::parse(&policy.trusted_keys)?,
            policy,
            loaded: Mutex::default(),
        })
    }

    /// Where the engine of a registry in this folder keeps compiled code.
    #[must_use]
    pub fn code_folder(root: &Path) -> PathBuf {
        root.join("code")
    }

    /// Checks a component and stores it. It becomes active only by [`Registry::activate`].
    ///
    /// The signature is expected in `signature`, or beside the file as minisign puts it.
    ///
    /// # Errors
    /// Where it is no plugin for this host, its signature doesn't satisfy the policy, or its version
    /// is taken.
    pub async fn install(
        &self,
        file: &Path,
        signature: Option<&Path>,
    ) -> Result<Installed, RegistryError> {
        let (file, signature) = (file.to_owned(), signature.map(Path::to_owned));
        let what = file.display().to_string();
        let (bytes, signature) = self
            .on_disk(move |_| {
                let beside = || Some(folder::signature_of(&file)).filter(|path| path.exists());
                let signature = signature.or_else(beside);
                let signature = signature
                    .map(|path| folder::read_signature(&path))
                    .transpose()?;
                Ok((folder::read_component(&file)?, signature))
            })
            .await?;
        self.install_bytes(&what, bytes, signature).await
    }

    /// The same with a component that is in memory, and the text of its signature. `what` names it in errors.
    ///
    /// # Errors
    /// As [`Registry::install`].
    pub async fn install_bytes(
        &self,
        what: &str,
        bytes: Vec<u8>,
        signature: Option<String>,
    ) -> Result<Installed, RegistryError> {
        // Before anything of it runs.
        let signed_by = self.signer(what, &bytes, signature.as_deref())?;
        let plugin = Plugin::from_bytes(&self.engine, bytes.clone(), what).await?;
        let (id, facts) = (id_of(&plugin), plugin.facts());
        let release = Release {
            sha256: facts.sha256.clone(),
            size: facts.size,
            contract: facts.contract.clone(),
            checkpoint_version: plugin.description().checkpoint_version,
            asks: asks_of(&plugin),
            signed_by,
            installed_at: Timestamp::now(),
            withdrawn: None,
        };
        let asks = release.asks.clone();
        let (new, standing) = self
            .on_disk({
                let id = id.clone();
                move |folder| {
                    // A version that is refused leaves no file, and nobody removes this one meanwhile.
                    folder.change(|ledger| {
                        let new = ledger.add(&id, release)?;
                        let sha256 = &ledger.release(&id)?.sha256;
                        folder.put(sha256, &bytes, signature.as_deref())?;
                        Ok((new, standing(ledger, &id)?))
                    })
                }
            })
            .await?;
        Ok(Installed {
            id,
            new,
            standing,
            asks,
        })
    }

    /// Grants what a version asks for, to it and to later ones that ask for no more.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or the folder's.
    pub async fn approve(&self, id: &PluginId) -> Result<(), RegistryError> {
        let id = id.clone();
        self.change(move |ledger| ledger.approve(&id)).await
    }

    /// Makes a version the one that runs use from now on. Runs that are under way end on theirs.
    ///
    /// It is loaded first, so that the swap is a matter of microseconds and a version that can't be
    /// loaded never becomes active.
    ///
    /// # Errors
    /// [`RegistryError::NotApproved`] tells what it asks for; others why it can't be loaded.
    pub async fn activate(&self, id: &PluginId) -> Result<(), RegistryError> {
        self.resolve(&id.clone().into()).await?;
        let id = id.clone();
        self.change(move |ledger| ledger.activate(&id)).await
    }

    /// Activates a version that may run, if that is wanted or no version of its plugin is active yet;
    /// tells where it stands then.
    ///
    /// # Errors
    /// As [`Registry::activate`]; a version that waits for approval is no error.
    pub async fn settle(&self, id: &PluginId, wanted: bool) -> Result<Standing, RegistryError> {
        let ledger = self.on_disk(|folder| folder.ledger()).await?;
        let before = standing(&ledger, id)?;
        let active = ledger.plugins.get(&id.name).and_then(|l| l.active.as_ref());
        if matches!(before, Standing::Waiting(_)) || !(wanted || active.is_none()) {
            return Ok(before);
        }
        self.activate(id).await?;
        Ok(Standing::Active)
    }

    /// Goes back to the version that was active before.
    ///
    /// # Errors
    /// [`RegistryError::NothingBefore`], or the folder's.
    pub async fn roll_back(&self, name: &str) -> Result<RolledBack, RegistryError> {
        let name = name.to_owned();
        self.change(move |ledger| ledger.roll_back(&name)).await
    }

    /// Removes a version with its compiled code. The only version of a plugin may be active.
    ///
    /// # Errors
    /// [`RegistryError::InUse`] for the active one of several.
    pub async fn remove(&self, id: &PluginId) -> Result<(), RegistryError> {
        let (id, code) = (id.clone(), self.engine.code.clone());
        self.on_disk(move |folder| {
            let (removed, still_there) = folder.change(|ledger| {
                let removed = ledger.remove(&id)?;
                let still_there = ledger.has_content(&removed.sha256);
                Ok((removed, still_there))
            })?;
            if still_there {
                return Ok(());
            }
            if let Some(Err(error)) = code.map(|code| code.forget(&removed.sha256)) {
                tracing::warn!("compiled code of {id} could not be removed: {error}");
            }
            folder.forget(&removed.sha256)
        })
        .await
    }

    /// Every installed version, by name, the oldest first.
    ///
    /// # Errors
    /// Where the ledger can't be read.
    pub async fn list(&self) -> Result<Vec<Entry>, RegistryError> {
        let ledger = self.on_disk(|folder| folder.ledger()).await?;
        let entries = ledger.plugins.iter().flat_map(|(name, line)| {
            line.releases.iter().map(move |(version, release)| {
                let id = PluginId {
                    name: name.clone(),
                    version: version.clone(),
                };
                Entry::new(id, line, release)
            })
        });
        Ok(entries.collect())
    }

    /// A version to look at, approved or not. For a run there is [`Registry::resolve`].
    ///
    /// # Errors
    /// Where it isn't installed, or is not what was installed.
    pub async fn inspect(&self, id: &PluginId) -> Result<(Entry, Plugin), RegistryError> {
        let ledger = self.on_disk(|folder| folder.ledger()).await?;
        let release = ledger.release(id)?;
        let plugin = self.load(id, release).await?;
        let line = ledger.plugins.get(&id.name);
        let line = line.ok_or_else(|| ledger.unknown(&id.to_string()))?;
        Ok((Entry::new(id.clone(), line, release), plugin))
    }

    /// The plugin for a run that begins now.
    ///
    /// # Errors
    /// Where nothing fits, it isn't approved, or it is not what was installed.
    pub async fn resolve(&self, wanted: &Wanted) -> Result<Plugin, RegistryError> {
        let ledger = self.on_disk(|folder| folder.ledger()).await?;
        let line = ledger
            .plugins
            .get(&wanted.name)
            .ok_or_else(|| ledger.unknown(&wanted.to_string()))?;
        let version = wanted.version.as_ref().or(line.active.as_ref());
        let version = version.ok_or_else(|| RegistryError::NoneActive {
            name: wanted.name.clone(),
        })?;
        let id = PluginId {
            name: wanted.name.clone(),
            version: version.clone(),
        };
        let release = ledger.release(&id)?;
        if let Standing::Waiting(beyond) = line.standing(version, release) {
            return Err(RegistryError::NotApproved { id, beyond });
        }
        let mut loaded = self.loaded.lock().await;
        if let Some(plugin) = loaded.get(&release.sha256) {
            return Ok(plugin.clone());
        }
        let plugin = self.load(&id, release).await?;
        // Others stay in memory for as long as their runs do.
        loaded.retain(|sha256, _| is_active(&ledger, sha256));
        loaded.insert(release.sha256.clone(), plugin.clone());
        Ok(plugin)
    }

    /// Loads a stored version, if it still is what was installed.
    async fn load(&self, id: &PluginId, release: &Release) -> Result<Plugin, RegistryError> {
        let sha256 = release.sha256.clone();
        let (bytes, signature) = self.on_disk(move |folder| folder.get(&sha256)).await?;
        let what = id.to_string();
        self.signer(&what, &bytes, signature.as_deref())?;
        let damaged = || RegistryError::Damaged { id: id.clone() };
        if super::load::sha256(&bytes) != release.sha256 {
            return Err(damaged());
        }
        let plugin = Plugin::from_bytes(&self.engine, bytes, &what).await?;
        // A plugin that tells one thing when it is installed and another when it runs gets nothing.
        if id_of(&plugin) != *id || asks_of(&plugin) != release.asks {
            return Err(damaged());
        }
        Ok(plugin)
    }

    /// Takes note of how a run of a version ended. `failed` says that the plugin is to blame. A version
    /// that has had no good run may give way to the one before it, which is told.
    ///
    /// # Errors
    /// Where the ledger can't be changed.
    pub async fn ran(
        &self,
        plugin: &Plugin,
        failed: bool,
    ) -> Result<Option<RolledBack>, RegistryError> {
        let (id, patience) = (id_of(plugin), self.policy.rollback_after);
        self.change(move |ledger| Ok(ledger.ran(&id, failed, patience)))
            .await
    }

    /// Installs the components that were dropped into the folder, and activates those that the policy
    /// lets become active. A refused file is renamed, with the reason beside it.
    ///
    /// # Errors
    /// Where the folder can't be used; a refused file is no error.
    pub async fn adopt(&self) -> Result<Vec<Adopted>, RegistryError> {
        let mut adopted = Vec::new();
        for dropped in self.on_disk(|folder| folder.dropped()).await? {
            let outcome = self.take_in(&dropped).await;
            let unfinished = matches!(
                outcome,
                Err(RegistryError::Plugin(PluginError::NotAComponent { .. }))
            );
            if unfinished && dropped.fresh {
                continue;
            }
            let file = dropped.path.clone();
            let reason = outcome.as_ref().err().map(ToString::to_string);
            self.on_disk(move |folder| folder.clear(&dropped, reason.as_deref()))
                .await?;
            match &outcome {
                Ok((installed, true)) => tracing::info!("{} is active", installed.id),
                Ok((installed, false)) => tracing::info!("{} is installed", installed.id),
                Err(error) => tracing::warn!("{} is refused: {error}", file.display()),
            }
            adopted.push(Adopted { file, outcome });
        }
        Ok(adopted)
    }

    async fn take_in(&self, dropped: &Dropped) -> Result<(Installed, bool), RegistryError> {
        let installed = self
            .install(&dropped.path, dropped.signature.as_deref())
            .await?;
        let activate = self.policy.activate_dropped
            && installed.standing == Standing::Ready
            && self.is_newest(&installed.id).await?;
        if activate {
            self.activate(&installed.id).await?;
        }
        Ok((installed, activate))
    }

    /// Whether a version is newer than the active one, or none is active.
    async fn is_newest(&self, id: &PluginId) -> Result<bool, RegistryError> {
        let ledger = self.on_disk(|folder| folder.ledger()).await?;
        let active = ledger
            .plugins
            .get(&id.name)
            .and_then(|line| line.active.as_ref());
        Ok(active.is_none_or(|active| id.version > *active))
    }

    /// Who signed a component, as far as the policy asks.
    fn signer(
        &self,
        what: &str,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<String>, RegistryError> {
        match signature {
            // Whoever trusts nobody can't tell a good signature from a bad one.
            Some(_) if self.policy.trusted_keys.is_empty() && !self.policy.require_signature => {
                Ok(None)
            }
            Some(signature) => {
                let key = self.keys.signer(what, bytes, signature)?;
                Ok(Some(key.to_owned()))
            }
            None if self.policy.require_signature => {
                Err(RegistryError::Unsigned { what: what.into() })
            }
            None => Ok(None),
        }
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Ledger) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        self.on_disk(move |folder| folder.change(change)).await
    }

    /// Does something with the folder, where it may wait for the disk and for other processes.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let folder = Arc::clone(&self.folder);
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The process is ending, and with it whoever waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

fn id_of(plugin: &Plugin) -> PluginId {
    let description = plugin.description();
    PluginId {
        name: description.name.clone(),
        version: description.version.clone(),
    }
}

fn asks_of(plugin: &Plugin) -> Asked {
    let description = plugin.description();
    Asked {
        hosts: description.hosts.iter().cloned().collect(),
        permissions: description
            .permissions
            .iter()
            .map(|permission| permission.name.clone())
            .collect(),
    }
}

fn standing(ledger: &Ledger, id: &PluginId) -> Result<Standing, RegistryError> {
    let release = ledger.release(id)?;
    let line = ledger.plugins.get(&id.name);
    Ok(line.map_or(Standing::Ready, |line| line.standing(&id.version, release)))
}

fn is_active(ledger: &Ledger, sha256: &str) -> bool {
    ledger.plugins.values().any(|line| {
        let release = line.active.as_ref().and_then(|v| line.releases.get(v));
        release.is_some_and(|release| release.sha256 == sha256)
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    impl Registry {
        /// Writes a version into the ledger that has no component.
        pub(crate) async fn pretend(&self, id: &str, hosts: &[&str]) {
            let id: PluginId = id.parse().unwrap();
            let release = Release {
                sha256: format!("digest-of-{id}"),
                size: 1,
                contract: "1.0.0".into(),
                checkpoint_version: 1,
                asks: Asked {
                    hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                    ..Asked::default()
                },
                signed_by: None,
                installed_at: Timestamp::UNIX_EPOCH,
                withdrawn: None,
            };
            self.change(move |ledger| ledger.add(&id, release))
                .await
                .unwrap();
        }

        /// Makes a version active without loading it.
        pub(crate) async fn pretend_active(&self, id: &str) {
            let id: PluginId = id.parse().unwrap();
            self.change(move |ledger| ledger.activate(&id))
                .await
                .unwrap();
        }
    }
}
