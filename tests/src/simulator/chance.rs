//! Chance that repeats: the same simulator asked for the same page answers with the same whims.

/// Mixes 64 bits (the finaliser of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Decisions that depend on a key only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0, |state, part| mix(state ^ *part)))
    }

    /// A number in 0..1 for the question `salt`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn share(self, salt: u64) -> f64 {
        (mix(self.0 ^ mix(salt)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn hits(self, salt: u64, probability: f64) -> bool {
        probability > 0.0 && self.share(salt) < probability
    }

    /// A number below `bound`.
    pub(crate) fn below(self, salt: u64, bound: usize) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "below bound"
        )]
        let value = (self.share(salt) * bound as f64) as usize;
        value.min(bound.saturating_sub(1))
    }
}
