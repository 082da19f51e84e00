//! Client assertions (RFC 7523): an app's own, signed with the key of its certificate, and those of another identity
//! provider whom it trusts.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Map, Value};
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo, X509Certificate};

use super::access::{Failure, failure};
use super::options::{AppRegistration, FederatedCredential};
use super::state::Guarded;
use crate::identity::of_pem;

/// How an assertion must be announced.
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds by which clocks may differ.
const SKEW: u64 = 300;
/// Longest life in seconds of an assertion that an app makes for itself, as the documentation asks.
const LONGEST: u64 = 600;

/// Identifiers of assertions that were accepted, with the second at which each is of no use any more.
#[derive(Debug)]
pub(crate) struct Seen(Guarded<HashMap<String, u64>>);

impl Default for Seen {
    fn default() -> Self {
        Self(Guarded::new(HashMap::new()))
    }
}

/// What an assertion is presented for.
pub(crate) struct Presented<'a> {
    pub(crate) app: &'a AppRegistration,
    pub(crate) client: &'a str,
    /// URL of the token endpoint that was asked.
    pub(crate) endpoint: &'a str,
    pub(crate) now: u64,
    pub(crate) seen: &'a Seen,
}

/// A JWT, taken apart and not yet believed.
struct Token<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

fn malformed(why: &str) -> Failure {
    failure(
        401,
        "invalid_client",
        50_027,
        format!("JWT token is invalid or malformed. {why}"),
    )
}

impl<'a> Token<'a> {
    fn read(text: &'a str) -> Result<Self, Failure> {
        let object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
            match serde_json::from_slice(&bytes).ok()? {
                Value::Object(members) => Some(members),
                _ => None,
            }
        };
        let parts: Vec<&str> = text.split('.').collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return Err(malformed("It has not three parts."));
        };
        let read = || {
            Some(Token {
                header: object(header)?,
                claims: object(claims)?,
                signed: text.get(..header.len() + 1 + claims.len())?,
                signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            })
        };
        read().ok_or_else(|| malformed("A part of it is not base64url of what it should be."))
    }

    fn text(&self, claim: &str) -> &str {
        self.claims
            .get(claim)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn second(&self, claim: &str) -> Result<u64, Failure> {
        let second = self.claims.get(claim).and_then(Value::as_u64);
        second.ok_or_else(|| malformed(&format!("The claim '{claim}' is missing.")))
    }

    /// Whether the signature is this key's, by the algorithm that the header names.
    fn is_signed_by(&self, key: &[u8]) -> Result<bool, Failure> {
        let algorithm: &'static dyn VerificationAlgorithm =
            match self.header.get("alg").and_then(Value::as_str) {
                Some("PS256") => &RSA_PSS_2048_8192_SHA256,
                Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
                _ => return Err(malformed("Its algorithm is not supported.")),
            };
        let key = UnparsedPublicKey::new(algorithm, key);
        Ok(key.verify(self.signed.as_bytes(), &self.signature).is_ok())
    }

    /// Checks the times, and gives the second of the end.
    fn check_times(&self, now: u64, longest: Option<u64>) -> Result<u64, Failure> {
        let (from, end) = (self.second("nbf")?, self.second("exp")?);
        let too_long = longest.is_some_and(|longest| end.saturating_sub(from) > longest);
        if from > now + SKEW || end + SKEW < now || too_long {
            let text = format!(
                "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {end}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials."
            );
            return Err(failure(401, "invalid_client", 700_024, text));
        }
        Ok(end)
    }
}

