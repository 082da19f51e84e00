//! What an operator decides about access.

mod provider;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use super::network::Network;
use crate::config::section::section;

pub use provider::{OidcPolicy, ProxyUrl};

/// The longest that a session may be let live: a year, in minutes.
const LONGEST: u32 = 366 * 24 * 60;

section! {
    /// How people and programs get in.
    pub struct AccessPolicy at "access" {
        /// Minutes after which a session that isn't used ends.
        pub session_idle_minutes: u32 = 12 * 60;
        /// Minutes after which a session ends in any case.
        pub session_lifetime_minutes: u32 = 7 * 24 * 60;
        /// Whether cookies are for https only even where this server can't tell that the browser used it. They
        /// always are for a request that came over TLS.
        pub secure_cookies: bool = false;
        /// Addresses and networks of reverse proxies: what they say in `X-Forwarded-For`, `-Proto` and `-Host` is
        /// believed. Nobody else is.
        pub trusted_proxies: Vec<Network> = Vec::new();
        /// Origins at which browsers see this server beside the one that a request names in `Host`, such as
        /// `https://sync.contoso.example`. For proxies that change `Host` and say nothing of the former one.
        pub origins: Vec<String> = Vec::new();
        /// Who may sign in with a password: `everyone`, `first-admin` (the way in when the identity provider
        /// fails) or `nobody`.
        pub password_sign_in: PasswordSignIn = PasswordSignIn::Everyone;
        /// An identity provider that people may sign in with.
        pub oidc: OidcPolicy = OidcPolicy::default();
    }
}

/// Who may sign in with a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordSignIn {
    /// Whoever has one.
    #[default]
    Everyone,
    /// Only the admin that the first start made: the way in when the identity provider fails.
    FirstAdmin,
    /// Nobody. When the identity provider fails, there is no way in.
    Nobody,
}

/// Every field of an [`AccessPolicy`] that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError(pub Vec<WrongField>);

/// A field that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongField {
    /// Where it is, such as `access.oidc.issuer`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self
            .0
            .iter()
            .map(|field| format!("{}: {}", field.path, field.message))
            .collect();
        out.write_str(&fields.join("; "))
    }
}

impl AccessPolicy {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// Names every field that is wrong.
    pub fn check(&self) -> Result<(), PolicyError> {
        let mut wrong = Wrong::default();
        let minutes = [
            ("sessionIdleMinutes", self.session_idle_minutes),
            ("sessionLifetimeMinutes", self.session_lifetime_minutes),
        ];
        for (name, value) in minutes {
            if !(1..=LONGEST).contains(&value) {
                wrong.field(name, format!("not between 1 and {LONGEST}"));
            }
        }
        if self.session_idle_minutes > self.session_lifetime_minutes {
            wrong.field("sessionIdleMinutes", "longer than `sessionLifetimeMinutes`");
        }
        for (index, origin) in self.origins.iter().enumerate() {
            if !is_origin(origin) {
                let path = format!("origins[{index}]");
                wrong.field(
                    &path,
                    "no origin such as https://host or https://host:8443, without a path",
                );
            }
        }
        if self.oidc.is_given() {
            self.oidc.check(&mut wrong);
        } else if self.password_sign_in != PasswordSignIn::Everyone {
            wrong.field(
                "passwordSignIn",
                "nobody else could sign in: there is no `oidc`",
            );
        }
        if wrong.0.is_empty() {
            Ok(())
        } else {
            Err(PolicyError(wrong.0))
        }
    }

    /// How long an unused session lasts.
    #[must_use]
    pub fn session_idle(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.session_idle_minutes) * 60)
    }

    /// How long a session lasts at most.
    #[must_use]
    pub fn session_lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.session_lifetime_minutes) * 60)
    }
}

#[derive(Default)]
struct Wrong(Vec<WrongField>);

impl Wrong {
    fn field(&mut self, name: &str, message: impl Into<String>) {
        self.0.push(WrongField {
            path: format!("access.{name}"),
            message: message.into(),
        });
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == text.to_ascii_lowercase()
    })
}
