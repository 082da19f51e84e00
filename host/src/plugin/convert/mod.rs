//! The checked conversion at the border: no value of a guest gets further without it.
//!
//! Identifiers are bounded and printable, labels are made harmless, documents are JSON objects of
//! a bounded size, counts are within the limits. What breaks the contract is a
//! [`CallError::BadValue`] that names the field.

mod border;
mod description;
mod outward;

use serde::de::IgnoredAny;

use super::bindings::connector::plugin::contract as wit;
use super::log::{is_format_control, one_line};
use super::{CallError, harmless};
use crate::contract::{Candidate, Candidates, CheckLine, CheckOutcome, Fault, FaultKind, Problem};
use crate::egress::{Authentication, ClientCredentials, Connection, Proof, Quota};
use crate::settings::PluginSettings;

pub use border::Emitted;
pub(super) use border::{Border, stream};
pub(super) use description::description;
pub(super) use outward::{map_out, partition_out, request, settings};

/// Longest identifier of an object, in bytes.
const ID_BYTES: usize = 256;
/// Longest label, in bytes; longer ones are cut.
const LABEL_BYTES: usize = 1024;
/// Longest text for people, in bytes; longer ones are cut.
const TEXT_BYTES: usize = 4096;
/// Areas of the codes of faults that the host finds.
const HOST_AREAS: [&str; 4] = ["plugin", "run", "host", "egress"];
/// Deepest nesting of a JSON document: less than any reader of it, the export for one, can bear.
const JSON_DEPTH: usize = 64;
/// Most entries of a list in a description.
const LIST_ENTRIES: usize = 1000;

fn bad(field: impl Into<String>, reason: impl Into<String>) -> CallError {
    CallError::BadValue {
        field: field.into(),
        reason: reason.into(),
    }
}

fn label(text: &str) -> String {
    harmless(text, LABEL_BYTES)
}

fn text(text: &str) -> String {
    harmless(text, TEXT_BYTES)
}

fn texts(field: &str, list: &[String]) -> Result<Vec<String>, CallError> {
    few(field, list)?;
    Ok(list.iter().map(|item| text(item)).collect())
}

fn few<T>(field: &str, list: &[T]) -> Result<(), CallError> {
    if list.len() > LIST_ENTRIES {
        return Err(bad(
            field,
            format!("{} entries, at most {LIST_ENTRIES}", list.len()),
        ));
    }
    Ok(())
}

/// Checks that a text is JSON, and no deeper than its readers can bear.
fn json(field: &str, text: &str) -> Result<(), CallError> {
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| bad(field, format!("no JSON: {error}")))?;
    // Most have fewer brackets than they might have levels, and counting them takes no time.
    let opens = |byte: &u8| matches!(byte, b'{' | b'[');
    if text.bytes().filter(|byte| opens(byte)).count() <= JSON_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH {
            return Err(bad(
                field,
                format!("nested deeper than {JSON_DEPTH} levels"),
            ));
        }
    }
    Ok(())
}

/// An identifier: not empty, bounded, nothing that could be taken for something else when shown.
fn id(field: &str, id: String) -> Result<String, CallError> {
    if id.is_empty() || id.len() > ID_BYTES {
        return Err(bad(
            field,
            format!(
                "an identifier has 1 to {ID_BYTES} bytes, this has {}",
                id.len()
            ),
        ));
    }
    let shown = |c: char| !c.is_control() && !c.is_whitespace() && !is_format_control(c);
    if id.bytes().all(|b| b.is_ascii_graphic()) || id.chars().all(shown) {
        Ok(id)
    } else {
        Err(bad(
            field,
            "an identifier has no spaces, no control characters and none that reorder or hide text",
        ))
    }
}

/// The value of a setting that is a text.
fn text_setting(settings: &PluginSettings, key: &str) -> Option<String> {
    let mut values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&settings.values).ok()?;
    match values.remove(key)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    }
}

/// `settings` are those that the plugin was asked about.
pub(super) fn connection(
    c: wit::Connection,
    settings: &PluginSettings,
) -> Result<Connection, CallError> {
    few("origins", &c.origins)?;
    let authentication = match c.authentication {
        wit::Authentication::None => Authentication::None,
        wit::Authentication::Bearer(setting) => Authentication::Bearer {
            setting: id("bearer", setting)?,
        },
        wit::Authentication::ClientCredentials(c) => {
            few("audience", &c.audience)?;
            Authentication::ClientCredentials(ClientCredentials {
                token_endpoint: c.token_endpoint,
                scope: c.scope,
                client_id: c.client_id,
                proof: match c.proof {
                    wit::Proof::ClientSecret(setting) => Proof::ClientSecret(id("proof", setting)?),
                    wit::Proof::Certificate(setting) => Proof::Certificate(id("proof", setting)?),
                    wit::Proof::FederatedToken(setting) => {
                        let setting = id("proof", setting)?;
                        let file = text_setting(settings, &setting).ok_or_else(|| {
                            bad("proof", format!("the setting {setting:?} names no file"))
                        })?;
                        Proof::FederatedToken {
                            setting,
                            file: file.into(),
                        }
                    }
                },
                audience: c.audience,
            })
        }
    };
    let quota = match c.quota {
        Some(q) if q.units == 0 || q.window_ms == 0 => {
            return Err(bad("quota", "units and window are above zero"));
        }
        Some(q) => Some(Quota {
            units: q.units,
            window_ms: q.window_ms,
            cost_header: q.cost_header,
        }),
        None => None,
    };
    Ok(Connection {
        origins: c.origins,
        authentication,
        quota,
        consent: c.consent.map(|page| https("consent", page)).transpose()?,
    })
}

