//! A loaded version of a plugin: compiled, checked against the contract, linked, described.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::bindings::ConnectorPre;
use super::engine::Engine;
use super::instance::Instance;
use super::state::{Session, State};
use super::{CONTRACT_VERSION, CallError, HOOKS, PluginError, harmless};
use crate::contract::Description;
use crate::limits::Limits;

/// A loaded version of a plugin. Clones share the compiled code.
#[derive(Clone)]
pub struct Plugin {
    pub(super) engine: Engine,
    pub(super) pre: Arc<ConnectorPre<State>>,
    pub(super) limits: Arc<Limits>,
    description: Arc<Description>,
    facts: Arc<Facts>,
}

/// What can be said of a plugin's file without running it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub size: u64,
    /// Version of the contract that it was built for.
    pub contract: String,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.description.id())
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// Loads the plugin in a file.
    ///
    /// # Errors
    /// [`PluginError`] tells what is wrong with the file and what to do about it.
    pub async fn load(engine: &Engine, file: &Path) -> Result<Self, PluginError> {
        let bytes = tokio::fs::read(file)
            .await
            .map_err(|error| PluginError::Unreadable {
                path: file.display().to_string(),
                reason: error.to_string(),
            })?;
        Self::from_bytes(engine, bytes, &file.display().to_string()).await
    }

    /// Loads a plugin from memory; `what` names it in errors.
    ///
    /// # Errors
    /// As [`Plugin::load`].
    pub async fn from_bytes(
        engine: &Engine,
        bytes: Vec<u8>,
        what: &str,
    ) -> Result<Self, PluginError> {
        let what = what.to_owned();
        let size = bytes.len() as u64;
        let sha256 = sha256(&bytes);
        // Compiling takes up to seconds of CPU: not on a thread that serves others.
        let (compiler, code, digest) = (engine.inner.clone(), engine.code.clone(), sha256.clone());
        let component = tokio::task::spawn_blocking(move || match code {
            Some(code) => code.component(&compiler, &bytes, &digest),
            None => Component::new(&compiler, &bytes),
        })
        .await
        .map_err(|error| PluginError::Engine(error.to_string()))?
        .map_err(|error| not_compiled(&what, &error))?;
        let (contract, imports) = check_names(engine, &component, &what)?;
        let misfit = |error: wasmtime::Error| PluginError::DoesNotFit {
            what: what.clone(),
            reason: format!("{error:#}"),
        };
        let pre = engine.linker.instantiate_pre(&component).map_err(misfit)?;
        let pre = Arc::new(ConnectorPre::new(pre).map_err(misfit)?);
        let unnamed = engine.limits().of_any();
        let description = Instance::describe(engine, &pre, Arc::new(unnamed))
            .await
            .map_err(|error| match error {
                CallError::Misfit(reason) => PluginError::DoesNotFit {
                    what: what.clone(),
                    reason,
                },
                error => PluginError::Description {
                    what: what.clone(),
                    source: Box::new(error),
                },
            })?;
        Ok(Self {
            engine: engine.clone(),
            pre,
            limits: Arc::new(engine.limits().of_plugin(&description.name)),
            description: Arc::new(description),
            facts: Arc::new(Facts {
                sha256,
                size,
                contract,
                imports,
            }),
        })
    }

    /// What the plugin says about itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The same, to be kept.
    pub(super) fn declared(&self) -> Arc<Description> {
        Arc::clone(&self.description)
    }

    /// What its file says about it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The engine that it was loaded into.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The same plugin with the operator's limits for a connector.
    #[must_use]
    pub fn for_connector(&self, connector: &str) -> Self {
        let limits = self
            .engine
            .limits()
            .of_connector(&self.description.name, connector);
        Self {
            limits: Arc::new(limits),
            ..self.clone()
        }
    }

    /// A fresh sandbox. Without a session it can't use the network.
    ///
    /// Waits for a place in the pool.
    ///
    /// # Errors
    /// [`CallError::NoInstance`] where the machine has no room, or what the plugin's start-up did.
    pub async fn open(&self, session: Option<&Session>) -> Result<Instance, CallError> {
        Instance::open(self, session).await
    }
}

