//! The key that secrets are sealed with, and where the operator keeps it.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::plugin::hex;

/// Bytes of a key.
const BYTES: usize = 32;

/// A key of 256 bits. Its debug form shows only its identifier.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; BYTES]>,
    id: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Where a key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file that only this user may read.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
    /// A credential of the service manager, by name (`LoadCredential=` of systemd).
    Credential(String),
}

impl std::fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(name) => write!(f, "the variable {name}"),
            Self::Credential(name) => write!(f, "the credential {name}"),
        }
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none in this place.
    #[error("there is no key of the vault in {place}: {reason}")]
    Missing {
        /// The place.
        place: KeyPlace,
        /// Why.
        reason: String,
    },
    /// What is there is none.
    #[error(
        "{place} holds no key of the vault: it must be 32 bytes in base64, as `connector-host vault new-key` makes them"
    )]
    Malformed {
        /// The place.
        place: KeyPlace,
    },
    /// Others may read it.
    #[error("the key file {path} may be read by others; run `chmod 600 {path}`", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// It can't be written.
    #[error("the key file {path} can't be written: {reason}", path = .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Key {
    /// A new key.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "without random numbers nothing in this program is safe"
    )]
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        getrandom::fill(bytes.as_mut()).expect("the system has random numbers");
        Self::of(bytes)
    }

    fn of(bytes: Zeroizing<[u8; BYTES]>) -> Self {
        // Tells keys apart and says nothing of them.
        let digest = Sha256::new()
            .chain_update(b"connector-host vault key\n")
            .chain_update(bytes.as_ref())
            .finalize();
        Self {
            bytes,
            id: hex(digest.get(..8).unwrap_or_default()),
        }
    }

    /// Tells keys apart; can't be turned back into the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; BYTES] {
        &self.bytes
    }

    /// Reads the key in a place.
    ///
    /// # Errors
    /// [`KeyError`] names the place and never what is in it.
    pub fn read(place: &KeyPlace) -> Result<Self, KeyError> {
        let missing = |reason: String| KeyError::Missing {
            place: place.clone(),
            reason,
        };
        let text = match place {
            KeyPlace::Environment(name) => {
                std::env::var(name).map_err(|error| missing(error.to_string()))?
            }
            KeyPlace::File(path) => {
                let file = std::fs::metadata(path).map_err(|error| missing(error.to_string()))?;
                if file.permissions().mode() & 0o077 != 0 {
                    return Err(KeyError::Exposed { path: path.clone() });
                }
                std::fs::read_to_string(path).map_err(|error| missing(error.to_string()))?
            }
            KeyPlace::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| missing("CREDENTIALS_DIRECTORY is not set".into()))?;
                // The service manager alone decides who may read it.
                std::fs::read_to_string(Path::new(&folder).join(name))
                    .map_err(|error| missing(error.to_string()))?
            }
        };
        let text = Zeroizing::new(text);
        Self::parse(&text).ok_or_else(|| KeyError::Malformed {
            place: place.clone(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        let bytes = Zeroizing::new(<[u8; BYTES]>::try_from(bytes.as_slice()).ok()?);
        Some(Self::of(bytes))
    }

    /// Writes the key into a new file that only this user may read.
    ///
    /// # Errors
    /// Where the file exists or can't be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let work = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            let text = Zeroizing::new(STANDARD.encode(self.bytes.as_ref()));
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        work().map_err(|error| KeyError::Unwritable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_gives_the_key_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/vault.key");
        let key = Key::generate();
        key.write(&path).unwrap();
        assert!(key.write(&path).is_err(), "never overwritten");
        let read = Key::read(&KeyPlace::File(path.clone())).unwrap();
        assert_eq!(read.bytes(), key.bytes());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Key::read(&KeyPlace::File(path)).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { .. }), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        std::fs::write(&path, "c2hvcnQ= private").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = Key::read(&KeyPlace::File(path)).unwrap_err().to_string();
        assert!(
            error.contains("32 bytes") && !error.contains("private"),
            "{error}"
        );
    }

    #[test]
    fn the_debug_form_shows_nothing_of_the_key() {
        let key = Key::generate();
        let shown = format!("{key:?}");
        assert!(!shown.contains(&STANDARD.encode(key.bytes())) && shown.contains(key.id()));
    }
}
