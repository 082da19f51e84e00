use jiff::Timestamp;

use super::*;
use crate::contract::FaultKind;
use crate::directory::{Mode, RunState};
use crate::work::{AskedMode, RunFilter, RunPolicy, RunStatus, Seen, TriggerKind, What};

#[tokio::test]
async fn an_overview_tells_the_last_run_the_last_success_and_the_age_of_the_cursor() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let empty = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert_eq!((empty.last, empty.next, empty.token), (None, None, None));

    stage.will([
        Act::End(RunState::Processed),
        Act::Fail(fault(FaultKind::Authentication)),
        Act::Wait,
    ]);
    let success = stage.run_now(connector).await.unwrap();
    stage.ends(connector, 1).await;
    stage.turn("2026-01-05T23:59:59Z");
    let failure = stage.run_now(connector).await.unwrap();
    stage.ends(connector, 2).await;
    let open = stage.run_now(connector).await.unwrap();
    let facts = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert_eq!(facts.last.unwrap().id, failure.id);
    assert_eq!(facts.last_success.unwrap().id, success.id);
    assert_eq!(facts.open.unwrap().id, open.id);
    let token = facts.token.unwrap();
    assert_eq!(token.taken, success.queued);
    assert!(!token.old);
    assert_eq!(facts.runs["processed"], 1);
    assert_eq!(facts.runs["failed"], 1);

    stage.turn("2026-01-06T00:00:01Z");
    let facts = stage.work().overview(&[connector]).await.unwrap().remove(0);
    assert!(facts.token.unwrap().old, "five days");
    stage.open_gate(1);
    stage.ends(connector, 3).await;
}

#[tokio::test]
async fn an_overview_tells_when_each_state_was_reached_last() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.turn("2026-01-02T00:00:00Z");
    stage.run_now(connector).await.unwrap();
    stage.ends(connector, 1).await;
    let facts = stage.work().overview(&[connector]).await.unwrap().remove(0);
    let told: Vec<_> = facts
        .reached
        .iter()
        .map(|step| (step.state.word(), step.since.to_string()))
        .collect();
    let second = "2026-01-02T00:00:00Z".to_owned();
    assert_eq!(
        told,
        [
            ("registered", "2026-01-01T00:00:00Z".to_owned()),
            ("processing", second.clone()),
            ("processed", second),
        ]
    );
}

#[tokio::test]
async fn a_run_tells_what_its_connector_held_at_its_end() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([
        Act::End(RunState::Processed),
        Act::Fail(fault(FaultKind::Protocol)),
    ]);
    for count in 1..=2 {
        stage.run_now(connector).await.unwrap();
        stage.ends(connector, count).await;
    }
    let runs = stage.runs(connector).await;
    assert_eq!(runs[0].holdings, None, "it didn't get to the directory");
    assert_eq!(runs[1].holdings.unwrap().memberships, 5);
}

