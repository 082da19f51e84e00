//! The control plane's own database: what administrators configured, who they are, what ran when.
//!
//! A SQLite file beside the directory's, so that a large run's writes and a click in a page never wait
//! for each other. Each module keeps its SQL beside its code; here is only how to get at the file.

mod migrate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

pub(crate) use migrate::migrate;

/// Notes which migrations were made.
const MIGRATIONS: &str = "control_migration";
/// Another process, such as a backup, may hold the file for a moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many read at the same time.
const READERS: u32 = 4;

/// The control plane's database. Clones share it.
#[derive(Debug, Clone)]
pub struct Database {
    /// One connection: whoever holds it is the only one who writes.
    writer: SqlitePool,
    readers: SqlitePool,
    file: SqliteConnectOptions,
}

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file can't be opened.
    #[error("the control database {path} can't be opened: {reason}", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A statement failed.
    #[error("the control database failed")]
    Sql(#[from] sqlx::Error),
    /// It holds something that this version didn't write.
    #[error("the control database holds something unexpected: {0}")]
    Corrupt(String),
}

impl From<serde_json::Error> for DatabaseError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl Database {
    /// Opens the file, which is made where there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// Where it can't be opened, is no database, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        let fail = |reason: String| DatabaseError::Open {
            path: path.to_owned(),
            reason,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let writes = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What an administrator was told is saved must survive a power cut.
            .synchronous(SqliteSynchronous::Full);
        let mut first = writes
            .connect()
            .await
            .map_err(|error| fail(error.to_string()))?;
        migrate(&mut first, MIGRATIONS, SCRIPTS, async |_| Ok(()))
            .await
            .map_err(fail)?;
        first.close().await?;
        Ok(Self {
            writer: SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(PATIENCE)
                .connect_lazy_with(writes),
            readers: SqlitePoolOptions::new()
                .max_connections(READERS)
                .connect_lazy_with(options.clone().pragma("query_only", "on")),
            file: options,
        })
    }

    /// Reads; all statements of `work` see one state.
    ///
    /// # Errors
    /// What `work` returns, or that no connection was to be had.
    pub async fn read<T, E: From<sqlx::Error>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut view = self.readers.begin().await?;
        work(&mut view).await
    }

    /// Writes in one transaction, which is undone where `work` returns an error. There is one writer at
    /// a time, so what `work` reads stays true until it ends.
    ///
    /// # Errors
    /// What `work` returns, or that the transaction could not be made.
    pub async fn write<T, E: From<sqlx::Error>>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut change = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let value = work(&mut change).await?;
        change.commit().await?;
        Ok(value)
    }

    /// Writes a consistent copy into a new file while the database is in use.
    ///
    /// # Errors
    /// Where the file exists or can't be written.
    pub async fn copy_to(&self, file: &Path) -> Result<(), DatabaseError> {
        // Readers may write nothing at all, not even another file.
        let mut reader = self.file.connect().await?;
        sqlx::query("VACUUM INTO $1")
            .bind(file.to_string_lossy())
            .execute(&mut reader)
            .await?;
        reader.close().await?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// What the tables came from, the oldest first.
const SCRIPTS: &[(&str, &str)] = &[
    ("audit", include_str!("migrations/0001_audit.sql")),
    ("vault", include_str!("migrations/0002_vault.sql")),
    ("catalog", include_str!("migrations/0003_catalog.sql")),
    ("access", include_str!("migrations/0004_access.sql")),
    ("work", include_str!("migrations/0005_work.sql")),
    ("holdings", include_str!("migrations/0006_holdings.sql")),
    ("run_log", include_str!("migrations/0007_run_log.sql")),
    ("draft", include_str!("migrations/0008_draft.sql")),
    (
        "certificate",
        include_str!("migrations/0009_certificate.sql"),
    ),
];

/// An instant as it is kept: Unix milliseconds.
#[must_use]
pub fn millis(instant: Timestamp) -> i64 {
    instant.as_millisecond()
}

/// A kept instant.
///
/// # Errors
/// Where the number is none.
pub fn instant(millis: i64) -> Result<Timestamp, DatabaseError> {
    Timestamp::from_millisecond(millis).map_err(|error| DatabaseError::Corrupt(error.to_string()))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Database;

    /// An empty database in a folder that goes with it.
    pub(crate) async fn empty() -> (Database, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("control.sqlite"))
            .await
            .unwrap();
        (database, folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_that_fails_leaves_nothing_behind() {
        let (database, _folder) = testing::empty().await;
        let outcome: Result<(), DatabaseError> = database
            .write(async |connection| {
                sqlx::query("CREATE TABLE half (done)")
                    .execute(connection)
                    .await?;
                Err(DatabaseError::Corrupt("on purpose".into()))
            })
            .await;
        assert!(outcome.is_err());
        let tables: i64 = database
            .read(async |connection| {
                sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'half'")
                    .fetch_one(connection)
                    .await
            })
            .await
            .unwrap();
        assert_eq!(tables, 0);
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused_by_name() {
        let (database, folder) = testing::empty().await;
        let newer: Result<_, sqlx::Error> = database
            .write(async |connection| {
                sqlx::query(
                    "INSERT INTO control_migration (version, description, success, checksum, execution_time)
                     VALUES (99, 'later', 1, x'00', 0)",
                )
                .execute(connection)
                .await
            })
            .await;
        newer.unwrap();
        database.close().await;
        let error = Database::open(&folder.path().join("control.sqlite"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("newer version"), "{error}");
    }

    #[tokio::test]
    async fn a_copy_of_a_database_in_use_opens_as_one() {
        let (database, folder) = testing::empty().await;
        let copy = folder.path().join("copy.sqlite");
        database.copy_to(&copy).await.unwrap();
        assert!(database.copy_to(&copy).await.is_err(), "never overwritten");
        Database::open(&copy).await.unwrap();
    }
}
