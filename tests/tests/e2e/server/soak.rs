//! A day of runs in a minute: nothing is lost, and nothing grows.

use std::path::Path;

use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::inside::Inside;
use super::kit::{Connector, equals_tenant};

const START: &str = "2026-06-01T00:00:00Z";
/// Runs that the policy keeps.
const KEPT: u32 = 20;

/// Minutes between two runs of a connector: the fewer, the longer it takes. 1 makes thousands of runs.
fn minutes() -> i64 {
    let told = std::env::var("CONNECTOR_SOAK_MINUTES").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(5)
}

/// The memory is that of a process of its own, in which no other test runs.
#[test]
fn after_a_day_of_runs_the_directories_equal_their_tenants_and_nothing_has_grown() {
    let output = std::process::Command::new(std::env::args_os().next().unwrap())
        .args(["--exact", "server::soak::a_day", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&told)
    );
}

fn resident_pages() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Bytes of the queue without its journal, which SQLite keeps at a size of its own.
fn queue_bytes(data: &Path) -> u64 {
    std::fs::metadata(data.join("queue.sqlite")).unwrap().len()
}

/// What may not grow: pages of memory, and bytes of the queue.
#[derive(Debug)]
struct Size {
    memory: u64,
    queue: u64,
}

impl Size {
    fn now(inside: &Inside) -> Self {
        Self {
            memory: resident_pages(),
            queue: queue_bytes(&inside.folder.path().join("data")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the test above runs it in a process of its own"]
async fn a_day() {
    let tenants = [21, 22].map(|seed| {
        Simulator::start(SimulatorOptions {
            tenant: TenantSpec::sized(60, 12, 200, seed),
            ..SimulatorOptions::default()
        })
        .unwrap()
    });
    let inside = Inside::new(&[&tenants[0], &tenants[1]], START, |config| {
        config.runs.keep_days = 1;
        config.runs.keep_last = KEPT;
        config.limits.all.in_flight = Some(4);
    })
    .await;
    let api = &inside.api;
    let mut connectors = Vec::new();
    for (tenant, name) in tenants.iter().zip(["contoso", "fabrikam"]) {
        let connector = Connector::new(api, tenant, name).await;
        let profile = json!({
            "name": "always",
            "baseline": "daily",
            // So small a tenant may well lose a fifth of something.
            "guard": {
                "users": { "share": 1.0 }, "groups": { "share": 1.0 }, "memberships": { "share": 1.0 }
            },
            "schedule": {
                "zone": "UTC",
                "rhythm": {
                    "kind": "every", "count": minutes(), "unit": "minutes", "start": "2026-06-01T00:01:00",
                },
            },
        });
        api.make(&connector.path("/profiles"), &profile)
            .await
            .unwrap();
        connectors.push(connector);
    }
    // The last is still on the day of the first, at one minute past midnight.
    let rounds = (24 * 60 - 1) / minutes();
    let mut at: Timestamp = START.parse().unwrap();
    at += SignedDuration::from_mins(1);
    let mut early = None;
    for round in 0..rounds {
        for (connector, tenant) in connectors.iter().zip(&tenants) {
            let run = inside.run_of(&connector.id, at).await;
            assert_eq!(run["state"], "processed", "{run:#}");
            assert_eq!(run["mode"] == "snapshot", round == 0, "{run:#}");
            tenant.churn(round.unsigned_abs(), 2);
        }
        at += SignedDuration::from_mins(minutes());
        if round == rounds / 10 {
            early = Some(Size::now(&inside));
        }
    }
    // What changed after the last run, and the day after, on which old runs are forgotten.
    at += SignedDuration::from_hours(25);
    inside.clock.turn_to(at);
    for (connector, tenant) in connectors.iter().zip(&tenants) {
        settled(&inside, connector).await;
        let equal = equals_tenant(api, &connector.id, tenant).await;
        equal.assert("after a day");
    }
    let (early, late) = (early.unwrap(), Size::now(&inside));
    assert!(
        late.memory * 2 < early.memory * 3,
        "{early:?}, then {late:?}"
    );
    assert!(
        late.queue <= early.queue.max(1 << 20),
        "{early:?}, then {late:?}"
    );
    let kept = api.all("/runs?limit=500").await.unwrap().len();
    assert!(kept <= 2 * (KEPT as usize + 3), "{kept} runs are kept");
}

/// Waits until a connector has nothing to do.
async fn settled(inside: &Inside, connector: &Connector) {
    let path = connector.path("/overview");
    for _ in 0..2_000 {
        let overview = inside.api.read(&path).await.unwrap();
        let last: Timestamp = super::kit::text(&overview["last"]["queued"])
            .parse()
            .unwrap();
        let is_of_the_day_after =
            last.as_second() > START.parse::<Timestamp>().unwrap().as_second() + 86_400;
        if overview.get("open").is_none() && is_of_the_day_after {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a run is still open");
}
