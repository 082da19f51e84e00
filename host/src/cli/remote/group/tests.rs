use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, Uri};
use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Json, Router};
use connector_host::api::problem::Problem;
use futures::stream;
use serde_json::{Value, json};

use super::super::testing::{run, serve};

const CONTOSO: &str = "0190a000-0000-7000-8000-000000000001";

type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A group that feeds these groups of the platform.
fn linked(to: &'static [&'static str], asked: Asked) -> Router {
    let all = move |method: Method, uri: Uri, body: String| async move {
        let path = uri.path().strip_prefix("/api/v1/").unwrap();
        let path = path.replace(CONTOSO, "C");
        match (method.as_str(), path.as_str()) {
            ("GET", "directory/groups") => {
                Json(json!({"items": [{"connector": CONTOSO, "id": "g1", "name": "Finance"}]}))
                    .into_response()
            }
            ("GET", "connectors") => {
                Json(json!({"items": [{"id": CONTOSO, "name": "Contoso"}]})).into_response()
            }
            ("GET", _) if to.is_empty() => Problem::not_found("group link").into_response(),
            ("GET", _) => Json(json!({"group": "g1", "platformGroups": to})).into_response(),
            _ => {
                let body = serde_json::from_str(&body).unwrap_or_default();
                asked
                    .lock()
                    .unwrap()
                    .push((format!("{method} {path}"), body));
                Json(json!({})).into_response()
            }
        }
    };
    Router::new().fallback(any(all))
}

#[tokio::test]
async fn links_are_added_and_taken_away_and_the_others_stay() {
    const PLACE: &str = "connectors/C/group-links/g1";
    type Case = (
        &'static [&'static str],
        &'static [&'static str],
        Option<(&'static str, Value)>,
    );
    let cases: [Case; 5] = [
        (
            &[],
            &["link", "Finance", "p1"],
            Some(("PUT", json!({"platformGroups": ["p1"]}))),
        ),
        (
            &["p1"],
            &["link", "Finance", "p1", "p2"],
            Some(("PUT", json!({"platformGroups": ["p1", "p2"]}))),
        ),
        (
            &["p1", "p2"],
            &["unlink", "Finance", "p1"],
            Some(("PUT", json!({"platformGroups": ["p2"]}))),
        ),
        (
            &["p1"],
            &["unlink", "Finance", "p1"],
            Some(("DELETE", Value::Null)),
        ),
        (&[], &["unlink", "Finance", "p1"], None),
    ];
    for (to, words, sent) in cases {
        let asked = Asked::default();
        let server = serve(linked(to, Arc::clone(&asked))).await;
        let words: Vec<&str> = ["group"].iter().chain(words).copied().collect();
        let ran = run(&server, &words).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let sent: Vec<(String, Value)> = sent
            .into_iter()
            .map(|(method, body)| (format!("{method} {PLACE}"), body))
            .collect();
        assert_eq!(*asked.lock().unwrap(), sent, "{words:?}");
    }
}

#[tokio::test]
async fn an_import_of_links_takes_the_file_of_a_run_without_a_server() {
    let asked = Asked::default();
    let server = serve(linked(&[], Arc::clone(&asked))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let links = json!([{"group": "g1", "platformGroups": ["p1"]}]);
    std::fs::write(file.path(), links.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = run(&server, &["group", "import-links", path]).await;
    assert_eq!(ran.code, 2, "it replaces all, so it asks: {ran:?}");
    let ran = run(&server, &["group", "import-links", path, "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let sent = ("PUT connectors/C/group-links".to_owned(), links);
    assert_eq!(*asked.lock().unwrap(), [sent]);
}

#[tokio::test]
async fn an_empty_name_is_refused_and_not_taken_for_all() {
    let server = serve(linked(&[], Asked::default())).await;
    for words in [["group", "members", ""], ["group", "show", " "]] {
        let ran = run(&server, &words).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("is empty"), "{ran:?}");
    }
}

#[tokio::test]
async fn an_export_that_breaks_off_is_an_error() {
    for (breaks, code) in [(false, 0), (true, 1)] {
        let export = move |uri: Uri| async move {
            if uri.path() == "/api/v1/connectors" {
                let list = json!({"items": [{"id": CONTOSO, "name": "Contoso"}]});
                return Json(list).into_response();
            }
            assert_eq!(uri.query(), Some("what=users&effective=true"));
            let first = Ok("{\"id\":\"u1\"}\n");
            let second = if breaks {
                Err("the store failed")
            } else {
                Ok("{\"id\":\"u2\"}\n")
            };
            // Time to be sent before it breaks.
            let pieces = stream::iter([first, second]);
            let pieces =
                tokio_stream::StreamExt::throttle(pieces, std::time::Duration::from_millis(50));
            Body::from_stream(pieces).into_response()
        };
        let server = serve(Router::new().fallback(any(export))).await;
        let words = ["group", "export", "--what", "users", "--effective"];
        let ran = run(&server, &words).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert_eq!(ran.err.contains("broke off"), breaks, "{ran:?}");
        assert!(ran.out.starts_with("{\"id\":\"u1\"}\n"), "{ran:?}");
    }
}
