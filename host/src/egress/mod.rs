//! The way out: every byte that leaves the host goes through here.
//!
//! [`Egress`] holds what the operator set for the whole process. It makes a [`Gateway`] for each
//! run, which lets out what the run's connection names and the operator allows, and nothing else:
//!
//! - **Where.** An origin of the connection is reached over https on port 443 at a host that the
//!   plugin declares, and only at public addresses. Anything else needs an operator's grant of
//!   that very origin (`--allow-origin`). Names are checked first, addresses after resolution, and
//!   what was checked is what is dialled. Redirects are handed to the plugin, never followed.
//! - **As whom.** The gateway holds secrets and tokens, adds `Authorization` as a request leaves,
//!   refuses a guest's own, and blackens secrets that an answer echoes.
//! - **How fast.** The vendor's quota, closed windows and the number in flight are kept for all
//!   partitions together.
//! - **How much.** Requests, sizes and times are limited and counted.
//!
//! With a proxy, names are resolved by the proxy, so the check of addresses is the proxy's too.

mod allow;
mod body;
mod certificate;
mod client;
mod credential;
mod error;
mod federated;
mod gate;
mod gateway;
mod headers;
mod pace;
mod proof;
mod resolve;
mod scrub;
#[cfg(test)]
mod testing;
mod token;
mod usage;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;

pub use allow::{Origin, OriginError};
pub use body::Body;
pub use certificate::{CertificateError, CertificateFacts};
pub use client::tls;
pub use credential::{Grant, Refusal};
pub use error::{BodyError, EgressError, SendError, SendErrorKind};
pub use federated::TokenFileError;
pub use gate::Throttle;
pub use gateway::Gateway;
pub use pace::{QuotaUse, WaitReason};
pub use usage::Usage;

pub(crate) use certificate::ClientCertificate;
use client::Recipe;
pub(crate) use client::for_operator;
pub(crate) use proof::{certificate as valid_certificate, password_key};

/// Days before a credential's end from which on it is told that it ends.
pub(crate) const ENDS_SOON_DAYS: i64 = 30;

/// The values of secret settings by key.
pub type Secrets = BTreeMap<String, SecretString>;

/// What the operator sets for all connections.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Origins that may be reached although they are private, not https, or on another port.
    pub allow_origins: Vec<Origin>,
    /// PEM files with certificate authorities to trust beside the machine's.
    pub ca_files: Vec<PathBuf>,
    /// URL of a proxy (http, https, socks5, socks5h), or `system` for those that the environment
    /// names (`HTTPS_PROXY`, `http_proxy`, `ALL_PROXY`, `NO_PROXY`). The machine's own loopback
    /// names and addresses are never reached through an explicit proxy.
    pub proxy: Option<String>,
    /// Which quota is kept towards vendors.
    pub quota: QuotaPolicy,
    /// Folders in which files with federated tokens may lie; without any, no file is sent as a token.
    pub token_folders: Vec<PathBuf>,
    /// Until a connection stands, name resolution and TLS included.
    pub connect_timeout: Duration,
    /// From the request to the head of its response.
    pub response_timeout: Duration,
    /// Between two pieces of a response's body.
    pub idle_timeout: Duration,
    /// `User-Agent` of requests that bring none.
    pub user_agent: String,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            ca_files: Vec::new(),
            proxy: None,
            quota: QuotaPolicy::Declared,
            token_folders: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(100),
            idle_timeout: Duration::from_secs(60),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl fmt::Debug for NetworkOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NetworkOptions")
            .field("allow_origins", &self.allow_origins)
            .field("ca_files", &self.ca_files)
            // Its URL may hold a password.
            .field("proxy", &self.proxy.as_ref().map(|_| "set"))
            .finish_non_exhaustive()
    }
}

/// How much one gateway lets through.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Attempts to send, refused ones included.
    pub max_requests: u64,
    /// Requests in flight at once.
    pub max_in_flight: usize,
    /// Bytes of one request's body.
    pub max_request_bytes: usize,
    /// Bytes of one response's body, after decompression.
    pub max_response_bytes: u64,
    /// Bytes of all responses' bodies.
    pub max_total_response_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_requests: 10_000_000,
            max_in_flight: 64,
            max_request_bytes: 4 * 1024 * 1024,
            max_response_bytes: 64 * 1024 * 1024,
            max_total_response_bytes: 1024 * 1024 * 1024 * 1024,
        }
    }
}

