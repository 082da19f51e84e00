//! What takes part: where it is, and how it is run once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use harness::artefacts;
use harness::host::{Workplace, cache};
use serde_json::Value;

use crate::process::Used;
use crate::table::{Program, Round};
use crate::tenant::Tenant;

/// Requests that the script has under way at the same time.
const AT_ONCE: usize = 16;

/// Everything that runs, built.
pub(crate) struct Programs {
    pub(crate) simulator: PathBuf,
    pub(crate) host: PathBuf,
    pub(crate) plugin: PathBuf,
    native: Option<PathBuf>,
    bar: Option<Bar>,
}

/// Programs that are built already, such as those of another revision.
#[derive(Debug, clap::Args)]
pub(crate) struct Built {
    /// A host that is built already
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,
    /// A component that is built already
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// A native core that is built already
    #[arg(long, value_name = "FILE")]
    native: Option<PathBuf>,
    /// A simulator that is built already
    #[arg(long, value_name = "FILE")]
    simulator: Option<PathBuf>,
}

fn either(
    built: Option<&PathBuf>,
    build: impl FnOnce() -> anyhow::Result<&'static Path>,
) -> anyhow::Result<PathBuf> {
    match built {
        Some(built) => built
            .canonicalize()
            .with_context(|| format!("{} is not there", built.display())),
        None => build().map(Path::to_owned),
    }
}

struct Bar {
    python: PathBuf,
    script: PathBuf,
}

impl Programs {
    /// `script` is another one than the project's own, and the Python to run it.
    pub(crate) fn build(
        script: Option<(Option<PathBuf>, Option<PathBuf>)>,
        native: bool,
        built: &Built,
    ) -> anyhow::Result<Self> {
        let bar = script.map(|(script, python)| {
            let script = script.unwrap_or_else(|| source().join("plain_sync.py"));
            anyhow::ensure!(script.is_file(), "there is no {}", script.display());
            let python = python.unwrap_or_else(python_of_its_own);
            Ok(Bar { python, script })
        });
        Ok(Self {
            bar: bar.transpose()?,
            plugin: either(built.plugin.as_ref(), artefacts::component)?,
            host: either(built.host.as_ref(), || artefacts::host(true))?,
            simulator: either(built.simulator.as_ref(), artefacts::simulator)?,
            native: if native {
                Some(either(built.native.as_ref(), artefacts::native)?)
            } else {
                None
            },
        })
    }

    /// Which script and Python there are, for whoever reads the figures.
    pub(crate) fn script_is(&self) -> String {
        let Some(bar) = &self.bar else {
            return "Without the script.".to_owned();
        };
        let said = Command::new(&bar.python)
            .args(["-c", "import platform, aiohttp, orjson; print(platform.python_version(), 'aiohttp', aiohttp.__version__, 'orjson', orjson.__version__)"])
            .output();
        match said {
            Ok(output) if output.status.success() => format!(
                "Script: Python {}, {AT_ONCE} requests at a time.",
                String::from_utf8_lossy(&output.stdout).trim()
            ),
            _ => format!(
                "Script: Python without aiohttp or orjson, which is slower; {AT_ONCE} requests at a time."
            ),
        }
    }

    pub(crate) fn has(&self, program: Program) -> bool {
        match program {
            Program::Connector => true,
            Program::Native => self.native.is_some(),
            Program::BarList | Program::BarDelta => self.bar.is_some(),
        }
    }

    /// A connector to a tenant, with nothing stored yet.
    pub(crate) fn workplace(&self, tenant: &Tenant) -> anyhow::Result<Workplace> {
        Workplace::of(
            &self.host,
            &self.plugin,
            tenant.base.clone(),
            &tenant.settings(),
        )
    }

    /// One run of a program that has stored nothing yet.
    pub(crate) async fn first_run(
        &self,
        program: Program,
        tenant: &Tenant,
        quota: Option<u32>,
    ) -> anyhow::Result<Round> {
        let workplace = self.workplace(tenant)?;
        let database = workplace.path("directory.sqlite");
        match program {
            Program::Connector => {
                let round = sync(&workplace, tenant, quota).await?;
                whole(&round, tenant)?;
                Ok(round)
            }
            Program::Native => {
                let native = self.native.as_ref().context("a native core")?;
                let mut command = tokio::process::Command::new(native);
                command
                    .arg("--settings")
                    .arg(workplace.path("settings.json"))
                    .arg("--database")
                    .arg(database)
                    .args(["--allow-origin", &tenant.base])
                    .args(["--quota", &quota_kept(quota)]);
                let round = round(command, tenant).await?;
                whole(&round, tenant)?;
                Ok(round)
            }
            Program::BarList | Program::BarDelta => {
                let bar = self.bar.as_ref().context("a script")?;
                let mode = if program == Program::BarList {
                    "list"
                } else {
                    "delta"
                };
                let arguments = [mode, "--conc", &AT_ONCE.to_string()];
                round(
                    tenant.script(&bar.python, &bar.script, &database, &arguments),
                    tenant,
                )
                .await
            }
        }
    }
}

/// One run of the connector, of the kind that is due.
pub(crate) async fn sync(
    workplace: &Workplace,
    tenant: &Tenant,
    quota: Option<u32>,
) -> anyhow::Result<Round> {
    let mut command = workplace.sync();
    command.args(["--report", "json", "--quota", &quota_kept(quota)]);
    let round = round(command, tenant).await?;
    anyhow::ensure!(
        round.report["state"] == "processed",
        "the run is not processed: {}",
        round.report
    );
    Ok(round)
}

/// Figures count only of who has done the work.
fn whole(round: &Round, tenant: &Tenant) -> anyhow::Result<()> {
    let added = |what: &str| round.report[what]["added"].as_u64().unwrap_or_default();
    let wanted = tenant.size;
    anyhow::ensure!(
        added("users") == wanted.users as u64
            && added("groups") == wanted.groups as u64
            // The simulator comes near, and listings leave service principals out.
            && added("memberships") >= wanted.memberships as u64 / 10 * 9,
        "less than the tenant has was stored: {}",
        round.report
    );
    Ok(())
}

async fn round(command: tokio::process::Command, tenant: &Tenant) -> anyhow::Result<Round> {
    tenant.statistics().await?;
    let used = Used::by(command).await?;
    let report: Value = serde_json::from_slice(&used.output).unwrap_or_default();
    Ok(Round {
        wall: used.wall,
        cpu: used.cpu,
        peak_kib: used.peak_kib,
        instance_bytes: report["peakInstanceMemory"].as_f64(),
        run_milliseconds: report["durationMs"].as_f64(),
        report,
        asked: tenant.statistics().await?,
    })
}

fn quota_kept(quota: Option<u32>) -> String {
    quota.map_or_else(|| "unlimited".to_owned(), |units| units.to_string())
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")
}

/// A Python with what the script likes best, made once; the machine's own where that can't be done.
fn python_of_its_own() -> PathBuf {
    let folder = cache().with_file_name("bench-python");
    let python = folder.join("bin/python");
    let ready = |python: &Path| {
        Command::new(python)
            .args(["-c", "import aiohttp, orjson"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if ready(&python) {
        return python;
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&folder)
        .status()
        .is_ok_and(|status| status.success());
    let _ = made
        && Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
            .args(["--disable-pip-version-check", "--retries", "1"])
            .arg("--requirement")
            .arg(source().join("requirements.txt"))
            .status()
            .is_ok_and(|status| status.success());
    if ready(&python) {
        python
    } else {
        "python3".into()
    }
}
