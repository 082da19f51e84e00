//! What changed from one list of rules to another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::contract::Rule;

/// What changed from one version of a map to another. Rules are told apart by their target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct MapDiff {
    /// The version before.
    pub from: i64,
    /// The version after.
    pub to: i64,
    /// Rules that are new, with their places after.
    pub added: Vec<PlacedRule>,
    /// Rules that are gone, with their places before.
    pub removed: Vec<PlacedRule>,
    /// Rules whose target is the same and something else is not.
    pub changed: Vec<ChangedRule>,
    /// Rules that stand elsewhere among those that stayed: as few as explain the new order.
    pub moved: Vec<MovedRule>,
}

/// A rule and where it stands, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlacedRule {
    /// Its place.
    pub index: usize,
    /// The rule.
    pub rule: Rule,
}

/// A rule that is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedRule {
    /// Its place after, counted from 0.
    pub index: usize,
    /// Its target.
    pub target: String,
    /// What changed in it.
    pub fields: Vec<ChangedField>,
}

/// A member of a rule that is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangedField {
    /// Its name.
    pub field: String,
    /// Its value before; `null` where it was absent.
    #[schema(value_type = Object)]
    pub before: Value,
    /// Its value after; `null` where it is absent.
    #[schema(value_type = Object)]
    pub after: Value,
}

/// A rule that stands elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MovedRule {
    /// Its target.
    pub target: String,
    /// Its place before, counted from 0.
    pub from: usize,
    /// Its place after, counted from 0.
    pub to: usize,
}

/// A target, and which of the rules with this target it is: a plugin may let several through.
type Key<'a> = (&'a str, usize);

/// What changed from `before` to `after`; the versions are left at 0.
pub(super) fn diff(before: &[Rule], after: &[Rule]) -> MapDiff {
    let (old, new) = (keyed(before), keyed(after));
    let old_places: BTreeMap<Key<'_>, usize> = places(&old);
    let new_places: BTreeMap<Key<'_>, usize> = places(&new);
    let placed = |rules: &[(Key<'_>, &Rule)], others: &BTreeMap<Key<'_>, usize>| {
        let alone = rules.iter().enumerate();
        alone
            .filter(|(_, (key, _))| !others.contains_key(key))
            .map(|(index, (_, rule))| PlacedRule {
                index,
                rule: (*rule).clone(),
            })
            .collect()
    };
    let mut stayed = Vec::new();
    let mut changed = Vec::new();
    for (to, (key, rule)) in new.iter().enumerate() {
        let Some(from) = old_places.get(key) else {
            continue;
        };
        stayed.push((*from, to, key.0));
        if let Some(earlier) = before.get(*from) {
            let fields = changed_fields(earlier, rule);
            if !fields.is_empty() {
                changed.push(ChangedRule {
                    index: to,
                    target: rule.target.clone(),
                    fields,
                });
            }
        }
    }
    let still = longest_rise(&stayed);
    let moved = stayed
        .iter()
        .enumerate()
        .filter(|(place, _)| !still.contains(place))
        .map(|(_, (from, to, target))| MovedRule {
            target: (*target).to_owned(),
            from: *from,
            to: *to,
        })
        .collect();
    MapDiff {
        from: 0,
        to: 0,
        added: placed(&new, &old_places),
        removed: placed(&old, &new_places),
        changed,
        moved,
    }
}

fn keyed(rules: &[Rule]) -> Vec<(Key<'_>, &Rule)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    rules
        .iter()
        .map(|rule| {
            let count = seen.entry(&rule.target).or_default();
            *count += 1;
            ((rule.target.as_str(), *count), rule)
        })
        .collect()
}

fn places<'a>(rules: &[(Key<'a>, &Rule)]) -> BTreeMap<Key<'a>, usize> {
    let places = rules.iter().enumerate();
    places.map(|(place, (key, _))| (*key, place)).collect()
}

fn changed_fields(before: &Rule, after: &Rule) -> Vec<ChangedField> {
    [
        (
            "sources",
            Value::from(before.sources.clone()),
            Value::from(after.sources.clone()),
        ),
        (
            "functions",
            Value::from(before.functions.clone()),
            Value::from(after.functions.clone()),
        ),
        (
            "defaultValue",
            Value::from(before.default_value.clone()),
            Value::from(after.default_value.clone()),
        ),
        (
            "note",
            Value::from(before.note.clone()),
            Value::from(after.note.clone()),
        ),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(field, before, after)| ChangedField {
        field: field.to_owned(),
        before,
        after,
    })
    .collect()
}

/// Places in the list of a longest series whose earlier places rise: the rules that kept their order.
fn longest_rise(stayed: &[(usize, usize, &str)]) -> BTreeSet<usize> {
    // For each entry: length of the longest series that ends there, and the entry before it.
    let mut ends: Vec<(usize, Option<usize>)> = Vec::with_capacity(stayed.len());
    for (place, (from, ..)) in stayed.iter().enumerate() {
        let before = stayed
            .iter()
            .zip(&ends)
            .enumerate()
            .take(place)
            .filter(|(_, ((earlier, ..), _))| earlier < from)
            .max_by_key(|(_, (_, (length, _)))| *length)
            .map(|(index, (_, (length, _)))| (*length, index));
        ends.push(match before {
            Some((length, index)) => (length + 1, Some(index)),
            None => (1, None),
        });
    }
    let mut series = BTreeSet::new();
    let mut next = ends
        .iter()
        .enumerate()
        .max_by_key(|(_, (length, _))| *length)
        .map(|(index, _)| index);
    while let Some(index) = next {
        series.insert(index);
        next = ends.get(index).and_then(|(_, before)| *before);
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::rule;

    #[test]
    fn rules_are_added_removed_and_changed_by_their_target() {
        let before = [rule("a", "x"), rule("b", "y"), rule("c", "z")];
        let mut after = [rule("a", "x"), rule("c", "other"), rule("d", "z")];
        after[1].note = Some("why".into());
        let diff = diff(&before, &after);
        let targets = |rules: &[PlacedRule]| -> Vec<(usize, String)> {
            rules
                .iter()
                .map(|r| (r.index, r.rule.target.clone()))
                .collect()
        };
        assert_eq!(targets(&diff.added), [(2, "d".to_owned())]);
        assert_eq!(targets(&diff.removed), [(1, "b".to_owned())]);
        assert_eq!(diff.moved, [], "what goes or comes moves nobody");
        let [changed] = diff.changed.as_slice() else {
            panic!("{diff:?}")
        };
        assert_eq!((changed.index, changed.target.as_str()), (1, "c"));
        let fields: Vec<_> = changed.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["sources", "note"]);
        assert_eq!(changed.fields[0].before, serde_json::json!(["z"]));
        assert_eq!(changed.fields[1].before, Value::Null);
    }

    #[test]
    fn as_few_rules_moved_as_explain_the_order() {
        let before = [
            rule("a", "x"),
            rule("b", "x"),
            rule("c", "x"),
            rule("d", "x"),
        ];
        let after = [
            rule("d", "x"),
            rule("a", "x"),
            rule("b", "x"),
            rule("c", "x"),
        ];
        let moved = diff(&before, &after).moved;
        let moved: Vec<_> = moved
            .iter()
            .map(|m| (m.target.as_str(), m.from, m.to))
            .collect();
        assert_eq!(moved, [("d", 3, 0)]);
    }

    #[test]
    fn the_same_rules_don_t_differ() {
        let rules = [rule("a", "x"), rule("a", "y")];
        assert_eq!(diff(&rules, &rules), MapDiff::default());
    }
}
