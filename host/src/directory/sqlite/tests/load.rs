//! A measurement, run by hand in release.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use futures::stream;

use super::*;

const USERS: u64 = 100_000;
const GROUPS: u64 = 10_000;
const PER_GROUP: u64 = 100;
const PAGE: u64 = 999;
const BATCH: u64 = 20;
const IN_FLIGHT: usize = 32;

/// Processor time of this process, from its own accounts.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib >> 10
}

/// Prints what passed between its making and its end.
pub(super) struct Watch(&'static str, Instant, Duration);

impl Watch {
    pub(super) fn start(what: &'static str) -> Self {
        Self(what, Instant::now(), cpu())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (wall, cpu, peak) = (self.1.elapsed(), cpu() - self.2, peak_memory());
        println!(
            "{:<34} wall {wall:>8.2?} cpu {cpu:>8.2?} peak {peak} MiB",
            self.0
        );
    }
}

pub(super) fn id(n: u64, kind: u64) -> String {
    let x = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ kind.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let y = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    format!(
        "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
        x >> 32,
        x & 0xffff,
        y & 0xfff,
        y >> 52,
        n
    )
}

pub(super) fn user_id(n: u64) -> String {
    id(n % USERS, 0)
}

fn group_id(n: u64) -> String {
    id(n, 1)
}

fn document(id: &str, n: u64) -> String {
    format!(
        r#"{{"identityProviderId":"{id}","externalId":"{id}","eventType":"UPSERT","userData":{{"userDetails":{{"externalId":"{id}","apiExternalId":"{id}","emailId":"user{n}@contoso.example","userPrincipalName":"user{n}@contoso.example","givenName":"Given{n}","lastName":"Last{n}","displayName":"Given{n} Last{n}","username":"Given{n} Last{n}","address":"{n} Long Street","country":"US","title":"Engineer of the {n}th kind","language":"en-US"}},"notification":{{"email":true}}}}}}"#
    )
}

pub(super) fn named(id: String, n: u64) -> Object {
    Object {
        document: document(&id, n),
        name: name(n),
        kind: None,
        id,
    }
}

/// As scattered as names are, and none twice.
pub(super) fn name(n: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "an", "be", "co", "da", "el", "fi", "gu", "ha", "is", "jo", "ka", "lu", "mö", "ne", "or",
        "Šu",
    ];
    let scattered = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let word = |at: u64| -> String {
        let syllable = |place: u64| SYLLABLES[(scattered >> (at + 4 * place)) as usize & 15];
        (0..3).map(syllable).collect()
    };
    format!("{} {} {n}", word(40), word(52))
}

pub(super) fn member(n: u64) -> Member {
    Member {
        id: user_id(n),
        kind: MemberKind::User,
    }
}

#[derive(Debug, Clone, Copy)]
enum What {
    Groups,
    Users,
    Members,
}

impl What {
    /// How many pages there are.
    fn pages(self) -> u64 {
        match self {
            Self::Groups => GROUPS.div_ceil(PAGE),
            Self::Users => USERS.div_ceil(PAGE),
            Self::Members => GROUPS.div_ceil(BATCH),
        }
    }

    fn partition(self, number: u64) -> Partition {
        partition(&format!("{self:?} {number}"), 0)
    }

    fn page(self, number: u64) -> PageCommit {
        let objects = PAGE * number..PAGE * (number + 1);
        let changes = match self {
            Self::Groups => objects
                .filter(|n| *n < GROUPS)
                .map(|n| Change::Group(named(group_id(n), n)))
                .collect(),
            Self::Users => objects
                .filter(|n| *n < USERS)
                .map(|n| Change::User(named(user_id(n), n)))
                .collect(),
            Self::Members => (BATCH * number..BATCH * (number + 1))
                .flat_map(|n| {
                    let members = (0..PER_GROUP)
                        .map(|k| member(n * 7919 + k * k * 131 + k * 977 * n))
                        .collect();
                    let group = group_id(n);
                    [
                        Change::MembersAdded {
                            group: group.clone(),
                            members,
                        },
                        Change::MembersComplete { group },
                    ]
                })
                .collect(),
        };
        PageCommit {
            partition: self.partition(number).key,
            checkpoint: None,
            ..page(changes)
        }
    }
}

