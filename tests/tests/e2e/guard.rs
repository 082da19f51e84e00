//! A run that would remove too much is held.

use connector_host::directory::RunState;
use connector_host::run::WantedMode;
use harness::simulator::Operation;

use crate::lab::{Lab, small};

/// A lab whose tenant lost a third of its users after the first snapshot.
async fn decimated() -> Lab {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let doomed: Vec<String> = lab.held().await.users.into_keys().step_by(3).collect();
    for id in doomed {
        lab.simulator.mutate(&Operation::Delete { id }).unwrap();
    }
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_is_held_with_its_list_and_removes_nothing() {
    for mode in [WantedMode::Auto, WantedMode::Full] {
        let lab = decimated().await;
        let before = lab.held().await;
        let report = lab.sync(mode).await;
        assert_eq!(report.state, RunState::Held, "{report:#?}");
        assert_eq!(report.exit_code(), 4);
        let removals = report.removals.unwrap();
        assert_eq!(removals.users.held, before.users.len() as u64);
        assert_eq!(removals.users.removed, removals.users.held.div_ceil(3));
        assert!(!removals.sample.users.is_empty());
        lab.assert_lost_nothing(&before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_removal_is_held_again_until_it_is_allowed() {
    let mut lab = decimated().await;
    for _ in 0..3 {
        assert_eq!(lab.sync(WantedMode::Auto).await.exit_code(), 4);
    }
    lab.allow_mass_change = true;
    let third = (lab.held().await.users.len() as u64).div_ceil(3);
    let report = lab.succeed().await;
    assert_eq!(report.tally.users.removed, third);
    lab.assert_equals_tenant("after it was allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_below_the_guard_passes() {
    let lab = Lab::new(small()).await;
    lab.succeed().await;
    let doomed: Vec<String> = lab.held().await.users.into_keys().step_by(10).collect();
    let removed = doomed.len() as u64;
    for id in doomed {
        lab.simulator.mutate(&Operation::Delete { id }).unwrap();
    }
    let report = lab.succeed().await;
    assert_eq!(report.tally.users.removed, removed);
    lab.assert_equals_tenant("after a small removal").await;
}
