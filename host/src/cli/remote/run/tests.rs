use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use connector_host::api::problem::Problem;
use futures::stream;
use serde_json::{Value, json};

use super::super::testing::{run, serve};

const CONTOSO: &str = "0190a000-0000-7000-8000-000000000001";
const RUN: &str = "0190a000-0000-7000-8000-00000000000a";

fn a_run(state: &str) -> Value {
    json!({
        "id": RUN, "connector": CONTOSO, "connectorName": "Contoso", "profileName": "Nightly",
        "state": state, "asked": "auto", "queued": "2026-11-24T02:00:00Z",
        "users": {"added": 1200, "updated": 0, "removed": 3},
        "groups": {"added": 0, "updated": 0, "removed": 0},
        "memberships": {"added": 0, "updated": 0, "removed": 0},
        "requests": 5, "durationMs": 900,
    })
}

fn event(name: &str, id: &str, data: Value) -> String {
    format!("event: {name}\nid: {id}\ndata: {data}\n\n")
}

fn began() -> String {
    let state = json!({"runs": [a_run("processing")], "progress": [], "connectors": []});
    let progress = json!({"id": 2, "event": "progress", "progress": {
        "run": RUN, "users": {"done": 1200, "expected": 2000}, "groups": {"done": 3},
        "memberships": {"done": 0}, "partitions": {"done": 1, "expected": 4},
    }});
    event("state", "1", state) + ": alive\n\n" + &event("progress", "2", progress)
}

fn ended(run: Value) -> String {
    event("run", "end", json!({"id": 3, "event": "run", "run": run}))
}

fn events(text: String) -> Response {
    // In small pieces, as a network may give them.
    let pieces: Vec<Result<Bytes, Infallible>> = text
        .into_bytes()
        .chunks(7)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let body = Body::from_stream(stream::iter(pieces));
    ([("content-type", "text/event-stream")], body).into_response()
}

/// A server that answers the first streams of a run with these, and notes where readers come from.
fn watched(answers: Vec<Response>) -> (Router, Arc<Mutex<Vec<String>>>) {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let watch = move |headers: HeaderMap| async move {
        let last = headers.get("last-event-id");
        let last = last.map_or("", |last| last.to_str().unwrap());
        keep.lock().unwrap().push(last.to_owned());
        answers.lock().unwrap().next().unwrap()
    };
    let router = Router::new()
        .route(&format!("/api/v1/runs/{RUN}/events"), get(watch))
        .route(
            &format!("/api/v1/runs/{RUN}"),
            get(|| async { Json(a_run("partial")) }),
        );
    (router, seen)
}

#[tokio::test]
async fn a_watched_run_is_told_line_by_line_and_ends_with_its_code() {
    for (state, fault, code) in [
        ("processed", None, 0),
        ("partial", None, 3),
        ("held", None, 4),
        ("failed", Some("authentication"), 2),
        ("failed", Some("transient"), 1),
        ("cancelled", None, 1),
    ] {
        let mut last = a_run(state);
        if let Some(kind) = fault {
            last["fault"] = json!({"kind": kind, "code": "entra.secret", "message": "No.", "remedy": "Mend it."});
        }
        let (router, _) = watched(vec![events(began() + &ended(last))]);
        let server = serve(router).await;
        let ran = run(&server, &["run", "watch", RUN, "--table"]).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert_eq!(
            ran.err,
            "processing\n1,200/2,000 users, 3 groups, 0 memberships, 1/4 partitions\n"
        );
        let first =
            format!("{state}: run of Contoso with Nightly, 0.9 s\n  users        +1,200 -3\n");
        assert!(ran.out.starts_with(&first), "{ran:?}");
        if fault.is_some() {
            assert!(
                ran.out.contains("  No. [entra.secret]\n  Mend it.\n"),
                "{ran:?}"
            );
        }
        assert_eq!(ran.out.contains("run allow"), state == "held", "{ran:?}");
    }
}