#[tokio::test]
async fn lists_are_narrowed_by_every_filter_and_read_page_by_page() {
    let stage = Stage::new().await;
    let (one, other) = (stage.connector().await, stage.connector().await);
    stage.will([
        Act::End(RunState::Processed),
        Act::Fail(fault(FaultKind::Protocol)),
        Act::End(RunState::Partial),
    ]);
    for _ in 0..2 {
        stage.run_now(one).await.unwrap();
        stage.ends(one, stage.runs(one).await.len()).await;
    }
    stage.turn("2026-01-02T00:00:00Z");
    let snapshot = stage
        .work()
        .run_now(other, None, AskedMode::Snapshot, caller())
        .await
        .unwrap();
    stage.ends(other, 1).await;

    let count = async |filter: RunFilter| stage.work().runs(&filter, None, 10).await.unwrap().len();
    let none = RunFilter::default;
    let day = Some("2026-01-02T00:00:00Z".parse::<Timestamp>().unwrap());
    for (filter, expected) in [
        (none(), 3),
        (
            RunFilter {
                connector: Some(one),
                ..none()
            },
            2,
        ),
        (
            RunFilter {
                profile: Some(snapshot.profile),
                ..none()
            },
            1,
        ),
        (
            RunFilter {
                state: Some(RunStatus::Failed),
                ..none()
            },
            1,
        ),
        (
            RunFilter {
                mode: Some(Mode::Snapshot),
                ..none()
            },
            1,
        ),
        (
            RunFilter {
                trigger: Some(TriggerKind::Manual),
                ..none()
            },
            3,
        ),
        (
            RunFilter {
                trigger: Some(TriggerKind::Schedule),
                ..none()
            },
            0,
        ),
        (
            RunFilter {
                fault: Some("test.fault".into()),
                ..none()
            },
            1,
        ),
        (
            RunFilter {
                since: day,
                ..none()
            },
            1,
        ),
        (
            RunFilter {
                until: day,
                ..none()
            },
            2,
        ),
        (
            RunFilter {
                connector: Some(one),
                state: Some(RunStatus::Partial),
                ..none()
            },
            0,
        ),
    ] {
        assert_eq!(count(filter.clone()).await, expected, "{filter:?}");
    }
    let all = stage.work().runs(&none(), None, 10).await.unwrap();
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    let second = stage
        .work()
        .runs(&none(), Some(all[0].id), 1)
        .await
        .unwrap();
    assert_eq!(second[0].id, all[1].id);
}

#[tokio::test]
async fn a_watcher_is_told_of_each_step_of_a_run_in_order() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let mut watcher = stage.work().events().watch().unwrap();
    let run = stage.run_now(connector).await.unwrap();
    let (mut states, mut last) = (Vec::new(), 0);
    while states.last() != Some(&RunStatus::Processed) {
        let Some(Seen::Event(happening)) = watcher.next().await else {
            panic!("a gap");
        };
        assert!(happening.id > last);
        last = happening.id;
        if let What::Run { run: told } = &happening.what {
            assert_eq!(told.id, run.id);
            states.push(told.state);
        }
    }
    assert_eq!(states.first(), Some(&RunStatus::Queued));
    assert!(states.contains(&RunStatus::Processing));
}

#[tokio::test]
async fn a_slow_watcher_gets_a_gap_instead_of_a_backlog() {
    let stage = Stage::with(RunPolicy {
        watchers: 1,
        ..RunPolicy::default()
    })
    .await;
    let mut watcher = stage.work().events().watch().unwrap();
    assert!(stage.work().events().watch().is_none(), "no seat is left");
    let core = &stage.work().core;
    for revision in 0..10_000 {
        core.events
            .tell(Timestamp::UNIX_EPOCH, What::Catalogue { revision });
    }
    assert!(matches!(watcher.next().await, Some(Seen::Gap)));
    let last = core.events.last();
    core.events
        .tell(Timestamp::UNIX_EPOCH, What::Catalogue { revision: 0 });
    let Some(Seen::Event(next)) = watcher.next().await else {
        panic!("another gap");
    };
    assert_eq!(next.id, last + 1, "nothing old");
    drop(watcher);
    assert!(stage.work().events().watch().is_some());
}

#[tokio::test]
async fn the_catalogue_and_the_progress_are_told_too() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    let mut watcher = stage.work().events().watch().unwrap();
    stage.will([Act::Wait]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Processing).await;
    stage.book.set(Vec::new());
    let (mut catalogue, mut progress) = (false, false);
    while !(catalogue && progress) {
        match watcher.next().await {
            Some(Seen::Event(happening)) => match &happening.what {
                What::Catalogue { .. } => catalogue = true,
                What::Progress { progress: told } => {
                    assert_eq!(told.run, run.id);
                    progress = true;
                }
                _ => {}
            },
            other => panic!("{other:?}"),
        }
    }
    assert!(stage.work().progress(run.id).is_some());
    stage.open_gate(1);
    stage.reaches(run.id, RunStatus::Processed).await;
    stage.settle().await;
    assert!(stage.work().progress(run.id).is_none());
}
