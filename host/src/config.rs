//! The operator's configuration: one TOML file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::limits::{LimitError, LimitPolicy};
use crate::plugin::registry::PluginPolicy;

/// What an operator may configure. Everything has a default.
///
/// ```
/// let config: connector_host::config::Config = r#"
///     [limits.all]
///     memory = 134217728
///
///     [limits.connectors.contoso]
///     requests = 50000
/// "#
/// .parse()?;
/// assert_eq!(config.limits.of_connector("any-plugin", "contoso").requests, 50_000);
/// # Ok::<(), connector_host::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// What plugins may use.
    pub limits: LimitPolicy,
    /// Which plugins are let in, and when they give way.
    pub plugins: PluginPolicy,
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {path} can't be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// It is no TOML, or has fields that don't exist or don't fit.
    #[error("the configuration can't be understood: {0}")]
    Form(String),
    /// A limit in it can't be kept.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] names the field or the line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?
            .parse()
    }
}

impl std::str::FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Self =
            toml::from_str(text).map_err(|error| ConfigError::Form(error.to_string()))?;
        config.limits.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_all_defaults() {
        assert_eq!("".parse::<Config>().unwrap(), Config::default());
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let error = "[limits.all]\nmemroy = 5".parse::<Config>().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 2") && text.contains("memroy"), "{text}");
    }
}
