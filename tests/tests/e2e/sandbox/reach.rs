//! Crimes of reach: everything that isn't the connection's origin, however it is spelt.

use connector_host::contract::FaultKind;
use connector_host::directory::RunState;
use serde_json::{Value, json};

use super::server::Server;
use super::{Den, kind_and_code};

const DENIED: &str = "no response: HttpRequestDenied";

/// What became of attempts, each at a scheme and an authority.
async fn tried(den: &Den, attempts: &[(&str, &str)]) -> Vec<String> {
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|(scheme, authority)| json!({ "scheme": scheme, "authority": authority }))
        .collect();
    den.checks(
        "reach",
        json!({ "crime": "attempts", "attempts": attempts }),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_another_place_is_let_through() {
    let den = Den::new().await;
    // Something that the machine could reach, and nobody granted.
    let inner = Server::start().await;
    let (own, port) = (den.server.port(), inner.port());
    let at = |host: &str| format!("{host}:{port}");
    let authorities = [
        at("127.0.0.1"),
        at("localhost"),
        at("LOCALHOST"),
        at("localhost."),
        at("127.1"),
        at("2130706433"),
        at("0x7f000001"),
        at("0x7f.0.0.1"),
        at("0177.0.0.1"),
        at("017700000001"),
        at("127.0.0.1."),
        at("[::1]"),
        at("[::ffff:127.0.0.1]"),
        at("[::ffff:7f00:1]"),
        at("[64:ff9b::7f00:1]"),
        at("0.0.0.0"),
        at("0"),
        at("[::]"),
        "169.254.169.254".into(),
        "2852039166".into(),
        "0xa9fea9fe".into(),
        "[fd00:ec2::254]".into(),
        "[::ffff:169.254.169.254]".into(),
        "10.0.0.1".into(),
        "172.16.0.1".into(),
        "192.168.0.1".into(),
        "100.64.0.1".into(),
        "[fe80::1]".into(),
        "metadata.google.internal".into(),
        "evil.example".into(),
        format!("127.0.0.1:{own}.evil.example").replace(&format!(":{own}"), ""),
        "127.0.0.1".into(),
        "127.0.0.1:22".into(),
    ];
    for scheme in ["http", "https"] {
        let attempts: Vec<(&str, &str)> =
            authorities.iter().map(|a| (scheme, a.as_str())).collect();
        let seen = tried(&den, &attempts).await;
        assert_eq!(seen.len(), attempts.len());
        for (seen, (_, authority)) in seen.iter().zip(&attempts) {
            assert_eq!(seen, DENIED, "{scheme}://{authority}");
        }
    }
    // The own host with TLS is another origin.
    let own = format!("127.0.0.1:{own}");
    assert_eq!(tried(&den, &[("https", &own)]).await, [DENIED]);
    assert_eq!(inner.seen(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_the_own_origin_are_that_origin() {
    let den = Den::new().await;
    let port = den.server.port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"] {
        let authority = format!("{host}:{port}");
        let seen = tried(&den, &[("http", &authority)]).await;
        assert_eq!(seen, ["status 200 x-path /"], "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_authority_is_refused_before_it_is_a_request() {
    let den = Den::new().await;
    let inner = Server::start().await;
    let own = format!("127.0.0.1:{}", den.server.port());
    let theirs = format!("127.0.0.1:{}", inner.port());
    let refused = "authority refused";
    for (authority, expected) in [
        (format!("{own}@{theirs}"), DENIED),
        (format!("user@{own}"), DENIED),
        (format!("user:password@{own}"), DENIED),
        (format!("{theirs}#@{own}"), refused),
        (format!("{theirs}/@{own}"), refused),
        (format!("{theirs}?@{own}"), refused),
        (format!("{theirs}\\@{own}"), refused),
        (format!("{own} {theirs}"), refused),
        (format!("{own}\r\nhost: {theirs}"), refused),
        (format!("{own}\0"), refused),
        (format!("{own}:80"), refused),
        ("127.0.0.1:99999".into(), DENIED),
        ("[::1".into(), refused),
    ] {
        let seen = tried(&den, &[("http", &authority)]).await;
        assert_eq!(seen, [expected], "{authority}");
    }
    assert_eq!(inner.seen(), [""; 0]);
    assert_eq!(den.server.count("GET / "), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_two_schemes() {
    let den = Den::new().await;
    let own = format!("127.0.0.1:{}", den.server.port());
    for scheme in ["ftp", "file", "ws", "unix", "gopher"] {
        let seen = tried(&den, &[(scheme, &own)]).await;
        assert_eq!(seen, ["not taken: HttpProtocolError"], "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_leads_nowhere_but_to_the_own_origin() {
    let den = Den::new().await;
    let inner = Server::start().await;
    let own = format!("127.0.0.1:{}", den.server.port());
    let theirs = inner.origin();
    for (path, expected) in [
        (format!("//{}/", theirs.trim_start_matches("http://")), None),
        ("/a/../../../b".into(), Some("status 200 x-path /b")),
        ("/%2e%2e/b".into(), Some("status 200 x-path /b")),
        (
            "/\\evil.example/".into(),
            Some("status 200 x-path //evil.example/"),
        ),
        (format!("{theirs}/"), Some("path refused")),
        ("/a\r\nx: y".into(), Some("path refused")),
        ("/a b".into(), Some("path refused")),
        ("a@evil.example/".into(), Some("path refused")),
        (":1@evil.example/".into(), Some("path refused")),
    ] {
        let attempt = json!({ "authority": own, "path": path });
        let seen = den
            .checks(
                "path",
                json!({ "crime": "attempts", "attempts": [attempt] }),
            )
            .await;
        match expected {
            Some(expected) => assert_eq!(seen, [expected], "{path}"),
            None => assert_eq!(seen, [format!("status 200 x-path {path}")]),
        }
    }
    assert_eq!(inner.seen(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let den = Den::new().await;
    let inner = Server::start().await;
    let own = format!("127.0.0.1:{}", den.server.port());
    for target in [
        inner.url("/"),
        "http://169.254.169.254/".into(),
        "/elsewhere".into(),
    ] {
        let attempt = json!({ "authority": own, "path": format!("/redirect?to={target}") });
        let seen = den
            .checks(
                "redirect",
                json!({ "crime": "attempts", "attempts": [attempt] }),
            )
            .await;
        assert_eq!(seen, [format!("status 302 location {target}")]);
    }
    assert_eq!(inner.seen(), [""; 0]);
    assert_eq!(den.server.count("GET /elsewhere"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_name_that_leads_into_the_house_is_not_dialled() {
    let den = Den::new().await;
    let order = json!({
        "baseUrl": "https://localhost", "when": "check", "crime": "attempts",
        "attempts": [
            { "scheme": "https", "authority": "localhost" },
            { "scheme": "https", "authority": "LocalHost.:443" },
        ],
    });
    assert_eq!(den.checks("inside", order).await, [DENIED, DENIED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_what_nobody_granted_is_refused_by_its_reason() {
    let den = Den::new().await;
    let inner = Server::start().await;
    let port = inner.port();
    let address = "it names an address instead of a host";
    for (base, reason) in [
        (format!("http://127.0.0.1:{port}"), "it isn't https"),
        ("http://localhost".into(), "it isn't https"),
        ("https://169.254.169.254".into(), address),
        ("https://2852039166".into(), address),
        ("https://0xa9.0xfe.0xa9.0xfe".into(), address),
        ("https://[::1]".into(), address),
        ("https://[::ffff:10.0.0.1]".into(), address),
        ("https://localhost:8443".into(), "its port isn't 443"),
        (
            "https://evil.example".into(),
            "the plugin doesn't declare its host",
        ),
        (
            "https://directory.contoso.example.evil.example".into(),
            "the plugin doesn't declare its host",
        ),
        (
            "ftp://localhost".into(),
            "its scheme is neither https nor http",
        ),
        (
            "https://a:b@localhost".into(),
            "it carries a user name or password",
        ),
        ("localhost".into(), "it can't be read as a URL"),
        ("https://".into(), "it can't be read as a URL"),
        (
            "https://x\n\u{1b}[2J y/".into(),
            "it can't be read as a URL",
        ),
    ] {
        let report = den.crime("origin", json!({ "baseUrl": base })).await;
        let fault = report.fault.unwrap();
        assert_eq!(
            kind_and_code(&fault),
            (FaultKind::Configuration, "egress.denied"),
            "{base}"
        );
        assert!(fault.message.contains(reason), "{base}: {}", fault.message);
        assert!(!fault.message.contains(char::is_control), "{base}");
        assert_eq!(report.state, RunState::Failed);
        den.assert_nothing_of("origin").await;
    }
    assert_eq!(inner.seen(), [""; 0]);
}
