use std::sync::atomic::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::directory::Mode;
use crate::schedule::{Baseline, Schedule};
use crate::work::state::{Event, State};
use crate::work::{AskedMode, RunPolicy, RunStatus, Trigger};

fn daily(zone: &str, time: &str) -> Schedule {
    serde_json::from_value(json!({
        "zone": zone,
        "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": format!("2026-01-01T{time}")},
    }))
    .unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_profile_runs_when_its_time_has_come_and_not_before() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.step(connector, Event::Scheduled).await;
    let assignment = stage.assignment(connector, daily("UTC", "02:00:00"), Baseline::Daily);
    stage.book.set(vec![assignment]);
    stage.turn("2026-01-01T01:59:59Z");
    stage.settle().await;
    assert!(stage.runs(connector).await.is_empty());
    stage.turn("2026-01-01T02:00:00Z");
    let run = stage.ends(connector, 1).await.remove(0);
    let occurrence = at("2026-01-01T02:00:00Z");
    assert_eq!(
        run.trigger,
        Trigger::Schedule {
            occurrence,
            missed: 0
        }
    );
    assert_eq!(run.asked, AskedMode::Snapshot, "the first of its day");
    assert_eq!(run.actor.name, "schedule");
    assert_eq!(stage.state(connector).await, State::Processed);
}

#[tokio::test]
async fn the_delay_of_a_schedule_is_waited_for() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let schedule = Schedule {
        jitter_seconds: 3_600,
        ..daily("UTC", "02:00:00")
    };
    let assignment = stage.assignment(connector, schedule.clone(), Baseline::Never);
    let occurrence = at("2026-01-01T02:00:00Z");
    let begins = schedule.jittered(occurrence, &assignment.profile.to_string());
    stage.book.set(vec![assignment]);
    let next = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert_eq!(next.next.unwrap().at, begins);
    stage.clock.turn_to(occurrence);
    stage.settle().await;
    assert_eq!(
        stage.runs(connector).await.len(),
        usize::from(begins == occurrence)
    );
    stage.clock.turn_to(begins);
    let run = stage.ends(connector, 1).await.remove(0);
    assert_eq!(
        run.trigger,
        Trigger::Schedule {
            occurrence,
            missed: 0
        }
    );
}

#[tokio::test]
async fn after_days_without_a_process_exactly_one_run_is_caught_up() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    let assignment = stage.assignment(connector, daily("UTC", "02:00:00"), Baseline::Never);
    stage.book.set(vec![assignment]);
    stage.turn("2026-01-01T02:00:00Z");
    stage.ends(connector, 1).await;
    stage.crash().await;
    stage.turn("2026-01-05T12:00:00Z");
    stage.start().await;
    let runs = stage.ends(connector, 2).await;
    assert_eq!(
        runs[0].trigger,
        Trigger::Schedule {
            occurrence: at("2026-01-05T02:00:00Z"),
            missed: 3,
        }
    );
    let steps = stage.work().transitions(connector, None, 10).await.unwrap();
    assert!(
        steps
            .iter()
            .any(|step| step.cause.contains("3 earlier runs were missed")),
        "{steps:?}"
    );
    stage.crash().await;
    stage.start().await;
    stage.settle().await;
    assert_eq!(stage.runs(connector).await.len(), 2, "not twice");
}

#[tokio::test]
async fn a_profile_that_becomes_active_has_no_past() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.turn("2026-02-01T12:00:00Z");
    let schedule = daily("UTC", "02:00:00");
    let assignment = stage.assignment(connector, schedule.clone(), Baseline::Never);
    stage.book.set(vec![assignment]);
    stage.settle().await;
    assert!(stage.runs(connector).await.is_empty());

    // Paused over three occurrences, then active again.
    stage.book.set(Vec::new());
    stage.turn("2026-02-04T12:00:00Z");
    let again = stage.assignment(connector, schedule, Baseline::Never);
    stage.book.set(vec![again]);
    stage.settle().await;
    assert!(stage.runs(connector).await.is_empty());
    stage.turn("2026-02-05T02:00:00Z");
    let run = stage.ends(connector, 1).await.remove(0);
    let Trigger::Schedule { missed, .. } = run.trigger else {
        panic!("{:?}", run.trigger);
    };
    assert_eq!(missed, 0);
}

