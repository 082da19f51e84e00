//! A client's certificate and its private key, as PEM or PKCS#12, and the assertions that they sign (RFC 7523).

use std::fmt;

use base64::{
    Engine,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use p12_keystore::{Pkcs12Archive, error::Error as ArchiveError};
use pkcs8::{
    EncryptedPrivateKeyInfoRef,
    pkcs5::{EncryptionScheme, Error as EncryptionError, pbes2::Kdf},
};
use ring::{
    digest,
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use x509_parser::{
    certificate::X509Certificate, oid_registry::OID_PKCS1_RSAENCRYPTION, prelude::FromDer,
    public_key::PublicKey,
};

/// How long an assertion lasts: it is sent at once, and clocks differ by little.
const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Bits of the smallest key with which signatures are made.
const SMALLEST: usize = 2048;
/// Rounds and memory that opening an encrypted key may take.
const MOST_ROUNDS: u32 = 1_000_000;
const MOST_MEMORY: u64 = 256 << 20;

/// Base64 as people copy it: with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What may be known of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFacts {
    /// Whose it is, as it says itself.
    pub subject: String,
    /// SHA-1 of its DER in upper-case hexadecimal digits: what vendors' pages show as *thumbprint*.
    pub thumbprint: String,
    /// SHA-256 of its DER in lower-case hexadecimal digits.
    pub sha256: String,
    /// When its validity begins.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
    /// When its validity ends.
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Timestamp,
}

impl fmt::Display for CertificateFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, thumbprint {}, valid until {}",
            self.subject,
            self.thumbprint,
            self.last_day()
        )
    }
}

impl CertificateFacts {
    /// The day, by UTC, on which its validity ends.
    #[must_use]
    pub fn last_day(&self) -> Date {
        TimeZone::UTC.to_datetime(self.not_after).date()
    }

    /// # Errors
    /// Where it isn't valid yet, or not any more.
    pub fn check(&self, now: Timestamp) -> Result<(), CertificateError> {
        if now < self.not_before {
            return Err(CertificateError::NotYetValid {
                from: self.not_before,
            });
        }
        if now > self.not_after {
            return Err(CertificateError::Expired {
                until: self.not_after,
            });
        }
        Ok(())
    }
}

/// Why a certificate can't prove a client. Nothing of the secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Neither of the two forms.
    #[error("it is neither PEM text nor a PKCS#12 file in base64")]
    Unreadable,
    /// A part of it can't be read.
    #[error("its part {part:?} can't be read")]
    Broken {
        /// Which part.
        part: &'static str,
    },
    /// A certificate alone.
    #[error("it holds a certificate and no private key")]
    NoKey,
    /// A private key alone.
    #[error("it holds a private key and no certificate")]
    NoCertificate,
    /// The key is encrypted, and nothing is there to open it.
    #[error("it is encrypted, and there is no password")]
    PasswordMissing,
    /// The password doesn't open it.
    #[error("the password doesn't open it")]
    WrongPassword,
    /// Encrypted in a way that isn't understood.
    #[error("it is encrypted in a way that isn't supported: {0}")]
    Encryption(&'static str),
    /// Another kind of key.
    #[error("its key isn't an RSA key")]
    NotRsa,
    /// A key that is too small to be safe.
    #[error("its RSA key has {bits} bits, and {SMALLEST} are the least")]
    TooSmall {
        /// Bits of its modulus.
        bits: usize,
    },
    /// A key with which nothing can be signed.
    #[error("its RSA key can't be used: {0}")]
    Key(String),
    /// The two are not a pair.
    #[error("its private key doesn't belong to its certificate")]
    Mismatch,
    /// Too early.
    #[error("the certificate isn't valid before {from}")]
    NotYetValid {
        /// When its validity begins.
        from: Timestamp,
    },
    /// Too late.
    #[error("the certificate was valid until {until}")]
    Expired {
        /// When its validity ended.
        until: Timestamp,
    },
}

impl CertificateError {
    /// A stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable => "egress.certificate-unreadable",
            Self::Broken { .. } => "egress.certificate-broken",
            Self::NoKey => "egress.certificate-no-key",
            Self::NoCertificate => "egress.certificate-no-certificate",
            Self::PasswordMissing => "egress.certificate-password-missing",
            Self::WrongPassword => "egress.certificate-wrong-password",
            Self::Encryption(_) => "egress.certificate-encryption",
            Self::NotRsa => "egress.certificate-not-rsa",
            Self::TooSmall { .. } => "egress.certificate-too-small",
            Self::Key(_) => "egress.certificate-key",
            Self::Mismatch => "egress.certificate-mismatch",
            Self::NotYetValid { .. } => "egress.certificate-not-yet-valid",
            Self::Expired { .. } => "egress.certificate-expired",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable | Self::Broken { .. } => {
                "Give the certificate and its private key, as PEM text or as a PFX file."
            }
            Self::NoKey => {
                "Give the private key with the certificate: `cat client.key client.crt`, or a PFX file that holds both."
            }
            Self::NoCertificate => {
                "Give the certificate with the private key: `cat client.key client.crt`, or a PFX file that holds both."
            }
            Self::PasswordMissing => "Give its password too.",
            Self::WrongPassword => "Give the password with which it was encrypted.",
            Self::Encryption(_) => {
                "Encrypt the key anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc`, or give it unencrypted: it is sealed here."
            }
            Self::NotRsa => "Make a certificate with an RSA key of 2048 bits or more.",
            Self::TooSmall { .. } | Self::Key(_) => {
                "Make a new certificate with an RSA key of 2048 to 4096 bits, and register it at the vendor's side."
            }
            Self::Mismatch => "Give the private key that the certificate was made with.",
            Self::NotYetValid { .. } => {
                "Wait until it is valid, or set this machine's clock right."
            }
            Self::Expired { .. } => {
                "Make a new certificate, register it at the vendor's side and set it here."
            }
        }
    }

    /// Whether it is the password that has to be corrected.
    #[must_use]
    pub fn is_about_password(&self) -> bool {
        matches!(self, Self::PasswordMissing | Self::WrongPassword)
    }
}

