//! How far a run has come, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contract::Expectation;
use crate::directory::{Change, Partition};
use crate::plugin::CallUse;

/// Counts of a run in progress. Written by the run, read by anyone at any time.
#[derive(Debug, Default)]
pub struct Progress {
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
        }
    }

    pub(super) fn expect(&self, expected: Expectation) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = expected;
    }

    /// A page with these changes is about to be stored.
    pub(super) fn page(&self, changes: &[Change]) {
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
