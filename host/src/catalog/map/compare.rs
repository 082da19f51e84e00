//! Two documents, value by value.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A value of one or both of two documents.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// Where it stands, such as `groupInfo[0].idpGroup`.
    pub path: String,
    /// What it was; absent where it wasn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it is; absent where it isn't there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

impl Compared {
    /// Whether it is another than before.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// Every value of two documents by its path: in the order of the one after, those that are gone behind their
/// siblings. Empty lists and objects count as values.
#[must_use]
pub fn compared(before: &Value, after: &Value) -> Vec<Compared> {
    let mut found = Vec::new();
    walk(String::new(), Some(before), Some(after), &mut found);
    found
}

fn walk(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Compared>) {
    let (old, new) = (before.and_then(members), after.and_then(members));
    if old.is_some() || new.is_some() {
        let (none, mut names) = (Map::new(), Vec::new());
        names.extend(new.unwrap_or(&none).keys());
        let gone = old.unwrap_or(&none).keys();
        names.extend(gone.filter(|name| new.is_none_or(|new| !new.contains_key(*name))));
        for name in names {
            let at = match path.is_empty() {
                true => name.clone(),
                false => format!("{path}.{name}"),
            };
            let old = old.and_then(|members| members.get(name));
            let new = new.and_then(|members| members.get(name));
            walk(at, old, new, found);
        }
    }
    let (old_items, new_items) = (before.and_then(items), after.and_then(items));
    if old_items.is_some() || new_items.is_some() {
        let (old, new) = (old_items.unwrap_or_default(), new_items.unwrap_or_default());
        for index in 0..old.len().max(new.len()) {
            let at = format!("{path}[{index}]");
            walk(at, old.get(index), new.get(index), found);
        }
    }
    let is_leaf = |value: &&Value| members(value).is_none() && items(value).is_none();
    let (before, after) = (before.filter(is_leaf), after.filter(is_leaf));
    if before.is_some() || after.is_some() {
        found.push(Compared {
            path,
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

fn members(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|members| !members.is_empty())
}

fn items(value: &Value) -> Option<&[Value]> {
    let items = value.as_array().filter(|items| !items.is_empty());
    items.map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_told_once_with_what_became_of_it() {
        let before =
            json!({"id": "1", "gone": true, "user": {"mail": "a"}, "groups": [{"n": 1}, {"n": 2}]});
        let after = json!({"id": "1", "user": {"mail": "b", "name": "Ada"}, "groups": [{"n": 1}]});
        let told: Vec<(String, bool, bool, bool)> = compared(&before, &after)
            .into_iter()
            .map(|value| {
                let differs = value.differs();
                let (before, after) = (value.before.is_some(), value.after.is_some());
                (value.path, before, after, differs)
            })
            .collect();
        let told = |path: &str| {
            let found: Vec<_> = told.iter().filter(|value| value.0 == path).collect();
            assert_eq!(found.len(), 1, "{path}: {told:?}");
            (found[0].1, found[0].2, found[0].3)
        };
        assert_eq!(told("id"), (true, true, false));
        assert_eq!(told("gone"), (true, false, true));
        assert_eq!(told("user.mail"), (true, true, true));
        assert_eq!(told("user.name"), (false, true, true));
        assert_eq!(told("groups[0].n"), (true, true, false));
        assert_eq!(told("groups[1].n"), (true, false, true));
    }

    #[test]
    fn a_value_that_became_an_object_is_gone_and_its_members_are_new() {
        let told = compared(&json!({"a": 1, "b": []}), &json!({"a": {"c": 1}, "b": {}}));
        let told: Vec<_> = told.iter().map(|value| value.path.as_str()).collect();
        assert_eq!(told, ["a.c", "a", "b"]);
    }
}
