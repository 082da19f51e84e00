//! A tenant, a server and a connector between them, and the comparison of the two ends.

use std::collections::BTreeSet;

use harness::host;
use harness::server::{Api, ServerUnderTest, Setup};
use harness::simulator::{DEMO_CLIENT_SECRET, Kind, Membership, Simulator, SimulatorOptions};
use http::Method;
use serde_json::{Value, json};

use super::entra;
use crate::lab::{same_sets, small};

/// A tenant and a server that is granted its origin, with the API to its administrator.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) server: ServerUnderTest,
    pub(crate) api: Api,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(small(), |setup| setup).await
    }

    pub(crate) async fn with(
        options: SimulatorOptions,
        configure: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let simulator = Simulator::start(options).unwrap();
        let setup = configure(entra(&simulator));
        let server = ServerUnderTest::ready(setup).await.unwrap();
        let api = server.admin().unwrap();
        Self {
            simulator,
            server,
            api,
        }
    }

    /// A connector to the tenant with a profile that runs when asked.
    pub(crate) async fn connector(&self, name: &str) -> Connector {
        Connector::new(&self.api, &self.simulator, name).await
    }

    /// Runs it now, and waits for the end.
    pub(crate) async fn run(&self, connector: &Connector) -> Value {
        let run = connector.start(&self.api).await;
        self.server.ended(&run).await.unwrap()
    }

    /// The same of a run that must succeed.
    pub(crate) async fn succeed(&self, connector: &Connector) -> Value {
        let run = self.run(connector).await;
        assert_eq!(run["state"], "processed", "{run:#}");
        run
    }

    pub(crate) async fn assert_equals_tenant(&self, connector: &Connector, when: &str) {
        let equal = equals_tenant(&self.api, &connector.id, &self.simulator);
        equal.await.assert(when);
    }

    /// Starts the server again on its folder; its address is another one.
    pub(crate) async fn start_again(&mut self) {
        self.server.start_again().await.unwrap();
        self.api = self.server.admin().unwrap();
    }

    /// Waits until a run has begun and brought something, so that it is in its middle.
    pub(crate) async fn in_the_middle(&self, run: &str) {
        let path = format!("/runs/{run}");
        let what = format!("run {run} is in its middle");
        let reached = self.server.eventually(&what, async || {
            let run = self.api.read(&path).await?;
            assert!(run.get("ended").is_none(), "too quick: {run:#}");
            let pages = run["progress"]["pages"].as_u64();
            Ok(pages.filter(|pages| *pages > 3))
        });
        reached.await.unwrap();
    }
}

/// A connector with its first profile.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) id: String,
    pub(crate) profile: String,
}

/// What creates a connector to this tenant.
pub(crate) fn document(simulator: &Simulator, name: &str) -> Value {
    let mut settings = host::settings(simulator);
    settings.as_object_mut().unwrap().remove("clientSecret");
    json!({
        "name": name,
        "plugin": "entra-directory-sync",
        "settings": settings,
        "secrets": { "clientSecret": { "value": DEMO_CLIENT_SECRET } },
    })
}

impl Connector {
    pub(crate) async fn new(api: &Api, simulator: &Simulator, name: &str) -> Self {
        let made = api.make("/connectors", &document(simulator, name)).await;
        let id = text(&made.unwrap()["id"]);
        let profile = json!({ "name": "by hand" });
        let path = format!("/connectors/{id}/profiles");
        let profile = text(&api.make(&path, &profile).await.unwrap()["id"]);
        Self { id, profile }
    }

    pub(crate) fn path(&self, below: &str) -> String {
        format!("/connectors/{}{below}", self.id)
    }

    /// Runs it now.
    pub(crate) async fn start(&self, api: &Api) -> String {
        let run = api.make(&self.path("/runs"), &json!({})).await.unwrap();
        text(&run["id"])
    }

    pub(crate) async fn state(&self, api: &Api) -> String {
        text(&api.read(&self.path("")).await.unwrap()["state"])
    }

    /// Gives it another secret.
    pub(crate) async fn secret(&self, api: &Api, secret: &str) {
        let change = json!({ "secrets": { "clientSecret": { "value": secret } } });
        let changed = api.patch(&self.path(""), &change).await.unwrap();
        changed.expect(200).unwrap();
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// What a connector's export streams, a document a line.
pub(crate) async fn exported(api: &Api, connector: &str, what: &str) -> Vec<Value> {
    let path = format!("/api/v1/connectors/{connector}/export?what={what}");
    let answer = api.call(Method::GET, &path, &[], None).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a tenant and a directory have of each other.
pub(crate) struct Comparison {
    tenant: Ends,
    held: Ends,
}

struct Ends {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    memberships: BTreeSet<Membership>,
}

impl Comparison {
    /// Fails with what is missing and what is too much.
    pub(crate) fn assert(self, when: &str) {
        let (tenant, held) = (self.tenant, self.held);
        same_sets("users", when, &tenant.users, &held.users);
        same_sets("groups", when, &tenant.groups, &held.groups);
        same_sets("memberships", when, &tenant.memberships, &held.memberships);
    }
}

/// Compares what the API exports of a connector with the tenant.
pub(crate) async fn equals_tenant(api: &Api, connector: &str, simulator: &Simulator) -> Comparison {
    let ids = |records: Vec<Value>| records.iter().map(|record| text(&record["id"])).collect();
    let held = Ends {
        users: ids(exported(api, connector, "users").await),
        groups: ids(exported(api, connector, "groups").await),
        memberships: exported(api, connector, "memberships")
            .await
            .into_iter()
            .map(|record| serde_json::from_value(record).unwrap())
            .collect(),
    };
    let truth = simulator.truth();
    let tenant = Ends {
        users: truth.grouped_users().into_keys().collect(),
        groups: truth.groups.into_keys().collect(),
        // As Graph's listings: they never show service principals.
        memberships: truth
            .memberships
            .into_iter()
            .filter(|membership| membership.kind != Kind::ServicePrincipal)
            .collect(),
    };
    Comparison { tenant, held }
}
