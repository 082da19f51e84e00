//! `connector-host serve` and `config`, and what commands about a server share.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use connector_host::clock::SystemClock;
use connector_host::config::{self, ConfigError, Loaded, Mistake, Sources};
use connector_host::control_plane::ControlPlane;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_PROCESSED};
use connector_host::server::{Server, stop_on_signals, tell_systemd};
use connector_host::telemetry;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::table::table;

/// Which server is meant, and how it is configured.
#[derive(Debug, Args)]
pub(super) struct ServerOptions {
    /// The operator's configuration, a TOML file; `config example` writes one.
    #[arg(long, value_name = "FILE", env = "CONNECTOR_CONFIG")]
    config: Option<PathBuf>,
    /// Folder for the databases and the installed plugins; only this user may write to it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The directory's database: a path or a URL; `directory.sqlite` in the data folder where absent.
    #[arg(long, value_name = "PATH|URL")]
    database: Option<String>,
    /// Any field of the configuration, such as `server.requestTimeout=10s`.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<(String, String)>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (path, value) = text
        .split_once('=')
        .ok_or("write FIELD=VALUE, such as server.requestTimeout=10s")?;
    Ok((path.trim().into(), value.trim().into()))
}

impl ServerOptions {
    /// The file, under the environment, under these options.
    pub(super) fn sources(&self) -> Result<Sources, ConfigError> {
        let mut sources = Sources::default().process_environment();
        if let Some(file) = &self.config {
            sources = sources.file(file)?;
        }
        for (path, value) in &self.set {
            sources = sources.flag("--set", path, value);
        }
        if let Some(folder) = &self.data_dir {
            let folder = folder.to_string_lossy();
            sources = sources.flag("--data-dir", "server.dataDir", folder);
        }
        if let Some(database) = &self.database {
            sources = sources.flag("--database", "server.database", database);
        }
        Ok(sources)
    }

    /// The configuration in force.
    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        self.sources()?.load()
    }
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    server: ServerOptions,
    /// IP address and port to listen at.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve plain http beyond this machine. Passwords and tokens can be read on the way.
    #[arg(long)]
    insecure_http: bool,
}

impl Serve {
    pub(super) async fn run(self, filter: Option<&str>) -> anyhow::Result<u8> {
        let loaded = self.load(filter)?;
        let config = &loaded.config;
        let telemetry = telemetry::start(&config.log, &config.telemetry, &config.network.ca_files)?;
        let outcome = serve(loaded).await;
        telemetry.stop().await;
        outcome
    }

    fn load(&self, filter: Option<&str>) -> Result<Loaded, ConfigError> {
        let mut sources = self.server.sources()?;
        if let Some(listen) = &self.listen {
            sources = sources.flag("--listen", "server.listen", listen);
        }
        if self.insecure_http {
            sources = sources.flag("--insecure-http", "server.insecureHttp", "true");
        }
        // The variable wins, as for every other command.
        if let Some(filter) = filter.filter(|_| std::env::var_os("CONNECTOR_LOG").is_none()) {
            sources = sources.flag("--verbose", "log.filter", filter);
        }
        sources.load()
    }
}

async fn serve(configuration: Loaded) -> anyhow::Result<u8> {
    let plane = Arc::new(ControlPlane::open(configuration, Arc::new(SystemClock)).await?);
    let server = Server::bind(Arc::clone(&plane)).await?;
    let kill = CancellationToken::new();
    stop_on_signals(plane.shutdown.clone(), kill.clone(), server.certificate())?;
    greet(
        &mut io::stdout().lock(),
        &server,
        server.setup_code().await?,
    )?;
    tell_systemd(sd_notify::NotifyState::Ready);
    drop(plane);
    let ended = server.run(kill).await?;
    if ended.unfinished > 0 {
        tracing::warn!(
            "{} pieces of work did not end in time; the next start goes on with them",
            ended.unfinished
        );
    }
    Ok(EXIT_PROCESSED)
}

/// The first lines: where to go, and how to get in for the first time.
fn greet(
    out: &mut impl Write,
    server: &Server,
    code: Option<secrecy::SecretString>,
) -> io::Result<()> {
    writeln!(out, "Listening at {}", server.url())?;
    if let Some(address) = server.metrics_address() {
        writeln!(out, "Metrics at http://{address}/metrics")?;
    }
    if let Some(code) = code {
        writeln!(
            out,
            "No administrator yet. Open the address and enter this code, which works once: {}",
            code.expose_secret()
        )?;
    }
    out.flush()
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Write an example: every field with its meaning and its default.
    Example,
    /// Show what is in force and where it was given, or everything that is wrong.
    Check(CheckConfig),
}

impl ConfigCommand {
    pub(super) fn run(self) -> anyhow::Result<u8> {
        match self {
            Self::Example => {
                io::stdout()
                    .lock()
                    .write_all(config::example().as_bytes())?;
                Ok(EXIT_PROCESSED)
            }
            Self::Check(command) => command.run(),
        }
    }
}

/// Arguments of `config check`.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    #[command(flatten)]
    server: ServerOptions,
    /// Write JSON; so it is without a terminal.
    #[arg(long)]
    json: bool,
}

impl CheckConfig {
    fn run(self) -> anyhow::Result<u8> {
        let mut out = io::stdout().lock();
        let json = self.json || !out.is_terminal();
        let loaded = self.server.load().map_err(|error| error.mistakes());
        // What only a server would stumble over.
        let loaded = loaded.and_then(|loaded| match loaded.config.server.transport() {
            Ok(_) => Ok(loaded),
            Err(error) => Err(vec![loaded.mistake("server.listen", &error.to_string())]),
        });
        match loaded {
            Ok(loaded) if json => {
                serde_json::to_writer_pretty(&mut out, &loaded.values())?;
                writeln!(out)?;
                Ok(EXIT_PROCESSED)
            }
            Ok(loaded) => {
                show(&mut out, &loaded)?;
                Ok(EXIT_PROCESSED)
            }
            Err(mistakes) => {
                tell(&mut out, &mistakes, json)?;
                Ok(EXIT_CONFIGURATION)
            }
        }
    }
}

fn show(out: &mut impl Write, loaded: &Loaded) -> io::Result<()> {
    let mut table = table(&["Field", "Value", "From"]);
    for value in loaded.values() {
        let shown = match &value.value {
            serde_json::Value::Null => "not set".into(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.add_row([value.path, shown, value.given.to_string()]);
    }
    writeln!(out, "{table}")
}

fn tell(out: &mut impl Write, mistakes: &[Mistake], json: bool) -> anyhow::Result<()> {
    if json {
        let all = serde_json::json!({ "mistakes": mistakes });
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
    } else {
        for mistake in mistakes {
            writeln!(out, "{mistake}")?;
        }
    }
    Ok(())
}
