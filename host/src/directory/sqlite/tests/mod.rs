//! Tests of the store, through the trait.

mod comparing;
mod decisions;
mod exports;
mod keeping;
mod large;
mod load;
mod model;
mod properties;
mod reading;
mod removals;
mod rules;
mod runs;
mod walks;

use std::path::Path;

use futures::TryStreamExt;
use tempfile::TempDir;

use super::Sqlite;
use crate::directory::*;

/// Opens a store whose memberships by member never lag behind.
async fn current(path: &Path) -> Sqlite {
    let mut store = Sqlite::open(path.to_str().unwrap()).await.unwrap();
    store.lag.longest = std::time::Duration::ZERO;
    store
}

/// A store in a directory of its own.
struct Fixture {
    directory: TempDir,
    store: Sqlite,
    connector: ConnectorKey,
}

impl Fixture {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("directory.db");
        let store = current(&path).await;
        let connector = store.connector("entra").await.unwrap();
        Self {
            directory,
            store,
            connector,
        }
    }

    /// As after a restart of the process.
    async fn reopen(&mut self) {
        let path = self.directory.path().join("directory.db");
        self.store = current(&path).await;
    }

    async fn begin(&self, mode: Mode) -> RunKey {
        self.begin_dropping(mode, false).await
    }

    /// Begins a run of the one partition `all`.
    async fn begin_dropping(&self, mode: Mode, drop_unreferenced_users: bool) -> RunKey {
        let new = NewRun {
            connector: self.connector,
            mode,
            reason: "a test".into(),
            plugin: "test@1.0.0".into(),
            fingerprint: "f".into(),
            groups_path: Some("info.groups".into()),
        };
        let run = self.store.begin(new).await.unwrap();
        self.store
            .planned(run.key, &[partition("all", 0)], drop_unreferenced_users)
            .await
            .unwrap();
        run.key
    }

    async fn commit(&self, run: RunKey, changes: Vec<Change>) -> Committed {
        self.store.commit(run, page(changes)).await.unwrap()
    }

    /// Ends the partition `all` and the run.
    async fn process(&self, run: RunKey) -> (Removals, Tally) {
        let mut last = page(Vec::new());
        last.checkpoint = None;
        self.store.commit(run, last).await.unwrap();
        let removals = self.store.assess(run).await.unwrap().removals;
        let tally = self.finish(run, RunState::Processed, true).await;
        (removals, tally)
    }

    async fn finish(&self, run: RunKey, state: RunState, remove: bool) -> Tally {
        let finish = Finish {
            state,
            remove,
            promote_cursor: remove,
            report: serde_json::json!({}),
        };
        self.store.finish(run, finish).await.unwrap()
    }

    /// A whole run.
    async fn run(&self, mode: Mode, changes: Vec<Change>) -> (Removals, Tally) {
        let run = self.begin(mode).await;
        self.commit(run, changes).await;
        self.process(run).await
    }

    async fn export(&self, what: Export) -> Vec<String> {
        self.store
            .export(self.connector, what)
            .try_collect()
            .await
            .unwrap()
    }

    /// Identifiers of users and groups.
    async fn ids(&self, what: Export) -> Vec<String> {
        let mut ids: Vec<String> = self
            .export(what)
            .await
            .iter()
            .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap())
            .map(|value| value["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }

    async fn users(&self) -> Vec<String> {
        self.ids(Export::Users).await
    }

    async fn groups(&self) -> Vec<String> {
        self.ids(Export::Groups).await
    }

    /// As `group>member`.
    async fn memberships(&self, effective: bool) -> Vec<String> {
        let mut memberships: Vec<String> = self
            .export(Export::Memberships { effective })
            .await
            .iter()
            .map(|text| serde_json::from_str::<MembershipRecord>(text).unwrap())
            .map(|record| format!("{}>{}", record.group, record.member))
            .collect();
        memberships.sort();
        memberships
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&self.store.readers)
            .await
            .unwrap()
    }

    /// Holds the store's own counts against a count.
    async fn check_counters(&self) {
        let kept: (i64, i64, i64) =
            sqlx::query_as("SELECT users, groups, memberships FROM connector WHERE key = $1")
                .bind(self.connector.0)
                .fetch_one(&self.store.readers)
                .await
                .unwrap();
        let counted = (
            self.users().await.len() as i64,
            self.groups().await.len() as i64,
            self.memberships(false).await.len() as i64,
        );
        assert_eq!(kept, counted, "users, groups, memberships");
    }
}

fn partition(key: &str, stage: u8) -> Partition {
    Partition {
        key: key.into(),
        stage,
        title: format!("the {key}"),
        state: "{}".into(),
    }
}

fn page(changes: Vec<Change>) -> PageCommit {
    PageCommit {
        partition: "all".into(),
        changes,
        checkpoint: Some("more".into()),
        partitions: Vec::new(),
        cursor: Vec::new(),
    }
}

fn object(id: &str) -> Object {
    Object {
        id: id.into(),
        name: format!("Name of {id}"),
        document: format!(r#"{{"externalId":"{id}"}}"#),
        kind: None,
    }
}

fn user(id: &str) -> Change {
    Change::User(object(id))
}

fn group(id: &str) -> Change {
    Change::Group(object(id))
}

fn soft(id: &str) -> Change {
    let removal = Removal::Soft;
    Change::UserRemoved {
        id: id.into(),
        removal,
    }
}

fn hard(id: &str) -> Change {
    let removal = Removal::Hard;
    Change::UserRemoved {
        id: id.into(),
        removal,
    }
}

fn no_group(id: &str) -> Change {
    Change::GroupRemoved { id: id.into() }
}

/// Members that are groups where their identifier begins with `g`, else users.
fn joined(group: &str, members: &[&str]) -> Change {
    let kind = |id: &str| match id.starts_with('g') {
        true => MemberKind::Group,
        false => MemberKind::User,
    };
    let members = members
        .iter()
        .map(|id| Member {
            id: (*id).into(),
            kind: kind(id),
        })
        .collect();
    Change::MembersAdded {
        group: group.into(),
        members,
    }
}

fn left(group: &str, members: &[&str]) -> Change {
    Change::MembersRemoved {
        group: group.into(),
        members: members.iter().map(|id| (*id).into()).collect(),
    }
}

fn complete(group: &str) -> Change {
    Change::MembersComplete {
        group: group.into(),
    }
}

fn unavailable(group: &str) -> Change {
    Change::MembersUnavailable {
        group: group.into(),
        reason: "hidden".into(),
    }
}

const ALL_USERS: Change = Change::StreamComplete(Stream::Users);
const ALL_GROUPS: Change = Change::StreamComplete(Stream::Groups);
const ALL_MEMBERS: Change = Change::StreamComplete(Stream::Members);

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
    let (removals, tally) = fixture.run(Mode::Snapshot, changes).await;
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