#[tokio::test]
async fn a_watched_run_is_ndjson_for_programs() {
    let (router, _) = watched(vec![events(began() + &ended(a_run("processed")))]);
    let server = serve(router).await;
    let ran = run(&server, &["run", "watch", RUN, "--json"]).await;
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    assert_eq!(lines[2]["run"]["state"], "processed");
    assert_eq!(ran.err, "");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_taken_up_where_it_was() {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE.into_response();
    let (router, seen) = watched(vec![
        events(began()),
        unavailable,
        events(began() + &ended(a_run("processed"))),
    ]);
    let server = serve(router).await;
    let ran = run(&server, &["run", "watch", RUN, "--table"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(*seen.lock().unwrap(), ["", "2", "2"]);
}

#[tokio::test]
async fn a_run_that_ended_while_nobody_listened_is_read() {
    let gone = StatusCode::NO_CONTENT.into_response();
    let (router, _) = watched(vec![events(began()), gone]);
    let server = serve(router).await;
    let ran = run(&server, &["run", "watch", RUN, "--table"]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[tokio::test]
async fn a_run_that_is_not_there_is_not_sought_again() {
    let (router, seen) = watched(vec![Problem::not_found("run").into_response()]);
    let server = serve(router).await;
    let ran = run(&server, &["run", "watch", RUN]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

/// Two runs of one connector, the newer one held; notes what is asked for.
fn held(asked: Arc<Mutex<Vec<Value>>>) -> Router {
    let connectors = || async { Json(json!({"items": [{"id": CONTOSO, "name": "Contoso"}]})) };
    let profiles = || async { Json(json!({"items": [{"id": "p1", "name": "Nightly"}]})) };
    let runs = |Query(wanted): Query<std::collections::HashMap<String, String>>| async move {
        assert_eq!(wanted["connector"], CONTOSO);
        Json(json!({"items": [a_run("held")], "next": "more"}))
    };
    let start = Arc::clone(&asked);
    let start = move |Json(body): Json<Value>| async move {
        start.lock().unwrap().push(body);
        (StatusCode::ACCEPTED, Json(a_run("queued")))
    };
    let decide = move |Json(body): Json<Value>| async move {
        asked.lock().unwrap().push(body);
        Json(a_run("processed"))
    };
    Router::new()
        .route("/api/v1/connectors", get(connectors))
        .route(
            &format!("/api/v1/connectors/{CONTOSO}/profiles"),
            get(profiles),
        )
        .route(&format!("/api/v1/connectors/{CONTOSO}/runs"), post(start))
        .route("/api/v1/runs", get(runs))
        .route(&format!("/api/v1/runs/{RUN}/decision"), post(decide))
}

#[tokio::test]
async fn a_run_begins_with_the_profile_and_mode_that_are_named() {
    let asked = Arc::default();
    let server = serve(held(Arc::clone(&asked))).await;
    let words = [
        "run",
        "start",
        "contoso",
        "--profile",
        "Nightly",
        "--snapshot",
        "--table",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.out, format!("the run is queued: {RUN}\n"), "{ran:?}");
    assert_eq!(
        *asked.lock().unwrap(),
        [json!({"mode": "snapshot", "profile": "p1"})]
    );
}

#[tokio::test]
async fn a_connector_stands_for_its_newest_run() {
    let asked = Arc::default();
    let server = serve(held(Arc::clone(&asked))).await;
    let words = [
        "run",
        "reject",
        "Contoso",
        "--reason",
        "a mistake in the tenant",
        "--table",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        *asked.lock().unwrap(),
        [json!({"verdict": "reject", "reason": "a mistake in the tenant"})]
    );
}

#[tokio::test]
async fn a_list_of_runs_is_a_table_of_what_they_changed() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let runs = move || async move {
        seen.fetch_add(1, Ordering::Relaxed);
        Json(json!({"items": [a_run("processed")]}))
    };
    let server = serve(Router::new().route("/api/v1/runs", get(runs))).await;
    let ran = run(
        &server,
        &[
            "run",
            "list",
            "--table",
            "--since",
            "7d",
            "--state",
            "processed",
        ],
    )
    .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("+1,200 -3"), "{ran:?}");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
