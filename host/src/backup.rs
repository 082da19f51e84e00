//! Backup of a data folder while a server works with it, and restoring it.
//!
//! A backup is a folder: consistent copies of the databases, the installed plugins, and a manifest with the
//! digest of each file, which is written last. The key of the vault is never part of it: whoever has both can
//! read the secrets.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::control_plane::{self, OpenError};
use crate::lock;
use crate::plugin::registry::freeze;
use crate::plugin::{hex, make_private};

const MANIFEST: &str = "manifest.json";
const CONTROL: &str = "control.sqlite";
const DIRECTORY: &str = "directory.sqlite";
const PLUGINS: &str = "plugins";
/// Compiled code: it is of use to this machine only and made anew.
const CODE: &str = "code";
/// The form of a backup. One of another form is refused.
const FORM: u32 = 1;
/// A server may hold a database for as long as it ends a large run.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The form of the backup.
    pub form: u32,
    /// Version of the program that made it.
    pub version: String,
    /// When it was begun.
    pub made: Timestamp,
    /// Every file by its path in the backup.
    pub files: BTreeMap<String, Entry>,
    /// Whether the directory is in it; one on a database server is not.
    pub has_directory: bool,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// Why a backup can't be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// No server has worked in the folder.
    #[error("there is no {CONTROL} in {}; name the folder of a server with --data-dir", .0.display())]
    NoData(PathBuf),
    /// The target isn't empty.
    #[error("{} is not empty; name a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// The folder is no finished backup.
    #[error("{} is no finished backup: {reason}", .folder.display())]
    NoBackup {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file isn't what was backed up.
    #[error("{path} in the backup is damaged: {reason}; use another backup")]
    Damaged {
        /// The file in the backup.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A database can't be copied.
    #[error("the database {} can't be copied: {reason}", .file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file can't be read or written.
    #[error("{}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The data folder can't be used.
    #[error(transparent)]
    Folder(#[from] OpenError),
}

/// Makes a backup of a data folder and its directory in a new folder. A server may work with them meanwhile.
///
/// # Errors
/// [`BackupError`]. What was written by then has no manifest, so it can't be restored by mistake.
pub async fn backup(
    data_dir: &Path,
    directory_database: &str,
    to: &Path,
    now: Timestamp,
) -> Result<Manifest, BackupError> {
    let control = control_plane::control_database(data_dir);
    if !control.exists() {
        return Err(BackupError::NoData(data_dir.to_owned()));
    }
    make_empty(to)?;
    // The directory first: the cursor in it fits what it holds, so the next run closes the gap to the rest.
    let directory = lock::file_of(directory_database).filter(|file| file.exists());
    if let Some(file) = &directory {
        copy_database(file, &to.join(DIRECTORY)).await?;
    }
    copy_database(&control, &to.join(CONTROL)).await?;
    let (plugins, target) = (control_plane::plugins_folder(data_dir), to.to_owned());
    let has_directory = directory.is_some();
    blocking(move || {
        freeze(&plugins, || copy_plugins(&plugins, &target.join(PLUGINS)))
            .map_err(|error| file_error(&plugins, &error))?
            .map_err(|error| file_error(&plugins, &error))?;
        let mut files = BTreeMap::new();
        digest_all(&target, Path::new(""), &mut files)
            .map_err(|error| file_error(&target, &error))?;
        let manifest = Manifest {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").into(),
            made: now,
            files,
            has_directory,
        };
        write_manifest(&target, &manifest).map_err(|error| file_error(&target, &error))?;
        Ok(manifest)
    })
    .await
}

/// Restores a backup into an empty data folder.
///
/// # Errors
/// [`BackupError`], where the folder isn't empty or a file isn't what was backed up. Nothing of it stays then.
pub async fn restore(from: &Path, data_dir: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_manifest(from)?;
    make_empty(data_dir)?;
    let restored = async {
        let (source, target) = (from.to_owned(), data_dir.to_owned());
        let files = manifest.files.clone();
        blocking(move || copy_back(&source, &target, &files)).await?;
        for database in [CONTROL, DIRECTORY] {
            if manifest.files.contains_key(database) {
                quick_check(&data_dir.join(database), database).await?;
            }
        }
        Ok(())
    };
    match restored.await {
        Ok(()) => Ok(manifest),
        Err(error) => {
            for path in [CONTROL, DIRECTORY] {
                let _ = fs::remove_file(data_dir.join(path));
            }
            let _ = fs::remove_dir_all(data_dir.join(PLUGINS));
            Err(error)
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(BackupError::File {
            path: PathBuf::new(),
            reason: error.to_string(),
        }),
    }
}

fn file_error(path: &Path, error: &io::Error) -> BackupError {
    BackupError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// A folder for this user alone that holds nothing.
fn make_empty(folder: &Path) -> Result<(), BackupError> {
    let fail = |error: io::Error| file_error(folder, &error);
    make_private(folder).map_err(fail)?;
    if fs::read_dir(folder).map_err(fail)?.next().is_some() {
        return Err(BackupError::NotEmpty(folder.to_owned()));
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(fail)
}

/// One consistent state of a database, whoever writes to it meanwhile.
async fn copy_database(file: &Path, to: &Path) -> Result<(), BackupError> {
    let copy = async {
        let mut reader = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query("VACUUM INTO $1")
            .bind(to.to_string_lossy())
            .execute(&mut reader)
            .await?;
        reader.close().await
    };
    copy.await
        .map_err(|error: sqlx::Error| BackupError::Database {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
    let private = Permissions::from_mode(0o600);
    fs::set_permissions(to, private).map_err(|error| file_error(to, &error))
}

async fn quick_check(file: &Path, name: &str) -> Result<(), BackupError> {
    let check = async {
        let mut reader = SqliteConnectOptions::new()
            .filename(file)
            .disable_statement_logging()
            .connect()
            .await?;
        let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check")
            .fetch_all(&mut reader)
            .await?;
        reader.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    let damaged = |reason: String| BackupError::Damaged {
        path: name.into(),
        reason,
    };
    let found = check.await.map_err(|error| damaged(error.to_string()))?;
    if found == ["ok"] {
        Ok(())
    } else {
        Err(damaged(found.join("; ")))
    }
}

/// Everything in the plugins folder but compiled code and locks.
fn copy_plugins(from: &Path, to: &Path) -> io::Result<()> {
    make_private(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let is_lock = path.extension().is_some_and(|ending| ending == "lock");
        if is_lock || entry.file_name() == CODE {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_plugins(&path, &target)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

fn digest_all(root: &Path, below: &Path, files: &mut BTreeMap<String, Entry>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            digest_all(root, &path, files)?;
        } else {
            let file = File::open(root.join(&path))?;
            let digest = digest(file, &mut io::sink())?;
            files.insert(path.to_string_lossy().into_owned(), digest);
        }
    }
    Ok(())
}

/// Copies a file's content and tells what it was.
fn digest(mut from: impl Read, to: &mut impl Write) -> io::Result<Entry> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut piece = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut piece)?;
        let read = piece.get(..count).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        hash.update(read);
        to.write_all(read)?;
        bytes += read.len() as u64;
    }
    Ok(Entry {
        sha256: hex(&hash.finalize()),
        bytes,
    })
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, manifest)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(MANIFEST))?;
    File::open(folder)?.sync_all()
}

fn read_manifest(folder: &Path) -> Result<Manifest, BackupError> {
    let no = |reason: String| BackupError::NoBackup {
        folder: folder.to_owned(),
        reason,
    };
    let text = fs::read_to_string(folder.join(MANIFEST))
        .map_err(|error| no(format!("{MANIFEST}: {error}")))?;
    // Another form may have other fields.
    #[derive(Deserialize)]
    struct Form {
        form: u32,
        version: String,
    }
    let unreadable = |error: serde_json::Error| no(format!("{MANIFEST}: {error}"));
    let Form { form, version } = serde_json::from_str(&text).map_err(unreadable)?;
    if form != FORM {
        return Err(no(format!(
            "it was made by version {version} of this program; restore it with that one"
        )));
    }
    let manifest: Manifest = serde_json::from_str(&text).map_err(unreadable)?;
    let stays_inside = |path: &String| {
        let mut parts = Path::new(path).components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    };
    match manifest.files.keys().find(|path| !stays_inside(path)) {
        Some(path) => Err(no(format!("it names a file outside of it: {path}"))),
        None if !manifest.files.contains_key(CONTROL) => Err(no(format!("{CONTROL} is missing"))),
        None => Ok(manifest),
    }
}

fn copy_back(from: &Path, to: &Path, files: &BTreeMap<String, Entry>) -> Result<(), BackupError> {
    for (path, expected) in files {
        let target = to.join(path);
        let fail = |error: io::Error| file_error(&target, &error);
        if let Some(folder) = target.parent() {
            make_private(folder).map_err(fail)?;
        }
        let damaged = |reason: &str| BackupError::Damaged {
            path: path.clone(),
            reason: reason.into(),
        };
        let source = File::open(from.join(path)).map_err(|error| damaged(&error.to_string()))?;
        let mut copy = File::create_new(&target).map_err(fail)?;
        copy.set_permissions(Permissions::from_mode(0o600))
            .map_err(fail)?;
        let found = digest(source, &mut copy).map_err(fail)?;
        if found != *expected {
            return Err(damaged("its content is another"));
        }
        copy.sync_all().map_err(fail)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
