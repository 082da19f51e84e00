//! What may be wrong with a map.

use serde_json::Value;

use crate::contract::{Problem, Rule, TransformMap};
use crate::fields::{
    GROUP_PREFIX, IDENTITY_TARGETS, OPEN_TARGET, SOURCE_FIELDS, SOURCE_MODEL, Side, TARGET_FIELDS,
    TARGET_MODEL,
};

use super::functions::{Function, NAMES};

/// Rules that a map may have; it is compiled for every page.
const MOST_RULES: usize = 500;

/// Every problem of a map.
pub(crate) fn problems(map: &TransformMap) -> Vec<Problem> {
    let mut found = Vec::new();
    for (path, name, known) in [
        ("source-model", &map.source_model, SOURCE_MODEL),
        ("target-model", &map.target_model, TARGET_MODEL),
    ] {
        if name != known {
            found.push(Problem::new(
                path,
                "There is no such model.",
                format!("Use `{known}`."),
            ));
        }
    }
    if map.rules.len() > MOST_RULES {
        found.push(Problem::new(
            "rules",
            "There are too many rules.",
            format!("Use at most {MOST_RULES}."),
        ));
        return found;
    }
    for (index, rule) in map.rules.iter().enumerate() {
        let mut report = |part: &str, message: String, remedy: String| {
            found.push(Problem::new(
                format!("rules[{index}].{part}"),
                message,
                remedy,
            ));
        };
        check_target(map, index, &rule.target, &mut report);
        check_rule(rule, &mut report);
    }
    for (target, field) in IDENTITY_TARGETS {
        let source = SOURCE_FIELDS
            .iter()
            .find(|facts| facts.field == field)
            .map_or("", |facts| facts.path);
        let identified = map.rules.iter().any(|rule| {
            rule.target == target && rule.sources.first().is_some_and(|first| first == source)
        });
        if !identified {
            found.push(Problem::new(
                "rules",
                format!(
                    "No rule gives `{target}` from `{source}`, so records could not be told apart."
                ),
                format!("Add a rule from `{source}` to `{target}`."),
            ));
        }
    }
    found
}

fn check_target(
    map: &TransformMap,
    index: usize,
    target: &str,
    report: &mut dyn FnMut(&str, String, String),
) {
    if kind_of_target(target).is_none() {
        report(
            "target",
            format!("The target model has no field `{target}`."),
            match nearest(target, TARGET_FIELDS.iter().map(|field| field.path)) {
                Some(near) => format!("Use a field of the target model, such as `{near}`."),
                None => "Use a field of the target model.".to_owned(),
            },
        );
        return;
    }
    for other in map.rules.iter().take(index) {
        let other = other.target.as_str();
        if other == target {
            report(
                "target",
                "A rule before it has the same target.".to_owned(),
                "Remove one of them, or give one rule both sources.".to_owned(),
            );
        } else if within(other, target) || within(target, other) {
            report(
                "target",
                format!(
                    "`{target}` and the target `{other}` of a rule before it can't both be: one lies within the other."
                ),
                "Remove one of them.".to_owned(),
            );
        }
    }
}

fn within(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// JSON type of a target, `None` where there is no such target; any type under a name of the
/// administrator's own.
fn kind_of_target(target: &str) -> Option<&'static str> {
    if let Some(field) = TARGET_FIELDS.iter().find(|field| field.path == target) {
        return Some(field.kind);
    }
    let name = target.strip_prefix(OPEN_TARGET)?;
    let fine = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    fine.then_some("")
}

fn check_rule(rule: &Rule, report: &mut dyn FnMut(&str, String, String)) {
    let side = if rule.target.starts_with(GROUP_PREFIX) {
        Side::Group
    } else {
        Side::User
    };
    let wanted = kind_of_target(&rule.target).unwrap_or_default();
    for (index, path) in rule.sources.iter().enumerate() {
        let part = format!("sources[{index}]");
        let Some((own_side, kind)) = source_facts(path) else {
            report(
                &part,
                format!("The source model has no field `{path}`."),
                match nearest(path, SOURCE_FIELDS.iter().map(|facts| facts.path)) {
                    Some(near) => format!("Use a field of the source model, such as `{near}`."),
                    None => "Use a field of the source model.".to_owned(),
                },
            );
            continue;
        };
        if own_side != side {
            let (what, remedy) = match own_side {
                Side::User => (
                    "a field of users, and this rule is about a group",
                    "Use a field of groups",
                ),
                Side::Group => (
                    "a field of groups, and this rule is about a user",
                    "Use a field of users",
                ),
            };
            report(
                &part,
                format!("`{path}` is {what}."),
                format!("{remedy}, or another target."),
            );
        } else if !kind.is_empty() && !wanted.is_empty() && kind != wanted {
            report(
                &part,
                format!("`{path}` is of type {kind}, and the target of type {wanted}."),
                format!("Use a source of type {wanted}."),
            );
        }
        if !rule.functions.is_empty() && matches!(kind, "array" | "object" | "boolean") {
            report(
                &part,
                format!("Functions work on texts, and `{path}` is of type {kind}."),
                "Remove the functions.".to_owned(),
            );
        }
    }
    for (index, path) in rule.sources.iter().enumerate() {
        if rule
            .sources
            .iter()
            .take(index)
            .any(|earlier| earlier == path)
        {
            report(
                &format!("sources[{index}]"),
                "The rule has this source already.".to_owned(),
                "Remove it.".to_owned(),
            );
        }
    }
    for (index, name) in rule.functions.iter().enumerate() {
        if Function::named(name).is_none() {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            report(
                &format!("functions[{index}]"),
                format!("There is no function `{name}`."),
                format!("Use one of: {}.", names.join(", ")),
            );
        }
    }
    check_default(rule, wanted, report);
}

fn check_default(rule: &Rule, wanted: &str, report: &mut dyn FnMut(&str, String, String)) {
    let part = "default-value";
    let Some(default) = &rule.default_value else {
        if rule.sources.is_empty() {
            report(
                "sources",
                "The rule has neither a source nor a default.".to_owned(),
                "Give it one of them.".to_owned(),
            );
        }
        return;
    };
    match serde_json::from_slice::<Value>(default.as_bytes()) {
        Err(_) => report(
            part,
            "It is not JSON text.".to_owned(),
            "Write a text in double quotes: `\"NA\"`.".to_owned(),
        ),
        Ok(Value::Null) => report(
            part,
            "It is null, which is no value.".to_owned(),
            "Leave the default out to leave the target out.".to_owned(),
        ),
        Ok(value) => {
            let kind = match value {
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                _ => "string",
            };
            if !wanted.is_empty() && kind != wanted {
                report(
                    part,
                    format!("It is of type {kind}, and the target of type {wanted}."),
                    format!("Give a value of type {wanted}."),
                );
            }
        }
    }
}

/// Side and JSON type of a source; no type where only the settings know it.
fn source_facts(path: &str) -> Option<(Side, &'static str)> {
    if let Some(facts) = SOURCE_FIELDS.iter().find(|facts| facts.path == path) {
        return Some((facts.side, facts.kind));
    }
    let member = path.strip_prefix("notification.")?;
    member
        .split('.')
        .all(|name| !name.is_empty() && name != "*")
        .then_some((Side::User, ""))
}

/// The known path that differs from this one in case or in what stands before the last dot.
fn nearest<'a>(path: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &str| {
        path.rsplit('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let wanted = last(path);
    let mut known = known.filter(|own| last(own) == wanted);
    known.next()
}
