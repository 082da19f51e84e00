use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, Uri};
use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::testing::{run, serve};

const CONTOSO: &str = "0190a000-0000-7000-8000-000000000001";
const NIGHTLY: &str = "0190a000-0000-7000-8000-000000000002";

fn nightly() -> Value {
    json!({
        "id": NIGHTLY, "name": "Nightly", "active": true, "baseline": "weekly",
        "scheduleText": "every day at 02:00, Europe/Berlin", "map": {"id": "m1", "name": "Ours"},
        "schedule": {
            "zone": "Europe/Berlin", "jitterSeconds": 60,
            "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2026-01-01T02:00:00"},
        },
        "guard": {"users": {"share": 0.2, "count": 50}},
    })
}

type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;

/// One connector with one profile of revision 4; notes what is asked for beyond reading.
fn profiles(asked: Asked) -> Router {
    let all = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let path = uri.path().strip_prefix("/api/v1/").unwrap();
        let path = path.replace(CONTOSO, "C").replace(NIGHTLY, "P");
        match (method.as_str(), path.as_str()) {
            ("GET", "connectors") => {
                Json(json!({"items": [{"id": CONTOSO, "name": "Contoso"}]})).into_response()
            }
            ("GET", "transform-maps") => {
                Json(json!({"items": [{"id": "m1", "name": "Ours"}]})).into_response()
            }
            ("GET", "connectors/C/profiles") => Json(json!({"items": [nightly()]})).into_response(),
            ("GET", _) => ([("etag", "\"4\"")], Json(nightly())).into_response(),
            _ => {
                let tag = headers.get("if-match");
                let tag = tag.map_or("", |tag| tag.to_str().unwrap()).to_owned();
                let body = serde_json::from_str(&body).unwrap_or_default();
                let mut asked = asked.lock().unwrap();
                asked.push((format!("{method} {path}"), tag, body));
                if path == "schedule-preview" {
                    let run = json!({"at": "2026-11-24T01:00:00Z", "local": "Tue 2026-11-24 02:00 +01:00 Europe/Berlin", "mode": "snapshot"});
                    return Json(json!({"text": "every day", "runs": [run]})).into_response();
                }
                Json(nightly()).into_response()
            }
        }
    };
    Router::new().fallback(any(all))
}

async fn asked_by(words: &[&str]) -> (String, String, Value) {
    let asked = Asked::default();
    let server = serve(profiles(Arc::clone(&asked))).await;
    let ran = run(&server, words).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
    asked.pop().unwrap()
}

#[tokio::test]
async fn a_profile_is_made_of_what_people_say() {
    let (line, _, body) = asked_by(&[
        "profile",
        "create",
        "--name",
        "Hourly",
        "--schedule",
        "hourly from 2026-11-24",
        "--zone",
        "Europe/Berlin",
        "--baseline",
        "never",
        "--map",
        "ours",
        "--guard",
        "30%,100",
        "--inactive",
    ])
    .await;
    let threshold = json!({"share": 0.3, "count": 100});
    assert_eq!(line, "POST connectors/C/profiles");
    assert_eq!(
        body,
        json!({
            "name": "Hourly", "active": false, "baseline": "never", "map": "m1",
            "schedule": {
                "zone": "Europe/Berlin", "jitterSeconds": 0,
                "rhythm": {"kind": "every", "count": 1, "unit": "hours", "start": "2026-11-24T00:00:00"},
            },
            "guard": {"users": threshold, "groups": threshold, "memberships": threshold},
        })
    );
}

#[tokio::test]
async fn a_change_takes_along_what_belongs_to_what_is_named() {
    let (line, tag, body) = asked_by(&[
        "profile",
        "change",
        "nightly",
        "--zone",
        "UTC",
        "--guard",
        "groups=10%",
    ])
    .await;
    assert_eq!(
        (line.as_str(), tag.as_str()),
        ("PATCH connectors/C/profiles/P", "\"4\"")
    );
    assert_eq!(
        body,
        json!({
            "schedule": {
                "zone": "UTC", "jitterSeconds": 60,
                "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2026-01-01T02:00:00"},
            },
            "guard": {"users": {"share": 0.2, "count": 50}, "groups": {"share": 0.1}},
        })
    );
    // The zone stays where only the rhythm is said.
    let (_, _, body) = asked_by(&[
        "profile",
        "change",
        "Nightly",
        "--schedule",
        "cron 0 3 * * *",
    ])
    .await;
    assert_eq!(
        body,
        json!({"schedule": {
            "zone": "Europe/Berlin", "jitterSeconds": 60,
            "rhythm": {"kind": "cron", "expression": "0 3 * * *"},
        }})
    );
}

#[tokio::test]
async fn a_profile_is_switched_by_its_name() {
    let (line, _, _) = asked_by(&["profile", "deactivate", "Nightly"]).await;
    assert_eq!(line, "POST connectors/C/profiles/P/deactivate");
}

#[tokio::test]
async fn the_next_runs_are_shown_of_a_profile_or_of_a_thought() {
    let (line, _, body) = asked_by(&["profile", "preview", "Nightly", "--baseline", "daily"]).await;
    assert_eq!(line, "POST schedule-preview");
    assert_eq!(body["schedule"], nightly()["schedule"]);
    assert_eq!(body["baseline"], "daily");
    assert_eq!(body["profile"], NIGHTLY);
    let server = serve(profiles(Asked::default())).await;
    let words = ["profile", "preview", "--schedule", "daily", "--table"];
    let ran = run(&server, &words).await;
    let line: Vec<&str> = ran.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        line,
        [
            "Tue",
            "2026-11-24",
            "02:00",
            "+01:00",
            "Europe/Berlin",
            "snapshot"
        ]
    );
    let ran = run(&server, &["profile", "preview"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[tokio::test]
async fn a_schedule_that_is_not_understood_is_answered_with_what_is() {
    let server = serve(profiles(Asked::default())).await;
    let words = ["profile", "change", "Nightly", "--schedule", "now and then"];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("`now`"), "{ran:?}");
    assert!(ran.err.contains("daily at 02:00"), "{ran:?}");
}
