//! The sections of the configuration and their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::section::section;
use super::text;
use crate::egress::{NetworkOptions, Origin, QuotaPolicy};

section! {
    /// How the server is reached, and where it keeps what it knows.
    pub struct ServerPolicy at "server" {
        /// IP address and port to listen at. Beyond this machine only with TLS, see [server.tls].
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        /// Folder for the databases and the installed plugins; only this user may write to it. Where absent,
        /// the state folder that systemd gives, or `connector-host` among the user's data.
        pub data_dir: Option<PathBuf> = None, example "\"/var/lib/connector-host\"";
        /// The directory's database: a path or a URL. Where absent, `directory.sqlite` in the data folder.
        pub database: Option<String> = None, example "\"/srv/directory.sqlite\"";
        /// The address that browsers reach this server at: links and cookies are made for it. Where absent,
        /// what it listens at.
        #[serde(with = "text::optional")]
        pub public_url: Option<Url> = None, example "\"https://connectors.example.com\"";
        /// IP address and port at which metrics and health are told to whoever asks, without sign-in and
        /// without TLS. Where absent, metrics are told only to those who are signed in.
        pub metrics_listen: Option<SocketAddr> = None, example "\"127.0.0.1:9090\"";
        /// How long a request may take until its answer begins.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        pub request_timeout: Duration = Duration::from_secs(60);
        /// How long open requests and running work may take to end when the server is told to stop. Work that
        /// takes longer is resumed by the next start.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        pub shutdown_grace: Duration = Duration::from_secs(30);
        /// Whether plain http is served beyond this machine. Passwords and tokens can be read on the way.
        pub insecure_http: bool = false;
        /// IP addresses of reverse proxies that end TLS for this server. With any, plain http is served, but
        /// only to them and to this machine, and `X-Forwarded-For` is believed from them.
        pub trusted_proxies: Vec<IpAddr> = Vec::new();
        /// The server's certificate.
        pub tls: TlsPolicy = TlsPolicy::default();
    }
}

section! {
    /// The server's certificate. With both files the server speaks https. They are read again when they change
    /// and on SIGHUP.
    pub struct TlsPolicy at "server.tls" {
        /// PEM file with the certificate, followed by those of its issuers.
        pub certificate: Option<PathBuf> = None, example "\"/etc/connector-host/tls.crt\"";
        /// PEM file with the certificate's private key.
        pub key: Option<PathBuf> = None, example "\"/etc/connector-host/tls.key\"";
    }
}

section! {
    /// How connectors reach the network.
    pub struct NetworkPolicy at "network" {
        /// Origins that are granted although they are otherwise refused: plain http, another port, a private
        /// or loopback address, or a host that the plugin doesn't declare.
        #[serde(with = "text::list")]
        pub allow_origins: Vec<Origin> = Vec::new();
        /// PEM files with certificate authorities to trust beside the machine's.
        pub ca_files: Vec<PathBuf> = Vec::new();
        /// URL of a proxy, or `system` for the one of the environment.
        pub proxy: Option<String> = None, example "\"http://proxy.example.com:3128\"";
        /// The vendor's quota to keep: `declared` by the plugin, `unlimited`, or a number of units in the
        /// declared window, such as a half where other programs use the same application.
        #[serde(with = "text::required")]
        pub quota: QuotaPolicy = QuotaPolicy::Declared;
        /// Folders in which files with federated tokens may lie, such as those of a workload identity. A
        /// connector's settings name the file, and what it holds is sent to the connector's token endpoint, so
        /// give folders that hold nothing else. Without any, no file is sent.
        pub token_folders: Vec<PathBuf> = Vec::new(), example "[\"/var/run/secrets/azure/tokens\"]";
    }
}

section! {
    /// The key that secrets are encrypted with. The first of these that is there is used. It is never part of a
    /// backup: whoever has both can read the secrets.
    pub struct VaultPolicy at "vault" {
        /// File with the key.
        pub key_file: Option<PathBuf> = None, example "\"/etc/connector-host/vault.key\"";
        /// Name of the environment variable that holds the key.
        pub key_env: Option<String> = None, example "\"CONNECTOR_VAULT_KEY\"";
        /// Name of the systemd credential that holds the key, in the folder `$CREDENTIALS_DIRECTORY`.
        pub credential: String = "connector-vault-key".into();
    }
}

