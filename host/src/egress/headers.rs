//! What may stand in the head of a request and of a response.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT_ENCODING, CONTENT_LENGTH, DATE, HOST, RETRY_AFTER},
};
use jiff::Timestamp;
use url::Url;

use super::{allow::Origin, error::SendError, scrub::Patterns};

/// Request header by which a guest tells what a request will cost, in units of the quota.
pub(super) const COST: &str = "x-connector-cost";
/// Response header of answers that the host gives itself.
pub(super) const PACED: &str = "x-connector-paced";
const OWN_PREFIX: &str = "x-connector-";

/// Credentials, which are the host's to add.
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie"];
/// About the connection, which is the host's.
const CONNECTION: &[&str] = &[
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// About where a request came from.
const PROVENANCE: &[&str] = &[
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];
/// A part of an answer could hold a part of an echoed secret, which scrubbing can't recognise.
const PARTIAL: &[&str] = &["range", "if-range"];
/// Taken out of responses: about the connection, or of no use without cookies.
const RESPONSE: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const LONGEST_PAUSE: f64 = 24.0 * 3600.0;

/// Refuses methods that don't ask a resource for something.
pub(super) fn method(method: &Method) -> Result<(), SendError> {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => Ok(()),
        _ => {
            let shown: String = method.as_str().chars().take(20).collect();
            Err(SendError::denied(format!(
                "requests with the method {shown} are not allowed"
            )))
        }
    }
}

/// Checks a guest's headers, and leaves those that are sent as they are. Gives the cost that the
/// guest expects.
pub(super) fn request(
    headers: HeaderMap,
    origin: &Origin,
    body_length: usize,
) -> Result<(HeaderMap, Option<u32>), SendError> {
    let mut kept = headers;
    for (names, why) in [
        (CREDENTIALS, "the host adds credentials by itself"),
        (CONNECTION, "connections are the host's"),
        (PROVENANCE, "it tells where a request comes from"),
        (PARTIAL, "answers are read whole"),
    ] {
        if let Some(name) = names.iter().find(|name| kept.contains_key(**name)) {
            return Err(SendError::denied(format!(
                "the request header `{name}` is not allowed: {why}"
            )));
        }
    }
    for value in kept.get_all(HOST) {
        let scheme = if origin.is_https() { "https" } else { "http" };
        let named = value
            .to_str()
            .ok()
            .and_then(|host| Origin::of_text(&format!("{scheme}://{host}")).ok());
        if named.as_ref() != Some(origin) {
            return Err(SendError::denied(format!(
                "the request header `host` names another host than {origin}"
            )));
        }
    }
    for value in kept.get_all(CONTENT_LENGTH) {
        if value.to_str().ok().and_then(|text| text.parse().ok()) != Some(body_length) {
            return Err(SendError::denied(
                "the request header `content-length` isn't the length of the body",
            ));
        }
    }
    let cost = match kept.get(COST) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    SendError::denied(format!(
                        "the request header `{COST}` isn't a whole number below 2^32"
                    ))
                })?,
        ),
    };
    // The client writes the first two itself, and asks for the one encoding that it can undo.
    for name in [HOST, CONTENT_LENGTH, ACCEPT_ENCODING] {
        kept.remove(name);
    }
    remove_own(&mut kept);
    Ok((kept, cost))
}

/// Checks where a request goes.
pub(super) fn target(uri: &http::Uri) -> Result<(Origin, Url), SendError> {
    let mut url = Url::parse(&uri.to_string()).map_err(|_| {
        SendError::denied("the request's target isn't an absolute http or https URL")
    })?;
    let origin = Origin::of(&url).map_err(|error| SendError::denied(error.to_string()))?;
    // Without a final dot, so that certificate, `Host` header and pool see one name.
    if url.host_str().is_some_and(|host| host.ends_with('.')) {
        url.set_host(Some(&origin.host()))
            .map_err(|_| SendError::denied("the request's host can't be read"))?;
    }
    url.set_fragment(None);
    Ok((origin, url))
}

/// Leaves of a response's headers what a guest may see.
pub(super) fn response(headers: &mut HeaderMap, patterns: &Patterns) {
    for name in RESPONSE {
        headers.remove(*name);
    }
    remove_own(headers);
    for value in headers.values_mut() {
        if patterns.occur_in(value.as_bytes()) {
            *value = HeaderValue::from_static("[redacted]");
        }
    }
}

fn remove_own(headers: &mut HeaderMap) {
    let own: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(OWN_PREFIX))
        .cloned()
        .collect();
    for name in own {
        headers.remove(name);
    }
}

/// What a response says it did cost, in whole units.
pub(super) fn cost(headers: &HeaderMap, name: Option<&HeaderName>) -> Option<u32> {
    let text = headers.get(name?)?.to_str().ok()?.trim();
    let units: f64 = text.parse().ok()?;
    (0.0..=1e9).contains(&units).then(|| units.ceil() as u32)
}

