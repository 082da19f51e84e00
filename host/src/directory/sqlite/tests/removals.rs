//! What becomes of what is removed.

use Mode::{Incremental, Snapshot};

use super::*;

#[tokio::test]
async fn a_hidden_user_comes_back_with_its_memberships() {
    let fixture = small().await;
    let (removals, tally) = fixture.run(Incremental, vec![soft("b")]).await;
    assert_eq!(removals.users.removed, 1);
    assert_eq!((tally.users.removed, tally.memberships.removed), (1, 0));
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>g2", "g2>c"]);
    fixture.check_counters().await;

    // Hidden, it still joins and leaves.
    let changes = vec![left("g1", &["b"]), group("g3"), joined("g3", &["b"])];
    fixture.run(Incremental, changes).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>g2", "g2>c"]);
    fixture.check_counters().await;

    let (_, tally) = fixture.run(Incremental, vec![user("b")]).await;
    assert_eq!((tally.users.added, tally.users.updated), (1, 0));
    let expected = ["g1>a", "g1>g2", "g2>b", "g2>c", "g3>b"];
    assert_eq!(fixture.memberships(false).await, expected);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_user_that_joined_while_hidden_comes_back_in_the_same_run() {
    let fixture = small().await;
    fixture.run(Incremental, vec![soft("b")]).await;
    let run = fixture.begin(Incremental).await;
    fixture
        .commit(run, vec![group("g3"), joined("g3", &["b"])])
        .await;
    fixture.commit(run, vec![user("b")]).await;
    fixture.check_counters().await;
    fixture.process(run).await;
    assert_eq!(fixture.memberships(false).await.len(), 6);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_sweep_spares_hidden_users_and_their_memberships() {
    let fixture = small().await;
    let snapshot = || {
        vec![
            user("a"),
            user("c"),
            group("g1"),
            group("g2"),
            joined("g1", &["a", "g2"]),
            complete("g1"),
            joined("g2", &["c"]),
            complete("g2"),
            ALL_USERS,
            ALL_GROUPS,
        ]
    };
    let mut hiding = snapshot();
    hiding.push(soft("b"));
    let (removals, _) = fixture.run(Snapshot, hiding).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (1, 0)
    );
    let (removals, _) = fixture.run(Snapshot, snapshot()).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (0, 0)
    );

    let (_, tally) = fixture.run(Incremental, vec![user("b")]).await;
    assert_eq!(tally.users.added, 1);
    assert_eq!(fixture.memberships(false).await.len(), 5);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_user_is_forgotten_with_all_its_memberships() {
    let fixture = small().await;
    fixture.run(Incremental, vec![soft("b")]).await;
    let (removals, _) = fixture.run(Incremental, vec![hard("b"), hard("a")]).await;
    // `b` was out of sight.
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (1, 1)
    );
    let run = fixture.begin(Incremental).await;
    let committed = fixture.commit(run, vec![user("a"), user("b")]).await;
    assert!(!committed.needs_snapshot);
    fixture.process(run).await;
    assert_eq!(fixture.memberships(false).await, ["g1>g2", "g2>c"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_group_goes_with_its_memberships_on_both_sides() {
    let fixture = small().await;
    let (removals, tally) = fixture.run(Incremental, vec![no_group("g2")]).await;
    assert_eq!(
        (removals.groups.removed, removals.memberships.removed),
        (1, 3)
    );
    assert_eq!(tally.memberships.removed, 3);
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>b"]);
    fixture.check_counters().await;
    fixture.run(Incremental, vec![group("g2")]).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>b"]);
}

#[tokio::test]
async fn a_mentioned_user_can_be_removed_too() {
    let fixture = small().await;
    fixture
        .run(Incremental, vec![joined("g1", &["x", "y"])])
        .await;
    let (removals, _) = fixture.run(Incremental, vec![hard("x"), soft("y")]).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (0, 1)
    );
    assert_eq!(fixture.memberships(false).await.len(), 5);
    fixture.check_counters().await;
    fixture.run(Incremental, vec![user("x"), user("y")]).await;
    assert!(fixture.memberships(false).await.contains(&"g1>y".into()));
    assert_eq!(fixture.memberships(false).await.len(), 6);
    fixture.check_counters().await;
}

#[tokio::test]
async fn whoever_a_sweep_took_asks_for_a_snapshot_on_return() {
    let mut fixture = small().await;
    let snapshot = |users: &[&str]| {
        let mut changes: Vec<Change> = users.iter().map(|id| user(id)).collect();
        changes.push(ALL_USERS);
        changes
    };
    fixture.run(Snapshot, snapshot(&["a", "b"])).await;
    let run = fixture.begin(Incremental).await;
    assert!(!fixture.commit(run, vec![user("a")]).await.needs_snapshot);
    assert!(fixture.commit(run, vec![user("c")]).await.needs_snapshot);
    assert!(fixture.commit(run, vec![user("b")]).await.needs_snapshot);
    fixture.reopen().await;
    let unfinished = fixture.store.unfinished(fixture.connector).await.unwrap();
    assert!(unfinished.unwrap().needs_snapshot);

    // It stays so until a snapshot has succeeded.
    fixture.finish(run, RunState::Failed, false).await;
    let run = fixture.begin(Incremental).await;
    assert!(fixture.commit(run, vec![user("c")]).await.needs_snapshot);
    let restarted = fixture
        .store
        .restart(run, Snapshot, "came back")
        .await
        .unwrap();
    assert!(!restarted.needs_snapshot && restarted.mode == Snapshot && !restarted.planned);
    fixture
        .store
        .planned(run, &[partition("all", 0)], false)
        .await
        .unwrap();
    assert!(
        !fixture
            .commit(run, snapshot(&["a", "b", "c"]))
            .await
            .needs_snapshot
    );
    fixture.process(run).await;
    let run = fixture.begin(Incremental).await;
    assert!(!fixture.commit(run, vec![user("c")]).await.needs_snapshot);
}

#[tokio::test]
async fn users_whom_no_membership_reaches_are_dropped_where_that_is_wanted() {
    let fixture = small().await;
    fixture
        .run(
            Incremental,
            vec![user("lone"), user("x"), joined("g2", &["x"])],
        )
        .await;

    // An incremental run judges those whom it touches.
    let run = fixture.begin_dropping(Incremental, true).await;
    let changes = vec![
        user("new"),
        left("g1", &["a"]),
        left("g2", &["b"]),
        hard("x"),
    ];
    fixture.commit(run, changes).await;
    // Some may still be reached by what is not read yet.
    assert_eq!(
        fixture
            .store
            .assess(run)
            .await
            .unwrap()
            .removals
            .users
            .removed,
        1
    );
    let (removals, _) = fixture.process(run).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (2, 3)
    );
    assert_eq!(fixture.users().await, ["b", "c", "lone"]);

    // Their return is no cause for alarm.
    let run = fixture.begin_dropping(Incremental, true).await;
    let committed = fixture
        .commit(run, vec![user("a"), joined("g1", &["a"])])
        .await;
    assert!(!committed.needs_snapshot);
    fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a", "b", "c", "lone"]);

    // A snapshot judges all.
    let run = fixture.begin_dropping(Snapshot, true).await;
    fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a", "b", "c"]);

    let run = fixture.begin_dropping(Incremental, true).await;
    fixture.commit(run, vec![no_group("g2")]).await;
    fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a", "b"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_dropped_user_keeps_its_name_in_the_history_of_its_groups() {
    let fixture = small().await;
    let run = fixture.begin_dropping(Incremental, true).await;
    let left = Change::MembersRemoved {
        group: "g2".into(),
        members: vec!["c".into()],
    };
    fixture.commit(run, vec![left]).await;
    fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a", "b"]);
    let filter = ChangeFilter {
        member: Some("c".into()),
        ..ChangeFilter::default()
    };
    let page = PageRequest::first(10);
    let changes = fixture
        .store
        .membership_changes(fixture.connector, &filter, &page)
        .await
        .unwrap();
    let names: Vec<&str> = changes
        .items
        .iter()
        .map(|change| change.member.name.as_str())
        .collect();
    assert_eq!(names, ["Name of c", "Name of c"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_user_who_comes_and_goes_in_one_run_was_neither_added_nor_removed() {
    let fixture = small().await;
    for _ in 0..2 {
        let run = fixture.begin_dropping(Snapshot, true).await;
        fixture
            .commit(run, vec![user("lone"), user("d"), joined("g1", &["d"])])
            .await;
        let (removals, tally) = fixture.process(run).await;
        assert_eq!(removals.users.removed, 0);
        assert_eq!((tally.users.seen, tally.users.removed), (2, 0));
        assert_eq!(fixture.users().await, ["a", "b", "c", "d"]);
        fixture.check_counters().await;
    }
    let added = "SELECT users_added FROM run ORDER BY key DESC LIMIT 1";
    assert_eq!(fixture.number(added).await, 0);
}

#[tokio::test]
async fn hidden_users_stay_only_as_long_as_a_membership_does() {
    let fixture = small().await;
    fixture.run(Incremental, vec![soft("a"), soft("c")]).await;
    let run = fixture.begin_dropping(Incremental, true).await;
    fixture.commit(run, vec![left("g1", &["a"])]).await;
    let (removals, _) = fixture.process(run).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (0, 0)
    );
    fixture.run(Incremental, vec![user("c")]).await;
    assert_eq!(fixture.users().await, ["b", "c"]);
    let gone = "SELECT count(*) FROM object WHERE id = 'a' AND state = 3 AND departure = 3";
    assert_eq!(fixture.number(gone).await, 1);
    fixture.check_counters().await;
}

#[tokio::test]
async fn each_membership_is_kept_with_the_runs_that_made_and_ended_it() {
    let fixture = small().await;
    let first = fixture.number("SELECT max(key) FROM run").await;
    fixture.run(Incremental, vec![left("g2", &["c"])]).await;
    fixture.run(Incremental, vec![joined("g2", &["c"])]).await;
    fixture.run(Incremental, vec![hard("c")]).await;
    let history: Vec<(i64, i64)> =
        sqlx::query_as("SELECT since, until FROM past_membership ORDER BY since")
            .fetch_all(&fixture.store.readers)
            .await
            .unwrap();
    assert_eq!(history, [(first, first + 1), (first + 2, first + 3)]);
    let kept =
        "SELECT count(*) FROM profile AS p JOIN object AS o ON o.key = p.object WHERE o.id = 'c'";
    assert_eq!(fixture.number(kept).await, 0);
}
