//! Building and judging URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters and some that may stand in a query and that
/// Graph's own documentation leaves as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'');

/// The same without what has a meaning in paths of OData.
const SEGMENT: &AsciiSet = &QUERY.add(b'\'').add(b'(').add(b')').add(b',');

/// A value of a query option.
pub(crate) fn query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// A segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// An OData string literal, in its quotes, not yet percent-encoded.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Scheme, host and port of a URL in a form that can be compared: lower case, without the
/// scheme's own port. `None` where the text is not an absolute http URL that every client reads
/// the same way: user information, backslashes, blanks and non-ASCII text are how a link can
/// look like one host to a check and like another to a client.
pub(crate) fn origin(url: &str) -> Option<String> {
    if !url
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'"')
    {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let bracketed = authority.starts_with('[');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let named = if bracketed {
        host.strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .is_some_and(|inner| {
                !inner.is_empty()
                    && inner
                        .bytes()
                        .all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
            })
    } else {
        !host.is_empty() && host.bytes().all(allowed)
    };
    let numbered = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0));
    if !named || !numbered {
        return None;
    }
    match port {
        Some(port) if port != own_port => Some(format!("{scheme}://{host}:{port}")),
        _ => Some(format!("{scheme}://{host}")),
    }
}

/// `$select` option for these fields.
pub(crate) fn select(fields: &[&str]) -> String {
    format!("$select={}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_compared_in_one_form() {
        for (url, expected) in [
            (
                "https://graph.microsoft.com/v1.0/groups",
                Some("https://graph.microsoft.com"),
            ),
            (
                "HTTPS://Graph.Microsoft.com:443?x",
                Some("https://graph.microsoft.com"),
            ),
            ("http://127.0.0.1:9000/v1.0", Some("http://127.0.0.1:9000")),
            ("http://[::1]:9000", Some("http://[::1]:9000")),
            ("http://[::1]", Some("http://[::1]")),
            ("https://graph.microsoft.com@evil.example/", None),
            ("https://graph.microsoft.com\\@evil.example/", None),
            ("https://graph.microsoft.com:/", None),
            ("https://graph.microsoft.com:0/", None),
            ("https://graph.microsoft.com:99999/", None),
            ("https:///v1.0", None),
            ("ftp://graph.microsoft.com", None),
            ("/v1.0/groups", None),
            ("//graph.microsoft.com/v1.0", None),
            ("https://gräph.example/", None),
            ("https://graph.microsoft.com/a b", None),
            ("https://graph.microsoft.com/\"", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_quote_in_a_name_is_doubled_and_what_could_end_the_query_is_encoded() {
        assert_eq!(
            query(&literal("O'Brien & söhne #1")),
            "'O''Brien%20%26%20s%C3%B6hne%20%231'"
        );
        assert_eq!(segment("a/b?c"), "a%2Fb%3Fc");
    }
}
