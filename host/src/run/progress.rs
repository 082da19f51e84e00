//! How far a run has come, for whoever watches; and their word that it is to end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::contract::Expectation;
use crate::directory::{Change, Mode, Partition};
use crate::egress::{Gateway, QuotaUse, WaitReason};
use crate::journal::Journal;
use crate::plugin::CallUse;

/// A run in progress, seen from outside: its counts, written by the run and read by anyone at any time, and the
/// way to [interrupt](Self::interrupt) it. Each is of one run.
#[derive(Debug, Default)]
pub struct Progress {
    gateway: OnceLock<Arc<Gateway>>,
    interrupt: watch::Sender<Option<Interrupt>>,
    users: AtomicU64,
    groups: AtomicU64,
    members: AtomicU64,
    partitions: AtomicU64,
    partition_bytes: AtomicU64,
    ended: AtomicU64,
    pages: AtomicU64,
    rereads: AtomicU64,
    changes: AtomicU64,
    bytes: AtomicU64,
    peaks: Mutex<Peaks>,
    expected: Mutex<Expectation>,
    begun: Mutex<Option<(Mode, String)>>,
    journal: Arc<Journal>,
}

/// Why a run is to end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interrupt {
    /// The process is to end: the run stays as it is, and the connector's next one goes on from there.
    Stop,
    /// Someone doesn't want it: it ends for good, without removing anything or moving the cursor, and the next
    /// one begins anew. What it has added stays.
    Cancel,
}

/// The most that one call or one partition of a run used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peaks {
    /// What one call used, each figure of whichever call used the most of it.
    pub call: CallUse,
    /// Pages of one partition.
    pub pages: u64,
}

/// A reading of [`Progress`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// User records stored.
    pub users: u64,
    /// Group records stored.
    pub groups: u64,
    /// Memberships stored.
    pub members: u64,
    /// Partitions known so far.
    pub partitions: u64,
    /// Bytes of these partitions.
    pub partition_bytes: u64,
    /// Partitions that have ended.
    pub ended: u64,
    /// Pages stored.
    pub pages: u64,
    /// Pages read again after a fault.
    pub rereads: u64,
    /// Changes emitted; a member that joins or leaves is one.
    pub changes: u64,
    /// Bytes emitted.
    pub bytes: u64,
    /// The most that one call or partition used.
    pub peaks: Peaks,
    /// What the plugin expects.
    pub expected: Expectation,
    /// Its use of the network so far.
    pub traffic: Traffic,
}

/// A run's use of the network so far; in its report there is [more](crate::egress::Usage).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Requests that left, without those for tokens.
    pub requests: u64,
    /// What they did cost in units of the vendor's quota.
    pub resource_units: u64,
    /// Bytes of response bodies after decompression.
    pub bytes_received: u64,
    /// Requests without an answer, and answers with a status of 500 and above.
    pub failed: u64,
    /// Answers with status 429.
    pub throttled: u64,
    /// Milliseconds for which the quota or a closed window held requests back.
    pub waited_ms: u64,
    /// How many requests are held back now.
    pub waiting: u64,
    /// For how many milliseconds more, as far as it is known.
    pub waits_for_ms: Option<u64>,
    /// Why they are held back.
    pub waits_because: Option<WaitReason>,
    /// How much of the declared quota is used now; absent where there is none.
    pub quota: Option<QuotaUse>,
}

impl Traffic {
    fn of(gateway: &Gateway) -> Self {
        let usage = gateway.usage();
        let throttle = gateway.throttle_state();
        let until = throttle.and_then(|throttle| throttle.until);
        let waits_for = until.map(|until| until.saturating_duration_since(Instant::now()));
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            requests: usage.requests,
            resource_units: usage.resource_units,
            bytes_received: usage.bytes_received,
            failed: usage.failed,
            throttled: usage.throttled,
            waited_ms: usage.milliseconds_waited(),
            waiting: throttle.map_or(0, |throttle| count(throttle.waiting)),
            waits_for_ms: waits_for.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            waits_because: throttle.map(|throttle| throttle.reason),
            quota: gateway.quota_state(),
        }
    }
}

