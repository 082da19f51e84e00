//! Plugins that are installed once and copied, since compiling them takes longer than most tests.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;

use crate::host;

/// A folder of plugins in which this component is installed, approved and active.
///
/// It is kept beside what cargo built, for each build of the program and of the component.
pub(super) async fn installed(program: &Path, component: &Path) -> anyhow::Result<PathBuf> {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ONE_AT_A_TIME.lock().await;
    let all = host::cache().with_file_name("installed-plugins");
    let name = component.file_stem().unwrap_or_default().to_string_lossy();
    let kept = all.join(format!("{name}-{}-{}", age(program)?, age(component)?));
    if kept.exists() {
        return Ok(kept);
    }
    forget_old(&all);
    // Another process may do the same at the same time.
    let fresh = kept.with_extension(std::process::id().to_string());
    let output = tokio::process::Command::new(program)
        .args(["plugin", "install", "--approve", "--activate"])
        .arg(component)
        .env("CONNECTOR_PLUGINS", &fresh)
        .env("CONNECTOR_CACHE_DIR", fresh.join("code"))
        .output()
        .await?;
    anyhow::ensure!(
        output.status.success(),
        "the plugin can't be installed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    if let Err(error) = std::fs::rename(&fresh, &kept) {
        std::fs::remove_dir_all(&fresh)?;
        anyhow::ensure!(kept.exists(), "{}: {error}", kept.display());
    }
    Ok(kept)
}

/// Copies a folder with everything in it, for its owner only.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .recursive(true)
        .create(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), &place)?;
        }
    }
    Ok(())
}

/// When a file was made.
fn age(file: &Path) -> anyhow::Result<u128> {
    let made = std::fs::metadata(file)
        .with_context(|| file.display().to_string())?
        .modified()?;
    Ok(made.duration_since(SystemTime::UNIX_EPOCH)?.as_millis())
}

/// Removes what earlier builds left.
fn forget_old(all: &Path) {
    const OLD: Duration = Duration::from_secs(24 * 3600);
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        if made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > OLD)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
