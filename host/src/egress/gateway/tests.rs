use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    body::Body as Payload,
    http::{HeaderMap as Headers, Uri, Version},
    response::{IntoResponse, Redirect},
    routing::{any, get as on_get, post},
};
use futures::{StreamExt, future::join_all, stream};
use secrecy::SecretString;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep},
};

use super::{super::testing::*, *};
use crate::egress::{BodyError, NetworkOptions, Proof, WaitReason};

const HOST: &str = "directory.contoso.example";

async fn refused(gateway: &Gateway, request: http::Request<Bytes>) -> SendError {
    gateway.send(request).await.unwrap_err()
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// A gateway to `https://directory.contoso.example`, which has this address.
fn declared(address: &str) -> Arc<Gateway> {
    let egress = Egress::with_lookup(options(&[]), names(&[(HOST, address)])).unwrap();
    let wanted = connection(&[&format!("https://{HOST}")]);
    egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap()
}

// ---------------------------------------------------------------- where

#[test]
fn an_origin_that_is_not_allowed_opens_no_gateway_and_the_flag_is_named() {
    let egress = Egress::new(options(&["http://127.0.0.1:9000"])).unwrap();
    let open = |origin: &str| {
        egress.gateway(
            connection(&[origin]),
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
    };
    open("https://directory.contoso.example/v1").unwrap();
    open("http://127.0.0.1:9000/v1").unwrap();
    let message = open("http://127.0.0.1:9001/v1").unwrap_err().to_string();
    assert!(
        message.contains("`--allow-origin http://127.0.0.1:9001`"),
        "{message}"
    );
    for origin in [
        "https://other.contoso.example",
        "http://directory.contoso.example",
        "https://directory.contoso.example:8443",
        "https://127.0.0.1:9000",
        "http://127.0.0.2:9000",
    ] {
        assert!(
            matches!(open(origin), Err(EgressError::Origin { .. })),
            "{origin}"
        );
    }
    assert!(matches!(
        open("https://a:b@directory.contoso.example"),
        Err(EgressError::Address { .. })
    ));
    assert!(matches!(
        open("file:///etc/passwd"),
        Err(EgressError::Address { .. })
    ));
}

#[test]
fn a_token_endpoint_obeys_the_same_rule() {
    let egress = Egress::new(options(&[])).unwrap();
    let mut wanted = connection(&["https://directory.contoso.example"]);
    wanted.authentication = client_credentials("http://127.0.0.1:9/token", &[]);
    let error = egress
        .gateway(wanted, &[HOST.to_owned()], secrets(), Limits::default())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`--allow-origin http://127.0.0.1:9`"),
        "{error}"
    );
}

#[tokio::test]
async fn requests_to_other_origins_are_denied_in_every_spelling() {
    let gateway = declared("203.0.113.1");
    for url in [
        "https://other.contoso.example/",
        "https://evil.directory.contoso.example/",
        "https://directory.contoso.example.evil.example/",
        "http://directory.contoso.example/",
        "https://directory.contoso.example:8443/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://1.1.1.1/",
        "https://directory.contoso.example@evil.example/",
        "https://user:pass@directory.contoso.example/",
    ] {
        assert_eq!(
            refused(&gateway, get(url)).await.kind(),
            SendErrorKind::Denied,
            "{url}"
        );
    }
    let message = refused(&gateway, get("https://evil.example/"))
        .await
        .to_string();
    assert_eq!(
        message,
        "requests to https://evil.example are not allowed: the connection reaches \
         https://directory.contoso.example and nothing else"
    );
    let usage = gateway.usage();
    assert_eq!((usage.requests, usage.denied), (0, 19));
}

#[tokio::test]
async fn a_declared_host_at_a_private_address_is_denied_after_resolution() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
    ] {
        let error = refused(&declared(address), get(&format!("https://{HOST}/"))).await;
        assert_eq!(error.kind(), SendErrorKind::Denied, "{error}");
        assert!(
            error
                .to_string()
                .contains("`--allow-origin https://directory.contoso.example`"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_grant_of_one_origin_does_not_open_another_of_its_host() {
    let base = format!("http://{HOST}:9000");
    let egress = Egress::with_lookup(options(&[&base]), names(&[(HOST, "127.0.0.1")])).unwrap();
    let wanted = connection(&[&base, &format!("https://{HOST}")]);
    let gateway = egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap();
    assert_eq!(
        refused(&gateway, get(&format!("https://{HOST}/")))
            .await
            .kind(),
        SendErrorKind::Denied
    );
    assert_eq!(
        refused(&gateway, get(&format!("{base}/"))).await.kind(),
        SendErrorKind::ConnectionRefused
    );
}

#[tokio::test]
async fn a_redirect_is_handed_on_and_not_followed() {
    let seen = Seen::default();
    let lines = seen.clone();
    let router = Router::new()
        .route("/from", on_get(|| async { Redirect::temporary("/to") }))
        .route(
            "/away",
            on_get(|| async { Redirect::temporary("http://127.0.0.1:9/to") }),
        )
        .route("/to", on_get(move || async move { lines.push("followed") }));
    let base = serve(router).await;
    let gateway = gateway(&[&base], Limits::default());
    for (path, location) in [("/from", "/to"), ("/away", "http://127.0.0.1:9/to")] {
        let response = gateway.send(get(&format!("{base}{path}"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers()["location"], location);
    }
    assert_eq!(
        refused(&gateway, get("http://127.0.0.1:9/to")).await.kind(),
        SendErrorKind::Denied
    );
    assert!(seen.lines().is_empty());
}

#[tokio::test]
async fn an_explicit_proxy_gets_names_unresolved_and_loopback_grants_go_past_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let lines = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
            lines.push(head.lines().next().unwrap_or_default());
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
        }
    });
    let local = serve(Router::new().route("/", on_get(|| async { "local" }))).await;
    let base = "http://directory.contoso.example:9000";
    let granted = NetworkOptions {
        proxy: Some(proxy),
        ..options(&[base, &local])
    };
    let egress = Egress::with_lookup(granted, names(&[])).unwrap();
    let wanted = connection(&[base, &local, &format!("https://{HOST}")]);
    let gateway = egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap();
    assert_eq!(
        read(gateway.send(get(&format!("{base}/x"))).await.unwrap())
            .await
            .unwrap(),
        "ok"
    );
    assert_eq!(
        read(gateway.send(get(&format!("{local}/"))).await.unwrap())
            .await
            .unwrap(),
        "local"
    );
    refused(&gateway, get(&format!("https://{HOST}/"))).await;
    assert_eq!(
        seen.lines(),
        [
            "GET http://directory.contoso.example:9000/x HTTP/1.1",
            "CONNECT directory.contoso.example:443 HTTP/1.1"
        ]
    );
}

// ---------------------------------------------------------------- heads

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_what_is_the_hosts() {
    let seen = Seen::default();
    let lines = seen.clone();
    let router = Router::new().fallback(any(
        move |uri: Uri, headers: Headers, body: String| async move {
            let mut names: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            names.sort();
            lines.push(format!("{uri} {} {body}", names.join(", ")));
            (StatusCode::CREATED, [("x-answer", "1")], "done")
        },
    ));
    let base = serve(router).await;
    let host = base.strip_prefix("http://").unwrap();
    let gateway = gateway(&[&base], Limits::default());
    let request = http::Request::post(format!("{base}/v1/groups?$filter=id%20in%20('a')&$top=9"))
        .header("host", host)
        .header("content-length", "4")
        .header("accept-encoding", "br")
        .header("x-connector-cost", "5")
        .header("x-own", "1")
        .body(Bytes::from_static(b"body"))
        .unwrap();
    let response = gateway.send(request).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["x-answer"]),
        (StatusCode::CREATED, &"1".parse().unwrap())
    );
    assert_eq!(read(response).await.unwrap(), "done");
    let expected = format!(
        "/v1/groups?$filter=id%20in%20(%27a%27)&$top=9 accept-encoding: \"gzip\", accept: \"*/*\", \
         content-length: \"4\", host: \"{host}\", user-agent: \"{}\", x-own: \"1\" body",
        options(&[]).user_agent
    );
    assert_eq!(seen.lines(), [expected]);
    let usage = gateway.usage();
    assert_eq!(
        usage.requests_by_route,
        [("POST /v1/groups".to_owned(), 1)].into()
    );
    assert_eq!(
        (usage.bytes_sent, usage.bytes_received, usage.resource_units),
        (4, 4, 5)
    );
}

