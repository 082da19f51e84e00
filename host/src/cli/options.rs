//! Options that several commands share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use connector_host::config::{Config, Sources, user_folder};
use connector_host::contract::TransformMap;
use connector_host::control_plane::plugins_folder;
use connector_host::directory::RunState;
use connector_host::egress::{Egress, NetworkOptions, Origin, QuotaPolicy, Secrets};
use connector_host::plugin::registry::{Registry, Wanted};
use connector_host::plugin::{Engine, Plugin};
use connector_host::run::Report;
use connector_host::settings::{SecretSource, Settings};

use super::Mistakes;

/// Which plugin to use.
#[derive(Debug, Args)]
pub(super) struct PluginOptions {
    /// The plugin: NAME for the active version of an installed one, NAME@VERSION for a certain one, or
    /// the path of a component.
    #[arg(long, value_name = "NAME|FILE")]
    plugin: PluginArgument,
    #[command(flatten)]
    engine: EngineOptions,
}

/// An installed plugin or a file.
#[derive(Debug, Clone)]
pub(super) enum PluginArgument {
    Installed(Wanted),
    File(PathBuf),
}

impl std::str::FromStr for PluginArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        // A name has neither.
        if text.contains(std::path::MAIN_SEPARATOR) || path.extension().is_some_and(|e| e == "wasm")
        {
            return Ok(Self::File(path));
        }
        text.parse().map(Self::Installed)
    }
}

/// How plugins are compiled and limited, and where they are installed.
#[derive(Debug, Args)]
pub(super) struct EngineOptions {
    /// How many partitions are read at the same time, whatever the configuration says.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    max_in_flight: Option<usize>,
    /// The operator's configuration, a TOML file.
    #[arg(long, value_name = "FILE", env = "CONNECTOR_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of installed plugins and their compiled code; only this user may write to it.
    #[arg(long, value_name = "DIR", env = "CONNECTOR_PLUGINS")]
    plugins: Option<PathBuf>,
    /// Folder for the compiled code of plugins that are not installed; only this user may write to it.
    #[arg(long, value_name = "DIR", env = "CONNECTOR_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl EngineOptions {
    /// The installed plugins.
    pub(super) fn registry(&self) -> anyhow::Result<Registry> {
        let config = self.config()?;
        let of_server = || Some(plugins_folder(&config.data_dir()?));
        let folder = self
            .plugins
            .clone()
            .or_else(of_server)
            .context("no home folder; name the folder of plugins with --plugins")?;
        let engine = Engine::new(config.limits, Some(&Registry::code_folder(&folder)))?;
        Ok(Registry::open(&engine, &folder, config.plugins)?)
    }

    /// A plugin that isn't installed.
    pub(super) async fn load_file(&self, file: &Path) -> anyhow::Result<Plugin> {
        let cache = self
            .cache_dir
            .clone()
            .or_else(|| user_folder("XDG_CACHE_HOME", ".cache"));
        let engine = Engine::new(self.config()?.limits, cache.as_deref())?;
        Ok(Plugin::load(&engine, file).await?)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut sources = Sources::default().process_environment();
        if let Some(file) = &self.config {
            sources = sources.file(file)?;
        }
        let mut config = sources.load()?.config;
        if let Some(partitions) = self.max_in_flight {
            config.limits.all.in_flight = Some(partitions);
            config.limits.all.in_flight_requests = Some(partitions.saturating_mul(2));
        }
        Ok(config)
    }
}

/// Where the plugin of each run comes from.
#[derive(Debug)]
pub(super) enum PluginSource {
    /// The file stays the same for the life of the process.
    File(Plugin),
    /// Another version may be active at the next run.
    Installed(Registry, Wanted),
}

impl PluginOptions {
    pub(super) async fn source(&self) -> anyhow::Result<PluginSource> {
        Ok(match &self.plugin {
            PluginArgument::File(file) => PluginSource::File(self.engine.load_file(file).await?),
            PluginArgument::Installed(wanted) => {
                PluginSource::Installed(self.engine.registry()?, wanted.clone())
            }
        })
    }

    pub(super) async fn load(&self) -> anyhow::Result<Plugin> {
        self.source().await?.plugin().await
    }
}

impl PluginSource {
    /// The plugin for a run that begins now.
    pub(super) async fn plugin(&self) -> anyhow::Result<Plugin> {
        match self {
            Self::File(plugin) => Ok(plugin.clone()),
            Self::Installed(registry, wanted) => {
                registry.adopt().await?;
                Ok(registry.resolve(wanted).await?)
            }
        }
    }

    /// Tells the registry how a run ended.
    pub(super) async fn ran(&self, plugin: &Plugin, report: &Report) -> anyhow::Result<()> {
        let Self::Installed(registry, _) = self else {
            return Ok(());
        };
        // Neither good nor the plugin's fault: it says nothing about the version.
        let silent = match report.state {
            RunState::Failed => !report.plugin_at_fault,
            state => matches!(state, RunState::Cancelled | RunState::Interrupted),
        };
        if silent {
            return Ok(());
        }
        if let Some(back) = registry.ran(plugin, report.plugin_at_fault).await? {
            // An operator must learn of it even where nothing else is logged.
            tracing::error!(
                "{} failed its first runs and gives way to {}; `plugin activate {}` brings it back",
                back.from,
                back.to,
                back.from
            );
        }
        Ok(())
    }
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
    /// Let files in this folder be sent to token endpoints as federated tokens, where the settings name one.
    #[arg(long = "token-folder", value_name = "FOLDER")]
    token_folders: Vec<PathBuf>,
}

impl NetworkArguments {
    pub(super) fn egress(&self) -> anyhow::Result<Arc<Egress>> {
        Ok(Egress::new(NetworkOptions {
            allow_origins: self.allow_origins.clone(),
            ca_files: self.ca_files.clone(),
            proxy: self.proxy.clone(),
            quota: self.quota,
            token_folders: self.token_folders.clone(),
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
