//! What was asked of the simulator, counted without locks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::route::Route;

/// A copy of the counters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// HTTP requests to the API and the token endpoint; the parts of a batch are not requests.
    pub requests: u64,
    /// Parts of batches.
    pub batch_parts: u64,
    /// Requests and parts by route.
    pub routes: BTreeMap<String, u64>,
    /// Resource units that were charged; throttled requests are not in here.
    pub resource_units: u64,
    /// 429 answers, by quota or by fault, parts included.
    pub throttled: u64,
    /// 4xx answers other than 429, parts included.
    pub client_errors: u64,
    /// 5xx answers, parts included.
    pub server_errors: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Bytes of answer bodies, after compression.
    pub bytes_out: u64,
    /// Requests being worked on now.
    pub concurrent: u64,
    /// The most there were at once.
    pub max_concurrent: u64,
    /// Connections accepted.
    pub connections: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: AtomicU64,
    parts: AtomicU64,
    routes: [AtomicU64; Route::ALL.len()],
    units: AtomicU64,
    throttled: AtomicU64,
    client_errors: AtomicU64,
    server_errors: AtomicU64,
    faults: AtomicU64,
    bytes_out: AtomicU64,
    concurrent: AtomicU64,
    max_concurrent: AtomicU64,
    connections: AtomicU64,
}

/// Counts a request as being worked on until it is dropped.
pub(crate) struct InFlight<'a>(&'a Stats);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.concurrent.fetch_sub(1, Relaxed);
    }
}

impl Stats {
    pub(crate) fn request(&self) -> InFlight<'_> {
        self.requests.fetch_add(1, Relaxed);
        let now = self.concurrent.fetch_add(1, Relaxed) + 1;
        self.max_concurrent.fetch_max(now, Relaxed);
        InFlight(self)
    }

    pub(crate) fn part(&self) {
        self.parts.fetch_add(1, Relaxed);
    }

    pub(crate) fn route(&self, route: Route) {
        if let Some(counter) = self.routes.get(route as usize) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn units(&self, units: u32) {
        self.units.fetch_add(u64::from(units), Relaxed);
    }

    pub(crate) fn answer(&self, status: u16) {
        match status {
            429 => &self.throttled,
            400..500 => &self.client_errors,
            500.. => &self.server_errors,
            _ => return,
        }
        .fetch_add(1, Relaxed);
    }

    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Statistics {
        let routes = Route::ALL
            .iter()
            .zip(&self.routes)
            .map(|(route, count)| (route.label().to_owned(), count.load(Relaxed)));
        Statistics {
            requests: self.requests.load(Relaxed),
            batch_parts: self.parts.load(Relaxed),
            routes: routes.filter(|(_, count)| *count > 0).collect(),
            resource_units: self.units.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            client_errors: self.client_errors.load(Relaxed),
            server_errors: self.server_errors.load(Relaxed),
            faults: self.faults.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            concurrent: self.concurrent.load(Relaxed),
            max_concurrent: self.max_concurrent.load(Relaxed),
            connections: self.connections.load(Relaxed),
        }
    }

    pub(crate) fn reset(&self) {
        let counters = [
            &self.requests,
            &self.parts,
            &self.units,
            &self.throttled,
            &self.client_errors,
            &self.server_errors,
            &self.faults,
            &self.bytes_out,
            &self.max_concurrent,
            &self.connections,
        ];
        for counter in counters.into_iter().chain(&self.routes) {
            counter.store(0, Relaxed);
        }
    }
}
