//! Crimes of quantity over the network: how many requests, how large, how slow.

use connector_host::contract::FaultKind;
use connector_host::directory::RunState;
use connector_host::plugin::CallError;
use serde_json::json;

use super::{Den, fault_of, kind_and_code};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_a_few_are_taken_and_the_others_told_so() {
    let den = Den::new().await;
    let never = den.server.url("/never");
    for order in [
        json!({ "crime": "in-parallel", "n": 150, "target": never }),
        // Each with a body of a megabyte, which the host holds.
        json!({ "crime": "in-parallel", "n": 100, "count": 1 << 20, "target": never }),
    ] {
        let refused = order["n"].as_u64().unwrap() - 8;
        let report = den.crime("parallel", order).await;
        assert_eq!(report.state, RunState::Processed);
        let seen: Vec<&str> = report.log.iter().map(|line| line.text.as_str()).collect();
        let expected = [
            format!("{refused} times ConnectionLimitReached"),
            "8 times no answer yet".into(),
        ];
        assert_eq!(seen, expected);
        // Of those eight, four were under way and four waited.
        assert_eq!(report.network.in_flight_peak, 4);
        den.assert_innocent("parallel").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_requests_end_with_what_the_host_keeps_for_an_instance() {
    let den = Den::new().await;
    let order = json!({ "crime": "in-parallel", "n": 5_000, "target": den.server.url("/never") });
    let fault = den.fails("parallel", order).await;
    let full = CallError::Trap("resource table has no free keys".into());
    assert_eq!(fault, fault_of(full));
    // Those that waited may still leave while the instance is taken apart.
    assert!(den.server.count("/never") <= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_s_body_has_its_size() {
    let den = Den::new().await;
    let port = den.server.port();
    let attempt = |bytes: usize| {
        json!({
            "method": "POST", "authority": format!("127.0.0.1:{port}"), "path": "/post", "body": bytes,
        })
    };
    let order =
        json!({ "crime": "attempts", "attempts": [attempt(1 << 20), attempt((1 << 20) + 1)] });
    let seen = den.checks("body", order).await;
    assert_eq!(
        seen,
        [
            "status 200 x-path /post",
            "no response: HttpRequestBodySize"
        ]
    );
    assert_eq!(den.server.count("/post"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_a_run_are_counted_down_and_refused_ones_too() {
    let den = Den::new().await;
    let order = json!({ "crime": "fetch", "n": 8, "target": den.server.url("/again") });
    let report = den.crime("run", order).await;
    assert_eq!(report.state, RunState::Processed);
    let mut expected = vec!["status 200: 4 bytes"; 5];
    expected.extend(["no response: ConnectionLimitReached"; 3]);
    let seen: Vec<&str> = report.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(seen, expected);
    assert_eq!((report.network.attempts, report.network.requests), (8, 5));
    let order = json!({ "crime": "fetch", "n": 8, "target": "http://127.0.0.1:1/" });
    let seen = den.run("run", &order).await.log;
    assert_eq!(seen[4].text, "no response: HttpRequestDenied");
    assert_eq!(seen[5].text, "no response: ConnectionLimitReached");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_where_its_limit_is() {
    let den = Den::new().await;
    for (path, expected) in [
        ("/large", "broke off: HTTP response body size exceeds limit"),
        ("/large-declared", "no response: HttpResponseBodySize"),
        ("/bomb", "broke off: HTTP response body size exceeds limit"),
        ("/stuck", "broke off: HTTP response timeout"),
        (
            "/many-headers",
            "no response: HttpResponseHeaderSectionSize",
        ),
    ] {
        let order = json!({ "crime": "fetch", "target": den.server.url(path) });
        let report = den.crime("answer", order).await;
        assert_eq!(report.log[0].text, expected, "{path}");
        assert_eq!(report.state, RunState::Processed, "{path}");
        // A bomb is counted by what comes out of it, and no more than a piece beyond the limit.
        assert!(report.network.bytes_received < 2 << 20, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_of_a_run_have_a_limit_together() {
    let den = Den::new().await;
    let order = json!({ "crime": "fetch", "n": 12, "target": den.server.url("/again") });
    let report = den.crime("received", order).await;
    let mut expected = vec!["status 200: 4 bytes"; 10];
    expected.extend(["broke off: connection limit reached"; 2]);
    let seen: Vec<&str> = report.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(seen, expected);
    assert_eq!(report.state, RunState::Processed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_drips_for_ever_meets_the_wall_clock() {
    let den = Den::new().await;
    let order = json!({ "crime": "fetch", "target": den.server.url("/loris") });
    let fault = den.fails("wall", order).await;
    assert_eq!(fault, fault_of(CallError::Wall(1_000)));
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Transient, "plugin.deadline")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_answers_are_waited_for_and_cost_no_cpu() {
    let den = Den::new().await;
    let order = json!({ "crime": "fetch", "n": 15, "target": den.server.url("/slow") });
    let report = den.crime("cpu", order).await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    assert_eq!(den.server.count("/slow"), 15);
}
