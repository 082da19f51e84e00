use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;

use crate::access::{Means, NewSession, Role};
use crate::api::testing::{Answer, Ask, Host, ask};
use crate::catalog::testing::{MadeUp, PLUGIN};
use crate::control_plane::testing::plane_with;
use crate::plugin::registry::MOST_COMPONENT_BYTES;

/// Somebody who looks at the plugins of a host.
struct Looker {
    host: Host,
    session: NewSession,
}

impl Looker {
    async fn new(role: Role) -> Self {
        Self::at(Host::new().await, role).await
    }

    async fn at(host: Host, role: Role) -> Self {
        let session = host.session_of("ann", role).await;
        Self { host, session }
    }

    /// With versions that have no component, the first of which is active.
    async fn with(self, versions: &[&str]) -> Self {
        let registry = &self.host.stage.plane.registry;
        for version in versions {
            registry.pretend(version, &[]).await;
        }
        if let Some(first) = versions.first() {
            registry.pretend_active(first).await;
        }
        self
    }

    async fn ask(&self, ask: Ask) -> Answer {
        self.host.call(ask.page().session(&self.session)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(ask("GET", path)).await
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(ask("POST", path).form(&[])).await
    }

    async fn deeds(&self) -> Vec<String> {
        let deeds = self.host.stage.plane.access.deeds().await;
        deeds
            .into_iter()
            .map(|(action, actor, target)| format!("{actor} {action} {target}"))
            .collect()
    }

    /// Uploads as a browser does: the session's token is the form's first field.
    async fn upload(&self, component: &[u8], signature: &[u8]) -> Answer {
        let Means::Session { csrf, .. } = &self.session.caller.means else {
            panic!("no session");
        };
        let fields: [(&str, Option<&str>, &[u8]); 3] = [
            ("csrf", None, csrf.expose_secret().as_bytes()),
            ("component", Some("contoso.wasm"), component),
            ("signature", Some("contoso.wasm.minisig"), signature),
        ];
        let cookie = self.session.cookie.expose_secret();
        let upload = ask("POST", "/plugins/new").page().cookie(cookie);
        self.host.call(upload.upload(&fields)).await
    }
}

#[tokio::test]
async fn without_plugins_the_page_says_what_comes_first() {
    let admin = Looker::new(Role::Admin).await;
    let text = admin.get("/plugins").await.text();
    assert!(text.contains("No plugin is installed") && text.contains("href=\"/plugins/new\""));
    let viewer = Looker::new(Role::Viewer).await;
    let text = viewer.get("/plugins").await.text();
    assert!(text.contains("An administrator can install one"));
}

#[tokio::test]
async fn every_version_is_listed_with_where_it_stands() {
    let admin = Looker::new(Role::Viewer).await;
    let admin = admin.with(&["contoso@1.0.0", "contoso@1.1.0"]).await;
    let registry = &admin.host.stage.plane.registry;
    registry
        .pretend("contoso@2.0.0", &["new.contoso.example"])
        .await;
    let text = admin.get("/plugins").await.text();
    for said in ["Active", "Ready", "Waits for approval", "?version=2.0.0"] {
        assert!(text.contains(said), "{said}");
    }
}

#[tokio::test]
async fn what_a_version_asks_for_stands_beside_what_is_approved() {
    let admin = Looker::new(Role::Admin).await;
    let registry = &admin.host.stage.plane.registry;
    registry
        .pretend("contoso@1.0.0", &["old.contoso.example"])
        .await;
    registry
        .approve(&"contoso@1.0.0".parse().unwrap())
        .await
        .unwrap();
    registry
        .pretend("contoso@2.0.0", &["new.contoso.example"])
        .await;
    let text = admin.get("/plugins/contoso?version=2.0.0").await.text();
    assert!(text.contains("Not approved yet"), "{text}");
    assert!(text.contains("Approved, no longer asked for"));
    assert!(text.contains("Approve what it asks"));
    assert!(!text.contains(">Activate<"), "it has to be approved first");
}

#[tokio::test]
async fn limits_in_use_and_declared_settings_are_shown() {
    let host = Host::with_types(Arc::<MadeUp>::default()).await;
    let viewer = Looker::at(host, Role::Viewer).await;
    let viewer = viewer.with(&[&format!("{PLUGIN}@1.0.0")]).await;
    let text = viewer.get(&format!("/plugins/{PLUGIN}")).await.text();
    assert!(text.contains("<code>memory</code>") && text.contains("64 MiB"));
    assert!(text.contains("limits.all"), "the tests' own pool");
    assert!(text.contains("The tenantId") && text.contains("one of global, china"));
}

#[tokio::test]
async fn connectors_that_use_a_plugin_are_named_with_what_they_are_pinned_to() {
    let host = Host::with_types(Arc::<MadeUp>::default()).await;
    let admin = Looker::at(host, Role::Admin).await;
    let version = format!("{PLUGIN}@1.0.0");
    let admin = admin.with(&[&version]).await;
    let new = json!({
        "name": "Contoso", "plugin": PLUGIN, "version": "1.0.0",
        "settings": {"tenantId": "contoso.example"},
        "secrets": {"clientSecret": {"value": "hunter2"}},
    });
    let made = ask("POST", "/api/v1/connectors").session(&admin.session);
    assert_eq!(admin.host.call(made.json(&new)).await.status, 201);
    let text = admin.get(&format!("/plugins/{PLUGIN}")).await.text();
    assert!(
        text.contains("pinned to 1.0.0") && text.contains(">Contoso</a>"),
        "{text}"
    );
    // The last version of a plugin with connectors can't go.
    let path = format!("/plugins/{PLUGIN}/1.0.0/remove");
    let text = admin.get(&path).await.text();
    assert!(
        text.contains("These connectors need it: Contoso."),
        "{text}"
    );
    assert!(!text.contains("Remove version"));
    let refused = admin.post(&path).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("plugin.in-use"));
}

