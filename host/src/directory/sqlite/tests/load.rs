//! A measurement, run by hand in release.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use futures::TryStreamExt;

use super::*;

const USERS: u64 = 100_000;
const GROUPS: u64 = 10_000;
const PER_GROUP: u64 = 100;
const IN_FLIGHT: usize = 32;

/// Processor time of this process, from its own accounts.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or_default().into()
}

struct Watch(&'static str, Instant, Duration);

impl Watch {
    fn start(what: &'static str) -> Self {
        Self(what, Instant::now(), cpu())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (wall, cpu) = (self.1.elapsed(), cpu() - self.2);
        println!("{:<40} wall {wall:>8.2?} cpu {cpu:>8.2?} {}", self.0, peak_memory());
    }
}

fn user_id(n: u64) -> String {
    let x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", x >> 32, x & 0xffff, n & 0xfff, x >> 52, n)
}

fn group_id(n: u64) -> String {
    let x = n.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    format!("{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}", x >> 32, x & 0xffff, n & 0xfff, x >> 52, n)
}

fn document(id: &str, n: u64) -> String {
    format!(
        r#"{{"identityProviderId":"{id}","externalId":"{id}","eventType":"UPSERT","userData":{{"userDetails":{{"externalId":"{id}","apiExternalId":"{id}","emailId":"user{n}@contoso.example","userPrincipalName":"user{n}@contoso.example","givenName":"Given{n}","lastName":"Last{n}","displayName":"Given{n} Last{n}","username":"Given{n} Last{n}","address":"{n} Long Street","country":"US","title":"Engineer of the {n}th kind","language":"en-US"}},"notification":{{"email":true}}}}}}"#
    )
}

fn pages() -> [Vec<PageCommit>; 3] {
    let users: Vec<u64> = (0..USERS).collect();
    let groups: Vec<u64> = (0..GROUPS).collect();
    let object = |id: String, n: u64| Object {
        document: document(&id, n),
        name: format!("Given{n} Last{n}"),
        id,
    };
    let mut numbered = 0;
    let mut page = |changes| {
        numbered += 1;
        PageCommit {
            partition: numbered.to_string(),
            changes,
            checkpoint: None,
            partitions: Vec::new(),
            cursor: Vec::new(),
        }
    };
    let group_pages = groups
        .chunks(999)
        .map(|chunk| page(chunk.iter().map(|n| Change::Group(object(group_id(*n), *n))).collect()))
        .collect();
    let user_pages = users
        .chunks(999)
        .map(|chunk| page(chunk.iter().map(|n| Change::User(object(user_id(*n), *n))).collect()))
        .collect();
    let member_pages = groups
        .chunks(20)
        .map(|chunk| {
            let changes = chunk.iter().flat_map(|n| {
                let members = (0..PER_GROUP)
                    .map(|k| Member {
                        id: user_id((n * 7919 + k * k * 131 + k * 977 * n) % USERS),
                        kind: MemberKind::User,
                    })
                    .collect();
                let group = group_id(*n);
                [
                    Change::MembersAdded { group: group.clone(), members },
                    Change::MembersComplete { group },
                ]
            });
            page(changes.collect())
        })
        .collect();
    [group_pages, user_pages, member_pages]
}

async fn commit_all(fixture: &Fixture, run: RunKey, pages: Vec<PageCommit>) {
    let partitions: Vec<Partition> = pages.iter().map(|page| partition(&page.partition, 0)).collect();
    fixture.store.planned(run, &partitions, false).await.unwrap();
    stream::iter(pages.into_iter().map(Ok))
        .try_for_each_concurrent(IN_FLIGHT, |page| async {
            fixture.store.commit(run, page).await.map(|_| ())
        })
        .await
        .unwrap();
}

async fn begin(fixture: &Fixture, mode: Mode) -> RunKey {
    let new = NewRun {
        connector: fixture.connector,
        mode,
        reason: String::new(),
        plugin: String::new(),
        fingerprint: String::new(),
    };
    fixture.store.begin(new).await.unwrap().key
}

async fn end(fixture: &Fixture, run: RunKey) -> Tally {
    {
        let _watch = Watch::start("  assess");
        let removals = fixture.store.assess(run).await.unwrap().removals;
        println!("{:?} {:?} {:?}", removals.users, removals.groups, removals.memberships);
    }
    let _watch = Watch::start("  finish");
    fixture.finish(run, RunState::Processed, true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture measure"]
async fn measure_a_large_tenant() {
    let fixture = Fixture::new().await;
    println!("at rest: {}", peak_memory());
    for what in ["first snapshot", "repeated snapshot", "repeated after a restart"] {
        let pages = pages();
        println!("with pages: {}", peak_memory());
        let _watch = Watch::start(what);
        let run = begin(&fixture, Mode::Snapshot).await;
        let [groups, users, members] = pages;
        for (what, pages) in [("  groups", groups), ("  users", users), ("  members", members)] {
            let _watch = Watch::start(what);
            commit_all(&fixture, run, pages).await;
        }
        println!("{:?}", end(&fixture, run).await);
    }
    {
        let _watch = Watch::start("incremental, 1,000 changes");
        let run = begin(&fixture, Mode::Incremental).await;
        let mut changes = Vec::new();
        for n in 0..250 {
            let id = user_id(n * 331);
            changes.push(Change::User(Object { document: document(&id, n + 1), name: String::new(), id }));
        }
        for n in 0..250 {
            let group = group_id(n * 37);
            let member = |k: u64| user_id((n * 37 * 7919 + k) % USERS);
            changes.push(Change::MembersAdded {
                group: group.clone(),
                members: vec![
                    Member { id: member(5), kind: MemberKind::User },
                    Member { id: member(7), kind: MemberKind::User },
                ],
            });
            changes.push(Change::MembersRemoved { group, members: vec![member(0)] });
        }
        let page = PageCommit { partition: "delta".into(), changes, checkpoint: None, partitions: vec![], cursor: vec![] };
        commit_all(&fixture, run, vec![page]).await;
        println!("{:?}", end(&fixture, run).await);
    }
    {
        let _watch = Watch::start("incremental, 1,000 changes, dropping, hard removals");
        let run = begin(&fixture, Mode::Incremental).await;
        let changes = (0..1000).map(|n| hard(&user_id(n * 97))).collect();
        let page = PageCommit { partition: "delta".into(), changes, checkpoint: None, partitions: vec![], cursor: vec![] };
        fixture.store.planned(run, &[], true).await.unwrap();
        fixture.store.planned(run, &[partition("delta", 0)], true).await.unwrap();
        fixture.store.commit(run, page).await.unwrap();
        println!("{:?}", end(&fixture, run).await);
    }
    {
        let _watch = Watch::start("incremental, nothing");
        let run = begin(&fixture, Mode::Incremental).await;
        fixture.store.planned(run, &[], true).await.unwrap();
        end(&fixture, run).await;
    }
    for what in [
        Export::Users,
        Export::Memberships { effective: false },
        Export::Memberships { effective: true },
        Export::Documents { effective: false },
        Export::Documents { effective: true },
    ] {
        let _watch = Watch::start("export");
        let bytes = fixture
            .store
            .export(fixture.connector, what, "groupInfo")
            .try_fold(0, |sum, text| async move { Ok(sum + text.len()) })
            .await
            .unwrap();
        println!("{what:?}: {bytes} bytes");
    }
    let path = fixture.directory.path().join("directory.db");
    println!("file: {} MiB", std::fs::metadata(path).unwrap().len() >> 20);
}
