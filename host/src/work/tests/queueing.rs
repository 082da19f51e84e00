use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::audit;
use crate::clock::Clock;
use crate::contract::FaultKind;
use crate::directory::RunState;
use crate::work::state::{Event, State};
use crate::work::{AskedMode, RunPolicy, RunStatus, Trigger, WorkError};

#[tokio::test]
async fn a_run_by_hand_goes_from_the_queue_to_its_report() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let asked = stage
        .work()
        .run_now(connector, None, AskedMode::Snapshot, caller())
        .await
        .unwrap();
    assert_eq!(asked.state, RunStatus::Queued);
    let run = stage.reaches(asked.id, RunStatus::Processed).await;
    assert_eq!((run.trigger, run.attempts), (Trigger::Manual, 1));
    assert_eq!(run.mode, Some(crate::directory::Mode::Snapshot));
    assert!(run.cursor_kept);
    assert_eq!(run.plugin.as_deref(), Some("test@1.0.0"));
    let report = stage.work().report(run.id).await.unwrap().unwrap();
    assert_eq!(report["state"], "processed");

    assert_eq!(stage.state(connector).await, State::Processed);
    let steps = stage.work().transitions(connector, None, 10).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.to, step.run)).collect();
    assert_eq!(
        told,
        [
            (State::Processed, Some(run.id)),
            (State::Processing, Some(run.id)),
            (State::Registered, None),
        ]
    );
    let lines = audit::read(&stage.database, &audit::Filter::default(), 10)
        .await
        .unwrap();
    assert_eq!(lines[0].action, "run.start");
    assert_eq!(lines[0].details["run"], run.id.to_string());
}

#[tokio::test]
async fn while_a_run_is_open_another_is_refused_by_its_name() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Wait]);
    let first = stage.run_now(connector).await.unwrap();
    let WorkError::Open(open) = stage.run_now(connector).await.unwrap_err() else {
        panic!("the wrong error");
    };
    assert_eq!(open.id, first.id);
    stage.reaches(first.id, RunStatus::Processing).await;
    assert!(stage.run_now(connector).await.is_err());
    stage.open_gate(1);
    stage.reaches(first.id, RunStatus::Processed).await;
    let second = stage.run_now(connector).await.unwrap();
    stage.reaches(second.id, RunStatus::Processed).await;
}

#[tokio::test]
async fn the_global_limit_is_kept_and_who_asked_first_runs_first() {
    let stage = Stage::with(RunPolicy {
        concurrent: 2,
        ..RunPolicy::default()
    })
    .await;
    let mut asked = Vec::new();
    for _ in 0..7 {
        stage.will([Act::Wait]);
        let connector = stage.connector().await;
        asked.push(stage.run_now(connector).await.unwrap().id);
    }
    for run in &asked {
        stage.begins(*run, 1).await;
        stage.open_gate(1);
        // Two wait at the gate, which lets the one through that came first.
        stage.reaches(*run, RunStatus::Processed).await;
    }
    assert_eq!(stage.script.most_at_once.load(Ordering::SeqCst), 2);
    let began: Vec<_> = stage.began().iter().map(|began| began.run).collect();
    assert_eq!(began, asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_of_one_connector_never_overlap_however_many_ask() {
    let stage = Arc::new(Stage::new().await);
    let connector = stage.connector().await;
    let mut askers = Vec::new();
    for _ in 0..8 {
        let stage = Arc::clone(&stage);
        askers.push(tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..20 {
                match stage.run_now(connector).await {
                    Ok(_) => taken += 1,
                    Err(WorkError::Open(_)) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        }));
    }
    let mut taken = 0;
    for asker in askers {
        taken += asker.await.unwrap();
    }
    stage.ends(connector, taken).await;
    assert!(taken > 0);
    assert_eq!(stage.script.overlaps.load(Ordering::SeqCst), 0);
    assert_eq!(stage.began().len(), taken);
}

#[tokio::test]
async fn what_is_handed_out_twice_is_begun_once() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Wait]);
    let run = stage.run_now(connector).await.unwrap();
    let core = Arc::clone(&stage.work().core);
    for attempt in 1..5 {
        core.queue.push(run.id, attempt).await.unwrap();
    }
    tokio::join!(
        Arc::clone(&core).look_after(run.id),
        Arc::clone(&core).look_after(run.id),
        async {
            stage.reaches(run.id, RunStatus::Processing).await;
            stage.open_gate(5);
        },
    );
    stage.reaches(run.id, RunStatus::Processed).await;
    Arc::clone(&core).look_after(run.id).await;
    stage.settle().await;
    assert_eq!(stage.began().len(), 1);
    assert_eq!(stage.work().run(run.id).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn the_queue_keeps_nothing_that_is_done() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        let connector = stage.connector().await;
        let run = stage.run_now(connector).await.unwrap();
        stage.reaches(run.id, RunStatus::Processed).await;
    }
    stage.forgets_jobs().await;
}

