//! The ready-made maps.

use crate::contract::{Rule, TransformMap};
use crate::fields::{SOURCE_MODEL, TARGET_MODEL};

const DETAILS: &str = "userData.userDetails.";

/// Source and target of the default map's rules.
const PLAIN: [(&str, &str); 21] = [
    ("id", "identityProviderId"),
    ("id", "externalId"),
    ("id", "userData.userDetails.externalId"),
    ("id", "userData.userDetails.apiExternalId"),
    ("mail", "userData.userDetails.emailId"),
    (
        "userPrincipalName",
        "userData.userDetails.userPrincipalName",
    ),
    ("givenName", "userData.userDetails.givenName"),
    ("surname", "userData.userDetails.lastName"),
    ("displayName", "userData.userDetails.displayName"),
    ("displayName", "userData.userDetails.username"),
    ("streetAddress", "userData.userDetails.address"),
    ("country", "userData.userDetails.country"),
    ("jobTitle", "userData.userDetails.title"),
    ("preferredLanguage", "userData.userDetails.language"),
    ("notification.*", "userData.notification"),
    ("eventType", "eventType"),
    ("groupInfo[].idpGroup", "groupInfo[].idpGroup"),
    ("groupInfo[].qualysGroups", "groupInfo[].qualysGroupUUID"),
    ("classification", "groupInfo[].classification"),
    (
        "groupDisplayName",
        "groupInfo[].customAttributes.groupDisplayName",
    ),
    ("groupUniqueName", "groupInfo[].customAttributes.uniqueName"),
];

/// What the platform insists on: target, a source to fall back on, a constant to end with.
const FILLED: [(&str, Option<&str>, Option<&str>, &str); 6] = [
    (
        "givenName",
        Some("nameParts.first"),
        None,
        "The platform insists on a first name.",
    ),
    (
        "lastName",
        Some("nameParts.last"),
        None,
        "The platform insists on a last name.",
    ),
    (
        "address",
        None,
        Some("\"NA\""),
        "The platform insists on an address.",
    ),
    (
        "country",
        Some("defaultCountry"),
        None,
        "The platform insists on a country; the setting `defaultCountry` gives it.",
    ),
    (
        "title",
        None,
        Some("\"NA\""),
        "The platform insists on a title.",
    ),
    (
        "language",
        None,
        Some("\"en\""),
        "A blank language is English.",
    ),
];

/// All of them, the default first.
pub(crate) fn all() -> Vec<TransformMap> {
    vec![plain(), filled()]
}

/// Every value as the directory has it.
pub(crate) fn plain() -> TransformMap {
    let rules = PLAIN
        .iter()
        .map(|(source, target)| Rule {
            target: (*target).to_owned(),
            sources: vec![(*source).to_owned()],
            functions: Vec::new(),
            default_value: None,
            note: None,
        })
        .collect();
    TransformMap {
        name: "Default".to_owned(),
        source_model: SOURCE_MODEL.to_owned(),
        target_model: TARGET_MODEL.to_owned(),
        rules,
    }
}

/// The same, with what the platform's own directory sync puts in place of missing values.
pub(crate) fn filled() -> TransformMap {
    let mut map = plain();
    map.name = "Platform defaults".to_owned();
    for rule in &mut map.rules {
        let name = rule.target.strip_prefix(DETAILS).unwrap_or_default();
        let Some((_, source, default, note)) = FILLED.iter().find(|(own, ..)| *own == name) else {
            continue;
        };
        rule.sources.extend(source.map(str::to_owned));
        rule.default_value = default.map(str::to_owned);
        rule.note = Some((*note).to_owned());
    }
    map
}
