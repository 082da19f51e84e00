//! The one connection that writes.
//!
//! SQLite has one writer at a time, and a transaction costs about as much as the pages of a
//! dozen partitions. So all writes go through one task, which puts the pages that wait for it into
//! one transaction.

use std::collections::BTreeMap;
use std::{io, thread};

use sqlx::{Connection, Row, SqliteConnection};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::apply::{Active, Counts, apply, settle};
use super::fault::{Fault, Result};
use super::names::Names;
use super::segment::Segment;
use super::{decide, finish, forget, runs};
use crate::directory::{
    Assessment, Change, Committed, ConnectorKey, Decision, DirectoryError, Finish, Mode, NewRun,
    PageCommit, Partition, Run, RunKey, RunRecord, Tally,
};

/// How many writes may wait; more than a host has partitions in flight.
const WAITING: usize = 256;
/// A transaction takes no further page once it has this many objects and members: it must fit the
/// page cache, and the others wait for it.
const BATCH: usize = 100_000;

type Answer<T> = oneshot::Sender<std::result::Result<T, DirectoryError>>;

/// Something to write.
pub(super) enum Request {
    Connector(String, Answer<ConnectorKey>),
    Begin(NewRun, Answer<Run>),
    Plan(RunKey, Vec<Partition>, bool, Answer<()>),
    Restart(RunKey, Mode, String, Answer<Run>),
    Commit(RunKey, PageCommit, Answer<Committed>),
    Assess(RunKey, Answer<Assessment>),
    Finish(RunKey, Finish, Answer<Tally>),
    Settle(ConnectorKey, Answer<()>),
    Decide(RunKey, Decision, Answer<RunRecord>),
    Mark(ConnectorKey, Answer<()>),
    /// Answered with whether there is more to forget.
    Forget(ConnectorKey, Answer<bool>),
    /// Answered with how many runs were pruned; 0 when there are no more.
    Prune(i64, u32, Answer<u64>),
}

/// Asks the writing task.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    stop: CancellationToken,
    /// Cancelled once the connection is closed.
    ended: CancellationToken,
}

