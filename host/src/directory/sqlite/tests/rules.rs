//! What each change means.

use Mode::{Incremental, Snapshot};

use super::*;

/// Two groups, one inside the other, three users.
async fn small() -> Fixture {
    let fixture = Fixture::new().await;
    let changes = vec![
        group("g1"),
        group("g2"),
        user("a"),
        user("b"),
        user("c"),
        joined("g1", &["a", "b", "g2"]),
        complete("g1"),
        joined("g2", &["b", "c"]),
        complete("g2"),
        ALL_USERS,
        ALL_GROUPS,
    ];
    let (removals, tally) = fixture.run(Snapshot, changes).await;
    assert_eq!(
        removals.users,
        Removed {
            removed: 0,
            held: 3
        }
    );
    assert_eq!(tally.memberships.added, 5);
    fixture.check_counters().await;
    fixture
}

#[tokio::test]
async fn members_may_come_before_their_group_and_themselves() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    fixture.commit(run, vec![joined("g1", &["a", "g2"])]).await;
    assert_eq!(fixture.memberships(false).await, [""; 0]);
    assert_eq!(fixture.groups().await, [""; 0]);
    fixture.check_counters().await;

    fixture.commit(run, vec![group("g1")]).await;
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>g2"]);
    assert_eq!(fixture.users().await, [""; 0]);
    fixture.check_counters().await;

    fixture.commit(run, vec![user("a"), group("g2")]).await;
    let (_, tally) = fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a"]);
    assert_eq!((tally.users.added, tally.groups.added), (1, 2));
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_member_without_document_is_exported_as_the_kind_it_was_called() {
    let fixture = Fixture::new().await;
    let kinds = [
        MemberKind::Device,
        MemberKind::ServicePrincipal,
        MemberKind::Contact,
        MemberKind::Other,
        MemberKind::Group,
    ];
    let members = kinds
        .iter()
        .map(|&kind| Member {
            id: format!("{kind:?}"),
            kind,
        })
        .collect();
    let group = "g".to_owned();
    let changes = vec![
        Change::Group(object("g")),
        Change::MembersAdded { group, members },
    ];
    fixture.run(Snapshot, changes).await;
    let records = fixture
        .export(Export::Memberships { effective: false })
        .await;
    let found: Vec<MemberKind> = records
        .iter()
        .map(|text| serde_json::from_str::<MembershipRecord>(text).unwrap().kind)
        .collect();
    assert_eq!(found, kinds);
    assert_eq!(
        records[0],
        r#"{"group":"g","member":"Device","kind":"device"}"#
    );
}

