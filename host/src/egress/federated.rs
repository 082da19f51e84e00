//! A token of another identity provider, in a file that somebody keeps fresh.
//!
//! A workload identity's token lasts for an hour and is replaced in its file. So the file is read anew whenever a
//! token is asked for, and only in folders that the operator allowed: whoever configures a connector could
//! otherwise have any file of this machine sent away.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::fs::OFlags;
use secrecy::{SecretString, zeroize::Zeroizing};

/// Largest file in bytes.
const LARGEST: u64 = 64 << 10;

/// Why a file's token can't be used. Nothing of the file's content is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The operator allowed no folder.
    #[error("the operator lets no folder's files be sent as tokens")]
    NoFolder,
    /// A path that depends on where the program was started.
    #[error("the path isn't absolute")]
    NotAbsolute,
    /// A file elsewhere, or one that a link leads to.
    #[error("the file doesn't lie in a folder that the operator allows for tokens")]
    Outside,
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Unreadable(String),
    /// A folder, a pipe or a device.
    #[error("it is no file")]
    NoFile,
    /// More than a token.
    #[error("the file is larger than {LARGEST} bytes")]
    TooLarge,
    /// Something else than a token.
    #[error("the file doesn't hold a token: a JWT has three parts in base64url")]
    NoToken,
}

impl TokenFileError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoFolder | Self::Outside => {
                "Let the operator add the file's folder to `tokenFolders` in section `[network]`, or start the command with `--token-folder`."
            }
            Self::NotAbsolute => {
                "Give the path from the root, as `AZURE_FEDERATED_TOKEN_FILE` has it."
            }
            Self::Unreadable(_) => "See that the file is there and that the host may read it.",
            Self::NoFile | Self::TooLarge | Self::NoToken => {
                "Name the file that the identity provider's token is written to, and nothing else."
            }
        }
    }

    /// Whether it may be over soon: files are replaced.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::NoToken)
    }
}

/// A file with a token.
#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    path: PathBuf,
    folders: Vec<PathBuf>,
}

impl TokenFile {
    /// `folders` are those that the operator allowed.
    pub(super) fn new(path: &Path, folders: &[PathBuf]) -> Result<Self, TokenFileError> {
        if folders.is_empty() {
            return Err(TokenFileError::NoFolder);
        }
        if !path.is_absolute() {
            return Err(TokenFileError::NotAbsolute);
        }
        let file = Self {
            path: path.to_owned(),
            folders: folders.to_owned(),
        };
        file.place()?;
        Ok(file)
    }

    /// The token that the file holds now.
    pub(super) async fn read(&self) -> Result<SecretString, TokenFileError> {
        let file = self.clone();
        let read = tokio::task::spawn_blocking(move || file.read_now()).await;
        read.unwrap_or_else(|error| Err(TokenFileError::Unreadable(error.to_string())))
    }

    /// Where the file really is. Links are followed first and judged after, so none leads out.
    fn place(&self) -> Result<PathBuf, TokenFileError> {
        match self.path.canonicalize() {
            Ok(place) => {
                let allowed = self.folders.iter().any(|folder| {
                    folder
                        .canonicalize()
                        .is_ok_and(|folder| place.starts_with(folder))
                });
                allowed.then_some(place).ok_or(TokenFileError::Outside)
            }
            // What is where outside of the folders isn't told.
            Err(error) if self.looks_inside() => Err(unreadable(&error)),
            Err(_) => Err(TokenFileError::Outside),
        }
    }

    fn looks_inside(&self) -> bool {
        let climbs = self
            .path
            .components()
            .any(|part| part == Component::ParentDir);
        !climbs
            && self
                .folders
                .iter()
                .any(|folder| self.path.starts_with(folder))
    }

    fn read_now(&self) -> Result<SecretString, TokenFileError> {
        // No link is left in the path, and a pipe isn't waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.cast_signed())
            .open(self.place()?)
            .map_err(|error| unreadable(&error))?;
        let facts = file.metadata().map_err(|error| unreadable(&error))?;
        if !facts.is_file() {
            return Err(TokenFileError::NoFile);
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(TokenFileError::TooLarge);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| TokenFileError::NoToken)?;
        let token = text.trim();
        if is_token(token) {
            Ok(SecretString::from(token))
        } else {
            Err(TokenFileError::NoToken)
        }
    }
}

/// So that no other file's content is sent by mistake.
fn is_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && URL_SAFE_NO_PAD.decode(part).is_ok())
        && parts.first().is_some_and(|header| header.starts_with("ey"))
}

fn unreadable(error: &io::Error) -> TokenFileError {
    TokenFileError::Unreadable(error.kind().to_string())
}

#[cfg(test)]
mod tests;
