//! What is forgotten, copied, pruned, and what an older store becomes.

use Mode::{Incremental, Snapshot};
use sqlx::ConnectOptions;

use super::*;
use crate::directory::sqlite::writer::Request;
use crate::directory::sqlite::{forget, options};

/// Rows of every table but those of connectors and versions.
const ROWS: &str = "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM object)
    + (SELECT count(*) FROM profile) + (SELECT count(*) FROM label)
    + (SELECT count(*) FROM label_order)
    + (SELECT count(*) FROM membership) + (SELECT count(*) FROM member_of)
    + (SELECT count(*) FROM past_membership) + (SELECT count(*) FROM cursor_part)
    + (SELECT count(*) FROM partition) + (SELECT count(*) FROM run_cursor)
    + (SELECT count(*) FROM seen_object) + (SELECT count(*) FROM seen_member)
    + (SELECT count(*) FROM unsettled) + (SELECT count(*) FROM proven_group)
    + (SELECT count(*) FROM proven_stream) + (SELECT count(*) FROM unavailable_group)
    + (SELECT count(*) FROM staged_object) + (SELECT count(*) FROM staged_membership)";

/// Something in every table.
async fn full() -> Fixture {
    let fixture = small().await;
    fixture
        .run(Incremental, vec![hard("a"), soft("b"), unavailable("g1")])
        .await;
    let run = fixture.begin(Snapshot).await;
    let mut all = page(vec![
        user("d"),
        joined("g1", &["d"]),
        hard("c"),
        complete("g1"),
        unavailable("g2"),
        ALL_USERS,
    ]);
    all.cursor.push(CursorPart {
        key: "users".into(),
        value: "1".into(),
    });
    fixture.store.commit(run, all).await.unwrap();
    fixture
}

#[tokio::test]
async fn a_forgotten_connector_leaves_nothing_and_its_name_is_free() {
    let mut fixture = full().await;
    let first = fixture.connector;
    fixture.connector = fixture.store.connector("other").await.unwrap();
    let other = fixture.connector;
    let changes = || vec![user("a"), group("g1"), joined("g1", &["a", "b"])];
    fixture.run(Snapshot, changes()).await;
    let kept = fixture.begin(Incremental).await;
    fixture
        .commit(kept, vec![user("b"), joined("g2", &["a"])])
        .await;

    let going = fixture.store.unfinished(first).await.unwrap().unwrap().key;
    fixture.store.forget(first).await.unwrap();
    fixture.store.forget(first).await.unwrap();
    let names = fixture.store.connectors().await.unwrap();
    assert_eq!(
        names.iter().map(|record| &*record.name).collect::<Vec<_>>(),
        ["other"]
    );
    assert_eq!(fixture.store.counts(first).await.unwrap(), None);
    assert_eq!(fixture.store.find("entra").await.unwrap(), None);
    assert_eq!(fixture.store.find("other").await.unwrap(), Some(other));
    assert!(matches!(
        fixture.store.commit(going, page(vec![user("z")])).await,
        Err(DirectoryError::Ended(_))
    ));
    let begun = fixture.store.begin(NewRun {
        connector: first,
        mode: Snapshot,
        reason: String::new(),
        plugin: String::new(),
        fingerprint: String::new(),
        groups_path: None,
    });
    assert!(matches!(
        begun.await,
        Err(DirectoryError::NoConnector(connector)) if connector == first
    ));

    // The other one hasn't noticed.
    fixture.process(kept).await;
    assert_eq!(fixture.users().await, ["a", "b"]);
    fixture.check_counters().await;
    let rows = fixture.number(ROWS).await;

    // Neither key nor run of the old one comes back under its name.
    fixture.connector = fixture.store.connector("entra").await.unwrap();
    assert!(fixture.connector != first && fixture.connector != other);
    let (_, tally) = fixture.run(Snapshot, changes()).await;
    assert_eq!((tally.users.added, tally.memberships.added), (1, 2));
    fixture.check_counters().await;
    for connector in [fixture.connector, other] {
        fixture.store.forget(connector).await.unwrap();
    }
    assert!(rows > 0);
    assert_eq!(fixture.number(ROWS).await, 0);
    fixture.connector = fixture.store.connector("entra").await.unwrap();
    let last = fixture.begin(Snapshot).await;
    assert_eq!(last, RunKey(7), "the runs before had 1 to 6");
}

