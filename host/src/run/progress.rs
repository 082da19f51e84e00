//! How far a run has come, for whoever watches.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::contract::Expectation;
use crate::directory::Change;

/// Counts of a run in progress. Written by the run, read by anyone at any time.
#[derive(Debug, Default)]
pub struct Progress {
    users: AtomicU64,
    groups: AtomicU64,
    members: AtomicU64,
    partitions: AtomicU64,
    ended: AtomicU64,
    pages: AtomicU64,
    rereads: AtomicU64,
    peak_memory: AtomicUsize,
    expected: Mutex<Expectation>,
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
    /// Partitions that have ended.
    pub ended: u64,
    /// Pages stored.
    pub pages: u64,
    /// Pages read again after a fault.
    pub rereads: u64,
    /// Most linear memory that one instance has had, in bytes.
    pub peak_memory: usize,
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
            ended: get(&self.ended),
            pages: get(&self.pages),
            rereads: get(&self.rereads),
            peak_memory: self.peak_memory.load(Ordering::Relaxed),
            expected: *self
                .expected
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    pub(super) fn expect(&self, expected: Expectation) {
        *self
            .expected
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = expected;
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

    pub(super) fn partitions(&self, more: usize) {
        self.partitions.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn known_partitions(&self) -> u64 {
        self.partitions.load(Ordering::Relaxed)
    }

    pub(super) fn partition_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reread(&self) {
        self.rereads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn instance_memory(&self, peak: usize) {
        self.peak_memory.fetch_max(peak, Ordering::Relaxed);
    }
}
