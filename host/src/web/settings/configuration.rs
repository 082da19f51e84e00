//! The configuration in force, field by field.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::super::filters;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use crate::api::Plane;
use crate::config::{self, Given};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/settings/configuration", get(configuration))
}

/// A section with its fields.
struct Part {
    /// Its name in the file; empty for what was given for single plugins and connectors.
    path: String,
    about: String,
    fields: Vec<Field>,
}

struct Field {
    /// Its name in the section.
    name: String,
    meaning: String,
    /// Its value; absent where it is not set.
    value: Option<String>,
    /// Where it was given.
    given: String,
    is_default: bool,
    variable: String,
}

#[derive(Template)]
#[template(path = "settings/configuration.html")]
struct ConfigurationPage {
    shell: Shell,
    parts: Vec<Part>,
    count: usize,
    changed: usize,
}

impl Field {
    fn new(section: &str, value: &config::Value, meaning: String) -> Self {
        let prefix = format!("{section}.");
        Self {
            name: value
                .path
                .strip_prefix(&prefix)
                .unwrap_or(&value.path)
                .to_owned(),
            meaning,
            value: shown(&value.value),
            given: value.given.to_string(),
            is_default: value.given == Given::Default,
            variable: value.variable.clone().unwrap_or_default(),
        }
    }
}

/// A value for people; nothing where there is none.
fn shown(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) if text.is_empty() => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Every section with the values in force.
fn parts(values: &[config::Value]) -> Vec<Part> {
    let mut parts: Vec<Part> = config::sections()
        .iter()
        .map(|section| Part {
            path: section.path.to_owned(),
            about: section.sentence(),
            fields: section
                .fields
                .iter()
                .filter_map(|field| {
                    let path = format!("{}.{}", section.path, field.key());
                    // A field that is a section of its own has no value here.
                    let value = values.iter().find(|value| value.path == path)?;
                    Some(Field::new(section.path, value, field.sentence()))
                })
                .collect(),
        })
        .collect();
    // What was given for single plugins and connectors has no variable.
    let single = values.iter().filter(|value| value.variable.is_none());
    let fields: Vec<Field> = single
        .map(|value| Field::new("", value, String::new()))
        .collect();
    if !fields.is_empty() {
        parts.push(Part {
            path: "limits.plugins and limits.connectors".into(),
            about: "What single plugins and connectors may use.".into(),
            fields,
        });
    }
    parts
}

async fn configuration(shell: Shell, State(plane): State<Plane>) -> Answer {
    let values = &plane.configured;
    page(&ConfigurationPage {
        shell,
        parts: parts(values),
        count: values.len(),
        changed: values
            .iter()
            .filter(|value| value.given != Given::Default)
            .count(),
    })
}
