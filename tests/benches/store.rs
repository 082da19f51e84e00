//! What storing costs: pages as a snapshot of a large tenant brings them, into a SQLite file.

use std::hint::black_box;
use std::sync::Arc;

use connector_host::directory::{
    self, Change, Directory, Member, MemberKind, Mode, NewRun, Object, PageCommit, RunKey,
};
use criterion::{BatchSize, Criterion, Throughput};
use tokio::runtime::Runtime;

/// Users that there are, whom memberships name.
const USERS: u64 = 20_000;
/// Users on the largest page of a listing.
const PAGE: u64 = 999;
/// Groups on a page of members, and members of each.
const GROUPS: u64 = 20;
const MEMBERS: u64 = 100;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    commits(&mut criterion);
    criterion.final_summary();
}

/// A directory with a run that goes on.
struct Store {
    directory: Arc<dyn Directory>,
    run: RunKey,
    _folder: tempfile::TempDir,
}

impl Store {
    async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("directory.sqlite");
        let directory = directory::open(&file.to_string_lossy()).await?;
        let connector = directory.connector("contoso").await?;
        let run = directory
            .begin(NewRun {
                connector,
                mode: Mode::Snapshot,
                reason: "a benchmark".into(),
                plugin: "none".into(),
                fingerprint: String::new(),
                groups_path: None,
            })
            .await?
            .key;
        let partition = directory::Partition {
            key: "pages".into(),
            stage: 0,
            title: "pages".into(),
            state: String::new(),
        };
        directory.planned(run, &[partition], false).await?;
        let store = Self {
            directory: Arc::from(directory),
            run,
            _folder: folder,
        };
        for first in (0..USERS).step_by(1_000) {
            store.commit(users(first, 1_000, "")).await?;
        }
        Ok(store)
    }

    async fn commit(&self, changes: Vec<Change>) -> anyhow::Result<()> {
        let page = PageCommit {
            partition: "pages".into(),
            changes,
            // Never the last page.
            checkpoint: Some("next".into()),
            partitions: Vec::new(),
            cursor: Vec::new(),
        };
        black_box(self.directory.commit(self.run, page).await?);
        Ok(())
    }
}

fn id(kind: u64, number: u64) -> String {
    // Scattered like real ones, so that inserts fall all over an index.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{kind:03x}-{number:012x}",
        scattered >> 32,
        (scattered >> 16) & 0xffff,
        scattered & 0xfff
    )
}

fn users(first: u64, count: u64, suffix: &str) -> Vec<Change> {
    (first..first + count)
        .map(|number| {
            Change::User(Object {
                id: id(1, number),
                kind: None,
                name: format!("Megan Bowen {number}{suffix}"),
                document: format!(
                    r#"{{"userData":{{"userDetails":{{"displayName":"Megan Bowen {number}{suffix}","emailId":"megan{number}@contoso.example","title":"Auditor","country":"US"}}}}}}"#
                ),
            })
        })
        .collect()
}

/// Groups with members among the users, each complete.
fn memberships(batch: u64) -> Vec<Change> {
    (0..GROUPS)
        .flat_map(|number| {
            let number = batch * GROUPS + number;
            let members = (0..MEMBERS).map(|place| Member {
                id: id(1, (number * 7_919 + place * 101) % USERS),
                kind: MemberKind::User,
            });
            [
                Change::MembersAdded {
                    group: id(2, number),
                    members: members.collect(),
                },
                Change::MembersComplete {
                    group: id(2, number),
                },
            ]
        })
        .collect()
}

#[expect(clippy::unwrap_used, reason = "a benchmark ends where something fails")]
fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(Store::new()).unwrap();
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);

    let mut next = USERS;
    group.throughput(Throughput::Elements(PAGE));
    group.bench_function("a page of new users", |bencher| {
        bencher.iter_batched(
            || {
                next += PAGE;
                users(next, PAGE, "")
            },
            |page| runtime.block_on(store.commit(page)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("a page of users as they were", |bencher| {
        bencher.iter_batched(
            || users(0, PAGE, ""),
            |page| runtime.block_on(store.commit(page)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    let mut batch = 0;
    group.throughput(Throughput::Elements(GROUPS * MEMBERS));
    group.bench_function("a page of new memberships", |bencher| {
        bencher.iter_batched(
            || {
                batch += 1;
                memberships(batch)
            },
            |page| runtime.block_on(store.commit(page)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("a page of memberships as they were", |bencher| {
        bencher.iter_batched(
            || memberships(1),
            |page| runtime.block_on(store.commit(page)).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
