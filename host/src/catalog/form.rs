//! The settings of a connector as a form: what its plugin declares, checked before the plugin is asked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::input::{Findings, is_shallow};
use crate::contract::{Description, Problem, Setting, SettingKind};
use crate::settings::PluginSettings;

/// Longest text of a setting, in bytes.
const TEXT_BYTES: usize = 4 << 10;
/// Longest secret, in bytes.
const SECRET_BYTES: usize = 64 << 10;
/// Most entries of a list.
const MOST_ITEMS: usize = 20_000;
/// Bytes of all settings together.
const SETTINGS_BYTES: usize = 1 << 20;

/// Secrets to be set or forgotten, by key of the setting: `{"value": "…", "expiresOn": "2027-05-31"}` sets one
/// with the last day of its validity, `{"expiresOn": "2027-05-31"}` notes another day, `null` forgets it.
/// What is wrong with it is told without repeating it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = Object,
    example = json!({"clientSecret": {"value": "…", "expiresOn": "2027-05-31"}})
)]
pub struct SecretChanges(Value);

impl std::fmt::Debug for SecretChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretChanges(…)")
    }
}

/// What becomes of a secret.
#[derive(Debug)]
pub(super) enum SecretChange {
    Forget,
    Set {
        secret: SecretString,
        expires_on: Option<Date>,
    },
    Note {
        expires_on: Option<Date>,
    },
}

impl SecretChanges {
    /// The same with a secret that is to be set, and the last day of its validity.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str, expires_on: Option<&str>) -> Self {
        self.member(
            key,
            serde_json::json!({"value": value, "expiresOn": expires_on}),
        );
        self
    }

    /// The same with another last day of a secret that stays.
    #[must_use]
    pub fn note(mut self, key: &str, expires_on: Option<&str>) -> Self {
        self.member(key, serde_json::json!({ "expiresOn": expires_on }));
        self
    }

    fn member(&mut self, key: &str, change: Value) {
        if !self.0.is_object() {
            self.0 = Value::Object(Map::new());
        }
        if let Value::Object(members) = &mut self.0 {
            members.insert(key.to_owned(), change);
        }
    }

    /// The changes by key, or what is wrong with them.
    pub(super) fn read(self, findings: &mut Findings) -> BTreeMap<String, SecretChange> {
        const REMEDY: &str =
            "Give each as {\"value\": \"…\", \"expiresOn\": \"2027-05-31\"}, or null to forget it.";
        let members = match self.0 {
            Value::Null => return BTreeMap::new(),
            Value::Object(members) => members,
            _ => {
                findings.add("secrets", "It is no object.", REMEDY);
                return BTreeMap::new();
            }
        };
        let mut changes = BTreeMap::new();
        for (key, value) in members {
            let path = format!("secrets.{key}");
            let mut members = match value {
                Value::Null => {
                    changes.insert(key, SecretChange::Forget);
                    continue;
                }
                Value::Object(members) => members,
                _ => {
                    findings.add(path, "It is neither an object nor null.", REMEDY);
                    continue;
                }
            };
            let value = members.remove("value");
            let expires_on = members.remove("expiresOn");
            let has_date = expires_on.is_some();
            if let Some(unknown) = members.keys().next() {
                findings.add(
                    format!("{path}.{unknown}"),
                    "There is no such member.",
                    REMEDY,
                );
            }
            let expires_on = date(&format!("{path}.expiresOn"), expires_on, findings);
            match value {
                Some(Value::String(text)) if is_secret(&text) => {
                    let secret = SecretString::from(text);
                    changes.insert(key, SecretChange::Set { secret, expires_on });
                }
                None if has_date => {
                    changes.insert(key, SecretChange::Note { expires_on });
                }
                None => findings.add(path, "It has no value.", REMEDY),
                Some(_) => findings.add(
                    format!("{path}.value"),
                    format!("It is not a text of 1 to {SECRET_BYTES} bytes."),
                    "Give the secret as a JSON string.",
                ),
            }
        }
        changes
    }
}

fn is_secret(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= SECRET_BYTES
}

fn date(path: &str, value: Option<Value>, findings: &mut Findings) -> Option<Date> {
    let date = match value {
        None | Some(Value::Null) => return None,
        Some(Value::String(text)) if text.len() == 10 => text.parse().ok(),
        Some(_) => None,
    };
    if date.is_none() {
        findings.add(path, "It is no date.", "Give it as YYYY-MM-DD.");
    }
    date
}

/// Checks settings by what a plugin declares. `secrets` are the keys that will have a value.
pub(super) fn check(
    description: &Description,
    settings: &Map<String, Value>,
    secrets: &BTreeSet<String>,
    findings: &mut Findings,
) {
    for (key, value) in settings {
        let path = format!("settings.{key}");
        match declared(description, key) {
            None => findings.add(path, "There is no such setting.", known(description, false)),
            Some(Setting {
                kind: SettingKind::Secret,
                ..
            }) => findings.add(
                path,
                "It is a secret, and settings are shown to everyone who may look.",
                format!("Give it as `secrets.{key}`."),
            ),
            Some(setting) => check_value(&path, setting, value, findings),
        }
    }
    for key in secrets {
        let is_secret =
            declared(description, key).is_some_and(|setting| setting.kind == SettingKind::Secret);
        if !is_secret {
            findings.add(
                format!("secrets.{key}"),
                "There is no such secret.",
                known(description, true),
            );
        }
    }
    for setting in &description.settings {
        if !setting.required || setting.default_value.is_some() {
            continue;
        }
        let (place, is_there) = match setting.kind {
            SettingKind::Secret => ("secrets", secrets.contains(&setting.key)),
            _ => ("settings", settings.contains_key(&setting.key)),
        };
        let path = format!("{place}.{}", setting.key);
        if !is_there && !findings.has(&path) {
            findings.add(
                path,
                format!("{} is missing.", setting.label),
                &setting.help,
            );
        }
    }
    if Value::Object(settings.clone()).to_string().len() > SETTINGS_BYTES {
        findings.add(
            "settings",
            format!("They are longer than {SETTINGS_BYTES} bytes."),
            "Give less.",
        );
    }
}

