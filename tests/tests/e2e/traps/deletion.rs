//! What is deleted, restored and made again.

use std::time::Duration;

use connector_host::directory::RunState;
use connector_host::run::WantedMode;
use harness::simulator::{FaultAction, FaultRule, Kind, Membership, Operation};

use super::{change, join, properties, some_membership};
use crate::lab::{Lab, small};

async fn stored() -> Lab {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_deleted_user_is_hidden_and_comes_back_with_its_memberships() {
    let lab = stored().await;
    let member = some_membership(&lab);
    let id = member.member.clone();
    change(&lab, Operation::Delete { id: id.clone() });
    lab.succeed().await;
    assert!(!lab.held().await.users.contains_key(&id));
    lab.assert_equals_tenant("while deleted").await;
    change(&lab, Operation::Restore { id });
    lab.succeed().await;
    assert!(lab.held().await.memberships.contains(&member));
    lab.assert_equals_tenant("after the restore").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_restored_after_a_snapshot_has_its_memberships_again() {
    let lab = Lab::new(small()).await;
    let member = some_membership(&lab);
    let id = member.member.clone();
    change(&lab, Operation::Delete { id: id.clone() });
    lab.succeed().await;
    change(&lab, Operation::Restore { id });
    lab.succeed().await;
    assert!(lab.held().await.memberships.contains(&member));
    lab.assert_equals_tenant("after the restore").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_user_leaves_its_groups_even_where_the_group_delta_does_not_say_so() {
    let lab = Lab::new(small()).await;
    lab.simulator
        .edit_behaviour(|b| b.report_hard_deletes = 0.0);
    lab.succeed().await;
    let id = some_membership(&lab).member;
    change(&lab, Operation::Purge { id: id.clone() });
    lab.succeed().await;
    let held = lab.held().await;
    assert!(held.memberships.iter().all(|m| m.member != id));
    lab.assert_equals_tenant("after the purge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_whether_it_can_be_restored_or_not_and_a_restored_one_has_its_members() {
    let lab = stored().await;
    let truth = lab.simulator.truth();
    let of_kind = |unified: bool| {
        let mut groups = truth.groups.iter().filter(|(id, group)| {
            let types = group["groupTypes"].as_array();
            let is_unified = types.is_some_and(|types| types.iter().any(|t| t == "Unified"));
            let is_of = |m: &&Membership| &m.group == *id && m.kind == Kind::User;
            is_unified == unified && truth.memberships.iter().any(|m| is_of(&m))
        });
        groups.next().unwrap().0.clone()
    };
    let (soft, hard) = (of_kind(true), of_kind(false));
    for id in [&soft, &hard] {
        change(&lab, Operation::Delete { id: id.clone() });
    }
    lab.succeed().await;
    let held = lab.held().await;
    assert!(!held.groups.contains_key(&soft) && !held.groups.contains_key(&hard));
    lab.assert_equals_tenant("after both").await;
    change(&lab, Operation::Restore { id: soft.clone() });
    lab.succeed().await;
    let held = lab.held().await;
    assert!(held.memberships.iter().any(|m| m.group == soft));
    lab.assert_equals_tenant("after the restore").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_made_again_under_the_same_names_is_another_user() {
    let lab = stored().await;
    let truth = lab.simulator.truth();
    let member = truth
        .memberships
        .iter()
        .find(|m| m.kind == Kind::User && truth.users[&m.member]["mail"].is_string())
        .unwrap();
    let mut names = properties(truth.users[&member.member].clone());
    names.retain(|name, _| ["displayName", "mail", "userPrincipalName"].contains(&name.as_str()));
    let id = member.member.clone();
    change(&lab, Operation::Purge { id });
    let create = Operation::Create {
        kind: Kind::User,
        id: None,
        properties: names,
    };
    let again = change(&lab, create);
    join(&lab, &member.group, &again);
    lab.succeed().await;
    let held = lab.held().await;
    assert!(!held.users.contains_key(&member.member));
    let of_new: Vec<_> = held
        .memberships
        .iter()
        .filter(|m| m.member == again)
        .collect();
    assert_eq!(of_new.len(), 1, "not those of the old one: {of_new:?}");
    lab.assert_equals_tenant("after that").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_and_restored_while_a_snapshot_is_read_keeps_its_memberships() {
    let mut lab = stored().await;
    lab.allow_mass_change = true;
    let user = some_membership(&lab).member;
    lab.simulator.reset_stats();
    // Away while members are read, and back before the changes of that time are.
    let slow = |path, skip, times| {
        let delay = FaultAction::Delay { milliseconds: 700 };
        FaultRule::new(path, delay).skip(skip).times(times)
    };
    lab.simulator.inject(slow(r"/\$batch", 1, 3)).unwrap();
    lab.simulator.inject(slow("/delta", 0, 2)).unwrap();
    let struck = async |faults| {
        while lab.simulator.stats().faults < faults {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let changing = async {
        struck(1).await;
        change(&lab, Operation::Delete { id: user.clone() });
        struck(4).await;
        change(&lab, Operation::Restore { id: user.clone() });
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Full), changing);
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    lab.assert_equals_tenant("after the snapshot").await;
}
