//! Answers that prove nothing remove nothing, and the report names them.

use connector_host::directory::Mode;
use connector_host::run::{Report, WantedMode};
use harness::simulator::{FaultAction, FaultRule};

use crate::lab::{Held, Lab, small, status};

/// A lab with a stored snapshot, then a tenant that lost half of its users' memberships.
async fn stored() -> (Lab, Held) {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let held = lab.held().await;
    (lab, held)
}

/// Answers that are wrong for good.
fn wrong_answers() -> Vec<FaultAction> {
    vec![
        status(403, "Authorization_RequestDenied"),
        status(404, "Request_ResourceNotFound"),
        FaultAction::NotJson,
        FaultAction::TruncatedJson,
        FaultAction::CutOff,
        FaultAction::MissingValue,
        FaultAction::ValueNotList,
        FaultAction::LoopingLink,
        FaultAction::Reset,
        status(500, "InternalServerError"),
    ]
}

async fn snapshot_with(lab: &Lab, path: &str, action: &FaultAction) -> Report {
    snapshot_under(lab, FaultRule::new(path, action.clone())).await
}

async fn snapshot_under(lab: &Lab, rule: FaultRule) -> Report {
    lab.simulator.clear_faults();
    lab.simulator.inject(rule).unwrap();
    let report = lab.sync(WantedMode::Full).await;
    lab.simulator.clear_faults();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_can_not_be_read_are_kept_and_named() {
    let (lab, before) = stored().await;
    for action in wrong_answers() {
        // A connection carries a whole batch; that case has its own test.
        if matches!(action, FaultAction::CutOff | FaultAction::Reset) {
            continue;
        }
        let report = snapshot_with(&lab, r"/groups/[^/]+/members\?", &action).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        assert!(!report.tally.unavailable.is_empty(), "{action:?}");
        assert!(!report.tally.memberships.complete, "{action:?}");
        lab.assert_lost_nothing(&before).await;
    }
    lab.succeed().await;
    lab.assert_equals_tenant("after all that").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_users_that_breaks_removes_no_user() {
    let (lab, before) = stored().await;
    for action in wrong_answers() {
        let report = snapshot_with(&lab, r"/users\?", &action).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        assert!(!report.tally.users.complete, "{action:?}");
        assert!(
            report.failures.iter().any(|f| f.partition.contains("user")),
            "{action:?}: {:#?}",
            report.failures
        );
        lab.assert_lost_nothing(&before).await;
    }
    // What was given up must be read again before increments can be trusted.
    let report = lab.succeed().await;
    lab.assert_equals_tenant("after all that").await;
    drop(report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_groups_that_breaks_removes_no_group() {
    let (lab, before) = stored().await;
    for action in wrong_answers() {
        let report = snapshot_with(&lab, r"/groups\?", &action).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        assert!(!report.tally.groups.complete, "{action:?}");
        lab.assert_lost_nothing(&before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_batch_removes_no_membership() {
    let (lab, before) = stored().await;
    for action in [
        status(403, "Authorization_RequestDenied"),
        status(500, "InternalServerError"),
        FaultAction::NotJson,
        FaultAction::TruncatedJson,
        FaultAction::CutOff,
        FaultAction::Reset,
    ] {
        // The first one opens the run.
        let rule = FaultRule::new(r"/\$batch", action.clone()).skip(1);
        let report = snapshot_under(&lab, rule).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        lab.assert_lost_nothing(&before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_that_breaks_is_read_again_from_where_it_was() {
    let (lab, _) = stored().await;
    for (n, action) in wrong_answers()
        .into_iter()
        .chain([FaultAction::BothLinks, FaultAction::NoLinks])
        .enumerate()
    {
        lab.simulator.churn(n as u64, 10);
        lab.simulator
            .inject(FaultRule::new(r"/users/delta", action.clone()))
            .unwrap();
        let report = lab.sync(WantedMode::Auto).await;
        assert_ne!(report.exit_code(), 0, "{action:?}: {report:#?}");
        lab.simulator.clear_faults();
        let report = lab.succeed().await;
        assert_eq!(
            report.mode,
            Mode::Incremental,
            "{action:?}: {}",
            report.reason
        );
        lab.assert_equals_tenant(&format!("after {action:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_got_over() {
    let lab = Lab::new(small()).await;
    for action in [
        status(503, "serviceUnavailable"),
        status(500, "InternalServerError"),
        status(504, "gatewayTimeout"),
        FaultAction::Reset,
        FaultAction::Close,
        FaultAction::CutOff,
        FaultAction::Unauthenticated,
        FaultAction::ExpiredPageToken,
    ] {
        lab.simulator
            .inject(
                FaultRule::new(r"/v1.0/(users|groups|\$batch)", action)
                    .skip(2)
                    .times(1),
            )
            .unwrap();
    }
    lab.succeed().await;
    lab.assert_equals_tenant("despite passing trouble").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_another_host_is_not_followed() {
    let lab = Lab::new(small()).await;
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let origin = format!("http://{}", stranger.local_addr().unwrap());
    for action in [
        FaultAction::ForeignLink {
            origin: origin.clone(),
        },
        FaultAction::Redirect { origin },
    ] {
        lab.simulator
            .inject(FaultRule::new(r"/users\?", action.clone()))
            .unwrap();
        let report = lab.sync(WantedMode::Full).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        lab.simulator.clear_faults();
    }
    assert!(stranger.accept().is_err(), "somebody called the other host");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_snapshot_could_not_read_the_next_run_reads() {
    let mut lab = Lab::new(small()).await;
    lab.allow_mass_change = true;
    lab.succeed().await;
    lab.simulator.churn(3, 100);
    lab.simulator
        .inject(FaultRule::new(
            r"/groups/[^/]+/members\?",
            status(403, "Authorization_RequestDenied"),
        ))
        .unwrap();
    assert_eq!(lab.sync(WantedMode::Full).await.exit_code(), 3);
    let report = lab.sync(WantedMode::Auto).await;
    assert_eq!(report.mode, Mode::Incremental);
    assert_eq!(report.exit_code(), 3, "still unreadable: {report:#?}");
    lab.simulator.clear_faults();
    let report = lab.succeed().await;
    assert_eq!(report.mode, Mode::Incremental, "{}", report.reason);
    lab.assert_equals_tenant("after the next run").await;
    assert_eq!(
        lab.succeed().await.network.requests,
        2,
        "nothing is left to read"
    );
}