section! {
    /// What is logged, on standard error.
    pub struct LogPolicy at "log" {
        /// `text` for people, `json` for programs: an object a line.
        pub format: LogFormat = LogFormat::Text;
        /// What is logged: a level, and levels of single modules. `CONNECTOR_LOG` wins over it.
        pub filter: String = "info,sqlx=warn,apalis_core=warn".into();
    }
}

section! {
    /// Traces of requests and runs, for OpenTelemetry.
    pub struct TelemetryPolicy at "telemetry" {
        /// Base URL of a collector that speaks OTLP over HTTP; `/v1/traces` is added. Where absent, nothing is
        /// traced.
        #[serde(with = "text::optional")]
        pub otlp_endpoint: Option<Url> = None, example "\"http://127.0.0.1:4318\"";
        /// The name of this service in traces.
        pub service_name: String = "connector-host".into();
        /// File with headers for the collector, such as a token: `Name: value`, one a line.
        pub headers_file: Option<PathBuf> = None, example "\"/etc/connector-host/otlp.headers\"";
        /// Share of traces that is sent, from 0 to 1.
        pub sample_ratio: f64 = 1.0;
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport<'a> {
    /// Over https, with these files.
    Tls {
        /// The certificate.
        certificate: &'a PathBuf,
        /// Its key.
        key: &'a PathBuf,
    },
    /// Over plain http: only from this machine, through a trusted proxy, or because the operator says so.
    Plain,
}

/// Plain http would leave the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "without TLS the server is reached only from this machine, and {listen} is beyond it; give [server.tls] a \
     certificate and a key, name the proxy that ends TLS in `server.trustedProxies`, or start it with \
     --insecure-http if passwords and tokens may be read on the way"
)]
pub struct PlainHttp {
    /// Where it would listen.
    pub listen: SocketAddr,
}

impl ServerPolicy {
    /// How the server is spoken to.
    ///
    /// # Errors
    /// Where plain http would leave the machine and nobody has said that it may.
    pub fn transport(&self) -> Result<Transport<'_>, PlainHttp> {
        if let (Some(certificate), Some(key)) = (&self.tls.certificate, &self.tls.key) {
            return Ok(Transport::Tls { certificate, key });
        }
        let granted = self.insecure_http || !self.trusted_proxies.is_empty();
        if granted || self.listen.ip().is_loopback() {
            Ok(Transport::Plain)
        } else {
            Err(PlainHttp {
                listen: self.listen,
            })
        }
    }
}

impl NetworkPolicy {
    /// The options for the way out.
    #[must_use]
    pub fn options(&self) -> NetworkOptions {
        NetworkOptions {
            allow_origins: self.allow_origins.clone(),
            ca_files: self.ca_files.clone(),
            proxy: self.proxy.clone(),
            quota: self.quota,
            token_folders: self.token_folders.clone(),
            ..NetworkOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening_at(listen: &str) -> ServerPolicy {
        ServerPolicy {
            listen: listen.parse().unwrap(),
            ..ServerPolicy::default()
        }
    }

    #[test]
    fn plain_http_stays_on_the_machine_unless_somebody_says_otherwise() {
        let beyond = listening_at("0.0.0.0:8080");
        let text = beyond.transport().unwrap_err().to_string();
        for way in ["[server.tls]", "trustedProxies", "--insecure-http"] {
            assert!(text.contains(way), "{text}");
        }
        assert_eq!(listening_at("[::1]:80").transport(), Ok(Transport::Plain));
        let grants = [
            ServerPolicy {
                insecure_http: true,
                ..beyond.clone()
            },
            ServerPolicy {
                trusted_proxies: vec!["10.0.0.5".parse().unwrap()],
                ..beyond
            },
        ];
        for granted in grants {
            assert_eq!(granted.transport(), Ok(Transport::Plain));
        }
    }
}