#[tokio::test]
async fn tricks_with_methods_and_headers_are_denied_and_nothing_is_sent() {
    let (base, connections) = serve_counted(Router::new()).await;
    let gateway = gateway(&[&base], Limits::default());
    let build = || http::Request::get(format!("{base}/"));
    for request in [
        build().method("CONNECT"),
        build().method("TRACE"),
        build().header("authorization", "Bearer own"),
        build().header("cookie", "a=b"),
        build().header("host", "evil.example"),
        build().header("transfer-encoding", "chunked"),
        build().header("content-length", "5"),
        build().header("x-forwarded-host", "evil.example"),
    ] {
        let error = refused(&gateway, request.body(Bytes::new()).unwrap()).await;
        assert_eq!(error.kind(), SendErrorKind::Denied, "{error}");
    }
    let connect = http::Request::connect("evil.example:443")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        refused(&gateway, connect).await.kind(),
        SendErrorKind::Denied
    );
    assert_eq!(connections.load(Ordering::Relaxed), 0);
}

// ---------------------------------------------------------------- how much

#[tokio::test]
async fn a_response_that_is_too_large_ends_with_an_error_told_or_not() {
    let router = Router::new()
        .route("/told", on_get(|| async { "x".repeat(2000) }))
        .route("/head", on_get(|| async { "x".repeat(2000) }))
        .route(
            "/untold",
            on_get(|| async {
                Payload::from_stream(stream::iter(
                    (0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(100))),
                ))
            }),
        )
        .route(
            "/bomb",
            on_get(|| async {
                let mut zip =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                zip.write_all(&vec![0; 10_000_000]).unwrap();
                ([("content-encoding", "gzip")], zip.finish().unwrap())
            }),
        );
    let base = serve(router).await;
    let gateway = gateway(
        &[&base],
        limits(|limits| {
            limits.max_response_bytes = 1000;
            limits.max_in_flight = 1;
        }),
    );
    assert_eq!(
        refused(&gateway, get(&format!("{base}/told"))).await.kind(),
        SendErrorKind::BodyTooLarge
    );
    let head = http::Request::head(format!("{base}/head"))
        .body(Bytes::new())
        .unwrap();
    assert_eq!(read(gateway.send(head).await.unwrap()).await.unwrap(), "");
    for path in ["/untold", "/bomb"] {
        let error = read(gateway.send(get(&format!("{base}{path}"))).await.unwrap())
            .await
            .unwrap_err();
        assert!(
            matches!(error, BodyError::TooLarge { limit: 1000 }),
            "{path}: {error}"
        );
    }
    assert!(
        gateway.usage().bytes_received < 100_000,
        "a bomb isn't unpacked"
    );
}

