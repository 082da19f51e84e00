//! A host that is killed at any instant goes on from there.

use std::process::Stdio;
use std::time::Duration;

use harness::simulator::{Behaviour, Simulator, SimulatorOptions, TenantSpec};
use harness::{artefacts, host};
use serde_json::Value;

fn workplace(simulator: &Simulator) -> host::Workplace {
    host::Workplace::new(
        simulator,
        artefacts::tested_host().unwrap(),
        artefacts::component().unwrap(),
    )
    .unwrap()
}

/// The end of the run, after it was killed again and again at growing distances from its beginning.
async fn killed_again_and_again(workplace: &host::Workplace) -> (Value, usize) {
    let mut kills = 0;
    for wait in (1..).map(|n| Duration::from_millis(40 * n)) {
        let mut command = workplace.sync();
        command.args(["--report", "json", "--max-in-flight", "2"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if tokio::time::timeout(wait, child.wait()).await.is_err() {
            child.kill().await.unwrap();
            kills += 1;
            continue;
        }
        let output = child.wait_with_output().await.unwrap();
        return (host::report(&output).unwrap(), kills);
    }
    unreachable!("the waits grow without end");
}

async fn assert_equals_tenant(workplace: &host::Workplace, simulator: &Simulator) {
    let truth = simulator.truth();
    let ids = |records: Vec<Value>| -> std::collections::BTreeSet<String> {
        records
            .iter()
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(workplace.export("users", &[]).await.unwrap()),
        truth.grouped_users().into_keys().collect()
    );
    assert_eq!(
        ids(workplace.export("groups", &[]).await.unwrap()),
        truth.groups.into_keys().collect()
    );
    let held: std::collections::BTreeSet<(String, String)> = workplace
        .export("memberships", &[])
        .await
        .unwrap()
        .iter()
        .map(|m| {
            (
                m["group"].as_str().unwrap().to_owned(),
                m["member"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = truth
        .memberships
        .into_iter()
        .filter(|m| m.kind != harness::simulator::Kind::ServicePrincipal)
        .map(|m| (m.group, m.member))
        .collect();
    assert_eq!(held, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_snapshot_is_resumed_until_the_directory_equals_the_tenant() {
    let simulator = Simulator::start(SimulatorOptions {
        tenant: TenantSpec::sized(6_000, 400, 20_000, 4),
        ..SimulatorOptions::default()
    })
    .unwrap();
    simulator.set_latency(15, 0);
    killed_and_resumed(&simulator, &workplace(&simulator)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_delta_walk_is_resumed_until_the_directory_equals_the_tenant() {
    let simulator = Simulator::start(SimulatorOptions {
        tenant: TenantSpec::sized(2_000, 400, 10_000, 6),
        behaviour: Behaviour {
            delta_page_objects: 40,
            ..Behaviour::default()
        },
        ..SimulatorOptions::default()
    })
    .unwrap();
    simulator.set_latency(15, 0);
    let workplace = workplace(&simulator);
    let mut settings = host::settings(&simulator);
    settings["snapshotStrategy"] = "thrifty".into();
    workplace.settings(&settings).unwrap();
    killed_and_resumed(&simulator, &workplace).await;
}

/// A snapshot and an incremental run, both killed.
async fn killed_and_resumed(simulator: &Simulator, workplace: &host::Workplace) {
    let (report, kills) = killed_again_and_again(workplace).await;
    assert!(
        kills > 2,
        "killed {kills} times: too quick to prove anything"
    );
    assert_eq!(report["state"], "processed", "{report:#}");
    // A kill between the run's end and the program's leaves nothing to resume.
    assert!(
        report["resumed"] == true || report["mode"] == "incremental",
        "{report:#}"
    );
    assert_equals_tenant(workplace, simulator).await;

    simulator.churn(9, 1_000);
    let (report, _) = killed_again_and_again(workplace).await;
    assert_eq!(report["state"], "processed", "{report:#}");
    assert_eq!(report["mode"], "incremental");
    assert_equals_tenant(workplace, simulator).await;
}
