//! Commands on a data folder that need no running server: the vault's key, and a way back in.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use connector_host::access::Access;
use connector_host::clock::SystemClock;
use connector_host::config::Config;
use connector_host::control_plane::{control_database, key_place};
use connector_host::database::Database;
use connector_host::lock::Lock;
use connector_host::run::EXIT_PROCESSED;
use connector_host::vault::{Key, Vault};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::server::ServerOptions;

/// The key that a server's secrets are encrypted with.
#[derive(Debug, Subcommand)]
pub(super) enum VaultCommand {
    /// Make a key in a new file that only this user may read.
    NewKey(NewKey),
    /// Test whether the configured key opens what the data folder holds.
    Check(CheckKey),
    /// Encrypt every secret anew with another key. The server must be stopped.
    Rotate(Rotate),
}

/// Arguments of `vault new-key`.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// The file; there must be none yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Arguments of `vault check`.
#[derive(Debug, Args)]
pub(super) struct CheckKey {
    #[command(flatten)]
    server: ServerOptions,
}

/// Arguments of `vault rotate`.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// File for the new key; it is made where there is none. Configure it afterwards as the vault's key.
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
    #[command(flatten)]
    server: ServerOptions,
}

/// Arguments of `reset-password`.
#[derive(Debug, Args)]
pub(super) struct ResetPassword {
    /// Name of the user.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerOptions,
}

impl VaultCommand {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        match self {
            Self::NewKey(command) => command.run(),
            Self::Check(command) => command.run().await,
            Self::Rotate(command) => command.run().await,
        }
    }
}

impl NewKey {
    fn run(self) -> anyhow::Result<u8> {
        let key = Key::generate();
        key.write(&self.file)?;
        say(&format!("{}: key {}", self.file.display(), key.id()))
    }
}

impl CheckKey {
    async fn run(self) -> anyhow::Result<u8> {
        let config = self.server.load()?.config;
        let key = configured_key(&config)?;
        let id = key.id().to_owned();
        Vault::new(key).verify(&database(&config).await?).await?;
        say(&format!("The key {id} opens every secret."))
    }
}

impl Rotate {
    async fn run(self) -> anyhow::Result<u8> {
        let config = self.server.load()?.config;
        let folder = config
            .data_dir()
            .context("name a data folder with --data-dir")?;
        // A running server would go on with the old key.
        let _alone = Lock::data_folder(&folder)?;
        let old = Vault::new(configured_key(&config)?);
        let place = connector_host::vault::KeyPlace::File(self.new_key.clone());
        if !self.new_key.exists() {
            Key::generate().write(&self.new_key)?;
        }
        let new = Key::read(&place)?;
        let count = old.rotate(&database(&config).await?, &new).await?;
        say(&format!(
            "{count} secrets are encrypted with the key {} in {}. Configure it as the vault's key before the \
             server starts, and destroy the old key once backups made with it are gone.",
            new.id(),
            self.new_key.display()
        ))
    }
}

impl ResetPassword {
    pub(super) async fn run(self) -> anyhow::Result<u8> {
        let config = self.server.load()?.config;
        let access = Access::new(
            database(&config).await?,
            Arc::new(SystemClock),
            config.access,
        )?;
        let password = password()?;
        let user = access.reset_password(&self.name, password).await?;
        say(&format!("{} has a new password.", user.name))
    }
}

fn configured_key(config: &Config) -> anyhow::Result<Key> {
    let place = key_place(&config.vault).context("no place for a key is configured")?;
    Ok(Key::read(&place)?)
}

async fn database(config: &Config) -> anyhow::Result<Database> {
    let folder = config
        .data_dir()
        .context("name a data folder with --data-dir")?;
    let file = control_database(&folder);
    if !file.exists() {
        bail!("{} is no data folder of a server", folder.display());
    }
    Ok(Database::open(&file).await?)
}

/// Typed twice and not shown on a terminal; else the first line of standard input.
fn password() -> anyhow::Result<SecretString> {
    if std::io::stdin().is_terminal() {
        let first = Zeroizing::new(rpassword::prompt_password("New password: ")?);
        let again = Zeroizing::new(rpassword::prompt_password("Once more: ")?);
        if *first != *again {
            bail!("the two are not the same");
        }
        return Ok(SecretString::from(first.as_str()));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(4096).read_to_string(&mut text)?;
    let line = text
        .lines()
        .next()
        .context("no password on standard input")?;
    Ok(SecretString::from(line))
}

fn say(text: &str) -> anyhow::Result<u8> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(EXIT_PROCESSED)
}
