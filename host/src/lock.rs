//! One process at a time: locks of the system, which are gone when the process is, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// A lock that is held. Dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process writes to the directory.
    #[error(
        "another process, a server or a `sync`, is writing to {database}; wait for it to end, or stop it"
    )]
    Directory {
        /// The directory's database.
        database: String,
    },
    /// Another server has the data folder.
    #[error(
        "another server works with {}; stop it, or give this one a folder of its own with --data-dir",
        .folder.display()
    )]
    DataFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The lock's file can't be used.
    #[error("the lock file {} can't be used: {reason}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Lock {
    /// Keeps others from writing to a directory's database: two who write at a time would each give the other's
    /// run up. Nothing for a database on a server, which has locks of its own.
    ///
    /// # Errors
    /// Where somebody else writes to it, or its lock file can't be used.
    pub fn directory(database: &str) -> Result<Option<Self>, LockError> {
        let Some(file) = file_of(database) else {
            return Ok(None);
        };
        // Two names of one file must lead to one lock.
        let file = std::fs::canonicalize(&file).unwrap_or(file);
        let mut path = file.into_os_string();
        path.push(".lock");
        let held = || LockError::Directory {
            database: database.into(),
        };
        Self::take(Path::new(&path), held).map(Some)
    }

    /// Keeps other servers from a data folder.
    ///
    /// # Errors
    /// Where another server has it, or its lock file can't be used.
    pub fn data_folder(folder: &Path) -> Result<Self, LockError> {
        Self::take(&folder.join("server.lock"), || LockError::DataFolder {
            folder: folder.to_owned(),
        })
    }

    fn take(path: &Path, held: impl FnOnce() -> LockError) -> Result<Self, LockError> {
        let unusable = |error: std::io::Error| LockError::Unusable {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let file = File::create(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(held()),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

/// The file of a directory's database, which is given as a path or a URL; nothing for one on a server.
#[must_use]
pub fn file_of(database: &str) -> Option<PathBuf> {
    let path = match database.strip_prefix("sqlite:") {
        Some(rest) => {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            rest.split('?').next().unwrap_or_default()
        }
        None if database.contains("://") => return None,
        None => database,
    };
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_by_whichever_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("directory.sqlite");
        let path = path.to_str().unwrap();
        let _held = Lock::directory(path).unwrap().unwrap();
        let error = Lock::directory(&format!("sqlite://{path}?mode=rwc")).unwrap_err();
        assert!(matches!(error, LockError::Directory { .. }), "{error}");
    }

    #[test]
    fn the_lock_goes_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::data_folder(folder.path()).unwrap();
        let refused = Lock::data_folder(folder.path()).unwrap_err().to_string();
        assert!(
            refused.contains(folder.path().to_str().unwrap()) && refused.contains("--data-dir"),
            "{refused}"
        );
        drop(held);
        Lock::data_folder(folder.path()).unwrap();
    }

    #[test]
    fn a_database_on_a_server_needs_no_file() {
        assert!(Lock::directory("postgres://host/db").unwrap().is_none());
    }
}
