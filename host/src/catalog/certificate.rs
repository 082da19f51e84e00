//! Certificates among a connector's secrets: judged before they are kept, and what may be known of them noted.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use uuid::Uuid;

use super::form::SecretChange;
use super::input::Findings;
use super::{Catalog, CatalogError};
use crate::egress::{
    Authentication, CertificateFacts, ClientCertificate, Connection, EgressError, Proof, Secrets,
    password_key, valid_certificate,
};

/// What may be known of certificates, by the key of their secret.
pub(in crate::catalog) type Certificates = BTreeMap<String, CertificateFacts>;

type Changes = BTreeMap<String, SecretChange>;

impl Catalog {
    /// Finds what keeps a connection's certificate from proving the client, once these changes are made to an owner's
    /// secrets. Gives what may be known of the certificates that are then among them; one that can't be read is none.
    pub(in crate::catalog) async fn certificates(
        &self,
        connection: Option<&Connection>,
        owner: Uuid,
        changes: &Changes,
        findings: &mut Findings,
    ) -> Result<Certificates, CatalogError> {
        let is_set = |change: &SecretChange| matches!(change, SecretChange::Set { .. });
        let proof = connection.and_then(proof).map(str::to_owned);
        if proof.is_none() && !changes.values().any(is_set) {
            return Ok(Certificates::new());
        }
        let secrets = self.secrets_after(owner, changes).await?;
        // Opening an encrypted one may take a second.
        let read = tokio::task::spawn_blocking(move || {
            let mut known = Certificates::new();
            let mut mistake = None;
            for (key, secret) in &secrets {
                let certificate = if proof.as_deref() == Some(key) {
                    valid_certificate(&secrets, key)
                        .map_err(|error| mistake = Some(error))
                        .ok()
                } else if may_be_certificate(secret.expose_secret()) {
                    ClientCertificate::read(secret, secrets.get(&password_key(key))).ok()
                } else {
                    None
                };
                if let Some(certificate) = certificate {
                    known.insert(key.clone(), certificate.facts().clone());
                }
            }
            (known, mistake)
        });
        let (known, mistake) = read.await.unwrap_or_default();
        if let Some(EgressError::Certificate { key, source }) = mistake {
            let path = format!("secrets.{key}");
            findings.add(path, sentence(&source.to_string()), source.remedy());
        }
        Ok(known)
    }

    /// An owner's secrets once these changes are made.
    async fn secrets_after(&self, owner: Uuid, changes: &Changes) -> Result<Secrets, CatalogError> {
        let mut secrets = self
            .database
            .read(async |connection| self.vault.reveal(connection, owner).await)
            .await?;
        for (key, change) in changes {
            match change {
                SecretChange::Set { secret, .. } => {
                    secrets.insert(key.clone(), secret.clone());
                }
                SecretChange::Forget => {
                    secrets.remove(key);
                }
                SecretChange::Note { .. } => {}
            }
        }
        Ok(secrets)
    }
}

/// The secret with the certificate that proves a connection's client.
fn proof(connection: &Connection) -> Option<&str> {
    match &connection.authentication {
        Authentication::ClientCredentials(credentials) => match &credentials.proof {
            Proof::Certificate(key) => Some(key),
            Proof::ClientSecret(_) | Proof::FederatedToken { .. } => None,
        },
        Authentication::None | Authentication::Bearer { .. } => None,
    }
}

/// Whether it is worth a closer look: PEM, or DER of some length in base64.
fn may_be_certificate(text: &str) -> bool {
    text.contains("-----BEGIN ") || (text.len() > 500 && text.trim_start().starts_with("MI"))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
