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
fn groups_are_chosen_by_the_setting_of_that_kind_whatever_its_name() {
    let mut description = description(PLUGIN);
    assert_eq!(group_choice(&description).unwrap().key, "groups");
    for setting in &mut description.settings {
        if setting.key == "groups" {
            setting.key = "teams".into();
        }
    }
    assert_eq!(group_choice(&description).unwrap().key, "teams");
    for setting in &mut description.settings {
        if setting.key == "teams" {
            setting.kind = SettingKind::Items;
        }
    }
    assert!(group_choice(&description).is_none());
}
