//! Every promise of the sandbox, held against a plugin that tries to break it.
//!
//! One hostile guest, one test for each crime: the exact error that it ends with, what is stored of it
//! (nothing that should not be), and an innocent neighbour in the same engine, whose run begins before
//! the crime, ends after it, and notices nothing.

mod cancel;
mod compute;
mod flood;
mod headers;
mod load;
mod memory;
mod reach;
mod requests;
mod secret;
mod server;
mod values;

use std::sync::Arc;

use connector_host::contract::{Fault, FaultKind};
use connector_host::directory::{self, Cursor, Directory, Export, Mode, RunState};
use connector_host::egress::{Egress, NetworkOptions, Secrets};
use connector_host::limits::{Guard, LimitPolicy, Overrides};
use connector_host::plugin::{CallError, Engine, Instance, Plugin, RunRequest, Session};
use connector_host::run::{self, Job, Progress, Report, WantedMode};
use connector_host::settings::Settings;
use futures::TryStreamExt;
use harness::{artefacts, host};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lab::hasty;
use server::Server;

/// The credential that everybody is after.
const TOKEN: &str = "kept-in-the-host-0123456789";

/// Limits of all connectors here, and narrower ones under the names of the crimes' connectors.
fn policy() -> LimitPolicy {
    let all = Overrides {
        memory: Some(32 << 20),
        in_flight: Some(6),
        cpu_ms: Some(10_000),
        wall_ms: Some(60_000),
        describe_ms: Some(1_000),
        response_bytes: Some(1 << 20),
        log_lines: Some(20),
        ..Overrides::default()
    };
    let narrow = |name: &str, overrides: Overrides| (name.to_owned(), overrides);
    let nothing = Overrides::default;
    LimitPolicy {
        all,
        connectors: [
            narrow(
                "cpu",
                Overrides {
                    cpu_ms: Some(200),
                    ..nothing()
                },
            ),
            narrow(
                "wall",
                Overrides {
                    wall_ms: Some(1_000),
                    cpu_ms: Some(800),
                    ..nothing()
                },
            ),
            narrow(
                "memory",
                Overrides {
                    memory: Some(8 << 20),
                    ..nothing()
                },
            ),
            narrow(
                "page",
                Overrides {
                    page_changes: Some(100),
                    page_members: Some(1_000),
                    page_bytes: Some(256 << 10),
                    ..nothing()
                },
            ),
            narrow(
                "run",
                Overrides {
                    pages: Some(10),
                    partitions: Some(20),
                    partition_bytes: Some(100_000),
                    requests: Some(5),
                    ..nothing()
                },
            ),
            narrow(
                "call",
                Overrides {
                    call_bytes: Some(16 << 20),
                    ..nothing()
                },
            ),
            narrow(
                "parallel",
                Overrides {
                    instance_requests: Some(8),
                    in_flight_requests: Some(4),
                    ..nothing()
                },
            ),
            narrow(
                "hurried",
                Overrides {
                    run_ms: Some(500),
                    ..nothing()
                },
            ),
            narrow(
                "received",
                Overrides {
                    total_response_bytes: Some(40),
                    ..nothing()
                },
            ),
        ]
        .into(),
        ..LimitPolicy::default()
    }
}

/// The engine of this module.
fn engine() -> Engine {
    static MADE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    MADE.get_or_init(|| Engine::new(policy(), Some(&host::cache())).unwrap())
        .clone()
}

/// The hostile plugin, loaded once.
async fn evil() -> Plugin {
    static LOADED: tokio::sync::OnceCell<Plugin> = tokio::sync::OnceCell::const_new();
    LOADED
        .get_or_init(|| async {
            Plugin::load(&engine(), artefacts::evil().unwrap())
                .await
                .unwrap()
        })
        .await
        .clone()
}

/// The hostile plugin, a source, and a directory.
struct Den {
    server: Server,
    plugin: Plugin,
    directory: Arc<dyn Directory>,
    egress: Arc<Egress>,
    _folder: TempDir,
}

/// What the directory holds of a connector.
#[derive(Debug, PartialEq)]
struct Held {
    users: Vec<Value>,
    groups: usize,
    memberships: usize,
    cursor: Option<Cursor>,
}

