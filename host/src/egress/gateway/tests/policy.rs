//! Where requests go, and what stands in their heads.

use super::*;

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
    let local = serve(Router::new().route("/", on_get(|| async { "ok" }))).await;
    let base = local.replace("127.0.0.1", HOST);
    let secure = format!("https://{HOST}");
    let egress = Egress::with_lookup(options(&[&base]), names(&[(HOST, "127.0.0.1")])).unwrap();
    let wanted = connection(&[&base, &secure]);
    let gateway = egress
        .gateway(
            wanted,
            &[HOST.to_owned()],
            Secrets::new(),
            Limits::default(),
        )
        .unwrap();
    assert_eq!(
        read(gateway.send(get(&base)).await.unwrap()).await.unwrap(),
        "ok"
    );
    assert_eq!(
        refused(&gateway, get(&secure)).await.kind(),
        SendErrorKind::Denied
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
    gateway
        .send(
            http::Request::post(format!("{base}/empty"))
                .body(Bytes::new())
                .unwrap(),
        )
        .await
        .unwrap();
    assert!(
        seen.lines()
            .iter()
            .any(|line| line.contains("/empty") && line.contains("content-length: \"0\""))
    );
    let usage = gateway.usage();
    assert_eq!(usage.requests_by_route.get("POST /v1/groups"), Some(&1));
    assert_eq!(
        (usage.bytes_sent, usage.bytes_received, usage.resource_units),
        (4, 4, 6)
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
