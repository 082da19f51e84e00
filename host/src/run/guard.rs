//! The mass-change guard: a run that would remove too much is held.

use crate::directory::{Removals, Removed};
use crate::limits::{Guard, Threshold};

/// Whether the removals are more than the guard lets through.
pub(super) fn holds(guard: &Guard, removals: &Removals) -> bool {
    [
        (guard.users, removals.users),
        (guard.groups, removals.groups),
        (guard.memberships, removals.memberships),
    ]
    .into_iter()
    .any(|(threshold, stream)| exceeds(threshold, stream))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of counts far below 2^52"
)]
fn exceeds(threshold: Threshold, stream: Removed) -> bool {
    stream.removed > threshold.count && stream.removed as f64 > threshold.share * stream.held as f64
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

    #[test]
    fn each_stream_has_its_own_threshold() {
        let guard = Guard {
            users: Threshold {
                share: 0.5,
                count: 0,
            },
            ..Guard::of_share(0.1)
        };
        assert!(!holds(&guard, &users(1, 2)), "exactly the share of users");
        assert!(holds(&guard, &users(3, 5)));
        let groups = Removals {
            groups: Removed {
                removed: 51,
                held: 500,
            },
            ..Removals::default()
        };
        assert!(holds(&guard, &groups), "the share of groups is smaller");
    }
}
