//! Every step of a connector from state to state, as the API tells it: from where, to where, why, and by whom.

use harness::simulator::{DEMO_CLIENT_SECRET, Operation};
use serde_json::{Value, json};

use super::kit::{Connector, Stage, text};

/// A step: the states before and after, the event, and what kind of actor caused it.
type Step = (Option<String>, String, String, String);

fn step(from: &str, to: &str, event: &str, actor: &str) -> Step {
    (
        Some(from.to_owned()).filter(|from| !from.is_empty()),
        to.into(),
        event.into(),
        actor.into(),
    )
}

/// All steps of a connector, oldest first. Each has a cause for people.
async fn steps(stage: &Stage, connector: &Connector) -> Vec<Step> {
    let mut steps = stage
        .api
        .all(&connector.path("/transitions"))
        .await
        .unwrap();
    steps.reverse();
    let told = |step: &Value| {
        assert!(text(&step["cause"]).len() > 5, "a cause in {step}");
        assert!(
            !text(&step["actor"]["name"]).is_empty(),
            "an actor in {step}"
        );
        (
            step.get("from").map(text),
            text(&step["to"]),
            text(&step["event"]),
            text(&step["actor"]["kind"]),
        )
    };
    steps.iter().map(told).collect()
}

async fn post(stage: &Stage, path: &str) {
    let any = [("if-match", "*")];
    let path = format!("/api/v1{path}");
    let answer = stage.api.call(http::Method::POST, &path, &any, None).await;
    answer.unwrap().success().unwrap();
}

/// A schedule that is years away.
fn far_away() -> Value {
    json!({ "zone": "UTC", "rhythm": { "kind": "once", "at": "2090-01-01T00:00:00" } })
}

async fn delete_a_third(stage: &Stage) {
    for id in stage
        .simulator
        .truth()
        .grouped_users()
        .into_keys()
        .step_by(3)
    {
        stage.simulator.mutate(&Operation::Delete { id }).unwrap();
    }
}

async fn decide(stage: &Stage, run: &Value, verdict: &str) {
    let path = format!("/runs/{}/decision", text(&run["id"]));
    let decision = json!({ "verdict": verdict, "reason": "I looked at the list" });
    stage.api.make(&path, &decision).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_goes_through_all_its_states_and_each_step_is_told() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    let mut expected = vec![step("", "registered", "created", "token")];

    // A profile with a schedule, without one, and with one again.
    let profile = connector.path(&format!("/profiles/{}", connector.profile));
    let schedule = json!({ "schedule": far_away() });
    stage
        .api
        .patch(&profile, &schedule)
        .await
        .unwrap()
        .success()
        .unwrap();
    post(&stage, &format!("{profile}/deactivate")).await;
    post(&stage, &format!("{profile}/activate")).await;
    expected.extend([
        step("registered", "scheduled", "scheduled", "token"),
        step("scheduled", "registered", "unscheduled", "token"),
        step("registered", "scheduled", "scheduled", "token"),
    ]);
    assert_eq!(steps(&stage, &connector).await, expected);

    // A run that succeeds, one that fails, and one that succeeds again.
    let runs = |from, end, event| {
        [
            step(from, "processing", "run-began", "token"),
            step("processing", end, event, "system"),
        ]
    };
    stage.succeed(&connector).await;
    expected.extend(runs("scheduled", "processed", "run-succeeded"));
    connector.secret(&stage.api, "not~the.secret").await;
    let failed = stage.run(&connector).await;
    assert_eq!(failed["fault"]["kind"], "authentication", "{failed:#}");
    expected.extend(runs("processed", "failed", "run-failed"));
    assert_eq!(connector.state(&stage.api).await, "failed");
    connector.secret(&stage.api, DEMO_CLIENT_SECRET).await;
    stage.succeed(&connector).await;
    expected.extend(runs("failed", "processed", "run-succeeded"));
    assert_eq!(steps(&stage, &connector).await, expected);

    // A run that is held and rejected, and one that is held and allowed.
    delete_a_third(&stage).await;
    let held = stage.run(&connector).await;
    assert_eq!(held["state"], "held", "{held:#}");
    expected.extend(runs("processed", "held", "run-held"));
    decide(&stage, &held, "reject").await;
    expected.extend([
        step("held", "registered", "run-dismissed", "token"),
        step("registered", "scheduled", "scheduled", "system"),
    ]);
    let held = stage.run(&connector).await;
    expected.extend(runs("scheduled", "held", "run-held"));
    decide(&stage, &held, "allow").await;
    expected.push(step("held", "processed", "run-succeeded", "token"));
    assert_eq!(steps(&stage, &connector).await, expected);

    // Disabled and enabled.
    post(&stage, &connector.path("/disable")).await;
    let refused = stage.api.post(&connector.path("/runs"), &json!({})).await;
    let refused = refused.unwrap().expect(409).unwrap();
    assert_eq!(refused["code"], "connector.disabled");
    post(&stage, &connector.path("/enable")).await;
    expected.extend([
        step("processed", "disabled", "disabled", "token"),
        step("disabled", "registered", "enabled", "token"),
        step("registered", "scheduled", "scheduled", "token"),
    ]);
    assert_eq!(steps(&stage, &connector).await, expected);
}
