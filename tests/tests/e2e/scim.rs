//! Another connector in the same host: a SCIM service, of which the host knows nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use connector_host::contract::FaultKind;
use connector_host::directory::{self, Directory, Export, Mode, RunState};
use connector_host::egress::{Egress, NetworkOptions};
use connector_host::limits::Patience;
use connector_host::plugin::{Plugin, RunRequest, Session};
use connector_host::run::{self, Job, Progress, Report};
use harness::scim::{DEMO_TOKEN, ScimServer, Trouble};
use harness::simulator::{Kind, Membership};
use harness::{artefacts, host};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::lab::{Held, Lab, engine, exported, job, same_sets, small};

/// Name of the connector.
const FABRIKAM: &str = "fabrikam";

/// The plugin, loaded once for all tests of the process.
async fn plugin() -> Plugin {
    static LOADED: OnceCell<Plugin> = OnceCell::const_new();
    LOADED
        .get_or_init(|| async {
            let component = artefacts::scim().unwrap();
            Plugin::load(engine(), component).await.unwrap()
        })
        .await
        .clone()
}

/// A service, a host and a directory.
struct Scim {
    server: ScimServer,
    job: Job,
    directory: Arc<dyn Directory>,
    egress: Arc<Egress>,
    _folder: TempDir,
}