impl Writer {
    /// Starts the task. It ends, and closes the connection, after the last of the handles or by
    /// [`close`](Self::close).
    ///
    /// It has a thread of its own: a page is a dozen statements, and after each of them it would wait until the
    /// plugins that compute on the threads of the runtime let it go on.
    ///
    /// # Errors
    /// Where there can't be another thread.
    pub(super) fn start(connection: SqliteConnection) -> io::Result<Self> {
        let (requests, waiting) = mpsc::channel(WAITING);
        let task = Task {
            connection,
            names: Names::default(),
            data_version: None,
            broken: false,
        };
        let writer = Self {
            requests,
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        let (stop, ended) = (writer.stop.clone(), writer.ended.clone().drop_guard());
        let runtime = runtime::Builder::new_current_thread().build()?;
        thread::Builder::new()
            .name("directory-writer".into())
            .spawn(move || {
                runtime.block_on(task.run(waiting, stop));
                drop(ended);
            })?;
        Ok(writer)
    }

    /// Ends the task after what waits to be written, and waits for its end.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }

    /// Has something written and waits for it.
    pub(super) async fn ask<T>(
        &self,
        doing: &'static str,
        request: impl FnOnce(Answer<T>) -> Request,
    ) -> std::result::Result<T, DirectoryError> {
        let (answer, answered) = oneshot::channel();
        let crashed = || Fault::Sql(sqlx::Error::WorkerCrashed).while_it(doing);
        let sent = self.requests.send(request(answer)).await;
        sent.map_err(|_| crashed())?;
        answered.await.map_err(|_| crashed())?
    }
}

struct Task {
    connection: SqliteConnection,
    names: Names,
    /// SQLite's mark of what other connections have written.
    data_version: Option<i64>,
    /// A transaction could not be rolled back, so it may be open still.
    broken: bool,
}

type Page = (RunKey, PageCommit, Answer<Committed>);

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut next = None;
        loop {
            let request = match next.take() {
                Some(request) => Some(request),
                None => tokio::select! {
                    request = waiting.recv() => request,
                    // What is in it already still comes.
                    () = stop.cancelled(), if !waiting.is_closed() => {
                        waiting.close();
                        continue;
                    }
                },
            };
            let Some(request) = request else { break };
            match request {
                Request::Commit(run, page, answer) => {
                    let mut weight = weight(&page);
                    let mut pages = vec![(run, page, answer)];
                    while weight < BATCH {
                        match waiting.try_recv() {
                            Ok(Request::Commit(run, page, answer)) => {
                                weight += self::weight(&page);
                                pages.push((run, page, answer));
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.commit(pages).await;
                }
                other => self.serve(other).await,
            }
        }
        // Only to leave no log beside the file; what is written is safe without it.
        let _ = self.connection.close().await;
    }

    /// Stores pages in one transaction; if that fails, each in its own, so that one that can't be
    /// stored harms no other.
    async fn commit(&mut self, pages: Vec<Page>) {
        let doing = "stored a page";
        let together = pages.iter().map(|(run, page, _)| (*run, page)).collect();
        match self.commit_together(together).await {
            Ok(committed) => {
                for ((_, _, answer), committed) in pages.into_iter().zip(committed) {
                    // The one who asked may have been cancelled.
                    let _ = answer.send(Ok(committed));
                }
            }
            Err(fault) => {
                let single = pages.len() == 1;
                let mut fault = Some(fault);
                for (run, page, answer) in pages {
                    let result = match fault.take().filter(|_| single) {
                        Some(fault) => Err(fault),
                        None => self.commit_together(vec![(run, &page)]).await,
                    };
                    let result = result.map(|committed| committed.into_iter().next());
                    let _ = answer.send(match result {
                        Ok(committed) => Ok(committed.unwrap_or_default()),
                        Err(fault) => Err(fault.while_it(doing)),
                    });
                }
            }
        }
    }

    async fn commit_together(
        &mut self,
        pages: Vec<(RunKey, &PageCommit)>,
    ) -> Result<Vec<Committed>> {
        self.begin().await?;
        let result = self.store(pages).await;
        self.end(result).await
    }

    /// Stores the pages of each run as if they were one: as many statements as for a single page.
    async fn store(&mut self, pages: Vec<(RunKey, &PageCommit)>) -> Result<Vec<Committed>> {
        let mut by_run: BTreeMap<RunKey, Vec<(usize, &PageCommit)>> = BTreeMap::new();
        for (place, (key, page)) in pages.into_iter().enumerate() {
            by_run.entry(key).or_default().push((place, page));
        }
        let mut committed = Vec::new();
        for (key, placed) in by_run {
            let (places, pages): (Vec<usize>, Vec<&PageCommit>) = placed.into_iter().unzip();
            let mut run = active(&mut self.connection, key).await?;
            let changes = pages.iter().flat_map(|page| &page.changes);
            for segment in Segment::cut(changes, run.snapshot) {
                apply(&mut self.connection, &mut self.names, &mut run, &segment).await?;
            }
            runs::move_partitions(&mut self.connection, key, &pages).await?;
            let found = runs::add_partitions(&mut self.connection, key, &pages).await?;
            let needs_snapshot = run.needs_snapshot;
            let stored = found.into_iter().map(|partitions| Committed {
                partitions,
                needs_snapshot,
            });
            committed.extend(places.into_iter().zip(stored));
            count(&mut self.connection, run).await?;
        }
        committed.sort_unstable_by_key(|(place, _)| *place);
        Ok(committed.into_iter().map(|(_, stored)| stored).collect())
    }

    async fn serve(&mut self, request: Request) {
        match request {
            Request::Connector(name, answer) => {
                self.transact("named a connector", answer, async |connection| {
                    runs::connector(connection, &name).await
                })
                .await;
            }
            Request::Begin(run, answer) => {
                self.transact("began a run", answer, async |connection| {
                    runs::begin(connection, &run).await
                })
                .await;
            }
            Request::Plan(run, partitions, drop_unreferenced, answer) => {
                self.transact("stored a plan", answer, async |connection| {
                    runs::plan(connection, run, &partitions, drop_unreferenced).await
                })
                .await;
            }
            Request::Restart(run, mode, reason, answer) => {
                self.transact("began a run anew", answer, async |connection| {
                    runs::restart(connection, run, mode, &reason).await
                })
                .await;
            }
            Request::Assess(run, answer) => {
                self.transact("weighed removals", answer, async |connection| {
                    finish::assess(connection, run).await
                })
                .await;
            }
            Request::Finish(run, how, answer) => {
                self.transact("ended a run", answer, async |connection| {
                    finish::finish(connection, run, &how).await
                })
                .await;
                // Much has changed its state, and the next run may be hours away.
                self.names.clear();
            }
            Request::Settle(connector, answer) => {
                self.transact("ordered memberships", answer, async |connection| {
                    match runs::find_unfinished(connection, connector).await? {
                        Some(run) => settle(connection, run.key.0).await,
                        None => Ok(()),
                    }
                })
                .await;
            }
            Request::Decide(run, decision, answer) => {
                self.transact("decided over a held run", answer, async |connection| {
                    decide::decide(connection, run, &decision).await
                })
                .await;
                self.names.clear();
            }
            Request::Mark(connector, answer) => {
                self.transact("marked a connector", answer, async |connection| {
                    forget::mark(connection, connector).await
                })
                .await;
                self.names.clear();
            }
            Request::Forget(connector, answer) => {
                self.transact("forgot a connector", answer, async |connection| {
                    forget::some(connection, connector).await
                })
                .await;
            }
            Request::Prune(before, keep_last, answer) => {
                self.transact("pruned runs", answer, async |connection| {
                    runs::prune(connection, before, keep_last).await
                })
                .await;
            }
            Request::Commit(run, page, answer) => self.commit(vec![(run, page, answer)]).await,
        }
    }

    /// Does something in a transaction of its own and answers.
    async fn transact<T>(
        &mut self,
        doing: &'static str,
        answer: Answer<T>,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T>,
    ) {
        let result = match self.begin().await {
            Ok(()) => work(&mut self.connection).await,
            Err(fault) => Err(fault),
        };
        let result = self.end(result).await;
        let _ = answer.send(result.map_err(|fault| fault.while_it(doing)));
    }

    /// Begins a transaction that can write, so that it can't fail half-way for another's lock.
    async fn begin(&mut self) -> Result<()> {
        if self.broken {
            self.roll_back().await?;
        }
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        let version: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .await?;
        if self.data_version.replace(version) != Some(version) {
            self.names.clear();
        }
        Ok(())
    }

    /// Commits, or rolls back where something failed.
    async fn end<T>(&mut self, result: Result<T>) -> Result<T> {
        let result = match result {
            Ok(value) => sqlx::query("COMMIT")
                .execute(&mut self.connection)
                .await
                .map(|_| value)
                .map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        if result.is_err() {
            // The cause is worth more than what rolling back may say: the next begins with it.
            let _ = self.roll_back().await;
        }
        result
    }

    async fn roll_back(&mut self) -> Result<()> {
        self.names.clear();
        self.broken = true;
        // Some errors have rolled back already, and then this one fails.
        let rolled_back = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        let probe = sqlx::query("BEGIN; ROLLBACK")
            .execute(&mut self.connection)
            .await;
        if probe.is_err() {
            rolled_back?;
        }
        self.broken = false;
        Ok(())
    }
}

/// How much work a page is.
fn weight(page: &PageCommit) -> usize {
    let weigh = |change: &Change| match change {
        Change::MembersAdded { members, .. } => members.len() + 1,
        Change::MembersRemoved { members, .. } => members.len() + 1,
        _ => 1,
    };
    page.changes.iter().map(weigh).sum()
}

/// A run that pages can be stored for.
async fn active(connection: &mut SqliteConnection, key: RunKey) -> Result<Active> {
    let row = sqlx::query(include_str!("active_run.sql"))
        .bind(key.0)
        .fetch_optional(connection)
        .await?
        .ok_or(Fault::Ended(key))?;
    Ok(Active {
        run: key.0,
        connector: row.try_get(0)?,
        snapshot: runs::decode::<Mode>(row.try_get(1)?)? == Mode::Snapshot,
        needs_snapshot: row.try_get(2)?,
        users: Counts::default(),
        groups: Counts::default(),
        memberships: Counts::default(),
    })
}

/// Adds what was counted to the run and its connector.
async fn count(connection: &mut SqliteConnection, run: Active) -> Result<()> {
    let Active {
        users,
        groups,
        memberships,
        ..
    } = run;
    sqlx::query(include_str!("count_run.sql"))
        .bind(run.run)
        .bind(run.needs_snapshot)
        .bind(users.seen)
        .bind(users.added)
        .bind(users.updated)
        .bind(groups.seen)
        .bind(groups.added)
        .bind(groups.updated)
        .bind(memberships.seen)
        .bind(memberships.added)
        .execute(&mut *connection)
        .await?;
    sqlx::query(include_str!("count_connector.sql"))
        .bind(run.connector)
        .bind(users.visible)
        .bind(groups.visible)
        .bind(memberships.visible)
        .execute(connection)
        .await?;
    Ok(())
}
