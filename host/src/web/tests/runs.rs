//! Pages about runs, with made-up runs and directory data.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};
use crate::contract::{Expectation, Fault, FaultKind};
use crate::directory::{
    Change, Directory, Finish, Member, MemberKind, Mode, NewRun, Object, PageCommit, Partition,
    Removals, RunKey, RunState, Stream,
};
use crate::journal::Level;
use crate::limits::Guard;
use crate::run::{Failure, Report};
use crate::work::tests::fakes::{Act, report};
use crate::work::tests::stage::Stage;
use crate::work::{Run, RunStatus};

/// A host whose runs are scripted, with somebody of each role before it.
struct Desk {
    stage: Stage,
    host: Host,
    viewer: NewSession,
    operator: NewSession,
    connector: Uuid,
}

fn object(id: &str, name: &str) -> Object {
    Object {
        id: id.into(),
        name: name.into(),
        document: json!({"externalId": id}).to_string(),
        kind: None,
    }
}

fn joined(group: &str, members: &[&str]) -> Change {
    let member = |id: &&str| Member {
        id: (*id).into(),
        kind: MemberKind::User,
    };
    Change::MembersAdded {
        group: group.into(),
        members: members.iter().map(member).collect(),
    }
}

/// Two groups and three users.
fn contoso() -> Vec<Change> {
    vec![
        Change::Group(object("g/1", "Finance")),
        Change::Group(object("g2", "Sales & <Support>")),
        Change::User(object("u1", "Ada Lovelace")),
        Change::User(object("u2", "Bob")),
        Change::User(object("u3", "Zoë")),
        joined("g/1", &["u1", "u2"]),
        joined("g2", &["u2", "u3"]),
    ]
}

impl Desk {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let host = Host::with_work(Arc::clone(stage.work())).await;
        let connector = stage.connector().await;
        Self {
            viewer: host.session_of("vic", Role::Viewer).await,
            operator: host.session_of("olga", Role::Operator).await,
            stage,
            host,
            connector,
        }
    }

    async fn get(&self, path: &str) -> String {
        self.get_as(&self.viewer, path).await
    }

    async fn get_as(&self, session: &NewSession, path: &str) -> String {
        let answer = self
            .host
            .call(ask("GET", path).page().session(session))
            .await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert!(text.len() < 100_000, "{path}: {} bytes", text.len());
        text
    }

    async fn post(&self, session: &NewSession, path: &str, fields: &[(&str, &str)]) -> Answer {
        let asked = ask("POST", path).page().session(session).form(fields);
        self.host.call(asked).await
    }

    /// A run of the directory with these changes, that ends like this.
    async fn stored(&self, mode: Mode, changes: Vec<Change>, state: RunState) -> i64 {
        let directory: &dyn Directory = self.host.stage.plane.directory.as_ref();
        let name = self.connector.to_string();
        let new = NewRun {
            connector: directory.connector(&name).await.unwrap(),
            mode,
            reason: "a test".into(),
            plugin: "entra@1.0.0".into(),
            fingerprint: "f".into(),
            groups_path: None,
        };
        let run = directory.begin(new).await.unwrap().key;
        let all = Partition {
            key: "all".into(),
            stage: 0,
            title: "all".into(),
            state: "{}".into(),
        };
        directory.planned(run, &[all], false).await.unwrap();
        let page = PageCommit {
            partition: "all".into(),
            changes,
            checkpoint: None,
            partitions: Vec::new(),
            cursor: Vec::new(),
        };
        directory.commit(run, page).await.unwrap();
        directory.assess(run).await.unwrap();
        self.finished(run, state).await;
        run.0
    }

    async fn finished(&self, run: RunKey, state: RunState) {
        let is_success = matches!(state, RunState::Processed | RunState::Partial);
        let finish = Finish {
            state,
            remove: is_success,
            promote_cursor: is_success,
            report: json!({}),
        };
        let directory = &self.host.stage.plane.directory;
        directory.finish(run, finish).await.unwrap();
    }

    /// A run that ends with this report.
    async fn ends_with(&self, report: Report, stored: Option<i64>, state: RunStatus) -> Run {
        self.stage.will([Act::Report(Box::new(report), stored)]);
        let run = self.stage.run_now(self.connector).await.unwrap();
        self.stage.reaches(run.id, state).await
    }

    /// A run that would remove two of three users, and is held.
    async fn held(&self) -> Run {
        self.stored(Mode::Snapshot, contoso(), RunState::Processed)
            .await;
        let changes = vec![
            Change::Group(object("g/1", "Finance")),
            Change::Group(object("g2", "Sales & <Support>")),
            Change::User(object("u1", "Ada Lovelace")),
            Change::StreamComplete(Stream::Users),
        ];
        let stored = self.stored(Mode::Snapshot, changes, RunState::Held).await;
        let mut removals = Removals::default();
        (removals.users.removed, removals.users.held) = (2, 3);
        (removals.memberships.removed, removals.memberships.held) = (3, 4);
        let mut guard = Guard::of_share(0.2);
        guard.users.count = 0;
        let mut held = report(RunState::Held, Mode::Snapshot);
        held.removals = Some(removals);
        held.guard = Some(guard);
        self.ends_with(held, Some(stored), RunStatus::Held).await
    }
}