#[tokio::test]
async fn all_responses_together_have_a_limit() {
    let base = serve(Router::new().route("/", on_get(|| async { "x".repeat(600) }))).await;
    let gateway = gateway(
        &[&base],
        limits(|limits| limits.max_total_response_bytes = 1000),
    );
    read(gateway.send(get(&base)).await.unwrap()).await.unwrap();
    let error = read(gateway.send(get(&base)).await.unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::LimitExceeded);
}

#[tokio::test]
async fn requests_have_a_limit_in_size_and_number() {
    let base = serve(Router::new().fallback(any(|| async {}))).await;
    let gateway = gateway(
        &[&base],
        limits(|limits| {
            limits.max_request_bytes = 3;
            limits.max_requests = 2;
        }),
    );
    let large = http::Request::post(&base)
        .body(Bytes::from_static(b"four"))
        .unwrap();
    assert_eq!(
        refused(&gateway, large).await.kind(),
        SendErrorKind::RequestTooLarge
    );
    gateway.send(get(&base)).await.unwrap();
    assert_eq!(
        refused(&gateway, get(&base)).await.kind(),
        SendErrorKind::LimitExceeded
    );
    assert_eq!(gateway.usage().requests, 1);
}

#[tokio::test]
async fn no_more_than_the_allowed_number_are_in_flight_until_their_bodies_are_read() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (inner, peak) = (Arc::clone(&now), Arc::clone(&most));
    let base = serve(Router::new().route(
        "/",
        on_get(move || async move {
            peak.fetch_max(inner.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
            inner.fetch_sub(1, Ordering::Relaxed);
            "ok"
        }),
    ))
    .await;
    let gateway = gateway(&[&base], limits(|limits| limits.max_in_flight = 4));
    join_all(
        (0..20).map(|_| async { read(gateway.send(get(&base)).await.unwrap()).await.unwrap() }),
    )
    .await;
    assert_eq!(
        (most.load(Ordering::Relaxed), gateway.usage().in_flight_peak),
        (4, 4)
    );
    let held: Vec<_> = join_all((0..4).map(|_| gateway.send(get(&base)))).await;
    let waiting = tokio::time::timeout(Duration::from_millis(100), gateway.send(get(&base))).await;
    assert!(waiting.is_err());
    drop(held);
    gateway.send(get(&base)).await.unwrap();
}

