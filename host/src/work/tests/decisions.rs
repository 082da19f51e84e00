use super::*;
use crate::audit;
use crate::directory::{RunState, Verdict};
use crate::schedule::Baseline;
use crate::work::state::State;
use crate::work::{DecideError, RunStatus, WorkError};

#[tokio::test]
async fn a_run_that_waits_is_cancelled_at_once_and_its_connector_has_not_moved() {
    let stage = Stage::new().await;
    let mut busy = Vec::new();
    for _ in 0..stage.policy.concurrent {
        stage.will([Act::Wait]);
        let connector = stage.connector().await;
        busy.push(stage.run_now(connector).await.unwrap());
    }
    for run in &busy {
        stage.reaches(run.id, RunStatus::Processing).await;
    }
    let connector = stage.connector().await;
    let run = stage.run_now(connector).await.unwrap();
    let run = stage.work().cancel(run.id, caller()).await.unwrap();
    assert_eq!(run.state, RunStatus::Cancelled);
    assert_eq!(stage.state(connector).await, State::Registered);
    stage.open_gate(busy.len());
    stage.settle().await;
    assert_eq!(stage.began().len(), busy.len(), "it never begins");
    let lines = audit::read(&stage.database, &audit::Filter::default(), 1)
        .await
        .unwrap();
    assert_eq!(lines[0].action, "run.cancel");
}

#[tokio::test]
async fn a_run_that_goes_on_is_cancelled_and_its_connector_stands_as_before() {
    let stage = Stage::new().await;
    for scheduled in [false, true] {
        let connector = stage.connector().await;
        if scheduled {
            let assignment = stage.assignment(connector, Default::default(), Baseline::default());
            stage.book.set(vec![assignment]);
        }
        stage.will([Act::Wait]);
        let run = stage.run_now(connector).await.unwrap();
        stage.reaches(run.id, RunStatus::Processing).await;
        stage.work().cancel(run.id, caller()).await.unwrap();
        stage.work().cancel(run.id, caller()).await.ok();
        let run = stage.reaches(run.id, RunStatus::Cancelled).await;
        assert!(run.cancelled_by.is_some());
        let state = if scheduled {
            State::Scheduled
        } else {
            State::Registered
        };
        assert_eq!(stage.state(connector).await, state);
    }
}

#[tokio::test]
async fn a_run_that_has_ended_can_not_be_cancelled() {
    let stage = Stage::new().await;
    for state in [RunState::Processed, RunState::Failed, RunState::Held] {
        let connector = stage.connector().await;
        stage.will([Act::End(state)]);
        let run = stage.run_now(connector).await.unwrap();
        stage.ends(connector, 1).await;
        let error = stage.work().cancel(run.id, caller()).await.unwrap_err();
        assert!(matches!(error, WorkError::NotOpen(_)), "{error}");
    }
}

async fn held(stage: &Stage) -> (uuid::Uuid, uuid::Uuid) {
    let connector = stage.connector().await;
    stage.will([Act::End(RunState::Held)]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Held).await;
    assert_eq!(stage.state(connector).await, State::Held);
    (connector, run.id)
}

#[tokio::test]
async fn an_allowed_run_is_processed_and_says_who_allowed_it_and_why() {
    let stage = Stage::new().await;
    let (connector, run) = held(&stage).await;
    let run = stage
        .work()
        .decide(run, Verdict::Allow, "  they left  ", caller())
        .await
        .unwrap();
    assert_eq!(run.state, RunStatus::Processed);
    assert!(run.cursor_kept, "no part of the work was given up");
    assert_eq!(run.holdings.unwrap().memberships, 1, "after the removals");
    let decision = run.decision.unwrap();
    assert_eq!(
        (decision.verdict, decision.reason.as_str()),
        (Verdict::Allow, "they left")
    );
    assert_eq!(stage.state(connector).await, State::Processed);
    assert_eq!(
        *stage.script.decisions.lock().unwrap(),
        [(7, Verdict::Allow)]
    );
    let steps = stage.work().transitions(connector, None, 1).await.unwrap();
    assert_eq!(steps[0].cause, "The removals were allowed: they left");
    let lines = audit::read(&stage.database, &audit::Filter::default(), 1)
        .await
        .unwrap();
    assert_eq!(lines[0].action, "run.decide");
    assert_eq!(lines[0].details["reason"], "they left");
}

