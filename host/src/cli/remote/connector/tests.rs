use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use connector_host::api::problem::Problem;
use serde_json::{Value, json};

use super::super::testing::{run, run_as, serve};

const CONTOSO: &str = "0190a000-0000-7000-8000-000000000001";

fn contoso() -> Value {
    json!({
        "id": CONTOSO, "name": "Contoso", "plugin": "entra", "version": "latest", "state": "processed",
        "since": "2026-11-24T02:00:00Z", "paused": true, "warnings": [{"code": "x"}],
    })
}

/// What was asked for: method, path, If-Match, query and body.
type Asked = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A server with one connector of revision 7, which notes what changes it.
fn catalog(asked: Asked) -> Router {
    let one = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        if method == Method::GET {
            return ([("etag", "\"7\"")], Json(contoso())).into_response();
        }
        let place = uri.path_and_query().unwrap().as_str();
        let place = place.strip_prefix("/api/v1").unwrap();
        let tag = headers.get("if-match");
        let tag = tag.map_or("", |tag| tag.to_str().unwrap());
        let body = serde_json::from_str(&body).unwrap_or_default();
        let line = format!("{method} {}", place.replace(CONTOSO, "ID"));
        asked.lock().unwrap().push((line, tag.to_owned(), body));
        if method == Method::DELETE {
            return StatusCode::NO_CONTENT.into_response();
        }
        Json(contoso()).into_response()
    };
    let list = async || Json(json!({"items": [contoso()]}));
    let make = one.clone();
    Router::new()
        .route("/api/v1/connectors", get(list).post(make))
        .route("/api/v1/connectors/{id}", any(one.clone()))
        .route("/api/v1/connectors/{id}/{verb}", any(one))
}

#[tokio::test]
async fn the_list_tells_where_connectors_stand() {
    let server = serve(catalog(Arc::default())).await;
    let ran = run(&server, &["connector", "list", "--table"]).await;
    let line: Vec<&str> = ran.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        line,
        [
            "Contoso",
            "processed,",
            "paused",
            "2026-11-24",
            "02:00:00Z",
            "entra",
            "latest",
            "1",
            CONTOSO
        ]
    );
}

#[tokio::test]
async fn settings_and_secrets_go_where_they_belong() {
    let asked = Asked::default();
    let server = serve(catalog(Arc::clone(&asked))).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, r#"{"tenantId": "contoso.com", "groups": "all"}"#).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let source = format!("clientSecret=file:{}", secret.display());
    let settings = settings.to_str().unwrap();
    let ran = run(
        &server,
        &[
            "connector",
            "create",
            "--name",
            "Contoso",
            "--plugin",
            "entra",
            "--version",
            "1.2.0",
            "--settings",
            settings,
            "--set",
            "groups=[\"g1\"]",
            "--set",
            "clientId=12",
            "--secret",
            &source,
            "--secret-expires",
            "clientSecret=2027-05-31",
            "--table",
        ],
    )
    .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out, format!("Contoso is made: {CONTOSO}\n"));
    assert_eq!(
        *asked.lock().unwrap(),
        [(
            "POST /connectors".into(),
            String::new(),
            json!({
                "name": "Contoso", "plugin": "entra", "version": "1.2.0",
                "settings": {"tenantId": "contoso.com", "groups": ["g1"], "clientId": "12"},
                "secrets": {"clientSecret": {"value": "hunter2", "expiresOn": "2027-05-31"}},
            })
        )]
    );
}

#[tokio::test]
async fn a_secret_that_can_not_be_read_ends_it_before_anything_is_sent() {
    let asked = Asked::default();
    let server = serve(catalog(Arc::clone(&asked))).await;
    let words = [
        "connector",
        "change",
        "Contoso",
        "--secret",
        "clientSecret=file:/not/there",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("/not/there"), "{ran:?}");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_names_the_revision_that_was_read_and_only_what_changes() {
    let asked = Asked::default();
    let server = serve(catalog(Arc::clone(&asked))).await;
    let words = [
        "connector",
        "change",
        "contoso",
        "--set",
        "groups=null",
        "--forget-secret",
        "certificate",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = run(&server, &["connector", "change", "contoso"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("nothing is to be changed"), "{ran:?}");
    let ran = run(&server, &["connector", "pause", "Contoso", "--table"]).await;
    assert_eq!(ran.out, "Contoso is paused\n", "{ran:?}");
    let asked = asked.lock().unwrap();
    let [(change, tag, body), (pause, pause_tag, _)] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (change.as_str(), tag.as_str()),
        ("PATCH /connectors/ID", "\"7\"")
    );
    assert_eq!(
        *body,
        json!({"settings": {"groups": null}, "secrets": {"certificate": null}})
    );
    assert_eq!(
        (pause.as_str(), pause_tag.as_str()),
        ("POST /connectors/ID/pause", "")
    );
}

#[tokio::test]
async fn somebody_who_was_faster_is_told_of_and_nothing_is_overwritten() {
    let one = |method: Method| async move {
        if method == Method::GET {
            return ([("etag", "\"7\"")], Json(contoso())).into_response();
        }
        let problem = Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "request.changed-meanwhile",
            "Changed.",
        );
        problem.remedy("Read it again.").into_response()
    };
    let router = Router::new().route("/api/v1/connectors/{id}", any(one));
    let server = serve(router).await;
    let words = ["connector", "change", CONTOSO, "--description", "x"];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "error: Changed. [request.changed-meanwhile]\n  Read it again.\n"
    );
}

