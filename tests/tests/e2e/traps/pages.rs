//! Links to pages that expired, and links that lead in circles.

use connector_host::run::{Report, WantedMode};
use harness::simulator::{FaultAction, FaultRule, SimulatorOptions, TenantSpec};

use crate::lab::{Lab, small};

/// A tenant of three pages of users, and of groups of more than a page.
fn paged() -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(1_500, 4, 4_500, 5),
        ..SimulatorOptions::default()
    }
}

fn expired() -> [FaultAction; 2] {
    [
        FaultAction::ExpiredPageToken,
        FaultAction::PageTokenNotFound,
    ]
}

/// The one fault of a run that was given up in part.
fn fault_of(report: &Report) -> &connector_host::contract::Fault {
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    &report.failures[0].fault
}

fn pages_of_users(report: &Report) -> u64 {
    report.network.requests_by_route["GET /v1.0/users"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_whose_link_expired_starts_again_a_few_times_and_then_says_so() {
    let lab = Lab::new(paged()).await;
    for action in expired() {
        let rule = FaultRule::new(r"/users\?.*skiptoken", action.clone());
        lab.simulator.inject(rule.clone().times(2)).unwrap();
        lab.sync(WantedMode::Full).await;
        lab.assert_equals_tenant(&format!("{action:?} twice")).await;

        lab.simulator.clear_faults();
        lab.simulator.inject(rule).unwrap();
        let report = lab.sync(WantedMode::Full).await;
        let fault = fault_of(&report);
        assert_eq!(fault.code, "graph.Directory_ExpiredPageToken");
        assert!(fault.message.contains("started again"), "{fault}");
        assert_eq!(pages_of_users(&report), 12, "six times two pages");
        lab.simulator.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_whose_link_expired_start_again_a_few_times_and_then_are_unavailable() {
    let lab = Lab::new(paged()).await;
    for action in expired() {
        let rule = FaultRule::new(r"/members\?.*skiptoken", action.clone());
        lab.simulator.inject(rule.clone().times(2)).unwrap();
        let report = lab.sync(WantedMode::Full).await;
        assert!(report.tally.memberships.complete, "{report:#?}");
        lab.assert_equals_tenant(&format!("{action:?} twice")).await;

        lab.simulator.clear_faults();
        lab.simulator.inject(rule).unwrap();
        let report = lab.sync(WantedMode::Full).await;
        assert_eq!(report.exit_code(), 3, "{report:#?}");
        let [unavailable, ..] = report.tally.unavailable.as_slice() else {
            panic!("{report:#?}")
        };
        assert!(
            unavailable.reason.contains("started again"),
            "{unavailable:?}"
        );
        lab.assert_equals_tenant("nothing was lost").await;
        lab.simulator.clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_whose_link_expired_start_again_a_few_times_and_then_say_so() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    lab.simulator.edit_behaviour(|b| b.delta_page_objects = 5);
    for (n, action) in expired().into_iter().enumerate() {
        lab.simulator.churn(n as u64, 60);
        let rule = FaultRule::new(r"/users/delta\?.*skiptoken", action.clone());
        lab.simulator.inject(rule.clone().times(2)).unwrap();
        lab.succeed().await;
        lab.assert_equals_tenant(&format!("{action:?} twice")).await;

        lab.simulator.clear_faults();
        lab.simulator.churn(100 + n as u64, 60);
        lab.simulator.inject(rule).unwrap();
        let report = lab.sync(WantedMode::Auto).await;
        let fault = fault_of(&report);
        assert_eq!(fault.code, "graph.Directory_ExpiredPageToken");
        lab.simulator.clear_faults();
        lab.succeed().await;
        lab.assert_equals_tenant("after the next run").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_its_own_page_and_one_back_to_the_start_are_loops() {
    let lab = Lab::new(paged()).await;
    lab.succeed().await;
    let before = lab.held().await;
    for (path, action, most) in [
        (r"/users\?", FaultAction::LoopingLink, 2),
        (r"/users\?.*skiptoken", FaultAction::LoopingLink, 3),
        (r"/users\?.*skiptoken", FaultAction::LoopToStart, 6),
    ] {
        lab.simulator
            .inject(FaultRule::new(path, action.clone()))
            .unwrap();
        let report = lab.sync(WantedMode::Full).await;
        assert_eq!(fault_of(&report).code, "graph.loop", "{action:?}");
        assert!(pages_of_users(&report) <= most, "{report:#?}");
        lab.assert_lost_nothing(&before).await;
        lab.simulator.clear_faults();
    }
}
