//! Tokens that are revoked, clocks that are wrong, and what may not be seen.

use std::time::Duration;

use connector_host::contract::FaultKind;
use connector_host::run::WantedMode;
use harness::simulator::{
    Expiry, FaultAction, FaultRule, HiddenMembers, Kind, SYNC_PERMISSIONS, SimulatorOptions,
    TenantSpec,
};

use super::{asked, join, new_group};
use crate::lab::{Lab, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_in_mid_run_is_renewed_once_for_all_parts() {
    let lab = Lab::new(SimulatorOptions {
        tenant: TenantSpec::sized(300, 600, 2_000, 3),
        ..SimulatorOptions::default()
    })
    .await;
    lab.simulator.set_latency(20, 0);
    let revoke = async {
        while asked(&lab, "/$batch") < 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        lab.simulator.expire(Expiry {
            access: true,
            keep_delta: true,
            ..Expiry::default()
        });
    };
    let (report, ()) = tokio::join!(lab.succeed(), revoke);
    assert!(lab.simulator.stats().client_errors > 0, "it was refused");
    assert_eq!(report.network.token_requests, 2, "{:#?}", report.network);
    lab.assert_equals_tenant("with a second token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_accepts_no_token_ends_the_run_with_an_authentication_fault() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let rule = FaultRule::new("/v1.0/", FaultAction::Unauthenticated);
    lab.simulator.inject(rule).unwrap();
    for mode in [WantedMode::Full, WantedMode::Auto] {
        let report = lab.sync(mode).await;
        assert_eq!(report.exit_code(), 2, "{report:#?}");
        let fault = report.fault.as_ref().unwrap();
        assert_eq!(fault.kind, FaultKind::Authentication);
        assert!(fault.message.contains("fresh token"), "{fault}");
        assert!(report.network.token_requests <= 3, "{:#?}", report.network);
        assert_eq!(lab.held().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_begins_and_ends_in_the_hosts_future_is_used_as_long_as_it_lives() {
    let lab = Lab::new(small()).await;
    // The service's clock, by which its tokens are dated.
    lab.simulator.advance_clock(30 * 24 * 3600);
    let report = lab.succeed().await;
    assert_eq!(report.network.token_requests, 1);
    lab.assert_equals_tenant("with clocks apart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_principals_are_left_out_of_listings_and_of_changes() {
    let lab = Lab::new(small()).await;
    let memberships = lab.simulator.truth().memberships;
    let principal = memberships
        .iter()
        .find(|m| m.kind == Kind::ServicePrincipal);
    let principal = &principal.unwrap().member;
    let held_none = async |when: &str| {
        let held = lab.held().await;
        assert!(held.memberships.iter().all(|m| &m.member != principal));
        lab.assert_equals_tenant(when).await;
    };
    lab.succeed().await;
    held_none("after listings").await;
    let group = new_group(&lab, "Machines");
    join(&lab, &group, principal);
    let report = lab.succeed().await;
    assert!(report.tally.groups.added > 0);
    held_none("after changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_type_that_may_not_be_read_count_by_their_id_alone() {
    let lab = Lab::new(small()).await;
    // Nothing here lets the application read devices.
    lab.simulator.set_permissions(SYNC_PERMISSIONS);
    lab.succeed().await;
    let held = lab.held().await;
    assert!(held.memberships.iter().any(|m| m.kind == Kind::Device));
    lab.assert_equals_tenant("devices included").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_members_are_never_taken_for_none() {
    for answer in [HiddenMembers::Empty, HiddenMembers::Forbidden] {
        let lab = Lab::new(small()).await;
        lab.succeed().await;
        let before = lab.held().await;
        let permissions = SYNC_PERMISSIONS.into_iter();
        lab.simulator
            .set_permissions(permissions.filter(|p| *p != "Member.Read.Hidden"));
        lab.simulator.edit_behaviour(|b| b.hidden_members = answer);
        let report = lab.sync(WantedMode::Full).await;
        assert_eq!(report.exit_code(), 3, "{report:#?}");
        assert!(!report.tally.unavailable.is_empty());
        assert!(!report.tally.memberships.complete);
        assert_eq!(before, lab.held().await, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_hidden_group_come_with_their_users_once_they_may_be_seen() {
    let lab = Lab::new(small()).await;
    let permissions = SYNC_PERMISSIONS.into_iter();
    lab.simulator
        .set_permissions(permissions.filter(|p| *p != "Member.Read.Hidden"));
    assert_eq!(lab.sync(WantedMode::Auto).await.exit_code(), 3);
    lab.simulator.set_permissions(SYNC_PERMISSIONS);
    lab.succeed().await;
    lab.assert_equals_tenant("with the permission").await;
}
