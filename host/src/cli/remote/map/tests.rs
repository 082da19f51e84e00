use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Json, Router};
use connector_host::api::problem::{FieldError, Problem};
use serde_json::{Value, json};

use super::super::testing::{run, serve};

fn map(id: &str, name: &str, read_only: bool) -> Value {
    json!({
        "id": id, "name": name, "plugin": "entra", "readOnly": read_only, "version": 3, "uses": 0,
        "rules": [{"target": "externalId", "sources": ["id"]}],
    })
}

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A server with a map of a plugin and an own one; it takes every change but rules without a target.
fn maps(asked: Asked) -> Router {
    let all = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let path = uri.path().strip_prefix("/api/v1/transform-maps").unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let own = map("m1", "Ours", false);
        match (method.as_str(), parts.as_slice()) {
            ("GET", []) => {
                Json(json!({"items": [map("default.entra.theirs", "Theirs", true), own]}))
                    .into_response()
            }
            ("GET", [id]) if id.starts_with("default") => {
                Json(map(id, "Theirs", true)).into_response()
            }
            ("GET", ["m1"]) => ([("etag", "\"5\"")], Json(own)).into_response(),
            ("GET", ["m1", "diff"]) => {
                assert_eq!(uri.query(), Some("from=2&to=3"));
                Json(json!({
                    "from": 2, "to": 3,
                    "added": [{"index": 0, "rule": {"target": "a", "sources": ["b", "c"], "functions": ["trim"]}}],
                    "removed": [],
                    "changed": [{"index": 1, "target": "d", "fields": [
                        {"field": "defaultValue", "before": null, "after": "\"NA\""},
                    ]}],
                    "moved": [{"target": "e", "from": 4, "to": 0}],
                }))
                .into_response()
            }
            _ => {
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                let wrong = body["rules"]
                    .get(0)
                    .is_some_and(|rule| rule.get("target").is_none());
                let tag = headers
                    .get("if-match")
                    .map_or("", |tag| tag.to_str().unwrap());
                asked
                    .lock()
                    .unwrap()
                    .push((format!("{method} {path} {tag}"), body));
                if wrong {
                    let error = FieldError {
                        path: "rules[0].target".into(),
                        message: "It is missing.".into(),
                        remedy: "Give one.".into(),
                    };
                    return Problem::invalid([error]).into_response();
                }
                (StatusCode::OK, Json(own)).into_response()
            }
        }
    };
    Router::new()
        .route("/api/v1/transform-maps", any(all.clone()))
        .route("/api/v1/transform-maps/{*rest}", any(all))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[tokio::test]
async fn rules_of_a_file_become_a_new_version_of_what_was_read() {
    let asked = Asked::default();
    let server = serve(maps(Arc::clone(&asked))).await;
    for text in [
        r#"[{"target": "x", "sources": ["y"]}]"#,
        r#"{"name": "whatever", "rules": [{"target": "x", "sources": ["y"]}]}"#,
    ] {
        let file = file(text);
        let path = file.path().to_str().unwrap();
        let words = ["map", "edit", "ours", path, "--comment", "why", "--table"];
        let ran = run(&server, &words).await;
        assert_eq!(ran.out, "Ours is at version 3\n", "{ran:?}");
        let (line, body) = asked.lock().unwrap().pop().unwrap();
        assert_eq!(line, "PATCH /m1 \"5\"");
        assert_eq!(
            body,
            json!({"rules": [{"target": "x", "sources": ["y"]}], "comment": "why"})
        );
    }
    let same = file(r#"[{"target": "externalId", "sources": ["id"]}]"#);
    let ran = run(
        &server,
        &["map", "edit", "Ours", same.path().to_str().unwrap()],
    )
    .await;
    assert_eq!(ran.code, 0);
    assert_eq!(ran.err, "nothing was changed\n");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn mistakes_in_rules_are_told_by_their_path() {
    let server = serve(maps(Arc::default())).await;
    let wrong = file(r#"[{"sources": ["y"]}]"#);
    let path = wrong.path().to_str().unwrap();
    let ran = run(&server, &["map", "edit", "Ours", path]).await;
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("rules[0].target: It is missing. Give one."),
        "{ran:?}"
    );
    let ran = run(
        &server,
        &["map", "edit", "Ours", file("{}").path().to_str().unwrap()],
    )
    .await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("no list of rules"), "{ran:?}");
}

#[tokio::test]
async fn what_comes_with_a_plugin_is_copied_and_not_changed() {
    let asked = Asked::default();
    let server = serve(maps(Arc::clone(&asked))).await;
    let ran = run(&server, &["map", "edit", "Theirs", "--name", "x"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("map clone"), "{ran:?}");
    let words = [
        "map",
        "clone",
        "default.entra.theirs",
        "--name",
        "Mine",
        "--version",
        "2",
    ];
    assert_eq!(run(&server, &words).await.code, 0);
    assert_eq!(
        *asked.lock().unwrap(),
        [(
            "POST /default.entra.theirs/clone ".into(),
            json!({"name": "Mine", "comment": "", "version": 2})
        )]
    );
}

#[tokio::test]
async fn a_difference_is_a_line_for_each_rule() {
    let server = serve(maps(Arc::default())).await;
    let ran = run(&server, &["map", "diff", "Ours", "--table"]).await;
    assert_eq!(
        ran.out,
        "+ b, c -> a, functions trim\n~ d\n    defaultValue: nothing -> \"NA\"\n  e moved from place 5 to 1\n",
        "{ran:?}"
    );
}

#[tokio::test]
async fn without_a_terminal_there_is_no_editor() {
    let server = serve(maps(Arc::default())).await;
    let ran = run(&server, &["map", "edit", "Ours"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("Name a file"), "{ran:?}");
}