impl Scim {
    /// A service of 25 users and 12 groups, on pages of ten.
    async fn new() -> Self {
        let server = ScimServer::start().unwrap();
        server.edit(|service| {
            for n in 0..25 {
                service.add_user(&format!("u{n:02}"), &format!("Person {n}"));
            }
            for n in 0..12 {
                service.add_group(&format!("g{n:02}"), &format!("Team {n}"));
            }
            // The first one stays without any, and says nothing of them.
            for n in 1..12 {
                let members: Vec<String> = (n..2 * n).map(|n| format!("u{n:02}")).collect();
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                service.set_members(&format!("g{n:02}"), &members);
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("directory.sqlite");
        let directory = directory::open(database.to_str().unwrap()).await.unwrap();
        let network = NetworkOptions {
            allow_origins: vec![server.origin().parse().unwrap()],
            ..NetworkOptions::default()
        };
        Self {
            job: job(FABRIKAM, &plugin().await, &settings(&server)),
            directory: Arc::from(directory),
            egress: Egress::new(network).unwrap(),
            server,
            _folder: folder,
        }
    }

    async fn sync(&self) -> Report {
        let progress = Arc::new(Progress::default());
        run::run(&self.job, &self.directory, &self.egress, &progress)
            .await
            .unwrap()
    }

    async fn succeed(&self) -> Report {
        let report = self.sync().await;
        assert_eq!(report.state, RunState::Processed, "{report:#?}");
        report
    }

    async fn session(&self) -> (Session, RunRequest) {
        let settings = &self.job.settings;
        let connected = run::connect(&self.job.plugin, settings, &self.egress).await;
        let request = RunRequest::new(&settings.plugin, &self.job.map, &[], Mode::Snapshot, None);
        (connected.unwrap().session, request)
    }

    async fn held(&self) -> Held {
        Held::by(&self.directory, FABRIKAM).await
    }

    /// Compares the directory with the service: every user, every group, every membership.
    async fn assert_equals_service(&self, when: &str) {
        let service = self.server.service();
        let held = self.held().await;
        for (what, resources, objects) in [
            ("users", &service.users, &held.users),
            ("groups", &service.groups, &held.groups),
        ] {
            let name = |own: &Value| (text(&own["id"]), text(&own["displayName"]));
            let there = resources.iter().map(name).collect();
            let here = objects
                .iter()
                .map(|(id, own)| (id.clone(), text(&own["name"])))
                .collect();
            same_sets(what, when, &there, &here);
        }
        let mut there = BTreeSet::new();
        for group in &service.groups {
            for member in group["members"].as_array().into_iter().flatten() {
                there.insert(Membership {
                    group: text(&group["id"]),
                    member: text(&member["value"]),
                    kind: if member["type"] == "Group" {
                        Kind::Group
                    } else {
                        Kind::User
                    },
                });
            }
        }
        same_sets("memberships", when, &there, &held.memberships);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn settings(server: &ScimServer) -> Value {
    json!({"baseUrl": server.base_url(), "token": DEMO_TOKEN})
}

fn workplace(server: &ScimServer, settings: &Value) -> host::Workplace {
    host::Workplace::of(
        artefacts::tested_host().unwrap(),
        artefacts::scim().unwrap(),
        server.origin(),
        settings,
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_host_loads_it_and_shows_what_it_is() {
    let server = ScimServer::start().unwrap();
    let output = workplace(&server, &settings(&server))
        .command("plugin")
        .arg("inspect")
        .arg(artefacts::scim().unwrap())
        .arg("--json")
        .output()
        .await
        .unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let description = &all["description"];
    assert_eq!(description["name"], "scim-directory-sync");
    assert_eq!(description["incremental"], false);
    assert_eq!(description["hosts"], json!([]));
    assert_eq!(description["targetModel"]["groupsPath"], "memberships");
    assert_eq!(all["file"]["contract"], "2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_test_has_a_line_for_the_token_and_each_endpoint() {
    let lab = Scim::new().await;
    let (session, request) = lab.session().await;
    let mut instance = lab.job.plugin.open(Some(&session)).await.unwrap();
    let outcomes = |lines: &[connector_host::contract::CheckLine]| {
        let lines = lines.iter().map(|line| json!([line.item, line.outcome]));
        Value::Array(lines.collect())
    };
    let lines = instance.check(&request).await.unwrap();
    assert_eq!(
        outcomes(&lines),
        json!([
            ["token", "passed"],
            ["/ServiceProviderConfig", "passed"],
            ["/Users", "passed"],
            ["/Groups", "passed"],
        ])
    );
    lab.server
        .trouble("/Groups", 0, 1, Trouble::Status(403, None));
    let lines = instance.check(&request).await.unwrap();
    assert_eq!(outcomes(&lines)[3], json!(["/Groups", "failed"]));
    assert!(lines[3].remedy.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_to_choose_from_are_found_by_the_beginning_of_their_name() {
    let lab = Scim::new().await;
    lab.server.edit(|service| {
        service.largest_page = 1;
        service.add_group("q1", r#"R&D "core" \ one"#);
        service.add_group("q2", r#"R&D "core" \ two"#);
    });
    let (session, request) = lab.session().await;
    let mut instance = lab.job.plugin.open(Some(&session)).await.unwrap();
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let name = Some(r#"r&d "core" \"#);
        let candidates = instance.discover(&request, name, page.as_deref()).await;
        let candidates = candidates.unwrap();
        found.extend(candidates.groups.into_iter().map(|group| group.id));
        page = candidates.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(found, ["q1", "q2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_equals_the_service() {
    let lab = Scim::new().await;
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Snapshot);
    lab.assert_equals_service("after a snapshot").await;
    let asked = lab.server.requests();
    assert_eq!(asked["/Users"], 3, "{asked:?}");
    assert_eq!(asked["/Groups"], 2, "{asked:?}");
    assert_eq!(asked["/Groups/g00"], 1, "an empty group: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_finds_who_joined_left_vanished_and_was_renamed() {
    let lab = Scim::new().await;
    lab.succeed().await;
    lab.server.edit(|service| {
        service.remove("u05");
        service.remove("g07");
        service.add_user("u99", "Megan Bowen");
        service.add_group("g99", "Newcomers");
        service.set_members("g99", &["u99", "u01"]);
        service.set_members("g03", &["u04", "u24"]);
        service.set_members("g04", &[]);
        service.users[0]["displayName"] = json!("Renamed Person");
        service.groups[1]["displayName"] = json!("Renamed Team");
    });
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Snapshot, "{}", report.reason);
    assert_eq!(report.tally.users.removed, 1);
    assert_eq!(report.tally.groups.removed, 1);
    lab.assert_equals_service("after changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_a_listing_leaves_out_are_asked_for() {
    let lab = Scim::new().await;
    lab.server.edit(|service| service.lists_members = false);
    lab.succeed().await;
    lab.assert_equals_service("without members in listings")
        .await;
    assert_eq!(lab.server.requests()["/Groups/g11"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_sorts_is_read_sorted() {
    let lab = Scim::new().await;
    lab.server.edit(|service| {
        service.sorts = true;
        service.users.reverse();
    });
    let report = lab.succeed().await;
    assert!(report.note.unwrap().contains("sorted by id"));
    lab.assert_equals_service("sorted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_vanishes_while_users_are_listed_takes_nobody_along() {
    for skip in [1, 2] {
        let lab = Scim::new().await;
        lab.succeed().await;
        // All that follow move, and one of them is in no page.
        lab.server
            .trouble("/Users", skip, 1, Trouble::Removal("u03".to_owned()));
        let report = lab.succeed().await;
        assert!(report.log.iter().any(|line| line.text.contains("anew")));
        assert!(report.tally.users.complete);
        assert_eq!(lab.held().await.users.len(), 25, "gone in the next run");
        lab.succeed().await;
        lab.assert_equals_service("in the next run").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_ends_early_removes_nothing() {
    let lab = Scim::new().await;
    lab.succeed().await;
    let before = lab.held().await;
    for (path, end) in [
        ("/Users", 0),
        ("/Users", 7),
        ("/Users", 20),
        ("/Groups", 11),
    ] {
        lab.server.trouble(path, 0, 99, Trouble::Ends(end));
        let report = lab.sync().await;
        assert_eq!(report.exit_code(), 3, "{path} {end}: {report:#?}");
        assert_eq!(report.failures.len(), 1);
        assert_eq!(report.failures[0].fault.kind, FaultKind::Protocol);
        assert_eq!(lab.held().await, before, "{path} {end}");
        lab.server.calm();
    }
    lab.succeed().await;
    lab.assert_equals_service("after all that").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_may_not_be_read_are_kept() {
    let lab = Scim::new().await;
    lab.succeed().await;
    let before = lab.held().await;
    lab.server.edit(|service| service.remove("u24"));
    lab.server
        .trouble("/Groups", 0, 99, Trouble::Status(403, None));
    let report = lab.sync().await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    assert_eq!(report.failures[0].fault.kind, FaultKind::Permission);
    assert!(report.failures[0].fault.remedy.is_some());
    let after = lab.held().await;
    assert_eq!(after.groups, before.groups);
    assert_eq!(after.users.len(), 24, "users were read to their end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_may_not_be_read_keeps_its_members() {
    let lab = Scim::new().await;
    lab.server.edit(|service| service.lists_members = false);
    lab.succeed().await;
    lab.server.edit(|service| service.set_members("g05", &[]));
    let before = lab.held().await;
    lab.server
        .trouble("/Groups/g05", 0, 99, Trouble::Status(403, None));
    let report = lab.sync().await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    assert_eq!(report.tally.unavailable.len(), 1);
    assert_eq!(lab.held().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_passing_trouble_are_waited_for() {
    let mut lab = Scim::new().await;
    lab.job.patience = Patience::default();
    lab.server
        .trouble("/Users", 1, 2, Trouble::Status(429, Some(1)));
    lab.server
        .trouble("/Groups", 1, 1, Trouble::Status(500, None));
    let report = lab.succeed().await;
    assert!(report.network.throttled >= 2, "{:#?}", report.network);
    lab.assert_equals_service("despite throttling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_is_given_up_and_removes_nothing() {
    let lab = Scim::new().await;
    lab.succeed().await;
    let before = lab.held().await;
    lab.server.trouble("/Users", 1, 99, Trouble::NotJson);
    let report = lab.sync().await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    assert_eq!(report.failures[0].fault.kind, FaultKind::Protocol);
    assert_eq!(lab.held().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_stops_the_run_with_a_remedy() {
    let server = ScimServer::start().unwrap();
    let mut settings = settings(&server);
    settings["token"] = json!("Not-the-token.0123456789");
    let workplace = workplace(&server, &settings);
    for mut command in [workplace.sync(), workplace.check()] {
        let output = command.output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("does not accept the token"), "{told}");
        assert!(told.contains("Issue a new token"), "{told}");
        assert!(!told.contains("Not-the-token"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_named() {
    let server = ScimServer::start().unwrap();
    let settings = json!({"baseUrl": "http://scim.contoso.example", "pageSize": "0"});
    let output = workplace(&server, &settings).sync().output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for key in ["baseUrl", "token", "pageSize"] {
        assert!(told.contains(key), "no {key} in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_was_not_granted_is_named_with_the_flag_that_grants_it() {
    let server = ScimServer::start().unwrap();
    let mut settings = settings(&server);
    settings["baseUrl"] = json!("https://scim.contoso.example/scim/v2");
    let output = workplace(&server, &settings).sync().output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--allow-origin https://scim.contoso.example"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_nested_groups_are_members() {
    let lab = Scim::new().await;
    lab.server.edit(|service| {
        service.set_members("g01", &["g02", "u20"]);
        service.set_members("g02", &["g03"]);
        // And round in a circle.
        service.set_members("g03", &["u21", "g01"]);
    });
    lab.succeed().await;
    lab.assert_equals_service("with nested groups").await;
    let what = Export::Memberships { effective: true };
    let members: BTreeSet<String> = exported(&lab.directory, FABRIKAM, what)
        .await
        .into_iter()
        .filter(|own| own["group"] == "g01" && own["kind"] == "user")
        .map(|own| text(&own["member"]))
        .collect();
    assert_eq!(members, ["u20", "u21"].map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_in_its_own_target_model() {
    let lab = Scim::new().await;
    lab.server.edit(|service| {
        service.set_members("g01", &["u24"]);
        service.users[24]["title"] = json!("Engineer");
        service.users[24]["active"] = json!(false);
    });
    lab.succeed().await;
    let what = Export::Documents { effective: false };
    let documents = exported(&lab.directory, FABRIKAM, what).await;
    let own = |own: &&Value| own["person"]["key"] == "u24";
    assert_eq!(
        documents.iter().find(own).unwrap(),
        &json!({
            "person": {
                "key": "u24",
                "login": "u24@contoso.example",
                "label": "Person 24",
                "mail": "u24@contoso.example",
                "role": "Engineer",
                "enabled": false,
            },
            "memberships": [{"key": "g01", "label": "Team 1"}],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_is_validated_and_previewed_by_its_own_plugin() {
    let plugin = plugin().await;
    let mut instance = plugin.open(None).await.unwrap();
    let mut map = plugin.description().maps[0].clone();
    assert_eq!(instance.validate(&map).await.unwrap(), []);
    let sample = r#"{"id":"u1","groups":[{"id":"g1","displayName":"Sales"}]}"#;
    let document = instance.preview(&map, sample).await.unwrap().unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["memberships"][0]["label"], "Sales");
    map.rules[3].sources = vec!["shoeSize".into()];
    let problems = instance.validate(&map).await.unwrap();
    assert_eq!(problems[0].path, "rules[3].sources[0]");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connectors_share_an_engine_and_a_directory_and_never_meet() {
    let entra = Lab::new(small()).await;
    let mut scim = Scim::new().await;
    scim.directory = Arc::clone(&entra.directory);
    // Even with an identifier that both sources use.
    let shared = entra.simulator.truth().users.into_keys().next().unwrap();
    scim.server
        .edit(|service| service.add_user(&shared, "Another Person"));
    let both = async |when: &str| {
        tokio::join!(entra.succeed(), scim.succeed());
        entra.assert_equals_tenant(when).await;
        scim.assert_equals_service(when).await;
    };
    both("side by side").await;
    entra.simulator.churn(5, 40);
    scim.server.edit(|service| {
        service.remove(&shared);
        service.set_members("g06", &["u01"]);
    });
    both("after changes on either side").await;
}
