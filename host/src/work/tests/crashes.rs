use std::time::Duration;

use super::*;
use crate::audit::Actor;
use crate::clock::Clock;
use crate::contract::FaultKind;
use crate::directory::{RunState, Verdict};
use crate::work::state::State;
use crate::work::store::{self, NewRun};
use crate::work::{AskedMode, RunDecision, RunPolicy, RunStatus, Trigger};

#[tokio::test]
async fn a_run_that_was_stored_but_never_queued_runs_after_a_restart() {
    let mut stage = Stage::empty(RunPolicy::default()).await;
    let connector = stage.connector().await;
    let new = NewRun {
        connector,
        connector_name: "Contoso".into(),
        profile: stage
            .assignment(connector, Default::default(), Default::default())
            .profile,
        profile_name: "Daily".into(),
        trigger: Trigger::Manual,
        asked: AskedMode::Auto,
        actor: Actor::system(),
        at: stage.clock.now(),
    };
    let run = stage
        .database
        .write(async |connection| store::insert(connection, &new).await)
        .await
        .unwrap();
    stage.start().await;
    stage.reaches(run.id, RunStatus::Processed).await;
}

#[tokio::test]
async fn a_run_that_waited_when_the_process_died_runs_after_a_restart() {
    let mut stage = Stage::with(RunPolicy {
        concurrent: 1,
        ..RunPolicy::default()
    })
    .await;
    let (busy, waiting) = (stage.connector().await, stage.connector().await);
    stage.will([Act::Hang]);
    let first = stage.run_now(busy).await.unwrap();
    let second = stage.run_now(waiting).await.unwrap();
    stage.begins(first.id, 1).await;
    stage.crash().await;
    stage.start().await;
    stage.reaches(first.id, RunStatus::Processed).await;
    let second = stage.reaches(second.id, RunStatus::Processed).await;
    assert_eq!(second.attempts, 1);
}

#[tokio::test]
async fn a_run_in_whose_middle_the_process_died_goes_on_and_its_connector_never_stops_processing() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Hang]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.crash().await;
    assert_eq!(stage.state(connector).await, State::Processing);
    stage.start().await;
    let run = stage.reaches(run.id, RunStatus::Processed).await;
    assert_eq!(run.attempts, 2);
    let steps = stage.work().transitions(connector, None, 10).await.unwrap();
    let states: Vec<_> = steps.iter().map(|step| step.to).collect();
    assert_eq!(
        states,
        [State::Processed, State::Processing, State::Registered]
    );
}

#[tokio::test]
async fn a_run_that_ends_its_process_again_and_again_is_given_up() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    let most = RunPolicy::default().crashes;
    stage.will((0..most).map(|_| Act::Hang));
    let run = stage.run_now(connector).await.unwrap();
    for life in 1..=most as usize {
        stage.begins(run.id, life).await;
        stage.crash().await;
        stage.start().await;
    }
    let run = stage.reaches(run.id, RunStatus::Failed).await;
    assert_eq!(run.fault.unwrap().code, "host.crashed");
    assert_eq!(stage.state(connector).await, State::Failed);
}

#[tokio::test]
async fn an_orderly_end_lets_runs_stop_and_they_go_on_in_the_next_process() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    for _ in 0..2 * RunPolicy::default().crashes {
        stage.will([Act::Wait]);
    }
    let run = stage.run_now(connector).await.unwrap();
    for attempt in 1..=2 * RunPolicy::default().crashes {
        stage.begins(run.id, attempt as usize).await;
        let now = stage.reaches(run.id, RunStatus::Processing).await;
        assert_eq!(now.attempts, attempt);
        stage.shut_down(Duration::from_secs(10)).await;
        let left = stage
            .database
            .read(async |connection| store::get(connection, run.id).await)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(left.state, RunStatus::Queued);
        assert_eq!(stage.state(connector).await, State::Processing);
        stage.start().await;
    }
    stage.reaches(run.id, RunStatus::Processed).await;
}

#[tokio::test]
async fn what_does_not_stop_in_time_is_broken_off_and_is_no_crash() {
    let mut stage = Stage::with(RunPolicy {
        crashes: 1,
        ..RunPolicy::default()
    })
    .await;
    let connector = stage.connector().await;
    stage.will([Act::Hang]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.shut_down(Duration::from_millis(50)).await;
    stage.start().await;
    stage.reaches(run.id, RunStatus::Processed).await;
}

#[tokio::test]
async fn a_cancellation_survives_the_process_that_was_told() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Hang]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.work().cancel(run.id, caller()).await.unwrap();
    stage.crash().await;
    stage.start().await;
    let run = stage.reaches(run.id, RunStatus::Cancelled).await;
    assert_eq!(run.cancelled_by.unwrap().name, "system");
    assert_eq!(stage.state(connector).await, State::Registered);
    assert_eq!(stage.began().len(), 1);
}

#[tokio::test]
async fn a_decision_that_was_noted_when_the_process_died_is_carried_out() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::End(RunState::Held)]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Held).await;
    stage.crash().await;
    let decision = RunDecision {
        verdict: Verdict::Allow,
        actor: Actor::system(),
        reason: "they left".into(),
        at: stage.clock.now(),
    };
    stage
        .database
        .write(async |connection| store::note_decision(connection, run.id, Some(&decision)).await)
        .await
        .unwrap();
    stage.start().await;
    let run = stage.reaches(run.id, RunStatus::Processed).await;
    assert_eq!(run.decision.unwrap(), decision);
    assert_eq!(stage.state(connector).await, State::Processed);
    assert_eq!(
        *stage.script.decisions.lock().unwrap(),
        [(7, Verdict::Allow)]
    );
}

#[tokio::test]
async fn a_retry_that_was_due_while_nothing_ran_comes_after_the_restart() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Fail(fault(FaultKind::Transient))]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Failed).await;
    stage.crash().await;
    stage.turn("2026-01-01T06:00:00Z");
    stage.start().await;
    let runs = stage.ends(connector, 2).await;
    assert_eq!(runs[0].trigger, Trigger::Retry { of: run.id });
}

#[tokio::test]
async fn a_queue_that_is_damaged_or_gone_is_made_anew() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    for damage in [
        &b"this is no database, and long enough to be seen as none"[..],
        b"",
    ] {
        stage.will([Act::Hang]);
        let run = stage.run_now(connector).await.unwrap();
        stage.begins(run.id, 1).await;
        stage.crash().await;
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{}{suffix}", stage.queue_file().display());
            let _ = std::fs::remove_file(file);
        }
        if !damage.is_empty() {
            std::fs::write(stage.queue_file(), damage).unwrap();
        }
        stage.start().await;
        stage.reaches(run.id, RunStatus::Processed).await;
    }
}
