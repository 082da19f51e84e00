//! What a held run would remove, beside what it may.

use serde_json::Value;

use super::asked::Show;
use crate::directory::{Removals, Removed};
use crate::limits::{Guard, Threshold};
use crate::web::filters::grouped;

/// One stream of a held run.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) show: Show,
    pub(super) name: &'static str,
    pub(super) removed: u64,
    held: u64,
    /// What may be removed, where that was kept.
    limit: Option<Threshold>,
}

/// What the guard found, from the report of a run that was held.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) streams: [Stream; 3],
}

impl Found {
    /// Nothing where the report tells of no removals.
    pub(super) fn of(report: Option<&Value>) -> Option<Self> {
        let report = report?;
        let removals: Removals = serde_json::from_value(report.get("removals")?.clone()).ok()?;
        let guard = report.get("guard").cloned();
        let guard: Option<Guard> = guard.and_then(|guard| serde_json::from_value(guard).ok());
        let stream = |show, name, removed: Removed, limit: Option<Threshold>| Stream {
            show,
            name,
            removed: removed.removed,
            held: removed.held,
            limit,
        };
        let limit = |of: fn(&Guard) -> Threshold| guard.as_ref().map(of);
        Some(Self {
            streams: [
                stream(
                    Show::Users,
                    "users",
                    removals.users,
                    limit(|guard| guard.users),
                ),
                stream(
                    Show::Groups,
                    "groups",
                    removals.groups,
                    limit(|guard| guard.groups),
                ),
                stream(
                    Show::Memberships,
                    "memberships",
                    removals.memberships,
                    limit(|guard| guard.memberships),
                ),
            ],
        })
    }

    /// What is shown first: what is beyond its limit, else what there is.
    pub(super) fn first(&self) -> Show {
        let beyond = self.streams.iter().find(|stream| stream.is_beyond());
        let any = self.streams.iter().find(|stream| stream.removed > 0);
        beyond.or(any).map_or(Show::Users, |stream| stream.show)
    }

    /// `412 of 1032 groups (39.9 %, limit 20 %)` for each stream that is beyond its limit, or, where no limit
    /// was kept, for each that would lose something.
    pub(super) fn sentences(&self) -> Vec<String> {
        let beyond: Vec<_> = self
            .streams
            .iter()
            .filter(|stream| stream.is_beyond())
            .map(Stream::sentence)
            .collect();
        if !beyond.is_empty() {
            return beyond;
        }
        let any = self.streams.iter().filter(|stream| stream.removed > 0);
        any.map(Stream::sentence).collect()
    }

    /// What goes along without being beyond a limit.
    pub(super) fn others(&self) -> Vec<String> {
        let has_beyond = self.streams.iter().any(Stream::is_beyond);
        self.streams
            .iter()
            .filter(|stream| has_beyond && !stream.is_beyond() && stream.removed > 0)
            .map(|stream| {
                format!(
                    "{} of {} {}",
                    grouped(stream.removed),
                    grouped(stream.held),
                    stream.name
                )
            })
            .collect()
    }
}

impl Stream {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn share(&self) -> f64 {
        self.removed as f64 / (self.held.max(1)) as f64
    }

    fn is_beyond(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.removed > limit.count && self.share() > limit.share)
    }

    fn sentence(&self) -> String {
        let (removed, held) = (grouped(self.removed), grouped(self.held));
        let share = percent(self.share());
        match self.limit {
            Some(limit) => {
                let limit = percent(limit.share);
                format!("{removed} of {held} {} ({share}, limit {limit})", self.name)
            }
            None => format!("{removed} of {held} {} ({share})", self.name),
        }
    }
}

/// `39.9 %`, `20 %`, with spaces that don't break.
fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}\u{a0}%", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(guard: &Value) -> Found {
        let none = json!({"removed": 0, "held": 10});
        let report = json!({
            "removals": {
                "users": {"removed": 3, "held": 10},
                "groups": {"removed": 412, "held": 1032},
                "memberships": none,
                "sample": {"users": [], "groups": [], "memberships": []},
            },
            "guard": guard,
        });
        Found::of(Some(&report)).unwrap()
    }

    #[test]
    fn what_is_beyond_its_limit_is_told_with_it() {
        let found = found(&json!({}));
        assert_eq!(
            found.sentences(),
            ["412 of 1032 groups (39.9\u{a0}%, limit 20\u{a0}%)"]
        );
        assert_eq!(found.others(), ["3 of 10 users"]);
        assert_eq!(found.first(), Show::Groups);
    }

    #[test]
    fn without_a_limit_everything_is_told() {
        let found = found(&Value::Null);
        let told = [
            "3 of 10 users (30\u{a0}%)",
            "412 of 1032 groups (39.9\u{a0}%)",
        ];
        assert_eq!(found.sentences(), told);
        assert_eq!(found.first(), Show::Users);
    }

    #[test]
    fn a_report_of_a_run_that_was_not_held_tells_nothing() {
        assert!(Found::of(Some(&json!({"state": "processed"}))).is_none());
    }
}
