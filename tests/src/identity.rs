//! Keys, certificates and tokens with which an application may prove who it is: made anew by every process, so that
//! none lies in a repository.

use std::sync::LazyLock;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use pkcs8::der::Encode as _;
use pkcs8::der::asn1::OctetString;
use pkcs8::pkcs5::pbes2::Parameters;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::Value;

/// An RSA key.
#[derive(Debug, Clone)]
pub struct Key(RsaPrivateKey);

/// How a PFX file is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// As today's programs do it: AES and HMAC-SHA-256.
    New,
    /// As Windows did it for long: triple DES and HMAC-SHA-1.
    Old,
}

impl Key {
    /// Makes one, which takes a while.
    ///
    /// # Errors
    /// Where the size is impossible.
    pub fn new(bits: usize) -> anyhow::Result<Self> {
        let mut rng = rsa::rand_core::OsRng;
        Ok(Self(RsaPrivateKey::new(&mut rng, bits)?))
    }

    /// One of 2048 bits, the same in all of a process.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a key of this size can be made")]
    pub fn first() -> &'static Self {
        static KEY: LazyLock<Key> = LazyLock::new(|| Key::new(2048).expect("a key"));
        &KEY
    }

    /// Another one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a key of this size can be made")]
    pub fn second() -> &'static Self {
        static KEY: LazyLock<Key> = LazyLock::new(|| Key::new(2048).expect("a key"));
        &KEY
    }

    fn der(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.0.to_pkcs8_der()?.as_bytes().to_vec())
    }

    /// PEM, PKCS#8.
    ///
    /// # Errors
    /// Never with a key that was made here.
    pub fn pem(&self) -> anyhow::Result<String> {
        Ok(self.0.to_pkcs8_pem(LineEnding::LF)?.to_string())
    }

    /// PEM as older programs write it, PKCS#1.
    ///
    /// # Errors
    /// Never with a key that was made here.
    pub fn older_pem(&self) -> anyhow::Result<String> {
        Ok(self.0.to_pkcs1_pem(LineEnding::LF)?.to_string())
    }

    /// PEM that a password opens.
    ///
    /// # Errors
    /// Never with a key that was made here.
    pub fn encrypted_pem(&self, password: &str) -> anyhow::Result<String> {
        let wrong = |error: pkcs8::pkcs5::Error| anyhow::anyhow!("{error}");
        let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(2_000, &[7; 16], [9; 16])
            .map_err(wrong)?;
        let encrypted = scheme.encrypt(password, &self.der()?).map_err(wrong)?;
        let info = pkcs8::EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: scheme.into(),
            encrypted_data: OctetString::new(encrypted)?,
        };
        Ok(pem("ENCRYPTED PRIVATE KEY", &info.to_der()?))
    }

    /// PEM of its public part.
    ///
    /// # Errors
    /// Never with a key that was made here.
    pub fn public_pem(&self) -> anyhow::Result<String> {
        Ok(self.0.to_public_key().to_public_key_pem(LineEnding::LF)?)
    }

    /// PEM of a certificate that is valid from so many days after today to so many.
    ///
    /// # Errors
    /// Where the days are impossible, or the key is too small to sign with.
    pub fn certificate(&self, name: &str, from: i64, to: i64) -> anyhow::Result<String> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(&self.pem()?, &PKCS_RSA_SHA256)?;
        certificate(&key, name, from, to)
    }

    /// A PFX file with this certificate.
    ///
    /// # Errors
    /// Where the certificate is none.
    pub fn pfx(&self, certificate: &str, password: &str, age: Age) -> anyhow::Result<Vec<u8>> {
        let certificate = Certificate::from_der(&of_pem(certificate)?)?;
        let key = PrivateKey::from_der(&self.der()?)?;
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new(vec![1, 2, 3], key, [certificate]);
        store.add_entry("client", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store
            .writer(password)
            .encryption_iterations(2_000)
            .mac_iterations(2_000);
        let writer = match age {
            Age::New => writer,
            Age::Old => writer
                .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
                .mac_algorithm(MacAlgorithm::HmacSha1),
        };
        Ok(writer.write()?)
    }

    /// A JWT with this header and these claims, signed as `alg` says: `PS256` or `RS256`.
    ///
    /// # Errors
    /// Where it is another algorithm.
    pub fn jwt(&self, header: &Value, claims: &Value) -> anyhow::Result<String> {
        let padding: &'static dyn RsaEncoding = match header["alg"].as_str() {
            Some("PS256") => &RSA_PSS_SHA256,
            Some("RS256") => &RSA_PKCS1_SHA256,
            _ => anyhow::bail!("only PS256 and RS256 are made"),
        };
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let key = RsaKeyPair::from_pkcs8(&self.der()?)
            .map_err(|error| anyhow::anyhow!("the key can't sign: {error}"))?;
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            padding,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|error| anyhow::anyhow!("nothing could be signed: {error}"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// PEM of a certificate with an elliptic curve's key, and of that key.
///
/// # Errors
/// Where the days are impossible.
pub fn of_elliptic_curve(name: &str) -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), certificate(&key, name, -1, 100)?))
}

/// PEM of a certificate for a public key (DER) with which nobody could sign it: another key signs.
///
/// # Errors
/// Where it is no public key.
pub fn certificate_of(public: &[u8], name: &str) -> anyhow::Result<String> {
    let public = rcgen::SubjectPublicKeyInfo::from_der(public)?;
    let signer = KeyPair::generate()?;
    let issuer = rcgen::Issuer::new(CertificateParams::new(Vec::new())?, signer);
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params.signed_by(&public, &issuer)?.pem())
}

fn certificate(key: &KeyPair, name: &str, from: i64, to: i64) -> anyhow::Result<String> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let day = |days: i64| {
        let date = TimeZone::UTC
            .to_datetime(Timestamp::now())
            .date()
            .checked_add(jiff::Span::new().days(days))?;
        anyhow::Ok(rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        ))
    };
    params.not_before = day(from)?;
    params.not_after = day(to)?;
    Ok(params.self_signed(key)?.pem())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// The bytes of the first block of a PEM text.
///
/// # Errors
/// Where there is none.
pub fn of_pem(text: &str) -> anyhow::Result<Vec<u8>> {
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"));
    let body: String = lines.map(str::trim).collect();
    ensure!(!body.is_empty(), "it is no PEM text");
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .context("it is no PEM text")
}
