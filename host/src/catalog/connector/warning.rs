//! What an administrator should look at, though nothing has failed yet.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Connector;
use crate::catalog::types::ConnectorType;
use crate::egress::ENDS_SOON_DAYS;

/// Something that an administrator should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// Stable word to search for.
    pub code: String,
    /// The field that it is about.
    pub path: String,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

fn warning(code: &str, path: impl Into<String>, message: String, remedy: &str) -> Warning {
    Warning {
        code: code.into(),
        path: path.into(),
        message,
        remedy: remedy.into(),
    }
}

/// What is to be told of a connector. `active_maps` are those of its active profiles.
pub(super) fn of(
    connector: &Connector,
    types: &[ConnectorType],
    active_maps: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Warning> {
    let today = TimeZone::UTC.to_datetime(now).date();
    let mut warnings: Vec<Warning> = connector
        .secrets
        .iter()
        .filter_map(|note| {
            let what = note
                .certificate
                .as_ref()
                .map_or("secret", |_| "certificate");
            expiry((&note.name, what), note.expires_on?, today)
        })
        .collect();
    warnings.extend(of_plugin(connector, types));
    if active_maps.len() > 1 {
        warnings.push(warning(
            "connector.maps-differ",
            "profiles",
            "Active profiles use different transform maps, so each run that follows one of another profile \
             must read everything."
                .to_owned(),
            "Give all active profiles the same map, or make a connector for each.",
        ));
    }
    warnings
}

fn expiry((name, what): (&str, &str), last_day: Date, today: Date) -> Option<Warning> {
    const REMEDY: &str = "Create a new one at the vendor's side and set it here.";
    let path = format!("secrets.{name}");
    if last_day < today {
        return Some(warning(
            "secret.expired",
            path,
            format!("The {what} was valid until {last_day}."),
            REMEDY,
        ));
    }
    let soon = today
        .checked_add(Span::new().days(ENDS_SOON_DAYS))
        .is_ok_and(|soon| last_day <= soon);
    soon.then(|| {
        warning(
            "secret.expires-soon",
            path,
            format!("The {what} is valid until {last_day}."),
            REMEDY,
        )
    })
}

fn of_plugin(connector: &Connector, types: &[ConnectorType]) -> Option<Warning> {
    let name = &connector.plugin;
    let Some(plugin) = types.iter().find(|plugin| plugin.name == *name) else {
        return Some(warning(
            "plugin.not-installed",
            "plugin",
            format!("The plugin {name} is not installed."),
            "Install it, or delete the connector.",
        ));
    };
    let Some(pinned) = &connector.version.0 else {
        return plugin.active.is_none().then(|| {
            warning(
                "plugin.none-active",
                "version",
                format!("No version of {name} is active."),
                "Approve and activate one.",
            )
        });
    };
    let installed = plugin
        .versions
        .iter()
        .find(|installed| installed.version == *pinned);
    let (code, message) = match installed.map(|installed| installed.standing.as_str()) {
        None => (
            "plugin.version-not-installed",
            format!("{name} {pinned} is not installed."),
        ),
        Some("waiting") => (
            "plugin.version-not-approved",
            format!("{name} {pinned} is not approved."),
        ),
        Some("withdrawn") => (
            "plugin.version-withdrawn",
            format!("{name} {pinned} was withdrawn after failed runs."),
        ),
        Some(_) => return None,
    };
    Some(warning(
        code,
        "version",
        message,
        "Install and approve it, or choose another version.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_of_from_thirty_days_before_its_last_day() {
        let today: Date = "2027-05-01".parse().unwrap();
        let code = |last_day: &str| {
            expiry(("clientSecret", "secret"), last_day.parse().unwrap(), today)
                .map(|warning| warning.code)
        };
        assert_eq!(code("2027-06-01"), None);
        assert_eq!(code("2027-05-31").as_deref(), Some("secret.expires-soon"));
        assert_eq!(code("2027-05-01").as_deref(), Some("secret.expires-soon"));
        assert_eq!(code("2027-04-30").as_deref(), Some("secret.expired"));
    }
}
