//! A connector's settings in short, for people.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::catalog::{Connector, ConnectorType};
use crate::egress::CertificateFacts;

/// Items of a list, and characters of a document, that are shown.
const ITEMS: usize = 5;
const CHARACTERS: usize = 120;

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) label: String,
    pub(super) value: String,
}

/// A secret that has a value, which is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretShown {
    pub(super) label: String,
    pub(super) set: Timestamp,
    pub(super) by: String,
    pub(super) until: Option<Date>,
    pub(super) certificate: Option<CertificateFacts>,
}

/// The settings in the order of the plugin's form, and the secrets.
pub(super) fn shown(
    connector: &Connector,
    of: Option<&ConnectorType>,
) -> (Vec<Shown>, Vec<SecretShown>) {
    let declared = of.and_then(|of| of.description.as_ref());
    let declared = declared.map_or(&[][..], |description| description.settings.as_slice());
    let label = |key: &str| {
        let setting = declared.iter().find(|setting| setting.key == key);
        setting.map_or_else(|| key.to_owned(), |setting| setting.label.clone())
    };
    let place = |key: &str| declared.iter().position(|setting| setting.key == key);
    let mut keys: Vec<(&String, &Value)> = connector.settings.iter().collect();
    keys.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
    let settings = keys.into_iter().map(|(key, value)| Shown {
        label: label(key),
        value: said(value),
    });
    let secrets = connector.secrets.iter().map(|note| SecretShown {
        label: label(&note.name),
        set: note.set_at,
        by: note.set_by.clone(),
        until: note.expires_on,
        certificate: note.certificate.clone(),
    });
    (settings.collect(), secrets.collect())
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        Value::Bool(true) => "Yes".into(),
        Value::Bool(false) => "No".into(),
        Value::Array(items) => {
            let shown: Vec<String> = items.iter().take(ITEMS).map(said).collect();
            let shown = shown.join(", ");
            match items.len().saturating_sub(ITEMS) {
                0 => shown,
                more => format!("{shown} and {more} more"),
            }
        }
        other => shortened(&other.to_string()),
    }
}

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(CHARACTERS).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_said_in_short() {
        assert_eq!(said(&json!(true)), "Yes");
        assert_eq!(said(&json!(["a", "b"])), "a, b");
        let many: Vec<_> = (0..7).collect();
        assert_eq!(said(&json!(many)), "0, 1, 2, 3, 4 and 2 more");
        let long = said(&json!({"text": "ä".repeat(500)}));
        assert_eq!(long.chars().count(), CHARACTERS + 1);
    }
}