pub(super) async fn plan(
    fixture: &Fixture,
    mode: Mode,
    partitions: &[Partition],
    dropping: bool,
) -> RunKey {
    let new = NewRun {
        connector: fixture.connector,
        mode,
        reason: String::new(),
        plugin: String::new(),
        fingerprint: String::new(),
        groups_path: Some("groups".into()),
    };
    let run = fixture.store.begin(new).await.unwrap().key;
    fixture
        .store
        .planned(run, partitions, dropping)
        .await
        .unwrap();
    run
}

pub(super) async fn end(fixture: &Fixture, run: RunKey) {
    let removals = {
        let _watch = Watch::start("  assess");
        fixture.store.assess(run).await.unwrap().removals
    };
    let tally = {
        let _watch = Watch::start("  finish");
        fixture.finish(run, RunState::Processed, true).await
    };
    let Tally {
        users, memberships, ..
    } = tally;
    let counts = |tally: StreamTally| (tally.seen, tally.added, tally.updated, tally.removed);
    println!(
        "  seen, added, updated, removed: users {:?} of {}, memberships {:?} of {}",
        counts(users),
        removals.users.held,
        counts(memberships),
        removals.memberships.held
    );
}

async fn snapshot(fixture: &Fixture) {
    let kinds = [What::Groups, What::Users, What::Members];
    let mut partitions = Vec::new();
    for what in kinds {
        partitions.extend((0..what.pages()).map(|number| what.partition(number)));
    }
    let run = plan(fixture, Mode::Snapshot, &partitions, false).await;
    for what in kinds {
        let _watch = Watch::start(match what {
            What::Groups => "  groups",
            What::Users => "  users",
            What::Members => "  members",
        });
        stream::iter((0..what.pages()).map(Ok))
            .try_for_each_concurrent(IN_FLIGHT, |number| async move {
                let page = what.page(number);
                fixture.store.commit(run, page).await.map(|_| ())
            })
            .await
            .unwrap();
    }
    end(fixture, run).await;
}

async fn incremental(fixture: &Fixture, dropping: bool, changes: Vec<Change>) {
    let partitions = [partition("all", 0)];
    let run = plan(fixture, Mode::Incremental, &partitions, dropping).await;
    let page = PageCommit {
        checkpoint: None,
        ..page(changes)
    };
    fixture.store.commit(run, page).await.unwrap();
    end(fixture, run).await;
}

/// Users, members who join and members who leave, 1,000 in all.
fn thousand_changes() -> Vec<Change> {
    let users = (0..250).map(|n| Change::User(named(user_id(n * 331), n + 1)));
    let members = (0..250).flat_map(|n| {
        let n = n * 37;
        [
            Change::MembersAdded {
                group: group_id(n),
                members: vec![member(n * 7919 + 5), member(n * 7919 + 7)],
            },
            Change::MembersRemoved {
                group: group_id(n),
                members: vec![user_id(n * 7919)],
            },
        ]
    });
    users.chain(members).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture measure"]
async fn measure_a_large_tenant() {
    let fixture = Fixture::new().await;
    println!("at rest {} MiB", peak_memory());
    {
        let _watch = Watch::start("making the pages alone");
        for what in [What::Groups, What::Users, What::Members] {
            for number in 0..what.pages() {
                std::hint::black_box(what.page(number));
            }
        }
    }
    for what in ["first snapshot", "repeated snapshot", "repeated once more"] {
        let _watch = Watch::start(what);
        snapshot(&fixture).await;
    }
    {
        let _watch = Watch::start("incremental, 1,000 changes");
        incremental(&fixture, false, thousand_changes()).await;
    }
    {
        let _watch = Watch::start("incremental, 1,000 users forgotten");
        let changes = (0..1000).map(|n| hard(&user_id(n * 97))).collect();
        incremental(&fixture, true, changes).await;
    }
    {
        let _watch = Watch::start("incremental, nothing");
        incremental(&fixture, true, Vec::new()).await;
    }
    for (name, what) in [
        ("export of users", Export::Users),
        ("  memberships", Export::Memberships { effective: false }),
        (
            "  effective memberships",
            Export::Memberships { effective: true },
        ),
        ("  documents", Export::Documents { effective: false }),
        (
            "  effective documents",
            Export::Documents { effective: true },
        ),
    ] {
        let _watch = Watch::start(name);
        let bytes = fixture
            .store
            .export(fixture.connector, what)
            .try_fold(0, |sum, text| async move { Ok(sum + text.len()) })
            .await
            .unwrap();
        println!("  {} MiB", bytes >> 20);
    }
    let path = fixture.directory.path().join("directory.db");
    println!("file {} MiB", std::fs::metadata(path).unwrap().len() >> 20);
}
