//! What is counted, for Prometheus.
//!
//! Counters and histograms are written where things happen; gauges are read when somebody asks, by a
//! [`Sampler`]. Every label has few values: connectors beyond [`MOST_CONNECTORS`] are counted together, a
//! request's route is its template, and nothing is labelled with a user, a run or a text that came from outside.

mod gauges;
mod labels;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::directory::{Mode, RunState};
use crate::run::Report;
use gauges::Names;
use labels::{ByConnector, Request, Route, Run, RunKind, method};

pub use gauges::{Gauges, MOST_CONNECTORS};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// From a second to a day.
const RUN_SECONDS: [f64; 12] = [
    1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0, 86_400.0,
];
/// From a millisecond to the longest that a request may take by default.
const REQUEST_SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0,
];

type Count = Counter<u64>;
type Seconds = Counter<f64, AtomicU64>;
type Level = Gauge<i64>;
type LevelSeconds = Gauge<f64, AtomicU64>;

/// A histogram with buckets of its own.
#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Reads gauges when somebody asks.
#[async_trait]
pub trait Sampler: Send + Sync + 'static {
    /// Sets what it knows. Gauges of single connectors begin empty, so those of a deleted one are gone.
    async fn sample(&self, gauges: &Gauges);
}

/// A run that is in flight until this is dropped, however it ends.
#[derive(Debug)]
pub struct InFlight(Level);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What is counted. One for a process.
pub struct Metrics {
    registry: Registry,
    runs: Family<Run, Count>,
    run_seconds: Family<RunKind, Histogram, Buckets>,
    requests: Family<ByConnector, Count>,
    units: Family<ByConnector, Count>,
    throttled: Family<ByConnector, Count>,
    failed: Family<ByConnector, Count>,
    waited: Family<ByConnector, Seconds>,
    partitions: Family<ByConnector, Count>,
    pages: Family<ByConnector, Count>,
    http: Family<Request, Count>,
    http_seconds: Family<Route, Histogram, Buckets>,
    gauges: Gauges,
    connectors: Arc<Names>,
    samplers: RwLock<Vec<Arc<dyn Sampler>>>,
    /// One reads at a time: gauges are emptied first.
    reading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let connectors = Arc::<Names>::default();
        let mut metrics = Self {
            registry: Registry::with_prefix("connector"),
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(Buckets(&RUN_SECONDS)),
            requests: Family::default(),
            units: Family::default(),
            throttled: Family::default(),
            failed: Family::default(),
            waited: Family::default(),
            partitions: Family::default(),
            pages: Family::default(),
            http: Family::default(),
            http_seconds: Family::new_with_constructor(Buckets(&REQUEST_SECONDS)),
            gauges: Gauges::new(Arc::clone(&connectors)),
            connectors,
            samplers: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// Names and meanings.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "build",
            "Version of the host",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let mut add = |name: &str, help: &str, metric: &dyn Registrable| {
            metric.register(registry, name, help);
        };
        add("runs", "Runs that have ended", &self.runs);
        add(
            "run_duration_seconds",
            "How long runs took",
            &self.run_seconds,
        );
        add("requests", "Requests to the source", &self.requests);
        add(
            "resource_units",
            "What they cost in units of the vendor's quota",
            &self.units,
        );
        add(
            "throttled_requests",
            "Answers with status 429",
            &self.throttled,
        );
        add(
            "failed_requests",
            "Requests without an answer or with a status of 500 and above",
            &self.failed,
        );
        add(
            "wait_seconds",
            "Time for which the quota or the source held requests back",
            &self.waited,
        );
        add(
            "partitions",
            "Partitions of runs that have ended",
            &self.partitions,
        );
        add("pages", "Pages that were stored", &self.pages);
        add("http_requests", "Requests to this server", &self.http);
        add(
            "http_request_duration_seconds",
            "Until the answer begins",
            &self.http_seconds,
        );
        let gauges = &self.gauges;
        add(
            "instances_in_use",
            "Instances of plugins that are at work",
            &gauges.instances,
        );
        add(
            "runs_in_flight",
            "Runs that are carried out now",
            &gauges.runs_in_flight,
        );
        add("runs_queued", "Runs that wait", &gauges.queue);
        add(
            "store_bytes",
            "Size of what is kept on disk",
            &gauges.stores,
        );
        add("held", "Records in the directory", &gauges.held);
        add(
            "cursor_age_seconds",
            "Since the run that left the cursor began",
            &gauges.cursor_age,
        );
        add(
            "secret_expiry_seconds",
            "Until a secret expires; below zero once it has",
            &gauges.secret_expiry,
        );
    }

    /// Asks this one whenever somebody reads the metrics.
    pub fn sample_with(&self, sampler: Arc<dyn Sampler>) {
        let mut samplers = self
            .samplers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        samplers.push(sampler);
    }

    /// A run begins; it is in flight for as long as what this gives is kept.
    #[must_use]
    pub fn run_started(&self) -> InFlight {
        let runs = self.gauges.runs_in_flight.clone();
        runs.inc();
        InFlight(runs)
    }

    /// A run of this connector has ended.
    pub fn run_ended(&self, connector: &str, report: &Report) {
        let name = self.connectors.bounded(connector);
        let mode = Mode::word(report.mode);
        let run = Run {
            connector: name.clone(),
            mode,
            state: state_word(report.state),
        };
        self.runs.get_or_create(&run).inc();
        let kind = RunKind {
            connector: name.clone(),
            mode,
        };
        let took = Duration::from_millis(report.duration_ms).as_secs_f64();
        self.run_seconds.get_or_create(&kind).observe(took);
        let by = ByConnector { connector: name };
        let network = &report.network;
        for (family, count) in [
            (&self.requests, network.requests),
            (&self.units, network.resource_units),
            (&self.throttled, network.throttled),
            (&self.failed, network.failed),
            (&self.partitions, report.tally.partitions),
            (&self.pages, report.pages),
        ] {
            family.get_or_create(&by).inc_by(count);
        }
        let waited = network.seconds_waited.max(0.0);
        self.waited.get_or_create(&by).inc_by(waited);
    }

    /// A request to this server was answered. `route` is the template that it matched.
    pub fn request_ended(
        &self,
        verb: &http::Method,
        route: Option<&str>,
        status: u16,
        took: Duration,
    ) {
        let route = route.unwrap_or("unmatched").to_owned();
        let request = Request {
            method: method(verb),
            route: route.clone(),
            status,
        };
        self.http.get_or_create(&request).inc();
        let seconds = took.as_secs_f64();
        self.http_seconds
            .get_or_create(&Route { route })
            .observe(seconds);
    }

    /// Everything in Prometheus' text format, with gauges as they are now.
    pub async fn text(&self) -> String {
        let _alone = self.reading.lock().await;
        self.gauges.clear();
        let samplers = {
            let samplers = self.samplers.read().unwrap_or_else(PoisonError::into_inner);
            samplers.clone()
        };
        for sampler in samplers {
            sampler.sample(&self.gauges).await;
        }
        let mut text = String::new();
        // A text takes everything.
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// What has a name and a meaning in a registry.
trait Registrable {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: Metric + Clone> Registrable for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.clone());
    }
}

fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Processing => "processing",
        RunState::Processed => "processed",
        RunState::Partial => "partial",
        RunState::Held => "held",
        RunState::Rejected => "rejected",
        RunState::Superseded => "superseded",
        RunState::Failed => "failed",
        RunState::Cancelled => "cancelled",
        RunState::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests;
