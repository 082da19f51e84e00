//! The directory in a SQLite file.
//!
//! One task writes ([`writer`]), a few connections read. A page's bulk is handed to SQLite as JSON
//! arrays, a statement for each kind of change.

mod apply;
mod backup;
mod bulk;
mod decide;
mod document;
mod export;
mod fault;
mod finish;
mod forget;
mod labels;
mod links;
mod names;
mod read;
mod runs;
mod segment;
mod upsert;
mod writer;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use self::fault::Fault;
use self::read::Lag;
use self::writer::{Request, Writer};
use super::{
    Assessment, Committed, ConnectorKey, Cursor, Decision, Directory, DirectoryError, Export,
    Finish, Mode, NewRun, OpenPartition, PageCommit, Partition, Run, RunKey, RunRecord, Stream,
    Tally,
};
use crate::causes::with_causes;
use crate::database::migrate;

/// Notes which migrations were made. Not the default table: a job queue in the same file uses that.
const MIGRATIONS: &str = "directory_migration";
/// Another process may hold the file for as long as it ends a large run.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many read at the same time.
const READERS: u32 = 4;
/// Page caches in KiB, which SQLite wants negative. The writer's holds the tables that a run
/// touches at random for some million memberships, and what one transaction of it changes.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-8192";
/// Rows that a connection reads ahead; for each time that it can't, two threads wake each other.
const READ_AHEAD: usize = 512;
/// Pages of the log after which it is copied into the file; SQLite's default of 1,000 is less than
/// one transaction of a snapshot, so that each would pay for it.
const LOG_PAGES: &str = "8000";

/// How long readers are waited for in the end.
const PARTING: Duration = Duration::from_secs(5);

/// A directory in a SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
    /// The file, for its size.
    file: PathBuf,
    lag: Lag,
}

impl Sqlite {
    /// Opens a file, given as a path or as a `sqlite:` URL; it is made where there is none.
    ///
    /// # Errors
    /// Where the file can't be opened, is no database, or was written by a newer version.
    pub async fn open(database: &str) -> Result<Self, DirectoryError> {
        let fail = |reason: String| DirectoryError::Open {
            database: without_password(database).into_owned(),
            reason,
        };
        let options = options(database).map_err(fail)?;
        let file = options.get_filename().to_owned();
        let writes = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A crash of the machine may undo the last transactions, but whole: pages and the
            // checkpoints that follow from them go together, so the run reads those pages again.
            .synchronous(SqliteSynchronous::Normal)
            .pragma("wal_autocheckpoint", LOG_PAGES)
            .pragma("journal_size_limit", "67108864")
            .pragma("cache_size", WRITER_CACHE);
        let mut connection = writes
            .connect()
            .await
            .map_err(|error| fail(with_causes(&error)))?;
        migrate(&mut connection, MIGRATIONS, SCRIPTS, label)
            .await
            .map_err(fail)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(
                options
                    .pragma("query_only", "on")
                    .pragma("cache_size", READER_CACHE),
            );
        let unfinished = forget::unfinished(&mut connection).await;
        let unfinished = unfinished
            .map_err(|fault| fail(with_causes(&fault.while_it("looked for what to forget"))))?;
        let store = Self {
            writer: Writer::start(connection).map_err(|error| fail(error.to_string()))?,
            readers,
            file,
            lag: Lag::default(),
        };
        for connector in unfinished {
            let writer = store.writer.clone();
            tokio::spawn(async move {
                if let Err(error) = forget(&writer, connector).await {
                    tracing::warn!("connector {} is not forgotten yet: {error}", connector.0);
                }
            });
        }
        Ok(store)
    }

    /// Reads with one of the reading connections.
    async fn read<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> fault::Result<T>,
    ) -> Result<T, DirectoryError> {
        let result = match self.readers.acquire().await {
            Ok(mut connection) => work(&mut connection).await,
            Err(error) => Err(error.into()),
        };
        result.map_err(|fault| fault.while_it(doing))
    }
}

