//! Schedules over the changes of the clocks: what was foretold is what runs.

use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use jiff::Timestamp;
use serde_json::json;

use super::inside::Inside;
use super::kit::{Connector, text};

/// What is foretold at a time, and then happens, for some weeks around a change of the clocks.
async fn foretold_and_run(now: &str, runs: usize) {
    let simulator = Simulator::start(SimulatorOptions {
        tenant: TenantSpec::sized(20, 5, 40, 1),
        ..SimulatorOptions::default()
    })
    .unwrap();
    let inside = Inside::new(&[&simulator], now, |_| {}).await;
    let api = &inside.api;
    let connector = Connector::new(api, &simulator, "contoso").await;
    // In the hour that is left out in March and comes twice in October.
    let schedule = json!({
        "zone": "Europe/Berlin",
        "rhythm": { "kind": "cron", "expression": "30 2 * * *" },
    });
    let profile = json!({ "name": "nightly", "schedule": schedule, "baseline": "weekly" });
    let made = api
        .make(&connector.path("/profiles"), &profile)
        .await
        .unwrap();
    let wanted = json!({
        "schedule": schedule, "baseline": "weekly", "profile": made["id"], "count": runs,
    });
    let told = api.make("/schedule-preview", &wanted).await.unwrap();
    let planned = told["runs"].as_array().unwrap();
    assert_eq!(planned.len(), runs);
    for plan in planned {
        let at: Timestamp = text(&plan["at"]).parse().unwrap();
        let run = inside.run_of(&connector.id, at).await;
        assert_eq!(run["state"], "processed", "{run:#}");
        assert_eq!(run["mode"], plan["mode"], "{}: {run:#}", plan["local"]);
        assert_eq!(run["trigger"]["missed"], 0, "{run:#}");
        let day = simulator.truth().users.len();
        assert!(day > 0);
    }
    let all = api.all("/runs?limit=500").await.unwrap();
    assert_eq!(all.len(), runs, "nothing else ran");
    let modes = all.iter().filter(|run| run["mode"] == "snapshot").count();
    assert!((2..runs).contains(&modes), "{modes} snapshots");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_foretold_runs_when_clocks_go_forward() {
    foretold_and_run("2026-03-26T12:00:00Z", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_foretold_runs_when_clocks_go_back() {
    foretold_and_run("2026-10-22T12:00:00Z", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_were_missed_are_made_up_for_by_one_run() {
    let simulator = Simulator::start(SimulatorOptions {
        tenant: TenantSpec::sized(20, 5, 40, 1),
        ..SimulatorOptions::default()
    })
    .unwrap();
    let inside = Inside::new(&[&simulator], "2026-06-01T08:30:00Z", |_| {}).await;
    let api = &inside.api;
    let connector = Connector::new(api, &simulator, "contoso").await;
    let schedule = json!({
        "zone": "UTC",
        "rhythm": { "kind": "every", "count": 1, "unit": "hours", "start": "2026-06-01T09:00:00" },
    });
    let profile = json!({ "name": "hourly", "schedule": schedule });
    api.make(&connector.path("/profiles"), &profile)
        .await
        .unwrap();
    let at = "2026-06-02T09:00:00Z".parse().unwrap();
    let run = inside.run_of(&connector.id, at).await;
    assert_eq!(run["trigger"]["missed"], 24, "{run:#}");
    assert_eq!(api.all("/runs").await.unwrap().len(), 1);
}