#[tokio::test]
async fn a_deletion_is_confirmed_by_the_name() {
    let words = [
        "connector",
        "delete",
        "Contoso",
        "--data",
        "remove",
        "--table",
    ];
    let with_yes: Vec<&str> = words.into_iter().chain(["--yes"]).collect();
    for (words, answer, code, sent) in [
        (words.to_vec(), None, 2, 0),
        (words.to_vec(), Some("Contosso\n"), 2, 0),
        (words.to_vec(), Some("Contoso\n"), 0, 1),
        (with_yes, None, 0, 1),
    ] {
        let asked = Asked::default();
        let server = serve(catalog(Arc::clone(&asked))).await;
        let ran = run_as(&server, &words, Some("t"), answer).await;
        assert_eq!(ran.code, code, "{ran:?}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), sent, "{ran:?}");
        for (line, tag, _) in asked.iter() {
            assert_eq!(line, "DELETE /connectors/ID?data=remove");
            assert_eq!(tag, "\"7\"");
        }
    }
}

#[tokio::test]
async fn a_test_of_the_connection_is_a_line_for_each_item() {
    let tested = || async {
        Json(json!({"passed": false, "lines": [
            {"item": "Sign-in", "outcome": "passed", "seen": "a token came"},
            {"item": "Group.Read.All", "outcome": "failed", "seen": "not granted", "remedy": "Grant it."},
        ]}))
    };
    let router = Router::new()
        .route(
            "/api/v1/connectors",
            get(|| async { Json(json!({"items": [contoso()]})) }),
        )
        .route("/api/v1/connectors/{id}/check", any(tested));
    let server = serve(router).await;
    let ran = run(&server, &["connector", "check", "Contoso", "--table"]).await;
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.out,
        "passed   Sign-in: a token came\nFAILED   Group.Read.All: not granted\n         Grant it.\n"
    );
}

#[tokio::test]
async fn somebody_signs_in_to_make_a_token_and_out_again() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let all = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let of = |name| {
            headers
                .get(name)
                .map_or("", |value: &http::HeaderValue| value.to_str().unwrap())
        };
        let line = format!(
            "{method} {} {} {} {}",
            uri.path(),
            of("cookie"),
            of("x-csrf-token"),
            of("authorization")
        );
        keep.lock().unwrap().push(line);
        let response: Response = match uri.path() {
            "/api/v1/session" if method == Method::POST => {
                assert_eq!(body, r#"{"name":"ada","password":"correct horse"}"#);
                let cookie = [("set-cookie", "connector_session=abc; HttpOnly; Path=/")];
                (cookie, Json(json!({"csrfToken": "xyz"}))).into_response()
            }
            "/api/v1/tokens" => (
                StatusCode::CREATED,
                Json(json!({"id": "1", "token": "cht_new"})),
            )
                .into_response(),
            _ => StatusCode::NO_CONTENT.into_response(),
        };
        response
    };
    let server = serve(Router::new().fallback(all)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "correct horse\n").unwrap();
    let path = file.path().to_str().unwrap();
    let words = [
        "token",
        "create",
        "--name",
        "ci",
        "--sign-in",
        "ada",
        "--password-file",
        path,
        "--table",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out, "cht_new\n");
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "POST /api/v1/session   ",
            "POST /api/v1/tokens connector_session=abc xyz ",
            "DELETE /api/v1/session connector_session=abc xyz ",
        ]
    );
    let ran = run("http://192.0.2.1", &words).await;
    assert_eq!(ran.code, 2);
    assert!(!ran.err.contains("correct horse"), "{ran:?}");
}

#[tokio::test]
async fn groups_to_choose_from_are_read_page_by_page_of_the_source() {
    let pages = |Json(search): Json<Value>| async move {
        assert_eq!(search["name"], "Fin");
        Json(match search["page"].as_str() {
            None => json!({"items": [{"id": "1", "name": "Finance", "detail": ""}], "next": "2"}),
            Some(_) => json!({"items": [{"id": "2", "name": "Finland", "detail": ""}]}),
        })
    };
    let router = Router::new()
        .route(
            "/api/v1/connectors",
            get(|| async { Json(json!({"items": [contoso()]})) }),
        )
        .route("/api/v1/connectors/{id}/discover", post(pages));
    let server = serve(router).await;
    let ran = run(
        &server,
        &["connector", "discover", "Contoso", "Fin", "--json"],
    )
    .await;
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    let words = [
        "connector",
        "discover",
        "Contoso",
        "Fin",
        "--json",
        "--limit",
        "1",
    ];
    let ran = run(&server, &words).await;
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    assert!(ran.err.contains("there are more"), "{ran:?}");
}
