//! The very same component in runtimes other than the host's, by the adapters in `tests/runtimes`.
//!
//! What they need is installed once, beside what cargo built. Where that can't be done a test says so and passes, unless
//! `CI_REQUIRE_RUNTIMES` is `1`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use anyhow::{Context, ensure};
use harness::simulator::{
    DEMO_CLIENT_SECRET, FaultAction, FaultRule, Kind, Membership, Simulator, Truth,
};
use harness::{artefacts, host};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::lab::{same_sets, small};
use crate::secrets::{assert_clean, spellings};

/// A runtime with its adapter, ready to run.
struct Adapter {
    program: PathBuf,
    script: PathBuf,
}

fn node() -> Option<&'static Adapter> {
    static INSTALLED: OnceLock<Option<Adapter>> = OnceLock::new();
    once(&INSTALLED, "Node", || {
        let folder = node_with(&source("node"))?;
        // Node looks for packages beside the script.
        let script = folder.join("snapshot.mjs");
        std::fs::copy(source("node").join("snapshot.mjs"), &script)?;
        Ok(Adapter {
            program: "node".into(),
            script,
        })
    })
}

fn python() -> Option<&'static Adapter> {
    static INSTALLED: OnceLock<Option<Adapter>> = OnceLock::new();
    once(&INSTALLED, "Python", || {
        let source = source("python");
        let folder = python_with(&source.join("requirements.txt"))?;
        Ok(Adapter {
            program: folder.join("python"),
            script: source.join("snapshot.py"),
        })
    })
}

/// A folder with the packages that are locked in another one.
pub(crate) fn node_with(source: &Path) -> anyhow::Result<PathBuf> {
    let version = version("node", [20, 0])?;
    installed(&version, &source.join("package-lock.json"), |folder| {
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            std::fs::copy(source.join(file), folder.join(file))?;
        }
        let arguments = "ci --ignore-scripts --no-audit --no-fund --fetch-retries=1";
        run(Command::new("npm")
            .args(arguments.split(' '))
            .current_dir(folder))
    })
}

/// The programs of a Python of its own with these packages.
pub(crate) fn python_with(requirements: &Path) -> anyhow::Result<PathBuf> {
    let version = version("python3", [3, 11])?;
    let folder = installed(&version, requirements, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let arguments = "-m pip --disable-pip-version-check --quiet --retries 1 install \
             --only-binary :all: --requirement";
        run(Command::new(folder.join("bin/python"))
            .args(arguments.split_whitespace())
            .arg(requirements))
    })?;
    Ok(folder.join("bin"))
}

/// The folder of `tests/runtimes` for this.
pub(crate) fn source(runtime: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("runtimes")
        .join(runtime)
}

/// Installs at the first call. Without success there is nothing, which is a failure if it is required.
pub(crate) fn once<T>(
    cell: &'static OnceLock<Option<T>>,
    name: &str,
    install: impl FnOnce() -> anyhow::Result<T>,
) -> Option<&'static T> {
    cell.get_or_init(|| match install() {
        Ok(adapter) => Some(adapter),
        Err(error) if std::env::var("CI_REQUIRE_RUNTIMES").is_ok_and(|value| value == "1") => {
            panic!("{name} is required: {error:#}")
        }
        Err(error) => {
            // Not `eprintln`, which only failing tests show.
            let _ = writeln!(std::io::stderr(), "SKIPPED without {name}: {error:#}");
            None
        }
    })
    .as_ref()
}

/// The version of a program, which must not be below the least.
fn version(program: &str, least: [u32; 2]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("{program} doesn't run"))?;
    let version = String::from_utf8(output.stdout)?.trim().to_owned();
    let numbers: Vec<u32> = version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    ensure!(
        numbers >= least.to_vec(),
        "{program} is {version}, which is too old"
    );
    Ok(version)
}

