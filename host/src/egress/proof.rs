//! What proves to a token endpoint that it is this client.

use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Proof, Secrets,
    certificate::{CertificateError, CertificateFacts, ClientCertificate},
    credential::{self, Refusal},
    error::EgressError,
    federated::TokenFile,
    token::Failure,
};

/// How an assertion is presented (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What proves that it is this client.
pub(super) enum Prover {
    Secret(SecretString),
    Certificate(Box<ClientCertificate>),
    TokenFile { setting: String, file: TokenFile },
}

/// What is sent as proof, once.
pub(super) enum Proven {
    Secret(SecretString),
    Assertion(SecretString),
}

impl Proven {
    /// The form's fields that carry it.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Secret(secret) => vec![("client_secret", secret.expose_secret())],
            Self::Assertion(token) => vec![
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", token.expose_secret()),
            ],
        }
    }

    /// What is new about it and must be seen nowhere.
    pub(super) fn fresh(&self) -> Option<&SecretString> {
        match self {
            Self::Secret(_) => None,
            Self::Assertion(token) => Some(token),
        }
    }
}

impl Prover {
    /// Reads the proof, which may take a second where it is encrypted.
    pub(super) fn new(
        proof: &Proof,
        secrets: &Secrets,
        folders: &[PathBuf],
    ) -> Result<Self, EgressError> {
        match proof {
            Proof::ClientSecret(key) => Ok(Self::Secret(credential::secret(secrets, key)?.clone())),
            Proof::Certificate(key) => {
                let certificate = certificate(secrets, key)?;
                Ok(Self::Certificate(Box::new(certificate)))
            }
            Proof::FederatedToken { setting, file } => {
                let file =
                    TokenFile::new(file, folders).map_err(|source| EgressError::TokenFile {
                        key: setting.clone(),
                        source,
                    })?;
                Ok(Self::TokenFile {
                    setting: setting.clone(),
                    file,
                })
            }
        }
    }

    /// Proves the client `client` to an endpoint.
    pub(super) async fn prove(&self, client: &str, endpoint: &str) -> Result<Proven, Failure> {
        match self {
            Self::Secret(secret) => Ok(Proven::Secret(secret.clone())),
            Self::Certificate(certificate) => certificate
                .assertion(client, endpoint, Timestamp::now())
                .map(Proven::Assertion)
                .ok_or_else(|| unproven("nothing could be signed".to_owned(), true)),
            Self::TokenFile { setting, file } => {
                let token = file.read().await.map_err(|error| {
                    unproven(
                        format!(
                            "the file of the setting `{setting}`: {error}. {}",
                            error.remedy()
                        ),
                        error.is_transient(),
                    )
                })?;
                Ok(Proven::Assertion(token))
            }
        }
    }

    /// What may be known of the certificate, where it is one.
    pub(super) fn certificate(&self) -> Option<&CertificateFacts> {
        match self {
            Self::Certificate(certificate) => Some(certificate.facts()),
            Self::Secret(_) | Self::TokenFile { .. } => None,
        }
    }
}

/// The key of the secret setting that opens the certificate in this one.
pub(crate) fn password_key(key: &str) -> String {
    format!("{key}Password")
}

/// The certificate in a secret setting, if it is valid now.
pub(crate) fn certificate(secrets: &Secrets, key: &str) -> Result<ClientCertificate, EgressError> {
    let given = credential::secret(secrets, key)?;
    let password = password_key(key);
    let wrong = |source: CertificateError| EgressError::Certificate {
        key: if source.is_about_password() {
            password.clone()
        } else {
            key.to_owned()
        },
        source,
    };
    let certificate = ClientCertificate::read(given, secrets.get(&password)).map_err(wrong)?;
    certificate.facts().check(Timestamp::now()).map_err(wrong)?;
    Ok(certificate)
}

fn unproven(description: String, transient: bool) -> Failure {
    Failure {
        refusal: Refusal {
            status: 0,
            error: "unproven".to_owned(),
            description,
        },
        transient,
        pause: None,
    }
}