#[tokio::test]
async fn a_rejected_run_leaves_its_connector_as_if_there_had_been_none() {
    let stage = Stage::new().await;
    let (connector, run) = held(&stage).await;
    let run = stage
        .work()
        .decide(run, Verdict::Reject, "a mistake at the source", caller())
        .await
        .unwrap();
    assert_eq!(run.state, RunStatus::Rejected);
    assert!(!run.cursor_kept);
    assert_eq!(stage.state(connector).await, State::Registered);
}

#[tokio::test]
async fn a_reason_is_required_and_short() {
    let stage = Stage::new().await;
    let (_, run) = held(&stage).await;
    let long = "é".repeat(501);
    for reason in ["", "  \n", long.as_str()] {
        let error = stage
            .work()
            .decide(run, Verdict::Allow, reason, caller())
            .await
            .unwrap_err();
        assert!(matches!(error, WorkError::Reason), "{error}");
    }
    let fits = "é".repeat(500);
    stage
        .work()
        .decide(run, Verdict::Allow, &fits, caller())
        .await
        .unwrap();
}

#[tokio::test]
async fn only_a_held_run_can_be_decided_about_and_only_once() {
    let stage = Stage::new().await;
    let decide = async |run| {
        stage
            .work()
            .decide(run, Verdict::Allow, "why not", caller())
            .await
    };
    for state in [RunState::Processed, RunState::Partial, RunState::Failed] {
        let connector = stage.connector().await;
        stage.will([Act::End(state)]);
        let run = stage.run_now(connector).await.unwrap();
        stage.ends(connector, 1).await;
        assert!(matches!(decide(run.id).await, Err(WorkError::NotHeld(_))));
    }
    let (_, run) = held(&stage).await;
    let (one, other) = tokio::join!(decide(run), decide(run));
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(stage.script.decisions.lock().unwrap().len(), 1);
    assert!(matches!(decide(run).await, Err(WorkError::NotHeld(_))));
    assert!(matches!(
        decide(uuid::Uuid::now_v7()).await,
        Err(WorkError::NoRun(_))
    ));
}

#[tokio::test]
async fn a_newer_run_takes_the_place_of_a_held_one() {
    let stage = Stage::new().await;
    let (connector, old) = held(&stage).await;
    let new = stage.run_now(connector).await.unwrap();
    stage.ends(connector, 2).await;
    let old = stage.work().run(old).await.unwrap();
    assert_eq!(old.state, RunStatus::Superseded);
    assert_eq!(old.superseded_by, Some(new.id));
    let decided = stage
        .work()
        .decide(old.id, Verdict::Allow, "too late", caller())
        .await;
    assert!(matches!(decided, Err(WorkError::NotHeld(_))));
    assert_eq!(stage.state(connector).await, State::Processed);
}

#[tokio::test]
async fn a_directory_that_fails_leaves_the_run_held() {
    let stage = Stage::new().await;
    let (connector, run) = held(&stage).await;
    let decide = async || {
        stage
            .work()
            .decide(run, Verdict::Allow, "they left", caller())
            .await
    };
    *stage.script.refuses.lock().unwrap() = Some(DecideError::Failed("disk full".into()));
    assert!(matches!(decide().await, Err(WorkError::Directory(_))));
    let still = stage.work().run(run).await.unwrap();
    assert_eq!((still.state, still.decision), (RunStatus::Held, None));
    assert_eq!(stage.state(connector).await, State::Held);
    decide().await.unwrap();
}

#[tokio::test]
async fn what_the_directory_no_longer_holds_is_superseded() {
    let stage = Stage::new().await;
    let (_, run) = held(&stage).await;
    *stage.script.refuses.lock().unwrap() = Some(DecideError::NotHeld("superseded".into()));
    let decided = stage
        .work()
        .decide(run, Verdict::Allow, "they left", caller())
        .await;
    assert!(matches!(decided, Err(WorkError::NotHeld(_))));
    let run = stage.work().run(run).await.unwrap();
    assert_eq!(run.state, RunStatus::Superseded);
}