// ---------------------------------------------------------------- how long

#[tokio::test]
async fn answers_that_do_not_come_end_in_typed_errors() {
    let base = serve(Router::new().route("/", on_get(|| sleep(Duration::from_secs(60))))).await;
    let start = Instant::now();
    let error = refused(&gateway(&[&base], Limits::default()), get(&base)).await;
    assert_eq!(error.kind(), SendErrorKind::ResponseTimeout, "{error}");
    assert!(start.elapsed() < Duration::from_secs(3));

    let refusing = "http://127.0.0.1:9";
    let error = refused(&gateway(&[refusing], Limits::default()), get(refusing)).await;
    assert_eq!(error.kind(), SendErrorKind::ConnectionRefused, "{error}");

    let closing = serve_raw(b"", false).await;
    let error = refused(&gateway(&[&closing], Limits::default()), get(&closing)).await;
    assert_eq!(error.kind(), SendErrorKind::ConnectionTerminated, "{error}");

    let nonsense = serve_raw(b"SSH-2.0-OpenSSH\r\n\r\n", false).await;
    let error = refused(&gateway(&[&nonsense], Limits::default()), get(&nonsense)).await;
    assert_eq!(error.kind(), SendErrorKind::ConnectionTerminated, "{error}");

    let egress = Egress::with_lookup(options(&[]), names(&[])).unwrap();
    let wanted = connection(&[&format!("https://{HOST}")]);
    let unknown = egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap();
    let error = refused(&unknown, get(&format!("https://{HOST}/?secret=1"))).await;
    assert_eq!(error.kind(), SendErrorKind::DnsError, "{error}");
    assert!(!error.to_string().contains("secret=1"), "{error}");
    assert_eq!(unknown.usage().failed, 1);
}

#[tokio::test]
async fn a_body_that_pauses_or_breaks_off_ends_in_a_typed_error() {
    let pausing = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", true).await;
    let response = gateway(&[&pausing], Limits::default())
        .send(get(&pausing))
        .await
        .unwrap();
    assert!(matches!(
        read(response).await.unwrap_err(),
        BodyError::Idle { .. }
    ));
    let breaking = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", false).await;
    let response = gateway(&[&breaking], Limits::default())
        .send(get(&breaking))
        .await
        .unwrap();
    assert!(matches!(
        read(response).await.unwrap_err(),
        BodyError::Broken(_)
    ));
}

