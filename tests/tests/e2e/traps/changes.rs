//! Slices, repeats, replays, any order, empty pages, null and absent.

use connector_host::directory::Mode;
use connector_host::run::WantedMode;
use harness::simulator::{FaultAction, FaultRule, Operation, Trick};
use serde_json::json;

use super::{asked, change, join, new_group, properties};
use crate::lab::{Lab, small};

/// A lab with a stored snapshot, on a service that plays this trick from then on, on small pages.
async fn tricked(trick: Trick) -> Lab {
    let mut lab = Lab::new(small()).await;
    lab.allow_mass_change = true;
    lab.succeed().await;
    lab.simulator.edit_behaviour(|b| {
        b.tricks = vec![trick];
        b.delta_page_objects = 7;
        b.delta_page_members = 10;
    });
    lab
}

/// Changes, and a run that must find them all.
async fn follows_changes(lab: &Lab, rounds: u64) {
    for round in 0..rounds {
        lab.simulator.churn(900 + round, 40);
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
        lab.assert_equals_tenant(&format!("after round {round}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_one_group_that_come_in_slices_on_many_pages_are_put_together() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.simulator.edit_behaviour(|b| b.delta_page_members = 3);
    let group = new_group(&lab, "Sliced");
    let users = lab.simulator.truth().users.into_keys();
    for user in users.step_by(9).take(30).collect::<Vec<_>>() {
        join(&lab, &group, &user);
    }
    lab.simulator.reset_stats();
    lab.succeed().await;
    assert!(asked(&lab, "/groups/delta") >= 10, "there were many pages");
    let held = lab.held().await;
    let members = held.memberships.iter().filter(|m| m.group == group);
    assert_eq!(members.count(), 30);
    lab.assert_equals_tenant("after slices").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_repeated_counts_once() {
    follows_changes(&tricked(Trick::Repeats).await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_may_come_in_any_order() {
    follows_changes(&tricked(Trick::Shuffles).await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_known_changes_changes_nothing() {
    let lab = tricked(Trick::Replays).await;
    follows_changes(&lab, 2).await;
    let before = lab.held().await;
    let tally = lab.succeed().await.tally;
    let seen = tally.users.seen + tally.groups.seen + tally.memberships.seen;
    assert!(seen > 0, "known changes came again: {tally:#?}");
    for stream in [tally.users, tally.groups, tally.memberships] {
        assert_eq!((stream.added, stream.updated, stream.removed), (0, 0, 0));
    }
    assert_eq!(lab.held().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_page_with_a_link_is_followed() {
    let lab = tricked(Trick::EmptyPages).await;
    lab.simulator.edit_behaviour(|b| {
        b.delta_page_objects = 200;
        b.delta_page_members = 500;
    });
    lab.simulator.reset_stats();
    follows_changes(&lab, 1).await;
    assert_eq!(asked(&lab, "/users/delta"), 3, "two empty pages, then all");
    lab.sync(WantedMode::Full).await;
    lab.assert_equals_tenant("after a snapshot of empty pages")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_property_is_cleared_and_an_unset_one_stays_away() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let users = lab.simulator.truth().grouped_users();
    let (id, _) = users
        .iter()
        .find(|(_, user)| user["jobTitle"].is_string())
        .unwrap();
    change(
        &lab,
        Operation::Update {
            id: id.clone(),
            properties: properties(json!({"jobTitle": null, "givenName": "Zoë"})),
        },
    );
    lab.succeed().await;
    let held = lab.held().await;
    let details = &held.users[id]["document"]["userData"]["userDetails"];
    assert!(details["title"].is_null());
    assert_eq!(details["givenName"], "Zoë");
}

/// A snapshot in whose midst, after users and groups were listed and before the members of any
/// group were read, this is done to the tenant.
async fn snapshot_with(lab: &Lab, operation: impl Fn(&Lab)) {
    let slow = FaultAction::Delay { milliseconds: 700 };
    lab.simulator
        .inject(FaultRule::new(r"/\$batch", slow))
        .unwrap();
    let meddle = async {
        while lab.simulator.stats().faults == 0 || asked(lab, "/users") == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        operation(lab);
    };
    let (report, ()) = tokio::join!(lab.succeed(), meddle);
    assert_eq!(report.mode, Mode::Snapshot);
    lab.simulator.clear_faults();
    lab.assert_equals_tenant("after the snapshot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_who_are_deleted_during_a_snapshot_are_gone_at_its_end() {
    let lab = Lab::new(small()).await;
    let users: Vec<String> = lab
        .simulator
        .truth()
        .grouped_users()
        .into_keys()
        .take(2)
        .collect();
    let (soft, hard) = (users[0].clone(), users[1].clone());
    snapshot_with(&lab, |lab| {
        change(lab, Operation::Delete { id: soft.clone() });
        change(lab, Operation::Purge { id: hard.clone() });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_deleted_while_their_members_are_read_are_gone_at_the_end() {
    let lab = Lab::new(small()).await;
    let groups: Vec<String> = lab.simulator.truth().groups.into_keys().take(4).collect();
    snapshot_with(&lab, |lab| {
        for id in &groups {
            change(lab, Operation::Purge { id: id.clone() });
        }
    })
    .await;
}