/// A folder of what is locked, made only once for each lock and version of the runtime.
fn installed(
    version: &str,
    lock: &Path,
    install: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let mut hash = Sha256::new_with_prefix(version);
    hash.update(std::fs::read(lock)?);
    let name: String = hash.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = host::cache().with_file_name("runtimes").join(name);
    let stamp = folder.join("installed");
    if !stamp.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        install(&folder)?;
        std::fs::write(stamp, version)?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} doesn't run"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// What an adapter writes at the end.
#[derive(Deserialize)]
struct Summary {
    name: String,
    version: String,
    checks: Vec<Value>,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    memberships: Vec<Membership>,
    cursor: BTreeSet<String>,
}

/// Runs an adapter: what it printed, and the text of its summary.
fn run_adapter(adapter: &Adapter, simulator: &Simulator) -> (Output, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let summary = folder.path().join("summary.json");
    std::fs::write(&settings, host::settings(simulator).to_string()).unwrap();
    // An adapter that waits for something that never comes must not hold up all tests.
    let output = Command::new("timeout")
        .arg("180")
        .arg(&adapter.program)
        .arg(&adapter.script)
        .arg(artefacts::component().unwrap())
        .args([&settings, &summary])
        .output()
        .unwrap();
    (output, std::fs::read_to_string(summary).ok())
}

fn assert_takes_a_snapshot(adapter: &Adapter, when: &str) {
    let simulator = Simulator::start(small()).unwrap();
    let (output, summary) = run_adapter(adapter, &simulator);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let summary: Summary = serde_json::from_str(&summary.unwrap()).unwrap();
    assert_eq!(summary.name, "entra-directory-sync");
    assert_eq!(summary.version, env!("CARGO_PKG_VERSION"));
    assert!(!summary.checks.is_empty());
    for line in &summary.checks {
        assert_eq!(line["outcome"], "passed", "{when}: {line}");
    }
    let Truth {
        users,
        groups,
        memberships,
    } = simulator.truth();
    same_sets("users", when, &users.into_keys().collect(), &summary.users);
    same_sets(
        "groups",
        when,
        &groups.into_keys().collect(),
        &summary.groups,
    );
    // As in the host: v1.0 listings never show service principals.
    let memberships = memberships
        .into_iter()
        .filter(|membership| membership.kind != Kind::ServicePrincipal)
        .collect();
    let held = summary.memberships.iter().cloned().collect();
    same_sets("memberships", when, &memberships, &held);
    assert_eq!(
        summary.memberships.len(),
        held.len(),
        "{when}: each only once"
    );
    assert_eq!(
        summary.cursor,
        BTreeSet::from(["groups".to_owned(), "users".to_owned()])
    );
}

#[test]
fn the_same_component_takes_a_snapshot_in_node() {
    if let Some(node) = node() {
        assert_takes_a_snapshot(node, "in Node");
    }
}

#[test]
fn the_same_component_takes_a_snapshot_in_python() {
    if let Some(python) = python() {
        assert_takes_a_snapshot(python, "in Python");
    }
}

#[test]
fn what_the_adapters_print_and_write_holds_neither_the_secret_nor_a_token() {
    for adapter in [node(), python()].into_iter().flatten() {
        let simulator = Simulator::start(small()).unwrap();
        // A token that is refused in the middle is renewed.
        let refused = FaultRule::new("/(users|members)", FaultAction::Unauthenticated);
        simulator.inject(refused.times(1)).unwrap();
        let (good, summary) = run_adapter(adapter, &simulator);
        let summary = summary.expect("a summary");
        let mut secrets = simulator.access_tokens();
        assert_eq!(secrets.len(), 2);
        // A secret that is refused is told, with the authority's words.
        simulator.edit_app(|app| app.secret_expired = true);
        let (bad, nothing) = run_adapter(adapter, &simulator);
        assert_eq!((bad.status.success(), nothing), (false, None));
        assert!(String::from_utf8_lossy(&bad.stderr).contains("oauth."));
        secrets.push(DEMO_CLIENT_SECRET.to_owned());
        let needles = spellings(&secrets);
        for told in [
            good.stdout,
            good.stderr,
            summary.into_bytes(),
            bad.stdout,
            bad.stderr,
        ] {
            assert_clean(&needles, &told, "what was told");
        }
    }
}
