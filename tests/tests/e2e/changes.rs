//! Incremental runs: only what changed, and nothing missed.

use std::collections::BTreeSet;

use connector_host::directory::Mode;
use connector_host::run::WantedMode;
use harness::simulator::{Expiry, FaultAction, FaultRule, Operation};
use serde_json::json;

use crate::lab::{Lab, nasty, small, status};

#[tokio::test(flavor = "multi_thread")]
async fn after_each_of_fifty_batches_of_changes_the_directory_equals_the_tenant() {
    let mut lab = Lab::new(nasty(21)).await;
    // A batch may well remove more than a fifth of so small a tenant.
    lab.allow_mass_change = true;
    lab.succeed().await;
    for batch in 0..50 {
        lab.simulator.churn(batch, 25);
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
        lab.assert_equals_tenant(&format!("after batch {batch}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_changes_costs_exactly_two_calls() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.simulator.reset_stats();
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental);
    assert_eq!(report.network.requests, 2, "{:#?}", report.network);
    assert_eq!(report.tally.users.added + report.tally.users.updated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_user_whose_groups_could_not_be_read_gets_them_in_the_next_run() {
    let lab = Lab::new(small()).await;
    let truth = lab.simulator.truth();
    let member = truth
        .memberships
        .iter()
        .find(|m| truth.users.contains_key(&m.member))
        .unwrap();
    let id = member.member.clone();
    lab.simulator
        .mutate(&Operation::Delete { id: id.clone() })
        .unwrap();
    lab.succeed().await;
    lab.simulator.mutate(&Operation::Restore { id }).unwrap();
    let broken = FaultRule::new(r"/\$batch", status(403, "Authorization_RequestDenied"));
    lab.simulator.inject(broken).unwrap();
    let report = lab.sync(WantedMode::Auto).await;
    assert!(!report.failures.is_empty(), "{report:#?}");
    assert!(!lab.held().await.memberships.contains(member));
    lab.simulator.clear_faults();
    lab.succeed().await;
    lab.assert_equals_tenant("after the next run").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_of_groups_are_those_of_the_tenant_after_a_snapshot_and_after_a_change() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.assert_equals_tenant("after the snapshot").await;
    let held = lab.held().await;
    let kinds: BTreeSet<&str> = held
        .groups
        .values()
        .filter_map(|group| group["groupKind"].as_str())
        .collect();
    assert!(
        kinds.len() > 3,
        "the tenant has groups of many kinds: {kinds:?}"
    );
    let of = |kind| {
        let mut groups = held.groups.iter();
        let found = groups.find(|(_, group)| group["groupKind"] == kind);
        found
            .unwrap_or_else(|| panic!("no group is {kind}"))
            .0
            .clone()
    };
    let (security, distribution) = (of("security"), of("distribution"));
    for (id, properties) in [
        (&security, json!({"groupTypes": ["DynamicMembership"]})),
        (&distribution, json!({"securityEnabled": true})),
    ] {
        let properties = properties.as_object().unwrap().clone();
        let id = id.clone();
        lab.simulator
            .mutate(&Operation::Update { id, properties })
            .unwrap();
    }
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental);
    let held = lab.held().await;
    assert_eq!(held.groups[&security]["groupKind"], "security-dynamic");
    assert_eq!(
        held.groups[&distribution]["groupKind"],
        "mail-enabled-security"
    );
    lab.assert_equals_tenant("after the change").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_without_a_snapshot_is_refused() {
    let lab = Lab::new(small()).await;
    let report = lab.sync(WantedMode::Incremental).await;
    assert_eq!(report.fault.unwrap().code, "run.no-cursor");
    assert_eq!(report.network.requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_start_a_snapshot_by_themselves() {
    let mut lab = Lab::new(small()).await;
    lab.allow_mass_change = true;
    lab.succeed().await;
    let some: Vec<String> = lab.simulator.truth().groups.into_keys().take(5).collect();
    lab.settings["groups"] = json!(some);
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Snapshot);
    assert!(report.reason.contains("settings"), "{}", report.reason);
    assert_eq!(lab.held().await.groups.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_groups_follow_changes() {
    let mut lab = Lab::new(nasty(31)).await;
    lab.allow_mass_change = true;
    let chosen: Vec<String> = lab
        .simulator
        .truth()
        .groups
        .into_keys()
        .step_by(3)
        .collect();
    lab.settings["groups"] = json!(chosen);
    lab.succeed().await;
    for batch in 0..10 {
        lab.simulator.churn(100 + batch, 25);
        lab.sync(WantedMode::Auto).await;
        lab.assert_equals_configured(&chosen, &format!("after batch {batch}"))
            .await;
    }
}

/// What Graph, the network and proxies do on a bad day.
fn bad_day(seed: u64) -> Vec<FaultRule> {
    [
        (r"/members\?", status(403, "Authorization_RequestDenied")),
        (r"/members\?", FaultAction::NotJson),
        (r"/(users|groups)\?", FaultAction::TruncatedJson),
        (r"/delta", FaultAction::MissingValue),
        (r"/delta", status(503, "serviceUnavailable")),
        (r"/v1.0/", FaultAction::Reset),
        (r"/v1.0/", FaultAction::Unauthenticated),
        (r"/\$batch", FaultAction::CutOff),
        (
            r"/v1.0/",
            FaultAction::Throttle {
                retry_after: Some("0.01".into()),
            },
        ),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (path, action))| FaultRule {
        probability: 0.05 + 0.02 * ((seed + n as u64) % 4) as f64,
        ..FaultRule::new(path, action).times(6)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_faults_and_changes_a_good_run_makes_the_directory_equal_the_tenant() {
    for seed in 0..3 {
        let mut lab = Lab::new(nasty(40 + seed)).await;
        lab.allow_mass_change = true;
        for round in 0..6 {
            for rule in bad_day(seed + round) {
                lab.simulator.inject(rule).unwrap();
            }
            lab.sync(WantedMode::Auto).await;
            lab.simulator.churn(1_000 * seed + round, 20);
            if round == 3 {
                lab.simulator.expire(Expiry::default());
            }
            lab.simulator.clear_faults();
        }
        lab.succeed().await;
        lab.assert_equals_tenant(&format!("seed {seed}")).await;
    }
}
