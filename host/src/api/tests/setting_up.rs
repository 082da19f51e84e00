//! The first start, over the API.

use secrecy::ExposeSecret;
use serde_json::json;

use crate::access::testing::PASSWORD;
use crate::api::testing::{Host, ask};

#[tokio::test]
async fn the_code_from_the_terminal_makes_an_admin_who_is_signed_in() {
    let host = Host::unconfigured().await;
    let access = &host.stage.plane.access;
    let code = access.setup_code().await.unwrap().unwrap();
    let body = json!({"code": code.expose_secret(), "name": "root", "password": PASSWORD});
    let answer = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    let cookie = answer.cookie().unwrap();
    let who = host
        .call(ask("GET", "/api/v1/session").cookie(&cookie))
        .await;
    assert_eq!(who.json()["by"], "setup");
    assert_eq!(who.json()["role"], "admin");
    let again = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (409, "access.already-set-up")
    );
    let actions: Vec<String> = access
        .deeds()
        .await
        .into_iter()
        .map(|deed| deed.0)
        .collect();
    assert_eq!(actions, ["user.create", "session.sign-in"]);
}

#[tokio::test]
async fn a_wrong_code_is_refused() {
    let host = Host::unconfigured().await;
    let body = json!({"code": "x", "name": "root", "password": PASSWORD});
    let answer = host.call(ask("POST", "/api/v1/setup").json(&body)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "access.setup-code")
    );
}