/// `Retry-After` as a pause: seconds, also fractional ones, or a date. The date is by the sender's clock, which
/// its `Date` tells; `now` is by ours.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = |text: &str| {
                jiff::fmt::rfc2822::DateTimeParser::new()
                    .parse_timestamp(text)
                    .ok()
            };
            let sent = headers
                .get(DATE)
                .and_then(|value| date(value.to_str().ok()?.trim()));
            date(text)?
                .duration_since(sent.unwrap_or(now))
                .as_secs_f64()
        }
    };
    if seconds.is_nan() {
        return None;
    }
    Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_PAUSE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        "https://directory.contoso.example".parse().unwrap()
    }

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn refusal(list: &[(&'static str, &'static str)]) -> String {
        request(headers(list), &origin(), 3)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn credentials_of_the_guest_are_refused_not_dropped() {
        for name in ["authorization", "proxy-authorization", "cookie"] {
            assert!(refusal(&[(name, "x")]).contains(&format!("`{name}` is not allowed")));
        }
    }

    #[test]
    fn headers_about_the_connection_the_provenance_and_ranges_are_refused() {
        for name in CONNECTION.iter().chain(PROVENANCE).chain(PARTIAL) {
            assert!(
                refusal(&[(name, "x")]).contains(&format!("`{name}` is not allowed")),
                "{name}"
            );
        }
    }

    #[test]
    fn host_must_name_the_host_of_the_url() {
        for value in [
            "evil.example",
            "directory.contoso.example:8443",
            "",
            "directory.contoso.example@evil.example",
        ] {
            assert!(
                refusal(&[("host", value)]).contains("`host` names another host"),
                "{value}"
            );
        }
        for value in [
            "directory.contoso.example",
            "Directory.Contoso.Example.",
            "directory.contoso.example:443",
        ] {
            let (kept, _) = request(headers(&[("host", value)]), &origin(), 3).unwrap();
            assert!(kept.is_empty(), "{value}");
        }
    }

    #[test]
    fn content_length_must_be_true() {
        assert!(refusal(&[("content-length", "4")]).contains("`content-length`"));
        assert!(
            request(headers(&[("content-length", "3")]), &origin(), 3)
                .unwrap()
                .0
                .is_empty()
        );
    }

    #[test]
    fn the_cost_is_read_and_removed() {
        let (kept, cost) = request(
            headers(&[(COST, "40"), ("x-connector-other", "1"), ("x-other", "1")]),
            &origin(),
            3,
        )
        .unwrap();
        assert_eq!((kept.len(), cost), (1, Some(40)));
        assert!(refusal(&[(COST, "many")]).contains("isn't a whole number"));
    }

    #[test]
    fn methods_that_open_tunnels_or_echo_are_refused() {
        for name in ["CONNECT", "TRACE", "PROPFIND", "get"] {
            assert!(
                method(&Method::from_bytes(name.as_bytes()).unwrap()).is_err(),
                "{name}"
            );
        }
        for name in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert!(
                method(&Method::from_bytes(name.as_bytes()).unwrap()).is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_target_is_one_absolute_url_without_a_user() {
        for text in [
            "/v1/groups",
            "directory.contoso.example:443",
            "ftp://contoso.example/",
            "https://a:b@contoso.example/",
        ] {
            assert!(target(&text.parse().unwrap()).is_err(), "{text}");
        }
        let (origin, url) = target(
            &"https://DIRECTORY.contoso.example.:443/a/../b?$top=1"
                .parse()
                .unwrap(),
        )
        .unwrap();
        assert_eq!(origin, self::origin());
        assert_eq!(url.as_str(), "https://directory.contoso.example/b?$top=1");
    }

    #[test]
    fn a_response_keeps_nothing_of_secrets_and_connection() {
        let secret = secrecy::SecretString::from("hunter2hunter2");
        let patterns = Patterns::new([&secret]);
        let mut map = headers(&[
            ("x-echo", "Bearer hunter2hunter2"),
            ("set-cookie", "a=b"),
            ("transfer-encoding", "chunked"),
            ("x-connector-paced", "1"),
            ("content-type", "text/plain"),
        ]);
        response(&mut map, &patterns);
        assert_eq!(
            map,
            headers(&[("x-echo", "[redacted]"), ("content-type", "text/plain")])
        );
    }

    #[test]
    fn retry_after_is_seconds_fractions_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let read = |value| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(read("2"), Some(Duration::from_secs(2)));
        assert_eq!(read("2.128"), Some(Duration::from_millis(2128)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        let skewed = [
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("date", "Sun, 06 Nov 1994 08:49:35 GMT"),
        ];
        assert_eq!(
            retry_after(&headers(&skewed), now),
            Some(Duration::from_secs(2)),
            "by the sender's clock"
        );
        assert_eq!(read("-3"), Some(Duration::ZERO));
        assert_eq!(read("1e300"), Some(Duration::from_secs(86_400)));
        assert_eq!(read("soon"), None);
        assert_eq!(read("NaN"), None);
    }

    #[test]
    fn the_cost_of_a_response_is_whole_units() {
        let name = HeaderName::from_static("x-units");
        let read = |value| cost(&headers(&[("x-units", value)]), Some(&name));
        assert_eq!(
            (read("3"), read("2.2"), read("0")),
            (Some(3), Some(3), Some(0))
        );
        assert_eq!((read("-1"), read("inf"), read("x")), (None, None, None));
    }
}
