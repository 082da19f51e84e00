//! Where a request came from, and how.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::header::{HOST, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::network::Network;
use super::policy::AccessPolicy;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Characters of a browser's name that are kept.
const LONGEST_AGENT: usize = 200;

/// Put this extension into every request of a listener that speaks TLS:
/// `router.layer(axum::Extension(OverTls))`. It makes cookies be for https only.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// Where a request came from. [`authenticate`](super::authenticate) puts it into every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The client's address; the proxy's own where that isn't trusted.
    pub address: Option<IpAddr>,
    /// Whether the browser used https, or cookies are to be for https only anyway.
    pub secure: bool,
    /// What the client calls itself, at most 200 characters.
    pub agent: Option<String>,
    /// Host and port at which the client sees this server.
    pub host: Option<String>,
}

impl Visitor {
    /// Looks at a request. What proxies say counts only where `policy` trusts them.
    pub(super) fn of(request: &Request, policy: &AccessPolicy) -> Self {
        let headers = request.headers();
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_canonical());
        let believed = peer.is_some_and(|peer| trusts(&policy.trusted_proxies, peer));
        let forwarded = |name| {
            let value = believed.then(|| text(headers, name)).flatten();
            // The nearest proxy appends.
            value.and_then(|list| list.rsplit(',').next().map(|last| last.trim().to_owned()))
        };
        let over_tls = request.extensions().get::<OverTls>().is_some();
        let to_proxy_over_tls =
            forwarded(&FORWARDED_PROTO).map(|scheme| scheme.eq_ignore_ascii_case("https"));
        let named = text(headers, &HOST)
            .map(str::to_owned)
            .or_else(|| request.uri().authority().map(ToString::to_string));
        Self {
            address: peer.map(|peer| client(peer, headers, &policy.trusted_proxies)),
            secure: policy.secure_cookies || to_proxy_over_tls.unwrap_or(over_tls),
            agent: text(headers, &USER_AGENT).map(|agent| bounded(agent, LONGEST_AGENT)),
            host: forwarded(&FORWARDED_HOST).or(named),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

fn trusts(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first address, seen from here, that is no trusted proxy: what is before it anybody could write.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer;
    let said: Vec<&str> = headers
        .get_all(&FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .collect();
    for before in said.iter().rev() {
        if !trusts(trusted, address) {
            break;
        }
        let Some(before) = address_in(before.trim()) else {
            break;
        };
        address = before;
    }
    address
}

/// An address with or without a port.
fn address_in(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

/// The text without control characters and no longer than that.
pub(super) fn bounded(text: &str, longest: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(longest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn visitor(peer: &str, headers: &[(&str, &str)]) -> Visitor {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: IpAddr = peer.parse().unwrap();
        let info = ConnectInfo(SocketAddr::new(peer, 1234));
        request.extensions_mut().insert(info);
        let policy = AccessPolicy {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..AccessPolicy::default()
        };
        Visitor::of(&request, &policy)
    }

    fn address(peer: &str, forwarded: &str) -> String {
        let visitor = visitor(peer, &[("x-forwarded-for", forwarded)]);
        visitor.address.unwrap().to_string()
    }

    #[test]
    fn a_trusted_proxy_tells_the_address() {
        assert_eq!(address("10.0.0.1", "203.0.113.7"), "203.0.113.7");
        assert_eq!(address("10.0.0.1", "203.0.113.7:5000"), "203.0.113.7");
        assert_eq!(address("::ffff:10.0.0.1", "2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn what_a_client_itself_wrote_is_not_believed() {
        assert_eq!(address("203.0.113.7", "198.51.100.1"), "203.0.113.7");
        assert_eq!(
            address("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2"),
            "203.0.113.7"
        );
        assert_eq!(address("10.0.0.1", "198.51.100.1, nonsense"), "10.0.0.1");
    }

    #[test]
    fn a_trusted_proxy_tells_scheme_and_host() {
        let said = [
            ("host", "internal:8080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "sync.contoso.example"),
        ];
        let trusted = visitor("10.0.0.1", &said);
        assert!(trusted.secure);
        assert_eq!(trusted.host.as_deref(), Some("sync.contoso.example"));
        let stranger = visitor("203.0.113.7", &said);
        assert!(!stranger.secure);
        assert_eq!(stranger.host.as_deref(), Some("internal:8080"));
    }

    #[test]
    fn a_listener_with_tls_makes_a_request_secure() {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(OverTls);
        assert!(Visitor::of(&request, &AccessPolicy::default()).secure);
    }
}