#[tokio::test]
async fn a_panic_ends_only_its_own_run() {
    let stage = Stage::new().await;
    let (first, second) = (stage.connector().await, stage.connector().await);
    stage.will([Act::Panic]);
    let run = stage.run_now(first).await.unwrap();
    let run = stage.reaches(run.id, RunStatus::Failed).await;
    assert_eq!(run.fault.unwrap().code, "host.panic");
    assert_eq!(stage.state(first).await, State::Failed);
    let run = stage.run_now(second).await.unwrap();
    stage.reaches(run.id, RunStatus::Processed).await;
}

#[tokio::test]
async fn a_run_that_is_lost_in_the_process_ends_as_failed() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Hang]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Processing).await;
    let core = &stage.work().core;
    core.reconcile().await.unwrap();
    assert_eq!(
        stage.work().run(run.id).await.unwrap().state,
        RunStatus::Processing,
        "it is looked after"
    );
    core.running().clear();
    core.reconcile().await.unwrap();
    let run = stage.reaches(run.id, RunStatus::Failed).await;
    assert_eq!(run.fault.unwrap().code, "host.lost-run");
    assert_eq!(stage.state(connector).await, State::Failed);
}

#[tokio::test]
async fn a_disabled_connector_runs_neither_by_hand_nor_from_the_queue() {
    let stage = Stage::with(RunPolicy {
        concurrent: 1,
        ..RunPolicy::default()
    })
    .await;
    let (busy, connector) = (stage.connector().await, stage.connector().await);
    stage.will([Act::Wait]);
    let first = stage.run_now(busy).await.unwrap();
    let waits = stage.run_now(connector).await.unwrap();
    stage.step(connector, Event::Disabled).await;
    stage.open_gate(1);
    stage.reaches(first.id, RunStatus::Processed).await;
    let ended = stage.reaches(waits.id, RunStatus::Failed).await;
    assert_eq!(ended.fault.unwrap().code, "connector.no-runs");
    assert_eq!(stage.state(connector).await, State::Disabled);
    assert!(matches!(
        stage.run_now(connector).await,
        Err(WorkError::Disabled)
    ));
}

#[tokio::test]
async fn what_does_not_exist_is_told_apart() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let nobody = uuid::Uuid::now_v7();
    assert!(matches!(
        stage.run_now(nobody).await,
        Err(WorkError::NoConnector)
    ));
    let wrong = stage
        .work()
        .run_now(connector, Some(nobody), AskedMode::Auto, caller())
        .await;
    assert!(matches!(wrong, Err(WorkError::NoProfile)));
    assert!(matches!(
        stage.work().cancel(nobody, caller()).await,
        Err(WorkError::NoRun(_))
    ));
}

#[tokio::test]
async fn a_fault_that_passes_is_tried_once_more_after_a_while() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([
        Act::Fail(fault(FaultKind::Throttled(Some(900_000)))),
        Act::Fail(fault(FaultKind::Transient)),
    ]);
    let first = stage.run_now(connector).await.unwrap();
    let failed = stage.reaches(first.id, RunStatus::Failed).await;
    let wait = failed.retry_at.unwrap().duration_since(stage.clock.now());
    assert_eq!(wait.as_secs(), 900, "what the source asked for");
    let next = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert_eq!(next.next.unwrap().at, failed.retry_at.unwrap());

    stage.turn("2026-01-01T00:14:59Z");
    stage.settle().await;
    assert_eq!(stage.runs(connector).await.len(), 1);
    stage.turn("2026-01-01T00:15:00Z");
    let runs = stage.ends(connector, 2).await;
    assert_eq!(runs[0].trigger, Trigger::Retry { of: first.id });
    assert_eq!(runs[0].retry_at, None, "no third time");
    assert_eq!(runs[1].retry_at, None);
    stage.turn("2026-01-02T00:00:00Z");
    stage.settle().await;
    assert_eq!(stage.runs(connector).await.len(), 2);
}

#[tokio::test]
async fn a_newer_run_makes_the_retry_of_an_older_one_needless() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Fail(fault(FaultKind::Transient))]);
    let first = stage.run_now(connector).await.unwrap();
    stage.reaches(first.id, RunStatus::Failed).await;
    stage.run_now(connector).await.unwrap();
    stage.ends(connector, 2).await;
    stage.turn("2026-01-02T00:00:00Z");
    stage.settle().await;
    let runs = stage.ends(connector, 2).await;
    assert_eq!(runs[1].retry_at, None);
}

#[tokio::test]
async fn what_only_people_can_mend_is_not_tried_again() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([
        Act::Fail(fault(FaultKind::Authentication)),
        Act::End(RunState::Partial),
    ]);
    let first = stage.run_now(connector).await.unwrap();
    let failed = stage.reaches(first.id, RunStatus::Failed).await;
    assert_eq!(failed.retry_at, None);
    assert_eq!(failed.fault.unwrap().kind, "authentication");
    let second = stage.run_now(connector).await.unwrap();
    stage.reaches(second.id, RunStatus::Partial).await;
    assert_eq!(stage.state(connector).await, State::Processed);
}
