//! The server's certificate, and reading it again while connections are open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{what} {} can't be read: {reason}", .path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// They don't go together, or are of no use for TLS.
    #[error(
        "the certificate {} can't be used with the key {}: {reason}",
        .certificate.display(), .key.display()
    )]
    Pair {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A certificate that new connections use. Clones share it.
#[derive(Clone)]
pub struct Certificate {
    config: RustlsConfig,
    files: Arc<Files>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// What they held when they were last tried, good or not.
    tried: Mutex<Pems>,
}

#[derive(Clone, PartialEq, Eq)]
struct Pems {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("certificate", &self.files.certificate)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads a certificate with its chain, and its key, from PEM files.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub async fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let pems = read(certificate, key).await?;
        let config = config(certificate, key, &pems)?;
        Ok(Self {
            config: RustlsConfig::from_config(config),
            files: Arc::new(Files {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                tried: Mutex::new(pems),
            }),
        })
    }

    /// Reads the files again if they changed; tells whether they did. Open connections go on as they are, and
    /// the certificate in use stays where the new one can't be used.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub async fn refresh(&self) -> Result<bool, TlsError> {
        let (certificate, key) = (&self.files.certificate, &self.files.key);
        let pems = read(certificate, key).await?;
        {
            let mut tried = self
                .files
                .tried
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if *tried == pems {
                return Ok(false);
            }
            *tried = pems.clone();
        }
        let config = config(certificate, key, &pems)?;
        self.config.reload_from_config(config);
        Ok(true)
    }

    /// The same with what came of it in the log.
    pub async fn refresh_and_tell(&self) {
        match self.refresh().await {
            Ok(true) => tracing::info!("new connections use the new certificate"),
            Ok(false) => {}
            Err(error) => tracing::error!("the certificate in use stays: {error}"),
        }
    }

    /// Reads the files again whenever they change, for ever.
    pub(super) async fn follow(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.refresh_and_tell().await;
        }
    }

    pub(super) fn acceptor(&self) -> RustlsAcceptor {
        RustlsAcceptor::new(self.config.clone())
    }
}

async fn read(certificate: &Path, key: &Path) -> Result<Pems, TlsError> {
    let read = async |what: &'static str, path: &Path| {
        tokio::fs::read(path).await.map_err(|error| TlsError::File {
            what,
            path: path.to_owned(),
            reason: error.to_string(),
        })
    };
    Ok(Pems {
        certificate: read("the certificate", certificate).await?,
        key: read("the private key", key).await?.into(),
    })
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
fn config(certificate: &Path, key: &Path, pems: &Pems) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |what: &'static str, path: &Path, reason: String| TlsError::File {
        what,
        path: path.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_slice_iter(&pems.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong("the certificate", certificate, error.to_string()))?;
    if chain.is_empty() {
        let reason = "there is no certificate in it; it must be PEM".to_owned();
        return Err(wrong("the certificate", certificate, reason));
    }
    let private = PrivateKeyDer::from_pem_slice(&pems.key)
        .map_err(|error| wrong("the private key", key, error.to_string()))?;
    let pair = |error: rustls::Error| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        reason: error.to_string(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
