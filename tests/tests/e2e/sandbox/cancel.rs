//! Crimes after the end: a run that is dropped or interrupted, while its guest computes or waits.

use std::sync::Arc;
use std::time::Duration;

use connector_host::directory::{PageRequest, RunFilter, RunState};
use connector_host::run::{EXIT_FAILED, Interrupt, Progress, Report};
use serde_json::{Value, json};

use super::Den;

/// More than there are places in the pool.
const OFTEN: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_dropped_stores_nothing_more_and_gives_its_place_back() {
    let den = Den::new().await;
    let never = den.server.url("/never");
    den.beside(async {
        for order in [
            json!({ "crime": "loop" }),
            json!({ "crime": "sleep-for-ever" }),
            json!({ "crime": "sleep-shortly" }),
            json!({ "crime": "fetch", "target": never }),
            json!({ "crime": "loop", "when": "plan" }),
        ] {
            for _ in 0..OFTEN {
                let run = den.run("dropped", &order);
                let cut = tokio::time::timeout(Duration::from_millis(60), run).await;
                assert!(cut.is_err(), "{order}: {cut:?}");
            }
        }
        den.assert_nothing_of("dropped").await;
    })
    .await;
    // Every place is free: a whole pool of runs goes through at the same time.
    let runs = (0..6).map(|n| {
        let den = &den;
        async move {
            den.run(&format!("after-{n}"), &json!({ "crime": "none" }))
                .await
        }
    });
    for report in futures::future::join_all(runs).await {
        assert_eq!(report.state, RunState::Processed);
    }
    den.assert_nothing_of("dropped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_keeps_what_it_stored_and_goes_no_further() {
    let den = Den::new().await;
    let order = json!({ "crime": "endless" });
    let run = den.run("endless", &order);
    let cut = tokio::time::timeout(Duration::from_millis(500), run).await;
    assert!(cut.is_err(), "{cut:?}");
    // A page that was on its way may still come; then nothing more does.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = den.held("endless").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let second = den.held("endless").await;
    assert!(!first.users.is_empty());
    assert_eq!(first, second);
    assert_eq!(second.cursor, None);
}

/// A run that is interrupted once it has stored something.
async fn interrupted(den: &Den, connector: &str, order: &Value, why: Interrupt) -> Report {
    let progress = Arc::new(Progress::default());
    let interrupt = async {
        while progress.read().pages < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        progress.interrupt(why);
        // The weaker one comes too late.
        progress.interrupt(Interrupt::Stop);
    };
    let run = den.watched(connector, order, &progress);
    let both = async { tokio::join!(run, interrupt).0 };
    tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .expect("it ends soon")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_is_resumed_by_the_next() {
    let den = Den::new().await;
    let order = json!({ "crime": "endless" });
    let report = interrupted(&den, "stopped", &order, Interrupt::Stop).await;
    assert_eq!(report.state, RunState::Interrupted);
    assert_eq!((report.exit_code(), report.fault), (EXIT_FAILED, None));
    assert!(report.tally.users.seen > 0 && !report.plugin_at_fault);
    let connector = den.directory.connector("stopped").await.unwrap();
    let unfinished = den.directory.unfinished(connector).await.unwrap().unwrap();
    assert!(unfinished.planned);
    let first = den.held("stopped").await.users.len();
    let report = interrupted(&den, "stopped", &order, Interrupt::Stop).await;
    assert!(report.resumed);
    assert!(den.held("stopped").await.users.len() > first);
    let again = den.directory.unfinished(connector).await.unwrap().unwrap();
    assert_eq!(again.key, unfinished.key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_for_good_and_the_next_begins_anew() {
    let den = Den::new().await;
    let order = json!({ "crime": "endless" });
    let report = interrupted(&den, "cancelled", &order, Interrupt::Cancel).await;
    assert_eq!(report.state, RunState::Cancelled);
    assert_eq!(report.exit_code(), EXIT_FAILED);
    assert_eq!(report.fault.unwrap().code, "run.cancelled");
    assert!(!report.plugin_at_fault);
    let connector = den.directory.connector("cancelled").await.unwrap();
    assert_eq!(den.directory.unfinished(connector).await.unwrap(), None);
    let held = den.held("cancelled").await;
    assert!(!held.users.is_empty());
    assert_eq!(held.cursor, None);
    let report = interrupted(&den, "cancelled", &order, Interrupt::Cancel).await;
    assert!(!report.resumed);
    let filter = RunFilter {
        connectors: vec![connector],
        state: Some(RunState::Cancelled),
    };
    let page = PageRequest::first(10);
    let runs = den.directory.runs(&filter, &page).await.unwrap().items;
    assert_eq!(runs.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_interrupted_before_it_begins_and_while_its_guest_hangs() {
    let den = Den::new().await;
    let never = den.server.url("/never");
    for order in [
        json!({ "crime": "loop" }),
        json!({ "crime": "sleep-for-ever" }),
        json!({ "crime": "fetch", "target": never }),
        json!({ "crime": "loop", "when": "plan" }),
    ] {
        for delay in [0, 60] {
            let progress = Arc::new(Progress::default());
            let interrupt = async {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                progress.interrupt(Interrupt::Stop);
                progress.interrupt(Interrupt::Cancel);
            };
            let run = den.watched("hanging", &order, &progress);
            let both = async { tokio::join!(interrupt, run).1 };
            let report = tokio::time::timeout(Duration::from_millis(900), both).await;
            let state = report.expect("it ends soon").state;
            let ended = [RunState::Cancelled, RunState::Interrupted];
            assert!(ended.contains(&state), "{order}: {state:?}");
        }
    }
    den.assert_nothing_of("hanging").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traffic_of_a_run_is_seen_while_it_goes_on() {
    let den = Den::new().await;
    den.server.gate(false);
    let order = json!({ "crime": "none", "target": den.server.url("/gate") });
    let progress = Arc::new(Progress::default());
    assert_eq!(progress.read().traffic.requests, 0);
    let watch = async {
        den.server.wait_for("/gate", 1).await;
        let traffic = progress.read().traffic;
        den.server.gate(true);
        traffic
    };
    let (report, seen) = tokio::join!(den.watched("watched", &order, &progress), watch);
    assert_eq!(report.state, RunState::Processed);
    assert_eq!((seen.requests, seen.throttled), (1, 0));
    let traffic = progress.read().traffic;
    assert_eq!(traffic.requests, report.network.requests);
    assert_eq!(traffic.resource_units, report.network.resource_units);
}
