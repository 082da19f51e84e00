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

/// An OpenID Connect provider.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
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
    /// URL of a proxy to reach it through, or `system` for those that the environment names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

fn scopes() -> Vec<String> {
    vec!["profile".into(), "email".into()]
}

fn roles_claim() -> String {
    "roles".into()
}

impl fmt::Debug for OidcPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OidcPolicy")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("redirect_base_url", &self.redirect_base_url)
            .field("roles_claim", &self.roles_claim)
            .field("roles", &self.roles)
            .field("default_role", &self.default_role)
            // Its URL may hold a password.
            .field("proxy", &self.proxy.as_ref().map(|_| "set"))
            .finish_non_exhaustive()
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
