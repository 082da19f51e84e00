//! What the sandbox promises, tried by a plugin that wants to break out.
//!
//! Every crime is committed beside an innocent connector in the same engine and the same directory, which
//! runs before it, all the while, and after it.

mod computing;
mod emitting;
mod files;
mod network;
mod server;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connector_host::contract::Fault;
use connector_host::directory::{self, Directory, Export, RunState};
use connector_host::egress::{Egress, NetworkOptions, Secrets};
use connector_host::limits::{Guard, LimitPolicy, Limits, Overrides};
use connector_host::plugin::{Engine, Plugin};
use connector_host::run::{self, Job, Progress, Report, WantedMode};
use connector_host::settings::Settings;
use futures::TryStreamExt;
use harness::{artefacts, host};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::lab::hasty;

/// The connector of whoever breaks the law, with limits of its own.
const EVIL: &str = "evil";
/// A connector whose runs must be short and receive little.
const HURRIED: &str = "hurried";
/// Its neighbour, with the limits of everybody.
const INNOCENT: &str = "innocent";
/// Instances at a time, all connectors together.
const PLACES: usize = 8;

/// The limits that crimes run into.
fn tight() -> Overrides {
    Overrides {
        memory: Some(16 << 20),
        table_elements: Some(10_000),
        cpu_ms: Some(200),
        wall_ms: Some(1_500),
        requests: Some(100),
        in_flight_requests: Some(8),
        instance_requests: Some(4),
        request_bytes: Some(64 << 10),
        response_bytes: Some(1 << 20),
        page_changes: Some(1_000),
        page_members: Some(1_000),
        page_bytes: Some(4 << 20),
        total_changes: Some(500),
        partitions: Some(50),
        pages: Some(100),
        log_lines: Some(10),
        log_line_bytes: Some(200),
        ..Overrides::default()
    }
}

fn hurried() -> Overrides {
    Overrides {
        run_ms: Some(500),
        total_response_bytes: Some(12),
        ..Overrides::default()
    }
}

async fn engine() -> Engine {
    static ENGINE: OnceCell<Engine> = OnceCell::const_new();
    ENGINE
        .get_or_init(|| async {
            let policy = LimitPolicy {
                all: Overrides {
                    in_flight: Some(PLACES),
                    ..Overrides::default()
                },
                connectors: [(EVIL.to_owned(), tight()), (HURRIED.to_owned(), hurried())].into(),
                ..LimitPolicy::default()
            };
            Engine::new(policy, Some(&host::cache())).unwrap()
        })
        .await
        .clone()
}

async fn evil() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    PLUGIN
        .get_or_init(|| async {
            let file = artefacts::evil("").unwrap();
            Plugin::load(&engine().await, &file).await.unwrap()
        })
        .await
        .clone()
}

/// A directory that the evil connector and its neighbour share.
struct Cell {
    plugin: Plugin,
    directory: Arc<dyn Directory>,
    _folder: TempDir,
}

impl Cell {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("directory.sqlite");
        let directory = directory::open(database.to_str().unwrap()).await.unwrap();
        Self {
            plugin: evil().await,
            directory: Arc::from(directory),
            _folder: folder,
        }
    }

    fn job(&self, connector: &str, settings: &Value) -> Job {
        let plugin = self.plugin.for_connector(connector);
        let settings =
            Settings::split(&settings.to_string(), Secrets::new(), plugin.description()).unwrap();
        Job {
            connector: connector.into(),
            map: plugin.description().maps[0].clone(),
            plugin,
            settings,
            links: Vec::new(),
            mode: WantedMode::Full,
            allow_mass_change: true,
            guard: Guard::default(),
            patience: hasty(),
        }
    }

    async fn run(&self, connector: &str, settings: &Value) -> Report {
        let granted = settings["granted"].as_array().cloned().unwrap_or_default();
        let egress = Egress::new(NetworkOptions {
            allow_origins: granted
                .iter()
                .map(|origin| origin.as_str().unwrap().parse().unwrap())
                .collect(),
            ..NetworkOptions::default()
        })
        .unwrap();
        let mut settings = settings.clone();
        settings.as_object_mut().unwrap().remove("granted");
        if settings.get("baseUrl").is_none() {
            settings["baseUrl"] = json!("https://allowed.example");
        }
        let job = self.job(connector, &settings);
        run::run(
            &job,
            &self.directory,
            &egress,
            &Arc::new(Progress::default()),
        )
        .await
        .unwrap()
    }

    /// Commits a crime. The neighbour must not notice.
    async fn commit(&self, settings: Value) -> Report {
        let ended = AtomicBool::new(false);
        let crime = async {
            let report = self.run(EVIL, &settings).await;
            ended.store(true, Ordering::SeqCst);
            report
        };
        let neighbour = async {
            loop {
                let last = ended.load(Ordering::SeqCst);
                let report = self.run(INNOCENT, &json!({})).await;
                assert_eq!(report.state, RunState::Processed, "{report:#?}");
                assert_eq!(self.held(INNOCENT).await, 3, "beside {settings}");
                if last {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let (report, ()) = tokio::join!(crime, neighbour);
        report
    }

    /// Commits a crime that must fail its run and store nothing; gives the typed fault.
    async fn fails(&self, settings: Value) -> Fault {
        let before = self.held(EVIL).await;
        let report = self.commit(settings.clone()).await;
        assert_eq!(report.state, RunState::Failed, "{settings}: {report:#?}");
        assert_eq!(
            self.held(EVIL).await,
            before,
            "{settings}: something was stored"
        );
        report.fault.unwrap()
    }

    /// Commits a crime that is prevented without ending the run; gives what the plugin saw.
    async fn is_prevented(&self, settings: Value) -> Vec<String> {
        let report = self.commit(settings.clone()).await;
        assert_eq!(report.state, RunState::Processed, "{settings}: {report:#?}");
        report.log.into_iter().map(|line| line.text).collect()
    }

    /// Users, groups and memberships of a connector.
    async fn held(&self, connector: &str) -> usize {
        let key = self.directory.connector(connector).await.unwrap();
        let mut held = 0;
        for what in [
            Export::Users,
            Export::Groups,
            Export::Memberships { effective: false },
        ] {
            let records: Vec<String> = self
                .directory
                .export(key, what, "groups")
                .try_collect()
                .await
                .unwrap();
            held += records.len();
        }
        held
    }
}

/// The limits that a connector without limits of its own has.
fn everybody() -> Limits {
    Limits {
        in_flight: PLACES,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_those_of_the_connector() {
    let plugin = evil().await;
    assert_eq!(plugin.limits(), &everybody());
    assert_eq!(
        plugin.for_connector(EVIL).limits(),
        &tight().over(&everybody())
    );
    assert_eq!(plugin.for_connector(INNOCENT).limits(), &everybody());
}
