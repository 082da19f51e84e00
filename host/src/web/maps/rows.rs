//! Rules as rows of the editor.

use super::draft::place;
use crate::api::problem::FieldError;
use crate::contract::Rule;

/// A rule as a row.
#[derive(Debug)]
pub(super) struct Row {
    /// Its place, counted from 0.
    pub(super) index: usize,
    /// What it gives.
    pub(super) target: Cell,
    /// Where from; the last one is blank where another may follow.
    pub(super) sources: Vec<Cell>,
    /// One more source.
    pub(super) further: Cell,
    /// Functions, and a blank one.
    pub(super) functions: Vec<Cell>,
    /// The constant.
    pub(super) default: Cell,
    /// The note.
    pub(super) note: Cell,
    /// What is wrong with it.
    pub(super) errors: Vec<FieldError>,
    /// What it says beside source and target.
    pub(super) more: String,
    /// Whether its details are shown.
    pub(super) open: bool,
    /// Whether one goes on here.
    pub(super) here: bool,
    /// Whether there is none behind it.
    pub(super) last: bool,
}

/// A field of a row.
#[derive(Debug)]
pub(super) struct Cell {
    /// Its path, which is its name too.
    pub(super) path: String,
    /// What it holds.
    pub(super) value: String,
    /// Whether it is wrong.
    pub(super) wrong: bool,
}

/// Rows of rules with what is wrong with each.
pub(super) fn rows(rules: &[Rule], problems: &[FieldError], here: Option<usize>) -> Vec<Row> {
    let of = |index| {
        let about = |error: &&FieldError| place(&error.path).is_some_and(|at| at.0 == index);
        problems.iter().filter(about).cloned().collect()
    };
    let count = rules.len();
    let rows = rules.iter().enumerate();
    rows.map(|(index, rule)| Row::new(index, rule, of(index), here, count))
        .collect()
}

impl Row {
    fn new(
        index: usize,
        rule: &Rule,
        errors: Vec<FieldError>,
        here: Option<usize>,
        count: usize,
    ) -> Self {
        let cell = |member: &str, value: &str| {
            let path = format!("rules[{index}].{member}");
            Cell {
                wrong: errors.iter().any(|error| error.path == path),
                value: value.to_owned(),
                path,
            }
        };
        let list = |member: &str, values: &[String], blank: bool| -> Vec<Cell> {
            let values = values.iter().map(String::as_str);
            let values = values.chain(blank.then_some(""));
            let cells = values.enumerate();
            cells
                .map(|(place, value)| cell(&format!("{member}[{place}]"), value))
                .collect()
        };
        let mut sources = list("sources", &rule.sources, true);
        // Where there is none, the blank one stands in the row itself.
        let further = match sources.len() {
            0 | 1 => cell("sources[1]", ""),
            _ => sources.pop().unwrap_or_else(|| cell("sources[1]", "")),
        };
        let functions = list("functions", &rule.functions, true);
        let default = cell("defaultValue", rule.default_value.as_deref().unwrap_or(""));
        let note = cell("note", rule.note.as_deref().unwrap_or(""));
        let inside = functions.iter().chain([&default, &note]);
        let open = inside.into_iter().any(|cell| cell.wrong);
        Self {
            index,
            target: cell("target", &rule.target),
            more: more(rule),
            sources,
            further,
            functions,
            default,
            note,
            open,
            here: here == Some(index),
            last: index + 1 == count,
            errors,
        }
    }

    /// Its place as people count.
    pub(super) fn number(&self) -> usize {
        self.index + 1
    }
}

/// What a rule says beside source and target, in a line.
fn more(rule: &Rule) -> String {
    let mut parts = Vec::new();
    if !rule.functions.is_empty() {
        parts.push(rule.functions.join(", "));
    }
    if let Some(value) = &rule.default_value {
        let word = match rule.sources.is_empty() {
            true => "always",
            false => "otherwise",
        };
        parts.push(format!("{word} {value}"));
    }
    if let Some(note) = &rule.note {
        parts.push(note.clone());
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::rule;

    #[test]
    fn a_row_has_its_errors_and_marks_the_fields_that_they_are_about() {
        let error = |path: &str| FieldError {
            path: path.into(),
            message: "It is wrong.".into(),
            remedy: String::new(),
        };
        let problems = [error("rules[1].functions[0]"), error("rules[10].target")];
        let one = Rule {
            functions: vec!["shout".into()],
            default_value: Some("\"NA\"".into()),
            ..rule("b", "mail")
        };
        let rows = rows(&[rule("a", "id"), one], &problems, Some(1));
        assert!(rows[0].errors.is_empty() && !rows[0].open && !rows[0].last);
        assert_eq!(rows[1].errors.len(), 1);
        assert!(rows[1].functions[0].wrong && rows[1].open && rows[1].here);
        assert_eq!(rows[1].more, "shout · otherwise \"NA\"");
        assert_eq!(rows[1].further.path, "rules[1].sources[1]");
    }

    #[test]
    fn a_constant_has_a_blank_source_to_fill_in() {
        let constant = Rule {
            sources: Vec::new(),
            default_value: Some("7".into()),
            ..rule("a", "")
        };
        let rows = rows(&[constant], &[], None);
        assert_eq!(rows[0].sources[0].value, "");
        assert_eq!(rows[0].further.path, "rules[0].sources[1]");
        assert_eq!(rows[0].more, "always 7");
    }
}
