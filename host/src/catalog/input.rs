//! What people write into fields, and what is wrong with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::CatalogError;
use crate::contract::Problem;
use crate::plugin::is_format_control;

/// Longest name, in characters.
pub(super) const NAME_CHARACTERS: usize = 100;
/// Longest description or comment, in characters.
pub(super) const TEXT_CHARACTERS: usize = 2_000;
/// Problems of one request beyond which a list isn't looked at any further.
const MOST_FINDINGS: usize = 100;
/// Deepest nesting of a document that is kept: less than any reader of it can bear.
const JSON_DEPTH: usize = 32;

/// Collects what is wrong, so that all of it is told at once.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Problem>);

impl Findings {
    pub(super) fn add(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Problem {
            path: path.into(),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// Adds problems whose paths are relative to a field.
    pub(super) fn under(&mut self, field: &str, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems.into_iter().map(|problem| Problem {
            path: match problem.path.as_str() {
                "" => field.to_owned(),
                path => format!("{field}.{path}"),
            },
            ..problem
        }));
    }

    /// Adds problems of fields of which nothing is said yet.
    pub(super) fn complete(&mut self, problems: impl IntoIterator<Item = Problem>) {
        let root = |path: &str| path.split('[').next().unwrap_or_default().to_owned();
        let told: BTreeSet<String> = self.0.iter().map(|problem| root(&problem.path)).collect();
        let others = problems.into_iter();
        self.0
            .extend(others.filter(|problem| !told.contains(&root(&problem.path))));
    }

    /// Adds problems as they are.
    pub(super) fn all(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems);
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|problem| problem.path == path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether more would help nobody.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_FINDINGS
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.0
    }

    pub(super) fn end(self) -> Result<(), CatalogError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(CatalogError::Invalid(self.0))
    }

    /// A name: trimmed, of one line.
    pub(super) fn name(&mut self, path: &str, text: &str) -> String {
        let name = text.trim().to_owned();
        let length = name.chars().count();
        if !(1..=NAME_CHARACTERS).contains(&length) {
            self.add(
                path,
                format!("A name has 1 to {NAME_CHARACTERS} characters, this has {length}."),
                "Give a name of this length.",
            );
        } else if name.chars().any(|c| c.is_control() || is_format_control(c)) {
            self.add(
                path,
                "It has control characters or such that hide or reorder text.",
                "Leave them out.",
            );
        }
        name
    }

    /// A text for people, of any number of lines.
    pub(super) fn text(&mut self, path: &str, text: &str) -> String {
        let text = text.trim().to_owned();
        if text.chars().count() > TEXT_CHARACTERS {
            self.add(
                path,
                format!("It is longer than {TEXT_CHARACTERS} characters."),
                "Shorten it.",
            );
        } else if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            self.add(path, "It has control characters.", "Leave them out.");
        }
        text
    }
}

/// A name as it is compared.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a document is nested no deeper than can be kept.
pub(super) fn is_shallow(value: &Value) -> bool {
    fn within(value: &Value, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else {
            return matches!(
                value,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)
            );
        };
        match value {
            Value::Array(items) => items.iter().all(|item| within(item, left)),
            Value::Object(members) => members.values().all(|member| within(member, left)),
            _ => true,
        }
    }
    within(value, JSON_DEPTH)
}

/// A member of a change that may be left out, but not be `null`: what is told apart from "no change" must be
/// a value.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_short_and_of_one_line() {
        let mut findings = Findings::default();
        assert_eq!(findings.name("name", "  Contoso Entra\n"), "Contoso Entra");
        assert!(findings.is_empty());
        for wrong in ["", "   ", "a\nb", "a\u{202e}b", "a\u{0}b", &"x".repeat(101)] {
            let mut findings = Findings::default();
            findings.name("name", wrong);
            assert!(findings.has("name"), "{wrong:?}");
        }
        assert_eq!(findings.name("name", &"é".repeat(100)).chars().count(), 100);
        assert!(findings.is_empty(), "characters are counted, not bytes");
    }

    #[test]
    fn a_document_may_be_nested_so_deep_and_no_deeper() {
        let nested =
            |depth: usize| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(is_shallow(&nested(JSON_DEPTH)));
        assert!(!is_shallow(&nested(JSON_DEPTH + 1)));
    }

    #[test]
    fn of_a_field_that_is_wrong_already_no_more_is_said() {
        let mut findings = Findings::default();
        findings.add("settings.groups", "not a list", "");
        let problem = |path: &str| Problem {
            path: path.into(),
            message: String::new(),
            remedy: String::new(),
        };
        findings.complete([problem("settings.groups[3]"), problem("settings.tenantId")]);
        let paths: Vec<String> = findings
            .into_problems()
            .into_iter()
            .map(|p| p.path)
            .collect();
        assert_eq!(paths, ["settings.groups", "settings.tenantId"]);
    }
}