#[tokio::test]
async fn who_opens_the_store_goes_on_with_what_was_being_forgotten() {
    let mut fixture = full().await;
    let connector = fixture.connector;
    let before = fixture.number(ROWS).await;
    let writer = fixture.store.writer.clone();
    writer
        .ask("", |answer| Request::Mark(connector, answer))
        .await
        .unwrap();
    for _ in 0..3 {
        let more = writer
            .ask("", |answer| Request::Forget(connector, answer))
            .await;
        assert!(more.unwrap());
    }
    let rows = fixture.number(ROWS).await;
    assert!(0 < rows && rows < before);
    drop(writer);
    fixture.reopen().await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while fixture.number(ROWS).await > 0 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut reader = fixture.store.readers.acquire().await.unwrap();
    let left = "SELECT count(*) FROM connector WHERE forgotten = 1";
    while sqlx::query_scalar::<_, i64>(left)
        .fetch_one(&mut *reader)
        .await
        .unwrap()
        > 0
    {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(forget::unfinished(&mut reader).await.unwrap(), []);
}

#[tokio::test]
async fn a_copy_is_whole_while_runs_write() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    let write = async {
        for n in 0..50 {
            let id = format!("u{n}");
            fixture
                .commit(run, vec![user(&id), joined("g1", &[&id])])
                .await;
        }
    };
    let (_, copied) = tokio::join!(write, fixture.store.backup(&copy));
    copied.unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["copy.db"]);
    let copied = Fixture {
        directory: folder,
        store: current(&copy).await,
        connector: fixture.connector,
    };
    copied.check_counters().await;
    comparing::check_labels(&copied).await;
    let users = copied.users().await;
    assert!(users.len() >= 3 && users.len() <= 53, "{users:?}");
    // The run that went on can go on there.
    copied.commit(run, vec![user("later")]).await;
    copied.process(run).await;
    copied.check_counters().await;

    let error = fixture.store.backup(&copy).await.unwrap_err().to_string();
    assert!(error.ends_with("there is such a file already"), "{error}");
    let nowhere = fixture.store.backup("/nonexistent/copy.db".as_ref()).await;
    assert!(matches!(nowhere, Err(DirectoryError::Backup { .. })));
}

#[tokio::test]
async fn pruning_drops_old_reports_and_no_history() {
    let fixture = small().await;
    fixture
        .run(Incremental, vec![left("g2", &["c"]), unavailable("g1")])
        .await;
    fixture.run(Incremental, vec![unavailable("g1")]).await;
    let held = fixture.begin(Incremental).await;
    fixture.commit(held, vec![unavailable("g1")]).await;
    fixture.finish(held, RunState::Held, false).await;
    let history = ChangeFilter::default();
    let page = PageRequest::first(100);
    let read = async || {
        let changes = fixture
            .store
            .membership_changes(fixture.connector, &history, &page);
        changes.await.unwrap()
    };
    let before = read().await;
    assert_eq!(
        fixture.store.prune(0, 0).await.unwrap(),
        0,
        "none is so old"
    );
    assert_eq!(fixture.store.prune(i64::MAX, 2).await.unwrap(), 2);
    assert_eq!(fixture.store.prune(i64::MAX, 2).await.unwrap(), 0);
    let mut pruned = Vec::new();
    for run in [1, 2, 3, 4].map(RunKey) {
        let record = fixture.store.run(run).await.unwrap().unwrap();
        let report = fixture.store.report(run).await.unwrap();
        let groups = fixture.store.unavailable(run, &page).await.unwrap().items;
        assert_eq!(report.is_none(), record.pruned);
        assert_eq!(
            record.unavailable,
            u64::from(run != RunKey(1)),
            "the count stays"
        );
        assert_eq!(
            groups.len() as u64,
            if record.pruned { 0 } else { record.unavailable }
        );
        pruned.push(record.pruned);
    }
    assert_eq!(pruned, [true, true, false, false]);
    assert_eq!(read().await, before);
    // A held one is still to be decided over.
    assert_eq!(fixture.store.prune(i64::MAX, 0).await.unwrap(), 1);
    assert!(!fixture.store.run(held).await.unwrap().unwrap().pruned);
}