/// Why a file could not be compiled. The engine has no type for what doesn't fit its pool.
fn not_compiled(what: &str, error: &wasmtime::Error) -> PluginError {
    let (what, reason) = (what.to_owned(), one_line(&format!("{error:#}")));
    if reason.contains("does not fit in pooling allocator") {
        PluginError::BeyondLimits { what, reason }
    } else {
        PluginError::NotAComponent { what, reason }
    }
}

/// A compiler's message, which may quote the file over many lines.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    harmless(&words.join(" "), 500)
}

/// The version of the contract that a component speaks, and what it imports.
fn check_names(
    engine: &Engine,
    component: &Component,
    what: &str,
) -> Result<(String, Vec<String>), PluginError> {
    let ty = component.component_type();
    let contract = ty
        .exports(&engine.inner)
        .find_map(|(name, _)| version_of(name, HOOKS))
        .ok_or_else(|| PluginError::NotAConnector { what: what.into() })?
        .to_owned();
    if major(&contract) != major(CONTRACT_VERSION) {
        return Err(PluginError::ContractVersion {
            what: what.into(),
            theirs: contract,
            ours: CONTRACT_VERSION,
            major: major(CONTRACT_VERSION).unwrap_or_default(),
        });
    }
    let imports: Vec<String> = ty
        .imports(&engine.inner)
        .map(|(name, _)| name.to_owned())
        .collect();
    match imports.iter().find(|name| !is_given(name)) {
        Some(import) => Err(PluginError::UnsupportedImport {
            what: what.into(),
            import: import.clone(),
        }),
        None => Ok((contract, imports)),
    }
}

/// Interfaces that the host gives; the same list stands in the world's documentation.
const GIVEN: &[&str] = &[
    "connector:plugin/contract",
    "connector:plugin/log",
    "connector:plugin/credentials",
    "connector:plugin/budget",
    "connector:plugin/directory",
    "wasi:http/types",
    "wasi:http/outgoing-handler",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

/// Whether an import, with its version, is one that the host gives.
fn is_given(import: &str) -> bool {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let right_version = if name.starts_with("wasi:") {
        version.starts_with("0.2.")
    } else {
        major(version) == major(CONTRACT_VERSION)
    };
    right_version && GIVEN.contains(&name)
}

fn version_of<'a>(name: &'a str, interface: &str) -> Option<&'a str> {
    name.strip_prefix(interface)?.strip_prefix('@')
}

fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

/// The digest by which a component is known.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_documents_exactly_the_wasi_interfaces_that_the_host_gives() {
        let world = include_str!("../../../wit/world.wit");
        let listed: std::collections::BTreeSet<&str> = world
            .lines()
            .filter_map(|line| line.strip_prefix("/// "))
            .flat_map(|line| line.split('`'))
            .filter(|word| word.starts_with("wasi:") && word.contains('/'))
            .collect();
        let given: std::collections::BTreeSet<&str> = GIVEN
            .iter()
            .copied()
            .filter(|name| name.starts_with("wasi:"))
            .collect();
        assert_eq!(listed, given);
    }

    #[test]
    fn an_import_of_another_major_version_is_not_given() {
        assert!(is_given("wasi:io/streams@0.2.12"));
        assert!(!is_given("wasi:io/streams@0.3.0"));
        assert!(is_given("connector:plugin/log@2.4.0"));
        assert!(!is_given("connector:plugin/log@1.0.0"));
        assert!(!is_given("connector:plugin/log@3.0.0"));
        assert!(!is_given("wasi:filesystem/types@0.2.12"));
    }

    #[test]
    fn the_version_in_the_code_is_that_of_the_package() {
        let world = include_str!("../../../wit/world.wit");
        assert!(world.contains(&format!("package connector:plugin@{CONTRACT_VERSION};")));
    }
}