impl Progress {
    /// Where the run stands.
    #[must_use]
    pub fn read(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            users: get(&self.users),
            groups: get(&self.groups),
            members: get(&self.members),
            partitions: get(&self.partitions),
            partition_bytes: get(&self.partition_bytes),
            ended: get(&self.ended),
            pages: get(&self.pages),
            rereads: get(&self.rereads),
            changes: get(&self.changes),
            bytes: get(&self.bytes),
            peaks: *self.peaks(),
            expected: *self.expected.lock().unwrap_or_else(PoisonError::into_inner),
            traffic: self
                .gateway
                .get()
                .map_or_else(Traffic::default, |gateway| Traffic::of(gateway)),
        }
    }

    /// What is told of the run.
    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Of which kind the run is and why, once it has begun.
    #[must_use]
    pub fn mode(&self) -> Option<(Mode, String)> {
        let begun = self.begun.lock();
        begun.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is of this kind from here on.
    pub(crate) fn begun(&self, mode: Mode, reason: &str) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((mode, reason.to_owned()));
    }

    /// Has the run end soon; requests and pages that are under way may be dropped. Of several interrupts that it
    /// hasn't met yet the strongest counts. A run that has read everything ends as it would have.
    pub fn interrupt(&self, why: Interrupt) {
        self.interrupt.send_if_modified(|waiting| {
            let stronger = *waiting < Some(why);
            if stronger {
                *waiting = Some(why);
            }
            stronger
        });
    }

    /// Waits for an interrupt.
    pub(super) async fn interrupted(&self) -> Interrupt {
        let mut interrupts = self.interrupt.subscribe();
        let why = interrupts.wait_for(Option::is_some).await;
        let why = why.ok().and_then(|why| *why);
        match why {
            Some(why) => why,
            // The sender lives as long as `self`, and what waits is waited for.
            None => std::future::pending().await,
        }
    }

    /// The run's way out, for its use of the network.
    pub(super) fn connected(&self, gateway: &Arc<Gateway>) {
        gateway.tell(Arc::clone(&self.journal));
        // Only where one progress is given to several runs is there one already.
        let _ = self.gateway.set(Arc::clone(gateway));
    }

    pub(crate) fn expect(&self, expected: Expectation) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = expected;
    }

    /// A page with these changes is about to be stored.
    pub(crate) fn page(&self, changes: &[Change]) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        let (mut users, mut groups, mut members) = (0, 0, 0);
        for change in changes {
            match change {
                Change::User(_) => users += 1,
                Change::Group(_) => groups += 1,
                Change::MembersAdded {
                    members: joined, ..
                } => members += joined.len() as u64,
                _ => {}
            }
        }
        self.users.fetch_add(users, Ordering::Relaxed);
        self.groups.fetch_add(groups, Ordering::Relaxed);
        self.members.fetch_add(members, Ordering::Relaxed);
    }

    /// A partition came to light.
    pub(super) fn partition(&self, partition: &Partition) {
        let bytes = partition.key.len() + partition.title.len() + partition.state.len();
        self.partitions.fetch_add(1, Ordering::Relaxed);
        self.partition_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Partitions known so far, and their bytes.
    pub(super) fn known_partitions(&self) -> (u64, u64) {
        (
            self.partitions.load(Ordering::Relaxed),
            self.partition_bytes.load(Ordering::Relaxed),
        )
    }

    pub(super) fn partition_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reread(&self) {
        self.rereads.fetch_add(1, Ordering::Relaxed);
    }

    /// A call ended.
    pub(super) fn called(&self, call: CallUse) {
        let emitted = call.emitted;
        let changes = (emitted.changes + emitted.members) as u64;
        self.changes.fetch_add(changes, Ordering::Relaxed);
        self.bytes
            .fetch_add(emitted.bytes as u64, Ordering::Relaxed);
        let most = &mut self.peaks().call;
        most.memory = most.memory.max(call.memory);
        most.cpu_ms = most.cpu_ms.max(call.cpu_ms);
        most.wall_ms = most.wall_ms.max(call.wall_ms);
        most.emitted.changes = most.emitted.changes.max(emitted.changes);
        most.emitted.members = most.emitted.members.max(emitted.members);
        most.emitted.bytes = most.emitted.bytes.max(emitted.bytes);
    }

    /// A partition has come to this page.
    pub(super) fn partition_pages(&self, pages: u64) {
        let mut peaks = self.peaks();
        peaks.pages = peaks.pages.max(pages);
    }

    /// Changes and bytes emitted so far.
    pub(super) fn emitted(&self) -> (u64, u64) {
        (
            self.changes.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }

    fn peaks(&self) -> MutexGuard<'_, Peaks> {
        self.peaks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
