//! Two tenants side by side in one server, by one plugin.

use std::collections::BTreeSet;

use harness::host;
use harness::server::{ServerUnderTest, Setup};
use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use serde_json::{Value, json};

use super::entra;
use super::kit::{Connector, equals_tenant, exported, text};

struct Two {
    tenants: [Simulator; 2],
    server: ServerUnderTest,
    connectors: [Connector; 2],
}

fn tenant(seed: u64) -> Simulator {
    let options = SimulatorOptions {
        tenant: TenantSpec::sized(200, 40, 800, seed),
        tenant_id: format!("8f2c1d34-5b7a-4c0e-9d61-3a7be0c4f5{seed:02}"),
        ..SimulatorOptions::default()
    };
    let simulator = Simulator::start(options).unwrap();
    simulator.set_latency(25, 0);
    simulator
}

impl Two {
    async fn new(configure: impl FnOnce(Setup) -> Setup) -> Self {
        let tenants = [tenant(11), tenant(12)];
        let setup = configure(entra(&tenants[0]).reach(&tenants[1]));
        let server = ServerUnderTest::ready(setup).await.unwrap();
        let api = server.admin().unwrap();
        let connectors = [
            Connector::new(&api, &tenants[0], "contoso").await,
            Connector::new(&api, &tenants[1], "fabrikam").await,
        ];
        Self {
            tenants,
            server,
            connectors,
        }
    }

    /// Runs both, and gives them as they ended, in the order of their connectors.
    async fn run(&self) -> [Value; 2] {
        let api = self.server.admin().unwrap();
        let first = self.connectors[0].start(&api).await;
        let second = self.connectors[1].start(&api).await;
        [
            self.server.ended(&first).await.unwrap(),
            self.server.ended(&second).await.unwrap(),
        ]
    }
}

/// Whether two runs went on at the same time.
fn overlap([first, second]: &[Value; 2]) -> bool {
    let at = |run: &Value, what: &str| -> jiff::Timestamp { text(&run[what]).parse().unwrap() };
    at(first, "started") < at(second, "ended") && at(second, "started") < at(first, "ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_of_two_tenants_sees_anything_of_the_other() {
    let two = Two::new(|setup| setup).await;
    let runs = two.run().await;
    assert!(overlap(&runs), "they went on side by side: {runs:#?}");
    let api = two.server.admin().unwrap();
    for (tenant, connector) in two.tenants.iter().zip(&two.connectors) {
        let equal = equals_tenant(&api, &connector.id, tenant).await;
        equal.assert("side by side");
    }
    let groups = two.tenants.each_ref().map(|tenant| {
        let groups = tenant.truth().groups;
        groups.into_keys().collect::<BTreeSet<_>>()
    });
    assert!(groups[0].is_disjoint(&groups[1]), "the tenants differ");
    let foreign = groups[1].first().unwrap();
    let path = two.connectors[0].path(&format!("/groups/{foreign}"));
    api.get(&path).await.unwrap().expect(404).unwrap();
    let found = api.all("/directory/groups?limit=500").await.unwrap();
    for group in &found {
        let own = usize::from(group["connector"] != two.connectors[0].id.as_str());
        assert!(groups[own].contains(&text(&group["id"])), "{group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_room_for_one_run_the_second_waits_for_the_first() {
    let two = Two::new(|setup| setup.set("runs.concurrent", 1)).await;
    let runs = two.run().await;
    assert!(!overlap(&runs), "{runs:#?}");
    assert!(runs.iter().all(|run| run["state"] == "processed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_fails_and_a_deleted_connector_leave_the_other_alone() {
    let two = Two::new(|setup| setup).await;
    let api = two.server.admin().unwrap();
    let runs = two.run().await;
    assert!(runs.iter().all(|run| run["state"] == "processed"));
    two.tenants[0].edit_app(|app| app.secret_expired = true);
    let [failed, fine] = two.run().await;
    assert_eq!(
        (&failed["state"], &fine["state"]),
        (&json!("failed"), &json!("processed"))
    );
    let path = two.connectors[0].path("?data=remove");
    api.delete(&path).await.unwrap().expect(204).unwrap();
    let gone = two.server.eventually("its data is gone", async || {
        let found = api.all("/directory/groups?limit=500").await?;
        let own = two.connectors[0].id.as_str();
        Ok(found
            .iter()
            .all(|group| group["connector"] != own)
            .then_some(()))
    });
    gone.await.unwrap();
    let users = exported(&api, &two.connectors[1].id, "users").await;
    assert_eq!(users.len(), two.tenants[1].truth().grouped_users().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_the_operator_did_not_grant_is_not_reached() {
    let (granted, other) = (tenant(13), tenant(14));
    let server = ServerUnderTest::ready(entra(&granted)).await.unwrap();
    let api = server.admin().unwrap();
    let mut document = super::kit::document(&granted, "contoso");
    let mut settings = host::settings(&other);
    settings.as_object_mut().unwrap().remove("clientSecret");
    document["settings"] = settings;
    let answer = api.post("/connectors", &document).await.unwrap();
    if answer.status.is_success() {
        let id = text(&answer.json().unwrap()["id"]);
        let check = format!("/connectors/{id}/check");
        let tested = api.make(&check, &json!({})).await.unwrap();
        assert_eq!(tested["passed"], false);
    }
    assert_eq!(other.stats().requests, 0, "nobody asked it");
}
