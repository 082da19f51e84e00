//! The server in this process, with a clock that the test turns.

use std::sync::Arc;

use connector_host::clock::{Clock, ManualClock};
use connector_host::config::Config;
use connector_host::control_plane::ControlPlane;
use connector_host::plugin::registry::Registry;
use connector_host::server::Server;
use harness::artefacts;
use harness::server::{ADMIN, Api, Credentials, PASSWORD, PATIENCE, Told};
use harness::simulator::Simulator;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::kit::text;

/// A server whose time is the test's.
pub(crate) struct Inside {
    pub(crate) api: Api,
    pub(crate) clock: ManualClock,
    pub(crate) folder: TempDir,
}

impl Inside {
    pub(crate) async fn new(
        simulators: &[&Simulator],
        now: &str,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data_dir = Some(folder.path().join("data"));
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.vault.key_file = Some(folder.path().join("vault.key"));
        config.network.allow_origins = simulators
            .iter()
            .map(|simulator| simulator.base_url().parse().unwrap())
            .collect();
        configure(&mut config);
        let clock = ManualClock::new(now.parse().unwrap());
        let plane = ControlPlane::open(config, Arc::new(clock.clone())).await;
        let plane = Arc::new(plane.unwrap());
        install(&plane.registry).await;
        let server = Server::bind(Arc::clone(&plane)).await.unwrap();
        let code = server.setup_code().await.unwrap().unwrap();
        let url = server.url();
        tokio::spawn(server.run(CancellationToken::new()));
        let nobody = Api::new(&url, Told::default()).unwrap();
        let body = json!({ "code": code.expose_secret(), "name": ADMIN, "password": PASSWORD });
        let answer = nobody.post("/setup", &body).await.unwrap();
        let session = answer.expect(201).unwrap();
        let api = nobody.with(Credentials::Session {
            cookie: answer
                .header("set-cookie")
                .split(';')
                .next()
                .unwrap()
                .to_owned(),
            csrf: Some(text(&session["csrfToken"])),
        });
        // Unlike a session, a token lasts for however long the test turns the clock.
        let token = json!({ "name": "test", "role": "admin" });
        let token = api.make("/tokens", &token).await.unwrap();
        Self {
            api: nobody.with(Credentials::Token(text(&token["token"]))),
            clock,
            folder,
        }
    }

    /// Turns the clock, and waits until a connector's run of that time has ended.
    pub(crate) async fn run_of(&self, connector: &str, at: Timestamp) -> Value {
        self.clock.turn_to(at);
        let path = format!("/runs?connector={connector}&limit=1");
        let ended = async {
            loop {
                let page = self.api.read(&path).await.unwrap();
                let newest = &page["items"][0];
                let occurrence = newest["trigger"]["occurrence"].as_str();
                let is_it = occurrence.is_some_and(|o| o.parse::<Timestamp>().unwrap() == at);
                if is_it && newest.get("ended").is_some() {
                    return newest.clone();
                }
                tokio::time::sleep(std::time::Duration::from_millis(4)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        ended.unwrap_or_else(|_| panic!("no run at {at}; it is {}", self.clock.now()))
    }
}

async fn install(registry: &Registry) {
    let component = artefacts::component().unwrap();
    let installed = registry.install(component, None).await.unwrap();
    registry.approve(&installed.id).await.unwrap();
    registry.settle(&installed.id, true).await.unwrap();
}