#[tokio::test]
async fn a_mentioned_thing_becomes_what_its_document_says() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![joined("g1", &["x"]), group("g1")])
        .await;
    fixture
        .commit(run, vec![group("x"), joined("x", &["a"])])
        .await;
    fixture.process(run).await;
    assert_eq!(fixture.groups().await, ["g1", "x"]);
    assert_eq!(fixture.memberships(true).await, ["g1>a", "g1>x", "x>a"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn added_and_updated_count_what_really_changed() {
    let fixture = small().await;
    let renamed = Object {
        name: "another".into(),
        ..object("a")
    };
    let changes = vec![
        Change::User(renamed.clone()),
        Change::User(renamed),
        user("b"),
        user("d"),
        user("d"),
        joined("g1", &["a", "d", "d"]),
    ];
    let (_, tally) = fixture.run(Incremental, changes).await;
    let users = tally.users;
    assert_eq!((users.seen, users.added, users.updated), (5, 1, 1));
    let memberships = tally.memberships;
    assert_eq!((memberships.seen, memberships.added), (3, 1));
    assert_eq!(memberships.updated, 0);
    fixture.check_counters().await;
}

#[tokio::test]
async fn nothing_is_removed_before_the_run_ends() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    let changes = vec![hard("a"), soft("b"), left("g2", &["c"]), no_group("g2")];
    fixture.commit(run, changes).await;
    fixture.store.assess(run).await.unwrap();
    assert_eq!(fixture.users().await, ["a", "b", "c"]);
    assert_eq!(fixture.memberships(false).await.len(), 5);
    fixture.process(run).await;
    assert_eq!(fixture.users().await, ["c"]);
    assert_eq!(fixture.memberships(false).await, [""; 0]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn what_is_absent_goes_only_where_the_listing_was_complete() {
    let fixture = small().await;
    let changes = vec![user("a"), group("g1"), joined("g1", &["a"])];
    let (removals, tally) = fixture.run(Snapshot, changes.clone()).await;
    assert_eq!(removals.users.removed + removals.memberships.removed, 0);
    assert!(!tally.users.complete);

    let mut proven = changes;
    proven.extend([complete("g1"), ALL_USERS, ALL_GROUPS]);
    let (removals, tally) = fixture.run(Snapshot, proven).await;
    assert_eq!(
        removals.users,
        Removed {
            removed: 2,
            held: 3
        }
    );
    assert_eq!(
        removals.groups,
        Removed {
            removed: 1,
            held: 2
        }
    );
    // Two of `g1` by its proof; two of `g2` with it.
    assert_eq!(
        removals.memberships,
        Removed {
            removed: 4,
            held: 5
        }
    );
    assert_eq!(removals.sample.users[0].id, "b");
    assert_eq!(removals.sample.users[0].name, "Name of b");
    assert_eq!(removals.sample.memberships.len(), 4);
    assert_eq!((tally.users.removed, tally.memberships.removed), (2, 4));
    assert!(tally.users.complete && tally.groups.complete && tally.memberships.complete);
    assert_eq!(fixture.users().await, ["a"]);
    assert_eq!(fixture.groups().await, ["g1"]);
    assert_eq!(fixture.memberships(false).await, ["g1>a"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn an_incremental_run_proves_nothing() {
    let fixture = small().await;
    let changes = vec![complete("g1"), ALL_USERS, ALL_GROUPS];
    let (removals, tally) = fixture.run(Incremental, changes).await;
    assert_eq!(removals.users.removed + removals.memberships.removed, 0);
    assert!(tally.users.complete && tally.memberships.complete);
}

#[tokio::test]
async fn members_given_on_several_pages_are_taken_together() {
    let fixture = small().await;
    let run = fixture.begin(Snapshot).await;
    fixture.commit(run, vec![joined("g1", &["a"])]).await;
    fixture.commit(run, vec![joined("g1", &["a"])]).await;
    fixture
        .commit(run, vec![joined("g1", &["g2"]), complete("g1")])
        .await;
    let (removals, _) = fixture.process(run).await;
    assert_eq!(removals.memberships.removed, 1);
    assert_eq!(
        fixture.memberships(false).await,
        ["g1>a", "g1>g2", "g2>b", "g2>c"]
    );
    fixture.check_counters().await;
}

#[tokio::test]
async fn an_empty_group_can_be_complete_before_it_is_known() {
    let fixture = small().await;
    let changes = vec![complete("g2"), complete("g3"), group("g3")];
    let (removals, _) = fixture.run(Snapshot, changes).await;
    assert_eq!(removals.memberships.removed, 2);
    assert_eq!(fixture.groups().await, ["g1", "g2", "g3"]);
}

#[tokio::test]
async fn members_that_could_not_be_read_are_kept() {
    let fixture = small().await;
    let changes = vec![
        complete("g1"),
        unavailable("g1"),
        unavailable("g9"),
        unavailable("g2"),
        complete("g2"),
        joined("g2", &["b", "c"]),
        ALL_GROUPS,
        group("g1"),
        group("g2"),
    ];
    let run = fixture.begin(Snapshot).await;
    fixture.commit(run, changes).await;
    assert_eq!(fixture.store.assess(run).await.unwrap().unavailable, 2);
    let (removals, tally) = fixture.process(run).await;
    assert_eq!(removals.memberships.removed, 0);
    assert!(tally.groups.complete && !tally.memberships.complete);
    let names: Vec<_> = tally
        .unavailable
        .iter()
        .map(|group| (group.id.as_str(), group.name.as_deref()))
        .collect();
    assert_eq!(names, [("g1", Some("Name of g1")), ("g9", None)]);
}

#[tokio::test]
async fn the_last_word_in_a_run_wins() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    let changes = vec![
        hard("a"),
        user("a"),
        user("b"),
        soft("b"),
        left("g1", &["a"]),
        joined("g1", &["a"]),
        joined("g2", &["c"]),
        left("g2", &["c"]),
        no_group("g2"),
        group("g2"),
        joined("g1", &["new"]),
        left("g1", &["new"]),
        soft("c"),
        hard("c"),
    ];
    fixture.commit(run, changes).await;
    let (_, tally) = fixture.process(run).await;
    assert_eq!(fixture.users().await, ["a"]);
    assert_eq!(fixture.memberships(false).await, ["g1>a", "g1>g2"]);
    assert_eq!((tally.users.removed, tally.groups.removed), (2, 0));
    fixture.check_counters().await;
}

#[tokio::test]
async fn removing_what_is_unknown_does_nothing() {
    let fixture = small().await;
    let changes = vec![
        hard("x"),
        soft("y"),
        no_group("z"),
        left("g1", &["x", "c"]),
        left("g9", &["a"]),
        hard("g1"),
        no_group("a"),
    ];
    let (removals, _) = fixture.run(Incremental, changes).await;
    assert_eq!(removals.users.removed, 0);
    assert_eq!(removals.groups.removed, 0);
    assert_eq!(removals.memberships.removed, 0);
    assert_eq!(fixture.users().await, ["a", "b", "c"]);
    assert_eq!(fixture.groups().await, ["g1", "g2"]);
}

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
        (3, 3)
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

#[tokio::test]
async fn effective_members_come_through_nested_groups_and_cycles_end() {
    let fixture = Fixture::new().await;
    let changes = vec![
        group("g1"),
        group("g2"),
        group("g3"),
        user("a"),
        user("b"),
        user("hidden"),
        joined("g1", &["g2", "g4"]),
        joined("g2", &["g3", "a", "hidden"]),
        joined("g3", &["g1", "b"]),
        joined("g4", &["c"]),
    ];
    fixture.run(Snapshot, changes).await;
    fixture.run(Incremental, vec![soft("hidden")]).await;
    let of = |group: &str, members: &[&str]| -> Vec<String> {
        members
            .iter()
            .map(|member| format!("{group}>{member}"))
            .collect()
    };
    let expected = [
        of("g1", &["a", "b", "g2", "g3", "g4"]),
        of("g2", &["a", "b", "g1", "g3", "g4"]),
        of("g3", &["a", "b", "g1", "g2", "g4"]),
    ];
    assert_eq!(fixture.memberships(true).await, expected.concat());

    let documents = |effective| fixture.export(Export::Documents { effective });
    let list = |ids: &[&str]| {
        let documents: Vec<String> = ids.iter().map(|id| object(id).document).collect();
        documents.join(",")
    };
    let joined = |id: &str, ids: &[&str]| {
        format!(
            r#"{{"externalId":"{id}","info":{{"groups":[{}]}}}}"#,
            list(ids)
        )
    };
    assert_eq!(
        documents(false).await,
        [joined("a", &["g2"]), joined("b", &["g3"])]
    );
    let all = ["g1", "g2", "g3"];
    assert_eq!(
        documents(true).await,
        [joined("a", &all), joined("b", &all)]
    );
}

#[tokio::test]
async fn a_user_without_groups_has_an_empty_list() {
    let fixture = Fixture::new().await;
    let document = "{\n  \"info\": {\"groups\": 7, \"n\": 1.10}\n}".to_owned();
    let odd = Object {
        document,
        ..object("a")
    };
    fixture.run(Snapshot, vec![Change::User(odd)]).await;
    assert_eq!(
        fixture.export(Export::Documents { effective: false }).await,
        [r#"{   "info": {"groups": [], "n": 1.10} }"#]
    );
    assert_eq!(
        fixture.export(Export::Users).await,
        [r#"{"id":"a","name":"Name of a","document":{   "info": {"groups": 7, "n": 1.10} }}"#]
    );
}

#[tokio::test]
async fn documents_are_whole_in_the_middle_of_a_first_run() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![user("a"), group("g1"), joined("g1", &["a"])])
        .await;
    let documents = fixture.export(Export::Documents { effective: false }).await;
    assert_eq!(
        documents,
        [r#"{"externalId":"a","info":{"groups":[{"externalId":"g1"}]}}"#]
    );
}
