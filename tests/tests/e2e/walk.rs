//! The other way to read all groups: the first rounds of the two delta queries.

use std::collections::BTreeSet;
use std::time::Duration;

use connector_host::directory::{Mode, RunState};
use connector_host::run::{Report, WantedMode};
use harness::simulator::{
    Expiry, FaultAction, FaultRule, Kind, Operation, SYNC_PERMISSIONS, SimulatorOptions, TenantSpec,
};

use crate::lab::{Lab, nasty, small, status};

const GROUPS: &str = "GET /v1.0/groups/delta";

/// A lab whose connector is to be thrifty, which with many groups to a user means a delta walk.
async fn thrifty(options: SimulatorOptions) -> Lab {
    let mut lab = Lab::new(options).await;
    lab.settings["snapshotStrategy"] = "thrifty".into();
    lab
}

fn many_small_groups() -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(300, 1_000, 3_000, 5),
        ..SimulatorOptions::default()
    }
}

fn was_a_walk(report: &Report) {
    assert_eq!(report.mode, Mode::Snapshot, "{}", report.reason);
    let note = report.note.as_deref().unwrap_or_default();
    assert!(note.contains("Delta walk: about"), "{note}");
}

/// Everybody who leads to a membership of a user.
fn memberships_of_users(lab: &Lab) -> Vec<(String, String)> {
    let truth = lab.simulator.truth();
    let users = truth
        .memberships
        .into_iter()
        .filter(|m| m.kind == Kind::User);
    users.map(|m| (m.group, m.member)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_walk_brings_exactly_the_tenant() {
    let lab = thrifty(small()).await;
    let report = lab.succeed().await;
    was_a_walk(&report);
    assert!(report.tally.users.complete && report.tally.groups.complete);
    assert!(report.tally.memberships.complete);
    lab.assert_equals_tenant("after a delta walk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_walk_changes_nothing() {
    let lab = thrifty(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let report = lab.sync(WantedMode::Full).await;
    was_a_walk(&report);
    for stream in [
        &report.tally.users,
        &report.tally.groups,
        &report.tally.memberships,
    ] {
        let changed = (stream.added, stream.updated, stream.removed);
        assert_eq!(changed, (0, 0, 0), "{report:#?}");
    }
    assert_eq!(before, lab.held().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_of_an_unpleasant_service_under_change_ends_at_the_tenant() {
    for seed in 1..6 {
        for shows_deleted in [true, false] {
            let mut lab = thrifty(nasty(seed)).await;
            lab.allow_mass_change = true;
            lab.simulator
                .edit_behaviour(|b| b.delta_shows_soft_deleted_members = shows_deleted);
            lab.simulator.set_latency(5, 5);
            for (skip, action) in [
                (2, status(503, "serviceUnavailable")),
                (4, FaultAction::CutOff),
                (6, FaultAction::TruncatedJson),
                (8, FaultAction::Unauthenticated),
            ] {
                let rule = FaultRule::new(r"/(users|groups)/delta", action);
                lab.simulator.inject(rule.skip(skip).times(1)).unwrap();
            }
            // One snapshot from nothing, one over what is held.
            for round in 0..2 {
                let changing = async {
                    for step in 0..20 {
                        lab.simulator.churn(100 * seed + 20 * round + step, 4);
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                let (report, ()) = tokio::join!(lab.sync(WantedMode::Full), changing);
                // A group that hides its members and is deleted before it is asked for them leaves a gap.
                assert!(matches!(report.exit_code(), 0 | 3), "{report:#?}");
                was_a_walk(&report);
                let report = lab.succeed().await;
                // A user that a sweep found gone and that is restored makes it a snapshot again.
                let when = format!(
                    "seed {seed}, {shows_deleted}, round {round}: {}",
                    report.reason
                );
                if report.mode == Mode::Snapshot {
                    lab.succeed().await;
                }
                lab.assert_equals_tenant(&when).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_beyond_a_page_are_not_cut_off() {
    let mut options = nasty(3);
    options.tenant = TenantSpec::sized(400, 200, 6_000, 3);
    let lab = thrifty(options).await;
    was_a_walk(&lab.succeed().await);
    lab.assert_equals_tenant("slices over many pages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_deleted_items_is_no_member_until_restored() {
    for shows_deleted in [true, false] {
        let lab = thrifty(small()).await;
        lab.simulator
            .edit_behaviour(|b| b.delta_shows_soft_deleted_members = shows_deleted);
        let members = memberships_of_users(&lab);
        let deleted: BTreeSet<String> = members.into_iter().map(|m| m.1).take(5).collect();
        for id in deleted.clone() {
            lab.simulator.mutate(&Operation::Delete { id }).unwrap();
        }
        let report = lab.succeed().await;
        was_a_walk(&report);
        assert_eq!(report.tally.memberships.removed, 0, "{report:#?}");
        lab.assert_equals_tenant("while they are deleted").await;
        let connector = lab.directory.connector(&lab.connector).await.unwrap();
        let counts = lab.directory.counts(connector).await.unwrap().unwrap();
        let held = lab.held().await;
        assert_eq!(counts.memberships, held.memberships.len() as u64);
        for id in deleted {
            lab.simulator.mutate(&Operation::Restore { id }).unwrap();
        }
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
        lab.assert_equals_tenant("after they were restored").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_round_calls_removed_is_removed() {
    let mut lab = Lab::new(small()).await;
    lab.allow_mass_change = true;
    lab.succeed().await;
    lab.settings["snapshotStrategy"] = "thrifty".into();
    lab.simulator.edit_behaviour(|b| b.nastiness = 1.0);
    let truth = lab.simulator.truth();
    let users: Vec<String> = truth.users.keys().step_by(40).cloned().collect();
    let unified = |group: &serde_json::Value| group["groupTypes"].to_string().contains("Unified");
    let groups = truth.groups.iter().filter(|(_, group)| unified(group));
    let groups: Vec<String> = groups.map(|(id, _)| id.clone()).take(2).collect();
    assert!(!groups.is_empty());
    for id in users.iter().chain(&groups) {
        let id = id.clone();
        lab.simulator.mutate(&Operation::Delete { id }).unwrap();
    }
    let report = lab.succeed().await;
    was_a_walk(&report);
    assert_eq!(report.tally.users.removed, users.len() as u64);
    assert_eq!(report.tally.groups.removed, groups.len() as u64);
    lab.assert_equals_tenant("after removals in the first round")
        .await;
    for id in users.iter().chain(&groups) {
        let id = id.clone();
        lab.simulator.mutate(&Operation::Restore { id }).unwrap();
    }
    lab.succeed().await;
    lab.assert_equals_tenant("after all were restored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_members_are_never_taken_for_none() {
    let lab = thrifty(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let without = SYNC_PERMISSIONS.into_iter();
    lab.simulator
        .set_permissions(without.filter(|p| *p != "Member.Read.Hidden"));
    let report = lab.sync(WantedMode::Full).await;
    assert_eq!(report.state, RunState::Partial, "{report:#?}");
    was_a_walk(&report);
    assert!(!report.tally.unavailable.is_empty());
    assert!(!report.tally.memberships.complete);
    assert_eq!(before, lab.held().await);

    lab.simulator.set_permissions(SYNC_PERMISSIONS);
    lab.simulator.advance_clock(3_700);
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
    lab.assert_equals_tenant("once they show again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_membership_goes_only_by_proof() {
    let mut lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.settings["snapshotStrategy"] = "thrifty".into();
    let (group, member) = memberships_of_users(&lab).swap_remove(7);
    lab.simulator
        .mutate(&Operation::RemoveMember { group, member })
        .unwrap();
    let before = lab.held().await;
    for (path, action) in [
        (r"/groups/delta", FaultAction::NoLinks),
        (r"/groups/delta", FaultAction::BothLinks),
        (r"/groups/delta", status(403, "Authorization_RequestDenied")),
        // Groups and members were read whole, but not everything was.
        (r"/users/delta", FaultAction::NoLinks),
        (r"/users/delta", FaultAction::NotJson),
    ] {
        lab.simulator
            .inject(FaultRule::new(path, action.clone()))
            .unwrap();
        let report = lab.sync(WantedMode::Full).await;
        lab.simulator.clear_faults();
        assert_eq!(report.exit_code(), 3, "{path} {action:?}: {report:#?}");
        assert_eq!(report.tally.memberships.removed, 0, "{path} {action:?}");
        // Members that nobody lists may have come, and stay until there is a proof.
        let held = lab.held().await.memberships;
        assert!(held.is_superset(&before.memberships), "{path} {action:?}");
    }
    let report = lab.succeed().await;
    was_a_walk(&report);
    assert!(report.tally.memberships.removed >= 1);
    lab.assert_equals_tenant("after the proof").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_sees_what_a_walk_would_remove() {
    let mut lab = thrifty(small()).await;
    lab.succeed().await;
    for (group, member) in memberships_of_users(&lab).into_iter().step_by(2) {
        lab.simulator
            .mutate(&Operation::RemoveMember { group, member })
            .unwrap();
    }
    let before = lab.held().await;
    let report = lab.sync(WantedMode::Full).await;
    assert_eq!(report.state, RunState::Held, "{report:#?}");
    let removals = report.removals.unwrap();
    assert!(removals.memberships.removed > 500, "{removals:#?}");
    // Members that nobody lists are taken back once it is allowed.
    let held = lab.held().await;
    assert_eq!(held.groups, before.groups);
    for (id, user) in &before.users {
        assert_eq!(held.users.get(id), Some(user), "{id}");
    }
    assert!(held.memberships.is_superset(&before.memberships));
    lab.allow_mass_change = true;
    lab.sync(WantedMode::Full).await;
    lab.assert_equals_tenant("after it was allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_between_two_beginnings_does_not_survive_a_restart() {
    let mut options = small();
    options.behaviour.delta_page_objects = 10;
    let lab = thrifty(options).await;
    let gap = FaultAction::Delay {
        milliseconds: 1_500,
    };
    lab.simulator
        .inject(FaultRule::new(r"/groups/delta", gap).skip(4).times(1))
        .unwrap();
    let expired = FaultRule::new(r"/groups/delta", FaultAction::ExpiredPageToken);
    lab.simulator.inject(expired.skip(4).times(1)).unwrap();
    let changing = async {
        while lab.simulator.stats().faults == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Some of these groups were read already, and what they lose is in no later page.
        let mut last = String::new();
        for (group, member) in memberships_of_users(&lab) {
            if std::mem::replace(&mut last, group.clone()) != group {
                lab.simulator
                    .mutate(&Operation::RemoveMember { group, member })
                    .unwrap();
            }
        }
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Auto), changing);
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    was_a_walk(&report);
    assert!(report.reason.contains("begin anew"), "{}", report.reason);
    lab.succeed().await;
    lab.assert_equals_tenant("after a restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_are_bounded_and_remove_nothing() {
    let mut lab = thrifty(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    lab.simulator.edit_behaviour(|b| b.delta_page_objects = 10);
    for action in [
        FaultAction::ExpiredPageToken,
        status(410, "syncStateNotFound"),
    ] {
        lab.simulator
            .inject(FaultRule::new(r"/groups/delta.*skiptoken", action))
            .unwrap();
        let report = lab.sync(WantedMode::Full).await;
        lab.simulator.clear_faults();
        assert_eq!(report.state, RunState::Failed, "{report:#?}");
        assert_eq!(lab.held().await, before);
        // A beginning and two restarts, each with a page and the refusal.
        let requests = report.network.requests_by_route[GROUPS];
        assert!(requests <= 6, "{requests}");
    }
    lab.patience.restarts = 0;
    was_a_walk(&lab.sync(WantedMode::Full).await);
    lab.assert_equals_tenant("in the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_expire_amid_the_round_begin_it_anew() {
    let mut options = small();
    options.behaviour.delta_page_objects = 10;
    let lab = thrifty(options).await;
    let gap = FaultAction::Delay {
        milliseconds: 1_000,
    };
    lab.simulator
        .inject(FaultRule::new(r"/groups/delta", gap).skip(3).times(1))
        .unwrap();
    let expiring = async {
        while lab.simulator.stats().faults == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lab.simulator.expire(Expiry::default());
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Auto), expiring);
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    lab.assert_equals_tenant("after the tokens expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_groups_cost_a_fifteenth_of_a_fan_out() {
    let fan_out = Lab::new(many_small_groups()).await;
    let report = fan_out.succeed().await;
    let note = report.note.unwrap_or_default();
    assert!(note.contains("Fan-out: at least 2,0"), "{note}");

    let lab = thrifty(many_small_groups()).await;
    let report = lab.succeed().await;
    was_a_walk(&report);
    let note = report.note.unwrap_or_default();
    assert!(note.contains("as the connector is to be thrifty"), "{note}");
    let (walk, other) = (lab.simulator.stats(), fan_out.simulator.stats());
    assert!(
        walk.resource_units * 15 <= other.resource_units,
        "{walk:#?} {other:#?}"
    );
    assert_eq!(lab.held().await, fan_out.held().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_walk_costs_two_calls() {
    let lab = thrifty(many_small_groups()).await;
    was_a_walk(&lab.succeed().await);
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
    assert_eq!(report.network.requests, 2, "{:#?}", report.network);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_after_a_walk_picks_up_what_changed_during_it() {
    let lab = thrifty(many_small_groups()).await;
    lab.simulator.edit_behaviour(|b| b.delta_page_objects = 100);
    let gap = FaultAction::Delay {
        milliseconds: 1_000,
    };
    lab.simulator
        .inject(FaultRule::new(r"/groups/delta", gap).skip(5).times(1))
        .unwrap();
    let changing = async {
        while lab.simulator.stats().faults == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lab.simulator.churn(4, 40);
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Auto), changing);
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    was_a_walk(&report);
    assert_eq!(
        report.network.requests_by_route.get(GROUPS),
        Some(&10),
        "pages of groups, and no changes at the end: {:#?}",
        report.network
    );
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
    lab.assert_equals_tenant("after the next run").await;
    let again = lab.succeed().await;
    assert_eq!(again.network.requests, 2, "{:#?}", again.network);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_and_restored_during_a_walk_is_a_member_again() {
    let mut options = small();
    options.behaviour.delta_page_objects = 10;
    options.behaviour.delta_shows_soft_deleted_members = false;
    let lab = thrifty(options).await;
    lab.succeed().await;
    let gap = |skip| {
        let delay = FaultAction::Delay { milliseconds: 700 };
        FaultRule::new(r"/groups/delta", delay).skip(skip).times(1)
    };
    lab.simulator.reset_stats();
    lab.simulator.inject(gap(1)).unwrap();
    lab.simulator.inject(gap(4)).unwrap();
    let users: Vec<String> = lab
        .simulator
        .truth()
        .users
        .into_keys()
        .step_by(30)
        .collect();
    let changing = async {
        for (faults, back) in [(1, false), (2, true)] {
            while lab.simulator.stats().faults < faults {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            for id in users.iter().cloned() {
                let operation = match back {
                    false => Operation::Delete { id },
                    true => Operation::Restore { id },
                };
                lab.simulator.mutate(&operation).unwrap();
            }
        }
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Full), changing);
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    was_a_walk(&report);
    for _ in 0..2 {
        lab.succeed().await;
    }
    lab.assert_equals_tenant("after they came back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_connector_walks_where_the_quota_would_hold_fan_out_back() {
    let lab = Lab::new(SimulatorOptions {
        tenant: TenantSpec::sized(40, 2_500, 3_000, 8),
        ..SimulatorOptions::default()
    })
    .await;
    let report = lab.succeed().await;
    was_a_walk(&report);
    let note = report.note.unwrap_or_default();
    assert!(
        note.contains("as the quota would hold fan-out back"),
        "{note}"
    );
    lab.assert_equals_tenant("after a walk for speed").await;
}
