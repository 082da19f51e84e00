//! The operator's configuration: a TOML file, the environment and the command line over the defaults.
//!
//! Every field is declared once, with its meaning and its default ([`Section`]); the example file, the names in
//! the environment and the help in error messages come from there.

mod effective;
mod example;
mod load;
mod mistake;
pub(crate) mod section;
mod sections;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::access::{AccessPolicy, OidcPolicy, PolicyError};
use crate::limits::{self, LimitPolicy};
use crate::plugin::registry::PluginPolicy;
use crate::work::RunPolicy;

pub use effective::Value;
pub use example::example;
pub use load::{Loaded, Sources};
pub use mistake::{ConfigError, Given, Mistake};
pub use section::{Field, Section};
pub use sections::{
    LogFormat, LogPolicy, NetworkPolicy, PlainHttp, ServerPolicy, TelemetryPolicy, TlsPolicy,
    Transport, VaultPolicy,
};

/// What an operator may configure. Everything has a default.
///
/// ```
/// let config: connector_host::config::Config = r#"
///     [server]
///     listen = "127.0.0.1:9000"
///
///     [limits.all]
///     memory = 134217728
///
///     [limits.connectors.contoso]
///     requests = 50000
/// "#
/// .parse()?;
/// assert_eq!(config.server.listen.port(), 9000);
/// assert_eq!(config.limits.of_connector("any-plugin", "contoso").requests, 50_000);
/// # Ok::<(), connector_host::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// How the server is reached, and where it keeps what it knows.
    pub server: ServerPolicy,
    /// How connectors reach the network.
    pub network: NetworkPolicy,
    /// The key that secrets are encrypted with.
    pub vault: VaultPolicy,
    /// How people and programs get in.
    pub access: AccessPolicy,
    /// How many runs there are at a time, when they are tried again, and how long they are remembered.
    pub runs: RunPolicy,
    /// What is logged.
    pub log: LogPolicy,
    /// Traces of requests and runs.
    pub telemetry: TelemetryPolicy,
    /// Which plugins are let in, and when they give way.
    pub plugins: PluginPolicy,
    /// What plugins may use.
    pub limits: LimitPolicy,
}

/// Every section, in the order of the example file.
const SECTIONS: &[Section] = &[
    ServerPolicy::SECTION,
    TlsPolicy::SECTION,
    NetworkPolicy::SECTION,
    VaultPolicy::SECTION,
    AccessPolicy::SECTION,
    OidcPolicy::SECTION,
    RunPolicy::SECTION,
    LogPolicy::SECTION,
    TelemetryPolicy::SECTION,
    PluginPolicy::SECTION,
    limits::SECTION,
];

/// Every section, in the order of the example file.
#[must_use]
pub fn sections() -> &'static [Section] {
    SECTIONS
}

/// Every field with its path, such as `server.listen`.
fn fields() -> impl Iterator<Item = (String, &'static Field)> {
    SECTIONS.iter().flat_map(|section| {
        section
            .fields
            .iter()
            .map(|field| (format!("{}.{}", section.path, field.key()), field))
            // What is a section of its own.
            .filter(|(path, _)| !SECTIONS.iter().any(|other| other.path == path))
    })
}

impl Config {
    /// Reads a file, and nothing else.
    ///
    /// # Errors
    /// [`ConfigError`] names every mistake with its line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Ok(Sources::default().file(path)?.load()?.config)
    }

    /// Where everything is kept: what was configured, else the state folder that systemd gives, else a folder
    /// among the user's data. Nothing where the user has no home.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        let configured = self.server.data_dir.clone();
        let of_systemd = || {
            let folders = std::env::var_os("STATE_DIRECTORY")?;
            // There may be several, of which the first is the unit's own.
            let first = folders.to_str()?.split(':').next()?;
            Some(PathBuf::from(first)).filter(|path| path.is_absolute())
        };
        configured
            .or_else(of_systemd)
            .or_else(|| user_folder("XDG_DATA_HOME", ".local/share"))
    }

    /// The directory's database, of a server that keeps its things in `data_dir`.
    #[must_use]
    pub fn database(&self, data_dir: &Path) -> String {
        let own = || {
            data_dir
                .join("directory.sqlite")
                .to_string_lossy()
                .into_owned()
        };
        self.server.database.clone().unwrap_or_else(own)
    }

    /// What is wrong although each value by itself is possible: path, what is wrong, what to do.
    fn contradictions(&self) -> Vec<(String, String, &'static str)> {
        let mut found = Vec::new();
        if let Err(PolicyError(fields)) = self.access.check() {
            found.extend(
                fields
                    .into_iter()
                    .map(|field| (field.path, field.message, "")),
            );
        }
        let mut wrong = |path: &str, message: &str, remedy| {
            found.push((path.to_owned(), message.to_owned(), remedy));
        };
        let tls = &self.server.tls;
        if tls.certificate.is_some() != tls.key.is_some() {
            let missing = match tls.key {
                Some(_) => "server.tls.certificate",
                None => "server.tls.key",
            };
            wrong(missing, "it is missing", "Give both files, or neither.");
        }
        if self.vault.key_file.is_some() && self.vault.key_env.is_some() {
            wrong(
                "vault.keyEnv",
                "the key is in a file already",
                "Give either `keyFile` or `keyEnv`.",
            );
        }
        for (path, value) in [
            ("server.requestTimeout", self.server.request_timeout),
            ("server.shutdownGrace", self.server.shutdown_grace),
        ] {
            if value.is_zero() {
                wrong(path, "it is nothing", "Write a time such as 30s.");
            }
        }
        if self.runs.concurrent == 0 {
            wrong("runs.concurrent", "nothing could run", "Give at least 1.");
        }
        let share = self.telemetry.sample_ratio;
        if !(0.0..=1.0).contains(&share) {
            wrong(
                "telemetry.sampleRatio",
                "it is no share",
                "Give a number from 0 to 1.",
            );
        }
        if let Some(url) = &self.server.public_url
            && (!is_web(url) || url.path() != "/" || url.query().is_some())
        {
            wrong(
                "server.publicUrl",
                "it is no base address",
                "Write scheme, host and port, such as https://connectors.example.com.",
            );
        }
        if let Some(url) = &self.telemetry.otlp_endpoint
            && !is_web(url)
        {
            wrong(
                "telemetry.otlpEndpoint",
                "it is neither http nor https",
                "Give the collector's OTLP/HTTP address, usually on port 4318.",
            );
        }
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&self.log.filter) {
            wrong(
                "log.filter",
                &error.to_string(),
                "Write a level such as info, and levels of modules such as sqlx=warn.",
            );
        }
        if let Err(error) = self.limits.check() {
            wrong("limits", &error.to_string(), "See `[limits.all]`.");
        }
        found
    }
}

fn is_web(url: &url::Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// This program's part of one of the user's base folders.
#[must_use]
pub fn user_folder(variable: &str, in_home: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(in_home)))?;
    Some(base.join("connector-host"))
}

impl std::str::FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Ok(Sources::default().text(text).load()?.config)
    }
}