#[tokio::test]
async fn a_slow_body_that_keeps_coming_is_read_to_its_end() {
    let base = serve(Router::new().route(
        "/",
        on_get(|| async {
            Payload::from_stream(stream::iter(0..5).then(|_| async {
                sleep(Duration::from_millis(200)).await;
                Ok::<_, std::io::Error>("x")
            }))
        }),
    ))
    .await;
    let response = gateway(&[&base], Limits::default())
        .send(get(&base))
        .await
        .unwrap();
    assert_eq!(read(response).await.unwrap(), "xxxxx");
}

// ---------------------------------------------------------------- TLS and connections

#[tokio::test]
async fn a_private_authority_is_trusted_where_its_file_is_given_and_http_2_is_spoken() {
    let router = Router::new().route(
        "/",
        on_get(|version: Version| async move { format!("{version:?}") }),
    );
    let (base, file, _folder) = serve_tls(router, HOST).await;
    let with = |files: Vec<std::path::PathBuf>| {
        let options = NetworkOptions {
            ca_files: files,
            ..options(&[&base])
        };
        let egress = Egress::with_lookup(options, names(&[(HOST, "127.0.0.1")])).unwrap();
        egress
            .gateway(connection(&[&base]), &[], Secrets::new(), Limits::default())
            .unwrap()
    };
    let error = refused(&with(Vec::new()), get(&base)).await;
    assert_eq!(error.kind(), SendErrorKind::TlsError, "{error}");
    let response = with(vec![file]).send(get(&base)).await.unwrap();
    assert_eq!(read(response).await.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (base, file, _folder) = serve_tls(Router::new(), "other.contoso.example").await;
    let base = base.replace("other.", "directory.");
    let options = NetworkOptions {
        ca_files: vec![file],
        ..options(&[&base])
    };
    let egress = Egress::with_lookup(options, names(&[(HOST, "127.0.0.1")])).unwrap();
    let gateway = egress
        .gateway(connection(&[&base]), &[], Secrets::new(), Limits::default())
        .unwrap();
    let error = refused(&gateway, get(&base)).await;
    assert_eq!(error.kind(), SendErrorKind::TlsError, "{error}");
}

#[tokio::test]
async fn connections_are_kept_and_replaced_after_a_503() {
    let router = Router::new().route("/", on_get(|| async { "ok" })).route(
        "/busy",
        on_get(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0.1")]) }),
    );
    let (base, connections) = serve_counted(router).await;
    let gateway = gateway(&[&base], Limits::default());
    for _ in 0..5 {
        read(gateway.send(get(&base)).await.unwrap()).await.unwrap();
    }
    read(gateway.send(get(&format!("{base}/busy"))).await.unwrap())
        .await
        .unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let start = Instant::now();
    read(gateway.send(get(&base)).await.unwrap()).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    assert!(start.elapsed() >= Duration::from_millis(90));
    let usage = gateway.usage();
    assert_eq!((usage.failed, usage.throttled), (1, 0));
    assert!(
        (0.09..0.5).contains(&usage.seconds_waited),
        "{}",
        usage.seconds_waited
    );
}

// ---------------------------------------------------------------- how fast

#[tokio::test]
async fn a_429_closes_the_origin_and_a_long_one_is_answered_by_the_host() {
    let router = Router::new()
        .route("/", on_get(|| async { "ok" }))
        .route(
            "/short",
            on_get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0.3")]) }),
        )
        .route(
            "/long",
            on_get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "90")]) }),
        );
    let base = serve(router).await;
    let gateway = gateway(&[&base], Limits::default());
    assert_eq!(
        gateway
            .send(get(&format!("{base}/short")))
            .await
            .unwrap()
            .status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let start = Instant::now();
    let watch = async {
        sleep(Duration::from_millis(50)).await;
        assert_eq!(gateway.throttle_state().unwrap().reason, WaitReason::Closed);
    };
    let (response, ()) = tokio::join!(gateway.send(get(&base)), watch);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(290));
    assert_eq!(gateway.throttle_state(), None);

    let response = gateway.send(get(&format!("{base}/long"))).await.unwrap();
    assert!(!response.headers().contains_key("x-connector-paced"));
    let response = gateway.send(get(&base)).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["x-connector-paced"], "1");
    assert_eq!(response.headers()["retry-after"], "90");
    assert_eq!(read(response).await.unwrap(), "");
    let usage = gateway.usage();
    assert_eq!((usage.requests, usage.throttled, usage.paced), (3, 2, 1));
}

