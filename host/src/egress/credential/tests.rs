use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Json, Router,
    http::{HeaderMap as Headers, StatusCode},
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use futures::future::join_all;
use serde_json::json;

use super::{super::testing::*, *};
use crate::egress::{Egress, Gateway, Limits, SendErrorKind};

fn jwt(claims: &serde_json::Value, number: usize) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.c2lnbmF0dXJl{number}",
        part(&json!({ "alg": "none" })),
        part(claims)
    )
}

/// A gateway whose token endpoint and only origin is this server.
fn open(base: &str) -> Arc<Gateway> {
    let mut wanted = connection(&[base]);
    wanted.authentication = client_credentials(&format!("{base}/token"), &[base]);
    let egress = Egress::new(options(&[base])).unwrap();
    egress
        .gateway(wanted, &[], secrets(), Limits::default())
        .unwrap()
}

/// A token endpoint that numbers its tokens, and an API that shows the token it got.
async fn issuer(life: u64, delay: Duration) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let token = move |form: String| async move {
        assert_eq!(
            form,
            format!(
                "grant_type=client_credentials&scope=https%3A%2F%2Fdirectory.contoso.example%2F.default\
                 &client_id=client&client_secret={SECRET}"
            )
        );
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(delay).await;
        let token = jwt(&json!({ "roles": ["Group.Read", "User.Read"] }), number);
        Json(json!({ "token_type": "Bearer", "expires_in": life, "access_token": token }))
    };
    let shown = |headers: Headers| async move {
        // The end of the token, which alone is no secret.
        let value = headers
            .get("authorization")
            .map_or("none", |value| value.to_str().unwrap());
        value.rsplit("c2lnbmF0dXJl").next().unwrap().to_owned()
    };
    (
        serve(
            Router::new()
                .route("/token", post(token))
                .route("/shown", get(shown)),
        )
        .await,
        count,
    )
}

async fn shown(gateway: &Gateway, base: &str) -> String {
    read(
        gateway
            .send(super::super::testing::get(&format!("{base}/shown")))
            .await
            .unwrap(),
    )
    .await
    .unwrap()
}

/// A token endpoint with these answers in turn, the last for ever.
async fn answers(list: Vec<(u16, &'static str, &'static str)>) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let token = move || async move {
        let number = counter.fetch_add(1, Ordering::Relaxed).min(list.len() - 1);
        let (status, retry_after, body) = list[number];
        let mut headers = Headers::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        if !retry_after.is_empty() {
            headers.insert("retry-after", retry_after.parse().unwrap());
        }
        (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
    };
    (
        serve(Router::new().route("/token", post(token))).await,
        count,
    )
}

const GOOD: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"opaque-token-1"}"#;

