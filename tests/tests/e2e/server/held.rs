//! A run that would remove too much waits for somebody who is allowed to decide.

use harness::simulator::Operation;
use serde_json::{Value, json};

use super::kit::{Connector, Stage, exported, text};

/// A stage whose tenant lost a third of its users after the first run.
async fn decimated() -> (Stage, Connector, usize) {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.succeed(&connector).await;
    let doomed: Vec<_> = stage
        .simulator
        .truth()
        .grouped_users()
        .into_keys()
        .step_by(3)
        .collect();
    for id in &doomed {
        let id = id.clone();
        stage.simulator.mutate(&Operation::Delete { id }).unwrap();
    }
    (stage, connector, doomed.len())
}

async fn held(stage: &Stage, connector: &Connector) -> String {
    let run = stage.run(connector).await;
    assert_eq!(run["state"], "held", "{run:#}");
    text(&run["id"])
}

async fn users(stage: &Stage, connector: &Connector) -> usize {
    exported(&stage.api, &connector.id, "users").await.len()
}

fn decision(verdict: &str) -> Value {
    json!({ "verdict": verdict, "reason": "I looked at the list" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_removes_nothing_and_lists_what_it_would() {
    let (stage, connector, doomed) = decimated().await;
    let before = users(&stage, &connector).await;
    let run = held(&stage, &connector).await;
    assert_eq!(users(&stage, &connector).await, before);
    assert_eq!(connector.state(&stage.api).await, "held");
    let run = stage.api.read(&format!("/runs/{run}")).await.unwrap();
    let removals = &run["report"]["removals"];
    assert_eq!(removals["users"]["removed"], doomed);
    assert_eq!(removals["users"]["held"], before);
    let sample = removals["sample"]["users"].as_array().unwrap();
    assert!(!sample.is_empty(), "{removals:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_removal_is_not_made_and_the_next_run_is_held_again() {
    let (stage, connector, _) = decimated().await;
    let before = users(&stage, &connector).await;
    let run = held(&stage, &connector).await;
    let path = format!("/runs/{run}/decision");
    let rejected = stage.api.make(&path, &decision("reject")).await.unwrap();
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(rejected["decision"]["reason"], "I looked at the list");
    assert_eq!(users(&stage, &connector).await, before);
    let again = stage.api.post(&path, &decision("allow")).await.unwrap();
    assert_eq!(again.expect(409).unwrap()["code"], "run.not-held");
    held(&stage, &connector).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_removal_is_made_and_the_next_run_goes_on_from_there() {
    let (stage, connector, doomed) = decimated().await;
    let before = users(&stage, &connector).await;
    let run = held(&stage, &connector).await;
    let path = format!("/runs/{run}/decision");
    let allowed = stage.api.make(&path, &decision("allow")).await.unwrap();
    assert_eq!(allowed["state"], "processed");
    assert_eq!(users(&stage, &connector).await, before - doomed);
    stage
        .assert_equals_tenant(&connector, "after the removal")
        .await;
    let next = stage.succeed(&connector).await;
    assert_eq!(next["mode"], "incremental", "{next:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_only_look_decides_nothing_and_a_decision_needs_a_reason() {
    let (stage, connector, _) = decimated().await;
    let run = held(&stage, &connector).await;
    let path = format!("/runs/{run}/decision");
    let viewer = stage.server.role("viewer").await.unwrap();
    let refused = viewer.post(&path, &decision("allow")).await.unwrap();
    refused.expect(403).unwrap();
    let operator = stage.server.role("operator").await.unwrap();
    let unexplained = json!({ "verdict": "allow", "reason": "  " });
    let refused = operator.post(&path, &unexplained).await.unwrap();
    assert_eq!(refused.expect(422).unwrap()["errors"][0]["path"], "reason");
    operator.make(&path, &decision("allow")).await.unwrap();
    let lines = stage.api.all("/audit?action=run.").await.unwrap();
    let line = lines.iter().find(|line| line["action"] == "run.decide");
    let line = line.unwrap_or_else(|| panic!("no line about it: {lines:#?}"));
    assert_eq!(line["actor"]["kind"], "token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_run_takes_the_place_of_a_held_one() {
    let (stage, connector, _) = decimated().await;
    let first = held(&stage, &connector).await;
    let second = held(&stage, &connector).await;
    let old = stage.api.read(&format!("/runs/{first}")).await.unwrap();
    assert_eq!(old["state"], "superseded");
    assert_eq!(old["supersededBy"], second);
    let path = format!("/runs/{first}/decision");
    let late = stage.api.post(&path, &decision("allow")).await.unwrap();
    late.expect(409).unwrap();
}
