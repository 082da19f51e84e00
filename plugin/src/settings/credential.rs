//! What proves that it is the application: one of three settings.

use serde_json::Value;

use super::Reader;
use crate::contract::Proof;

/// Keys of the secrets, which stay in the host.
pub(crate) const SECRET: &str = "clientSecret";
pub(crate) const CERTIFICATE: &str = "clientCertificate";
/// By the contract: the certificate's key with `Password` behind it.
pub(super) const CERTIFICATE_PASSWORD: &str = "clientCertificatePassword";
/// Key of the setting that names a file with a federated token.
pub(crate) const TOKEN_FILE: &str = "federatedTokenFile";
pub(super) const SECRETS: [&str; 3] = [SECRET, CERTIFICATE, CERTIFICATE_PASSWORD];

/// What proves that it is the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    Secret,
    Certificate,
    TokenFile,
}

impl Credential {
    /// Key of the setting that gives it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Secret => SECRET,
            Self::Certificate => CERTIFICATE,
            Self::TokenFile => TOKEN_FILE,
        }
    }

    /// Its name in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Secret => "client secret",
            Self::Certificate => "certificate",
            Self::TokenFile => "federated token",
        }
    }

    pub(super) fn proof(self) -> Proof {
        let key = self.key().to_owned();
        match self {
            Self::Secret => Proof::ClientSecret(key),
            Self::Certificate => Proof::Certificate(key),
            Self::TokenFile => Proof::FederatedToken(key),
        }
    }
}

impl Reader<'_> {
    /// The one credential that is given.
    pub(super) fn credential(&mut self, secrets: &[String]) -> Option<Credential> {
        for key in secrets
            .iter()
            .filter(|key| !SECRETS.contains(&key.as_str()))
        {
            let remedy = format!("Remove it, or use one of: {}.", SECRETS.join(", "));
            self.problem(key.clone(), "There is no such secret setting.", remedy);
        }
        let has_secret = |key: &str| secrets.iter().any(|given| given == key);
        let names_file = !matches!(self.values.get(TOKEN_FILE), None | Some(Value::Null));
        let given: Vec<Credential> = [
            (Credential::Secret, has_secret(SECRET)),
            (Credential::Certificate, has_secret(CERTIFICATE)),
            (Credential::TokenFile, names_file),
        ]
        .into_iter()
        .filter_map(|(credential, is_given)| is_given.then_some(credential))
        .collect();
        if has_secret(CERTIFICATE_PASSWORD) && !has_secret(CERTIFICATE) {
            self.problem(
                CERTIFICATE_PASSWORD,
                "There is no certificate that it could open.",
                format!("Give `{CERTIFICATE}` too, or leave the password out."),
            );
        }
        match given.as_slice() {
            [] => {
                self.problem(
                    SECRET,
                    "There is no credential.",
                    format!(
                        "Create a client secret under `Certificates & secrets` and give its value, or give `{CERTIFICATE}` or `{TOKEN_FILE}` in its place."
                    ),
                );
                None
            }
            [Credential::TokenFile] => self.token_file(),
            [one] => Some(*one),
            [first, others @ ..] => {
                let key = others.last().unwrap_or(first).key();
                let keys: Vec<&str> = given.iter().map(|one| one.key()).collect();
                self.problem(
                    key,
                    format!("There is more than one credential: {}.", keys.join(", ")),
                    "Keep the one that the application signs in with, and leave out the others.",
                );
                None
            }
        }
    }

    fn token_file(&mut self) -> Option<Credential> {
        let path = self.text(TOKEN_FILE)?;
        if path.starts_with('/') {
            return Some(Credential::TokenFile);
        }
        self.problem(
            TOKEN_FILE,
            "It is not an absolute path.",
            "Give the path from the root, as the environment variable `AZURE_FEDERATED_TOKEN_FILE` has it.",
        );
        None
    }
}
