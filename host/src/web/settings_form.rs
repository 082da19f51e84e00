//! The settings of a connector as a form: fields made from what its plugin declares.
//!
//! Names and identifiers of the fields are the paths by which problems name them, such as `settings.tenantId`.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::sent::Sent;
use crate::api::problem::Problem;
use crate::catalog::SecretChanges;
use crate::contract::{Description, Setting, SettingKind};
use crate::vault::SecretNote;

/// Fields for settings and secrets.
#[derive(Debug)]
pub(super) struct SettingsForm {
    pub(super) fields: Vec<Field>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    /// Name and identifier.
    pub(super) path: String,
    pub(super) label: String,
    pub(super) help: String,
    pub(super) required: bool,
    pub(super) input: Input,
}

/// What is entered.
#[derive(Debug)]
pub(super) enum Input {
    Text {
        value: String,
        /// What stands for an absent value.
        usual: String,
    },
    Choice(Vec<Choice>),
    Flag {
        on: bool,
    },
    /// An entry a line.
    Lines(String),
    /// A JSON object.
    Document(String),
    Secret(Option<SecretNote>),
}

/// One choice of a field.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// The word for every group, and every other item.
pub(super) const ALL: &str = "all";

/// The setting by which groups are chosen, where a plugin has one.
pub(super) fn group_choice(description: &Description) -> Option<&Setting> {
    let mut settings = description.settings.iter();
    settings.find(|setting| setting.kind == SettingKind::Groups)
}

impl SettingsForm {
    /// The form of these values, without the setting `but`, which is asked for elsewhere.
    pub(super) fn new(
        description: &Description,
        values: &Map<String, Value>,
        secrets: &[SecretNote],
        but: Option<&str>,
    ) -> Self {
        let settings = description.settings.iter();
        let fields = settings.filter(|setting| Some(setting.key.as_str()) != but);
        Self {
            fields: fields
                .map(|setting| field(setting, values.get(&setting.key), secrets))
                .collect(),
        }
    }
}

fn field(setting: &Setting, value: Option<&Value>, secrets: &[SecretNote]) -> Field {
    let usual = usual(setting);
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let input = match &setting.kind {
        SettingKind::Text => Input::Text {
            value: text(value),
            usual: text(usual.as_ref()),
        },
        SettingKind::Choice(choices) => {
            let chosen = value.or(usual.as_ref()).and_then(Value::as_str);
            let known = choices.iter().map(|choice| Choice {
                value: choice.value.clone(),
                label: choice.label.clone(),
                chosen: chosen == Some(choice.value.as_str()),
            });
            let none = Choice {
                value: String::new(),
                label: "Not chosen".into(),
                chosen: chosen.is_none(),
            };
            let none = usual.is_none().then_some(none);
            Input::Choice(none.into_iter().chain(known).collect())
        }
        SettingKind::Flag => Input::Flag {
            on: value.or(usual.as_ref()).and_then(Value::as_bool) == Some(true),
        },
        SettingKind::Items | SettingKind::Groups => Input::Lines(match value {
            Some(Value::Array(items)) => {
                let lines: Vec<String> = items.iter().map(|item| text(Some(item))).collect();
                lines.join("\n")
            }
            value => text(value),
        }),
        SettingKind::Document => Input::Document(text(value)),
        SettingKind::Secret => {
            let known = secrets.iter().find(|note| note.name == setting.key);
            Input::Secret(known.cloned())
        }
    };
    Field {
        path: path(setting),
        label: setting.label.clone(),
        help: setting.help.clone(),
        required: setting.required,
        input,
    }
}

fn path(setting: &Setting) -> String {
    let place = match setting.kind {
        SettingKind::Secret => "secrets",
        _ => "settings",
    };
    format!("{place}.{}", setting.key)
}

/// What stands for an absent value.
fn usual(setting: &Setting) -> Option<Value> {
    let text = setting.default_value.as_deref()?;
    serde_json::from_str(text).ok()
}

