//! Tokens of changes that are of no use any more, in every spelling.

use connector_host::directory::Mode;
use connector_host::run::WantedMode;
use harness::simulator::{ExpirySpelling, FaultAction, FaultRule};

use crate::lab::{Lab, small, status};

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_becomes_a_snapshot_that_finds_what_was_deleted_meanwhile() {
    for spelling in [
        ExpirySpelling::BadRequestSyncStateNotFound,
        ExpirySpelling::GoneWithLocation,
        ExpirySpelling::GoneSyncStateNotFound,
        ExpirySpelling::BadRequestResyncRequired,
        ExpirySpelling::NotFoundApplyDifferences,
        ExpirySpelling::BadRequestUploadDifferences,
    ] {
        let mut lab = Lab::new(small()).await;
        lab.allow_mass_change = true;
        lab.succeed().await;
        lab.simulator
            .edit_behaviour(|b| b.expiry_spelling = spelling);
        lab.simulator.churn(77, 80);
        lab.simulator.advance_clock(8 * 24 * 3600);
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Snapshot, "{spelling:?}");
        lab.assert_equals_tenant(&format!("after {spelling:?}"))
            .await;
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Incremental, "{spelling:?}");
    }
}

/// 410 with anything, 400 and 404 with any of the codes in any case.
fn spellings() -> Vec<FaultAction> {
    let gone = |body: &str| FaultAction::Status {
        status: 410,
        code: None,
        body: Some(body.to_owned()),
        headers: Vec::new(),
    };
    let mut all = vec![
        gone(""),
        gone("<html><body>Gone</body></html>"),
        gone(r#"{"error":{"code":"somethingElse","message":"m"}}"#),
    ];
    for code in [
        "syncStateNotFound",
        "SYNCSTATENOTFOUND",
        "ResyncRequired",
        "resyncApplyDifferences",
        "ResyncUploadDifferences",
    ] {
        all.extend([status(400, code), status(404, code)]);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_lost_token_of_either_stream_starts_a_snapshot() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    for (n, action) in spellings().into_iter().enumerate() {
        let stream = if n % 2 == 0 { "users" } else { "groups" };
        let rule = FaultRule::new(format!("/{stream}/delta"), action.clone()).times(1);
        lab.simulator.inject(rule).unwrap();
        let report = lab.succeed().await;
        assert_eq!(report.mode, Mode::Snapshot, "{action:?}");
        lab.simulator.clear_faults();
    }
    lab.assert_equals_tenant("after all of them").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_400_is_told_and_is_no_loop_of_snapshots() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let rule = FaultRule::new("/users/delta", status(400, "Request_BadRequest"));
    lab.simulator.inject(rule).unwrap();
    let report = lab.sync(WantedMode::Auto).await;
    assert_eq!(report.mode, Mode::Incremental, "{report:#?}");
    assert_ne!(report.exit_code(), 0);
    assert_eq!(report.failures[0].fault.code, "graph.Request_BadRequest");
    let requests = &report.network.requests_by_route;
    assert_eq!(requests["GET /v1.0/users/delta"], 1);
    assert!(
        !requests.contains_key("GET /v1.0/users"),
        "no snapshot was begun: {requests:#?}"
    );
}
