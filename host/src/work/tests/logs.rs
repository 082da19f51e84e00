//! Logs of runs.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::fakes::Act;
use super::stage::Stage;
use crate::journal::{Level, MOST_LINES};
use crate::work::{LogPage, RunStatus, WorkError};

/// Says this, then waits.
fn says(lines: &'static [(Level, &'static str)]) -> Act {
    Act::Show(Box::new(move |progress| {
        for (level, text) in lines {
            progress.journal().note(*level, text);
        }
    }))
}

async fn log(stage: &Stage, run: Uuid, least: Level) -> LogPage {
    stage.work().log(run, least, None, 100).await.unwrap()
}

fn texts(log: &LogPage) -> Vec<&str> {
    log.lines.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn what_a_run_tells_is_read_while_it_goes_on_and_kept_when_it_has_ended() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([says(&[(Level::Info, "begins"), (Level::Warn, "throttled")])]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.settle().await;
    let live = log(&stage, run.id, Level::Debug).await;
    assert_eq!(texts(&live), ["throttled", "begins"], "the newest first");
    stage.open_gate(1);
    stage.reaches(run.id, RunStatus::Processed).await;
    let kept = log(&stage, run.id, Level::Debug).await;
    assert_eq!(kept.lines, live.lines);
    let warnings = log(&stage, run.id, Level::Warn).await;
    assert_eq!((texts(&warnings), warnings.total), (vec!["throttled"], 1));
    let rest = stage
        .work()
        .log(run.id, Level::Debug, Some(kept.lines[0].position), 100)
        .await
        .unwrap();
    assert_eq!((texts(&rest), rest.total), (vec!["begins"], 2));
}

#[tokio::test]
async fn a_run_that_goes_on_after_a_restart_keeps_what_it_told_before() {
    let mut stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([
        says(&[(Level::Info, "first")]),
        says(&[(Level::Info, "second")]),
    ]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.shut_down(Duration::from_secs(5)).await;
    stage.start().await;
    stage.begins(run.id, 2).await;
    stage.open_gate(1);
    stage.reaches(run.id, RunStatus::Processed).await;
    let kept = log(&stage, run.id, Level::Debug).await;
    let stopped = "The host stops; the run goes on when it is started again";
    assert_eq!(
        texts(&kept),
        ["second", "Attempt 2 begins", stopped, "first"]
    );
}

#[tokio::test]
async fn the_newest_lines_are_kept_and_the_others_counted() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Show(Box::new(|progress| {
        for n in 0..MOST_LINES + 20 {
            progress.journal().note(Level::Info, &n.to_string());
        }
    }))]);
    let run = stage.run_now(connector).await.unwrap();
    stage.begins(run.id, 1).await;
    stage.settle().await;
    let live = log(&stage, run.id, Level::Debug).await;
    stage.open_gate(1);
    stage.reaches(run.id, RunStatus::Processed).await;
    let kept = log(&stage, run.id, Level::Debug).await;
    for log in [live, kept] {
        assert_eq!((log.total, log.dropped), (MOST_LINES as u64, 20));
        assert_eq!(log.lines[0].text, "519");
    }
}

#[tokio::test]
async fn why_a_run_could_not_be_carried_out_is_in_its_log() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([Act::Panic]);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Failed).await;
    let kept = log(&stage, run.id, Level::Error).await;
    assert!(kept.lines[0].text.contains("host.panic"), "{kept:?}");
}

#[tokio::test]
async fn a_log_goes_with_its_run() {
    let stage = Stage::new().await;
    let connector = stage.connector().await;
    stage.will([says(&[(Level::Info, "one")])]);
    stage.open_gate(1);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Processed).await;
    let forget = async |connection: &mut sqlx::SqliteConnection| {
        crate::work::forget_connector(connection, connector).await
    };
    stage.database.write(forget).await.unwrap();
    let gone = stage.work().log(run.id, Level::Debug, None, 1).await;
    assert!(matches!(gone, Err(WorkError::NoRun(_))), "{gone:?}");
    let lines: i64 = stage
        .database
        .read(async |connection| {
            sqlx::query_scalar("SELECT count(*) FROM run_log")
                .fetch_one(connection)
                .await
        })
        .await
        .unwrap();
    assert_eq!(lines, 0);
}

#[tokio::test]
async fn the_api_gives_a_log_a_page_at_a_time() {
    let stage = Stage::new().await;
    let host = crate::api::testing::Host::with_work(stage.work().clone()).await;
    let viewer = host.session_of("vic", crate::access::Role::Viewer).await;
    let connector = stage.connector().await;
    stage.will([says(&[
        (Level::Debug, "one"),
        (Level::Info, "two"),
        (Level::Error, "three"),
    ])]);
    stage.open_gate(1);
    let run = stage.run_now(connector).await.unwrap();
    stage.reaches(run.id, RunStatus::Processed).await;
    let get = async |query: &str| {
        let path = format!("/api/v1/runs/{}/log?{query}", run.id);
        let asked = crate::api::testing::ask("GET", &path).session(&viewer);
        host.call(asked).await.json()
    };
    let page = get("level=info&limit=1").await;
    assert_eq!(page["items"][0]["text"], "three");
    assert_eq!(page["items"][0]["source"], "host");
    assert_eq!((&page["total"], &page["dropped"]), (&json!(2), &json!(0)));
    let next = page["next"].as_str().unwrap();
    let page = get(&format!("level=info&limit=1&cursor={next}")).await;
    assert_eq!(page["items"][0]["text"], "two");
    assert!(page.get("next").is_none());
    assert_eq!(get("level=loud").await["code"], "request.query");
}