/// The values and the secrets that a form was filled in with, but for the setting `but`. What was left empty
/// is absent, and a secret stays as it is.
pub(super) fn read(
    description: &Description,
    sent: &Sent,
    secrets: &[SecretNote],
    but: Option<&str>,
) -> (Map<String, Value>, SecretChanges) {
    let mut values = Map::new();
    let mut changes = SecretChanges::default();
    for setting in &description.settings {
        if Some(setting.key.as_str()) == but {
            continue;
        }
        let path = path(setting);
        let text = sent.text(&path);
        let value = match &setting.kind {
            SettingKind::Secret => {
                changes = read_secret(changes, setting, sent, secrets);
                None
            }
            SettingKind::Flag => {
                let on = Value::Bool(sent.is_ticked(&path));
                let usual = usual(setting).unwrap_or(Value::Bool(false));
                (on != usual).then_some(on)
            }
            _ if text.is_empty() => None,
            SettingKind::Text | SettingKind::Choice(_) => Some(text.into()),
            SettingKind::Items | SettingKind::Groups => Some(items(text)),
            // What can't be read is kept as it was written, to be written again.
            SettingKind::Document => {
                Some(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
            }
        };
        // What stands for an absent value is left out, so that looking at a form changes nothing.
        if let Some(value) = value
            && !(matches!(setting.kind, SettingKind::Choice(_))
                && usual(setting).as_ref() == Some(&value))
        {
            values.insert(setting.key.clone(), value);
        }
    }
    (values, changes)
}

/// What has to be changed in saved values so that they become these, with `null` for what goes. A value that is
/// written out where it is the usual one stays so.
pub(super) fn changes(
    description: &Description,
    saved: &Map<String, Value>,
    values: &Map<String, Value>,
) -> Map<String, Value> {
    let mut changes = Map::new();
    for setting in &description.settings {
        let (before, after) = (saved.get(&setting.key), values.get(&setting.key));
        let is_usual = after.is_none() && before == usual(setting).as_ref();
        if before != after && !is_usual {
            let after = after.cloned().unwrap_or_default();
            changes.insert(setting.key.clone(), after);
        }
    }
    // What this version of the plugin doesn't know can't be kept.
    let is_known = |key: &String| description.settings.iter().any(|known| known.key == *key);
    for stray in saved.keys().filter(|key| !is_known(key)) {
        changes.insert(stray.clone(), Value::Null);
    }
    changes
}

/// Entries a line each, or the word for all of them.
pub(super) fn items(text: &str) -> Value {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.collect::<Vec<_>>().as_slice() {
        [ALL] => ALL.into(),
        lines => lines.iter().map(|line| Value::from(*line)).collect(),
    }
}

fn read_secret(
    changes: SecretChanges,
    setting: &Setting,
    sent: &Sent,
    secrets: &[SecretNote],
) -> SecretChanges {
    let path = path(setting);
    let date = Some(sent.text(&format!("{path}.expiresOn"))).filter(|date| !date.is_empty());
    // Space at its end may be part of a secret, but then it isn't all of it.
    let value = sent.get(&path).filter(|value| !value.trim().is_empty());
    let known = secrets.iter().find(|note| note.name == setting.key);
    match (value, known) {
        (Some(value), _) => changes.set(&setting.key, value, date),
        (None, Some(known)) if known.expires_on.map(|date| date.to_string()).as_deref() != date => {
            changes.note(&setting.key, date)
        }
        _ => changes,
    }
}

/// The same problem with its fields named as those of the form: what is wrong with an entry of a list is told
/// with its line.
pub(super) fn beside_fields(mut problem: Problem) -> Problem {
    for error in &mut problem.errors {
        let Some((place, rest)) = error.path.split_once('.') else {
            continue;
        };
        if !matches!(place, "settings" | "secrets") {
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, within) = rest.split_at(end);
        let line = within
            .strip_prefix('[')
            .and_then(|within| within.split(']').next())
            .and_then(|index| index.parse::<usize>().ok());
        if let Some(line) = line {
            error.message = format!("Line {}: {}", line + 1, error.message);
        }
        if within != ".expiresOn" {
            error.path = format!("{place}.{key}");
        }
    }
    problem
}
