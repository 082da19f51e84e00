//! A simulator, a host and a directory, and the comparison of the two ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use connector_host::contract::TransformMap;
use connector_host::directory::{self, Directory, Export};
use connector_host::egress::{Egress, NetworkOptions, Secrets};
use connector_host::limits::{Guard, Limits, Patience};
use connector_host::plugin::{Engine, Plugin};
use connector_host::run::{self, Job, Progress, Report, WantedMode};
use connector_host::settings::Settings;
use futures::TryStreamExt;
use harness::simulator::{
    Behaviour, FaultAction, Kind, Membership, Simulator, SimulatorOptions, TenantSpec,
};
use harness::{artefacts, host};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// The engine of all plugins of the process.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let limits = Limits {
            in_flight: 16,
            ..Limits::default()
        };
        Engine::new(limits, Some(&host::cache())).unwrap()
    })
}

/// The plugin, loaded once for all tests of the process.
pub(crate) async fn plugin() -> Plugin {
    static LOADED: OnceCell<Plugin> = OnceCell::const_new();
    LOADED
        .get_or_init(|| async {
            let component = artefacts::component().unwrap();
            Plugin::load(engine(), component).await.unwrap()
        })
        .await
        .clone()
}

/// A run of the kind that is due, with the plugin's default map and nothing special.
pub(crate) fn job(connector: &str, plugin: &Plugin, settings: &Value) -> Job {
    let description = plugin.description();
    Job {
        connector: connector.into(),
        plugin: plugin.clone(),
        settings: Settings::split(&settings.to_string(), Secrets::new(), description).unwrap(),
        map: description.maps[0].clone(),
        links: Vec::new(),
        mode: WantedMode::Auto,
        allow_mass_change: false,
        guard: Guard::default(),
        patience: hasty(),
    }
}

/// A small tenant, and the host's program configured for it.
pub(crate) fn started() -> (Simulator, host::Workplace) {
    let simulator = Simulator::start(small()).unwrap();
    let workplace = host::Workplace::new(
        &simulator,
        artefacts::tested_host().unwrap(),
        artefacts::component().unwrap(),
    )
    .unwrap();
    (simulator, workplace)
}

/// What a connector's export streams.
pub(crate) async fn exported(
    directory: &Arc<dyn Directory>,
    connector: &str,
    what: Export,
) -> Vec<Value> {
    let connector = directory.connector(connector).await.unwrap();
    directory
        .export(connector, what)
        .map_ok(|line| serde_json::from_str(&line).unwrap())
        .try_collect()
        .await
        .unwrap()
}

/// Patience that a test can wait for.
pub(crate) fn hasty() -> Patience {
    Patience {
        transient_retries: 2,
        transient_wait_ms: 10,
        throttled_retries: 5,
        longest_wait_ms: 200,
        restarts: 2,
        ..Patience::default()
    }
}

/// A tenant that has something of everything, on a service that is polite unless told otherwise.
pub(crate) fn small() -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(300, 60, 1_500, 11),
        ..SimulatorOptions::default()
    }
}

/// The same on a service that is as unpleasant as Graph may be.
pub(crate) fn nasty(seed: u64) -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(300, 60, 1_500, seed),
        behaviour: Behaviour {
            nastiness: 0.7,
            delta_page_objects: 20,
            delta_page_members: 50,
            ..Behaviour::default()
        },
        ..SimulatorOptions::default()
    }
}

/// A Graph error in place of the answer.
pub(crate) fn status(status: u16, code: &str) -> FaultAction {
    FaultAction::Status {
        status,
        code: Some(code.into()),
        body: None,
        headers: Vec::new(),
    }
}

pub(crate) struct Lab {
    pub(crate) simulator: Simulator,
    pub(crate) settings: Value,
    pub(crate) map: Option<TransformMap>,
    pub(crate) allow_mass_change: bool,
    pub(crate) patience: Patience,
    plugin: Plugin,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) egress: Arc<Egress>,
    /// Name of its connector in the directory.
    pub(crate) connector: String,
    _folder: TempDir,
}