/// A certificate with its private key.
pub(crate) struct ClientCertificate {
    key: RsaKeyPair,
    /// SHA-256 of the certificate in base64url: how a signature names it.
    x5t: String,
    facts: CertificateFacts,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ClientCertificate")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl ClientCertificate {
    /// Reads what an administrator gave. Its dates are not judged. Opening an encrypted one may take a second.
    pub(crate) fn read(
        given: &SecretString,
        password: Option<&SecretString>,
    ) -> Result<Self, CertificateError> {
        let password = password.map(ExposeSecret::expose_secret);
        let text = given.expose_secret();
        let bundle = if text.contains(BEGIN) {
            Bundle::of_pem(text, password)?
        } else {
            Bundle::of_archive(text, password)?
        };
        bundle.pair()
    }

    /// What may be known of it.
    pub(crate) fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// A fresh, signed statement of the client to a token endpoint. None where the machine has no randomness.
    pub(crate) fn assertion(
        &self,
        client: &str,
        endpoint: &str,
        now: Timestamp,
    ) -> Option<SecretString> {
        let header =
            serde_json::json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.x5t }).to_string();
        let claims = serde_json::json!({
            "aud": endpoint,
            "iss": client,
            "sub": client,
            "jti": uuid::Uuid::new_v4(),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.saturating_add(LIFE).ok()?.as_second(),
        });
        let mut token = Zeroizing::new(format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        ));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(SecretString::from(token.as_str()))
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// How a private key is encoded.
enum Encoded {
    Pkcs8(Zeroizing<Vec<u8>>),
    Pkcs1(Zeroizing<Vec<u8>>),
}

/// Keys and certificates before it is known which belong together.
#[derive(Default)]
struct Bundle {
    keys: Vec<Encoded>,
    certificates: Vec<Vec<u8>>,
}

impl Bundle {
    /// Line breaks don't matter: fields of one line, and variables of an environment, lose them.
    fn of_pem(text: &str, password: Option<&str>) -> Result<Self, CertificateError> {
        let mut bundle = Self::default();
        for block in text.split(BEGIN).skip(1) {
            let parts = block
                .split_once(DASHES)
                .and_then(|(label, rest)| Some((label, rest.split_once(END)?.0)));
            let Some((label, body)) = parts else {
                return Err(CertificateError::Broken { part: "PEM" });
            };
            let der = || {
                let text: Zeroizing<String> = Zeroizing::new(
                    body.replace("\\n", "")
                        .chars()
                        .filter(|sign| !sign.is_whitespace())
                        .collect(),
                );
                LENIENT
                    .decode(text.as_bytes())
                    .map(Zeroizing::new)
                    .map_err(|_| CertificateError::Broken { part: "PEM" })
            };
            match label {
                _ if body.contains("Proc-Type:") => {
                    return Err(CertificateError::Encryption("`Proc-Type: 4,ENCRYPTED`"));
                }
                "PRIVATE KEY" => bundle.keys.push(Encoded::Pkcs8(der()?)),
                "RSA PRIVATE KEY" => bundle.keys.push(Encoded::Pkcs1(der()?)),
                "ENCRYPTED PRIVATE KEY" => bundle.keys.push(opened(&der()?, password)?),
                "EC PRIVATE KEY" => return Err(CertificateError::NotRsa),
                "CERTIFICATE" => bundle.certificates.push(der()?.to_vec()),
                // What else such files hold, such as parameters, isn't needed.
                _ => {}
            }
        }
        Ok(bundle)
    }

