//! What an operator decides about an identity provider.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{PolicyError, Wrong};
use crate::access::Role;
use crate::config::section::section;

section! {
    /// An OpenID Connect provider that people may sign in with. It is one as soon as it has an issuer.
    pub struct OidcPolicy at "access.oidc" {
        /// Its issuer identifier: a URL below which `/.well-known/openid-configuration` is.
        pub issuer: String = String::new();
        /// How this server is registered there.
        pub client_id: String = String::new();
        /// A file that holds nothing but the client's secret.
        pub client_secret_file: Option<PathBuf> = None, example "\"/etc/connector-host/oidc-secret\"";
        /// The variable of the environment that holds the client's secret. With neither, the client is a public
        /// one.
        pub client_secret_env: Option<String> = None, example "\"OIDC_CLIENT_SECRET\"";
        /// Where browsers reach this server, such as `https://sync.contoso.example`. Register it with
        /// `/api/v1/session/oidc/callback` appended as redirect URI.
        pub redirect_base_url: String = String::new();
        /// What to ask for beside `openid`.
        pub scopes: Vec<String> = vec!["profile".into(), "email".into()];
        /// Claim of the ID token that holds a person's roles or groups: its name, or names joined with `.` for
        /// one inside of others.
        pub roles_claim: String = "roles".into();
        /// Which value of that claim gives which role, such as `{ Admins = "admin", Staff = "viewer" }`. The
        /// highest counts.
        pub roles: BTreeMap<String, Role> = BTreeMap::new();
        /// Role of whoever has none of those values. Where absent, they are refused.
        pub default_role: Option<Role> = None, example "\"viewer\"";
        /// PEM files with certificate authorities to trust beside the machine's.
        pub ca_files: Vec<PathBuf> = Vec::new();
        /// URL of a proxy to reach it through, or `system` for those that the environment names.
        pub proxy: Option<ProxyUrl> = None, example "\"http://proxy.example.com:3128\"";
    }
}

/// URL of a proxy. Its debug form shows nothing: the URL may hold a password.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ProxyUrl(…)")
    }
}

impl OidcPolicy {
    /// Whether anything is said about a provider.
    pub(in crate::access) fn is_given(&self) -> bool {
        *self != Self::default()
    }

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

    pub(super) fn check(&self, wrong: &mut Wrong) {
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
pub(super) fn is_safe(text: &str) -> bool {
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
    scheme
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}
