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
    /// What may be known of the certificates that are among an owner's secrets once these changes are made.
    pub(in crate::catalog) async fn certificates(
        &self,
        owner: Uuid,
        changes: &Changes,
    ) -> Result<Certificates, CatalogError> {
        let is_set = |change: &SecretChange| matches!(change, SecretChange::Set { .. });
        if !changes.values().any(is_set) {
            return Ok(Certificates::new());
        }
        let secrets = self.secrets_after(owner, changes).await?;
        let looked = tokio::task::spawn_blocking(move || {
            let known = secrets.iter().filter_map(|(key, secret)| {
                if !may_be_certificate(secret.expose_secret()) {
                    return None;
                }
                let password = secrets.get(&password_key(key));
                let certificate = ClientCertificate::read(secret, password).ok()?;
                Some((key.clone(), certificate.facts().clone()))
            });
            known.collect()
        });
        // What isn't known is left out, as where a certificate can't be read.
        Ok(looked.await.unwrap_or_default())
    }

    /// Finds what keeps a connection's certificate from proving the client.
    pub(in crate::catalog) async fn check_certificate(
        &self,
        connection: Option<&Connection>,
        owner: Uuid,
        changes: &Changes,
        findings: &mut Findings,
    ) -> Result<(), CatalogError> {
        let Some(Authentication::ClientCredentials(credentials)) =
            connection.map(|connection| &connection.authentication)
        else {
            return Ok(());
        };
        let Proof::Certificate(key) = &credentials.proof else {
            return Ok(());
        };
        let (secrets, key) = (self.secrets_after(owner, changes).await?, key.clone());
        let judged = tokio::task::spawn_blocking(move || valid_certificate(&secrets, &key)).await;
        if let Ok(Err(EgressError::Certificate { key, source })) = judged {
            let path = format!("secrets.{key}");
            findings.add(path, sentence(&source.to_string()), source.remedy());
        }
        Ok(())
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
