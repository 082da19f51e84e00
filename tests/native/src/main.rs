//! A snapshot by the plugin's core without a sandbox: the same sources, the host's egress, the host's store.
//!
//! It does what the host's run does when nothing goes wrong, and gives up where something does. Only benchmarks use it.

#![expect(clippy::print_stdout, reason = "its report is its result")]

mod convert;
mod surroundings;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Parser;
use connector_host::directory::{
    self, ConnectorKey, Directory, Finish, Mode, NewRun, Partition, RunKey, RunState,
};
use connector_host::egress::{
    Egress, Gateway, Limits, NetworkOptions, Origin, QuotaPolicy, Secrets,
};
use entra_core::native;
use entra_core::native::contract;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use surroundings::Outside;

/// Reads a whole tenant and stores it, without a sandbox.
#[derive(Debug, Parser)]
struct Arguments {
    /// The connector's settings, with the client secret
    #[arg(long)]
    settings: PathBuf,
    /// The directory; it must not exist yet
    #[arg(long)]
    database: String,
    /// An origin that may be reached although it is private or not https
    #[arg(long)]
    allow_origin: Vec<Origin>,
    /// The quota to keep: declared, unlimited, or a number of units
    #[arg(long, default_value = "declared")]
    quota: QuotaPolicy,
    /// Partitions that are read at the same time
    #[arg(long, default_value_t = connector_host::limits::Limits::default().in_flight)]
    max_in_flight: usize,
}

/// What every partition needs.
struct Shared {
    request: contract::Request,
    gateway: Arc<Gateway>,
    directory: Arc<dyn Directory>,
    connector: ConnectorKey,
    run: RunKey,
    runtime: Handle,
}

impl Shared {
    fn outside(&self) -> Outside {
        Outside::new(
            &self.gateway,
            &self.runtime,
            Some((Arc::clone(&self.directory), self.connector)),
        )
    }
}

const SECRET: &str = "clientSecret";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let arguments = Arguments::parse();
    let description = native::describe();
    let (settings, secrets) = settings(&arguments)?;
    let connection =
        native::connect(&settings).map_err(|problems| anyhow!("settings: {problems:?}"))?;
    let egress = Egress::new(NetworkOptions {
        allow_origins: arguments.allow_origin.clone(),
        quota: arguments.quota,
        ..NetworkOptions::default()
    })?;
    let gateway = egress.gateway(
        convert::connection(connection),
        &description.hosts,
        secrets,
        Limits::default(),
    )?;
    let directory: Arc<dyn Directory> = Arc::from(directory::open(&arguments.database).await?);
    let connector = directory.connector("default").await?;
    let run = directory
        .begin(NewRun {
            connector,
            mode: Mode::Snapshot,
            reason: "a benchmark".into(),
            plugin: format!("{}@{}", description.name, description.version),
            fingerprint: String::new(),
            groups_path: description.target_model.groups_path.clone(),
        })
        .await?;
    let shared = Arc::new(Shared {
        request: contract::Request {
            settings,
            map: description.maps.into_iter().next().context("a map")?,
            links: Vec::new(),
            mode: contract::Mode::Snapshot,
            cursor: Vec::new(),
        },
        gateway,
        directory,
        connector,
        run: run.key,
        runtime: Handle::current(),
    });
    let opening = {
        let shared = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || {
            native::plan(&shared.request, &mut shared.outside()).map_err(fault)
        })
        .await??
    };
    let partitions: Vec<Partition> = opening
        .partitions
        .into_iter()
        .map(convert::partition)
        .collect();
    let drop_unreferenced = matches!(opening.unreferenced_users, contract::Retention::Drop);
    shared
        .directory
        .planned(run.key, &partitions, drop_unreferenced)
        .await?;
    read_all(&shared, partitions, arguments.max_in_flight).await?;
    shared.directory.assess(run.key).await?;
    let tally = shared
        .directory
        .finish(
            run.key,
            Finish {
                state: RunState::Processed,
                remove: true,
                promote_cursor: true,
                report: Value::Null,
            },
        )
        .await?;
    shared.directory.close().await;
    let report = serde_json::json!({
        "durationMs": u64::try_from(began.elapsed().as_millis())?,
        "state": RunState::Processed,
        "users": tally.users,
        "groups": tally.groups,
        "memberships": tally.memberships,
    });
    println!("{report}");
    Ok(())
}

