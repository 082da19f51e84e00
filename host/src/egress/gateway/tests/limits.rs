//! How much, and how long.

use super::*;

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

#[tokio::test]
async fn answers_that_do_not_come_end_in_typed_errors() {
    let base = serve(Router::new().route("/", on_get(|| sleep(Duration::from_secs(60))))).await;
    let start = Instant::now();
    let error = refused(&hasty(&base), get(&base)).await;
    assert_eq!(error.kind(), SendErrorKind::ResponseTimeout, "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));

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
    let response = hasty(&pausing).send(get(&pausing)).await.unwrap();
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
async fn a_slow_body_or_a_slow_reader_is_no_pause() {
    let pieces = || async {
        Payload::from_stream(stream::iter(0..4).then(|_| async {
            sleep(Duration::from_millis(150)).await;
            Ok::<_, std::io::Error>("x")
        }))
    };
    let router = Router::new()
        .route("/", on_get(pieces))
        .route("/quick", on_get(|| async { "quick" }));
    let base = serve(router).await;
    let gateway = hasty(&base);
    assert_eq!(
        read(gateway.send(get(&base)).await.unwrap()).await.unwrap(),
        "xxxx"
    );
    let response = gateway.send(get(&format!("{base}/quick"))).await.unwrap();
    sleep(Duration::from_millis(600)).await;
    assert_eq!(read(response).await.unwrap(), "quick");
}