/// Paths of a plugin's problems are keys of settings; here they become paths of the request.
pub(super) fn located(
    description: &Description,
    problems: impl IntoIterator<Item = Problem>,
) -> Vec<Problem> {
    let place = |path: &str| {
        let key = path.split(['.', '[']).next().unwrap_or_default();
        match declared(description, key).map(|setting| &setting.kind) {
            Some(SettingKind::Secret) => format!("secrets.{path}"),
            _ if path.is_empty() => "settings".to_owned(),
            _ => format!("settings.{path}"),
        }
    };
    let problems = problems.into_iter();
    problems
        .map(|problem| Problem {
            path: place(&problem.path),
            ..problem
        })
        .collect()
}

fn declared<'a>(description: &'a Description, key: &str) -> Option<&'a Setting> {
    description
        .settings
        .iter()
        .find(|setting| setting.key == key)
}

fn known(description: &Description, secret: bool) -> String {
    let settings = description.settings.iter();
    let keys: Vec<&str> = settings
        .filter(|setting| (setting.kind == SettingKind::Secret) == secret)
        .map(|setting| setting.key.as_str())
        .collect();
    match keys.as_slice() {
        [] => "Leave it out; there is none.".to_owned(),
        keys => format!("Use one of: {}.", keys.join(", ")),
    }
}

fn check_value(path: &str, setting: &Setting, value: &Value, findings: &mut Findings) {
    match (&setting.kind, value) {
        (SettingKind::Text, Value::String(text)) => check_text(path, text, findings),
        (SettingKind::Text, _) => findings.add(path, "It is not a text.", "Give a JSON string."),
        (SettingKind::Choice(choices), value) => {
            let chosen = value.as_str();
            if !choices
                .iter()
                .any(|choice| Some(choice.value.as_str()) == chosen)
            {
                let values: Vec<&str> = choices.iter().map(|c| c.value.as_str()).collect();
                findings.add(
                    path,
                    "It is none of the choices.",
                    format!("Use one of: {}.", values.join(", ")),
                );
            }
        }
        (SettingKind::Flag, value) if !value.is_boolean() => findings.add(
            path,
            "It is neither true nor false.",
            "Give one of the two, without quotes.",
        ),
        (SettingKind::Items | SettingKind::Groups, Value::String(word)) if word == "all" => {}
        (SettingKind::Items | SettingKind::Groups, Value::Array(items)) => {
            check_items(path, items, findings);
        }
        (SettingKind::Items | SettingKind::Groups, _) => findings.add(
            path,
            "It is neither a list nor the word `all`.",
            "Give a list of JSON strings, or \"all\".",
        ),
        (SettingKind::Document, value) if !value.is_object() => {
            findings.add(path, "It is not an object.", "Give a JSON object.");
        }
        (SettingKind::Document, value) if !is_shallow(value) => findings.add(
            path,
            "It is nested too deep.",
            "Give an object of fewer levels.",
        ),
        (SettingKind::Flag | SettingKind::Document | SettingKind::Secret, _) => {}
    }
}

fn check_text(path: &str, text: &str, findings: &mut Findings) {
    if text.trim().is_empty() {
        findings.add(path, "It is blank.", "Give a value, or leave it out.");
    } else if text.len() > TEXT_BYTES {
        findings.add(
            path,
            format!("It is longer than {TEXT_BYTES} bytes."),
            "Shorten it.",
        );
    } else if text.chars().any(char::is_control) {
        findings.add(path, "It has control characters.", "Leave them out.");
    }
}

fn check_items(path: &str, items: &[Value], findings: &mut Findings) {
    if items.len() > MOST_ITEMS {
        findings.add(
            path,
            format!("It has {} entries, at most {MOST_ITEMS}.", items.len()),
            "Give fewer.",
        );
        return;
    }
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        match item {
            Value::String(text) => check_text(&path, text, findings),
            _ => findings.add(path, "It is not a text.", "Give a JSON string."),
        }
        if findings.is_full() {
            return;
        }
    }
}

/// Settings as a plugin may see them, even where they are wrong: no secret gets through.
pub(super) fn for_plugin(
    description: &Description,
    settings: &Map<String, Value>,
    secrets: &BTreeSet<String>,
) -> PluginSettings {
    let is_secret = |key: &str| {
        declared(description, key).is_some_and(|setting| setting.kind == SettingKind::Secret)
    };
    let values: Map<String, Value> = settings
        .iter()
        .filter(|(key, _)| !is_secret(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    PluginSettings {
        values: Value::Object(values).to_string(),
        secrets: secrets
            .iter()
            .filter(|key| is_secret(key))
            .cloned()
            .collect(),
    }
}
