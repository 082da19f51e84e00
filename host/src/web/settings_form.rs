//! The settings of a connector as a form: fields made from what its plugin declares.
//!
//! Names and identifiers of the fields are the paths by which problems name them, such as `settings.tenantId`.

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

/// The setting by which groups are chosen, where a plugin has one: its list of that name, or its only list.
pub(super) fn group_choice(description: &Description) -> Option<&Setting> {
    let lists = || {
        let settings = description.settings.iter();
        settings.filter(|setting| setting.kind == SettingKind::Items)
    };
    let named = lists().find(|setting| setting.key == "groups");
    named.or_else(|| lists().next().filter(|_| lists().count() == 1))
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
        SettingKind::Items => Input::Lines(match value {
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
            SettingKind::Items => Some(items(text)),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::problem::FieldError;
    use crate::catalog::testing::{PLUGIN, description};

    fn values(fields: &[(&str, &str)]) -> Value {
        let sent = Sent::of(fields);
        let (values, _) = read(&description(PLUGIN), &sent, &[], None);
        Value::Object(values)
    }

    #[test]
    fn each_kind_of_setting_is_read_as_its_plugin_wants_it() {
        let read = values(&[
            ("settings.tenantId", " contoso.example "),
            ("settings.cloud", "china"),
            ("settings.groups", "a\r\n\r\n b \n"),
            ("settings.deep", "on"),
            ("settings.notification", "{\"by\": \"mail\"}"),
            ("settings.stray", "x"),
        ]);
        let wanted = json!({
            "tenantId": "contoso.example", "cloud": "china", "groups": ["a", "b"], "deep": true,
            "notification": {"by": "mail"},
        });
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_is_left_empty_is_absent() {
        let read = values(&[("settings.tenantId", "  "), ("settings.cloud", "")]);
        assert_eq!(read, json!({}));
        assert_eq!(
            values(&[("settings.groups", "all")]),
            json!({"groups": "all"})
        );
    }

    #[test]
    fn a_document_that_cannot_be_read_is_kept_to_be_mended() {
        let read = values(&[("settings.notification", "{by: mail}")]);
        assert_eq!(read["notification"], "{by: mail}");
        let Value::Object(read) = read else { panic!() };
        let form = SettingsForm::new(&description(PLUGIN), &read, &[], None);
        let mut fields = form.fields.iter();
        let field = fields.find(|field| field.path == "settings.notification");
        assert!(matches!(&field.unwrap().input, Input::Document(text) if text == "{by: mail}"));
    }

    #[test]
    fn only_what_was_changed_is_changed() {
        let of = |values: Value| match values {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        let saved = of(json!({"tenantId": "a", "cloud": "global", "old": 1}));
        let found = changes(
            &description(PLUGIN),
            &saved,
            &of(json!({"tenantId": "b", "deep": true})),
        );
        let wanted = json!({"tenantId": "b", "cloud": null, "deep": true, "old": null});
        assert_eq!(Value::Object(found), wanted);
        assert_eq!(
            changes(
                &description(PLUGIN),
                &of(json!({"deep": true})),
                &of(json!({"deep": true}))
            ),
            Map::new()
        );
    }

    #[test]
    fn a_secret_is_never_part_of_the_settings_nor_of_the_form() {
        let sent = Sent::of(&[("secrets.clientSecret", "hunter2"), ("settings.x", "y")]);
        let (values, changes) = read(&description(PLUGIN), &sent, &[], None);
        assert_eq!(values, Map::new());
        assert!(!format!("{changes:?}{sent:?}").contains("hunter2"));
        let form = SettingsForm::new(&description(PLUGIN), &values, &[], Some("groups"));
        assert!(
            !form
                .fields
                .iter()
                .any(|field| field.path.contains("groups"))
        );
    }

    #[test]
    fn what_is_wrong_within_a_field_is_told_at_the_field() {
        let error = |path: &str| FieldError {
            path: path.into(),
            message: "It is wrong.".into(),
            remedy: String::new(),
        };
        let problem = Problem::invalid([
            error("settings.groups[3]"),
            error("secrets.clientSecret.value"),
            error("secrets.clientSecret.expiresOn"),
            error("name"),
        ]);
        let errors = beside_fields(problem).errors;
        let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        let wanted = [
            "settings.groups",
            "secrets.clientSecret",
            "secrets.clientSecret.expiresOn",
            "name",
        ];
        assert_eq!(paths, wanted);
        assert_eq!(errors[0].message, "Line 4: It is wrong.");
    }

    #[test]
    fn groups_are_chosen_by_the_list_of_that_name_or_the_only_one() {
        let mut description = description(PLUGIN);
        assert_eq!(group_choice(&description).unwrap().key, "groups");
        for setting in &mut description.settings {
            if setting.key == "groups" {
                setting.key = "teams".into();
            }
        }
        assert_eq!(group_choice(&description).unwrap().key, "teams");
        description
            .settings
            .retain(|setting| setting.key != "teams");
        assert!(group_choice(&description).is_none());
    }
}
