//! Runs, partitions, cursors, and the file itself.

use Mode::{Incremental, Snapshot};
use sqlx::ConnectOptions;

use super::*;
use crate::directory::sqlite::options;

fn part(key: &str, value: &str) -> CursorPart {
    CursorPart {
        key: key.into(),
        value: value.into(),
    }
}

#[tokio::test]
async fn a_run_goes_on_after_the_process_died() {
    let mut fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    let mut first = page(vec![user("a")]);
    first.partitions = vec![
        partition("late", 1),
        partition("early", 0),
        partition("all", 0),
    ];
    let committed = fixture.store.commit(run, first.clone()).await.unwrap();
    assert_eq!(
        committed.partitions,
        [partition("late", 1), partition("early", 0)]
    );
    let again = fixture.store.commit(run, first).await.unwrap();
    assert_eq!(again.partitions, []);

    fixture.reopen().await;
    let found = fixture
        .store
        .unfinished(fixture.connector)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.key, found.state, found.planned),
        (run, RunState::Processing, true)
    );
    let open = fixture.store.open_partitions(run).await.unwrap();
    let keys: Vec<_> = open
        .iter()
        .map(|open| open.partition.key.as_str())
        .collect();
    assert_eq!(keys, ["all", "early", "late"]);
    assert_eq!(open[0].checkpoint.as_deref(), Some("more"));
    assert_eq!(open[1].checkpoint, None);

    let mut last = page(vec![user("b"), ALL_USERS]);
    last.checkpoint = None;
    fixture.store.commit(run, last).await.unwrap();
    assert_eq!(fixture.store.open_partitions(run).await.unwrap().len(), 2);
    let tally = fixture.finish(run, RunState::Partial, true).await;
    assert_eq!(tally.partitions, 3);
    assert_eq!((tally.users.seen, tally.users.added), (3, 2));
    assert!(tally.users.complete && !tally.memberships.complete);
    assert_eq!(
        fixture.store.unfinished(fixture.connector).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_cursor_counts_from_the_success_of_its_run_on() {
    let fixture = Fixture::new().await;
    let cursor = || async { fixture.store.cursor(fixture.connector).await.unwrap() };
    let run = fixture.begin(Snapshot).await;
    let mut first = page(Vec::new());
    first.cursor = vec![part("users", "1"), part("groups", "1")];
    fixture.store.commit(run, first).await.unwrap();
    let mut second = page(Vec::new());
    second.cursor = vec![part("users", "2")];
    fixture.store.commit(run, second.clone()).await.unwrap();
    assert_eq!(cursor().await, None);
    fixture.process(run).await;
    let taken = cursor().await.unwrap();
    assert_eq!(taken.parts, [part("groups", "1"), part("users", "2")]);
    assert_eq!(taken.fingerprint, "f");
    assert!(taken.taken > 1_700_000_000_000);

    let run = fixture.begin(Incremental).await;
    second.cursor = vec![part("users", "3")];
    fixture.store.commit(run, second.clone()).await.unwrap();
    fixture.finish(run, RunState::Failed, false).await;
    assert_eq!(cursor().await.unwrap(), taken);

    let run = fixture.begin(Incremental).await;
    fixture.store.commit(run, second).await.unwrap();
    fixture.process(run).await;
    assert_eq!(cursor().await.unwrap().parts, [part("users", "3")]);
}

#[tokio::test]
async fn what_a_run_brought_that_left_no_cursor_is_not_held_by_later_runs() {
    let fixture = Fixture::new().await;
    let holds = || async {
        let ids = ["a", "b", "c"].map(str::to_owned);
        fixture.store.holds(fixture.connector, &ids).await.unwrap()
    };
    fixture.run(Snapshot, vec![user("a"), user("c")]).await;
    fixture.run(Incremental, vec![soft("c")]).await;
    let failed = fixture.begin(Incremental).await;
    fixture.commit(failed, vec![user("b"), user("c")]).await;
    assert_eq!(holds().await, [true, true, true], "while it goes on");
    fixture.finish(failed, RunState::Failed, false).await;
    let next = fixture.begin(Incremental).await;
    assert_eq!(holds().await, [true, false, false]);
    fixture.commit(next, vec![user("b"), user("c")]).await;
    fixture.process(next).await;
    assert_eq!(holds().await, [true, true, true], "once a cursor was left");
}

#[tokio::test]
async fn a_new_run_gives_up_the_one_that_went_on() {
    let fixture = Fixture::new().await;
    let old = fixture.begin(Snapshot).await;
    fixture
        .commit(old, vec![user("a"), group("g1"), joined("g1", &["a"])])
        .await;
    let new = fixture.begin(Incremental).await;
    let late = fixture.store.commit(old, page(vec![user("b")])).await;
    assert_eq!(
        late.unwrap_err().to_string(),
        format!("run {} has ended", old.0)
    );
    assert!(matches!(
        fixture.store.assess(old).await,
        Err(DirectoryError::Ended(_))
    ));
    fixture.commit(new, vec![hard("a")]).await;
    let (removals, _) = fixture.process(new).await;
    assert_eq!(
        removals.memberships,
        Removed {
            removed: 1,
            held: 1
        }
    );
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM run WHERE state = 'failed'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_held_run_removes_nothing_and_keeps_what_it_would() {
    let fixture = Fixture::new().await;
    let changes = vec![user("a"), user("b"), group("g1"), joined("g1", &["a", "b"])];
    fixture.run(Snapshot, changes).await;
    let run = fixture.begin(Snapshot).await;
    fixture.commit(run, vec![ALL_USERS, soft("a")]).await;
    fixture.store.assess(run).await.unwrap();
    let tally = fixture.finish(run, RunState::Held, false).await;
    assert_eq!((tally.users.removed, tally.memberships.removed), (2, 1));
    assert_eq!(fixture.users().await, ["a", "b"]);
    assert_eq!(
        fixture.number("SELECT count(*) FROM staged_object").await,
        2
    );
    fixture.check_counters().await;

    // Nobody decides before the next, which takes its place.
    let (removals, _) = fixture.run(Incremental, Vec::new()).await;
    assert_eq!(
        removals.users,
        Removed {
            removed: 0,
            held: 2
        }
    );

    let run = fixture.begin(Incremental).await;
    fixture.commit(run, vec![hard("a")]).await;
    let tally = fixture.finish(run, RunState::Failed, false).await;
    assert_eq!(tally.users.removed, 0);
    assert_eq!(fixture.users().await, ["a", "b"]);
}

#[tokio::test]
async fn a_run_that_begins_anew_forgets_what_it_saw() {
    let fixture = Fixture::new().await;
    let changes = vec![
        user("a"),
        user("b"),
        group("g1"),
        joined("g1", &["a", "b"]),
        ALL_USERS,
    ];
    let run = fixture.begin(Snapshot).await;
    let mut first = page(changes);
    first.cursor = vec![part("users", "1")];
    fixture.store.commit(run, first).await.unwrap();
    fixture
        .commit(run, vec![hard("a"), unavailable("g1")])
        .await;
    fixture
        .store
        .restart(run, Snapshot, "expired")
        .await
        .unwrap();
    assert_eq!(fixture.store.open_partitions(run).await.unwrap(), []);
    fixture
        .store
        .planned(run, &[partition("all", 0)], false)
        .await
        .unwrap();
    fixture
        .commit(run, vec![user("a"), joined("g1", &["a"]), complete("g1")])
        .await;
    let (removals, tally) = fixture.process(run).await;
    assert_eq!(
        (removals.users.removed, removals.memberships.removed),
        (0, 1)
    );
    assert_eq!((tally.users.seen, tally.users.added), (1, 2));
    assert_eq!(tally.unavailable, []);
    let cursor = fixture
        .store
        .cursor(fixture.connector)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cursor.parts, []);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_page_that_cannot_be_stored_harms_no_other() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    let store = &fixture.store;
    let results = futures::future::join_all((0..20).map(|n| async move {
        let mut page = page(vec![user(&format!("u{n}")), joined("g", &["x"])]);
        if n % 5 == 4 {
            page.partition = "unknown".into();
        }
        store.commit(run, page).await.is_ok()
    }))
    .await;
    assert_eq!(results.iter().filter(|ok| **ok).count(), 16);
    assert_eq!(fixture.users().await.len(), 16);
    let (_, tally) = fixture.process(run).await;
    assert_eq!((tally.users.added, tally.memberships.added), (16, 1));
    fixture.check_counters().await;
}

#[tokio::test]
async fn what_several_pages_bring_to_light_at_once_is_told_to_one_of_them() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    let store = &fixture.store;
    let told = futures::future::join_all((0..20).map(|n| async move {
        let mut page = page(vec![user(&format!("u{n}"))]);
        page.partitions = vec![partition("shared", 1), partition(&format!("own {n}"), 1)];
        store.commit(run, page).await.unwrap().partitions
    }))
    .await;
    let mut shared = 0;
    for (n, partitions) in told.iter().enumerate() {
        let keys = partitions.iter().map(|partition| partition.key.as_str());
        let (ours, others): (Vec<_>, Vec<_>) = keys.partition(|key| *key == "shared");
        shared += ours.len();
        assert_eq!(others, [format!("own {n}")]);
    }
    assert_eq!(shared, 1);
    assert_eq!(store.open_partitions(run).await.unwrap().len(), 22);
}

