//! Runs that are ended in their middle: by somebody, by a signal, or by a failure of the power.

use harness::simulator::{SimulatorOptions, TenantSpec};
use http::Method;
use serde_json::json;

use super::kit::{Connector, Stage, text};

/// A tenant that takes a while to read.
async fn slow() -> (Stage, Connector) {
    let options = SimulatorOptions {
        tenant: TenantSpec::sized(3_000, 300, 12_000, 4),
        ..SimulatorOptions::default()
    };
    let stage = Stage::with(options, |setup| {
        setup
            .set("limits.all.inFlight", 2)
            .set("server.shutdownGrace", "20s")
    });
    let stage = stage.await;
    stage.simulator.set_latency(40, 0);
    let connector = stage.connector("contoso").await;
    (stage, connector)
}

async fn post(stage: &Stage, path: &str) -> harness::server::Answer {
    let any = [("if-match", "*")];
    let path = format!("/api/v1{path}");
    let answer = stage.api.call(Method::POST, &path, &any, None);
    answer.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_between_two_pages_and_removes_nothing() {
    let (stage, connector) = slow().await;
    let run = connector.start(&stage.api).await;
    stage.in_the_middle(&run).await;
    post(&stage, &format!("/runs/{run}/cancel"))
        .await
        .success()
        .unwrap();
    let ended = stage.server.ended(&run).await.unwrap();
    assert_eq!(ended["state"], "cancelled", "{ended:#}");
    assert_eq!(ended["cancelledBy"]["kind"], "token");
    assert_eq!(connector.state(&stage.api).await, "registered");
    let again = post(&stage, &format!("/runs/{run}/cancel")).await;
    assert_eq!(again.expect(409).unwrap()["code"], "run.ended");
    stage.simulator.set_latency(0, 0);
    stage.succeed(&connector).await;
    stage
        .assert_equals_tenant(&connector, "after a cancelled run")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_runs_once_at_a_time_and_is_not_disabled_meanwhile() {
    let (stage, connector) = slow().await;
    let run = connector.start(&stage.api).await;
    stage.in_the_middle(&run).await;
    let second = stage.api.post(&connector.path("/runs"), &json!({})).await;
    let problem = second.unwrap().expect(409).unwrap();
    assert_eq!(problem["code"], "run.open");
    assert!(text(&problem["detail"]).contains(&run), "{problem:#}");
    post(&stage, &connector.path("/disable"))
        .await
        .expect(409)
        .unwrap();
    stage.simulator.set_latency(0, 0);
    let ended = stage.server.ended(&run).await.unwrap();
    assert_eq!(ended["state"], "processed", "{ended:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_connector_ignores_its_schedule_but_runs_when_asked() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    post(&stage, &connector.path("/pause"))
        .await
        .success()
        .unwrap();
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let profile = json!({
        "name": "soon",
        "schedule": { "zone": "UTC", "rhythm": { "kind": "once", "at": soon.strftime("%FT%T").to_string() } },
    });
    stage
        .api
        .make(&connector.path("/profiles"), &profile)
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert!(stage.api.all("/runs").await.unwrap().is_empty());
    stage.succeed(&connector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_after_the_server_is_killed_and_the_directory_equals_the_tenant() {
    let (mut stage, connector) = slow().await;
    let run = connector.start(&stage.api).await;
    stage.in_the_middle(&run).await;
    stage.server.kill().await.unwrap();
    stage.simulator.set_latency(0, 0);
    stage.start_again().await;
    let ended = stage.server.ended(&run).await.unwrap();
    assert_eq!(ended["state"], "processed", "{ended:#}");
    assert_eq!(ended["attempts"], 2, "{ended:#}");
    assert_eq!(ended["report"]["resumed"], true, "{ended:#}");
    stage
        .assert_equals_tenant(&connector, "after the kill")
        .await;
    assert_eq!(stage.api.all("/runs").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_to_stop_leaves_the_run_to_the_next_one() {
    let (mut stage, connector) = slow().await;
    let run = connector.start(&stage.api).await;
    stage.in_the_middle(&run).await;
    let status = stage.server.stop().await.unwrap();
    assert!(status.success(), "{status}");
    stage.simulator.set_latency(0, 0);
    stage.start_again().await;
    let ended = stage.server.ended(&run).await.unwrap();
    assert_eq!(ended["state"], "processed", "{ended:#}");
    assert_eq!(ended["report"]["resumed"], true, "{ended:#}");
    stage
        .assert_equals_tenant(&connector, "after the stop")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_came_due_while_the_server_was_down_is_made_up_for_once() {
    let mut stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    let at = soon.strftime("%FT%T").to_string();
    let profile = json!({
        "name": "soon",
        "schedule": { "zone": "UTC", "rhythm": { "kind": "once", "at": at } },
    });
    stage
        .api
        .make(&connector.path("/profiles"), &profile)
        .await
        .unwrap();
    stage.server.stop().await.unwrap();
    let rest = soon.duration_since(jiff::Timestamp::now());
    tokio::time::sleep(rest.try_into().unwrap_or_default()).await;
    stage.start_again().await;
    let what = "the missed run is there";
    let run = stage
        .server
        .eventually(what, async || Ok(stage.api.all("/runs").await?.pop()));
    let run = run.await.unwrap();
    assert_eq!(run["trigger"]["kind"], "schedule", "{run:#}");
    let ended = stage.server.ended(&text(&run["id"])).await.unwrap();
    assert_eq!(ended["state"], "processed", "{ended:#}");
    stage.server.kill().await.unwrap();
    stage.start_again().await;
    assert_eq!(stage.api.all("/runs").await.unwrap().len(), 1, "once");
}
