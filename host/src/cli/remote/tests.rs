//! What holds for all commands: forms, pages, problems, names, tokens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use connector_host::api::problem::{FieldError, Problem};
use serde_json::{Value, json};

use super::testing::{run, run_as, serve};

type Parameters = std::collections::HashMap<String, String>;

const CONTOSO: &str = "0190a000-0000-7000-8000-000000000001";
const FABRIKAM: &str = "0190a000-0000-7000-8000-000000000002";

fn group(connector: &str, id: &str, name: &str) -> Value {
    json!({
        "connector": connector, "id": id, "name": name, "groupKind": "security", "members": 1200,
    })
}

/// Two connectors; "Sales" is in both, "Finance" in one, and one user is in it by way of "Staff".
fn directory() -> Router {
    let groups = |Query(parameters): Query<Parameters>| async move {
        let all = [
            group(CONTOSO, "g1", "Finance"),
            group(CONTOSO, "g2", "Sales"),
            group(FABRIKAM, "g3", "Sales"),
        ];
        let connector = parameters.get("connector").cloned();
        let text = parameters.get("text").cloned().unwrap_or_default();
        let items: Vec<Value> = all
            .into_iter()
            .filter(|one| connector.as_ref().is_none_or(|c| one["connector"] == **c))
            .filter(|one| one["name"].as_str().unwrap().contains(&text))
            .collect();
        Json(json!({"items": items}))
    };
    let users = |Query(parameters): Query<Parameters>| async move {
        let items = if parameters.get("text").is_some_and(|text| text == "Ada") {
            json!([{"connector": CONTOSO, "id": "u1", "name": "Ada", "groups": 1, "hidden": false}])
        } else {
            json!([])
        };
        Json(json!({"items": items}))
    };
    let members = |Path((_, group)): Path<(String, String)>| async move {
        Json(json!({"items": [{
            "id": "u1", "name": "Ada", "kind": "user",
            "path": [{"id": group, "name": "Finance"}, {"id": "g9", "name": "Staff"}],
        }], "total": 1}))
    };
    let why = || async {
        Json(
            json!({"paths": [[{"id": "g1", "name": "Finance"}, {"id": "g9", "name": "Staff"}]], "more": false}),
        )
    };
    let connectors = || async {
        Json(json!({"items": [
            {"id": CONTOSO, "name": "Contoso"}, {"id": FABRIKAM, "name": "Fabrikam"},
        ]}))
    };
    let show = |Path((_, id)): Path<(String, String)>| async move {
        if id == "g1" {
            Json(
                json!({"id": "g1", "name": "Finance", "since": {"at": "2026-11-24T02:00:00.123Z"},
                "document": {"a": {"b": 1}}}),
            )
            .into_response()
        } else {
            Problem::not_found("group").into_response()
        }
    };
    Router::new()
        .route("/api/v1/connectors", get(connectors))
        .route("/api/v1/directory/groups", get(groups))
        .route("/api/v1/directory/users", get(users))
        .route("/api/v1/connectors/{c}/groups/{g}", get(show))
        .route("/api/v1/connectors/{c}/groups/{g}/members", get(members))
        .route("/api/v1/connectors/{c}/groups/{g}/members/{m}", get(why))
}

#[tokio::test]
async fn a_table_is_for_people_and_has_names() {
    let server = serve(directory()).await;
    let ran = run(&server, &["group", "find", "Fin", "--table"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<Vec<&str>> = ran
        .out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines,
        [
            vec!["Name", "Kind", "Members", "Connector", "Id"],
            vec!["Finance", "security", "1,200", "Contoso", "g1"],
        ]
    );
}

#[tokio::test]
async fn json_is_one_document_a_line_as_the_server_sent_it() {
    let server = serve(directory()).await;
    let ran = run(&server, &["group", "find", "--json", "Sales"]).await;
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            group(CONTOSO, "g2", "Sales"),
            group(FABRIKAM, "g3", "Sales")
        ]
    );
    let ran = run(&server, &["group", "show", "--json", "Finance"]).await;
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
}

