//! Page and delta tokens: opaque to clients, self-contained for the simulator.
//!
//! A token carries where to go on and what it is bound to, sealed with a key of this run: one that was cut, changed or
//! made by another simulator is recognised and refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chance::mix;

/// Where a listing goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PageToken {
    /// Fingerprint of path and query.
    pub(crate) bound: u64,
    /// Position of the next object in the listing's own order.
    pub(crate) at: u64,
    /// The first page was an advanced query, so the header is needed here too.
    pub(crate) advanced: bool,
    pub(crate) epoch: u32,
    /// Counts pages that brought nothing, so that they end.
    pub(crate) idle: u8,
}

/// Which delta function a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tracked {
    Users,
    Groups,
}

/// Where a delta query stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeltaToken {
    pub(crate) tracked: Tracked,
    /// Selected properties.
    pub(crate) select: u64,
    pub(crate) members: bool,
    /// Only these objects, when not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) only: Vec<u128>,
    pub(crate) epoch: u32,
    /// Seconds since 1970 when the round that made this token was served.
    pub(crate) issued: u64,
    /// Number of rounds so far, which makes every round's tokens different.
    pub(crate) round: u32,
    pub(crate) place: Place,
}

/// What a delta token points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// A delta link: everything before this log position is known.
    Since(u64),
    /// Amid the first round: the next object, the next member in it, and the log position the round answers for.
    First {
        at: u64,
        member: u32,
        until: u64,
        idle: u8,
    },
    /// Amid a later round: the next log entry, the next member of a group that is listed whole, and the end.
    Later {
        at: u64,
        member: u32,
        until: u64,
        idle: u8,
    },
}

/// Seals and opens tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealer(pub(crate) u64);

impl Sealer {
    pub(crate) fn seal<T: Serialize>(self, token: &T) -> String {
        let mut bytes = serde_json::to_vec(token).unwrap_or_default();
        let mark = self.mark(&bytes);
        // The content is not meant to be read, and looking like JSON would invite it.
        let pad = mark.to_le_bytes();
        for (byte, key) in bytes.iter_mut().zip(pad.iter().cycle()) {
            *byte ^= key;
        }
        bytes.extend_from_slice(&pad);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn open<T: DeserializeOwned>(self, text: &str) -> Option<T> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let pad = bytes.split_off(bytes.len().checked_sub(8)?);
        for (byte, key) in bytes.iter_mut().zip(pad.iter().cycle()) {
            *byte ^= key;
        }
        if self.mark(&bytes).to_le_bytes().as_slice() != pad {
            return None;
        }
        serde_json::from_slice(&bytes).ok()
    }

    fn mark(self, bytes: &[u8]) -> u64 {
        fingerprint(self.0, bytes)
    }
}

/// A 64-bit fingerprint; good enough to catch mistakes, no protection against an attacker.
pub(crate) fn fingerprint(key: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(mix(key), |state, byte| mix(state ^ u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_whole_unchanged_and_with_its_own_key() {
        let token = PageToken {
            bound: 7,
            at: 100,
            advanced: false,
            epoch: 0,
            idle: 0,
        };
        let sealed = Sealer(1).seal(&token);
        assert_eq!(Sealer(1).open::<PageToken>(&sealed).unwrap().at, 100);
        assert!(Sealer(2).open::<PageToken>(&sealed).is_none());
        assert!(Sealer(1).open::<PageToken>(&sealed[1..]).is_none());
        assert!(
            Sealer(1).open::<DeltaToken>(&sealed).is_none(),
            "a page token is no delta token"
        );
        assert!(!sealed.contains("bound"));
    }
}
