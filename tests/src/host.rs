//! The host's program, run as its users run it.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, Simulator};

/// A folder with settings and a database, and the command line that uses them.
#[derive(Debug)]
pub struct Workplace {
    folder: TempDir,
    program: PathBuf,
    plugin: PathBuf,
    origin: String,
    ca: Option<PathBuf>,
    plugins: Option<PathBuf>,
}

impl Workplace {
    /// A connector to this simulator, configured with all groups; nothing is stored yet.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn new(simulator: &Simulator, program: &Path, plugin: &Path) -> anyhow::Result<Self> {
        Self::of(program, plugin, simulator.base_url(), &settings(simulator))
    }

    /// A connector of any plugin, to this origin and with these settings.
    ///
    /// # Errors
    /// Where the folder can't be written.
    pub fn of(
        program: &Path,
        plugin: &Path,
        origin: String,
        settings: &Value,
    ) -> anyhow::Result<Self> {
        let workplace = Self {
            folder: tempfile::tempdir()?,
            program: program.to_owned(),
            plugin: plugin.to_owned(),
            origin,
            ca: None,
            plugins: None,
        };
        workplace.settings(settings)?;
        Ok(workplace)
    }

    /// Writes other settings.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn settings(&self, settings: &Value) -> anyhow::Result<()> {
        std::fs::write(self.path("settings.json"), settings.to_string())?;
        Ok(())
    }

    /// Trusts this certificate authority from now on.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn trust(&mut self, pem: &str) -> anyhow::Result<()> {
        let file = self.path("ca.pem");
        std::fs::write(&file, pem)?;
        self.ca = Some(file);
        Ok(())
    }

    /// Uses this folder of installed plugins from now on.
    pub fn install_into(&mut self, plugins: PathBuf) {
        self.plugins = Some(plugins);
    }

    /// A file of the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command `sync`, with what it takes to reach the simulator.
    #[must_use]
    pub fn sync(&self) -> tokio::process::Command {
        let mut command = self.command("sync");
        command.arg("--database").arg(self.path("directory.sqlite"));
        self.reach(&mut command);
        command
    }

    /// The command `check`, with what it takes to reach the simulator.
    #[must_use]
    pub fn check(&self) -> tokio::process::Command {
        let mut command = self.command("check");
        self.reach(&mut command);
        command
    }

    /// Any other command.
    #[must_use]
    pub fn command(&self, name: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .arg(name)
            .env("CONNECTOR_CACHE_DIR", cache())
            .env(
                "CONNECTOR_PLUGINS",
                self.plugins.clone().unwrap_or_else(|| self.path("plugins")),
            )
            .kill_on_drop(true);
        command
    }

    fn reach(&self, command: &mut tokio::process::Command) {
        command
            .arg("--plugin")
            .arg(&self.plugin)
            .arg("--settings")
            .arg(self.path("settings.json"))
            .arg("--allow-origin")
            .arg(&self.origin);
        if let Some(ca) = &self.ca {
            command.arg("--ca-file").arg(ca);
        }
    }

    /// What `export` streams, a JSON document a line.
    ///
    /// # Errors
    /// Where it fails or streams something else.
    pub async fn export(&self, what: &str, more: &[&str]) -> anyhow::Result<Vec<Value>> {
        let output = self
            .command("export")
            .arg("--database")
            .arg(self.path("directory.sqlite"))
            .args(["--what", what])
            .args(more)
            .output()
            .await?;
        anyhow::ensure!(
            output.status.success(),
            "export failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)?
            .lines()
            .map(|line| serde_json::from_str(line).context("a line of the export"))
            .collect()
    }
}

/// The JSON report of a finished `sync --report json`.
///
/// # Errors
/// Where there is none; the error has what was written instead.
pub fn report(output: &Output) -> anyhow::Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "no report; {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Settings of a connector to this simulator, with all groups.
#[must_use]
pub fn settings(simulator: &Simulator) -> Value {
    json!({
        "tenantId": simulator.tenant_id(),
        "clientId": DEMO_CLIENT_ID,
        "clientSecret": DEMO_CLIENT_SECRET,
        "groups": "all",
        "loginEndpoint": simulator.login_url(),
        "graphEndpoint": simulator.graph_url(),
    })
}

/// Where compiled code is kept between tests: beside what cargo built.
#[must_use]
pub fn cache() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map_or_else(std::env::temp_dir, Path::to_owned);
    folder.join("connector-cache")
}
