use super::*;

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

#[test]
fn spellings_of_one_origin_are_equal() {
    for text in [
        "https://directory.contoso.example",
        "HTTPS://Directory.CONTOSO.example:443/",
        "https://directory.contoso.example./",
        "https://directory.contoso\u{3002}example",
    ] {
        assert_eq!(
            origin(text).to_string(),
            "https://directory.contoso.example",
            "{text}"
        );
    }
    assert_eq!(
        origin("https://bücher.example"),
        origin("https://xn--bcher-kva.example")
    );
    for text in [
        "http://2130706433:9000",
        "http://0x7f.1:9000",
        "http://0177.0.0.1:9000",
        "http://127.1:9000",
    ] {
        assert_eq!(origin(text).to_string(), "http://127.0.0.1:9000", "{text}");
    }
    assert_eq!(
        origin("http://[0:0:0:0:0:0:0:1]:80").to_string(),
        "http://[::1]"
    );
}

#[test]
fn what_is_no_origin_is_refused_with_a_reason() {
    for (text, reason) in [
        ("directory.contoso.example", "can't be read as a URL"),
        ("ftp://contoso.example", "neither https nor http"),
        (
            "https://contoso.example/v1",
            "more than scheme, host and port",
        ),
        (
            "https://contoso.example?x",
            "more than scheme, host and port",
        ),
        ("https://", "can't be read as a URL"),
        ("*", "can't be read as a URL"),
    ] {
        let message = text.parse::<Origin>().unwrap_err().to_string();
        assert!(message.contains(reason), "{text}: {message}");
    }
    let message = "https://user:hunter22@contoso.example"
        .parse::<Origin>()
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("user name or password") && !message.contains("hunter22"),
        "{message}"
    );
}

#[test]
fn only_declared_https_hosts_and_granted_origins_are_allowed() {
    let policy = Policy::new(
        &[origin("http://127.0.0.1:9000")],
        &["Directory.Contoso.Example.".to_owned()],
    )
    .unwrap();
    let judge = |text| policy.judge(&origin(text));
    assert_eq!(
        judge("https://directory.contoso.example").unwrap(),
        Reach::Public
    );
    assert_eq!(judge("http://127.0.0.1:9000").unwrap(), Reach::Granted);
    for (text, reason) in [
        ("http://directory.contoso.example", "isn't https"),
        ("https://directory.contoso.example:8443", "port isn't 443"),
        ("https://evil.directory.contoso.example", "doesn't declare"),
        ("https://contoso.example", "doesn't declare"),
        ("https://203.0.113.9", "address instead of a host"),
        ("https://1.1.1.1", "address instead of a host"),
        ("https://[::ffff:127.0.0.1]", "address instead of a host"),
        ("http://127.0.0.1:9001", "isn't https"),
        ("https://127.0.0.1:9000", "address instead of a host"),
    ] {
        let message = judge(text).unwrap_err().to_string();
        assert!(message.contains(reason), "{text}: {message}");
        assert!(
            message.contains(&format!("--allow-origin {}", origin(text))),
            "{text}: {message}"
        );
    }
}

#[test]
fn a_declared_pattern_or_address_is_an_error() {
    for host in [
        "*.contoso.example",
        "127.0.0.1",
        "contoso.example:443",
        "https://contoso.example",
        "",
    ] {
        assert!(
            matches!(
                Policy::new(&[], &[host.to_owned()]),
                Err(EgressError::Declaration { .. })
            ),
            "{host}"
        );
    }
}

#[test]
fn addresses_inside_a_house_are_not_public() {
    for text in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn addresses_of_the_internet_are_public() {
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "20.190.128.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2603:1030::1",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
}