#[tokio::test]
async fn the_quota_counts_what_the_cost_header_and_settlements_say() {
    let router = Router::new()
        .route("/", on_get(|| async { [("x-units", "3")] }))
        .route("/batch", post(|| async {}));
    let base = serve(router).await;
    let mut wanted = connection(&[&base]);
    wanted.quota = Some(Quota {
        units: 10,
        window_ms: 400,
        cost_header: Some("X-Units".to_owned()),
    });
    let egress = Egress::new(options(&[&base])).unwrap();
    let gateway = egress
        .gateway(wanted, &[], Secrets::new(), Limits::default())
        .unwrap();
    let start = Instant::now();
    let batch = http::Request::post(format!("{base}/batch")).header("x-connector-cost", "9");
    gateway
        .send(batch.body(Bytes::new()).unwrap())
        .await
        .unwrap();
    gateway.settle(9, 4);
    assert_eq!(gateway.usage().resource_units, 4);
    for _ in 0..2 {
        gateway.send(get(&base)).await.unwrap();
    }
    assert_eq!(gateway.usage().resource_units, 10);
    assert!(start.elapsed() < Duration::from_millis(300));
    gateway.send(get(&base)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(400));
    gateway.settle(7, 9);
    assert_eq!(gateway.usage().resource_units, 15);
}

#[test]
fn a_quota_that_cannot_be_kept_is_an_error() {
    let egress = Egress::new(options(&[])).unwrap();
    for (units, window_ms, header) in [
        (0, 1, None),
        (1, 0, None),
        (1, 1, Some("not a header".to_owned())),
    ] {
        let mut wanted = connection(&[]);
        wanted.quota = Some(Quota {
            units,
            window_ms,
            cost_header: header,
        });
        let opened = egress.gateway(wanted, &[], Secrets::new(), Limits::default());
        assert!(matches!(opened, Err(EgressError::Quota(_))));
    }
}

// ---------------------------------------------------------------- as whom

/// Echoes the `Authorization` header in headers and body, in small pieces.
fn echo() -> Router {
    Router::new().fallback(any(|headers: Headers| async move {
        let value = headers
            .get("authorization")
            .cloned()
            .unwrap_or_else(|| "none".parse().unwrap());
        let text = format!("you sent {:?}", value.to_str().unwrap());
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(7)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        (
            [("x-echo", value)],
            Payload::from_stream(stream::iter(pieces)),
        )
    }))
}

#[tokio::test]
async fn an_echoed_token_never_reaches_the_guest() {
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJBIl19.c2lnbmF0dXJl";
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN });
    let base = serve(echo().route("/token", post(|| async { Json(answer) }))).await;
    let mut wanted = connection(&[&base]);
    wanted.authentication = client_credentials(&format!("{base}/token"), &[&base]);
    let egress = Egress::new(options(&[&base])).unwrap();
    let gateway = egress
        .gateway(wanted, &[], secrets(), Limits::default())
        .unwrap();
    let response = gateway.send(get(&base)).await.unwrap();
    assert_eq!(response.headers()["x-echo"], "[redacted]");
    assert_eq!(
        read(response).await.unwrap(),
        format!("you sent \"Bearer {}\"", "*".repeat(TOKEN.len()))
    );
    let debug = format!("{gateway:?} {egress:?}");
    assert!(!debug.contains(TOKEN) && !debug.contains(SECRET), "{debug}");
}

