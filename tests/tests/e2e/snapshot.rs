//! The first run, and what it costs.

use std::collections::BTreeSet;

use connector_host::directory::Mode;
use connector_host::run::WantedMode;
use harness::simulator::{Kind, SimulatorOptions, TenantSpec};
use serde_json::json;

use crate::lab::{Lab, nasty, same_sets, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_brings_exactly_the_tenant() {
    let lab = Lab::new(small()).await;
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Snapshot);
    assert_eq!(report.reason, "no snapshot has succeeded yet");
    assert!(report.tally.users.complete && report.tally.groups.complete);
    assert!(report.tally.memberships.complete);
    lab.assert_equals_tenant("after the first snapshot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_an_unpleasant_service_brings_exactly_the_tenant() {
    for seed in 1..4 {
        let lab = Lab::new(nasty(seed)).await;
        lab.succeed().await;
        lab.assert_equals_tenant(&format!("seed {seed}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_beyond_a_page_are_not_cut_off() {
    let lab = Lab::new(SimulatorOptions {
        tenant: TenantSpec::sized(4_000, 12, 12_000, 3),
        ..SimulatorOptions::default()
    })
    .await;
    lab.succeed().await;
    lab.assert_equals_tenant("groups of thousands").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_snapshot_changes_nothing() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let report = lab.sync(WantedMode::Full).await;
    assert_eq!(report.mode, Mode::Snapshot);
    assert_eq!(report.tally.users.added + report.tally.users.updated, 0);
    assert_eq!(report.tally.groups.added + report.tally.groups.updated, 0);
    assert_eq!(report.tally.memberships.added, 0);
    assert_eq!(report.tally.memberships.removed, 0);
    assert_eq!(before, lab.held().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_snapshot_finds_what_changed_in_between() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.simulator.churn(5, 60);
    lab.sync(WantedMode::Full).await;
    lab.assert_equals_tenant("after a snapshot over changes")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn works_over_tls_with_a_private_authority() {
    let lab = Lab::new(SimulatorOptions {
        tls: true,
        ..small()
    })
    .await;
    lab.succeed().await;
    lab.assert_equals_tenant("over TLS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_configured_groups_come_with_their_users() {
    let mut lab = Lab::new(small()).await;
    let chosen: Vec<String> = lab
        .simulator
        .truth()
        .groups
        .into_keys()
        .step_by(7)
        .collect();
    lab.settings["groups"] = json!(chosen);
    let report = lab.succeed().await;
    lab.assert_equals_configured(&chosen, "configured").await;
    assert!(
        !report
            .network
            .requests_by_route
            .contains_key("GET /v1.0/users"),
        "{:#?}",
        report.network
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_groups_are_resolved_through_cycles() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let truth = lab.simulator.truth();
    let mut members: std::collections::BTreeMap<&str, Vec<(&str, Kind)>> = Default::default();
    for m in &truth.memberships {
        if m.kind != Kind::ServicePrincipal {
            members
                .entry(&m.group)
                .or_default()
                .push((&m.member, m.kind));
        }
    }
    let mut expected = BTreeSet::new();
    for group in truth.groups.keys() {
        let mut seen = BTreeSet::from([group.as_str()]);
        let mut open = vec![group.as_str()];
        while let Some(next) = open.pop() {
            for (member, kind) in members.get(next).into_iter().flatten() {
                if seen.insert(member) {
                    expected.insert((group.clone(), (*member).to_owned()));
                    if *kind == Kind::Group {
                        open.push(member);
                    }
                }
            }
        }
    }
    let held = lab
        .effective()
        .await
        .into_iter()
        .map(|m| (m.group, m.member))
        .collect();
    same_sets("effective memberships", "", &expected, &held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_joins_a_user_with_its_groups() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let held = lab.held().await;
    let documents = lab.documents().await;
    assert_eq!(documents.len(), held.users.len());
    let mut joined = BTreeSet::new();
    for document in &documents {
        let user = document["externalId"].as_str().unwrap();
        for group in document["groupInfo"].as_array().unwrap() {
            joined.insert((
                group["idpGroup"].as_str().unwrap().to_owned(),
                user.to_owned(),
            ));
        }
    }
    let expected = held
        .memberships
        .into_iter()
        .filter(|m| m.kind == Kind::User)
        .map(|m| (m.group, m.member))
        .collect();
    same_sets("groupInfo", "documents", &expected, &joined);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_stays_small_and_the_calls_are_few() {
    let lab = Lab::new(SimulatorOptions {
        tenant: TenantSpec::sized(5_000, 500, 50_000, 2),
        ..SimulatorOptions::default()
    })
    .await;
    let report = lab.succeed().await;
    assert!(
        report.peak_instance_memory < 32 << 20,
        "{} bytes",
        report.peak_instance_memory
    );
    // 6 pages of users, 1 of groups, 25 batches of 20 groups, 4 deltas, and what large groups need.
    assert!(report.network.requests < 60, "{:#?}", report.network);
}
