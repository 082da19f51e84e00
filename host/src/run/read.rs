//! Reading partitions: many at once, stage by stage, each page by page.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::patience::{Budget, Next, Tries};
use super::progress::Progress;
use super::report::Failure;
use crate::contract::{Fault, FaultKind};
use crate::directory::{
    Change, Committed, Directory, DirectoryError, OpenPartition, PageCommit, Partition, RunKey,
};
use crate::journal::Level;
use crate::limits::Patience;
use crate::plugin::{CallError, Instance, Plugin, RunRequest, Session};
use crate::telemetry;

/// What all partitions of a run need.
pub(super) struct Reader {
    pub(super) plugin: Plugin,
    pub(super) session: Session,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) progress: Arc<Progress>,
    pub(super) patience: Patience,
    pub(super) budget: Budget,
    pub(super) run: RunKey,
    pub(super) request: RunRequest,
}

/// How reading ended.
pub(super) enum ReadEnd {
    /// Every partition of every stage ended; or some of a stage were given up, and later stages were not begun.
    Done { failures: Failures },
    /// The run must begin anew as a snapshot.
    Snapshot(Fault),
    /// The run can't go on.
    Stop(Fault),
}

/// Partitions that were given up: the first ones, and a count of the others. A plugin decides how many
/// there are and what each says.
#[derive(Default)]
pub(super) struct Failures {
    pub(super) kept: Vec<Failure>,
    pub(super) dropped: u64,
}

/// How many failures a report tells.
const MOST_FAILURES: usize = 100;

impl Failures {
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn push(&mut self, failure: Failure) {
        if self.kept.len() < MOST_FAILURES {
            self.kept.push(failure);
        } else {
            self.dropped += 1;
        }
    }
}

/// How one partition ended.
enum PartitionEnd {
    Done,
    GivenUp(Failure),
    Snapshot(Fault),
    Stop(Fault),
}

/// Partitions that wait for their turn, by stage.
#[derive(Default)]
struct Waiting(BTreeMap<u8, VecDeque<OpenPartition>>);

impl Waiting {
    fn push(&mut self, open: OpenPartition) {
        self.0
            .entry(open.partition.stage)
            .or_default()
            .push_back(open);
    }

    /// Before those that wait already: what a partition leaves for later may be long, and must not begin last.
    fn push_first(&mut self, open: impl DoubleEndedIterator<Item = OpenPartition>) {
        for open in open.rev() {
            self.0
                .entry(open.partition.stage)
                .or_default()
                .push_front(open);
        }
    }

    fn lowest_stage(&mut self) -> Option<u8> {
        self.0.retain(|_, queue| !queue.is_empty());
        self.0.keys().next().copied()
    }

    /// Forgets those that have not begun; gives how many there were.
    fn clear(&mut self) -> usize {
        std::mem::take(&mut self.0)
            .into_values()
            .map(|queue| queue.len())
            .sum()
    }

    fn has(&self, stage: u8) -> bool {
        self.0.get(&stage).is_some_and(|queue| !queue.is_empty())
    }

    fn pop(&mut self, stage: u8) -> Option<OpenPartition> {
        self.0.get_mut(&stage)?.pop_front()
    }
}

/// Bounds what goes on at the same time: partitions that are read, and besides as many that are read to their end and
/// whose last page is being stored. So the store is given as much as it can take in one transaction, and nothing waits
/// to be read for the store's sake.
struct Places {
    reading: Arc<Semaphore>,
    storing: Arc<Semaphore>,
}

/// What a partition has of them.
struct Place {
    /// Given back when the partition is read to its end, or when its task ends.
    reading: Option<OwnedSemaphorePermit>,
    storing: Arc<Semaphore>,
}

impl Places {
    fn new(in_flight: usize) -> Self {
        Self {
            reading: Arc::new(Semaphore::new(in_flight)),
            storing: Arc::new(Semaphore::new(in_flight)),
        }
    }

    fn take(&self) -> Option<Place> {
        let reading = Arc::clone(&self.reading).try_acquire_owned().ok()?;
        Some(Place {
            reading: Some(reading),
            storing: Arc::clone(&self.storing),
        })
    }

    /// Waits until there is one to be had.
    async fn free(&self) {
        // It is never closed.
        let _ = self.reading.acquire().await;
    }
}

impl Place {
    /// From reading to storing, where there is room for it.
    fn store(&mut self) -> Option<OwnedSemaphorePermit> {
        let storing = Arc::clone(&self.storing).try_acquire_owned().ok()?;
        self.reading = None;
        Some(storing)
    }
}

