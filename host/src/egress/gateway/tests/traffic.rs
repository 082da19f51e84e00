//! TLS, connections, pacing.

use super::*;

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
        on_get(|| async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0.5")]) }),
    );
    let (base, connections) = serve_counted(router).await;
    let gateway = gateway(&[&base], Limits::default());
    for _ in 0..5 {
        read(gateway.send(get(&base)).await.unwrap()).await.unwrap();
    }
    let start = Instant::now();
    read(gateway.send(get(&format!("{base}/busy"))).await.unwrap())
        .await
        .unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    read(gateway.send(get(&base)).await.unwrap()).await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    assert!(start.elapsed() >= Duration::from_millis(500));
    let usage = gateway.usage();
    assert_eq!((usage.failed, usage.throttled), (1, 0));
    assert!(usage.seconds_waited > 0.0);
}

#[tokio::test]
async fn a_429_closes_the_origin_and_a_long_one_is_answered_by_the_host() {
    let router = Router::new()
        .route("/", on_get(|| async { "ok" }))
        .route(
            "/short",
            on_get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1.5")]) }),
        )
        .route(
            "/long",
            on_get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "90")]) }),
        );
    let base = serve(router).await;
    let gateway = gateway(&[&base], Limits::default());
    let start = Instant::now();
    assert_eq!(
        gateway
            .send(get(&format!("{base}/short")))
            .await
            .unwrap()
            .status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let watch = async {
        sleep(Duration::from_millis(50)).await;
        assert_eq!(gateway.throttle_state().unwrap().reason, WaitReason::Closed);
    };
    let (response, ()) = tokio::join!(gateway.send(get(&base)), watch);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(1500));
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
        window_ms: 2000,
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
    gateway.send(get(&base)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(2000));
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
