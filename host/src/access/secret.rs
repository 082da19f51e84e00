//! Random secrets and what is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::AccessError;

/// Bytes of a random secret: 256 bits, so that a plain hash of it can't be reversed.
const LENGTH: usize = 32;

/// SHA-256 of a random secret: all that is stored of it. Comparing two of them tells nobody how much
/// of a guess was right, because nobody can steer a hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; LENGTH]);

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// 256 random bits as text for cookies and headers.
pub(super) fn random() -> Result<SecretString, AccessError> {
    let mut bytes = Zeroizing::new([0_u8; LENGTH]);
    fill(bytes.as_mut())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_ref()).into())
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), AccessError> {
    getrandom::fill(bytes).map_err(|error| AccessError::Broken(error.to_string()))
}

/// A secret that follows from another one for this purpose, and doesn't lead back.
pub(super) fn derived(purpose: &str, secret: &str) -> SecretString {
    let digest = Sha256::new()
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(secret)
        .finalize();
    URL_SAFE_NO_PAD.encode(digest).into()
}

/// Whether two secrets are the same.
pub(super) fn same(one: &str, other: &str) -> bool {
    Digest::of(one) == Digest::of(other)
}

/// A secret out of a request's document.
pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<SecretString, D::Error> {
    <String as serde::Deserialize>::deserialize(source).map(SecretString::from)
}