/// Longest address of a page, in bytes.
const ADDRESS_BYTES: usize = 2048;

/// The address of a page to which people are sent.
fn https(field: &str, address: String) -> Result<String, CallError> {
    let is_bounded = address.len() <= ADDRESS_BYTES;
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic());
    let url = url::Url::parse(&address).ok();
    // A name before the host would pass for the host.
    let is_honest = url.is_some_and(|url| {
        url.scheme() == "https" && url.username().is_empty() && url.password().is_none()
    });
    if is_bounded && is_plain && is_honest {
        Ok(address)
    } else {
        Err(bad(field, "an https address without a user's name"))
    }
}

pub(super) fn problems(problems: Vec<wit::Problem>) -> Vec<Problem> {
    problems
        .iter()
        .take(LIST_ENTRIES)
        .map(|p| Problem {
            path: label(&p.path),
            message: text(&p.message),
            remedy: text(&p.remedy),
        })
        .collect()
}

pub(super) fn check_lines(lines: Vec<wit::CheckLine>) -> Vec<CheckLine> {
    lines
        .iter()
        .take(LIST_ENTRIES)
        .map(|line| CheckLine {
            item: label(&line.item),
            outcome: match line.outcome {
                wit::CheckOutcome::Passed => CheckOutcome::Passed,
                wit::CheckOutcome::Failed => CheckOutcome::Failed,
                wit::CheckOutcome::Skipped => CheckOutcome::Skipped,
            },
            seen: text(&line.seen),
            remedy: line.remedy.as_deref().map(text),
        })
        .collect()
}

pub(super) fn candidates(c: wit::Candidates, longest_next: usize) -> Result<Candidates, CallError> {
    few("groups", &c.groups)?;
    if let Some(next) = &c.next
        && next.len() > longest_next
    {
        return Err(bad(
            "next",
            format!("{} bytes, at most {longest_next}", next.len()),
        ));
    }
    Ok(Candidates {
        groups: c
            .groups
            .into_iter()
            .map(|g| {
                Ok(Candidate {
                    id: id("groups.id", g.id)?,
                    name: one_line(&g.name, LABEL_BYTES),
                    detail: label(&g.detail),
                })
            })
            .collect::<Result<_, CallError>>()?,
        next: c.next,
    })
}

/// A fault's code. Those of the host's own are not for a plugin to give.
fn code(code: &str) -> String {
    let area = code.split('.').next().unwrap_or_default();
    let code = label(code);
    if HOST_AREAS.contains(&area) {
        format!("claimed.{code}")
    } else {
        code
    }
}

pub(super) fn fault(f: wit::Fault) -> Fault {
    Fault {
        kind: match f.kind {
            wit::FaultKind::Configuration => FaultKind::Configuration,
            wit::FaultKind::Authentication => FaultKind::Authentication,
            wit::FaultKind::Permission => FaultKind::Permission,
            wit::FaultKind::Throttled(wait) => FaultKind::Throttled(wait),
            wit::FaultKind::CursorExpired => FaultKind::CursorExpired,
            wit::FaultKind::Transient => FaultKind::Transient,
            wit::FaultKind::Protocol => FaultKind::Protocol,
            wit::FaultKind::Permanent => FaultKind::Permanent,
        },
        code: code(&f.code),
        message: text(&f.message),
        remedy: f.remedy.as_deref().map(text),
        setting: f.setting.as_deref().map(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_no_deeper_than_its_readers_can_bear() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(json("a", &nested(JSON_DEPTH)), Ok(()));
        assert!(json("a", &nested(JSON_DEPTH + 1)).is_err());
        // Brackets of a text, and ones behind one another, are no levels.
        assert_eq!(
            json("a", &format!(r#"["\\\"{}"]"#, "[".repeat(100))),
            Ok(())
        );
        assert_eq!(json("a", &format!("[{}1]", "[[]],".repeat(100))), Ok(()));
        assert!(json("a", &format!(r#"["\\",{}]"#, nested(JSON_DEPTH))).is_err());
    }

    #[test]
    fn people_are_sent_to_https_pages_only() {
        let page = |address: &str| https("consent", address.into()).is_ok();
        assert!(page("https://idp.example/tenant/consent?client_id=a"));
        for address in [
            "http://idp.example/",
            "javascript:alert(1)",
            "https://idp.example@evil.example/",
            "https://idp.example/\n",
            "/consent",
        ] {
            assert!(!page(address), "{address}");
        }
    }

    #[test]
    fn an_identifier_that_shows_as_another_is_refused() {
        assert!(id("user", "Jörg".into()).is_ok());
        assert!(id("user", "resu\u{202e}nimda".into()).is_err());
        assert!(id("user", "us\u{200b}er".into()).is_err());
    }

    #[test]
    fn an_identifier_with_a_line_break_is_refused_by_field() {
        let error = id("user", "a\nb".into()).unwrap_err();
        assert!(error.to_string().contains("user"), "{error}");
    }
}