impl Presented<'_> {
    /// Whether the assertion proves the client.
    pub(crate) fn check(&self, assertion: &str) -> Result<(), Failure> {
        let token = Token::read(assertion)?;
        if token.header.contains_key("x5t#S256") || token.text("iss") == self.client {
            self.own(&token)
        } else {
            self.federated(&token)
        }
    }

    fn own(&self, token: &Token<'_>) -> Result<(), Failure> {
        let is_own = |claim: &str| token.text(claim).eq_ignore_ascii_case(self.client);
        if !is_own("iss") || !is_own("sub") {
            let text = "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.";
            return Err(failure(401, "invalid_client", 700_021, text));
        }
        let named = token.header.get("x5t#S256").and_then(Value::as_str);
        let named = named.unwrap_or_default();
        let unregistered = |reason: &str| {
            let text = format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{named}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'.]",
                self.client
            );
            failure(401, "invalid_client", 700_027, text)
        };
        let registered = self.app.certificates.iter().find_map(|pem| {
            let der = of_pem(pem).ok()?;
            let is_named = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)) == named;
            is_named.then_some(der)
        });
        let der = registered.ok_or_else(|| unregistered("The key was not found."))?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| unregistered("The key is unreadable."))?;
        let valid = certificate.validity();
        let now = i64::try_from(self.now).unwrap_or(i64::MAX);
        if now > valid.not_after.timestamp() || now < valid.not_before.timestamp() {
            return Err(unregistered("The key used is expired."));
        }
        let key = certificate.public_key();
        if !token.is_signed_by(&key.subject_public_key.data)? {
            return Err(unregistered(
                "The provided signature value did not match the expected signature value.",
            ));
        }
        if token.text("aud") != self.endpoint {
            let text = format!(
                "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials. Expected: {}",
                self.endpoint
            );
            return Err(failure(401, "invalid_client", 700_023, text));
        }
        let end = token.check_times(self.now, Some(LONGEST))?;
        self.first_time(token.text("jti"), end)
    }

    /// Refuses what was presented before, as the standard allows; Entra is not known to.
    fn first_time(&self, id: &str, end: u64) -> Result<(), Failure> {
        if id.is_empty() {
            return Err(malformed("The claim 'jti' is missing."));
        }
        let mut seen = self.seen.0.write();
        seen.retain(|_, end| *end + SKEW >= self.now);
        match seen.insert(id.to_owned(), end) {
            None => Ok(()),
            Some(_) => Err(malformed("The claim 'jti' was presented before.")),
        }
    }

    fn federated(&self, token: &Token<'_>) -> Result<(), Failure> {
        let unmatched = |number: u32, what: &str, value: &str| {
            let text = format!(
                "No matching federated identity record found for presented assertion {what} '{value}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
            );
            failure(401, "invalid_client", number, text)
        };
        if self.app.federated.is_empty() {
            return Err(failure(
                400,
                "invalid_request",
                70_021,
                "No matching federated identity record found for presented assertion.",
            ));
        }
        let narrowed = |found: Vec<&FederatedCredential>, number, claim: &str, what| {
            if found.is_empty() {
                Err(unmatched(number, what, token.text(claim)))
            } else {
                Ok(())
            }
        };
        let of_issuer: Vec<&FederatedCredential> = self
            .app
            .federated
            .iter()
            .filter(|known| known.issuer == token.text("iss"))
            .collect();
        narrowed(of_issuer.clone(), 700_211, "iss", "issuer")?;
        let of_subject: Vec<&FederatedCredential> = of_issuer
            .into_iter()
            .filter(|known| known.subject == token.text("sub"))
            .collect();
        narrowed(of_subject.clone(), 700_213, "sub", "subject")?;
        let audiences: Vec<&str> = match token.claims.get("aud") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => vec![token.text("aud")],
        };
        let of_audience: Vec<&FederatedCredential> = of_subject
            .into_iter()
            .filter(|known| audiences.contains(&known.audience.as_str()))
            .collect();
        narrowed(of_audience.clone(), 700_212, "aud", "audience")?;
        let mut is_signed = false;
        for known in of_audience {
            let der = of_pem(&known.key).unwrap_or_default();
            if let Ok((_, key)) = SubjectPublicKeyInfo::from_der(&der) {
                is_signed |= token.is_signed_by(&key.subject_public_key.data)?;
            }
        }
        if !is_signed {
            let text = "Assertion failed signature validation. [Reason - The key was not found.]";
            return Err(failure(401, "invalid_client", 50_013, text));
        }
        token.check_times(self.now, None)?;
        Ok(())
    }
}
