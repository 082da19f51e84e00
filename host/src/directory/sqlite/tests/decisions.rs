//! Held runs, and what becomes of them.

use Mode::{Incremental, Snapshot};
use sqlx::ConnectOptions;

use super::*;
use crate::directory::sqlite::options;

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        actor: "ada".into(),
        reason: "as announced".into(),
    }
}

const STAGED: &str = "SELECT (SELECT count(*) FROM staged_object)
    + (SELECT count(*) FROM staged_membership) + (SELECT count(*) FROM run_cursor)
    + (SELECT count(*) FROM proven_group) + (SELECT count(*) FROM proven_stream)";

impl Fixture {
    /// A snapshot of [`small`] without `a` and `g2`, with a cursor, which ends as held.
    async fn hold(&self, promote_cursor: bool) -> RunKey {
        let run = self.begin(Snapshot).await;
        let mut all = page(vec![
            user("b"),
            user("c"),
            group("g1"),
            joined("g1", &["b"]),
            complete("g1"),
            ALL_USERS,
            ALL_GROUPS,
        ]);
        all.cursor.push(CursorPart {
            key: "users".into(),
            value: "held".into(),
        });
        self.store.commit(run, all).await.unwrap();
        self.store.assess(run).await.unwrap();
        let finish = Finish {
            state: RunState::Held,
            remove: false,
            promote_cursor,
            report: serde_json::json!({"told": true}),
        };
        let tally = self.store.finish(run, finish).await.unwrap();
        assert_eq!(removed(&tally), [1, 1, 4]);
        run
    }

    async fn decide(&self, run: RunKey, verdict: Verdict) -> Result<RunRecord, DirectoryError> {
        self.store.decide(run, decision(verdict)).await
    }

    async fn record(&self, run: RunKey) -> RunRecord {
        self.store.run(run).await.unwrap().unwrap()
    }

    /// The value of the one piece of the cursor.
    async fn cursor(&self) -> Option<String> {
        let cursor = self.store.cursor(self.connector).await.unwrap()?;
        cursor.parts.into_iter().next().map(|part| part.value)
    }

    async fn is_untouched(&self) {
        assert_eq!(self.users().await, ["a", "b", "c"]);
        assert_eq!(self.groups().await, ["g1", "g2"]);
        assert_eq!(self.memberships(false).await.len(), 5);
        self.check_counters().await;
    }
}

fn removed(tally: &Tally) -> [u64; 3] {
    [tally.users, tally.groups, tally.memberships].map(|stream| stream.removed)
}

fn removed_by(run: &RunRecord) -> [u64; 3] {
    [run.users, run.groups, run.memberships].map(|stream| stream.removed)
}

