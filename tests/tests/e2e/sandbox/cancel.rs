//! Crimes after the end: a run that is dropped, while its guest computes or waits.

use std::time::Duration;

use connector_host::directory::RunState;
use serde_json::json;

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
