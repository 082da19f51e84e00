//! The mass-change guard: a run that would remove too much is held.

use crate::directory::{Removals, Removed};
use crate::limits::Guard;

/// Whether the removals are more than the guard lets through.
pub(super) fn holds(guard: &Guard, removals: &Removals) -> bool {
    [removals.users, removals.groups, removals.memberships]
        .iter()
        .any(|stream| exceeds(guard, *stream))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of counts far below 2^52"
)]
fn exceeds(guard: &Guard, stream: Removed) -> bool {
    stream.removed > guard.count && stream.removed as f64 > guard.share * stream.held as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(removed: u64, held: u64) -> Removals {
        Removals {
            users: Removed { removed, held },
            ..Removals::default()
        }
    }

    #[test]
    fn a_run_is_held_only_beyond_both_the_share_and_the_count() {
        let guard = Guard::default();
        assert!(!holds(&guard, &users(50, 50)), "the count is not exceeded");
        assert!(
            !holds(&guard, &users(51, 1_000)),
            "the share is not exceeded"
        );
        assert!(!holds(&guard, &users(200, 1_000)), "exactly the share");
        assert!(holds(&guard, &users(201, 1_000)));
        assert!(holds(&guard, &users(51, 51)));
    }
}
