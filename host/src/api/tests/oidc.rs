//! Signing in through an identity provider, over the API.

use url::Url;

use crate::access::Role;
use crate::access::oidc_testing::{TestProvider, person};
use crate::api::testing::{Host, ask};
use crate::clock::ManualClock;
use crate::control_plane::testing::start;

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_and_comes_back_signed_in() {
    let provider = TestProvider::start(&ManualClock::new(start())).await;
    let folder = tempfile::tempdir().unwrap();
    let host = Host::under(provider.policy(folder.path())).await;
    host.stage.plane.access.test_user("root", Role::Admin).await;

    let sent = host
        .call(ask("GET", "/api/v1/session/oidc?returnTo=/x%22y"))
        .await;
    assert_eq!(sent.status, 303);
    let set = sent.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in [
        "connector_oidc=",
        "HttpOnly",
        "SameSite=Lax",
        "Path=/api/v1/session/oidc",
        "Max-Age=600",
    ] {
        assert!(set.contains(part), "{set}");
    }
    let page = Url::parse(sent.headers["location"].to_str().unwrap()).unwrap();
    let (code, state) = provider.sign_in(&page, person("s-1", "anna", &["Staff"]));

    let back = format!("/api/v1/session/oidc/callback?code={code}&state={state}");
    let without_cookie = host.call(ask("GET", &back)).await;
    assert_eq!(without_cookie.code(), "access.oidc-state");
    let cookie = format!("connector_oidc={}", sent.cookie().unwrap());
    // What a redirect by another site looks like.
    let back = ask("GET", &back).header("sec-fetch-site", "cross-site");
    let back = host.call(back.header("cookie", &cookie)).await;
    assert_eq!(back.status, 200, "{}", back.json());
    let html = String::from_utf8(back.body.clone()).unwrap();
    assert!(html.contains("0;url=/x&quot;y"), "{html}");
    let set: Vec<&str> = back
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|set| set.to_str().unwrap())
        .collect();
    assert!(
        set.iter().any(|set| set.starts_with("connector_oidc=;")),
        "{set:?}"
    );
    let session = set
        .iter()
        .find(|set| set.starts_with("connector_session="))
        .unwrap();
    assert!(session.contains("SameSite=Strict"), "{session}");
    let session = session
        .split(';')
        .next()
        .unwrap()
        .split_once('=')
        .unwrap()
        .1;
    let who = host
        .call(ask("GET", "/api/v1/session").cookie(session))
        .await
        .json();
    assert_eq!(
        (who["user"]["name"].as_str(), who["by"].as_str()),
        (Some("anna"), Some("oidc"))
    );
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_sign_in() {
    let host = Host::new().await;
    for path in [
        "/api/v1/session/oidc",
        "/api/v1/session/oidc/callback?state=x",
    ] {
        let answer = host.call(ask("GET", path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "access.no-provider")
        );
    }
}
