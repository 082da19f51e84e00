//! What a run did, from its report.

use serde::Deserialize;
use serde_json::Value;

use crate::directory::StreamTally;

/// The most of a report's text that a page shows.
const LONGEST: usize = 24 << 10;

/// A stream's counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) tally: StreamTally,
}

impl Row {
    /// Records that brought nothing new, those that came more than once among them.
    pub(super) fn unchanged(&self) -> u64 {
        let news = self.tally.added + self.tally.updated;
        self.tally.seen.saturating_sub(news)
    }
}

/// A part of the work that was given up.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct GivenUp {
    pub(super) partition: String,
    pub(super) fault: Reported,
}

/// A fault in a report.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reported {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) remedy: Option<String>,
}

/// A mistake in the settings or the map.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) remedy: String,
}

/// What of a report is shown. A part that isn't there, or is of an older version, is left out.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) rows: Vec<Row>,
    pub(super) note: Option<String>,
    pub(super) resumed: bool,
    pub(super) pages: Option<u64>,
    pub(super) partitions: Option<u64>,
    pub(super) retries: Option<u64>,
    pub(super) throttled: Option<u64>,
    pub(super) failures: Vec<GivenUp>,
    pub(super) failures_dropped: u64,
    pub(super) problems: Vec<Wrong>,
    /// The report itself, and whether that is all of it.
    pub(super) text: Option<(String, bool)>,
}

impl Summary {
    pub(super) fn of(report: Option<&Value>) -> Self {
        let Some(report) = report else {
            return Self::default();
        };
        let streams = [
            ("Users", "users"),
            ("Groups", "groups"),
            ("Memberships", "memberships"),
        ];
        let row = |(name, key): (&'static str, &str)| {
            let tally = part(report, key)?;
            Some(Row { name, tally })
        };
        let network = report.get("network").unwrap_or(&Value::Null);
        Self {
            rows: streams.into_iter().filter_map(row).collect(),
            note: part(report, "note"),
            resumed: part(report, "resumed").unwrap_or_default(),
            pages: part(report, "pages"),
            partitions: part(report, "partitions"),
            retries: part(report, "retries"),
            throttled: part(network, "throttled"),
            failures: part(report, "failures").unwrap_or_default(),
            failures_dropped: part(report, "failuresDropped").unwrap_or_default(),
            problems: part(report, "problems").unwrap_or_default(),
            text: serde_json::to_string_pretty(report).ok().map(cut),
        }
    }
}

fn part<T: serde::de::DeserializeOwned>(report: &Value, key: &str) -> Option<T> {
    serde_json::from_value(report.get(key)?.clone()).ok()
}

/// As many whole lines as a page takes.
fn cut(mut text: String) -> (String, bool) {
    if text.len() <= LONGEST {
        return (text, true);
    }
    let end = text.floor_char_boundary(LONGEST);
    text.truncate(end);
    let end = text.rfind('\n').unwrap_or(end);
    text.truncate(end);
    (text, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_of_which_little_is_known_is_still_shown() {
        let summary = Summary::of(Some(&json!({"problems": [], "note": 7})));
        assert!(summary.rows.is_empty() && summary.note.is_none());
        assert!(summary.text.unwrap().1);
    }

    #[test]
    fn a_long_report_is_cut_between_lines() {
        let many: Vec<_> = (0..9_000).map(|n| format!("ä{n}")).collect();
        let (text, whole) = Summary::of(Some(&json!(many))).text.unwrap();
        assert!(!whole && text.len() <= LONGEST && text.ends_with("\","));
    }

    #[test]
    fn what_came_and_was_as_before_is_unchanged() {
        let tally = json!({"seen": 10, "added": 2, "updated": 3, "removed": 1, "complete": true});
        let summary = Summary::of(Some(&json!({"users": tally})));
        assert_eq!(summary.rows[0].unchanged(), 5);
    }
}