/// Deletes everything of a marked connector, batch by batch.
async fn forget(writer: &Writer, connector: ConnectorKey) -> Result<(), DirectoryError> {
    let batch = async || {
        writer
            .ask("forgot a connector", |answer| {
                Request::Forget(connector, answer)
            })
            .await
    };
    while batch().await? {}
    Ok(())
}

/// How every connection is opened.
fn options(database: &str) -> Result<SqliteConnectOptions, String> {
    if database.contains(":memory:") || database.contains("mode=memory") {
        return Err("a directory must be in a file: several connections share it".into());
    }
    let options = match database.split_once(':') {
        Some(("sqlite", _)) => {
            SqliteConnectOptions::from_str(database).map_err(|error| with_causes(&error))?
        }
        Some((scheme, rest)) if rest.starts_with("//") => {
            return Err(format!(
                "{scheme} is not supported; give a path or a sqlite: URL"
            ));
        }
        _ => SqliteConnectOptions::new().filename(database),
    };
    Ok(options
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .row_buffer_size(READ_AHEAD)
        .disable_statement_logging())
}

/// The database as it was given, for messages.
fn without_password(database: &str) -> Cow<'_, str> {
    if let Some((scheme, rest)) = database.split_once("://")
        && let Some((_, address)) = rest.rsplit_once('@')
    {
        return format!("{scheme}://…@{address}").into();
    }
    database.into()
}

/// What the tables came from, the oldest first.
const SCRIPTS: &[(&str, &str)] = &[
    ("directory", include_str!("migrations/0001_directory.sql")),
    (
        "groups path",
        include_str!("migrations/0002_groups_path.sql"),
    ),
    ("reading", include_str!("migrations/0003_reading.sql")),
    ("sorting", include_str!("migrations/0004_sorting.sql")),
    ("seen", include_str!("migrations/0005_seen.sql")),
    ("cursor-run", include_str!("migrations/0006_cursor_run.sql")),
    ("kinds", include_str!("migrations/0007_kinds.sql")),
    (
        "former names",
        include_str!("migrations/0008_former_names.sql"),
    ),
    ("linked", include_str!("migrations/0009_linked.sql")),
    ("profiles", include_str!("migrations/0010_profiles.sql")),
];

/// Makes names searchable that came before there was a search.
async fn label(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let done = labels::bring_up_to_date(connection).await;
    done.map_err(|fault| MigrateError::Source(Box::new(fault.while_it("made names searchable"))))
}

#[async_trait]
impl Directory for Sqlite {
    async fn connector(&self, name: &str) -> Result<ConnectorKey, DirectoryError> {
        let name = name.to_owned();
        self.writer
            .ask("named a connector", |answer| {
                Request::Connector(name, answer)
            })
            .await
    }

    async fn cursor(&self, connector: ConnectorKey) -> Result<Option<Cursor>, DirectoryError> {
        self.read("read a cursor", async |connection| {
            runs::cursor(connection, connector).await
        })
        .await
    }

    async fn unfinished(&self, connector: ConnectorKey) -> Result<Option<Run>, DirectoryError> {
        self.read("looked for a run", async |connection| {
            runs::find_unfinished(connection, connector).await
        })
        .await
    }

    async fn begin(&self, run: NewRun) -> Result<Run, DirectoryError> {
        self.writer
            .ask("began a run", |answer| Request::Begin(run, answer))
            .await
    }

    async fn planned(
        &self,
        run: RunKey,
        partitions: &[Partition],
        drop_unreferenced_users: bool,
    ) -> Result<(), DirectoryError> {
        let partitions = partitions.to_vec();
        self.writer
            .ask("stored a plan", |answer| {
                Request::Plan(run, partitions, drop_unreferenced_users, answer)
            })
            .await
    }

    async fn restart(&self, run: RunKey, mode: Mode, reason: &str) -> Result<Run, DirectoryError> {
        let reason = reason.to_owned();
        self.writer
            .ask("began a run anew", |answer| {
                Request::Restart(run, mode, reason, answer)
            })
            .await
    }

