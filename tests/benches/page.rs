//! What a page costs on its way from an answer of Graph to the host: decoded and mapped natively, the same with the
//! host's egress before it, and the same in the component, whose changes cross the border and are checked there.
//!
//! The difference between the first two is HTTP, between the last two the sandbox.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use connector_host::directory::{Mode, Partition};
use connector_host::egress::{Egress, Gateway, NetworkOptions, Secrets};
use connector_host::limits::Limits;
use connector_host::plugin::{Engine, Plugin, RunRequest, Session};
use connector_host::run;
use connector_host::settings::Settings;
use criterion::{BenchmarkId, Criterion, Throughput};
use entra_core::native::{self, Answer, Grant, Refusal, Request, Surroundings, Unsent, contract};
use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use harness::{artefacts, host};
use serde_json::Value;
use tokio::runtime::{Handle, Runtime};

#[path = "../native/src/surroundings.rs"]
mod surroundings;

use surroundings::Outside;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    pages(&mut criterion);
    criterion.final_summary();
}

/// Answers everything with what was answered first, without a line.
struct Replay {
    outside: Outside,
    answer: Option<Answer>,
}

impl Surroundings for Replay {
    fn send(&mut self, request: Request<'_>) -> Result<Answer, Unsent> {
        if let Some(answer) = &self.answer {
            return Ok(answer.clone());
        }
        let answer = self.outside.send(request)?;
        Ok(self.answer.insert(answer).clone())
    }

    fn wait(&mut self, time: Duration) {
        self.outside.wait(time);
    }

    fn ready(&mut self) -> Result<Grant, Refusal> {
        self.outside.ready()
    }

    fn renew(&mut self) -> Result<Grant, Refusal> {
        self.outside.renew()
    }

    fn settle(&mut self, _counted: u32, _actual: u32) {}

    fn log(&mut self, _message: &str) {}

    fn random(&mut self) -> u64 {
        1
    }

    fn holds(&mut self, ids: &[&str]) -> Vec<bool> {
        vec![false; ids.len()]
    }

    fn seen(&mut self, _stream: contract::Stream) -> u64 {
        0
    }
}

/// A tenant, the component connected to it, and the core with the same settings.
struct Bench {
    _simulator: Simulator,
    plugin: Plugin,
    session: Session,
    component: RunRequest,
    core: contract::Request,
    partitions: Vec<Partition>,
    gateway: Arc<Gateway>,
}

impl Bench {
    async fn new(users: usize, groups: usize, members: usize) -> anyhow::Result<Self> {
        let simulator = Simulator::start(SimulatorOptions {
            tenant: TenantSpec::sized(users, groups, members, 1),
            ..SimulatorOptions::default()
        })?;
        let engine = Engine::new(Limits::default(), Some(&host::cache()))?;
        let plugin = Plugin::load(&engine, artefacts::component()?).await?;
        let settings = host::settings(&simulator).to_string();
        let settings = Settings::split(&settings, Secrets::new(), plugin.description())
            .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
        let egress = Egress::new(NetworkOptions {
            allow_origins: vec![simulator.base_url().parse()?],
            quota: connector_host::egress::QuotaPolicy::Unlimited,
            ..NetworkOptions::default()
        })?;
        let connected = run::connect(&plugin, &settings, &egress)
            .await
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let map = plugin.description().maps.first().context("a map")?;
        let component = RunRequest::new(&settings.plugin, map, &[], Mode::Snapshot, None);
        let core = contract::Request {
            settings: contract::Settings {
                values: settings.plugin.values.clone(),
                secrets: settings.plugin.secrets.clone(),
            },
            map: native::describe()
                .maps
                .into_iter()
                .next()
                .context("a map")?,
            links: Vec::new(),
            mode: contract::Mode::Snapshot,
            cursor: Vec::new(),
        };
        let mut partitions = Vec::new();
        let mut instance = plugin.open(Some(&connected.session)).await?;
        for partition in instance.plan(&component).await?.partitions {
            // Later stages are about what changed meanwhile.
            if partition.stage == 0 {
                let page = instance.read(&component, &partition, None).await?;
                partitions.push(partition);
                partitions.extend(page.partitions);
            }
        }
        Ok(Self {
            _simulator: simulator,
            plugin,
            gateway: Arc::clone(&connected.session.gateway),
            session: connected.session,
            component,
            core,
            partitions,
        })
    }

    /// A partition that does this work.
    fn partition(&self, what: &str) -> anyhow::Result<&Partition> {
        self.partitions
            .iter()
            .find(|partition| {
                let state: Value = serde_json::from_str(&partition.state).unwrap_or_default();
                state == what || state.get(what).is_some()
            })
            .with_context(|| {
                let states: Vec<_> = self.partitions.iter().map(|p| &p.state).collect();
                format!("no partition of {what}: {states:?}")
            })
    }

    /// How many users or members the core reads of a partition.
    fn core_reads(&self, partition: &Partition, surroundings: &mut dyn Surroundings) -> usize {
        let partition = contract::Partition {
            key: partition.key.clone(),
            stage: partition.stage,
            title: partition.title.clone(),
            state: partition.state.clone(),
        };
        let page = native::read(&self.core, &partition, None, surroundings);
        page.map_or(0, |page| page.changes.iter().map(records).sum())
    }
}

fn records(change: &contract::Change) -> usize {
    match change {
        contract::Change::User(_) => 1,
        contract::Change::MembersAdded(joined) => joined.members.len(),
        _ => 0,
    }
}

#[expect(clippy::unwrap_used, reason = "a benchmark ends where something fails")]
fn pages(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    // All users on one page; all members in one batch of twenty groups.
    let bench = runtime.block_on(Bench::new(999, 20, 4_000)).unwrap();
    for what in ["users", "members"] {
        let partition = bench.partition(what).unwrap();
        let elements = bench.core_reads(partition, &mut outside(&bench, runtime.handle()));
        let mut group = criterion.benchmark_group(format!("page of {elements} {what}"));
        group.throughput(Throughput::Elements(elements as u64));
        group.bench_function(BenchmarkId::from_parameter("core"), |bencher| {
            let mut replay = Replay {
                outside: outside(&bench, runtime.handle()),
                answer: None,
            };
            bencher.iter(|| assert!(bench.core_reads(partition, &mut replay) > 0));
        });
        group.bench_function(BenchmarkId::from_parameter("core and egress"), |bencher| {
            let mut outside = outside(&bench, runtime.handle());
            bencher.iter(|| assert!(bench.core_reads(partition, &mut outside) > 0));
        });
        group.bench_function(
            BenchmarkId::from_parameter("component and egress"),
            |bencher| {
                let mut instance = runtime
                    .block_on(bench.plugin.open(Some(&bench.session)))
                    .unwrap();
                bencher.iter(|| {
                    let read = instance.read(&bench.component, partition, None);
                    assert!(!runtime.block_on(read).unwrap().changes.is_empty());
                });
            },
        );
        group.finish();
    }
}

fn outside(bench: &Bench, runtime: &Handle) -> Outside {
    Outside::new(&bench.gateway, runtime, None)
}
