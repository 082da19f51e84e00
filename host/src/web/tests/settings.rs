use crate::access::Role;
use crate::api::testing::{Host, ask};
use crate::config::Sources;
use crate::control_plane::ControlPlane;
use crate::control_plane::testing;

#[tokio::test]
async fn every_role_sees_how_the_server_is() {
    let host = Host::new().await;
    for role in Role::ALL {
        let session = host.session_of(role.word(), role).await;
        let text = host
            .call(ask("GET", "/settings").page().session(&session))
            .await
            .text();
        for said in [
            "Everything that the server needs works",
            "The directory answers",
            "vault.key",
            "connector-host backup --data-dir",
            "everyone who has one",
            "href=\"/profiles\"",
            "href=\"/models\"",
        ] {
            assert!(text.contains(said), "{said}");
        }
    }
}

#[tokio::test]
async fn the_api_tells_the_same_without_secrets() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let about = host
        .call(ask("GET", "/api/v1/server").session(&session))
        .await
        .json();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["checks"][0]["name"], "control-database");
    assert!(about["checks"][0]["failure"].is_null());
    let asked = ask("GET", "/api/v1/server/configuration").session(&session);
    let fields = host.call(asked).await.json();
    assert_eq!(fields["items"][0]["path"], "server.listen");
}

#[tokio::test]
async fn a_server_that_was_told_to_stop_says_so() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    host.stage.plane.shutdown.cancel();
    let text = host
        .call(ask("GET", "/settings").page().session(&session))
        .await
        .text();
    assert!(
        text.contains("Not ready") && text.contains("the server was told to stop"),
        "{text}"
    );
}

#[tokio::test]
async fn each_field_tells_where_it_was_given_and_passwords_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let own = testing::config(folder.path());
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let loaded = Sources::default()
        .text("[network]\nproxy = 'http://ann:hunter2@proxy.contoso.example:3128'")
        .environment([("CONNECTOR_RUNS_KEEP_DAYS".into(), "30".into())])
        .flag(
            "--data-dir",
            "server.dataDir",
            text(own.server.data_dir.as_deref().unwrap()),
        )
        .flag(
            "--set",
            "vault.keyFile",
            text(own.vault.key_file.as_deref().unwrap()),
        )
        .flag("--set", "limits.all.inFlight", "2")
        .load()
        .unwrap();
    let clock = std::sync::Arc::new(crate::clock::SystemClock);
    let plane = ControlPlane::open(loaded, clock).await.unwrap();
    let host = Host::over(std::sync::Arc::new(plane), folder);
    let session = host.session_of("ann", Role::Viewer).await;
    let page = ask("GET", "/settings/configuration")
        .page()
        .session(&session);
    let text = host.call(page).await.text();
    assert!(text.contains("configuration line 2"), "{text}");
    assert!(text.contains("CONNECTOR_RUNS_KEEP_DAYS") && text.contains("--data-dir"));
    assert!(text.contains("ann:***@proxy") && !text.contains("hunter2"));
    assert!(text.contains("[limits.all]") && text.contains("[access.oidc]"));
}
