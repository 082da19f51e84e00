//! Batches that succeed as a whole while parts of them are missing, throttled or refused.

use connector_host::run::WantedMode;
use harness::simulator::{FaultAction, FaultRule};

use super::some_membership;
use crate::lab::{Lab, small, status};

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_missing_is_asked_for_again() {
    let lab = Lab::new(small()).await;
    let rule = FaultRule::new(r"/members\?", FaultAction::MissingPart);
    lab.simulator.inject(rule.times(5)).unwrap();
    let report = lab.succeed().await;
    assert!(report.tally.memberships.complete);
    lab.assert_equals_tenant("after missing parts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_throttled_goes_into_a_later_batch() {
    let lab = Lab::new(small()).await;
    for retry_after in [Some("0.05".to_owned()), None] {
        let rule = FaultRule::new(r"/members\?", FaultAction::Throttle { retry_after });
        lab.simulator.inject(rule.times(5)).unwrap();
    }
    let report = lab.succeed().await;
    assert_eq!(lab.simulator.stats().throttled, 10);
    assert!(report.tally.memberships.complete);
    lab.assert_equals_tenant("after throttled parts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_stays_missing_or_refused_is_its_groups_trouble_alone() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let group = some_membership(&lab).group;
    for action in [
        FaultAction::MissingPart,
        status(403, "Authorization_RequestDenied"),
        status(500, "InternalServerError"),
    ] {
        let path = format!("/groups/{group}/members");
        lab.simulator
            .inject(FaultRule::new(path, action.clone()))
            .unwrap();
        let report = lab.sync(WantedMode::Full).await;
        assert_eq!(report.exit_code(), 3, "{action:?}: {report:#?}");
        let named: Vec<&str> = report
            .tally
            .unavailable
            .iter()
            .map(|group| group.id.as_str())
            .collect();
        assert_eq!(named, [group.as_str()], "{action:?}");
        assert_eq!(lab.held().await, before, "{action:?}");
        lab.simulator.clear_faults();
    }
}
