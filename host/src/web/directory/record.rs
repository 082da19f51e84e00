//! The mapped record, with the source field that each part of it was taken from.

use serde_json::Value;

use super::clipped;
use crate::api::Plane;
use crate::catalog::RulesInForce;
use crate::contract::Rule;

/// Characters of a value that are shown.
const VALUE: usize = 400;
/// Fields that are shown beside those of rules.
const MOST: usize = 200;

/// A field of the target document.
pub(super) struct Field {
    pub(super) target: String,
    /// Absent where the document has no such field.
    pub(super) value: Option<String>,
    pub(super) sources: Vec<String>,
    /// Functions that change the value, and what stands in for a missing one.
    pub(super) by: String,
}

/// A mapped record.
pub(super) struct Record {
    pub(super) fields: Vec<Field>,
    /// The page of the map in force.
    pub(super) map: Option<String>,
    /// Whether the rules are known that made it.
    pub(super) ruled: bool,
}

/// What is known of a record: the document, beside the rules of its connector where these can be had.
pub(super) async fn record(
    plane: &Plane,
    connector: uuid::Uuid,
    document: &Value,
    of_group: bool,
) -> Record {
    // A connector whose plugin was removed still shows its records.
    let rules = plane.catalog.rules_of(connector).await.ok();
    Record {
        fields: fields(document, rules.as_ref(), of_group),
        map: rules.as_ref().and_then(|rules| rules.map.clone()),
        ruled: rules.is_some(),
    }
}

/// The fields that rules make, in their order, and then what else the document has.
fn fields(document: &Value, rules: Option<&RulesInForce>, of_group: bool) -> Vec<Field> {
    let list = rules.and_then(|rules| rules.groups_path.as_deref());
    let prefix = list.map(|list| format!("{list}[]."));
    let target = |rule: &Rule| match (&prefix, of_group) {
        (Some(prefix), true) => rule.target.strip_prefix(prefix.as_str()).map(str::to_owned),
        (_, true) => None,
        (_, false) => Some(rule.target.clone()).filter(|target| !target.contains("[].")),
    };
    let mut fields = Vec::new();
    for rule in rules.iter().flat_map(|rules| &rules.rules) {
        if let Some(target) = target(rule) {
            fields.push(Field {
                value: at(document, &target).map(text),
                sources: rule.sources.clone(),
                by: changes(rule),
                target,
            });
        }
    }
    let mut others = Vec::new();
    leaves(document, String::new(), &mut others);
    for (target, value) in others.into_iter().take(MOST) {
        let within = |field: &Field| {
            let rest = target.strip_prefix(field.target.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !fields.iter().any(within) {
            fields.push(Field {
                value: Some(text(value)),
                sources: Vec::new(),
                by: String::new(),
                target,
            });
        }
    }
    fields
}

fn changes(rule: &Rule) -> String {
    let mut parts = rule.functions.clone();
    if let Some(default) = &rule.default_value {
        parts.push(format!("else {}", clipped(default, 80)));
    }
    parts.join(", ")
}

fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, name| value.get(name))
        .filter(|value| !value.is_null())
}

/// What stands at the ends of all paths; lists are ends.
fn leaves<'a>(value: &'a Value, path: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) if !members.is_empty() || path.is_empty() => {
            for (name, inner) in members {
                let path = match path.is_empty() {
                    true => name.clone(),
                    false => format!("{path}.{name}"),
                };
                leaves(inner, path, found);
            }
        }
        _ => found.push((path, value)),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => clipped(text, VALUE),
        other => clipped(&other.to_string(), VALUE),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::testing::rule;

    fn rules() -> RulesInForce {
        RulesInForce {
            rules: vec![
                rule("externalId", "id"),
                rule("userData.mail", "mail"),
                rule("groupInfo[].idpGroup", "groupInfo[].idpGroup"),
                rule("groupInfo[].class", "classification"),
            ],
            groups_path: Some("groupInfo".into()),
            map: None,
        }
    }

    fn told(fields: &[Field]) -> Vec<String> {
        let told = fields.iter().map(|field| {
            let value = field.value.as_deref().unwrap_or("-");
            format!("{}={value}<{}", field.target, field.sources.join("|"))
        });
        told.collect()
    }

    #[test]
    fn a_users_fields_are_beside_their_sources_and_others_come_after() {
        let document = json!({"userData": {"extra": {"a": 1}}, "externalId": "u1"});
        let found = fields(&document, Some(&rules()), false);
        assert_eq!(
            told(&found),
            [
                "externalId=u1<id",
                "userData.mail=-<mail",
                "userData.extra.a=1<"
            ]
        );
    }

    #[test]
    fn a_groups_fields_are_those_of_the_list_of_groups() {
        let document = json!({"idpGroup": "g1"});
        let found = fields(&document, Some(&rules()), true);
        assert_eq!(
            told(&found),
            ["idpGroup=g1<groupInfo[].idpGroup", "class=-<classification"]
        );
        assert_eq!(told(&fields(&document, None, true)), ["idpGroup=g1<"]);
    }
}
