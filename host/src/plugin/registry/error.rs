//! What the registry refuses, for the operator who reads it.

use super::{Asked, PluginId};
use crate::plugin::PluginError;

/// Why the registry refuses something. Every message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file is no plugin for this host.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A file can't be read.
    #[error("{path} can't be read: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The registry's own folder can't be used.
    #[error("the plugins folder {path} can't be used: {reason}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// A trusted key can't be used.
    #[error("the trusted key {key:?} is no public key of minisign: {reason}")]
    Key {
        /// As it was given.
        key: String,
        /// Why.
        reason: String,
    },
    /// The operator wants signed plugins.
    #[error(
        "{what} is not signed, and only signed plugins are let in; sign it with minisign and put the signature beside it as {what}.minisig, or give it with --signature"
    )]
    Unsigned {
        /// The file.
        what: String,
    },
    /// The signature proves nothing.
    #[error("{what} is refused: {reason}")]
    Signature {
        /// The file.
        what: String,
        /// Why.
        reason: String,
    },
    /// The version number is in use for another file.
    #[error(
        "{id} is installed already, with another content; give the new build a version of its own, or remove the old one first"
    )]
    Taken {
        /// The version.
        id: PluginId,
    },
    /// The version asks for more than was approved.
    #[error(
        "{id} asks for more than was approved: {beyond}; to grant it, run `connector-host plugin approve {id}`"
    )]
    NotApproved {
        /// The version.
        id: PluginId,
        /// What was not approved.
        beyond: Asked,
    },
    /// Nothing of this name or version is installed.
    #[error("{wanted} is not installed; installed: {}", or_none(.installed))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        installed: Vec<String>,
    },
    /// Versions are installed, but none is active.
    #[error(
        "no version of {name} is active; run `connector-host plugin list` to see them and `plugin activate {name}@VERSION` to choose one"
    )]
    NoneActive {
        /// The plugin.
        name: String,
    },
    /// There is no earlier version.
    #[error("no earlier version of {name} is there to go back to")]
    NothingBefore {
        /// The plugin.
        name: String,
    },
    /// The active version can't be removed.
    #[error("{id} is active; activate another version first")]
    InUse {
        /// The version.
        id: PluginId,
    },
    /// A stored component isn't what was installed.
    #[error(
        "the stored file of {id} was changed after it was installed; remove it and install it again"
    )]
    Damaged {
        /// The version.
        id: PluginId,
    },
}

fn or_none(installed: &[String]) -> String {
    if installed.is_empty() {
        "none".into()
    } else {
        installed.join(", ")
    }
}