/// Reads all open partitions and those that they bring to light.
///
/// When it returns, nothing of this run is under way any more.
pub(super) async fn read_all(
    reader: Arc<Reader>,
    open: Vec<OpenPartition>,
) -> Result<ReadEnd, DirectoryError> {
    let mut waiting = Waiting::default();
    for open in open {
        reader.progress.partition(&open.partition);
        waiting.push(open);
    }
    let places = Places::new(reader.plugin.limits().in_flight.max(1));
    let mut failures = Failures::default();
    while let Some(stage) = waiting.lowest_stage() {
        let (found, mut news) = mpsc::unbounded_channel::<Vec<Partition>>();
        let mut tasks = JoinSet::new();
        loop {
            while !reader.budget.is_spent()
                && waiting.has(stage)
                && let Some(place) = places.take()
                && let Some(open) = waiting.pop(stage)
            {
                let span = tracing::debug_span!(
                    target: telemetry::TARGET,
                    "partition",
                    key = open.partition.key,
                    title = open.partition.title,
                );
                let reading = Arc::clone(&reader).partition(open, place, found.clone());
                tasks.spawn(reading.instrument(span));
            }
            if tasks.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some(partitions) = news.recv() => reader.enqueue(partitions, &mut waiting),
                Some(ended) = tasks.join_next() => {
                    // What it found was sent before it ended.
                    while let Ok(partitions) = news.try_recv() {
                        reader.enqueue(partitions, &mut waiting);
                    }
                    let end = match ended {
                        Ok(end) => end?,
                        Err(error) => PartitionEnd::GivenUp(broken(&error)),
                    };
                    match end {
                        PartitionEnd::Done => reader.progress.partition_ended(),
                        PartitionEnd::GivenUp(failure) => {
                            let Failure { partition, fault } = &failure;
                            reader.note(Level::Error, &format!("{partition} was given up: {fault}"));
                            failures.push(failure);
                        }
                        PartitionEnd::Snapshot(fault) => {
                            tasks.shutdown().await;
                            return Ok(ReadEnd::Snapshot(fault));
                        }
                        PartitionEnd::Stop(fault) => {
                            tasks.shutdown().await;
                            return Ok(ReadEnd::Stop(fault));
                        }
                    }
                }
                () = places.free(), if waiting.has(stage) && !reader.budget.is_spent() => {}
            }
        }
        if reader.budget.is_spent() {
            let left = waiting.clear();
            if left > 0 {
                let failure = not_begun(left);
                reader.note(Level::Error, &failure.fault.to_string());
                failures.push(failure);
            }
        }
        if !failures.is_empty() {
            break;
        }
    }
    Ok(ReadEnd::Done { failures })
}

/// A partition whose task panicked: a mistake of the host's, which must not take the run with it.
fn broken(error: &tokio::task::JoinError) -> Failure {
    Failure {
        partition: "unknown".into(),
        fault: Fault {
            kind: FaultKind::Permanent,
            code: "host.panic".into(),
            message: format!("the host broke down while it read a partition: {error}"),
            remedy: Some("Report it to the host's developers.".into()),
            setting: None,
        },
    }
}

/// What was left when the source had failed too often.
fn not_begun(parts: usize) -> Failure {
    let what = if parts == 1 {
        "1 part".to_owned()
    } else {
        format!("{parts} parts")
    };
    Failure {
        partition: what.clone(),
        fault: Fault {
            kind: FaultKind::Transient,
            code: "run.source-down".into(),
            message: format!(
                "the source failed so often, in all parts together, that {what} of the run were not begun"
            ),
            remedy: Some(
                "Run again once the source works; nothing was removed without proof.".into(),
            ),
            setting: None,
        },
    }
}

impl Reader {
    fn enqueue(&self, partitions: Vec<Partition>, waiting: &mut Waiting) {
        for partition in &partitions {
            self.progress.partition(partition);
        }
        let open = |partition| OpenPartition {
            partition,
            checkpoint: None,
        };
        waiting.push_first(partitions.into_iter().map(open));
    }

