//! What an operator decides about access.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::SignedDuration;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::Role;
use super::network::Network;
use crate::config::section::section;

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
        #[serde(skip_serializing_if = "Option::is_none")]
        pub oidc: Option<OidcPolicy> = None;
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

/// An OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OidcPolicy {
    /// Its issuer identifier: a URL below which `/.well-known/openid-configuration` is.
    pub issuer: String,
    /// How this server is registered there.
    pub client_id: String,
    /// A file that holds nothing but the client's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// The variable of the environment that holds the client's secret. With neither, the client is a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_env: Option<String>,
    /// Where browsers reach this server, such as `https://sync.contoso.example`. Register it with
    /// `/api/v1/session/oidc/callback` appended as redirect URI.
    pub redirect_base_url: String,
    /// What to ask for beside `openid`. `profile` and `email` where absent.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// Claim of the ID token that holds a person's roles or groups: its name, or names joined with `.` for one
    /// inside of others.
    #[serde(default = "roles_claim")]
    pub roles_claim: String,
    /// Which value of that claim gives which role. The highest counts.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
    /// Role of whoever has none of those values. Where absent, they are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<Role>,
    /// PEM files with certificate authorities to trust beside the machine's.
    #[serde(default)]
    pub ca_files: Vec<PathBuf>,
}

fn scopes() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

fn roles_claim() -> String {
    "roles".into()
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
        match &self.oidc {
            Some(oidc) => oidc.check(&mut wrong),
            None if self.password_sign_in != PasswordSignIn::Everyone => {
                wrong.field(
                    "passwordSignIn",
                    "nobody else could sign in: there is no `oidc`",
                );
            }
            None => {}
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

impl OidcPolicy {
    /// The client's secret, out of the file or variable that is named; `None` for a public client.
    ///
    /// # Errors
    /// Where it can't be read or is empty. Never holds the secret.
    pub fn secret(&self) -> Result<Option<SecretString>, PolicyError> {
        let fail = |name: &str, message: String| {
            let mut wrong = Wrong::default();
            wrong.field(name, message);
            PolicyError(wrong.0)
        };
        let (name, text) = if let Some(file) = &self.client_secret_file {
            let name = "oidc.clientSecretFile";
            let text = std::fs::read_to_string(file).map_err(|error| {
                fail(name, format!("{} can't be read: {error}", file.display()))
            })?;
            (name, text)
        } else if let Some(variable) = &self.client_secret_env {
            let name = "oidc.clientSecretEnv";
            // Its error would show a value that is no Unicode.
            let text = std::env::var(variable)
                .map_err(|_| fail(name, format!("the variable {variable} isn't set")))?;
            (name, text)
        } else {
            return Ok(None);
        };
        let text = Zeroizing::new(text);
        let secret = text.trim();
        if secret.is_empty() {
            return Err(fail(name, "it is empty".into()));
        }
        Ok(Some(SecretString::from(secret)))
    }

    fn check(&self, wrong: &mut Wrong) {
        if !is_safe(&self.issuer) {
            wrong.field("oidc.issuer", NOT_SAFE);
        }
        if self.client_id.is_empty() {
            wrong.field("oidc.clientId", "empty");
        }
        if self.client_secret_file.is_some() && self.client_secret_env.is_some() {
            wrong.field("oidc.clientSecretEnv", "`clientSecretFile` is given too");
        }
        if !is_safe(&self.redirect_base_url) {
            wrong.field("oidc.redirectBaseUrl", NOT_SAFE);
        }
        if self.roles_claim.is_empty() {
            wrong.field("oidc.rolesClaim", "empty");
        }
        if self.roles.is_empty() && self.default_role.is_none() {
            wrong.field(
                "oidc.roles",
                "nobody would get a role: there is no `defaultRole` either",
            );
        }
    }
}

const NOT_SAFE: &str = "no https URL without query (http is possible for this machine only)";

/// Whether secrets may be sent there.
fn is_safe(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
    scheme && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == text.to_ascii_lowercase()
    })
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
