//! Signing in and out, over the API.

use serde_json::json;

use super::{credentials, sign_in};
use crate::access::testing::PASSWORD;
use crate::access::{AccessPolicy, CSRF_HEADER, OverTls, Role};
use crate::api::testing::{Host, ask};

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let host = Host::new().await;
    let set = sign_in(&host).await.headers["set-cookie"].clone();
    let set = set.to_str().unwrap();
    for part in [
        "connector_session=",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !set.contains("Domain"), "{set}");
    let request = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
    let answer = host.call(request.extension(OverTls)).await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("Secure"), "{set}");
}

#[tokio::test]
async fn whoever_signed_in_is_told_who_they_are_and_can_sign_out() {
    let host = Host::new().await;
    let answer = sign_in(&host).await;
    let cookie = answer.cookie().unwrap();
    let csrf = answer.json()["csrfToken"].as_str().unwrap().to_owned();
    let who = host
        .call(ask("GET", "/api/v1/session").cookie(&cookie))
        .await;
    assert_eq!(who.json(), answer.json());
    let out = ask("DELETE", "/api/v1/session").cookie(&cookie);
    let out = host.call(out.header(CSRF_HEADER, &csrf)).await;
    assert_eq!(out.status, 204);
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    let after = host
        .call(ask("GET", "/api/v1/session").cookie(&cookie))
        .await;
    assert_eq!(after.status, 401);
    let actions: Vec<String> = host
        .stage
        .plane
        .access
        .deeds()
        .await
        .into_iter()
        .map(|deed| deed.0)
        .collect();
    assert_eq!(actions, ["session.sign-in", "session.sign-out"]);
}

#[tokio::test]
async fn a_session_that_is_over_is_refused_and_forgotten_but_does_not_stand_in_the_way() {
    let host = Host::new().await;
    let old = ask("GET", "/api/v1/audit").cookie("of-a-session-that-is-over");
    let answer = host.call(old).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (401, "access.sign-in")
    );
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    let again = ask("POST", "/api/v1/session").cookie("of-a-session-that-is-over");
    let again = host.call(again.json(&credentials("root", PASSWORD))).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_change_needs_the_sessions_token_and_a_look_does_not() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Admin).await;
    let other = host.session_of("bert", Role::Admin).await;
    let cookie = secrecy::ExposeSecret::expose_secret(&session.cookie);
    let tokens = "/api/v1/tokens";
    let body = json!({"name": "x", "role": "viewer"});
    let looks = host.call(ask("GET", tokens).cookie(cookie)).await;
    assert_eq!(looks.status, 200);
    let without = host
        .call(ask("POST", tokens).cookie(cookie).json(&body))
        .await;
    assert_eq!(
        (without.status.as_u16(), without.code().as_str()),
        (403, "access.csrf")
    );
    let others = ask("POST", tokens)
        .session(&other)
        .cookie(cookie)
        .json(&body);
    assert_eq!(host.call(others).await.status, 403);
    let with = ask("POST", tokens).session(&session).json(&body);
    assert_eq!(host.call(with).await.status, 201);
}

#[tokio::test]
async fn another_site_can_neither_change_something_nor_sign_somebody_in() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Admin).await;
    let from_elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    for (header, value) in from_elsewhere {
        let change = ask("DELETE", "/api/v1/sessions").session(&session);
        let change = host.call(change.header(header, value)).await;
        assert_eq!(
            (change.status.as_u16(), change.code().as_str()),
            (403, "access.csrf")
        );
        let sign_in = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
        let sign_in = host.call(sign_in.header(header, value)).await;
        assert_eq!(
            (sign_in.status.as_u16(), sign_in.code().as_str()),
            (403, "access.csrf")
        );
    }
    let own = ask("DELETE", "/api/v1/sessions").session(&session);
    let own = host
        .call(own.header("origin", "https://sync.contoso.example"))
        .await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn changing_ones_own_password_needs_the_old_one_and_begins_a_new_session() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Viewer).await;
    let change = |old: &str| {
        let body = json!({"oldPassword": old, "newPassword": "another password"});
        ask("PUT", "/api/v1/session/password")
            .session(&session)
            .json(&body)
    };
    let wrong = host.call(change("not the old password")).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.json()["errors"][0]["path"], "oldPassword");
    let changed = host.call(change(PASSWORD)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    let old = host
        .call(ask("GET", "/api/v1/session").session(&session))
        .await;
    assert_eq!(old.status, 401);
    let cookie = changed.cookie().unwrap();
    let new = host
        .call(ask("GET", "/api/v1/session").cookie(&cookie))
        .await;
    assert_eq!(new.status, 200);
    let again = ask("POST", "/api/v1/session").json(&credentials("anna", "another password"));
    assert_eq!(host.call(again).await.status, 200);
}

#[tokio::test]
async fn own_sessions_are_listed_with_the_one_that_asks_marked() {
    let host = Host::new().await;
    let session = host.session_of("anna", Role::Viewer).await;
    let access = &host.stage.plane.access;
    access.test_session(&session.caller.user).await;
    let list = host
        .call(ask("GET", "/api/v1/sessions").session(&session))
        .await;
    let list = list.json();
    let current: Vec<bool> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["current"].as_bool().unwrap())
        .collect();
    assert_eq!(current, [false, true]);
}

#[tokio::test]
async fn too_many_attempts_are_told_to_wait() {
    let host = Host::new().await;
    let attempt = async |password| {
        let request = ask("POST", "/api/v1/session").json(&credentials("root", password));
        host.call(request.from("203.0.113.1")).await
    };
    for _ in 0..5 {
        assert_eq!(attempt("not that password").await.status, 401);
    }
    let answer = attempt(PASSWORD).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (429, "access.throttled")
    );
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_trusted_proxys_word_on_the_address_is_what_is_written_down() {
    let host = Host::under(AccessPolicy {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        ..AccessPolicy::default()
    })
    .await;
    host.stage.plane.access.test_user("root", Role::Admin).await;
    let request = ask("POST", "/api/v1/session").json(&credentials("root", "not that password"));
    let request = request
        .from("10.0.0.1")
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(host.call(request).await.status, 401);
    let filter = crate::audit::Filter::default();
    let lines = crate::audit::read(&host.stage.plane.database, &filter, 1)
        .await
        .unwrap();
    assert_eq!(lines[0].address.as_deref(), Some("203.0.113.9"));
}