    fn of_archive(text: &str, password: Option<&str>) -> Result<Self, CertificateError> {
        let text: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|sign| !sign.is_whitespace()).collect());
        let der = LENIENT
            .decode(text.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| CertificateError::Unreadable)?;
        // A SEQUENCE, as everything in DER that could be meant.
        if der.first() != Some(&0x30) {
            return Err(CertificateError::Unreadable);
        }
        let archive = Pkcs12Archive::from_pkcs12(&der, password.unwrap_or_default());
        let archive = archive.map_err(|error| match error {
            ArchiveError::MacError(_) | ArchiveError::UnpadError | ArchiveError::Pkcs5Error(_) => {
                if password.is_some() {
                    CertificateError::WrongPassword
                } else {
                    CertificateError::PasswordMissing
                }
            }
            ArchiveError::UnsupportedEncryptionScheme
            | ArchiveError::UnsupportedMacAlgorithm
            | ArchiveError::InvalidParameters => CertificateError::Encryption("PKCS#12"),
            ArchiveError::InvalidPrivateKey => CertificateError::Broken {
                part: "private key",
            },
            _ => CertificateError::Unreadable,
        })?;
        let keys = archive.keys.iter();
        let certificates = archive.certs.iter();
        Ok(Self {
            keys: keys
                .map(|bag| Encoded::Pkcs8(Zeroizing::new(bag.key.as_der().to_vec())))
                .collect(),
            certificates: certificates.map(|bag| bag.cert.as_der().to_vec()).collect(),
        })
    }

    /// The private key with the certificate that was made for it. Others, such as issuers', are passed over.
    fn pair(self) -> Result<ClientCertificate, CertificateError> {
        let encoded = match (self.keys.first(), self.certificates.is_empty()) {
            (Some(key), false) => key,
            (Some(_), true) => return Err(CertificateError::NoCertificate),
            (None, false) => return Err(CertificateError::NoKey),
            (None, true) => return Err(CertificateError::Unreadable),
        };
        let mut only_rsa = false;
        for der in &self.certificates {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|_| CertificateError::Broken {
                    part: "certificate",
                })?;
            let public = certificate.public_key();
            if public.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
                continue;
            }
            only_rsa = true;
            if let Ok(PublicKey::RSA(rsa)) = public.parsed()
                && rsa.key_size() < SMALLEST
            {
                return Err(CertificateError::TooSmall {
                    bits: rsa.key_size(),
                });
            }
            let key = key(encoded)?;
            if key.public_key().as_ref() == public.subject_public_key.data.as_ref() {
                return Ok(ClientCertificate {
                    key,
                    x5t: URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der)),
                    facts: facts(der, &certificate)?,
                });
            }
        }
        Err(if only_rsa {
            CertificateError::Mismatch
        } else {
            CertificateError::NotRsa
        })
    }
}

fn key(encoded: &Encoded) -> Result<RsaKeyPair, CertificateError> {
    let key = match encoded {
        Encoded::Pkcs8(der) => RsaKeyPair::from_pkcs8(der),
        Encoded::Pkcs1(der) => RsaKeyPair::from_der(der),
    };
    key.map_err(|rejected| match rejected.to_string().as_str() {
        "WrongAlgorithm" => CertificateError::NotRsa,
        "InvalidEncoding" => CertificateError::Broken {
            part: "private key",
        },
        why => CertificateError::Key(why.to_owned()),
    })
}

fn opened(der: &[u8], password: Option<&str>) -> Result<Encoded, CertificateError> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| CertificateError::Broken {
        part: "private key",
    })?;
    let unsupported = || CertificateError::Encryption("the private key");
    let EncryptionScheme::Pbes2(scheme) = &info.encryption_algorithm else {
        return Err(unsupported());
    };
    let is_bearable = match &scheme.kdf {
        Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MOST_ROUNDS,
        Kdf::Scrypt(kdf) => {
            let block = u64::from(kdf.block_size).saturating_mul(128);
            kdf.cost_parameter.saturating_mul(block) <= MOST_MEMORY && kdf.parallelization <= 16
        }
        _ => false,
    };
    if !is_bearable {
        return Err(unsupported());
    }
    let password = password.ok_or(CertificateError::PasswordMissing)?;
    let key = info.decrypt(password).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            EncryptionError::UnsupportedAlgorithm { .. }
            | EncryptionError::NoPbes1CryptSupport
            | EncryptionError::AlgorithmParametersInvalid { .. },
        ) => unsupported(),
        _ => CertificateError::WrongPassword,
    })?;
    Ok(Encoded::Pkcs8(Zeroizing::new(key.as_bytes().to_vec())))
}

fn facts(
    der: &[u8],
    certificate: &X509Certificate<'_>,
) -> Result<CertificateFacts, CertificateError> {
    let hex = |algorithm| {
        let digest = digest::digest(algorithm, der);
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    let time = |seconds: i64| {
        Timestamp::from_second(seconds).map_err(|_| CertificateError::Broken {
            part: "certificate",
        })
    };
    let validity = certificate.validity();
    let subject: String = certificate
        .subject()
        .to_string()
        .chars()
        .filter(|sign| !sign.is_control())
        .take(200)
        .collect();
    Ok(CertificateFacts {
        subject,
        thumbprint: hex(&digest::SHA1_FOR_LEGACY_USE_ONLY).to_uppercase(),
        sha256: hex(&digest::SHA256),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
    })
}

#[cfg(test)]
mod tests;
