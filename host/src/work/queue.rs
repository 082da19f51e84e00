//! The queue that hands runs out, in a file of its own.
//!
//! The table of runs is the truth; the queue only dispatches. So the file is emptied whenever it is opened,
//! and filled from the table: a job that a dead process held can neither be lost nor handed out late, and a
//! damaged file is simply made anew. What is handed out twice is begun once, by the claim in the table.
//!
//! What is minded of apalis:
//! - A worker that is idle looks again only when it is woken: each push wakes it, and so does a timer.
//! - A failed statement ends a worker, and with it the futures of its jobs. Runs are tasks of their own, so
//!   they go on, and another worker is made.
//! - A worker's name can't be used again for half a minute after a crash: each worker has a new one.
//! - A worker that holds fetched jobs back sends no heartbeat: it fetches one at a time, when it has room.
//! - A worker that stops takes no note any more of what its jobs came to, and waits for those who want to tell
//!   it. So jobs tell it nothing: a job that was looked after is deleted here.
//! - A key is refused for as long as a job of it is there: a run that is queued anew has the number of its
//!   attempt in its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{
    BackendExt, Data, TaskBuilder, TaskSink, WorkerBuilder, WorkerBuilderExt, WorkerError,
};
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteStorage};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long an idle worker waits before it looks without having been woken.
const LOOK: Duration = Duration::from_secs(10);
/// How long to wait before a worker that failed is replaced.
const RECOVERY: Duration = Duration::from_secs(1);
/// Name of the queue in the file.
const NAME: &str = "runs";

/// A job: the run that is to be looked after.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    run: Uuid,
    attempt: u32,
}

impl Job {
    fn key(&self) -> String {
        format!("{}/{}", self.run, self.attempt)
    }
}

/// What is done with a run that is handed out. It returns when the run has been looked after.
#[derive(Clone)]
pub(super) struct Handler(Arc<dyn Fn(Uuid) -> BoxFuture<'static, ()> + Send + Sync>);

impl Handler {
    pub(super) fn new(
        handle: impl Fn(Uuid) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(handle))
    }
}

/// Why the queue can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the queue {path} can't be used: {reason}", path = .path.display())]
pub struct QueueError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The queue of runs. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    path: PathBuf,
    pool: SqlitePool,
    wake: Arc<Notify>,
}

impl Queue {
    /// Opens the file, empties it, and makes it anew where it is damaged.
    pub(super) async fn open(path: &Path) -> Result<Self, QueueError> {
        match Self::try_open(path).await {
            Ok(queue) => Ok(queue),
            Err(error) => {
                tracing::warn!("{error}; it is made anew from the table of runs");
                for suffix in ["", "-wal", "-shm"] {
                    let mut file = path.as_os_str().to_owned();
                    file.push(suffix);
                    // What isn't there needn't go.
                    let _ = std::fs::remove_file(file);
                }
                Self::try_open(path).await
            }
        }
    }

    async fn try_open(path: &Path) -> Result<Self, QueueError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The table of runs is what must survive a power cut.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(20))
            .disable_statement_logging();
        let queue = Self {
            path: path.to_owned(),
            // One connection: nobody waits for a lock, everybody for the connection.
            pool: SqlitePoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options),
            wake: Arc::default(),
        };
        let prepare = async {
            SqliteStorage::<()>::migrations().run(&queue.pool).await?;
            sqlx::query("DELETE FROM Jobs").execute(&queue.pool).await?;
            sqlx::query("DELETE FROM Workers")
                .execute(&queue.pool)
                .await?;
            Ok::<(), sqlx::Error>(())
        };
        match prepare.await {
            Ok(()) => Ok(queue),
            Err(error) => {
                queue.pool.close().await;
                Err(queue.error(error))
            }
        }
    }

    /// Puts a run in. `attempt` is how often it was begun before; the same run and attempt are put in once.
    pub(super) async fn push(&self, run: Uuid, attempt: u32) -> Result<(), QueueError> {
        let job = Job { run, attempt };
        let key = job.key();
        let task = TaskBuilder::new(job)
            .idempotency_key(key)
            .max_attempts(1)
            .build();
        self.storage()
            .push_task(task)
            .await
            .map_err(|error| self.error(error))?;
        self.wake.notify_one();
        Ok(())
    }

    /// Hands runs out, at most `concurrent` at a time, until it is stopped. What was handed out when it is
    /// stopped is waited for.
    pub(super) async fn serve(self, concurrent: usize, handler: Handler, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let worker = self
                .clone()
                .worker(concurrent, handler.clone(), stop.clone());
            if let Err(error) = worker.await {
                tracing::warn!("the queue of runs failed and is served anew: {error}");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(RECOVERY) => {}
                }
            }
        }
    }

    async fn worker(
        self,
        concurrent: usize,
        handler: Handler,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let wake = Arc::clone(&self.wake);
        let wakes = stream::unfold(wake, |wake| async {
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            Some(((), wake))
        });
        WorkerBuilder::new(format!("{NAME}-{}", Uuid::now_v7()))
            .backend(self.storage().poll_with_stream(wakes.boxed()))
            .concurrency(concurrent)
            .data(handler)
            .data(self.clone())
            .data(stop.clone())
            .build(look_after)
            .run_until(async move {
                stop.cancelled().await;
                Ok::<(), WorkerError>(())
            })
            .await
    }

    fn storage(&self) -> SqliteStorage<Job> {
        let config = Config::default()
            .queue(NAME)
            .batch_size(1)
            .lock_tasks(false)
            .persist_results(false);
        SqliteStorage::new(&self.pool).with_config(config)
    }

    /// Deletes a job that was looked after.
    async fn forget(&self, job: &Job) -> Result<(), QueueError> {
        sqlx::query("DELETE FROM Jobs WHERE job_type = $1 AND idempotency_key = $2")
            .bind(NAME)
            .bind(job.key())
            .execute(&self.pool)
            .await
            .map_err(|error| self.error(error))?;
        Ok(())
    }

    /// How many jobs the file holds.
    #[cfg(test)]
    pub(super) async fn len(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM Jobs")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    fn error(&self, error: impl std::fmt::Display) -> QueueError {
        QueueError {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

async fn look_after(
    job: Job,
    handler: Data<Handler>,
    queue: Data<Queue>,
    stop: Data<CancellationToken>,
) {
    let Data(Handler(handle)) = handler;
    handle(job.run).await;
    // What stays is handed out again by a later worker, to no effect. A worker that stops may hold the connection
    // until this ends, and the next process empties the file.
    if let Some(Err(error)) = stop.run_until_cancelled(queue.forget(&job)).await {
        tracing::warn!("a job that was looked after stays in the queue: {error}");
    }
}