impl Den {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("directory.sqlite");
        let directory = directory::open(database.to_str().unwrap()).await.unwrap();
        let network = NetworkOptions {
            allow_origins: vec![server.origin().parse().unwrap()],
            idle_timeout: std::time::Duration::from_millis(300),
            ..NetworkOptions::default()
        };
        Self {
            server,
            plugin: evil().await,
            directory: Arc::from(directory),
            egress: Egress::new(network).unwrap(),
            _folder: folder,
        }
    }

    /// An order as a settings document: with the source's address and the credential, unless it says
    /// otherwise.
    fn settings(&self, order: &Value) -> Settings {
        let mut document = json!({ "baseUrl": self.server.origin(), "token": TOKEN });
        let fields = document.as_object_mut().unwrap();
        fields.extend(order.as_object().unwrap().clone());
        Settings::split(
            &document.to_string(),
            Secrets::new(),
            self.plugin.description(),
        )
        .unwrap()
    }

    fn job(&self, connector: &str, order: &Value) -> Job {
        Job {
            connector: connector.into(),
            plugin: self.plugin.for_connector(connector),
            settings: self.settings(order),
            map: self.plugin.description().maps[0].clone(),
            links: Vec::new(),
            mode: WantedMode::Auto,
            allow_mass_change: false,
            guard: Guard::default(),
            patience: hasty(),
        }
    }

    async fn run(&self, connector: &str, order: &Value) -> Report {
        self.watched(connector, order, &Arc::default()).await
    }

    async fn watched(&self, connector: &str, order: &Value, progress: &Arc<Progress>) -> Report {
        let job = self.job(connector, order);
        run::run(&job, &self.directory, &self.egress, progress)
            .await
            .unwrap()
    }

    /// Something hostile, with a neighbour's run around it that must not notice.
    async fn beside<T>(&self, crime: impl Future<Output = T>) -> T {
        let order = json!({ "crime": "none", "target": self.server.url("/gate") });
        let earlier = self.server.count("/gate");
        self.server.gate(false);
        let neighbour = self.run("neighbour", &order);
        let crime = async {
            self.server.wait_for("/gate", earlier + 1).await;
            let outcome = crime.await;
            self.server.gate(true);
            outcome
        };
        let (report, outcome) = tokio::join!(neighbour, crime);
        assert_eq!(report.state, RunState::Processed, "{report:#?}");
        self.assert_innocent("neighbour").await;
        outcome
    }

    /// A run of a crime, beside a neighbour.
    async fn crime(&self, connector: &str, order: Value) -> Report {
        self.beside(self.run(connector, &order)).await
    }

    /// A crime in `read` that gives its partition up, and with it the run: the fault, of which nothing is stored.
    async fn fails(&self, connector: &str, order: Value) -> Fault {
        let report = self.crime(connector, order).await;
        assert_eq!(report.state, RunState::Failed, "{report:#?}");
        self.assert_nothing_of(connector).await;
        report.fault.unwrap()
    }

    /// A crime that gets no further than a well-behaved run: what it saw, from its log.
    async fn sees(&self, connector: &str, order: Value) -> Vec<String> {
        let report = self.crime(connector, order).await;
        assert_eq!(report.state, RunState::Processed, "{report:#?}");
        self.assert_innocent(connector).await;
        report.log.into_iter().map(|line| line.text).collect()
    }

    async fn session(&self, connector: &str, order: &Value) -> Session {
        let plugin = self.plugin.for_connector(connector);
        run::connect(&plugin, &self.settings(order), &self.egress)
            .await
            .unwrap()
            .session
    }

    async fn instance(&self, connector: &str, session: Option<&Session>) -> Instance {
        let plugin = self.plugin.for_connector(connector);
        plugin.open(session).await.unwrap()
    }

    fn request(&self, order: &Value) -> RunRequest {
        RunRequest::new(
            &self.settings(order).plugin,
            &self.plugin.description().maps[0],
            &[],
            Mode::Snapshot,
            None,
        )
    }

    /// What the connection test shows of a crime committed in it.
    async fn checks(&self, connector: &str, order: Value) -> Vec<String> {
        let mut order = order;
        order["when"] = json!("check");
        let session = self.session(connector, &order).await;
        let lines = self
            .beside(async {
                let mut instance = self.instance(connector, Some(&session)).await;
                instance.check(&self.request(&order)).await.unwrap()
            })
            .await;
        lines.into_iter().map(|line| line.seen).collect()
    }

    async fn export(&self, connector: &str, what: Export) -> Vec<Value> {
        let connector = self.directory.connector(connector).await.unwrap();
        self.directory
            .export(connector, what)
            .map_ok(|line| serde_json::from_str(&line).unwrap())
            .try_collect()
            .await
            .unwrap()
    }

    async fn held(&self, connector: &str) -> Held {
        let key = self.directory.connector(connector).await.unwrap();
        let memberships = Export::Memberships { effective: false };
        Held {
            users: self.export(connector, Export::Users).await,
            groups: self.export(connector, Export::Groups).await.len(),
            memberships: self.export(connector, memberships).await.len(),
            cursor: self.directory.cursor(key).await.unwrap(),
        }
    }

    async fn assert_nothing_of(&self, connector: &str) {
        let nothing = Held {
            users: Vec::new(),
            groups: 0,
            memberships: 0,
            cursor: None,
        };
        assert_eq!(self.held(connector).await, nothing, "{connector}");
    }

    /// That exactly the innocent page is stored.
    async fn assert_innocent(&self, connector: &str) {
        let held = self.held(connector).await;
        assert_eq!(held.users.len(), 1, "{held:?}");
        assert_eq!(held.users[0]["document"], json!({ "id": "user" }));
        assert_eq!((held.groups, held.memberships), (1, 1), "{held:?}");
        assert_eq!(held.cursor.unwrap().parts.len(), 1);
    }
}

/// The fault that a run shows for an error.
fn fault_of(error: CallError) -> Fault {
    error.into_fault()
}

/// An error of the border, by its field and reason.
fn bad(field: &str, reason: &str) -> CallError {
    CallError::BadValue {
        field: field.into(),
        reason: reason.into(),
    }
}

/// Kind and code of a fault.
fn kind_and_code(fault: &Fault) -> (FaultKind, &str) {
    (fault.kind, fault.code.as_str())
}
