//! A snapshot that proves all members of all groups at once.

use Mode::{Incremental, Snapshot};

use super::*;

/// All of [`small`] but the membership of `b` in `g1`, members first.
fn without_one() -> Vec<Change> {
    vec![
        joined("g1", &["a"]),
        joined("g2", &["b"]),
        joined("g1", &["g2"]),
        joined("g2", &["c"]),
        group("g1"),
        group("g2"),
        user("a"),
        user("b"),
        user("c"),
        ALL_GROUPS,
        ALL_USERS,
    ]
}

#[tokio::test]
async fn memberships_that_were_not_given_are_gone_only_by_the_proof() {
    let fixture = small().await;
    let (removals, _) = fixture.run(Snapshot, without_one()).await;
    assert_eq!(removals.memberships.removed, 0);

    let mut changes = without_one();
    changes.push(ALL_MEMBERS);
    let (removals, tally) = fixture.run(Snapshot, changes).await;
    assert_eq!(removals.memberships.removed, 1);
    assert_eq!(removals.sample.memberships[0].member, "b");
    assert!(tally.memberships.complete);
    let expected = ["g1>a", "g1>g2", "g2>b", "g2>c"];
    assert_eq!(fixture.memberships(false).await, expected);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_group_that_is_not_mentioned_loses_all_its_members() {
    let fixture = small().await;
    let changes = vec![
        joined("g1", &["a", "b", "g2"]),
        group("g1"),
        group("g2"),
        ALL_MEMBERS,
    ];
    fixture.run(Snapshot, changes).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>b", "g1>g2"]);
}

#[tokio::test]
async fn the_proof_means_nothing_before_every_partition_has_ended() {
    let fixture = small().await;
    let run = fixture.begin(Snapshot).await;
    let mut changes = without_one();
    changes.extend([joined("g1", &["nobody"]), ALL_MEMBERS]);
    fixture.commit(run, changes).await;
    let removals = fixture.store.assess(run).await.unwrap().removals;
    assert_eq!(removals.memberships.removed, 0);
    fixture.finish(run, RunState::Partial, true).await;
    let held = fixture.memberships(false).await;
    assert!(held.contains(&"g1>b".to_owned()) && held.contains(&"g1>nobody".to_owned()));
    fixture.check_counters().await;
}

#[tokio::test]
async fn groups_that_can_not_be_read_keep_their_members() {
    let fixture = small().await;
    let mut changes = without_one();
    changes.extend([ALL_MEMBERS, unavailable("g1")]);
    let (removals, tally) = fixture.run(Snapshot, changes).await;
    assert_eq!(removals.memberships.removed, 0);
    assert!(!tally.memberships.complete);
    assert_eq!(fixture.memberships(false).await.len(), 5);
}

#[tokio::test]
async fn hidden_users_keep_their_memberships() {
    let fixture = small().await;
    fixture.run(Incremental, vec![soft("b")]).await;
    let changes = vec![
        joined("g1", &["a", "g2"]),
        joined("g2", &["c"]),
        group("g1"),
        group("g2"),
        user("a"),
        user("c"),
        ALL_USERS,
        ALL_GROUPS,
        ALL_MEMBERS,
    ];
    let (removals, _) = fixture.run(Snapshot, changes).await;
    assert_eq!(removals.memberships.removed, 0);
    fixture.run(Incremental, vec![user("b")]).await;
    assert_eq!(fixture.memberships(false).await.len(), 5);
    fixture.check_counters().await;
}

#[tokio::test]
async fn members_that_no_complete_listing_has_are_taken_back_as_if_they_never_came() {
    let fixture = small().await;
    let everything = || {
        let mut changes = without_one();
        changes.extend([joined("g1", &["b", "nobody", "g9"]), ALL_MEMBERS]);
        changes
    };
    for _ in 0..2 {
        let (removals, tally) = fixture.run(Snapshot, everything()).await;
        assert_eq!(removals.memberships.removed, 0);
        assert!(removals.sample.memberships.is_empty());
        let memberships = tally.memberships;
        assert_eq!((memberships.added, memberships.removed), (0, 0));
        assert_eq!(fixture.memberships(false).await.len(), 5);
        fixture.check_counters().await;
        comparing::check_labels(&fixture).await;
    }
    let past = "SELECT count(*) FROM past_membership";
    assert_eq!(fixture.number(past).await, 0);
}

#[tokio::test]
async fn a_member_that_nobody_lists_stays_while_its_listing_is_not_complete() {
    let fixture = Fixture::new().await;
    let changes = vec![group("g1"), joined("g1", &["a"]), ALL_GROUPS, ALL_MEMBERS];
    fixture.run(Snapshot, changes).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a"]);
}

#[tokio::test]
async fn an_older_membership_of_somebody_unknown_is_removed_like_any_other() {
    let fixture = small().await;
    fixture
        .run(Incremental, vec![joined("g2", &["nobody"])])
        .await;
    let mut changes = without_one();
    changes.extend([joined("g1", &["b"]), joined("g2", &["nobody"]), ALL_MEMBERS]);
    let (removals, tally) = fixture.run(Snapshot, changes).await;
    assert_eq!(removals.memberships.removed, 1);
    assert_eq!(tally.memberships.removed, 1);
    assert_eq!(fixture.memberships(false).await.len(), 5);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_user_that_is_deleted_restorably_in_the_same_run_keeps_its_memberships_out_of_sight() {
    let fixture = Fixture::new().await;
    let changes = vec![
        group("g1"),
        joined("g1", &["a", "b"]),
        user("a"),
        soft("b"),
        ALL_USERS,
        ALL_GROUPS,
        ALL_MEMBERS,
    ];
    fixture.run(Snapshot, changes).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a"]);
    fixture.run(Incremental, vec![user("b")]).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>b"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn what_was_seen_before_a_restart_proves_nothing_after_it() {
    let fixture = small().await;
    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![joined("g1", &["a", "b", "g2"]), ALL_MEMBERS])
        .await;
    fixture
        .store
        .restart(run, Snapshot, "the link expired")
        .await
        .unwrap();
    let all = [partition("all", 0)];
    fixture.store.planned(run, &all, false).await.unwrap();
    let mut changes = without_one();
    changes.push(ALL_MEMBERS);
    fixture.commit(run, changes).await;
    let (removals, _) = fixture.process(run).await;
    assert_eq!(removals.memberships.removed, 1);
}
