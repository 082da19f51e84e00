//! Gauges, and which connectors have labels of their own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::family::Family;

use super::labels::{ByConnector, Held, Secret, Store};
use super::{Level, LevelSeconds};

/// Connectors beyond these are counted together, as `other`.
pub const MOST_CONNECTORS: usize = 500;
const OTHER: &str = "other";

/// What is read when somebody asks.
#[derive(Debug, Default)]
pub struct Gauges {
    pub(super) instances: Level,
    pub(super) runs_in_flight: Level,
    pub(super) queue: Level,
    pub(super) stores: Family<Store, Level>,
    pub(super) held: Family<Held, Level>,
    pub(super) cursor_age: Family<ByConnector, LevelSeconds>,
    pub(super) secret_expiry: Family<Secret, LevelSeconds>,
    pub(super) connectors: Arc<Names>,
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Gauges {
    pub(super) fn new(connectors: Arc<Names>) -> Self {
        Self {
            connectors,
            ..Self::default()
        }
    }

    /// How many instances of plugins are at work.
    pub fn instances_in_use(&self, n: usize) {
        self.instances.set(count(n as u64));
    }

    /// How many runs wait.
    pub fn runs_queued(&self, n: u64) {
        self.queue.set(count(n));
    }

    /// How large a store is on disk.
    pub fn store(&self, store: &'static str, bytes: u64) {
        self.stores
            .get_or_create(&Store { store })
            .set(count(bytes));
    }

    /// What the directory holds of a connector.
    pub fn held(&self, connector: &str, users: u64, groups: u64, memberships: u64) {
        let connector = self.connectors.bounded(connector);
        for (kind, n) in [
            ("users", users),
            ("groups", groups),
            ("memberships", memberships),
        ] {
            let labels = Held {
                connector: connector.clone(),
                kind,
            };
            self.held.get_or_create(&labels).inc_by(count(n));
        }
    }

    /// How long ago the run began that left a connector's cursor.
    pub fn cursor_age(&self, connector: &str, age: Duration) {
        let connector = self.connectors.bounded(connector);
        let oldest = self.cursor_age.get_or_create(&ByConnector { connector });
        oldest.set(oldest.get().max(age.as_secs_f64()));
    }

    /// Seconds until a connector's secret expires; below zero once it has.
    pub fn secret_expiry(&self, connector: &str, secret: &str, seconds: f64) {
        let connector = self.connectors.bounded(connector);
        if connector == OTHER {
            return;
        }
        let labels = Secret {
            connector,
            secret: secret.to_owned(),
        };
        self.secret_expiry.get_or_create(&labels).set(seconds);
    }

    pub(super) fn clear(&self) {
        self.held.clear();
        self.cursor_age.clear();
        self.secret_expiry.clear();
    }
}

/// The names of connectors that have labels of their own.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<String>>);

impl Names {
    /// The name as a label: itself, as long as there are few.
    pub(super) fn bounded(&self, name: &str) -> String {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return name.to_owned();
        }
        if names.len() < MOST_CONNECTORS {
            names.insert(name.to_owned());
            return name.to_owned();
        }
        OTHER.to_owned()
    }
}