#[tokio::test]
async fn a_swap_says_what_becomes_of_runs_before_it_is_done() {
    let admin = Looker::new(Role::Admin).await;
    let admin = admin.with(&["contoso@1.0.0", "contoso@1.1.0"]).await;
    let text = admin.get("/plugins/contoso/1.1.0/activate").await.text();
    assert!(text.contains("Runs under way end with the version they began with"));
    assert!(text.contains("instead of 1.0.0"));
    // There is nothing to load.
    let failed = admin.post("/plugins/contoso/1.1.0/activate").await;
    assert!(failed.status.is_client_error() || failed.status.is_server_error());
    assert_eq!(admin.deeds().await, Vec::<String>::new());
}

#[tokio::test]
async fn rolling_back_and_removing_are_asked_done_and_written_down() {
    let admin = Looker::new(Role::Admin).await;
    let admin = admin.with(&["contoso@1.0.0", "contoso@1.1.0"]).await;
    let registry = &admin.host.stage.plane.registry;
    registry.pretend_active("contoso@1.1.0").await;
    let text = admin.get("/plugins/contoso").await.text();
    assert!(text.contains("Roll back to 1.0.0"), "{text}");
    let text = admin.get("/plugins/contoso/rollback").await.text();
    assert!(text.contains("Roll contoso back to 1.0.0?"));
    let done = admin.post("/plugins/contoso/rollback").await;
    assert_eq!(done.location(), "/plugins/contoso?version=1.0.0");
    let text = admin.get("/plugins/contoso/1.0.0/remove").await.text();
    assert!(text.contains("is active: runs use it"), "{text}");
    let text = admin.get("/plugins/contoso/1.1.0/remove").await.text();
    assert!(text.contains("Remove contoso 1.1.0?") && text.contains("Remove version"));
    let done = admin.post("/plugins/contoso/1.1.0/remove").await;
    assert_eq!(done.location(), "/plugins/contoso");
    assert_eq!(
        admin.deeds().await,
        ["ann plugin.rollback contoso", "ann plugin.remove contoso"]
    );
    let nowhere = admin.get("/plugins/contoso/rollback").await;
    assert_eq!(nowhere.status, 409);
}

#[tokio::test]
async fn approving_grants_what_is_asked() {
    let admin = Looker::new(Role::Admin).await;
    let admin = admin.with(&["contoso@1.0.0"]).await;
    let registry = &admin.host.stage.plane.registry;
    registry
        .pretend("contoso@2.0.0", &["new.contoso.example"])
        .await;
    let done = admin.post("/plugins/contoso/2.0.0/approve").await;
    assert_eq!(done.location(), "/plugins/contoso?version=2.0.0");
    assert_eq!(admin.deeds().await, ["ann plugin.approve contoso"]);
    let text = admin.get("/plugins/contoso?version=2.0.0").await.text();
    assert!(text.contains("All that it asks for is approved"));
}

