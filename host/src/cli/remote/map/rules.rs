//! Rules of a map: as a table, and from a file.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::failure::Failure;
use super::super::output::Column;

/// Rules as a table.
pub(super) const COLUMNS: &[Column] = &[
    Column::text("Sources", "/sources"),
    Column::text("Target", "/target"),
    Column::text("Functions", "/functions"),
    Column::text("Default", "/defaultValue"),
    Column::text("Note", "/note"),
];

/// The rules of a file: a list, or an object with such a list.
pub(super) fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the rules file {}", file.display()))?;
    Ok(parse(&text, &file.display().to_string())?)
}

/// The rules of a text; `place` names it in errors.
pub(super) fn parse(text: &str, place: &str) -> Result<Value, Failure> {
    const REMEDY: &str =
        "Write a JSON list of rules, such as [{\"target\": \"id\", \"sources\": [\"id\"]}].";
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Failure::input(format!("{place} is no JSON: {error}"), REMEDY))?;
    let rules = match value {
        Value::Object(mut members) => members.remove("rules").unwrap_or_default(),
        value => value,
    };
    if rules.is_array() {
        return Ok(rules);
    }
    Err(Failure::input(
        format!("{place} has no list of rules"),
        REMEDY,
    ))
}
