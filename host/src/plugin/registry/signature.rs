//! Signatures of plugins: Ed25519, in the form of minisign.

use minisign_verify::{PublicKey, Signature};

use super::RegistryError;

/// The keys that an operator trusts.
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedKeys(Vec<(String, PublicKey)>);

impl TrustedKeys {
    /// Reads public keys as minisign writes them, with or without their comment.
    pub(super) fn parse(keys: &[String]) -> Result<Self, RegistryError> {
        keys.iter()
            .map(|key| {
                let line = key.trim().lines().last().unwrap_or_default().trim();
                PublicKey::from_base64(line)
                    .map(|public| (line.to_owned(), public))
                    .map_err(|error| RegistryError::Key {
                        key: line.to_owned(),
                        reason: error.to_string(),
                    })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The trusted key that made this signature of these bytes.
    pub(super) fn signer(
        &self,
        what: &str,
        bytes: &[u8],
        signature: &str,
    ) -> Result<&str, RegistryError> {
        let refuse = |reason: String| RegistryError::Signature {
            what: what.to_owned(),
            reason,
        };
        let signature = Signature::decode(signature)
            .map_err(|error| refuse(format!("the signature can't be read: {error}")))?;
        self.0
            .iter()
            // Only signatures of a hash: the older form is refused.
            .find(|(_, key)| key.verify(bytes, &signature, false).is_ok())
            .map(|(name, _)| name.as_str())
            .ok_or_else(|| refuse("no trusted key made this signature of this file".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(Some(&pair.pk), &pair.sk, bytes, None, None)
            .unwrap()
            .into_string()
    }

    #[test]
    fn a_trusted_key_is_known_by_its_signature() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let key = pair.pk.to_base64();
        let boxed = pair.pk.to_box().unwrap().into_string();
        for spelling in [key.clone(), boxed] {
            let keys = TrustedKeys::parse(&[spelling]).unwrap();
            let signature = sign(&pair, b"a plugin");
            assert_eq!(keys.signer("it", b"a plugin", &signature).unwrap(), key);
        }
    }

    #[test]
    fn another_file_another_key_and_no_signature_are_refused() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
        let keys = TrustedKeys::parse(&[pair.pk.to_base64()]).unwrap();
        for (bytes, signature) in [
            (&b"another"[..], sign(&pair, b"a plugin")),
            (b"a plugin", sign(&stranger, b"a plugin")),
            (b"a plugin", "hello".to_owned()),
        ] {
            assert!(matches!(
                keys.signer("it", bytes, &signature),
                Err(RegistryError::Signature { .. })
            ));
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_by_name() {
        let error = TrustedKeys::parse(&["hunter2".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("hunter2"), "{error}");
    }
}
