//! A connection test, as it is shown.

use jiff::Timestamp;

use crate::catalog::{LastTest, Tested};
use crate::contract::{CheckLine, CheckOutcome, Description, Fault, Permission};

/// A connection test, as it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) at: Timestamp,
    /// Whether something was changed since.
    pub(super) stale: bool,
    pub(super) passed: bool,
    pub(super) lines: Vec<Line>,
    pub(super) fault: Option<Fault>,
}

/// What was tested.
#[derive(Debug)]
pub(super) struct Line {
    /// How it went.
    pub(super) word: &'static str,
    pub(super) item: String,
    pub(super) seen: String,
    pub(super) remedy: Option<String>,
    /// The permission that it is about.
    pub(super) permission: Option<Permission>,
}

impl Shown {
    pub(super) fn new(test: LastTest, description: &Description) -> Self {
        let Tested {
            passed,
            lines,
            fault,
        } = test.found;
        let lines = lines.into_iter().map(|line| Line {
            word: word(&line),
            permission: permission(&line, description),
            item: line.item,
            seen: line.seen,
            remedy: line.remedy,
        });
        Self {
            at: test.at,
            stale: test.stale,
            passed,
            lines: lines.collect(),
            fault,
        }
    }
}

/// What is left out though it could be mended is worth a warning.
fn word(line: &CheckLine) -> &'static str {
    match (line.outcome, &line.remedy) {
        (CheckOutcome::Passed, _) => "passed",
        (CheckOutcome::Failed, _) => "failed",
        (CheckOutcome::Skipped, Some(_)) => "warning",
        (CheckOutcome::Skipped, None) => "skipped",
    }
}

fn permission(line: &CheckLine, description: &Description) -> Option<Permission> {
    if line.outcome == CheckOutcome::Passed {
        return None;
    }
    let mut permissions = description.permissions.iter();
    let names = |permission: &&Permission| {
        let texts = [Some(line.item.as_str()), line.remedy.as_deref()];
        texts
            .into_iter()
            .flatten()
            .any(|text| text.contains(&permission.name))
    };
    permissions.find(names).cloned()
}
