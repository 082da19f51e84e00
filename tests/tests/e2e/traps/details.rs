//! Whose details are kept, and what starts a snapshot by itself.

use std::collections::BTreeMap;

use connector_host::directory::{Mode, RunState};
use connector_host::run::WantedMode;
use harness::simulator::{Kind, Operation, SimulatorOptions, TenantSpec};
use serde_json::json;

use super::{change, join, new_user, some_membership};
use crate::lab::{Lab, small};

/// A tenant most of whose users are in no group.
fn lonely() -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(400, 6, 120, 9),
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_groups_is_kept_once_it_joins_one_and_comes_with_its_details() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let id = new_user(&lab, "Adele Iwu", "adele@contoso.example");
    let report = lab.succeed().await;
    assert_eq!(report.tally.users.added, 0, "{:#?}", report.tally);
    assert!(!lab.held().await.users.contains_key(&id));
    join(&lab, &some_membership(&lab).group, &id);
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental);
    let held = lab.held().await;
    let details = &held.users[&id]["document"]["userData"]["userDetails"];
    assert_eq!(details["emailId"], "adele@contoso.example");
    lab.assert_equals_tenant("after it joined").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_leaves_the_last_group_goes() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for m in lab.simulator.truth().memberships {
        if m.kind == Kind::User {
            groups.entry(m.member).or_default().push(m.group);
        }
    }
    let (member, of) = groups.iter().find(|(_, of)| of.len() == 2).unwrap();
    for (group, stays) in of.iter().zip([true, false]) {
        change(
            &lab,
            Operation::RemoveMember {
                group: group.clone(),
                member: member.clone(),
            },
        );
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Incremental);
        assert_eq!(lab.held().await.users.contains_key(member), stays);
        lab.assert_equals_tenant("after it left one").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_groups_are_kept_where_the_settings_say_so() {
    let mut lab = Lab::new(lonely()).await;
    lab.settings["keepUsersWithoutGroups"] = json!(true);
    lab.succeed().await;
    lab.assert_equals_tenant("after a snapshot").await;
    let id = new_user(&lab, "Adele Iwu", "adele@contoso.example");
    lab.simulator.churn(4, 40);
    lab.succeed().await;
    assert!(lab.held().await.users.contains_key(&id));
    lab.assert_equals_tenant("after changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_configured_groups_those_who_left_their_last_one_are_kept_where_the_settings_say_so() {
    let mut lab = Lab::new(small()).await;
    let m = some_membership(&lab);
    lab.settings["groups"] = json!([m.group]);
    for keep in [true, false] {
        lab.settings["keepUsersWithoutGroups"] = json!(keep);
        lab.allow_mass_change = true;
        lab.succeed().await;
        let (group, member) = (m.group.clone(), m.member.clone());
        change(&lab, Operation::RemoveMember { group, member });
        lab.succeed().await;
        assert_eq!(lab.held().await.users.contains_key(&m.member), keep);
        join(&lab, &m.group, &m.member);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_snapshot_of_many_users_without_groups_is_neither_held_nor_counts_them() {
    let lab = Lab::new(lonely()).await;
    let grouped = lab.simulator.truth().grouped_users().len() as u64;
    let first = lab.succeed().await;
    assert_eq!(
        (first.tally.users.added, first.tally.users.removed),
        (grouped, 0)
    );
    lab.assert_equals_tenant("after the first").await;
    let second = lab.sync(WantedMode::Full).await;
    assert_eq!(second.state, RunState::Processed);
    assert_eq!(
        (second.tally.users.added, second.tally.users.removed),
        (0, 0)
    );
    lab.assert_equals_tenant("after the second").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_keep_users_without_groups_no_more_is_weighed_by_the_guard() {
    let mut lab = Lab::new(lonely()).await;
    lab.settings["keepUsersWithoutGroups"] = json!(true);
    lab.succeed().await;
    let before = lab.held().await;
    lab.settings["keepUsersWithoutGroups"] = json!(false);
    let report = lab.sync(WantedMode::Auto).await;
    assert_eq!(report.state, RunState::Held, "{report:#?}");
    assert_eq!(report.mode, Mode::Snapshot);
    assert!(report.reason.contains("settings"), "{}", report.reason);
    let truth = lab.simulator.truth();
    let alone = truth.users.len() - truth.grouped_users().len();
    assert_eq!(report.removals.unwrap().users.removed, alone as u64);
    assert_eq!(lab.held().await, before);
    lab.allow_mass_change = true;
    lab.succeed().await;
    lab.assert_equals_tenant("once it is allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_map_or_other_fields_in_it_start_a_snapshot_by_themselves() {
    let mut lab = Lab::new(small()).await;
    lab.succeed().await;
    let maps = crate::lab::plugin().await.description().maps.clone();
    let mut fewer = maps[0].clone();
    fewer.rules.retain(|rule| !rule.target.ends_with("title"));
    assert_ne!(fewer.rules.len(), maps[0].rules.len());
    for map in [maps[1].clone(), fewer] {
        lab.map = Some(map);
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Snapshot);
        assert!(report.reason.contains("map"), "{}", report.reason);
        assert_eq!(lab.succeed().await.mode, Mode::Incremental);
    }
}