fn path(run: &Run) -> String {
    format!("/runs/{}", run.id)
}

#[tokio::test]
async fn the_history_shows_every_run_and_filters_it_by_the_address() {
    let desk = Desk::new().await;
    let empty = desk.get("/runs").await;
    assert!(empty.contains("Nothing has run yet."));
    let mut much = report(RunState::Processed, Mode::Snapshot);
    much.tally.memberships.added = 12_345;
    much.tally.users.removed = 3;
    let run = desk.ends_with(much, None, RunStatus::Processed).await;
    let list = desk.get("/runs").await;
    let row = format!("<a class=\"go\" href=\"/runs/{}\">", run.id);
    assert!(list.contains(&row), "{list}");
    assert!(list.contains("+12\u{202f}345") && list.contains("−3"));
    assert!(list.contains("1 run<") && list.contains("data-events=\"/api/v1/events\""));
    let connector = desk.connector;
    for (query, found) in [
        // As a form without a script sends it.
        (
            format!("connector={connector}&profile=&state=&mode=&trigger="),
            true,
        ),
        ("state=processed&mode=snapshot&trigger=manual".into(), true),
        ("state=failed".into(), false),
        ("mode=incremental".into(), false),
        (format!("connector={}", Uuid::now_v7()), false),
    ] {
        let list = desk.get(&format!("/runs?{query}")).await;
        assert_eq!(list.contains(&row), found, "{query}");
        assert_eq!(list.contains("No run meets these filters."), !found);
    }
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused_with_a_page() {
    let desk = Desk::new().await;
    for query in ["state=lost", "connector=x", "cursor=!"] {
        let asked = ask("GET", &format!("/runs?{query}")).page();
        let answer = desk.host.call(asked.session(&desk.viewer)).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains("<h1>"));
    }
}

