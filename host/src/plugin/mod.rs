//! Plugins: compiling, sandboxing and calling them.
//!
//! Three lifetimes, three types. [`Engine`] is the process: one compiler, one pool of
//! instances. [`Plugin`] is a loaded version: compiled, linked as far as can be without an instance,
//! described. [`Instance`] is one sandbox: a partition's, or a single call's. Nothing that a plugin
//! owns outlives its instance, and an instance that trapped or ran out of time is never called again.

mod bindings;
mod code;
mod convert;
mod cpu;
mod engine;
mod http;
mod instance;
mod load;
mod log;
pub mod registry;
mod state;

pub use convert::Emitted;
pub use engine::Engine;
#[cfg(feature = "observe")]
pub use engine::Observer;
pub use instance::{CallUse, Instance, RunRequest};
pub use load::{Facts, Plugin};
pub use log::{Level, LogLine, RunLog};
pub use state::Session;

pub(crate) use code::make_private;
pub(crate) use load::hex;
pub(crate) use log::{harmless, is_format_control};

use crate::contract::{Fault, FaultKind};

/// Why a plugin can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The machine can't run an engine.
    #[error("the sandbox can't be set up: {0}")]
    Engine(String),
    /// The file can't be read.
    #[error("the plugin file {path} can't be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file is no component.
    #[error(
        "{what} is no WebAssembly component: {reason}. Build plugins for the target wasm32-wasip2"
    )]
    NotAComponent {
        /// The file.
        what: String,
        /// Why.
        reason: String,
    },
    /// The component can't even begin within the limits.
    #[error(
        "{what} wants more than the limits give: {reason}. Raise `memory` or `tableElements`, or report it to the plugin's author"
    )]
    BeyondLimits {
        /// The file.
        what: String,
        /// What it wants.
        reason: String,
    },
    /// The component exports no connector.
    #[error(
        "{what} is a component, but exports no `{HOOKS}`: it is no connector, or was built for an unreleased contract"
    )]
    NotAConnector {
        /// The file.
        what: String,
    },
    /// The component speaks another major version of the contract.
    #[error(
        "{what} was built for connector:plugin {theirs}, this host speaks {ours}: use a plugin built for major version {major}, or a host for theirs"
    )]
    ContractVersion {
        /// The file.
        what: String,
        /// Version that the plugin was built for.
        theirs: String,
        /// Version that this host speaks.
        ours: &'static str,
        /// Its major number.
        major: u64,
    },
    /// The component wants what the host doesn't give.
    #[error(
        "{what} imports `{import}`, which this host doesn't give; see the world in wit/world.wit for what it gives"
    )]
    UnsupportedImport {
        /// The file.
        what: String,
        /// Name of the interface.
        import: String,
    },
    /// It imports and exports the right names with the wrong types.
    #[error("{what} doesn't fit the contract connector:plugin {CONTRACT_VERSION}: {reason}")]
    DoesNotFit {
        /// The file.
        what: String,
        /// Why.
        reason: String,
    },
    /// Its own description is unusable.
    #[error("{what} can't describe itself: {source}")]
    Description {
        /// The file.
        what: String,
        /// Why.
        #[source]
        source: Box<CallError>,
    },
}

/// Version of the contract that this host speaks.
pub const CONTRACT_VERSION: &str = "2.0.0";

/// The interface that every connector exports, without its version.
pub(crate) const HOOKS: &str = "connector:plugin/hooks";

/// Why a call into a plugin gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin says why.
    #[error(transparent)]
    Fault(Fault),
    /// It computed for too long.
    #[error("the plugin used more than {0} ms of CPU time in one call")]
    Cpu(u64),
    /// It took too long.
    #[error("the plugin's call did not end within {0} ms")]
    Wall(u64),
    /// It wanted too much memory.
    #[error("the plugin wanted more than {limit} of {what}")]
    Memory {
        /// `memory` or `table`.
        what: &'static str,
        /// The limit with its unit.
        limit: String,
    },
    /// It trapped.
    #[error("the plugin trapped: {0}")]
    Trap(String),
    /// It returned something that breaks the contract.
    #[error("the plugin returned a bad value: {field}: {reason}")]
    BadValue {
        /// Where.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No instance could be made.
    #[error("no instance of the plugin could be made: {0}")]
    NoInstance(String),
    /// Its hooks have other types than the contract's; found when it is loaded.
    #[error("the plugin's hooks don't fit the contract: {0}")]
    Misfit(String),
}

impl CallError {
    /// As a fault, so that whoever decides what to do next need know faults only.
    #[must_use]
    pub fn into_fault(self) -> Fault {
        let message = self.to_string();
        let (kind, code, remedy) = match self {
            Self::Fault(fault) => return fault,
            Self::Cpu(_) => (
                FaultKind::Permanent,
                "plugin.cpu-limit",
                "Raise the limit `cpuMs`, or report it to the plugin's author.",
            ),
            Self::Wall(_) => (
                FaultKind::Transient,
                "plugin.deadline",
                "Raise the limit `wallMs` if the source is slow.",
            ),
            Self::Memory { .. } => (
                FaultKind::Permanent,
                "plugin.memory-limit",
                "Raise the limit `memory`, or report it to the plugin's author.",
            ),
            Self::Trap(_) => (
                FaultKind::Permanent,
                "plugin.trap",
                "Report it to the plugin's author, with the log of this run.",
            ),
            Self::BadValue { .. } | Self::Misfit(_) => (
                FaultKind::Protocol,
                "plugin.bad-value",
                "Report it to the plugin's author.",
            ),
            Self::NoInstance(_) => (
                FaultKind::Transient,
                "plugin.no-instance",
                "Lower the number of partitions in flight, or give the host more memory.",
            ),
        };
        Fault {
            kind,
            code: code.into(),
            message,
            remedy: Some(remedy.into()),
            setting: None,
        }
    }
}
