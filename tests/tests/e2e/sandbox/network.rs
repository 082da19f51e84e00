//! Crimes of the network.

use connector_host::contract::FaultKind;
use connector_host::directory::RunState;
use serde_json::{Value, json};

use super::server::Server;
use super::{Cell, EVIL, HURRIED};

const DENIED: &str = "ErrorCode::HttpRequestDenied";

/// A GET to the server's own origin, to be changed.
fn attempt(server: &Server, path: &str) -> Value {
    json!({"scheme": "http", "authority": server.authority(), "path": path})
}

/// Settings with requests to send, to a server whose origin is granted.
fn fetch(server: &Server, crime: &str, requests: &[Value]) -> Value {
    json!({
        "crime": crime, "requests": requests,
        "baseUrl": server.origin, "granted": [server.origin],
    })
}

/// Sends requests, each of which must have its outcome.
async fn outcomes(server: &Server, requests: Vec<(Value, &str)>) {
    let cell = Cell::new().await;
    for part in requests.chunks(10) {
        let sent: Vec<Value> = part.iter().map(|(request, _)| request.clone()).collect();
        let seen = cell.is_prevented(fetch(server, "fetch", &sent)).await;
        for ((request, outcome), seen) in part.iter().zip(&seen) {
            assert_eq!(seen, outcome, "{request}");
        }
        assert_eq!(seen.len(), part.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_granted_origin_is_reached() {
    let server = Server::start().await;
    outcomes(
        &server,
        vec![(attempt(&server, "/ok"), "status 200: 5 bytes")],
    )
    .await;
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_another_origin_is_reached() {
    let server = Server::start().await;
    let other = Server::start().await;
    let port = other.authority().split_once(':').unwrap().1;
    let own_port = server.authority().split_once(':').unwrap().1;
    let to = |scheme: &str, authority: &str| json!({"scheme": scheme, "authority": authority, "path": "/"});
    let mut requests = Vec::new();
    for authority in [
        other.authority().to_owned(),
        // The same address in other words.
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("localhost.:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f000001:{port}"),
        format!("0177.0.0.1:{port}"),
        format!("127.1:{port}"),
        format!("[::1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        // The granted address on another port, or in another spelling.
        "127.0.0.1".to_owned(),
        format!("localhost:{own_port}"),
        // Elsewhere.
        "169.254.169.254".to_owned(),
        "10.0.0.1".to_owned(),
        "192.168.0.1:8080".to_owned(),
        "[fd00::1]".to_owned(),
        "[fe80::1]".to_owned(),
        "metadata.example".to_owned(),
    ] {
        requests.push((to("http", &authority), DENIED));
    }
    // The granted address, but over TLS.
    requests.push((to("https", server.authority()), DENIED));
    outcomes(&server, requests).await;
    assert_eq!(server.heads(), [] as [String; 0]);
    assert_eq!(other.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_in_the_address_does_not_hide_the_host_and_other_schemes_go_nowhere() {
    let server = Server::start().await;
    let other = Server::start().await;
    let hidden = format!("{}@{}", server.authority(), other.authority());
    let named = format!("user:password@{}", server.authority());
    outcomes(
        &server,
        vec![
            (
                json!({"scheme": "http", "authority": hidden, "path": "/"}),
                DENIED,
            ),
            (
                json!({"scheme": "http", "authority": named, "path": "/"}),
                DENIED,
            ),
            (
                json!({"scheme": "ftp", "authority": server.authority(), "path": "/"}),
                "ErrorCode::HttpProtocolError",
            ),
            (
                json!({"scheme": "file", "authority": "", "path": "/etc/passwd"}),
                "authority refused",
            ),
        ],
    )
    .await;
    assert_eq!(server.heads(), [] as [String; 0]);
    assert_eq!(other.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_like_any_other() {
    let server = Server::start().await;
    let other = Server::start().await;
    let path = format!("/redirect/{}", other.authority());
    outcomes(
        &server,
        vec![(attempt(&server, &path), "status 302: 0 bytes")],
    )
    .await;
    assert_eq!(other.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_can_not_lead_to_another_host() {
    let server = Server::start().await;
    let other = Server::start().await;
    let elsewhere = format!("http://{}/", other.authority());
    let no_scheme = format!("//{}/", other.authority());
    let cell = Cell::new().await;
    for path in [
        elsewhere.as_str(),
        &no_scheme,
        "/../../etc/passwd",
        "*",
        "/a b",
        "/a\r\nx: y",
    ] {
        let seen = cell
            .is_prevented(fetch(&server, "fetch", &[attempt(&server, path)]))
            .await;
        assert_eq!(seen.len(), 1, "{path}: {seen:?}");
    }
    assert_eq!(other.heads(), [] as [String; 0]);
    for head in server.heads() {
        assert!(head.starts_with("GET /"), "{head}");
        assert!(!head.contains("..") && !head.contains("\r\nx: y"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_the_hosts_can_not_be_set() {
    let server = Server::start().await;
    let with = |name: &str, value: &str| {
        let mut request = attempt(&server, "/ok");
        request["headers"] = json!([[name, value]]);
        request
    };
    let mut requests = Vec::new();
    for name in [
        "authorization",
        "Authorization",
        "cookie",
        "host",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ] {
        requests.push((with(name, "x"), "header HeaderError::Forbidden"));
    }
    requests.push((
        with("x-good", "a\r\nauthorization: x"),
        "header HeaderError::InvalidSyntax",
    ));
    requests.push((
        with("x-bad\r\nauthorization", "x"),
        "header HeaderError::InvalidSyntax",
    ));
    outcomes(&server, requests).await;
    assert_eq!(server.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_refused() {
    let server = Server::start().await;
    let with = |method: &str| {
        let mut request = attempt(&server, "/ok");
        request["method"] = method.into();
        request
    };
    outcomes(
        &server,
        vec![
            (with("CONNECT"), DENIED),
            (with("TRACE"), DENIED),
            (with("GET /x HTTP/1.1\r\n"), "method refused"),
        ],
    )
    .await;
    assert_eq!(server.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_was_not_granted_ends_the_run_before_it_begins() {
    let cell = Cell::new().await;
    for origin in [
        "http://allowed.example",
        "https://allowed.example:8443",
        "https://other.example",
        "https://localhost",
        "https://127.0.0.1",
        "https://2130706433",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "ftp://allowed.example",
        "https://user@allowed.example",
        "not an address",
    ] {
        let fault = cell
            .fails(json!({"crime": "none", "baseUrl": origin}))
            .await;
        assert_eq!(fault.code, "egress.denied", "{origin}: {fault:?}");
        assert_eq!(fault.kind, FaultKind::Configuration, "{origin}");
    }
    let fault = cell
        .fails(json!({"crime": "none", "baseUrl": "https://127.0.0.1"}))
        .await;
    assert!(
        fault
            .message
            .ends_with("to allow it nevertheless, add `--allow-origin https://127.0.0.1`"),
        "{}",
        fault.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_end_with_their_number() {
    let cell = Cell::new().await;
    let server = Server::start().await;
    let many: Vec<Value> = (0..120).map(|_| attempt(&server, "/ok")).collect();
    let report = cell.commit(fetch(&server, "fetch", &many)).await;
    assert_eq!(server.heads().len(), 100, "{report:#?}");
    let requests = report
        .limits
        .iter()
        .find(|l| l.limit == "requests")
        .unwrap();
    assert_eq!((requests.used, requests.allowed), (120, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_run_end_with_their_bytes() {
    let cell = Cell::new().await;
    let server = Server::start().await;
    let three = [(); 3].map(|()| attempt(&server, "/ok"));
    let report = cell.run(HURRIED, &fetch(&server, "fetch", &three)).await;
    let seen: Vec<&str> = report.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(
        seen,
        [
            "status 200: 5 bytes",
            "status 200: 5 bytes",
            "status 200: failed: connection limit reached"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_requests_at_once_a_few_are_taken_on() {
    let cell = Cell::new().await;
    let server = Server::start().await;
    // Each with a body, which the host would have to keep.
    let mut request = attempt(&server, "/ok");
    request["method"] = "POST".into();
    request["body"] = (60 << 10).into();
    let mut flood = fetch(&server, "flood", &[request]);
    flood["n"] = 200.into();
    let report = cell.commit(flood).await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    assert!(
        report.log[0]
            .text
            .ends_with("the others ErrorCode::ConnectionLimitReached"),
        "{:?}",
        report.log
    );
    assert!(server.heads().len() < 200);
    assert!(report.network.in_flight_peak <= 8, "{:?}", report.network);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_not_sent() {
    let server = Server::start().await;
    let mut large = attempt(&server, "/ok");
    large["method"] = "POST".into();
    large["body"] = (1 << 20).into();
    outcomes(
        &server,
        vec![(large, "ErrorCode::HttpRequestBodySize(Some(65536))")],
    )
    .await;
    assert_eq!(server.heads(), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bounded_in_size_and_time_and_unpacked_within_bounds() {
    let server = Server::start().await;
    let cell = Cell::new().await;
    for path in ["/endless", "/bomb"] {
        let seen = cell
            .is_prevented(fetch(&server, "fetch", &[attempt(&server, path)]))
            .await;
        assert!(
            seen[0].ends_with("failed: HTTP response body size exceeds limit"),
            "{path}: {seen:?}"
        );
    }
    for path in ["/never", "/dribble"] {
        let fault = cell
            .fails(fetch(&server, "fetch", &[attempt(&server, path)]))
            .await;
        assert_eq!(fault.code, "plugin.deadline", "{path}");
    }
    let seen = cell
        .is_prevented(fetch(&server, "fetch", &[attempt(&server, "/headers")]))
        .await;
    assert_eq!(
        seen,
        ["ErrorCode::HttpResponseHeaderSectionSize(Some(32768))"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_comes_back_is_blackened_wherever_it_is() {
    let server = Server::start().await;
    let cell = Cell::new().await;
    let token = "c0nt0so-bearer-t0ken-0123456789";
    let places = [attempt(&server, "/echo"), attempt(&server, "/zipped")];
    let mut hunt = fetch(&server, "hunt", &places);
    hunt["token"] = token.into();
    hunt["text"] = token.chars().rev().collect::<String>().into();
    let seen = cell.is_prevented(hunt).await;
    assert_eq!(
        seen,
        [
            "1 headers, 1 bytes, found: false",
            "0 headers, 1 bytes, found: false"
        ]
    );
    let heads = server.heads();
    assert!(
        heads[0].contains(&format!("authorization: Bearer {token}")),
        "it was sent, and came back: {heads:?}"
    );
    // The same hunt for something that is no secret finds it.
    let mut hunt = fetch(&server, "hunt", &[attempt(&server, "/echo")]);
    hunt["text"] = "ohce".into();
    let seen = cell.is_prevented(hunt).await;
    assert_eq!(seen, ["1 headers, 1 bytes, found: true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evil_run_leaves_what_was_stored_before_as_it_was() {
    let cell = Cell::new().await;
    let report = cell.run(EVIL, &json!({})).await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    for crime in [
        json!({"crime": "loop"}),
        json!({"crime": "unreachable"}),
        json!({"crime": "many-changes", "n": 2_000}),
    ] {
        let report = cell.commit(crime.clone()).await;
        assert_eq!(report.state, RunState::Failed, "{crime}");
        assert_eq!(cell.held(EVIL).await, 3, "{crime}");
    }
}