#[tokio::test]
async fn an_upload_that_is_no_component_is_refused_with_the_remedy() {
    let admin = Looker::new(Role::Admin).await;
    let form = admin.get("/plugins/new").await.text();
    let first = form.find("<input").map(|at| &form[at..]);
    assert!(form.contains("enctype=\"multipart/form-data\"") && first.is_some());
    let refused = admin.upload(b"nonsense", b"").await;
    assert_eq!(refused.status, 422);
    let text = refused.text();
    assert!(
        text.contains("plugin.unusable") && text.contains("wasm32-wasip2"),
        "{text}"
    );
    let nothing = admin.upload(b"", b"").await;
    assert_eq!(nothing.status, 422);
    assert!(nothing.text().contains("No file was chosen"));
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused() {
    let admin = Looker::new(Role::Admin).await;
    let large = vec![0; usize::try_from(MOST_COMPONENT_BYTES).unwrap() + 1];
    let refused = admin.upload(&large, b"").await;
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("larger than 64 MiB"));
}

#[tokio::test]
async fn an_upload_without_the_sessions_token_is_refused() {
    let admin = Looker::new(Role::Admin).await;
    let cookie = admin.session.cookie.expose_secret();
    let fields: [(&str, Option<&str>, &[u8]); 1] = [("component", Some("a.wasm"), b"nonsense")];
    let upload = ask("POST", "/plugins/new").page().cookie(cookie);
    let refused = admin.host.call(upload.upload(&fields)).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("access.csrf"));
}

#[tokio::test]
async fn where_signatures_are_needed_the_page_says_so_and_an_unsigned_upload_is_refused() {
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let key = keys.pk.to_base64();
    let (plane, _folder) = plane_with(move |config| {
        config.plugins.require_signature = true;
        config.plugins.trusted_keys = vec![key];
    })
    .await;
    let host = Host::over(plane, _folder);
    let admin = Looker::at(host, Role::Admin).await;
    let form = admin.get("/plugins/new").await.text();
    assert!(form.contains("Only plugins signed by a trusted key are let in"));
    let refused = admin.upload(b"nonsense", b"").await.text();
    assert!(
        refused.contains("plugin.unsigned") && refused.contains(".minisig"),
        "{refused}"
    );
    let signed = minisign::sign(None, &keys.sk, &b"nonsense"[..], None, None).unwrap();
    let refused = admin
        .upload(b"nonsense", signed.into_string().as_bytes())
        .await
        .text();
    assert!(
        refused.contains("plugin.unusable"),
        "its signature is good: {refused}"
    );
}

#[tokio::test]
async fn who_does_not_administer_looks_and_changes_nothing() {
    for role in [Role::Viewer, Role::Operator] {
        let looker = Looker::new(role).await;
        let looker = looker.with(&["contoso@1.0.0", "contoso@1.1.0"]).await;
        looker
            .host
            .stage
            .plane
            .registry
            .pretend_active("contoso@1.1.0")
            .await;
        for path in [
            "/plugins",
            "/plugins/contoso",
            "/plugins/contoso?version=1.0.0",
        ] {
            let page = looker.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            let text = page.text();
            for control in [
                "/plugins/new",
                "/rollback",
                "/activate",
                "/remove",
                "/approve",
            ] {
                assert!(!text.contains(control), "{path} {control}");
            }
        }
        for path in [
            "/plugins/new",
            "/plugins/contoso/rollback",
            "/plugins/contoso/1.0.0/remove",
        ] {
            assert_eq!(looker.get(path).await.status, 403, "{path}");
        }
        for path in [
            "/plugins/contoso/1.0.0/approve",
            "/plugins/contoso/1.0.0/activate",
            "/plugins/contoso/1.0.0/remove",
            "/plugins/contoso/rollback",
        ] {
            assert_eq!(looker.post(path).await.status, 403, "{path}");
        }
        assert_eq!(looker.upload(b"nonsense", b"").await.status, 403);
        assert_eq!(looker.deeds().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_plugin_or_version_that_is_not_installed_is_not_found() {
    let admin = Looker::new(Role::Admin).await;
    let admin = admin.with(&["contoso@1.0.0"]).await;
    for path in [
        "/plugins/fabrikam",
        "/plugins/contoso?version=9.0.0",
        "/plugins/contoso/9.0.0/activate",
        "/plugins/contoso/nonsense/remove",
    ] {
        assert_eq!(admin.get(path).await.status, 404, "{path}");
    }
}
