//! Options that several commands share.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use connector_host::config::Config;
use connector_host::contract::TransformMap;
use connector_host::egress::{Egress, NetworkOptions, Origin, QuotaPolicy, Secrets};
use connector_host::plugin::{Engine, Plugin};
use connector_host::settings::{SecretSource, Settings};

use super::Mistakes;

/// Which plugin to use.
#[derive(Debug, Args)]
pub(super) struct PluginOptions {
    /// The plugin: a component built for wasm32-wasip2.
    #[arg(long, value_name = "FILE")]
    pub(super) plugin: PathBuf,
    #[command(flatten)]
    pub(super) engine: EngineOptions,
}

/// How plugins are compiled and limited.
#[derive(Debug, Args)]
pub(super) struct EngineOptions {
    /// How many partitions are read at the same time, whatever the configuration says.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    max_in_flight: Option<usize>,
    /// The operator's configuration, a TOML file.
    #[arg(long, value_name = "FILE", env = "CONNECTOR_CONFIG")]
    config: Option<PathBuf>,
    /// Folder for compiled code; only this user may write to it.
    #[arg(long, value_name = "DIR", env = "CONNECTOR_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl EngineOptions {
    pub(super) fn engine(&self) -> anyhow::Result<Engine> {
        let mut limits = self.config()?.limits;
        if let Some(partitions) = self.max_in_flight {
            limits.all.in_flight = Some(partitions);
            limits.all.in_flight_requests = Some(partitions.saturating_mul(2));
        }
        let cache = self.cache_dir.clone().or_else(default_cache);
        Ok(Engine::new(limits, cache.as_deref())?)
    }

    fn config(&self) -> anyhow::Result<Config> {
        match &self.config {
            Some(file) => Ok(Config::read(file)?),
            None => Ok(Config::default()),
        }
    }
}

impl PluginOptions {
    pub(super) async fn load(&self) -> anyhow::Result<Plugin> {
        Ok(Plugin::load(&self.engine.engine()?, &self.plugin).await?)
    }
}

fn default_cache() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("connector-host"))
}

/// What a connector is configured with.
#[derive(Debug, Args)]
pub(super) struct SettingsOptions {
    /// The settings: a JSON object, as `plugin inspect` lists them.
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// A secret setting and where to read it: KEY=env:VARIABLE or KEY=file:PATH. Wins over the
    /// settings file.
    #[arg(long = "secret", value_name = "KEY=SOURCE")]
    secrets: Vec<SecretSource>,
    /// Transform map: the name of one of the plugin's, or a JSON file. The plugin's first where
    /// absent.
    #[arg(long, value_name = "NAME|FILE")]
    map: Option<String>,
}

impl SettingsOptions {
    pub(super) fn read(&self, plugin: &Plugin) -> anyhow::Result<Settings> {
        let document = std::fs::read_to_string(&self.settings)
            .with_context(|| format!("the settings file {}", self.settings.display()))?;
        let mut given = Secrets::new();
        let mut problems = Vec::new();
        for source in &self.secrets {
            match source.read() {
                Ok((key, secret)) => {
                    given.insert(key, secret);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(Mistakes(problems).into());
        }
        Settings::split(&document, given, plugin.description())
            .map_err(|problems| Mistakes(problems).into())
    }

    /// The map that was asked for, validated by the plugin.
    pub(super) async fn map(&self, plugin: &Plugin) -> anyhow::Result<TransformMap> {
        let maps = &plugin.description().maps;
        let Some(wanted) = &self.map else {
            return maps.first().cloned().context("the plugin has no map");
        };
        if let Some(map) = maps.iter().find(|map| map.name == *wanted) {
            return Ok(map.clone());
        }
        let text = std::fs::read_to_string(wanted).with_context(|| {
            let names: Vec<&str> = maps.iter().map(|map| map.name.as_str()).collect();
            format!(
                "--map {wanted}: neither a map of the plugin ({}) nor a file",
                names.join(", ")
            )
        })?;
        let map: TransformMap =
            serde_json::from_str(&text).with_context(|| format!("the map file {wanted}"))?;
        let problems = plugin.open(None).await?.validate(&map).await?;
        if problems.is_empty() {
            Ok(map)
        } else {
            Err(Mistakes(problems).into())
        }
    }
}

/// How the network is reached.
#[derive(Debug, Args)]
pub(super) struct NetworkArguments {
    /// Grant an origin that is otherwise refused: plain http, another port, a private or loopback
    /// address, or a host that the plugin doesn't declare. Exactly this origin, nothing beside it.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allow_origins: Vec<Origin>,
    /// Trust the certificate authorities in this PEM file as well.
    #[arg(long = "ca-file", value_name = "PEM")]
    ca_files: Vec<PathBuf>,
    /// The vendor's quota to keep: `declared` by the plugin, `unlimited`, or a number of units in the
    /// declared window, such as a half where other programs use the same application.
    #[arg(long, value_name = "UNITS", default_value = "declared")]
    quota: QuotaPolicy,
    /// Reach the network through this proxy, or `system` for the one of the environment.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

impl NetworkArguments {
    pub(super) fn egress(&self) -> anyhow::Result<Arc<Egress>> {
        Ok(Egress::new(NetworkOptions {
            allow_origins: self.allow_origins.clone(),
            ca_files: self.ca_files.clone(),
            proxy: self.proxy.clone(),
            quota: self.quota,
            ..NetworkOptions::default()
        })?)
    }
}

/// Where the directory is.
#[derive(Debug, Args)]
pub(super) struct DirectoryOptions {
    /// The directory's database: a SQLite file (made where it doesn't exist) or a URL.
    #[arg(long, value_name = "PATH|URL")]
    pub(super) database: String,
    /// Name of the connector in the directory.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) connector: String,
}