#[tokio::test]
async fn a_thing_as_a_table_shows_every_field() {
    let server = serve(directory()).await;
    let ran = run(&server, &["group", "show", "Finance", "--table"]).await;
    assert!(ran.out.contains("since.at"), "{ran:?}");
    assert!(ran.out.contains("2026-11-24 02:00:00Z"), "{ran:?}");
    assert!(ran.out.contains("\"b\": 1"), "{ran:?}");
}

#[tokio::test]
async fn members_have_their_path_and_why_tells_the_chains() {
    let server = serve(directory()).await;
    let ran = run(
        &server,
        &["group", "members", "Finance", "--table", "--effective"],
    )
    .await;
    assert!(ran.out.contains("Finance > Staff"), "{ran:?}");
    let ran = run(&server, &["group", "why", "Finance", "Ada", "--table"]).await;
    assert_eq!(ran.out, "Finance > Staff > Ada\n", "{ran:?}");
}

#[tokio::test]
async fn a_name_that_is_not_unique_is_refused_with_the_candidates() {
    let server = serve(directory()).await;
    let ran = run(&server, &["group", "members", "Sales"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("g2  Sales"), "{ran:?}");
    assert!(ran.err.contains("g3  Sales"), "{ran:?}");
    let ran = run(
        &server,
        &["group", "members", "Sales", "--connector", "fabrikam"],
    )
    .await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test]
async fn what_is_no_name_is_taken_for_an_identifier() {
    let server = serve(directory()).await;
    let words = ["group", "show", "g1", "--connector", "Contoso", "--json"];
    assert_eq!(run(&server, &words).await.code, 0);
    let words = ["group", "show", "g7", "--connector", "Contoso"];
    let ran = run(&server, &words).await;
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("Contoso has no group of the name or identifier g7"),
        "{ran:?}"
    );
    let ran = run(&server, &["group", "show", "g1"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("Contoso, Fabrikam"), "{ran:?}");
}

/// A list of so many lines, in pages of what is asked for.
fn audit(lines: usize, asked: Arc<Mutex<Vec<usize>>>) -> Router {
    let list = move |Query(parameters): Query<Parameters>| async move {
        let limit: usize = parameters["limit"].parse().unwrap();
        asked.lock().unwrap().push(limit);
        let begin: usize = parameters
            .get("cursor")
            .map_or(0, |cursor| cursor.parse().unwrap());
        let end = (begin + limit).min(lines);
        let items: Vec<Value> = (begin..end)
            .map(|n| json!({"position": n, "action": "connector.create"}))
            .collect();
        let mut page = json!({"items": items, "total": lines});
        if end < lines {
            page["next"] = json!(end.to_string());
        }
        Json(page)
    };
    Router::new().route("/api/v1/audit", get(list))
}

#[tokio::test]
async fn a_list_is_followed_as_far_as_is_wanted() {
    for (words, given, pages, hint) in [
        (vec!["audit", "--json"], 50, vec![50], true),
        (
            vec!["audit", "--json", "--limit", "700"],
            700,
            vec![500, 200],
            true,
        ),
        (
            vec!["audit", "--json", "--all"],
            1200,
            vec![500, 500, 500],
            false,
        ),
        (vec!["audit", "--json", "--limit", "0"], 0, vec![], false),
    ] {
        let asked = Arc::default();
        let server = serve(audit(1200, Arc::clone(&asked))).await;
        let ran = run(&server, &words).await;
        assert_eq!(ran.out.lines().count(), given, "{words:?}");
        assert_eq!(*asked.lock().unwrap(), pages, "{words:?}");
        assert_eq!(ran.err.contains("of 1,200 shown"), hint, "{ran:?}");
    }
}

fn answering(problem: Problem) -> Router {
    Router::new().route("/api/v1/audit", get(move || async move { problem }))
}

#[tokio::test]
async fn a_problem_is_told_with_its_code_its_remedy_and_every_field() {
    let problem = Problem::invalid([FieldError {
        path: "name".into(),
        message: "It is taken.".into(),
        remedy: "Give another.".into(),
    }])
    .remedy("Mend the fields.");
    let server = serve(answering(problem)).await;
    let ran = run(&server, &["audit"]).await;
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "error: What was sent is not valid: name. [request.invalid]\n  Mend the fields.\n  \
         name: It is taken. Give another.\n"
    );
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn without_a_valid_token_the_remedy_names_the_places_for_one() {
    let server = serve(answering(Problem::unauthorized())).await;
    let ran = run_as(&server, &["audit"], None, None).await;
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("No token was given"), "{ran:?}");
    assert!(ran.err.contains("CONNECTOR_TOKEN"), "{ran:?}");
    let ran = run(&server, &["audit"]).await;
    assert!(ran.err.contains("expired or revoked"), "{ran:?}");
    assert!(!ran.err.contains("cht_secret"), "{ran:?}");
}

