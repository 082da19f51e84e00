//! `connector-host backup` and `restore`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use connector_host::backup::{self, Manifest};
use connector_host::config::Config;
use connector_host::run::EXIT_PROCESSED;
use indicatif::{HumanBytes, HumanCount};

use super::server::ServerOptions;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// A new folder for the backup; only this user can look into it.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    server: ServerOptions,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder of a backup.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    #[command(flatten)]
    server: ServerOptions,
}

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let (config, data_dir) = folder(&self.server)?;
        let now = jiff::Timestamp::now();
        let database = config.database(&data_dir);
        let made = backup::backup(&data_dir, &database, &self.to, now).await?;
        let mut out = io::stdout().lock();
        told(&mut out, "Backed up", &made)?;
        if !made.has_directory {
            writeln!(
                out,
                "The directory is not in it: it is on a database server; back it up with that server's tools."
            )?;
        }
        writeln!(
            out,
            "The key of the vault is not in it, nor are the configuration and the certificate. Keep the key \
             somewhere else: without it the secrets in this backup can't be read."
        )?;
        Ok(EXIT_PROCESSED)
    }
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let (_, data_dir) = folder(&self.server)?;
        let restored = backup::restore(&self.from, &data_dir).await?;
        let mut out = io::stdout().lock();
        told(&mut out, "Restored", &restored)?;
        writeln!(
            out,
            "Made by version {} at {}. Before you start the server, give it the key of the vault that it had then, \
             its configuration and its certificate.",
            restored.version, restored.made
        )?;
        if !restored.has_directory {
            writeln!(
                out,
                "The directory was on a database server: restore it there, and name it with --database."
            )?;
        }
        Ok(EXIT_PROCESSED)
    }
}

/// The server's configuration and its data folder.
fn folder(server: &ServerOptions) -> anyhow::Result<(Config, PathBuf)> {
    let config = server.load()?.config;
    let data_dir = config
        .data_dir()
        .context("no home folder; name the data folder with --data-dir")?;
    Ok((config, data_dir))
}

fn told(out: &mut impl Write, done: &str, manifest: &Manifest) -> io::Result<()> {
    let bytes = manifest.files.values().map(|file| file.bytes).sum();
    writeln!(
        out,
        "{done}: {} files, {}",
        HumanCount(manifest.files.len() as u64),
        HumanBytes(bytes)
    )
}