#[tokio::test]
async fn connectors_share_nothing() {
    let mut fixture = Fixture::new().await;
    let changes = || vec![user("a"), group("g1"), joined("g1", &["a"])];
    fixture.run(Snapshot, changes()).await;
    assert_eq!(
        fixture.store.connector("entra").await.unwrap(),
        fixture.connector
    );
    let first = fixture.connector;
    fixture.connector = fixture.store.connector("other").await.unwrap();
    assert_eq!(fixture.users().await, [""; 0]);
    fixture.run(Snapshot, changes()).await;
    fixture.run(Snapshot, vec![ALL_USERS, ALL_GROUPS]).await;
    assert_eq!(fixture.users().await, [""; 0]);
    fixture.check_counters().await;
    fixture.connector = first;
    assert_eq!(fixture.memberships(false).await, ["g1>a"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn runs_of_several_connectors_go_on_side_by_side() {
    let mut fixture = Fixture::new().await;
    let one = fixture.connector;
    let other = fixture.store.connector("other").await.unwrap();
    let changes = || vec![user("a"), group("g1"), joined("g1", &["a"])];
    let run = fixture.begin(Snapshot).await;
    fixture.commit(run, changes()).await;
    fixture.connector = other;
    fixture.run(Snapshot, changes()).await;
    for connector in [other, one] {
        fixture.connector = connector;
        let documents = Export::Documents { effective: false };
        assert_eq!(
            fixture.export(documents).await,
            [r#"{"externalId":"a","info":{"groups":[{"externalId":"g1"}]}}"#]
        );
    }
    fixture.process(run).await;
    fixture.check_counters().await;
}

#[tokio::test]
async fn another_process_may_write_between() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().join("directory.db");
    let other = Sqlite::open(path.to_str().unwrap()).await.unwrap();
    let run = fixture.begin(Snapshot).await;
    for n in 0..10 {
        let store = if n % 2 == 0 { &fixture.store } else { &other };
        let id = format!("u{n}");
        let changes = vec![user(&id), user("same"), joined("g", &[&id, "same"])];
        store.commit(run, page(changes)).await.unwrap();
    }
    let (_, tally) = fixture.process(run).await;
    assert_eq!((tally.users.added, tally.memberships.added), (11, 11));
    fixture.check_counters().await;
}

#[tokio::test]
async fn what_is_no_database_of_this_version_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().join("directory.db");
    let path = path.to_str().unwrap();
    let newer = sqlx::query(
        "INSERT INTO directory_migration (version, description, success, checksum, execution_time)
         VALUES (99, 'later', true, x'', 0)",
    )
    .execute(&mut options(path).unwrap().connect().await.unwrap())
    .await
    .unwrap();
    assert_eq!(newer.rows_affected(), 1);
    let error = Sqlite::open(path).await.unwrap_err().to_string();
    assert!(error.contains("newer version"), "{error}");

    let text = fixture.directory.path().join("text.db");
    std::fs::write(
        &text,
        "not a database, but long enough to be taken for one".repeat(100),
    )
    .unwrap();
    let cases = [
        (text.to_str().unwrap(), "not a database"),
        ("/nonexistent/directory.db", "unable to open"),
        ("postgres://me:secret@db/x", "postgres is not supported"),
        (":memory:", "must be in a file"),
    ];
    for (database, reason) in cases {
        let error = open(database).await.err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_url_opens_the_file_that_it_names() {
    let fixture = Fixture::new().await;
    fixture.run(Snapshot, vec![user("a")]).await;
    let path = fixture.directory.path().join("directory.db");
    let store = open(&format!("sqlite:{}", path.display())).await.unwrap();
    let connector = store.connector("entra").await.unwrap();
    assert_eq!(connector, fixture.connector);
    let fresh = fixture.directory.path().join("fresh.db");
    open(&format!("sqlite://{}", fresh.display()))
        .await
        .unwrap();
    assert!(fresh.exists());
}

#[tokio::test]
async fn what_a_run_gave_counts_once_however_often_it_came_and_only_in_its_stream() {
    let mut fixture = Fixture::new().await;
    let seen = async |fixture: &Fixture, stream| {
        let seen = fixture.store.seen(fixture.connector, stream).await;
        seen.unwrap()
    };
    fixture
        .run(Snapshot, vec![user("x"), user("y"), group("g")])
        .await;
    assert_eq!(seen(&fixture, Stream::Users).await, 0, "no run goes on");

    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![user("a"), group("g"), user("b")])
        .await;
    fixture
        .commit(run, vec![user("b"), joined("g", &["c"])])
        .await;
    assert_eq!(seen(&fixture, Stream::Users).await, 2);
    assert_eq!(seen(&fixture, Stream::Groups).await, 1);

    fixture.commit(run, vec![hard("a")]).await;
    fixture.reopen().await;
    fixture.commit(run, vec![user("d")]).await;
    assert_eq!(
        seen(&fixture, Stream::Users).await,
        3,
        "after a restart of the process, and with what was removed"
    );
    let other = fixture.store.connector("another").await.unwrap();
    assert_eq!(fixture.store.seen(other, Stream::Users).await.unwrap(), 0);

    fixture.store.restart(run, Snapshot, "anew").await.unwrap();
    assert_eq!(seen(&fixture, Stream::Users).await, 0, "anew");
}
