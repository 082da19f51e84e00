//! The limits of a plugin, and where each was set.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::filters::{grouped, span};
use super::super::size::size;
use crate::limits::{LimitPolicy, Overrides, SECTION};

/// Limits that are shown first; the others are folded away.
const FIRST: [&str; 8] = [
    "memory",
    "cpuMs",
    "wallMs",
    "runMs",
    "inFlight",
    "inFlightRequests",
    "requests",
    "responseBytes",
];

/// A limit in force.
pub(super) struct Limit {
    /// Its name in the configuration.
    pub(super) key: String,
    /// What it limits.
    pub(super) meaning: String,
    /// Its value, with its unit.
    pub(super) value: String,
    /// The section of the configuration that sets it.
    pub(super) set: String,
    /// Whether it is one of those that are looked at first.
    pub(super) first: bool,
}

/// Every limit of a plugin.
pub(super) fn of(policy: &LimitPolicy, plugin: &str) -> Vec<Limit> {
    let object = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let given = |overrides: &Overrides| object(serde_json::to_value(overrides));
    let in_force = object(serde_json::to_value(policy.of_plugin(plugin)));
    let all = given(&policy.all);
    let own = policy.plugins.get(plugin).map(given).unwrap_or_default();
    let limits = SECTION.fields.iter().filter_map(|field| {
        let key = field.key();
        let value = in_force.get(&key)?.as_u64()?;
        let set = if own.contains_key(&key) {
            format!("limits.plugins.{plugin}")
        } else if all.contains_key(&key) {
            "limits.all".to_owned()
        } else {
            "default".to_owned()
        };
        Some(Limit {
            meaning: field.sentence(),
            value: said(&key, value),
            set,
            first: FIRST.contains(&key.as_str()),
            key,
        })
    });
    limits.collect()
}

/// A value with the unit that its name tells.
fn said(key: &str, value: u64) -> String {
    if key.ends_with("Ms") {
        let whole_hours = Duration::from_millis(value).as_secs() / 3600;
        if value > 0 && value == whole_hours * 3_600_000 {
            return format!("{whole_hours} h");
        }
        return span(value);
    }
    if key == "memory" || key.ends_with("Bytes") {
        return size(value);
    }
    grouped(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_tells_where_it_was_set() {
        let policy = LimitPolicy {
            all: Overrides {
                cpu_ms: Some(2_000),
                memory: Some(32 << 20),
                ..Overrides::default()
            },
            plugins: [(
                "contoso".to_owned(),
                Overrides {
                    memory: Some(128 << 20),
                    ..Overrides::default()
                },
            )]
            .into(),
            ..LimitPolicy::default()
        };
        let limits = of(&policy, "contoso");
        let said = |key: &str| {
            let limit = limits.iter().find(|limit| limit.key == key).unwrap();
            (limit.value.as_str(), limit.set.as_str())
        };
        assert_eq!(said("memory"), ("128 MiB", "limits.plugins.contoso"));
        assert_eq!(said("cpuMs"), ("2.0 s", "limits.all"));
        assert_eq!(said("runMs"), ("24 h", "default"));
        assert_eq!(said("inFlight"), ("32", "default"));
        assert_eq!(limits.len(), SECTION.fields.len());
    }
}
