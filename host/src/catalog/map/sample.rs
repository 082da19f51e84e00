//! Source records to preview a map with: made up from the model, or rebuilt from what the directory holds.
//!
//! The directory keeps what maps made of source records, not these records themselves.

use serde_json::{Map, Value};

use crate::contract::{DataModel, Rule};

/// A record with an example of every field of a source model.
pub(super) fn made_up(model: &DataModel) -> Value {
    let mut record = Map::new();
    for field in &model.fields {
        let name = field.path.rsplit('.').next().unwrap_or(&field.path);
        let name = name.trim_end_matches("[]");
        let example = match field.kind.as_str() {
            "boolean" => Value::Bool(true),
            "number" => Value::from(1),
            "object" => Value::Object(Map::new()),
            "array" => Value::Array(vec![format!("{name} 1").into()]),
            _ => format!("{name} 1").into(),
        };
        let path = field.path.trim_end_matches(".*");
        // A model that names a field within a text is the plugin's mistake: that field has no example.
        put(&mut record, path, example, 0);
    }
    Value::Object(record)
}

/// The source record that a document was made of, as far as the rules can be read backwards. What no rule
/// copied is missing; what a function changed stays changed; a default is taken for the source's value.
pub(super) fn rebuilt(document: &Value, rules: &[Rule]) -> Value {
    let mut record = Map::new();
    for rule in rules {
        let Some(source) = rule.sources.first() else {
            continue;
        };
        let source = source.trim_end_matches(".*");
        match rule.target.split_once("[].") {
            None => {
                if let Some(value) = at(document, &rule.target) {
                    put(&mut record, source, value.clone(), 0);
                }
            }
            Some((list, inner)) => {
                let elements = at(document, list).and_then(Value::as_array);
                for (index, element) in elements.into_iter().flatten().enumerate() {
                    let Some(value) = at(element, inner) else {
                        continue;
                    };
                    // A field of groups that is no member of the list stands in its elements as well.
                    let path = match source.contains("[].") {
                        true => source.to_owned(),
                        false => format!("{list}[].{source}"),
                    };
                    put(&mut record, &path, value.clone(), index);
                }
            }
        }
    }
    Value::Object(record)
}

/// What stands at a path without lists.
fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, name| value.get(name))
        .filter(|value| !value.is_null())
}

/// Puts a value where a path leads, unless something stands there; of a list on the way, into this element.
fn put(record: &mut Map<String, Value>, path: &str, value: Value, index: usize) {
    let (head, rest) = match path.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (path, None),
    };
    let name = head.trim_end_matches("[]");
    let Some(rest) = rest else {
        record.entry(name).or_insert(value);
        return;
    };
    let empty = || Value::Object(Map::new());
    if head == name {
        if let Value::Object(inner) = record.entry(name).or_insert_with(empty) {
            put(inner, rest, value, index);
        }
        return;
    }
    let list = record
        .entry(name)
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(elements) = list {
        while elements.len() <= index {
            elements.push(empty());
        }
        if let Some(Value::Object(inner)) = elements.get_mut(index) {
            put(inner, rest, value, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::testing::{description, rule};

    #[test]
    fn a_made_up_record_has_every_field_of_the_model() {
        let record = made_up(&description("entra").source_model);
        assert_eq!(
            record,
            json!({
                "id": "id 1",
                "mail": "mail 1",
                "enabled": true,
                "groupInfo": [{"idpGroup": "idpGroup 1"}],
            })
        );
    }

    #[test]
    fn a_record_is_rebuilt_by_reading_the_rules_backwards() {
        let rules = [
            rule("externalId", "id"),
            rule("userData.id", "id"),
            rule("userData.emailId", "mail"),
            rule("userData.notification", "notification.*"),
            rule("groupInfo[].idpGroup", "groupInfo[].idpGroup"),
            rule("groupInfo[].custom.name", "groupDisplayName"),
            rule("missing", "surname"),
            Rule {
                sources: Vec::new(),
                ..rule("constant", "")
            },
        ];
        let document = json!({
            "externalId": "1",
            "userData": {"id": "1", "emailId": "ada@contoso.example", "notification": {"a": 1}},
            "groupInfo": [
                {"idpGroup": "g1", "custom": {"name": "One"}},
                {"idpGroup": "g2"},
            ],
            "constant": "NA",
        });
        assert_eq!(
            rebuilt(&document, &rules),
            json!({
                "id": "1",
                "mail": "ada@contoso.example",
                "notification": {"a": 1},
                "groupInfo": [
                    {"idpGroup": "g1", "groupDisplayName": "One"},
                    {"idpGroup": "g2"},
                ],
            })
        );
    }
}