#[tokio::test]
async fn the_token_of_a_file_wins_and_is_sent_as_a_bearer() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let list = move |headers: HeaderMap| async move {
        let value = headers["authorization"].to_str().unwrap().to_owned();
        keep.lock().unwrap().push(value);
        Json(json!({"items": []}))
    };
    let server = serve(Router::new().route("/api/v1/audit", get(list))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "of-the-file\n").unwrap();
    run(&server, &["audit"]).await;
    let path = file.path().to_str().unwrap();
    run(&server, &["audit", "--token-file", path]).await;
    assert_eq!(
        *seen.lock().unwrap(),
        ["Bearer cht_secret", "Bearer of-the-file"]
    );
}

#[tokio::test]
async fn a_token_stays_off_plain_http_to_another_machine() {
    for server in ["http://connectors.example.com", "http://192.0.2.1:8080"] {
        let ran = run(server, &["audit"]).await;
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("--insecure-http"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_token_is_not_sent_to_where_an_answer_leads() {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let other = move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        Json(json!({"items": []}))
    };
    let other = serve(Router::new().route("/api/v1/audit", get(other))).await;
    let to = format!("{other}/api/v1/audit");
    let lead = move || async move { (StatusCode::FOUND, [("location", to)]) };
    let server = serve(Router::new().route("/api/v1/audit", get(lead))).await;
    let ran = run(&server, &["audit"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("leads to"), "{ran:?}");
    assert_eq!(reached.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn where_nothing_listens_the_remedy_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = run(&server, &["audit"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nothing listens"), "{ran:?}");
    assert!(ran.err.contains("connector-host serve"), "{ran:?}");
}

#[tokio::test]
async fn https_to_a_port_of_http_is_told_apart() {
    let server = serve(directory()).await.replace("http:", "https:");
    let ran = run(&server, &["audit"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no common TLS"), "{ran:?}");
}

#[tokio::test]
async fn what_is_no_connector_host_is_said_to_be_none() {
    let page = || async { Html("<h1>Welcome</h1>") };
    let server = serve(Router::new().route("/api/v1/audit", get(page))).await;
    let ran = run(&server, &["audit"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("no JSON"), "{ran:?}");
    let server = serve(Router::new()).await;
    let ran = run(&server, &["audit"]).await;
    assert!(
        ran.err.contains("404 Not Found without a reason"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_identifier_with_a_slash_stays_one_part_of_the_path() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let all = move |uri: Uri| async move {
        keep.lock().unwrap().push(uri.path().to_owned());
        Json(json!({"id": "x", "name": "x", "items": []}))
    };
    let server = serve(Router::new().fallback(all)).await;
    let words = ["group", "show", "a/../b", "--connector", CONTOSO];
    run(&server, &words).await;
    let path = "/api/v1/connectors/x/groups/a%2F..%2Fb";
    assert!(seen.lock().unwrap().contains(&path.to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_certificate_of_an_own_authority_is_trusted_when_that_is_named() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            made.signing_key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let service = audit(1, Arc::default()).into_make_service();
    let serving = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(serving.serve(service));

    let ran = run(&server, &["audit", "--json"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("isn't trusted"), "{ran:?}");
    assert!(ran.err.contains("--ca-file"), "{ran:?}");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let path = file.path().to_str().unwrap();
    let ran = run(&server, &["audit", "--json", "--ca-file", path]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
}
