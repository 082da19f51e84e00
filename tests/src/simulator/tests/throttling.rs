//! Resource units over HTTP.

use super::*;

#[tokio::test]
async fn answers_say_what_they_cost_and_the_quota_ends_in_429() {
    let api = Api::small().await;
    let group = group_where(&api.simulator.truth(), |_, _| true);
    let members = format!("/groups/{group}/members?$select=id&$top=999");
    assert_eq!(
        api.get(&members).await.header("x-ms-resource-unit"),
        Some("2")
    );
    assert_eq!(
        api.get("/users").await.header("x-ms-resource-unit"),
        Some("2")
    );
    assert_eq!(
        api.get("/groups").await.header("x-ms-resource-unit"),
        Some("1")
    );
    api.simulator.reset_stats();
    api.simulator.set_quota(Quota::Custom(20));
    let mut good = 0;
    let throttled = loop {
        let answer = api.get(&members).await;
        if answer.status == 429 {
            break answer;
        }
        good += 1;
    };
    assert!((10..=11).contains(&good), "{good}");
    assert!(
        ["1", "2"].contains(&throttled.header("retry-after").unwrap()),
        "whole seconds"
    );
    assert!(
        throttled
            .header("x-ms-throttle-scope")
            .unwrap()
            .starts_with("Tenant_Application/ReadWrite/")
    );
    assert_eq!(throttled.code(), "TooManyRequests");
    let stats = api.simulator.stats();
    assert_eq!((stats.throttled, stats.resource_units), (1, good * 2));
}

#[tokio::test]
async fn the_waiting_time_is_named_as_configured_or_not_at_all() {
    let api = Api::small().await;
    api.simulator.set_quota(Quota::Custom(1));
    api.get("/groups").await;
    api.simulator
        .edit_behaviour(|behaviour| behaviour.retry_after = RetryAfter::Never);
    assert_eq!(api.get("/groups").await.header("retry-after"), None);
    api.simulator
        .edit_behaviour(|behaviour| behaviour.retry_after = RetryAfter::Fractional);
    assert!(
        api.get("/groups")
            .await
            .header("retry-after")
            .unwrap()
            .contains('.')
    );
}

#[tokio::test]
async fn latency_holds_every_request_up_but_not_one_behind_the_other() {
    let api = Api::small().await;
    api.simulator.set_latency(60, 0);
    let start = std::time::Instant::now();
    let calls: Vec<_> = (0..8).map(|_| api.get("/groups?$top=1")).collect();
    let mut calls = calls.into_iter();
    let mut next = || calls.next().unwrap();
    tokio::join!(
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
        next(),
        next()
    );
    assert!(start.elapsed() >= std::time::Duration::from_millis(60));
    assert!(start.elapsed() < std::time::Duration::from_millis(400));
    assert!(api.simulator.stats().max_concurrent >= 2);
}

#[tokio::test]
async fn errors_carry_what_support_asks_for() {
    let api = Api::small().await;
    let answer = api
        .try_get("/groups/not-an-id", &[("client-request-id", "my-request")])
        .await
        .unwrap();
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "Request_BadRequest");
    assert_eq!(error["innerError"]["client-request-id"], "my-request");
    assert_eq!(answer.header("client-request-id"), Some("my-request"));
    assert_eq!(
        error["innerError"]["request-id"],
        answer.header("request-id").unwrap()
    );
    assert!(
        !error["innerError"]["date"].as_str().unwrap().contains('Z'),
        "the date has no zone"
    );
}