#[tokio::test]
async fn many_callers_share_one_token_request() {
    let (base, count) = issuer(3600, Duration::from_millis(100)).await;
    let gateway = open(&base);
    let grants = join_all((0..32).map(|_| {
        let gateway = Arc::clone(&gateway);
        tokio::spawn(async move { gateway.ready().await })
    }))
    .await;
    for grant in grants {
        let grant = grant.unwrap().unwrap();
        assert_eq!(grant.roles, ["Group.Read", "User.Read"]);
        assert!(
            (3590..=3600).contains(&grant.expires_in),
            "{}",
            grant.expires_in
        );
    }
    let bodies = join_all((0..32).map(|_| shown(&gateway, &base))).await;
    assert!(bodies.iter().all(|body| body == "1"), "{bodies:?}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let usage = gateway.usage();
    assert_eq!((usage.requests, usage.token_requests), (32, 1));
}

#[tokio::test]
async fn the_first_request_gets_a_token_by_itself() {
    let (base, count) = issuer(3600, Duration::ZERO).await;
    assert_eq!(shown(&open(&base), &base).await, "1");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_token_is_renewed_some_minutes_before_its_end() {
    let (base, _) = issuer(3600, Duration::ZERO).await;
    let gateway = open(&base);
    for (time, number) in [(0, "1"), (3290, "1"), (11, "2"), (3290, "2"), (11, "3")] {
        pass(Duration::from_secs(time)).await;
        assert_eq!(shown(&gateway, &base).await, number);
    }
}

#[tokio::test]
async fn a_token_of_short_life_is_renewed_at_four_fifths_of_it() {
    let (base, _) = issuer(100, Duration::ZERO).await;
    let gateway = open(&base);
    for (time, number) in [(0, "1"), (75, "1"), (6, "2")] {
        pass(Duration::from_secs(time)).await;
        assert_eq!(shown(&gateway, &base).await, number);
    }
}

#[tokio::test]
async fn a_renewal_that_has_just_been_done_is_not_repeated() {
    let (base, count) = issuer(3600, Duration::ZERO).await;
    let gateway = open(&base);
    for expected in [1, 2] {
        let renewals = join_all((0..8).map(|_| gateway.renew())).await;
        assert!(renewals.iter().all(Result::is_ok));
        assert_eq!(count.load(Ordering::Relaxed), expected);
        pass(Duration::from_secs(11)).await;
    }
    assert_eq!(shown(&gateway, &base).await, "2");
}

#[tokio::test]
async fn a_token_that_the_source_refuses_is_renewed_however_young_it_is_and_once_for_all() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let token = move || async move {
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let token = format!("opaque-token-{number}");
        Json(json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token }))
    };
    let picky = |headers: Headers| async move {
        match headers.get("authorization").unwrap().to_str().unwrap() {
            "Bearer opaque-token-1" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::NO_CONTENT,
        }
    };
    let base = serve(
        Router::new()
            .route("/token", post(token))
            .route("/picky", get(picky)),
    )
    .await;
    let gateway = open(&base);
    let ask = || async {
        let request = super::super::testing::get(&format!("{base}/picky"));
        gateway.send(request).await.unwrap().status()
    };
    for status in join_all((0..8).map(|_| ask())).await {
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for renewed in join_all((0..8).map(|_| gateway.renew())).await {
        renewed.unwrap();
    }
    assert_eq!(ask().await, StatusCode::NO_CONTENT);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_waiter_that_gives_up_does_not_stop_the_others() {
    let (base, _) = issuer(3600, Duration::from_millis(100)).await;
    let gateway = open(&base);
    let hasty = tokio::time::timeout(Duration::from_millis(20), gateway.ready());
    let (hasty, patient) = tokio::join!(hasty, gateway.ready());
    assert!(hasty.is_err());
    patient.unwrap();
}

#[tokio::test]
async fn a_definite_refusal_is_told_without_the_secret_and_remembered() {
    const REFUSED: &str = r#"{"error":"invalid_client","error_description":"The secret hunter2-hunter2-hunter2 is wrong.\r\nTrace: 1"}"#;
    let (base, count) = answers(vec![(401, "", REFUSED)]).await;
    let gateway = open(&base);
    let all = join_all((0..32).map(|_| gateway.ready())).await;
    for refusal in all {
        let refusal = refusal.unwrap_err();
        assert_eq!(
            (refusal.status, refusal.error.as_str()),
            (401, "invalid_client")
        );
        assert_eq!(
            refusal.description,
            "The secret [redacted] is wrong.  Trace: 1"
        );
    }
    assert!(gateway.renew().await.is_err());
    let error = gateway
        .send(super::super::testing::get(&base))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Credential);
    assert_eq!(count.load(Ordering::Relaxed), 1);
    pass(Duration::from_secs(31)).await;
    assert!(gateway.ready().await.is_err());
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn transient_failures_are_tried_again_a_few_times() {
    for first in [
        (503, "0.1", "<html>busy</html>"),
        (429, "0.1", "{}"),
        (400, "0.1", r#"{"error":"temporarily_unavailable"}"#),
    ] {
        let (base, count) = answers(vec![first, (200, "", GOOD)]).await;
        open(&base).ready().await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2, "{first:?}");
    }
    let (base, count) = answers(vec![(500, "0.05", "<html>down</html>")]).await;
    let gateway = open(&base);
    let refusal = gateway.ready().await.unwrap_err();
    assert_eq!((refusal.status, refusal.error.as_str()), (500, "malformed"));
    assert!(
        refusal.description.contains("<html>down</html>"),
        "{}",
        refusal.description
    );
    assert!(gateway.ready().await.is_err());
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_long_pause_is_not_slept_through() {
    let (base, count) = answers(vec![(429, "120", r#"{"error":"slow_down"}"#)]).await;
    let refusal = open(&base).ready().await.unwrap_err();
    assert_eq!((refusal.status, refusal.error.as_str()), (429, "slow_down"));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn answers_that_are_no_token_are_malformed_and_not_quoted() {
    for body in [
        r#"{"access_token":"opaque-token-1"}"#,
        r#"{"token_type":"mac","access_token":"opaque-token-1"}"#,
        r#"{"token_type":"Bearer","access_token":"opaque\ntoken-1"}"#,
        "",
    ] {
        let (base, _) = answers(vec![(200, "", body)]).await;
        let refusal = open(&base).ready().await.unwrap_err();
        assert_eq!(
            (refusal.status, refusal.error.as_str()),
            (200, "malformed"),
            "{body}"
        );
        assert!(
            !refusal.description.contains("token-1"),
            "{}",
            refusal.description
        );
    }
}

#[tokio::test]
async fn a_token_endpoint_that_redirects_is_not_followed() {
    let seen = Seen::default();
    let elsewhere = seen.clone();
    let router = Router::new()
        .route(
            "/token",
            post(|| async { Redirect::temporary("/elsewhere") }),
        )
        .route(
            "/elsewhere",
            post(move || async move { elsewhere.push("followed") }),
        );
    let base = serve(router).await;
    let refusal = open(&base).ready().await.unwrap_err();
    assert_eq!((refusal.status, refusal.error.as_str()), (307, "malformed"));
    assert!(seen.lines().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_nobody_serves_is_unreachable() {
    let refusal = open("http://127.0.0.1:9").ready().await.unwrap_err();
    assert_eq!((refusal.status, refusal.error.as_str()), (0, "unreachable"));
}

#[tokio::test]
async fn an_endpoint_at_a_private_address_is_denied() {
    let mut wanted = connection(&[]);
    wanted.authentication = client_credentials("https://login.contoso.example/token", &[]);
    let egress = Egress::with_lookup(
        options(&[]),
        names(&[("login.contoso.example", "10.0.0.1")]),
    )
    .unwrap();
    let gateway = egress
        .gateway(
            wanted,
            &["login.contoso.example".to_owned()],
            secrets(),
            Limits::default(),
        )
        .unwrap();
    let refusal = gateway.ready().await.unwrap_err();
    assert_eq!((refusal.status, refusal.error.as_str()), (0, "denied"));
    assert!(
        refusal
            .description
            .contains("--allow-origin https://login.contoso.example"),
        "{refusal}"
    );
}

#[tokio::test]
async fn an_old_token_serves_while_the_endpoint_is_down() {
    let (base, count) = answers(vec![(200, "", GOOD), (429, "120", "{}")]).await;
    let gateway = open(&base);
    gateway.ready().await.unwrap();
    pass(Duration::from_secs(3400)).await;
    assert!(gateway.ready().await.unwrap().expires_in <= 200);
    assert!(
        gateway.renew().await.is_err(),
        "but not where the source has refused it"
    );
    assert_eq!(count.load(Ordering::Relaxed), 2);
    pass(Duration::from_secs(200)).await;
    assert!(gateway.ready().await.is_err());
}

#[test]
fn roles_come_from_a_jwt_and_from_nothing_else() {
    assert_eq!(
        roles(&jwt(&json!({ "roles": ["A", "B", 3] }), 1)),
        ["A", "B"]
    );
    assert_eq!(roles(&jwt(&json!({ "scp": "A B" }), 1)), ["A", "B"]);
    assert_eq!(roles(&jwt(&json!({ "scope": "A" }), 1)), ["A"]);
    assert_eq!(roles(&jwt(&json!({ "sub": "x" }), 1)), [""; 0]);
    for text in ["opaque", "a.b.c", "a.b", "", "....", "e30.e30.e30.e30"] {
        assert!(roles(text).is_empty(), "{text}");
    }
}

#[tokio::test]
async fn an_earlier_token_is_hidden_too() {
    let (base, _) = issuer(3600, Duration::ZERO).await;
    let gateway = open(&base);
    for number in 1..=3 {
        gateway.renew().await.unwrap();
        let earlier = jwt(&json!({ "roles": ["Group.Read", "User.Read"] }), number);
        pass(Duration::from_secs(11)).await;
        gateway.renew().await.unwrap();
        assert!(gateway.hides(&earlier));
        pass(Duration::from_secs(11)).await;
    }
}