/// Where and how to connect: what a plugin answered.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Base URLs; requests to other origins are refused.
    pub origins: Vec<String>,
    /// How requests are authenticated.
    pub authentication: Authentication,
    /// How much the vendor allows.
    pub quota: Option<Quota>,
    /// The page where what must be granted is granted, to show to people.
    pub consent: Option<String>,
}

/// How requests are authenticated.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Not at all.
    None,
    /// OAuth 2.0 client credentials.
    ClientCredentials(ClientCredentials),
    /// The value of a secret setting as bearer token.
    Bearer {
        /// The setting's key.
        setting: String,
    },
}

/// OAuth 2.0 client credentials.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// URL of the token endpoint.
    pub token_endpoint: String,
    /// Scope to ask for.
    pub scope: Option<String>,
    /// The client's identifier.
    pub client_id: String,
    /// What proves that it is this client.
    pub proof: Proof,
    /// Origins, out of the connection's, whose requests get the token.
    pub audience: Vec<String>,
}

/// What proves a client, by the key of a setting.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A shared secret.
    ClientSecret(String),
    /// A private key and certificate; the secret of this key with `Password` behind it opens them.
    Certificate(String),
    /// A token of another identity provider, in a file of the host's.
    FederatedToken {
        /// The setting's key.
        setting: String,
        /// The file, as the setting names it.
        file: PathBuf,
    },
}

/// The vendor's rate quota, counted for each origin: `units` in any `window_ms`.
#[derive(Debug, Clone)]
pub struct Quota {
    /// Units in a window.
    pub units: u32,
    /// Length of the window in milliseconds.
    pub window_ms: u32,
    /// Response header that carries what a request did cost.
    pub cost_header: Option<String>,
}

/// Which quota is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QuotaPolicy {
    /// The one that the plugin declares for the vendor.
    #[default]
    Declared,
    /// This many units in the window that the plugin declares: less, where others draw on the same
    /// quota; more, where the vendor granted more.
    Units(u32),
    /// None. The vendor's own throttling is still obeyed.
    Unlimited,
}

impl QuotaPolicy {
    fn applied(self, declared: Option<Quota>) -> Option<Quota> {
        match self {
            Self::Declared => declared,
            Self::Units(units) => declared.map(|quota| Quota { units, ..quota }),
            // Its cost header is still read.
            Self::Unlimited => declared.map(|quota| Quota {
                units: u32::MAX,
                ..quota
            }),
        }
    }
}

impl fmt::Display for QuotaPolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => out.write_str("declared"),
            Self::Units(units) => write!(out, "{units}"),
            Self::Unlimited => out.write_str("unlimited"),
        }
    }
}

impl std::str::FromStr for QuotaPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "declared" => Ok(Self::Declared),
            "unlimited" => Ok(Self::Unlimited),
            units => match units.parse() {
                Ok(units) if units > 0 => Ok(Self::Units(units)),
                _ => Err("give `declared`, `unlimited`, or a number of units".to_owned()),
            },
        }
    }
}

/// The process's way out.
pub struct Egress {
    options: NetworkOptions,
    recipe: Recipe,
}

impl fmt::Debug for Egress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Egress")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// Reads certificate authorities and proxies. Opens no connection.
    ///
    /// # Errors
    /// Where a CA file or the proxy can't be used.
    pub fn new(options: NetworkOptions) -> Result<Arc<Self>, EgressError> {
        Self::with_lookup(options, resolve::system())
    }

    fn with_lookup(
        options: NetworkOptions,
        lookup: resolve::Lookup,
    ) -> Result<Arc<Self>, EgressError> {
        let recipe = Recipe::new(&options, lookup)?;
        Ok(Arc::new(Self { options, recipe }))
    }

    /// Opens a gateway for one run. `declared_hosts` is what the plugin's description names. Opens
    /// no connection; a token is got when it is first needed. Where the client's certificate is
    /// encrypted, opening it may keep the thread for a second.
    ///
    /// # Errors
    /// Where an origin of the connection isn't allowed, a secret is missing, or the connection asks
    /// for something that can't be.
    pub fn gateway(
        self: &Arc<Self>,
        connection: Connection,
        declared_hosts: &[String],
        secrets: Secrets,
        limits: Limits,
    ) -> Result<Arc<Gateway>, EgressError> {
        let connection = Connection {
            quota: self.options.quota.applied(connection.quota),
            ..connection
        };
        Gateway::new(self, &connection, declared_hosts, secrets, limits).map(Arc::new)
    }
}