#[tokio::test]
async fn an_occurrence_that_finds_a_run_going_on_is_skipped_and_recorded() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Wait]);
    let slow = stage.run_now(connector).await.unwrap();
    stage.reaches(slow.id, RunStatus::Processing).await;
    let assignment = stage.assignment(connector, daily("UTC", "02:00:00"), Baseline::Never);
    stage.book.set(vec![assignment]);
    for day in 1..=3 {
        stage.turn(&format!("2026-01-0{day}T02:00:00Z"));
        stage.settle().await;
    }
    stage.open_gate(1);
    stage.ends(connector, 1).await;
    let overview = stage.work().overview(&[connector]).await.unwrap().remove(0);
    let skipped: Vec<_> = overview
        .skipped
        .iter()
        .map(|skipped| (skipped.occurrence.to_string(), skipped.run))
        .collect();
    assert_eq!(
        skipped,
        ["2026-01-03", "2026-01-02", "2026-01-01"]
            .map(|day| (format!("{day}T02:00:00Z"), Some(slow.id)))
    );
    stage.turn("2026-01-04T02:00:00Z");
    let runs = stage.ends(connector, 2).await;
    assert!(matches!(
        runs[0].trigger,
        Trigger::Schedule { missed: 0, .. }
    ));
}

#[tokio::test]
async fn many_that_are_due_at_once_run_as_many_at_a_time_as_may() {
    let stage = Stage::with(RunPolicy {
        concurrent: 3,
        ..RunPolicy::default()
    })
    .await;
    let mut assignments = Vec::new();
    for _ in 0..20 {
        let connector = stage.connector().await;
        assignments.push(stage.assignment(connector, daily("UTC", "02:00:00"), Baseline::Never));
    }
    stage.book.set(assignments.clone());
    stage.settle().await;
    stage.turn("2026-01-01T02:00:00Z");
    for assignment in assignments {
        stage.ends(assignment.connector, 1).await;
    }
    assert!(stage.script.most_at_once.load(Ordering::SeqCst) <= 3);
    assert_eq!(stage.began().len(), 20);
}

#[tokio::test]
async fn a_run_by_hand_that_was_a_snapshot_is_the_baseline_of_its_period() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let assignment = stage.assignment(connector, daily("UTC", "02:00:00"), Baseline::Weekly);
    stage.book.set(vec![assignment]);
    stage
        .work()
        .run_now(connector, None, AskedMode::Snapshot, caller())
        .await
        .unwrap();
    stage.ends(connector, 1).await;
    let next = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert_eq!(next.next.unwrap().mode, Some(Mode::Incremental));
    stage.turn("2026-01-01T02:00:00Z");
    let runs = stage.ends(connector, 2).await;
    assert_eq!(runs[0].asked, AskedMode::Auto);
}

#[tokio::test]
async fn a_year_of_daily_runs_in_a_zone_whose_clock_changes_twice() {
    let stage = Stage::with(RunPolicy {
        keep_days: 1_000,
        ..RunPolicy::default()
    })
    .await;
    let connector = stage.connector().await;
    let schedule = daily("Europe/Berlin", "02:30:00");
    let assignment = stage.assignment(connector, schedule.clone(), Baseline::Weekly);
    stage.book.set(vec![assignment]);
    let mut expected: Vec<Timestamp> = schedule
        .occurrences(stage.clock.now())
        .take_while(|occurrence| *occurrence < at("2027-01-01T00:00:00Z"))
        .collect();
    assert_eq!(expected.len(), 365);
    for (done, occurrence) in expected.iter().enumerate() {
        stage.clock.turn_to(*occurrence);
        for _ in 0..4_000 {
            let open = stage.work().open_run(connector).await.unwrap();
            if open.is_none() && stage.began().len() > done {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    let runs = stage.ends(connector, 365).await;
    let mut ran: Vec<Timestamp> = runs
        .iter()
        .map(|run| match run.trigger {
            Trigger::Schedule {
                occurrence,
                missed: 0,
            } => occurrence,
            other => panic!("{other:?}"),
        })
        .collect();
    ran.reverse();
    expected.sort();
    assert_eq!(ran, expected, "each once, in order");
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let local = |at: &Timestamp| -> DateTime { zone.to_datetime(*at) };
    let odd: Vec<String> = ran
        .iter()
        .filter(|at| local(at).time() != jiff::civil::time(2, 30, 0, 0))
        .map(|at| local(at).to_string())
        .collect();
    assert_eq!(odd, ["2026-03-29T03:00:00"], "half past two was not there");
    let snapshots = runs
        .iter()
        .filter(|run| run.mode == Some(Mode::Snapshot))
        .count();
    assert_eq!(snapshots, 53, "one in each ISO week of 2026");
}