    async fn open_partitions(&self, run: RunKey) -> Result<Vec<OpenPartition>, DirectoryError> {
        self.read("read what a run has left", async |connection| {
            runs::open_partitions(connection, run).await
        })
        .await
    }

    async fn commit(&self, run: RunKey, page: PageCommit) -> Result<Committed, DirectoryError> {
        self.writer
            .ask("stored a page", |answer| Request::Commit(run, page, answer))
            .await
    }

    async fn holds(
        &self,
        connector: ConnectorKey,
        ids: &[String],
    ) -> Result<Vec<bool>, DirectoryError> {
        self.read("looked for objects", async |connection| {
            let held: HashSet<String> = sqlx::query_scalar(include_str!("held_objects.sql"))
                .bind(connector.0)
                .bind(serde_json::to_string(ids)?)
                .fetch_all(connection)
                .await?
                .into_iter()
                .collect();
            Ok(ids.iter().map(|id| held.contains(id)).collect())
        })
        .await
    }

    async fn seen(&self, connector: ConnectorKey, stream: Stream) -> Result<u64, DirectoryError> {
        self.read("counted what a run has stored", async |connection| {
            runs::seen(connection, connector, stream).await
        })
        .await
    }

    async fn assess(&self, run: RunKey) -> Result<Assessment, DirectoryError> {
        self.writer
            .ask("weighed removals", |answer| Request::Assess(run, answer))
            .await
    }

    async fn finish(&self, run: RunKey, finish: Finish) -> Result<Tally, DirectoryError> {
        self.writer
            .ask("ended a run", |answer| Request::Finish(run, finish, answer))
            .await
    }

    async fn decide(&self, run: RunKey, decision: Decision) -> Result<RunRecord, DirectoryError> {
        self.writer
            .ask("decided over a held run", |answer| {
                Request::Decide(run, decision, answer)
            })
            .await
    }

    async fn forget(&self, connector: ConnectorKey) -> Result<(), DirectoryError> {
        self.writer
            .ask("marked a connector", |answer| {
                Request::Mark(connector, answer)
            })
            .await?;
        forget(&self.writer, connector).await
    }

    async fn backup(&self, to: &Path) -> Result<(), DirectoryError> {
        let fail = |reason: String| DirectoryError::Backup {
            to: to.to_owned(),
            reason,
        };
        // Not one of the readers: it takes long, and a copy is written.
        let mut view = SqliteConnectOptions::new()
            .filename(&self.file)
            .busy_timeout(PATIENCE)
            .connect()
            .await
            .map_err(|error| fail(with_causes(&error)))?;
        backup::backup(&mut view, to).await.map_err(fail)?;
        view.close()
            .await
            .map_err(|error| fail(with_causes(&error)))
    }

    async fn prune(&self, before: i64, keep_last: u32) -> Result<u64, DirectoryError> {
        let mut pruned = 0;
        loop {
            let some = self
                .writer
                .ask("pruned runs", |answer| {
                    Request::Prune(before, keep_last, answer)
                })
                .await?;
            if some == 0 {
                return Ok(pruned);
            }
            pruned += some;
        }
    }

    fn export(
        &self,
        connector: ConnectorKey,
        what: Export,
    ) -> BoxStream<'static, Result<String, DirectoryError>> {
        let (writer, readers) = (self.writer.clone(), self.readers.clone());
        let begin = async move {
            if matches!(what, Export::Documents { .. }) {
                writer
                    .ask("ordered memberships", |answer| {
                        Request::Settle(connector, answer)
                    })
                    .await?;
            }
            let records = export::export(readers, connector, what);
            Ok::<_, DirectoryError>(
                records.map_err(|fault: Fault| fault.while_it("read an export")),
            )
        };
        stream::once(begin).try_flatten().boxed()
    }

    async fn close(&self) {
        // The last connection that is closed copies the log into the file.
        let _ = tokio::time::timeout(PARTING, self.readers.close()).await;
        self.writer.close().await;
    }
}