fn settings(arguments: &Arguments) -> anyhow::Result<(contract::Settings, Secrets)> {
    let text = std::fs::read_to_string(&arguments.settings)?;
    let mut values: serde_json::Map<String, Value> = serde_json::from_str(&text)?;
    let secret = values.remove(SECRET);
    let secret = secret.as_ref().and_then(Value::as_str);
    let secret = secret.with_context(|| format!("settings: {SECRET} is missing"))?;
    Ok((
        contract::Settings {
            values: serde_json::to_string(&values)?,
            secrets: vec![SECRET.into()],
        },
        Secrets::from([(SECRET.into(), secret.into())]),
    ))
}

fn fault(fault: contract::Fault) -> anyhow::Error {
    anyhow!("{} [{}]", fault.message, fault.code)
}

/// Reads stage by stage, many partitions at once.
async fn read_all(
    shared: &Arc<Shared>,
    partitions: Vec<Partition>,
    in_flight: usize,
) -> anyhow::Result<()> {
    let mut waiting: VecDeque<Partition> = partitions.into();
    while let Some(stage) = waiting.iter().map(|partition| partition.stage).min() {
        let (mut now, later): (VecDeque<_>, VecDeque<_>) =
            waiting.into_iter().partition(|p| p.stage == stage);
        waiting = later;
        let (found, mut news) = mpsc::unbounded_channel::<Vec<Partition>>();
        let mut tasks = JoinSet::new();
        let mut enqueue = |partitions: Vec<Partition>, now: &mut VecDeque<Partition>| {
            for partition in partitions {
                if partition.stage == stage {
                    now.push_back(partition);
                } else {
                    waiting.push_back(partition);
                }
            }
        };
        loop {
            while tasks.len() < in_flight
                && let Some(partition) = now.pop_front()
            {
                let (shared, found) = (Arc::clone(shared), found.clone());
                tasks.spawn_blocking(move || read(&shared, &partition, &found));
            }
            if tasks.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some(partitions) = news.recv() => enqueue(partitions, &mut now),
                Some(ended) = tasks.join_next() => {
                    ended??;
                    // What it found was sent before it ended.
                    while let Ok(partitions) = news.try_recv() {
                        enqueue(partitions, &mut now);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Reads a partition. A page is stored while the next one is fetched.
fn read(
    shared: &Shared,
    partition: &Partition,
    found: &mpsc::UnboundedSender<Vec<Partition>>,
) -> anyhow::Result<()> {
    let asked = convert::partition_out(partition);
    let mut outside = shared.outside();
    let mut checkpoint: Option<String> = None;
    let mut storing = None;
    loop {
        let page = native::read(&shared.request, &asked, checkpoint.as_deref(), &mut outside);
        if let Some(stored) = storing.take() {
            store(shared, stored, found)?;
        }
        let page = convert::page(partition.key.clone(), page.map_err(fault)?);
        checkpoint.clone_from(&page.checkpoint);
        let (directory, run) = (Arc::clone(&shared.directory), shared.run);
        let stored = shared
            .runtime
            .spawn(async move { directory.commit(run, page).await });
        if checkpoint.is_none() {
            return store(shared, stored, found);
        }
        storing = Some(stored);
    }
}

type Storing = tokio::task::JoinHandle<Result<directory::Committed, directory::DirectoryError>>;

fn store(
    shared: &Shared,
    storing: Storing,
    found: &mpsc::UnboundedSender<Vec<Partition>>,
) -> anyhow::Result<()> {
    let committed = shared.runtime.block_on(storing)??;
    if !committed.partitions.is_empty() {
        found.send(committed.partitions)?;
    }
    Ok(())
}