/// What the directory holds, as its exports tell.
#[derive(Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) users: BTreeMap<String, Value>,
    pub(crate) groups: BTreeMap<String, Value>,
    pub(crate) memberships: BTreeSet<Membership>,
}

/// Name of a lab's connector, unless it is told otherwise.
const CONNECTOR: &str = "contoso";

impl Held {
    pub(crate) async fn by(directory: &Arc<dyn Directory>, connector: &str) -> Self {
        let export = |what| exported(directory, connector, what);
        let by_id = |records: Vec<Value>| {
            records
                .into_iter()
                .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
                .collect()
        };
        Self {
            users: by_id(export(Export::Users).await),
            groups: by_id(export(Export::Groups).await),
            memberships: export(Export::Memberships { effective: false })
                .await
                .into_iter()
                .map(|record| serde_json::from_value(record).unwrap())
                .collect(),
        }
    }
}

impl Lab {
    pub(crate) async fn new(options: SimulatorOptions) -> Self {
        let simulator = Simulator::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("directory.sqlite");
        let directory = directory::open(database.to_str().unwrap()).await.unwrap();
        let mut network = NetworkOptions {
            allow_origins: vec![simulator.base_url().parse().unwrap()],
            ..NetworkOptions::default()
        };
        if let Some(pem) = simulator.ca_pem() {
            let file = folder.path().join("ca.pem");
            std::fs::write(&file, pem).unwrap();
            network.ca_files.push(file);
        }
        Self {
            settings: host::settings(&simulator),
            map: None,
            allow_mass_change: false,
            patience: hasty(),
            plugin: plugin().await,
            directory: Arc::from(directory),
            egress: Egress::new(network).unwrap(),
            simulator,
            connector: CONNECTOR.into(),
            _folder: folder,
        }
    }

    pub(crate) async fn sync(&self, mode: WantedMode) -> Report {
        self.sync_with(&self.plugin, mode).await
    }

    /// A run with this version of the plugin.
    pub(crate) async fn sync_with(&self, plugin: &Plugin, mode: WantedMode) -> Report {
        let mut job = Job {
            mode,
            allow_mass_change: self.allow_mass_change,
            patience: self.patience.clone(),
            ..job(&self.connector, plugin, &self.settings)
        };
        if let Some(map) = &self.map {
            job.map = map.clone();
        }
        run::run(
            &job,
            &self.directory,
            &self.egress,
            &Arc::new(Progress::default()),
        )
        .await
        .unwrap()
    }

    /// A run of the kind that is due, which must succeed.
    pub(crate) async fn succeed(&self) -> Report {
        let report = self.sync(WantedMode::Auto).await;
        assert_eq!(
            serde_json::to_value(report.state).unwrap(),
            "processed",
            "{report:#?}"
        );
        report
    }

    async fn export(&self, what: Export) -> Vec<Value> {
        exported(&self.directory, &self.connector, what).await
    }

    pub(crate) async fn documents(&self) -> Vec<Value> {
        self.export(Export::Documents { effective: false }).await
    }

    pub(crate) async fn effective(&self) -> BTreeSet<Membership> {
        self.export(Export::Memberships { effective: true })
            .await
            .into_iter()
            .map(|record| serde_json::from_value(record).unwrap())
            .collect()
    }

    pub(crate) async fn held(&self) -> Held {
        Held::by(&self.directory, &self.connector).await
    }

