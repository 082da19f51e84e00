//! What the tests run: the plugin as a component and the host as a program, built from source.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail};

/// The target that plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// The Entra plugin, built for release, as it would be shipped.
///
/// # Errors
/// Where it doesn't build.
pub fn component() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || plugin("entra-directory-sync", ""))
}

/// The SCIM plugin of `fixtures/scim`, built in the same way.
///
/// # Errors
/// Where it doesn't build.
pub fn scim() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || plugin("scim-directory-sync", ""))
}

/// The hostile plugin of `fixtures/evil`.
///
/// # Errors
/// Where it doesn't build.
pub fn evil() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || evil_with(""))
}

/// The hostile plugin with one of its features.
///
/// # Errors
/// Where it doesn't build.
pub fn evil_with(feature: &str) -> anyhow::Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let built = plugin("evil", feature)?;
    // Cargo puts a package's builds with other features in one and the same place.
    let kept = built.with_file_name(format!("evil-with-{feature}.wasm"));
    let fresh = kept.with_extension(std::process::id().to_string());
    std::fs::copy(&built, &fresh)?;
    std::fs::rename(&fresh, &kept)?;
    Ok(kept)
}

/// The host's program, built for development or for release.
///
/// # Errors
/// Where it doesn't build.
pub fn host(optimised: bool) -> anyhow::Result<&'static Path> {
    static DEBUG: OnceLock<PathBuf> = OnceLock::new();
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    if optimised {
        once(&RELEASE, || release(HOST))
    } else {
        once(&DEBUG, || {
            build(HOST, &["--package", "connector-host", "--bin", HOST])
        })
    }
}

/// The host's program for tests. It is built from what `cargo test` built already: the same packages and
/// the same features of their dependencies, which naming a test brings about.
///
/// # Errors
/// Where it doesn't build.
pub fn tested_host() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || {
        build(HOST, &["--workspace", "--bin", HOST, "--test", "e2e"])
    })
}

/// The simulator's program, built for release.
///
/// # Errors
/// Where it doesn't build.
pub fn simulator() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || release("graph-simulator"))
}

/// The plugin's core linked into a program, built for release.
///
/// # Errors
/// Where it doesn't build.
pub fn native() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, || release("native-sync"))
}

const HOST: &str = "connector-host";

/// A program built for release, with the whole workspace's features: so all of them share their dependencies.
fn release(program: &str) -> anyhow::Result<PathBuf> {
    build(program, &["--workspace", "--bin", program, "--release"])
}

/// A plugin's component, built for release with these features.
fn plugin(package: &str, features: &str) -> anyhow::Result<PathBuf> {
    add_target()?;
    build(
        &package.replace('-', "_"),
        &[
            "--package",
            package,
            "--lib",
            "--release",
            "--target",
            TARGET,
            "--features",
            features,
        ],
    )
}

fn once(
    cell: &'static OnceLock<PathBuf>,
    make: impl FnOnce() -> anyhow::Result<PathBuf>,
) -> anyhow::Result<&'static Path> {
    if let Some(path) = cell.get() {
        return Ok(path);
    }
    let path = make()?;
    Ok(cell.get_or_init(|| path))
}

/// Adds the plugins' target where the toolchain lacks it.
fn add_target() -> anyhow::Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc doesn't run")?;
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if Path::new(&directory).is_dir() {
        return Ok(());
    }
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status()
        .context("rustup doesn't run")?;
    if !status.success() {
        bail!("rustup can't add the target {TARGET}");
    }
    Ok(())
}

/// Builds and finds where cargo put the component or the program of this name.
fn build(name: &str, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate has a parent folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells a test of its package makes build scripts run again, and half of all crates with them.
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&variable);
        }
    }
    let output = cargo
        .current_dir(workspace)
        .args([
            "build",
            "--quiet",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo doesn't run")?;
    if !output.status.success() {
        bail!("cargo build {} failed", arguments.join(" "));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| {
            let text = |pointer| message.pointer(pointer)?.as_str();
            let is_test = message.pointer("/profile/test")?.as_bool()?;
            if text("/reason") != Some("compiler-artifact")
                || text("/target/name") != Some(name)
                || is_test
            {
                return None;
            }
            let files = message.pointer("/filenames")?.as_array()?;
            let component = files
                .iter()
                .filter_map(serde_json::Value::as_str)
                .find(|name| name.ends_with(".wasm"));
            text("/executable").or(component).map(PathBuf::from)
        })
        .next_back()
        .with_context(|| format!("cargo build {} named no artefact", arguments.join(" ")))
}