#[tokio::test]
async fn a_store_that_is_closed_leaves_nothing_but_its_file() {
    let fixture = small().await;
    let files = || {
        let entries = std::fs::read_dir(fixture.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(
        files(),
        ["directory.db", "directory.db-shm", "directory.db-wal"]
    );
    let run = fixture.begin(Incremental).await;
    let (stored, ()) = tokio::join!(
        fixture.store.commit(run, page(vec![user("late")])),
        fixture.store.close()
    );
    stored.unwrap();
    assert_eq!(files(), ["directory.db"]);
    let asked = fixture.store.connector("entra").await;
    assert!(matches!(asked, Err(DirectoryError::Store { .. })));
    fixture.store.close().await;
}

#[tokio::test]
async fn a_store_of_an_older_version_becomes_searchable() {
    let mut fixture = small().await;
    let held = fixture.begin(Incremental).await;
    fixture.commit(held, vec![hard("a")]).await;
    fixture.finish(held, RunState::Held, false).await;
    fixture.run(Incremental, vec![unavailable("g1")]).await;
    let path = fixture.directory.path().join("directory.db");
    // What the version before made, with a held run that was not superseded yet.
    let mut connection = options(path.to_str().unwrap())
        .unwrap()
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(
        "DELETE FROM directory_migration WHERE version > 2;
        DROP VIEW linked;
        DROP TABLE label;
        DROP TABLE label_order;
        DROP TABLE labelling;
        DROP INDEX run_by_connector;
        DROP INDEX past_membership_by_member;
        DROP INDEX past_membership_by_until;
        ALTER TABLE run DROP COLUMN promotes;
        ALTER TABLE run DROP COLUMN verdict;
        ALTER TABLE run DROP COLUMN decided;
        ALTER TABLE run DROP COLUMN decided_by;
        ALTER TABLE run DROP COLUMN decided_why;
        ALTER TABLE run DROP COLUMN unavailable;
        ALTER TABLE run DROP COLUMN pruned;
        ALTER TABLE connector DROP COLUMN forgotten;
        ALTER TABLE connector DROP COLUMN last_run;
        ALTER TABLE connector DROP COLUMN cursor_run;
        ALTER TABLE seen_object DROP COLUMN kind;
        ALTER TABLE profile DROP COLUMN group_kind;
        DROP TABLE joining;
        DROP TABLE former_name;
        DROP INDEX past_membership_by_since;
        UPDATE run SET state = 'held' WHERE state = 'superseded';
        INSERT INTO staged_object (run, object, how) SELECT 2, key, 1 FROM object WHERE id = 'a';",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    fixture.reopen().await;
    comparing::check_labels(&fixture).await;
    let query = Search {
        text: Some("NAME OF".into()),
        ..Search::default()
    };
    let page = PageRequest::first(10);
    let found = fixture
        .store
        .search(&[], Kind::Users, &query, &page)
        .await
        .unwrap();
    assert_eq!(found.items.len(), 3);
    let record = fixture.store.run(held).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Superseded);
    assert_eq!(
        fixture.number("SELECT count(*) FROM staged_object").await,
        0
    );
    let runs = fixture
        .store
        .runs(&RunFilter::default(), &page)
        .await
        .unwrap();
    assert_eq!(runs.items[0].unavailable, 1);
    // Since when, nobody knows.
    let a = fixture
        .store
        .object(fixture.connector, "a")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((a.since, a.changed), (None, None));
    fixture
        .run(
            Incremental,
            vec![Change::User(Object {
                name: "New".into(),
                ..object("a")
            })],
        )
        .await;
    let a = fixture
        .store
        .object(fixture.connector, "a")
        .await
        .unwrap()
        .unwrap();
    assert!(a.since.is_none() && a.changed.is_some());
}
