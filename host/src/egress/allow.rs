//! Where requests may go: origins by name, then addresses after resolution.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Serialize, Serializer};
use url::{Host, Url};

use super::error::EgressError;

/// The longest name that DNS knows.
const LONGEST_NAME: usize = 253;

/// Scheme, host and port in one canonical spelling.
///
/// Host names are lower-case ASCII without a final dot, addresses are in their shortest form, so
/// two spellings of one origin are equal.
///
/// ```text
/// HTTPS://Directory.Contoso.Example.:443/   is   https://directory.contoso.example
/// http://2130706433:9000                    is   http://127.0.0.1:9000
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    https: bool,
    host: Host<String>,
    port: u16,
}

/// Why a text names no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text} is no origin: {reason}; write it like https://directory.contoso.example or http://127.0.0.1:9000"
)]
pub struct OriginError {
    text: String,
    reason: &'static str,
}

impl OriginError {
    fn new(text: &str, reason: &'static str) -> Self {
        // What stands before an `@` may be a password.
        let text = if text.contains('@') {
            "the given URL".to_owned()
        } else {
            format!("{:?}", text.chars().take(200).collect::<String>())
        };
        Self { text, reason }
    }
}

impl Origin {
    /// The origin of a URL, whatever its path.
    ///
    /// # Errors
    /// Where the URL isn't http or https, has no host, or carries a user name or password.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        let wrong = |reason| OriginError::new(url.as_str(), reason);
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("its scheme is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it carries a user name or password"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => Host::Domain(without_final_dot(name).to_owned()),
            Some(Host::Ipv4(address)) => Host::Ipv4(address),
            Some(Host::Ipv6(address)) => Host::Ipv6(address),
            None => return Err(wrong("it has no host")),
        };
        match &host {
            Host::Domain(name) if name.is_empty() => return Err(wrong("it has no host")),
            Host::Domain(name) if name.len() > LONGEST_NAME => {
                return Err(wrong("its host name is too long"));
            }
            _ => {}
        }
        let port = url
            .port_or_known_default()
            .ok_or_else(|| wrong("it has no port"))?;
        Ok(Self { https, host, port })
    }

    /// The origin of a base URL, whatever its path.
    pub(super) fn of_text(text: &str) -> Result<Self, OriginError> {
        let url =
            Url::parse(text).map_err(|_| OriginError::new(text, "it can't be read as a URL"))?;
        Self::of(&url)
    }

    /// Whether it is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether its host is written as an address.
    #[must_use]
    pub fn is_address(&self) -> bool {
        !matches!(self.host, Host::Domain(_))
    }

    /// Host as it is written in a URL: an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads an origin strictly: a path, query or fragment is an error, because it would promise a
    /// narrower permission than is given.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url =
            Url::parse(text).map_err(|_| OriginError::new(text, "it can't be read as a URL"))?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError::new(
                text,
                "it has more than scheme, host and port",
            ));
        }
        Self::of(&url)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(out, "{scheme}://{}", self.host)?;
        if self.port != default {
            write!(out, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether a canonical host name is one name and no pattern.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(allowed)
}

/// How far an origin's connections may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public addresses only.
    Public,
    /// Any address: an operator granted this very origin.
    Granted,
}

/// What an operator grants and a plugin declares.
#[derive(Debug)]
pub(super) struct Policy {
    granted: BTreeSet<Origin>,
    declared: BTreeSet<Host<String>>,
}

impl Policy {
    pub(super) fn new(granted: &[Origin], declared: &[String]) -> Result<Self, EgressError> {
        let declared = declared
            .iter()
            .map(|name| match Host::parse(without_final_dot(name)) {
                Ok(Host::Domain(name)) if is_plain(&name) => Ok(Host::Domain(name)),
                _ => Err(EgressError::Declaration {
                    host: name.chars().take(200).collect(),
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            granted: granted.iter().cloned().collect(),
            declared,
        })
    }

    /// Decides by name alone; addresses are judged when names are resolved.
    pub(super) fn judge(&self, origin: &Origin) -> Result<Reach, EgressError> {
        if self.granted.contains(origin) {
            return Ok(Reach::Granted);
        }
        let reason = if !origin.https {
            "it isn't https"
        } else if origin.is_address() {
            "it names an address instead of a host"
        } else if origin.port != 443 {
            "its port isn't 443"
        } else if !self.declared.contains(&origin.host) {
            "the plugin doesn't declare its host"
        } else {
            return Ok(Reach::Public);
        };
        Err(EgressError::Origin {
            origin: origin.clone(),
            reason,
        })
    }
}

/// Whether an address belongs to the public internet, so that dialling it can't reach the
/// operator's own machines.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]                      // this network, private, loopback
            | [100, 64..=127, ..]               // carrier-grade NAT
            | [168, 63, 129, 16]                // a cloud's own services, seen from its machines
            | [169, 254, ..]                    // link-local, metadata services
            | [172, 16..=31, ..]                // private
            | [192, 0, 0 | 2, _]                // protocol assignments, documentation
            | [192, 88, 99, _]                  // 6to4 relays
            | [192, 168, ..]                    // private
            | [198, 18..=19, ..]                // benchmarks
            | [198, 51, 100, _]                 // documentation
            | [203, 0, 113, _]                  // documentation
            | [224..=255, ..] // multicast, reserved, broadcast
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low), // IPv4-mapped
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low), // NAT64
        [0x2002, high, low, ..] => embedded(high, low),            // 6to4
        [0x2001, 0..=0x1ff, ..] => false,                          // Teredo and other assignments
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,    // documentation
        [first, ..] => first & 0xe000 == 0x2000,                   // global unicast, nothing else
    }
}

#[cfg(test)]
mod tests;
