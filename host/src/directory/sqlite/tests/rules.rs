//! What each change means.

use Mode::{Incremental, Snapshot};

use super::*;

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
async fn an_incremental_run_lists_no_stream_but_may_prove_a_group() {
    let fixture = small().await;
    let (removals, tally) = fixture.run(Incremental, vec![ALL_USERS, ALL_GROUPS]).await;
    assert_eq!(removals.users.removed + removals.memberships.removed, 0);
    assert!(tally.users.complete && tally.memberships.complete);
    let changes = vec![joined("g1", &["a"]), complete("g1")];
    let (removals, _) = fixture.run(Incremental, changes).await;
    assert_eq!(removals.users.removed, 0);
    assert!(removals.memberships.removed > 0);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_group_that_goes_in_the_run_need_not_be_read() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    let gone = Change::GroupRemoved { id: "g2".into() };
    fixture.commit(run, vec![unavailable("g2"), gone]).await;
    assert_eq!(fixture.store.assess(run).await.unwrap().unavailable, 0);
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
