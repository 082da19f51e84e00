//! What is in force, value by value.

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::load::Loaded;
use super::mistake::Given;
use super::section::variable;
use super::{Config, fields};
use crate::limits::Limits;

/// A value that is in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConfiguredValue)]
pub struct Value {
    /// The field, such as `server.listen`.
    pub path: String,
    /// Its value; null for none. Passwords are left out.
    #[schema(value_type = serde_json::Value)]
    pub value: Json,
    /// Where it was given.
    pub given: Given,
    /// The variable that would set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

impl Loaded {
    /// Everything that is in force, in the order of the example file; then what was given for single plugins and
    /// connectors.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let all = document(&self.config);
        let known: Vec<String> = fields().map(|(path, _)| path).collect();
        let given = |path: &str| self.given.get(path).cloned().unwrap_or_default();
        let mut values: Vec<Value> = known
            .iter()
            .map(|path| Value {
                value: at(&all, path),
                given: given(path),
                variable: Some(variable(path)),
                path: path.clone(),
            })
            .collect();
        let others = self.given.keys().filter(|path| !known.contains(path));
        values.extend(others.map(|path| Value {
            value: at(&all, path),
            given: given(path),
            variable: None,
            path: path.clone(),
        }));
        values
    }
}

/// A configuration as a document, with the limits that are in force.
pub(super) fn document(config: &Config) -> Json {
    // Plain data with text keys.
    let mut all = serde_json::to_value(config).unwrap_or_default();
    let limits: Limits = config.limits.of_any();
    if let Some(place) = all.pointer_mut("/limits/all") {
        *place = serde_json::to_value(limits).unwrap_or_default();
    }
    all
}

/// The value at a path; passwords in URLs are left out.
pub(super) fn at(document: &Json, path: &str) -> Json {
    let mut value = document;
    for key in path.split('.') {
        let Some(inner) = value.get(key) else {
            return Json::Null;
        };
        value = inner;
    }
    without_password(value)
}

fn without_password(value: &Json) -> Json {
    match value {
        Json::String(text) => {
            let mut url = match url::Url::parse(text) {
                Ok(url) if url.password().is_some() => url,
                _ => return value.clone(),
            };
            match url.set_password(Some("***")) {
                Ok(()) => url.to_string().into(),
                Err(()) => "***".into(),
            }
        }
        Json::Array(items) => items.iter().map(without_password).collect(),
        other => other.clone(),
    }
}
