//! Quotas and 429s slow a run down and never lose data.

use connector_host::limits::Patience;
use connector_host::run::WantedMode;
use harness::simulator::{FaultAction, FaultRule, Quota, RetryAfter, SimulatorOptions};

use crate::lab::{Lab, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_below_what_the_plugin_expects_is_got_over() {
    for retry_after in [
        RetryAfter::Always,
        RetryAfter::Fractional,
        RetryAfter::Never,
    ] {
        let mut lab = Lab::new(SimulatorOptions {
            quota: Quota::Custom(90),
            ..small()
        })
        .await;
        lab.patience = Patience::default();
        lab.simulator
            .edit_behaviour(|b| b.retry_after = retry_after);
        lab.succeed().await;
        lab.assert_equals_tenant(&format!("{retry_after:?}")).await;
        assert!(lab.simulator.stats().throttled > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_throttling_ends_and_removes_nothing() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    lab.simulator
        .inject(FaultRule::new(
            r"/users\?",
            FaultAction::Throttle {
                retry_after: Some("0.05".into()),
            },
        ))
        .unwrap();
    let report = lab.sync(WantedMode::Full).await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    assert_eq!(lab.held().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_units_in_the_report_are_those_that_the_service_counted() {
    let lab = Lab::new(small()).await;
    let report = lab.succeed().await;
    assert_eq!(
        report.network.resource_units,
        lab.simulator.stats().resource_units
    );
}