    async fn partition(
        self: Arc<Self>,
        open: OpenPartition,
        mut place: Place,
        found: mpsc::UnboundedSender<Vec<Partition>>,
    ) -> Result<PartitionEnd, DirectoryError> {
        let partition = open.partition;
        let mut checkpoint = open.checkpoint;
        let mut tries = Tries::new(&self.patience);
        let mut instance: Option<Instance> = None;
        let mut unstored: Option<PageCommit> = None;
        let mut pages = 0_u64;
        loop {
            if let Some(last) = unstored.take_if(|page| page.checkpoint.is_none()) {
                drop(instance);
                let _storing = place.store();
                let ended = self.store(Some(last), &found).await?;
                return Ok(ended.unwrap_or(PartitionEnd::Done));
            }
            // The page before is stored while the next one is fetched.
            let (read, stored) = tokio::join!(
                self.page(&partition, checkpoint.as_deref(), &mut instance),
                self.store(unstored.take(), &found),
            );
            if let Some(end) = stored? {
                return Ok(end);
            }
            match read {
                Ok(page) => {
                    tries.succeeded();
                    self.budget.page();
                    pages += 1;
                    if let Some(fault) = self.too_much(pages) {
                        return Ok(given_up(&partition, fault));
                    }
                    checkpoint.clone_from(&page.checkpoint);
                    unstored = Some(page);
                }
                Err(error) => {
                    let fault = error.into_fault();
                    match tries.after(&fault) {
                        Next::Again(_) if !self.budget.allows(&fault) => {
                            return Ok(given_up(&partition, fault));
                        }
                        Next::Again(wait) => {
                            tracing::debug!("{}: again in {wait:?}: {fault}", partition.title);
                            self.progress.reread();
                            let again = super::again_in(&partition.title, wait, &fault);
                            self.note(Level::Warn, &again);
                            // Its place in the pool is for others while it waits.
                            instance = None;
                            tokio::time::sleep(wait).await;
                        }
                        Next::Snapshot => return Ok(PartitionEnd::Snapshot(fault)),
                        Next::Stop => return Ok(PartitionEnd::Stop(fault)),
                        Next::GiveUp => return Ok(given_up(&partition, fault)),
                    }
                }
            }
        }
    }

    /// Reads the page after `checkpoint`, in the instance at hand or a new one.
    async fn page(
        &self,
        partition: &Partition,
        checkpoint: Option<&str>,
        slot: &mut Option<Instance>,
    ) -> Result<PageCommit, CallError> {
        let mut instance = match slot.take() {
            Some(instance) => instance,
            None => self.plugin.open(Some(&self.session)).await?,
        };
        let read = instance.read(&self.request, partition, checkpoint).await;
        self.progress.called(instance.last_use());
        // After anything but an answer the instance is of no use any more.
        if matches!(read, Ok(_) | Err(CallError::Fault(_))) {
            *slot = Some(instance);
        }
        read
    }

    /// Stores a page and hands on the partitions that it brought to light.
    async fn store(
        &self,
        page: Option<PageCommit>,
        found: &mpsc::UnboundedSender<Vec<Partition>>,
    ) -> Result<Option<PartitionEnd>, DirectoryError> {
        let Some(page) = page else { return Ok(None) };
        self.progress.page(&page.changes);
        for change in &page.changes {
            if let Change::MembersUnavailable { group, reason } = change {
                let text = format!("Members of group {group} could not be read: {reason}");
                self.note(Level::Warn, &text);
            }
        }
        let Committed {
            partitions,
            needs_snapshot,
        } = self.directory.commit(self.run, page).await?;
        if needs_snapshot {
            return Ok(Some(PartitionEnd::Snapshot(Fault {
                kind: FaultKind::CursorExpired,
                code: "run.unknown-interval".into(),
                message: "a user came back whose memberships of the time between are unknown"
                    .into(),
                remedy: None,
                setting: None,
            })));
        }
        if !partitions.is_empty() {
            // The receiver is gone only when the whole run ends.
            let _ = found.send(partitions);
        }
        Ok(None)
    }

    fn note(&self, level: Level, text: &str) {
        self.progress.journal().note(level, text);
    }

    /// Whether a run or a partition has come to be more than its limits let it.
    fn too_much(&self, pages: u64) -> Option<Fault> {
        self.progress.partition_pages(pages);
        let limits = self.plugin.limits();
        let (changes, bytes) = self.progress.emitted();
        let (partitions, partition_bytes) = self.progress.known_partitions();
        let met = [
            (
                "plugin.page-limit",
                "pages of one partition",
                pages,
                limits.pages,
            ),
            (
                "plugin.partition-limit",
                "partitions in one run",
                partitions,
                limits.partitions,
            ),
            (
                "plugin.partition-limit",
                "bytes of partitions in one run",
                partition_bytes,
                limits.partition_bytes,
            ),
            (
                "plugin.change-limit",
                "changes in one run",
                changes,
                limits.total_changes,
            ),
            (
                "plugin.emitted-limit",
                "bytes emitted in one run",
                bytes,
                limits.total_bytes,
            ),
        ];
        let (code, what, _, limit) = met.into_iter().find(|(.., used, limit)| used > limit)?;
        Some(Fault {
            kind: FaultKind::Permanent,
            code: code.into(),
            message: format!("the plugin has more than {limit} {what}"),
            remedy: Some("Raise the limit, or report it to the plugin's author.".into()),
            setting: None,
        })
    }
}

fn given_up(partition: &Partition, fault: Fault) -> PartitionEnd {
    PartitionEnd::GivenUp(Failure {
        partition: partition.title.clone(),
        fault,
    })
}