    /// Compares the directory with the tenant: every user, every group, every direct membership.
    /// Users without groups count only where the settings keep them.
    ///
    /// Service principals are left out, since v1.0 listings never show them.
    pub(crate) async fn assert_equals_tenant(&self, when: &str) {
        let mut truth = self.simulator.truth();
        if self.settings["keepUsersWithoutGroups"] != true {
            truth.users = truth.grouped_users();
        }
        let held = self.held().await;
        same_objects("users", when, &truth.users, &held.users);
        same_objects("groups", when, &truth.groups, &held.groups);
        let expected: BTreeSet<_> = truth
            .memberships
            .into_iter()
            .filter(|membership| membership.kind != Kind::ServicePrincipal)
            .collect();
        same_sets("memberships", when, &expected, &held.memberships);
        for (id, user) in &held.users {
            let source = &truth.users[id];
            let details = &user["document"]["userData"]["userDetails"];
            for (target, property) in [
                ("emailId", "mail"),
                ("userPrincipalName", "userPrincipalName"),
                ("givenName", "givenName"),
                ("lastName", "surname"),
                ("title", "jobTitle"),
            ] {
                assert_eq!(
                    details[target], source[property],
                    "{when}: {property} of {id}"
                );
            }
        }
        for (id, group) in &held.groups {
            assert_eq!(
                group["document"]["customAttributes"]["groupDisplayName"],
                truth.groups[id]["displayName"],
                "{when}: name of group {id}"
            );
            assert_eq!(
                group["groupKind"].as_str(),
                kind_of(&truth.groups[id]),
                "{when}: kind of group {id}"
            );
        }
    }

    /// Everything that was held is held still. Users whom a listing brought may be held besides, until a
    /// run that reads all finds them without groups.
    pub(crate) async fn assert_lost_nothing(&self, before: &Held) {
        let now = self.held().await;
        assert_eq!(now.groups, before.groups);
        assert_eq!(now.memberships, before.memberships);
        for (id, user) in &before.users {
            assert_eq!(now.users.get(id), Some(user), "{id}");
        }
    }

    /// Compares the directory with what the tenant has of some groups: those of them that exist, their
    /// direct memberships, and the users among these.
    pub(crate) async fn assert_equals_configured(&self, groups: &[String], when: &str) {
        let truth = self.simulator.truth();
        let expected: BTreeSet<_> = truth
            .memberships
            .into_iter()
            .filter(|m| groups.contains(&m.group) && m.kind != Kind::ServicePrincipal)
            .collect();
        let users = expected
            .iter()
            .filter(|m| m.kind == Kind::User)
            .map(|m| m.member.clone())
            .collect();
        let existing = groups
            .iter()
            .filter(|id| truth.groups.contains_key(*id))
            .cloned()
            .collect();
        let held = self.held().await;
        same_sets(
            "groups",
            when,
            &existing,
            &held.groups.into_keys().collect(),
        );
        same_sets("memberships", when, &expected, &held.memberships);
        same_sets("users", when, &users, &held.users.into_keys().collect());
    }
}

/// The kind that Microsoft's table of groups gives one of these properties.
pub(crate) fn kind_of(group: &Value) -> Option<&'static str> {
    let types = group["groupTypes"].as_array().unwrap();
    let has = |name: &str| types.iter().any(|own| own == name);
    let flags = ["securityEnabled", "mailEnabled"].map(|flag| group[flag].as_bool().unwrap());
    Some(match (has("Unified"), has("DynamicMembership"), flags) {
        (true, false, _) => "microsoft365",
        (true, true, _) => "microsoft365-dynamic",
        (false, true, [true, false]) => "security-dynamic",
        (false, _, [true, false]) => "security",
        (false, _, [true, true]) => "mail-enabled-security",
        (false, _, [false, true]) => "distribution",
        (false, _, [false, false]) => return None,
    })
}

fn same_objects(
    what: &str,
    when: &str,
    truth: &BTreeMap<String, Value>,
    held: &BTreeMap<String, Value>,
) {
    let ids = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<BTreeSet<_>>();
    same_sets(what, when, &ids(truth), &ids(held));
    for (id, object) in held {
        let name = truth[id]["displayName"].as_str().unwrap();
        assert_eq!(
            object["name"],
            name.replace(char::is_control, " "),
            "{when}: name of {id} in {what}"
        );
    }
}

/// Equality with a message that a person can read.
pub(crate) fn same_sets<T: Ord + std::fmt::Debug>(
    what: &str,
    when: &str,
    truth: &BTreeSet<T>,
    held: &BTreeSet<T>,
) {
    let missing: Vec<_> = truth.difference(held).take(5).collect();
    let surplus: Vec<_> = held.difference(truth).take(5).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{when}: {what}: {} in the tenant, {} held; missing {missing:?}; surplus {surplus:?}",
        truth.len(),
        held.len()
    );
}