#[tokio::test]
async fn a_bearer_secret_is_sent_and_scrubbed() {
    let seen = Seen::default();
    let lines = seen.clone();
    let router = echo().route(
        "/seen",
        on_get(move |headers: Headers| async move {
            lines.push(headers["authorization"].to_str().unwrap());
        }),
    );
    let base = serve(router).await;
    let mut wanted = connection(&[&base]);
    wanted.authentication = Authentication::Bearer {
        setting: "token".to_owned(),
    };
    let egress = Egress::new(options(&[&base])).unwrap();
    let secrets = Secrets::from([("token".to_owned(), SecretString::from(SECRET))]);
    let gateway = egress
        .gateway(wanted, &[], secrets, Limits::default())
        .unwrap();
    gateway.send(get(&format!("{base}/seen"))).await.unwrap();
    assert_eq!(seen.lines(), [format!("Bearer {SECRET}")]);
    assert!(
        !read(gateway.send(get(&base)).await.unwrap())
            .await
            .unwrap()
            .contains("hunter2")
    );
    assert_eq!(gateway.renew().await.unwrap_err().error, "denied");
}

#[tokio::test]
async fn the_token_goes_to_its_audience_alone() {
    let answer =
        json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": "opaque-token-1" });
    let (first, second) = (
        serve(echo().route("/token", post(|| async { Json(answer) }))).await,
        serve(echo()).await,
    );
    let mut wanted = connection(&[&first, &second]);
    wanted.authentication = client_credentials(
        &format!("{first}/token"),
        &[&format!("{first}/v1"), "https://elsewhere.contoso.example"],
    );
    let egress = Egress::new(options(&[&first, &second])).unwrap();
    let gateway = egress
        .gateway(wanted, &[], secrets(), Limits::default())
        .unwrap();
    let response = gateway.send(get(&second)).await.unwrap();
    assert_eq!(response.headers()["x-echo"], "none");
    assert_eq!(gateway.usage().token_requests, 0);
    assert_eq!(
        gateway.send(get(&first)).await.unwrap().headers()["x-echo"],
        "[redacted]"
    );
}

#[test]
fn missing_secrets_and_proofs_of_other_kinds_are_told() {
    let egress = Egress::new(options(&["http://127.0.0.1:9"])).unwrap();
    let open = |proof: Proof, secrets: Secrets| {
        let mut wanted = connection(&["http://127.0.0.1:9"]);
        wanted.authentication = client_credentials("http://127.0.0.1:9/token", &[]);
        if let Authentication::ClientCredentials(credentials) = &mut wanted.authentication {
            credentials.proof = proof;
        }
        egress
            .gateway(wanted, &[], secrets, Limits::default())
            .unwrap_err()
            .to_string()
    };
    let key = || "clientSecret".to_owned();
    assert_eq!(
        open(Proof::ClientSecret(key()), Secrets::new()),
        "the secret setting `clientSecret` has no value"
    );
    assert!(open(Proof::Certificate(key()), secrets()).contains("certificate"));
    assert!(open(Proof::FederatedToken(key()), secrets()).contains("federated"));
    let mut wanted = connection(&["http://127.0.0.1:9"]);
    wanted.authentication = Authentication::Bearer { setting: key() };
    let broken = Secrets::from([(key(), SecretString::from("hunter2\nhunter2"))]);
    let message = egress
        .gateway(wanted, &[], broken, Limits::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("line break") && !message.contains("hunter2"),
        "{message}"
    );
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_refused() {
    let base = serve(Router::new().route(
        "/",
        on_get(|| async { ([("content-encoding", "br")], "x").into_response() }),
    ))
    .await;
    let error = refused(&gateway(&[&base], Limits::default()), get(&base)).await;
    assert!(error.to_string().contains("content encoding"), "{error}");
}

#[test]
fn everything_may_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Gateway>();
    shared::<Egress>();
    let gateway = gateway(&["http://127.0.0.1:9"], Limits::default());
    movable(&gateway.send(get("http://127.0.0.1:9/")));
    movable(&gateway.renew());
    movable(&Body::empty());
}
