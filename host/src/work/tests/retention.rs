use std::sync::atomic::Ordering;

use super::*;
use crate::directory::{Mode, RunState};
use crate::work::{AskedMode, RunPolicy, RunStatus};

#[tokio::test]
async fn old_runs_are_forgotten_but_those_that_tell_how_things_stand() {
    let stage = Stage::with(RunPolicy {
        keep_days: 30,
        keep_last: 2,
        ..RunPolicy::default()
    })
    .await;
    let connector = stage.connector().await;
    let run = async |asked, state| {
        stage.will([Act::End(state)]);
        let run = stage
            .work()
            .run_now(connector, None, asked, caller())
            .await
            .unwrap();
        stage
            .ends(connector, stage.runs(connector).await.len())
            .await;
        run.id
    };
    let old = run(AskedMode::Snapshot, RunState::Processed).await;
    let snapshot = run(AskedMode::Snapshot, RunState::Processed).await;
    let success = run(AskedMode::Auto, RunState::Processed).await;
    let failed = run(AskedMode::Auto, RunState::Failed).await;
    let kept = run(AskedMode::Auto, RunState::Failed).await;
    let held = run(AskedMode::Auto, RunState::Held).await;
    let before = stage.script.pruned.load(Ordering::SeqCst);

    stage.turn("2026-01-20T00:00:00Z");
    stage.settle().await;
    assert_eq!(stage.runs(connector).await.len(), 6, "none is old enough");
    assert!(
        stage.script.pruned.load(Ordering::SeqCst) > before,
        "each day"
    );

    stage.turn("2026-02-15T00:00:00Z");
    for _ in 0..400 {
        if stage.runs(connector).await.len() < 6 {
            break;
        }
        stage.settle().await;
    }
    let left: Vec<_> = stage
        .runs(connector)
        .await
        .iter()
        .map(|run| run.id)
        .collect();
    assert_eq!(left, [held, kept, success, snapshot]);
    for gone in [old, failed] {
        assert!(stage.work().run(gone).await.is_err());
        assert_eq!(stage.work().report(gone).await.unwrap(), None);
    }
    assert!(stage.work().report(success).await.unwrap().is_some());
}

#[tokio::test]
async fn a_held_run_waits_however_old_it_is() {
    let stage = Stage::with(RunPolicy {
        keep_days: 1,
        keep_last: 0,
        ..RunPolicy::default()
    })
    .await;
    let connector = stage.connector().await;
    stage.will([Act::End(RunState::Held)]);
    stage.run_now(connector).await.unwrap();
    stage.ends(connector, 1).await;
    stage.turn("2027-01-01T00:00:00Z");
    stage.settle().await;
    stage.work().core.forget_old().await.unwrap();
    let runs = stage.runs(connector).await;
    assert_eq!(runs[0].state, RunStatus::Held);
    assert_eq!(runs[0].mode, Some(Mode::Incremental));
}

#[tokio::test]
async fn a_deleted_connector_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let (connector, other) = (stage.connector().await, stage.connector().await);
    stage.run_now(connector).await.unwrap();
    stage.ends(connector, 1).await;
    stage.run_now(other).await.unwrap();
    stage.ends(other, 1).await;
    stage
        .database
        .write(async |c| crate::work::forget_connector(c, connector).await)
        .await
        .unwrap();
    assert!(stage.runs(connector).await.is_empty());
    assert!(
        stage
            .work()
            .overview(&[connector])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(stage.work().transitions(connector, None, 9).await.is_err());
    assert_eq!(stage.runs(other).await.len(), 1);
}
