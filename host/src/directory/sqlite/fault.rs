//! Errors inside the store, before it is known what they kept from being done.

use crate::directory::{ConnectorKey, DirectoryError, RunKey, RunRecord};

/// What the parts of the store return.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// A statement failed.
    Sql(sqlx::Error),
    /// The run isn't going on.
    Ended(RunKey),
    /// There is no such run.
    NoRun(RunKey),
    /// The run doesn't wait for a decision.
    NotHeld(Box<RunRecord>),
    /// There is no such connector, or not any more.
    NoConnector(ConnectorKey),
    /// A page was asked for after what is no position of its listing.
    Position,
    /// The store holds, or was given, something that can't be.
    Corrupt(String),
}

impl Fault {
    /// The error that a caller sees.
    pub(super) fn while_it(self, doing: &'static str) -> DirectoryError {
        match self {
            Self::Sql(source) => DirectoryError::Store { doing, source },
            Self::Ended(run) => DirectoryError::Ended(run),
            Self::NoRun(run) => DirectoryError::NoRun(run),
            Self::NotHeld(run) => DirectoryError::NotHeld(run),
            Self::NoConnector(connector) => DirectoryError::NoConnector(connector),
            Self::Position => DirectoryError::Position,
            Self::Corrupt(what) => DirectoryError::Corrupt(what),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Corrupt(what)
    }
}
