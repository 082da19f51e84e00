//! API tokens, over the API.

use serde_json::json;

use crate::access::Role;
use crate::api::testing::{Host, ask};

#[tokio::test]
async fn a_token_is_shown_once_and_works_without_any_cookie() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Operator).await;
    let body = json!({"name": "nightly", "role": "viewer", "expiresAt": "2026-04-01T00:00:00Z"});
    let made = ask("POST", "/api/v1/tokens").session(&session).json(&body);
    let made = host.call(made).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("ch_"), "{token}");
    let list = host.call(ask("GET", "/api/v1/tokens").token(&token)).await;
    assert_eq!(list.json()["items"][0]["name"], "nightly");
    assert!(list.json()["items"][0].get("token").is_none());
    let who = host.call(ask("GET", "/api/v1/session").token(&token)).await;
    assert_eq!(who.json()["by"], "token");
    assert_eq!(who.json()["role"], "viewer");
    assert_eq!(who.json()["user"]["role"], "operator");
    assert!(who.json().get("csrfToken").is_none());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let revoke = ask("DELETE", &format!("/api/v1/tokens/{id}")).token(&token);
    assert_eq!(host.call(revoke).await.status, 204);
    let after = host.call(ask("GET", "/api/v1/session").token(&token)).await;
    assert_eq!(after.status, 401);
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_gets_the_same_answer_as_none() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Viewer).await;
    let token = host
        .stage
        .plane
        .access
        .test_token(&session.caller.user)
        .await;
    let none = host.call(ask("GET", "/api/v1/audit")).await;
    for wrong in [format!("{token}x"), "ch_x".into(), String::new()] {
        // Not even a good cookie helps.
        let answer = ask("GET", "/api/v1/audit").session(&session).token(&wrong);
        let answer = host.call(answer).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, none.body);
    }
    let other = ask("GET", "/api/v1/audit").header("authorization", "Basic eDp5");
    assert_eq!(host.call(other).await.status, 401);
}

#[tokio::test]
async fn what_is_about_a_session_tells_a_token_that_it_has_none() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Viewer).await;
    let token = host
        .stage
        .plane
        .access
        .test_token(&session.caller.user)
        .await;
    for (method, path) in [
        ("DELETE", "/api/v1/session"),
        ("GET", "/api/v1/sessions"),
        ("DELETE", "/api/v1/sessions"),
    ] {
        let answer = host.call(ask(method, path).token(&token)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (409, "access.no-session")
        );
    }
}
