//! 429 and 503 in every spelling, passing and for ever, and a source that is down.

use std::sync::Arc;
use std::time::Duration;

use connector_host::directory::RunState;
use connector_host::limits::Patience;
use connector_host::run::{self, Interrupt, Progress, WantedMode};
use harness::simulator::{FaultAction, FaultRule, SimulatorOptions, TenantSpec};

use crate::lab::{self, Lab, small, status};

fn throttle(retry_after: Option<&str>) -> FaultAction {
    FaultAction::Throttle {
        retry_after: retry_after.map(str::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_is_got_over_however_it_tells_the_time() {
    let date = (jiff::Timestamp::now() + Duration::from_secs(2))
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    for retry_after in [None, Some("1"), Some("0.25"), Some(&*date), Some("soon")] {
        let lab = Lab::new(small()).await;
        let rule = FaultRule::new(r"/users\?", throttle(retry_after)).times(1);
        lab.simulator.inject(rule).unwrap();
        let report = lab.succeed().await;
        assert_eq!(report.network.throttled, 1, "{retry_after:?}");
        assert!(
            report.network.seconds_waited > 0.0,
            "the wait is told: {retry_after:?}"
        );
        lab.assert_equals_tenant(&format!("{retry_after:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_is_got_over_on_a_fresh_connection_with_and_without_retry_after() {
    for retry_after in [None, Some("0.1".to_owned())] {
        let lab = Lab::new(small()).await;
        lab.succeed().await;
        lab.simulator.reset_stats();
        let action = FaultAction::Unavailable { retry_after };
        let rule = FaultRule::new(r"/users/delta", action).times(1);
        lab.simulator.inject(rule).unwrap();
        lab.succeed().await;
        let stats = lab.simulator.stats();
        assert_eq!(stats.server_errors, 1);
        assert!(stats.connections >= 2, "{stats:#?}");
        lab.assert_equals_tenant("after a 503").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_without_end_ends_the_run_with_a_clear_fault_and_few_requests() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let before = lab.held().await;
    let rule = FaultRule::new("/v1.0/", throttle(Some("0.01")));
    lab.simulator.inject(rule).unwrap();
    for mode in [WantedMode::Full, WantedMode::Auto] {
        lab.simulator.reset_stats();
        let report = lab.sync(mode).await;
        assert_eq!(report.state, RunState::Failed, "{report:#?}");
        assert_eq!(report.fault.unwrap().code, "graph.429");
        // Eight tries of each call, six calls of each of at most two parts.
        let asked = lab.simulator.stats().requests;
        assert!(asked <= 2 * 6 * 8 + 1, "{asked} requests");
        assert_eq!(lab.held().await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_down_is_not_asked_for_every_part_of_a_run() {
    let mut lab = Lab::new(SimulatorOptions {
        // 60 batches of members.
        tenant: TenantSpec::sized(50, 1_200, 1_500, 6),
        ..SimulatorOptions::default()
    })
    .await;
    lab.patience = Patience {
        spare_retries: 4,
        retry_percent: 0,
        ..lab::hasty()
    };
    // The first batch has the tokens, and is none of a part's.
    let rule = FaultRule::new(r"/\$batch", status(500, "InternalServerError")).skip(1);
    lab.simulator.inject(rule).unwrap();
    let report = lab.sync(WantedMode::Full).await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    let codes = || report.failures.iter().map(|f| f.fault.code.as_str());
    assert!(codes().any(|code| code == "run.source-down"), "{report:#?}");
    // Four tries of each call of the 16 parts at once, and the four that were repeated.
    let asked = report.network.requests_by_route["POST /v1.0/$batch"];
    assert!(asked <= 1 + 4 * (16 + 4), "{asked} batches");
    lab.simulator.clear_faults();
    lab.succeed().await;
    lab.assert_equals_tenant("once it works again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_cancelled_while_it_waits_for_as_long_as_the_service_asked() {
    for wait in ["25", "3600"] {
        let lab = Lab::new(small()).await;
        let rule = FaultRule::new(r"/users\?", throttle(Some(wait)));
        lab.simulator.inject(rule).unwrap();
        let mut job = lab::job(&lab.connector, &lab::plugin().await, &lab.settings);
        job.patience = Patience::default();
        let progress = Arc::new(Progress::default());
        let cancel = async {
            while lab.simulator.stats().throttled == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            progress.interrupt(Interrupt::Cancel);
        };
        let run = run::run(&job, &lab.directory, &lab.egress, &progress);
        // Not a measure: without an end at once there would be none for very long.
        let ended = tokio::time::timeout(Duration::from_secs(20), async {
            tokio::join!(run, cancel).0
        });
        let report = ended.await.expect("it ends").unwrap();
        assert_eq!(report.state, RunState::Cancelled, "{wait}");
    }
}
