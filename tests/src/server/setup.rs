//! How a server is to be started.

use std::path::{Path, PathBuf};

use crate::simulator::Simulator;

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) program: PathBuf,
    pub(super) plugins: Vec<PathBuf>,
    pub(super) origins: Vec<String>,
    pub(super) set: Vec<String>,
}

impl Setup {
    /// A server without plugins that reaches nothing but public addresses.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            plugins: Vec::new(),
            origins: Vec::new(),
            set: Vec::new(),
        }
    }

    /// With this plugin installed, approved and active.
    #[must_use]
    pub fn plugin(mut self, component: &Path) -> Self {
        self.plugins.push(component.to_owned());
        self
    }

    /// Granted this simulator's origin.
    #[must_use]
    pub fn reach(mut self, simulator: &Simulator) -> Self {
        self.origins.push(simulator.base_url());
        self
    }

    /// With this field of the configuration.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl std::fmt::Display) -> Self {
        self.set.push(format!("{field}={value}"));
        self
    }
}
