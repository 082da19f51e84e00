//! `connector-host plugin install`, `list`, `approve`, `activate`, `rollback` and `remove`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use connector_host::plugin::registry::{Installed, PluginId, Standing};
use connector_host::run::{EXIT_HELD, EXIT_PROCESSED};
use indicatif::HumanBytes;

use super::options::EngineOptions;
use super::table::table;

/// Arguments of `plugin install`.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// The plugin: a component built for wasm32-wasip2.
    file: PathBuf,
    /// Its signature by minisign; FILE.minisig where absent.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Grant what it asks for.
    #[arg(long)]
    approve: bool,
    /// Make it the version that runs use. The first approved version of a plugin is made so anyway.
    #[arg(long)]
    activate: bool,
    /// Write what was installed as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Install {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let registry = self.engine.registry()?;
        let mut installed = registry
            .install(&self.file, self.signature.as_deref())
            .await?;
        if self.approve {
            registry.approve(&installed.id).await?;
        }
        installed.standing = registry.settle(&installed.id, self.activate).await?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &installed)?;
            writeln!(out)?;
        } else {
            tell(&mut out, &installed)?;
        }
        Ok(match installed.standing {
            Standing::Waiting(_) => EXIT_HELD,
            _ => EXIT_PROCESSED,
        })
    }
}

fn tell(out: &mut impl Write, installed: &Installed) -> io::Result<()> {
    let id = &installed.id;
    let news = if installed.new {
        "installed"
    } else {
        "was installed already"
    };
    match &installed.standing {
        Standing::Waiting(beyond) => {
            writeln!(out, "{id} {news}: waits for approval")?;
            for (what, names) in [
                ("hosts", &beyond.hosts),
                ("permissions", &beyond.permissions),
            ] {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                if !names.is_empty() {
                    writeln!(out, "  asks for {what}: {}", names.join(", "))?;
                }
            }
            writeln!(out, "To grant it: connector-host plugin approve {id}")
        }
        standing => {
            writeln!(out, "{id} {news}: {}", words(standing))?;
            if *standing == Standing::Ready {
                writeln!(out, "To use it: connector-host plugin activate {id}")?;
            }
            Ok(())
        }
    }
}

fn words(standing: &Standing) -> String {
    match standing {
        Standing::Active => "active".into(),
        Standing::Ready => "ready".into(),
        Standing::Waiting(beyond) => format!("waits for approval of {beyond}"),
        Standing::Withdrawn(reason) => format!("withdrawn: {reason}"),
    }
}

/// Arguments of `plugin list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Write the list as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let registry = self.engine.registry()?;
        registry.adopt().await?;
        let entries = registry.list().await?;
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &entries)?;
            writeln!(out)?;
        } else if entries.is_empty() {
            writeln!(
                out,
                "No plugin is installed. To install one: connector-host plugin install FILE"
            )?;
        } else {
            let mut table = table(&[
                "Plugin",
                "State",
                "Contract",
                "Checkpoints",
                "Size",
                "Signed by",
                "SHA-256",
            ]);
            for entry in &entries {
                table.add_row([
                    entry.id.to_string(),
                    words(&entry.standing),
                    entry.contract.clone(),
                    entry.checkpoint_version.to_string(),
                    HumanBytes(entry.size).to_string(),
                    entry.signed_by.clone().unwrap_or_else(|| "nobody".into()),
                    entry.sha256.chars().take(12).collect(),
                ]);
            }
            writeln!(out, "{table}")?;
        }
        Ok(EXIT_PROCESSED)
    }
}

/// Arguments of `plugin approve`.
#[derive(Debug, Args)]
pub(super) struct Approve {
    /// The version: NAME@VERSION.
    id: PluginId,
    /// Make it the version that runs use. The first approved version of a plugin is made so anyway.
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Approve {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let registry = self.engine.registry()?;
        registry.approve(&self.id).await?;
        let standing = registry.settle(&self.id, self.activate).await?;
        say(&format!("{} is approved: {}", self.id, words(&standing)))
    }
}

/// Arguments of `plugin activate`.
#[derive(Debug, Args)]
pub(super) struct Activate {
    /// The version: NAME@VERSION.
    id: PluginId,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Activate {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        self.engine.registry()?.activate(&self.id).await?;
        say(&format!(
            "{} is active; runs under way end on the version that they began with",
            self.id
        ))
    }
}

/// Arguments of `plugin rollback`.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The plugin.
    name: String,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Rollback {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let back = self.engine.registry()?.roll_back(&self.name).await?;
        say(&format!(
            "{} is active again instead of {}",
            back.to, back.from
        ))
    }
}

/// Arguments of `plugin remove`.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The version: NAME@VERSION.
    id: PluginId,
    #[command(flatten)]
    engine: EngineOptions,
}

impl Remove {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        self.engine.registry()?.remove(&self.id).await?;
        say(&format!("{} is removed", self.id))
    }
}

fn say(text: &str) -> anyhow::Result<u8> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(EXIT_PROCESSED)
}
