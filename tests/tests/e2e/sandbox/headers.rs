//! Crimes in the head of a request.

use serde_json::json;

use super::Den;

/// What became of requests with one header each.
async fn with_header(den: &Den, name: &str, value: &str) -> String {
    let authority = format!("127.0.0.1:{}", den.server.port());
    let attempt = json!({ "authority": authority, "path": "/head", "headers": [[name, value]] });
    let mut seen = den
        .checks(
            "head",
            json!({ "crime": "attempts", "attempts": [attempt] }),
        )
        .await;
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_and_connection_are_the_host_s() {
    let den = Den::new().await;
    let forbidden = "header: HeaderError::Forbidden";
    let denied = "no response: HttpRequestDenied";
    for (name, expected) in [
        ("Authorization", forbidden),
        ("authorization", forbidden),
        ("Proxy-Authorization", forbidden),
        ("Cookie", forbidden),
        ("Host", forbidden),
        ("Connection", forbidden),
        ("Keep-Alive", forbidden),
        ("Transfer-Encoding", forbidden),
        ("Upgrade", forbidden),
        ("HTTP2-Settings", forbidden),
        ("Proxy-Connection", forbidden),
        ("Proxy-Authenticate", forbidden),
        ("TE", denied),
        ("Trailer", denied),
        ("Expect", denied),
        ("Forwarded", denied),
        ("Via", denied),
        ("X-Forwarded-For", denied),
        ("X-Forwarded-Host", denied),
        ("X-Real-IP", denied),
        ("Range", denied),
        ("If-Range", denied),
        ("X-Connector-Cost", denied),
    ] {
        assert_eq!(with_header(&den, name, "evil").await, expected, "{name}");
    }
    assert_eq!(den.server.count("/head"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_one_header() {
    let den = Den::new().await;
    let syntax = "header: HeaderError::InvalidSyntax";
    for (name, value) in [
        ("x-evil", "a\r\nauthorization: Bearer evil"),
        ("x-evil", "a\nhost: evil.example"),
        ("x-evil", "a\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        ("x-evil", "a\0"),
        ("x-evil\r\nhost", "evil.example"),
        ("host ", "evil.example"),
        ("host:", "evil.example"),
        ("", "evil"),
    ] {
        assert_eq!(
            with_header(&den, name, value).await,
            syntax,
            "{name:?} {value:?}"
        );
    }
    assert_eq!(den.server.count("/head"), 0);
    assert_eq!(den.server.count("/smuggled"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_length_of_a_body_is_told_as_it_is() {
    let den = Den::new().await;
    let authority = format!("127.0.0.1:{}", den.server.port());
    let attempt = |length: &str, body: Option<usize>| {
        json!({
            "method": "POST", "authority": authority, "path": "/length", "body": body,
            "headers": [["content-length", length]],
        })
    };
    let seen = den
        .checks(
            "length",
            json!({ "crime": "attempts", "attempts": [
                attempt("10", Some(10)),
                attempt("1", Some(10)),
                attempt("100", Some(10)),
                attempt("5", None),
            ] }),
        )
        .await;
    assert_eq!(seen[0], "status 200 x-path /length");
    for (seen, why) in seen[1..]
        .iter()
        .zip(["too short", "too long", "without a body"])
    {
        assert!(!seen.starts_with("status"), "{why}: {seen}");
    }
    assert_eq!(den.server.count("/length"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_open_tunnels_or_echo_are_refused() {
    let den = Den::new().await;
    let authority = format!("127.0.0.1:{}", den.server.port());
    for (method, expected) in [
        ("CONNECT", "no response: HttpRequestDenied"),
        ("TRACE", "no response: HttpRequestDenied"),
        ("PROPFIND", "no response: HttpRequestDenied"),
        ("get", "no response: HttpRequestDenied"),
        ("GET / HTTP/1.1\r\nx", "method refused"),
        ("", "method refused"),
    ] {
        let attempt = json!({ "method": method, "authority": authority, "path": "/method" });
        let seen = den
            .checks(
                "method",
                json!({ "crime": "attempts", "attempts": [attempt] }),
            )
            .await;
        assert_eq!(seen, [expected], "{method:?}");
    }
    assert_eq!(den.server.count("/method"), 0);
}