#[tokio::test]
async fn a_run_that_goes_on_is_measured_by_what_is_there_and_what_its_plugin_expects() {
    let desk = Desk::new().await;
    desk.stored(Mode::Snapshot, contoso(), RunState::Processed)
        .await;
    desk.stage.will([Act::Show(Box::new(|progress| {
        progress.begun(Mode::Snapshot, "no snapshot has succeeded yet");
        progress.expect(Expectation {
            users: Some(4),
            ..Expectation::default()
        });
        progress.page(&[Change::User(object("u1", "Ada"))]);
        progress.journal().note(Level::Warn, "429 & a pause");
    }))]);
    let run = desk.stage.run_now(desk.connector).await.unwrap();
    desk.stage.begins(run.id, 1).await;
    desk.stage.settle().await;
    let page = desk.get(&path(&run)).await;
    for part in [
        "1 of about 4",
        "as the plugin expects",
        "0 of about 2",
        "as many as the directory holds now",
        "because no snapshot has succeeded yet",
        &format!("data-events=\"/api/v1/runs/{}/events\"", run.id),
        "http-equiv=\"refresh\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let log = desk.get(&format!("{}?show=log", path(&run))).await;
    assert!(log.contains("429 &#38; a pause"), "{log}");
    desk.stage.open_gate(1);
    desk.stage.reaches(run.id, RunStatus::Processed).await;
    let page = desk.get(&path(&run)).await;
    assert!(!page.contains("data-events") && !page.contains("http-equiv"));
}

#[tokio::test]
async fn an_operator_cancels_a_run_after_reading_what_that_means() {
    let desk = Desk::new().await;
    desk.stage.will([Act::Wait]);
    let run = desk.stage.run_now(desk.connector).await.unwrap();
    desk.stage.begins(run.id, 1).await;
    let cancel = format!("{}/cancel", path(&run));
    let control = format!("href=\"{cancel}\"");
    assert!(!desk.get(&path(&run)).await.contains(&control));
    let refused = desk.post(&desk.viewer, &cancel, &[]).await;
    assert_eq!(refused.status, 403);
    let page = desk.get_as(&desk.operator, &path(&run)).await;
    assert!(page.contains(&control));
    let sure = desk.get_as(&desk.operator, &cancel).await;
    assert!(sure.contains("nothing is removed"));
    let done = desk.post(&desk.operator, &cancel, &[]).await;
    assert_eq!(done.location(), path(&run));
    desk.stage.reaches(run.id, RunStatus::Cancelled).await;
    let page = desk.get_as(&desk.operator, &path(&run)).await;
    assert!(!page.contains(&control));
    let late = desk.post(&desk.operator, &cancel, &[]).await;
    assert_eq!(late.location(), path(&run), "no error: it has ended");
}

#[tokio::test]
async fn who_joined_and_left_is_listed_searched_and_linked() {
    let desk = Desk::new().await;
    desk.stored(Mode::Snapshot, contoso(), RunState::Processed)
        .await;
    let changes = vec![
        joined("g/1", &["u3"]),
        Change::MembersRemoved {
            group: "g2".into(),
            members: vec!["u2".into()],
        },
    ];
    let stored = desk
        .stored(Mode::Incremental, changes, RunState::Processed)
        .await;
    let mut done = report(RunState::Processed, Mode::Incremental);
    (done.tally.memberships.added, done.tally.memberships.removed) = (1, 1);
    let run = desk
        .ends_with(done, Some(stored), RunStatus::Processed)
        .await;
    let connector = desk.connector;
    let at = format!("{}?show=changes", path(&run));
    let all = desk.get(&at).await;
    for part in [
        "1 joined, 1 left",
        "Zoë",
        "Sales &#38; &#60;Support&#62;",
        &format!("href=\"/groups/{connector}/g%2F1\""),
        &format!("href=\"/users/{connector}/u3\""),
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(!all.contains("Ada"), "she was there before");
    let left = desk.get(&format!("{at}&what=left")).await;
    assert!(left.contains("− left") && !left.contains("+ joined"));
    let named = desk.get(&format!("{at}&text=ZOE&what=")).await;
    assert!(named.contains("+ joined") && !named.contains("− left"));
    let none = desk.get(&format!("{at}&text=nobody")).await;
    assert!(none.contains("No change meets these filters."));
}

#[tokio::test]
async fn a_held_run_says_what_it_would_remove_beside_the_limit() {
    let desk = Desk::new().await;
    let run = desk.held().await;
    let page = desk.get(&path(&run)).await;
    for part in [
        "This run would remove 2 of 3 users (66.7\u{a0}%, limit 20\u{a0}%).",
        "Along with 3 of 4 memberships",
        "Bob",
        "Zoë",
        "not in the source&#39;s complete list",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Ada Lovelace"));
    let found = desk
        .get(&format!("{}?show=users&text=bo", path(&run)))
        .await;
    assert!(found.contains("Bob") && !found.contains("Zoë"));
    let list = desk.get(&format!("{}?show=memberships", path(&run))).await;
    assert!(list.contains("Finance") && list.contains("goes with its group or member"));
    let banner = desk.get("/runs").await;
    assert!(banner.contains("1 held run waits for a decision."));
    let waiting = desk.get("/runs?state=held").await;
    assert!(waiting.contains(&path(&run)));
}

#[tokio::test]
async fn only_an_operator_sees_and_sends_a_decision_and_only_with_a_reason() {
    let desk = Desk::new().await;
    let run = desk.held().await;
    let decision = format!("{}/decision", path(&run));
    let allow = [("verdict", "allow"), ("reason", "a reorganisation")];
    assert!(!desk.get(&path(&run)).await.contains(&decision));
    let refused = desk.post(&desk.viewer, &decision, &allow).await;
    assert_eq!(refused.status, 403);
    let form = desk.get_as(&desk.operator, &path(&run)).await;
    assert!(form.contains(&decision) && form.contains("Allow removals"));
    let silent = [("verdict", "allow"), ("reason", "  ")];
    let again = desk.post(&desk.operator, &decision, &silent).await;
    assert_eq!(again.status, 422);
    assert!(
        again.text().contains("id=\"reason-error\""),
        "{}",
        again.text()
    );
    assert!(desk.stage.script.decisions.lock().unwrap().is_empty());
    let done = desk.post(&desk.operator, &decision, &allow).await;
    assert_eq!(done.location(), path(&run));
    let page = desk.get(&path(&run)).await;
    assert!(page.contains("olga allowed the removals"), "{page}");
    assert!(page.contains("a reorganisation") && !page.contains("would remove"));
    let late = desk.post(&desk.operator, &decision, &allow).await;
    assert_eq!(late.status, 409, "it is decided");
}

#[tokio::test]
async fn what_a_partial_run_could_not_read_is_listed_with_the_reason() {
    let desk = Desk::new().await;
    let mut changes = contoso();
    changes.push(Change::MembersUnavailable {
        group: "g/1".into(),
        reason: "Its members are hidden.".into(),
    });
    let stored = desk
        .stored(Mode::Snapshot, changes, RunState::Partial)
        .await;
    let mut partial = report(RunState::Partial, Mode::Snapshot);
    partial.failures.push(Failure {
        partition: "Members of Sales".into(),
        fault: fault(),
    });
    let run = desk
        .ends_with(partial, Some(stored), RunStatus::Partial)
        .await;
    let page = desk.get(&format!("{}?show=unread", path(&run))).await;
    for part in [
        "Its members are hidden.",
        "Finance",
        "Members of Sales",
        "graph.forbidden",
        "1 group<",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

fn fault() -> Fault {
    Fault {
        kind: FaultKind::Permission,
        code: "graph.forbidden".into(),
        message: "The app <may not> read groups.".into(),
        remedy: Some("Grant Group.Read.All.".into()),
        setting: Some("tenantId".into()),
    }
}

#[tokio::test]
async fn a_failed_run_says_what_happened_who_must_act_and_the_code_to_search_for() {
    let desk = Desk::new().await;
    desk.stage.will([Act::Fail(fault())]);
    let run = desk.stage.run_now(desk.connector).await.unwrap();
    desk.stage.reaches(run.id, RunStatus::Failed).await;
    let page = desk.get(&path(&run)).await;
    for part in [
        "The app &#60;may not&#62; read groups.",
        "An administrator of the source must grant a permission.",
        "Grant Group.Read.All.",
        "<code>tenantId</code>",
        "graph.forbidden",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let log = desk
        .get(&format!("{}?show=log&level=error", path(&run)))
        .await;
    assert!(log.contains("graph.forbidden") && log.contains("1 line<"));
}

#[tokio::test]
async fn a_long_log_and_a_long_report_are_shown_in_part() {
    let desk = Desk::new().await;
    desk.stage.will([Act::Show(Box::new(|progress| {
        for _ in 0..600 {
            progress.journal().note(Level::Info, &"<".repeat(120));
        }
    }))]);
    let run = desk.stage.run_now(desk.connector).await.unwrap();
    desk.stage.open_gate(1);
    desk.stage.reaches(run.id, RunStatus::Processed).await;
    let log = desk.get(&format!("{}?show=log", path(&run))).await;
    assert!(log.contains("100 older lines are not kept."), "{log}");
    assert!(log.contains("500 lines") && log.contains("rel=\"next\""));
    let mut long = report(RunState::Processed, Mode::Snapshot);
    long.note = Some("<".repeat(50));
    for n in 0..2_000 {
        long.tally
            .unavailable
            .push(crate::directory::UnavailableGroup {
                id: format!("g{n}"),
                name: None,
                reason: "hidden".into(),
            });
    }
    let run = desk.ends_with(long, None, RunStatus::Processed).await;
    let page = desk.get(&path(&run)).await;
    assert!(page.contains("All of it as JSON"));
}

#[tokio::test]
async fn a_run_that_is_nowhere_is_a_page_that_says_so() {
    let desk = Desk::new().await;
    let asked = ask("GET", &format!("/runs/{}", Uuid::now_v7())).page();
    let answer = desk.host.call(asked.session(&desk.viewer)).await;
    assert_eq!(answer.status, 404);
}
