//! The registry's folder: components by their content, the ledger, and what was dropped in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::RegistryError;
use super::ledger::Ledger;
use crate::plugin::code::make_private;

/// Components above this size are refused unread.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// A file that was written to within this time may not be complete yet.
const SETTLED: Duration = Duration::from_millis(500);
/// A file that was not written to for this long is as complete as it will ever be.
const COMPLETE: Duration = Duration::from_secs(60);

/// A folder with plugins. Many processes may use it at the same time.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

/// A component in the root of the folder, and its signature if there is one.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) path: PathBuf,
    pub(super) signature: Option<PathBuf>,
    /// Whether it came so lately that whoever writes it may only have paused.
    pub(super) fresh: bool,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self, RegistryError> {
        let folder = Self {
            root: root.to_owned(),
        };
        make_private(root)
            .and_then(|()| make_private(&folder.root.join("content")))
            .map_err(|error| folder.failed(&error))?;
        Ok(folder)
    }

    fn content(&self, sha256: &str) -> PathBuf {
        self.root.join("content").join(format!("{sha256}.wasm"))
    }

    fn failed(&self, error: &io::Error) -> RegistryError {
        RegistryError::Folder {
            path: self.root.display().to_string(),
            reason: error.to_string(),
        }
    }

    /// Stores a component and its signature under the component's digest.
    pub(super) fn put(
        &self,
        sha256: &str,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<(), RegistryError> {
        let path = self.content(sha256);
        let signed = signature.map_or(Ok(()), |signature| {
            write_whole(&signature_of(&path), signature.as_bytes())
        });
        signed
            .and_then(|()| write_whole(&path, bytes))
            .map_err(|error| self.failed(&error))
    }

    /// A stored component and its signature. What it holds is for the caller to verify.
    pub(super) fn get(&self, sha256: &str) -> Result<(Vec<u8>, Option<String>), RegistryError> {
        let path = self.content(sha256);
        let bytes = fs::read(&path).map_err(|error| self.failed(&error))?;
        let signature = read_if_there(&signature_of(&path)).map_err(|error| self.failed(&error))?;
        Ok((bytes, signature))
    }

    pub(super) fn forget(&self, sha256: &str) -> Result<(), RegistryError> {
        let path = self.content(sha256);
        remove_if_there(&signature_of(&path))
            .and_then(|()| remove_if_there(&path))
            .map_err(|error| self.failed(&error))
    }

    /// What the ledger says now.
    pub(super) fn ledger(&self) -> Result<Ledger, RegistryError> {
        match read_if_there(&self.root.join("registry.json")) {
            Ok(None) => Ok(Ledger::default()),
            Ok(Some(text)) => serde_json::from_str(&text)
                .map_err(|error| self.failed(&io::Error::other(format!("registry.json: {error}")))),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Changes the ledger; nobody else can meanwhile. An error changes nothing.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Ledger) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let lock = lock(&self.root).map_err(|error| self.failed(&error))?;
        let before = self.ledger()?;
        let mut ledger = before.clone();
        let outcome = change(&mut ledger)?;
        if ledger != before {
            let text = serde_json::to_vec_pretty(&ledger)
                .map_err(|error| self.failed(&io::Error::other(error)))?;
            write_whole(&self.root.join("registry.json"), &text)
                .map_err(|error| self.failed(&error))?;
        }
        drop(lock);
        Ok(outcome)
    }

    /// Components that somebody put into the folder and that are complete by now.
    pub(super) fn dropped(&self) -> Result<Vec<Dropped>, RegistryError> {
        let mut found = Vec::new();
        let entries = fs::read_dir(&self.root).map_err(|error| self.failed(&error))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let is_component = path.extension().is_some_and(|ending| ending == "wasm");
            let Some(age) = entry.metadata().ok().as_ref().and_then(age) else {
                continue;
            };
            if is_component && age >= SETTLED {
                let signature = Some(signature_of(&path)).filter(|path| path.exists());
                found.push(Dropped {
                    path,
                    signature,
                    fresh: age < COMPLETE,
                });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Takes a dropped file out of the way. One that was refused stays, with the reason beside it.
    pub(super) fn clear(
        &self,
        dropped: &Dropped,
        refused: Option<&str>,
    ) -> Result<(), RegistryError> {
        let outcome = match refused {
            Some(reason) => {
                let aside = dropped.path.with_extension("wasm.refused");
                let reason_file = dropped.path.with_extension("wasm.refused.txt");
                fs::rename(&dropped.path, aside)
                    .and_then(|()| fs::write(reason_file, format!("{reason}\n")))
            }
            None => fs::remove_file(&dropped.path).and_then(|()| match &dropped.signature {
                Some(path) => remove_if_there(path),
                None => Ok(()),
            }),
        };
        // Another process may have taken it in at the same time.
        let outcome = outcome.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        outcome.map_err(|error| self.failed(&error))
    }
}

/// Keeps others from changing a folder. The system lets go of the lock when the file is closed, however that comes
/// about.
fn lock(root: &Path) -> io::Result<File> {
    let file = File::create(root.join("registry.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Does something with a folder of plugins while nobody changes it.
///
/// # Errors
/// Where it can't be locked.
pub(crate) fn freeze<T>(root: &Path, work: impl FnOnce() -> T) -> io::Result<T> {
    let _lock = lock(root)?;
    Ok(work())
}

/// Reads a component from anywhere, unless it is too large to be one.
pub(super) fn read_component(path: &Path) -> Result<Vec<u8>, RegistryError> {
    let unreadable = |reason: String| RegistryError::File {
        path: path.display().to_string(),
        reason,
    };
    let size = fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if size > MOST_BYTES {
        return Err(unreadable(format!("it is larger than {MOST_BYTES} bytes")));
    }
    fs::read(path).map_err(|error| unreadable(error.to_string()))
}

/// Reads a signature from anywhere.
pub(super) fn read_signature(path: &Path) -> Result<String, RegistryError> {
    fs::read_to_string(path).map_err(|error| RegistryError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Where minisign puts the signature of a file.
pub(super) fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// How long ago a file was last written to.
fn age(file: &fs::Metadata) -> Option<Duration> {
    let modified = file.modified().ok().filter(|_| file.is_file())?;
    // A clock that was set back must not hold a file up for ever.
    Some(
        SystemTime::now()
            .duration_since(modified)
            .unwrap_or(COMPLETE),
    )
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file so that it is there whole or not at all, also after a crash of the machine.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}