#[tokio::test]
async fn an_allowed_run_removes_what_it_held_back_and_its_cursor_goes_on() {
    let mut fixture = small().await;
    let run = fixture.hold(true).await;
    // It waits as long as it must.
    fixture.reopen().await;
    fixture.is_untouched().await;
    assert_eq!(fixture.cursor().await, None);
    let held = fixture.record(run).await;
    let kept_back = KeptBack {
        users: 1,
        groups: 1,
        memberships: 4,
    };
    assert_eq!(
        (held.state, held.kept_back),
        (RunState::Held, Some(kept_back))
    );

    let allowed = fixture.decide(run, Verdict::Allow).await.unwrap();
    assert_eq!(allowed, fixture.record(run).await);
    assert_eq!(
        (allowed.state, allowed.kept_back),
        (RunState::Processed, None)
    );
    assert_eq!(removed_by(&allowed), [1, 1, 4]);
    let decided = allowed.decision.unwrap();
    assert_eq!(
        (
            decided.verdict,
            decided.actor.as_str(),
            decided.reason.as_str()
        ),
        (Verdict::Allow, "ada", "as announced")
    );
    assert!(Some(decided.at) >= allowed.ended);
    assert_eq!(fixture.users().await, ["b", "c"]);
    assert_eq!(fixture.groups().await, ["g1"]);
    assert_eq!(fixture.memberships(false).await, ["g1>b"]);
    assert_eq!(fixture.cursor().await.as_deref(), Some("held"));
    assert_eq!(fixture.number(STAGED).await, 0);
    fixture.check_counters().await;
    comparing::check_labels(&fixture).await;
    let report = fixture.store.report(run).await.unwrap();
    assert_eq!(report, Some(serde_json::json!({"told": true})));
    let filter = ChangeFilter {
        run: Some(run),
        ..ChangeFilter::default()
    };
    let page = PageRequest::first(10);
    let changes = fixture
        .store
        .membership_changes(fixture.connector, &filter, &page);
    let changes = changes.await.unwrap().items;
    assert_eq!(changes.len(), 4);
    assert!(
        changes
            .iter()
            .all(|change| change.what == Turn::Left && change.when.at == decided.at)
    );

    // What comes after begins with what this one left.
    fixture
        .run(Incremental, vec![user("a"), joined("g1", &["a"])])
        .await;
    assert_eq!(fixture.users().await, ["a", "b", "c"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_rejected_run_removes_nothing_and_the_next_finds_it_all_again() {
    let fixture = small().await;
    let run = fixture.hold(true).await;
    let rejected = fixture.decide(run, Verdict::Reject).await.unwrap();
    assert_eq!(rejected.state, RunState::Rejected);
    assert_eq!(removed_by(&rejected), [0, 0, 0]);
    assert_eq!(rejected.kept_back.unwrap().memberships, 4);
    assert_eq!(rejected.decision.unwrap().verdict, Verdict::Reject);
    assert_eq!(fixture.cursor().await, None);
    assert_eq!(fixture.number(STAGED).await, 0);
    fixture.is_untouched().await;
    let again = fixture.hold(true).await;
    assert_eq!(fixture.record(run).await.state, RunState::Rejected);
    fixture.is_untouched().await;
    fixture.decide(again, Verdict::Allow).await.unwrap();
    assert_eq!(fixture.users().await, ["b", "c"]);
}

#[tokio::test]
async fn a_newer_run_takes_the_place_of_a_held_one() {
    let fixture = small().await;
    let run = fixture.hold(true).await;
    let newer = fixture.begin(Incremental).await;
    let superseded = fixture.record(run).await;
    assert_eq!(
        (superseded.state, superseded.decision),
        (RunState::Superseded, None)
    );
    assert_eq!(removed_by(&fixture.record(run).await), [0, 0, 0]);
    assert_eq!(fixture.number(STAGED).await, 0);
    fixture.process(newer).await;
    fixture.is_untouched().await;
    let page = PageRequest::first(9);
    let removals = fixture.store.removals(run, Removable::Users, None, &page);
    assert_eq!(removals.await.unwrap().items, []);
}

#[tokio::test]
async fn runs_of_other_connectors_leave_a_held_one_alone() {
    let mut fixture = small().await;
    let run = fixture.hold(true).await;
    let waiting = fixture.number(STAGED).await;
    let first = fixture.connector;
    fixture.connector = fixture.store.connector("other").await.unwrap();
    // The same identifiers, and every way of beginning, settling, sweeping, ending.
    let changes = || {
        vec![
            user("a"),
            group("g2"),
            joined("g2", &["a", "c"]),
            complete("g2"),
        ]
    };
    fixture.run(Snapshot, changes()).await;
    fixture.run(Snapshot, vec![ALL_USERS, ALL_GROUPS]).await;
    let given_up = fixture.begin_dropping(Incremental, true).await;
    fixture.commit(given_up, changes()).await;
    fixture
        .store
        .restart(given_up, Snapshot, "anew")
        .await
        .unwrap();
    let held = fixture.begin(Incremental).await;
    fixture.commit(held, vec![hard("a")]).await;
    fixture.finish(held, RunState::Held, false).await;
    fixture.begin(Incremental).await;
    assert_eq!(fixture.number(STAGED).await, waiting);
    fixture.connector = first;
    fixture.is_untouched().await;
    fixture.decide(run, Verdict::Allow).await.unwrap();
    assert_eq!(fixture.users().await, ["b", "c"]);
    fixture.check_counters().await;
    assert_eq!(fixture.record(held).await.state, RunState::Superseded);
}

#[tokio::test]
async fn where_work_was_given_up_an_allowed_run_is_partial_and_its_cursor_stays() {
    let fixture = small().await;
    let run = fixture.hold(false).await;
    let allowed = fixture.decide(run, Verdict::Allow).await.unwrap();
    assert_eq!(allowed.state, RunState::Partial);
    assert_eq!(fixture.cursor().await, None);
    assert_eq!(fixture.users().await, ["b", "c"]);
}

#[tokio::test]
async fn where_a_group_was_not_read_an_allowed_run_is_partial_and_its_cursor_goes_on() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    fixture
        .commit(run, vec![hard("a"), unavailable("g1")])
        .await;
    let finish = Finish {
        state: RunState::Held,
        remove: false,
        promote_cursor: true,
        report: serde_json::Value::Null,
    };
    fixture.store.finish(run, finish).await.unwrap();
    let allowed = fixture.decide(run, Verdict::Allow).await.unwrap();
    assert_eq!((allowed.state, allowed.unavailable), (RunState::Partial, 1));
    let cursor = fixture.store.cursor(fixture.connector).await.unwrap();
    assert_eq!(cursor.unwrap().taken, allowed.started);
}

#[tokio::test]
async fn a_decision_over_a_run_that_does_not_wait_tells_what_became_of_it() {
    let fixture = small().await;
    let decided = fixture.hold(true).await;
    fixture.decide(decided, Verdict::Reject).await.unwrap();
    let superseded = fixture.hold(true).await;
    let going = fixture.begin(Incremental).await;
    for (run, state, text) in [
        (RunKey(1), RunState::Processed, "it was never held"),
        (decided, RunState::Rejected, "ada has rejected it"),
        (
            superseded,
            RunState::Superseded,
            "a newer run has taken its place",
        ),
        (going, RunState::Processing, "it still goes on"),
    ] {
        let error = fixture.decide(run, Verdict::Allow).await.unwrap_err();
        let expected = format!("run {} does not wait for a decision: {text}", run.0);
        assert_eq!(error.to_string(), expected);
        let DirectoryError::NotHeld(record) = error else {
            panic!("{error:?}")
        };
        assert_eq!((record.key, record.state), (run, state));
    }
    let unknown = fixture.decide(RunKey(99), Verdict::Allow).await;
    assert!(matches!(unknown, Err(DirectoryError::NoRun(RunKey(99)))));
    fixture.is_untouched().await;
}

#[tokio::test]
async fn of_two_decisions_at_a_time_one_counts() {
    let fixture = small().await;
    let run = fixture.hold(true).await;
    let (allow, reject) = tokio::join!(
        fixture.decide(run, Verdict::Allow),
        fixture.decide(run, Verdict::Reject)
    );
    assert_ne!(allow.is_ok(), reject.is_ok());
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_decision_that_breaks_off_has_done_nothing() {
    let mut fixture = small().await;
    let run = fixture.hold(true).await;
    let waiting = fixture.number(STAGED).await;
    let path = fixture.directory.path().join("directory.db");
    let execute = async |sql: &'static str| {
        let options = options(path.to_str().unwrap()).unwrap();
        let mut connection = options.connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    };
    // The very last that a decision writes.
    execute(
        "CREATE TRIGGER broken BEFORE UPDATE OF decided ON run
        BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    .await;
    for verdict in [Verdict::Allow, Verdict::Reject] {
        fixture.decide(run, verdict).await.unwrap_err();
        fixture.is_untouched().await;
        assert_eq!(fixture.record(run).await.state, RunState::Held);
        assert_eq!(fixture.number(STAGED).await, waiting);
        assert_eq!(fixture.cursor().await, None);
    }
    fixture.reopen().await;
    execute("DROP TRIGGER broken").await;
    fixture.decide(run, Verdict::Allow).await.unwrap();
    assert_eq!(fixture.users().await, ["b", "c"]);
    fixture.check_counters().await;
}

#[tokio::test]
async fn a_held_run_lists_all_that_it_would_remove() {
    let fixture = small().await;
    fixture
        .run(
            Incremental,
            vec![joined("g1", &["m"]), user("d"), user("h")],
        )
        .await;
    fixture.run(Incremental, vec![soft("h")]).await;
    let run = fixture.begin_dropping(Incremental, true).await;
    let changes = vec![
        hard("a"),
        soft("b"),
        left("g1", &["m"]),
        no_group("g2"),
        hard("h"),
        user("d"),
    ];
    fixture.commit(run, changes).await;
    let mut last = page(Vec::new());
    last.checkpoint = None;
    fixture.store.commit(run, last).await.unwrap();
    let page = PageRequest::first(1);
    let before = fixture
        .store
        .removals(run, Removable::Users, None, &page)
        .await;
    assert_eq!(before.unwrap().items, [], "it goes on");
    let removals = fixture.store.assess(run).await.unwrap().removals;
    fixture.finish(run, RunState::Held, false).await;
    let list = async |what, text: Option<&str>| {
        let mut request = PageRequest::first(1);
        let mut found = Vec::new();
        let mut total = None;
        loop {
            let page = fixture
                .store
                .removals(run, what, text, &request)
                .await
                .unwrap();
            total = total.or(page.total);
            found.extend(page.items.iter().map(|record| {
                let group = record.group.as_ref().map(|group| format!("{}>", group.id));
                format!(
                    "{}{} {:?}",
                    group.unwrap_or_default(),
                    record.object.id,
                    record.why
                )
            }));
            match page.next {
                Some(next) => request = request.next(next),
                None => break,
            }
        }
        let count = found.len() as u64;
        assert_eq!(total, Some(Total { count, exact: true }));
        found
    };
    let users = list(Removable::Users, None).await;
    assert_eq!(
        users,
        ["a Removed", "b Hidden", "c Unreferenced", "d Unreferenced"]
    );
    assert_eq!(users.len() as u64, removals.users.removed);
    assert_eq!(list(Removable::Groups, None).await, ["g2 Removed"]);
    let mut memberships = list(Removable::Memberships, None).await;
    assert_eq!(memberships.len() as u64, removals.memberships.removed);
    memberships.sort();
    let expected = [
        "g1>a WithObject",
        "g1>g2 WithObject",
        "g1>m Removed",
        "g2>b WithObject",
        "g2>c WithObject",
    ];
    assert_eq!(memberships, expected);
    assert_eq!(
        list(Removable::Users, Some("NAME OF C")).await,
        ["c Unreferenced"]
    );
    let mut of_g2 = list(Removable::Memberships, Some("of g2")).await;
    of_g2.sort();
    assert_eq!(of_g2, [expected[1], expected[3], expected[4]]);
    assert_eq!(list(Removable::Groups, Some("nothing")).await, [""; 0]);
}

#[tokio::test]
async fn a_cancelled_run_leaves_nothing_that_waits() {
    let fixture = small().await;
    let run = fixture.begin(Incremental).await;
    let mut first = page(vec![hard("a"), user("d")]);
    first.cursor.push(CursorPart {
        key: "users".into(),
        value: "1".into(),
    });
    fixture.store.commit(run, first).await.unwrap();
    let tally = fixture.finish(run, RunState::Cancelled, false).await;
    assert_eq!(removed(&tally), [0, 0, 0]);
    assert_eq!(fixture.number(STAGED).await, 0);
    assert_eq!(fixture.number("SELECT count(*) FROM partition").await, 0);
    assert_eq!(fixture.cursor().await, None);
    assert_eq!(fixture.users().await, ["a", "b", "c", "d"]);
    assert_eq!(
        fixture.store.unfinished(fixture.connector).await.unwrap(),
        None
    );
}
