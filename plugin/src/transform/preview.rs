//! What a map makes of a sample.

use serde_json::Value;

use crate::contract::{Problem, TransformMap};
use crate::fields::GROUPS_PATH;
use crate::model::{Group, Text, User, Words};

use super::{Constants, EVENT_TYPE, Map};

/// The full target document, with its groups.
///
/// The fields of groups whose path has no `groupInfo[]` may stand in the elements of `groupInfo`
/// as well, for a sample with several groups.
pub(crate) fn preview(map: &TransformMap, text: &str) -> Result<String, Vec<Problem>> {
    let sample = serde_json::from_slice::<Value>(text.as_bytes()).ok();
    let Some(sample) = sample.filter(Value::is_object) else {
        return Err(vec![wrong("sample", "It is not a JSON object.")]);
    };
    let constants = Constants {
        event_type: Some(
            string(&sample, "eventType")
                .unwrap_or(EVENT_TYPE)
                .to_owned(),
        ),
        notification: sample.get("notification").cloned(),
        default_country: string(&sample, "defaultCountry").map(str::to_owned),
    };
    let map = Map::compile(map, &constants)?;
    let mut document = map.user_document(&user(&sample));
    let elements = match sample.get(GROUPS_PATH) {
        None | Some(Value::Null) => return Ok(document),
        Some(Value::Array(elements)) => elements,
        Some(_) => return Err(vec![wrong("sample.groupInfo", "It is not a list.")]),
    };
    let groups: Vec<String> = elements
        .iter()
        .map(|element| map.group_document(&group(&sample, element), &platform_groups(element)))
        .collect();
    let comma = if document == "{}" { "" } else { "," };
    document.truncate(document.len().saturating_sub(1));
    document.push_str(&format!(
        "{comma}\"{GROUPS_PATH}\":[{}]}}",
        groups.join(",")
    ));
    Ok(document)
}

fn wrong(path: &str, message: &str) -> Problem {
    Problem::new(path, message, "Give a record of the source model.")
}

fn string<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of.get(name).and_then(Value::as_str)
}

fn text<'a>(of: &'a Value, name: &str) -> Text<'a> {
    Text::borrowed(string(of, name))
}

fn user(sample: &Value) -> User<'_> {
    User {
        id: text(sample, "id"),
        display_name: text(sample, "displayName"),
        given_name: text(sample, "givenName"),
        surname: text(sample, "surname"),
        mail: text(sample, "mail"),
        user_principal_name: text(sample, "userPrincipalName"),
        street_address: text(sample, "streetAddress"),
        country: text(sample, "country"),
        job_title: text(sample, "jobTitle"),
        preferred_language: text(sample, "preferredLanguage"),
        ..User::default()
    }
}

fn group<'a>(sample: &'a Value, element: &'a Value) -> Group<'a> {
    let either =
        |name: &str| Text::borrowed(string(element, name).or_else(|| string(sample, name)));
    let flag = |name: &str| {
        let value = element.get(name).or_else(|| sample.get(name));
        let word = |on| if on { "true" } else { "false" };
        Text::borrowed(value.and_then(Value::as_bool).map(word))
    };
    Group {
        id: text(element, "idpGroup"),
        classification: either("classification"),
        display_name: either("groupDisplayName"),
        unique_name: either("groupUniqueName"),
        description: either("groupDescription"),
        mail: either("groupMail"),
        group_types: Words(words(
            element
                .get("groupTypes")
                .or_else(|| sample.get("groupTypes")),
        )),
        security_enabled: flag("securityEnabled"),
        mail_enabled: flag("mailEnabled"),
        ..Group::default()
    }
}

fn platform_groups(element: &Value) -> Vec<String> {
    words(element.get("qualysGroups")).unwrap_or_default()
}

fn words(list: Option<&Value>) -> Option<Vec<String>> {
    let items = list?.as_array()?.iter();
    Some(items.filter_map(Value::as_str).map(str::to_owned).collect())
}
