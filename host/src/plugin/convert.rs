//! The checked conversion at the border: no value of a guest gets further without it.
//!
//! Identifiers are bounded and printable, labels are made harmless, documents are JSON objects of
//! a bounded size, counts are within the limits. What breaks the contract is a
//! [`CallError::BadValue`] that names the field.

use serde::de::IgnoredAny;

use super::bindings::connector::plugin::contract as wit;
use super::log::one_line;
use super::{CallError, harmless};
use crate::contract::{
    Candidate, Candidates, CheckLine, CheckOutcome, Choice, DataModel, Description, Expectation,
    Fault, FaultKind, Field, GroupLink, Opening, Permission, Problem, Rule, Setting, SettingKind,
    TransformMap,
};
use crate::directory::{
    Change, Cursor, CursorPart, Member, MemberKind, Mode, Object, PageCommit, Partition, Removal,
    Stream,
};
use crate::egress::{Authentication, ClientCredentials, Connection, Proof, Quota};
use crate::limits::Limits;
use crate::settings::PluginSettings;

/// Longest identifier of an object, in bytes.
const ID_BYTES: usize = 256;
/// Longest label, in bytes; longer ones are cut.
const LABEL_BYTES: usize = 1024;
/// Longest text for people, in bytes; longer ones are cut.
const TEXT_BYTES: usize = 4096;
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
    if id.bytes().all(|b| b.is_ascii_graphic())
        || id.chars().all(|c| !c.is_control() && !c.is_whitespace())
    {
        Ok(id)
    } else {
        Err(bad(
            field,
            "an identifier has no control characters or spaces",
        ))
    }
}

// ------------------------------------------------------------------ description

pub(super) fn description(d: wit::Description) -> Result<Description, CallError> {
    let name_is_plain = !d.name.is_empty()
        && d.name.len() <= 64
        && d.name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !name_is_plain {
        return Err(bad("name", "1 to 64 of a-z, 0-9 and -"));
    }
    let version_is_plain = d.version.len() <= 64
        && d.version.split('.').count() >= 3
        && d.version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'));
    if !version_is_plain {
        return Err(bad("version", "a semantic version such as 1.2.3"));
    }
    if d.maps.is_empty() {
        return Err(bad("maps", "at least one transform map, the default"));
    }
    few("settings", &d.settings)?;
    few("permissions", &d.permissions)?;
    few("maps", &d.maps)?;
    few("hosts", &d.hosts)?;
    Ok(Description {
        vendor: label(&d.vendor),
        product: label(&d.product),
        summary: text(&d.summary),
        category: label(&d.category),
        asset_types: texts("asset-types", &d.asset_types)?,
        finding_types: texts("finding-types", &d.finding_types)?,
        supported_versions: texts("supported-versions", &d.supported_versions)?,
        integration_method: label(&d.integration_method),
        direction: label(&d.direction),
        incremental: d.incremental,
        unsupported: texts("unsupported", &d.unsupported)?,
        settings: d
            .settings
            .into_iter()
            .map(setting)
            .collect::<Result<_, _>>()?,
        permissions: d
            .permissions
            .iter()
            .map(|p| Permission {
                name: label(&p.name),
                reason: text(&p.reason),
                required: p.required,
            })
            .collect(),
        hosts: d
            .hosts
            .into_iter()
            .map(|host| id("hosts", host))
            .collect::<Result<_, _>>()?,
        source_model: model("source-model", d.source_model)?,
        target_model: model("target-model", d.target_model)?,
        maps: d.maps.into_iter().map(map_in).collect::<Result<_, _>>()?,
        checkpoint_version: d.checkpoint_version,
        name: d.name,
        version: d.version,
    })
}

fn setting(s: wit::Setting) -> Result<Setting, CallError> {
    let kind = match s.kind {
        wit::SettingKind::Text => SettingKind::Text,
        wit::SettingKind::Secret => SettingKind::Secret,
        wit::SettingKind::Flag => SettingKind::Flag,
        wit::SettingKind::Items => SettingKind::Items,
        wit::SettingKind::Document => SettingKind::Document,
        wit::SettingKind::Choice(choices) => {
            few("settings.choice", &choices)?;
            SettingKind::Choice(
                choices
                    .iter()
                    .map(|c| Choice {
                        value: label(&c.value),
                        label: label(&c.label),
                    })
                    .collect(),
            )
        }
    };
    if let Some(value) = &s.default_value {
        json("settings.default-value", value)?;
    }
    Ok(Setting {
        key: id("settings.key", s.key)?,
        label: label(&s.label),
        kind,
        required: s.required,
        help: text(&s.help),
        default_value: s.default_value,
    })
}

fn model(field: &str, m: wit::DataModel) -> Result<DataModel, CallError> {
    few(field, &m.fields)?;
    Ok(DataModel {
        name: label(&m.name),
        fields: m
            .fields
            .iter()
            .map(|f| Field {
                path: label(&f.path),
                kind: label(&f.kind),
                meaning: text(&f.meaning),
            })
            .collect(),
        groups_path: m.groups_path.map(|path| label(&path)),
    })
}

fn map_in(m: wit::TransformMap) -> Result<TransformMap, CallError> {
    few("maps.rules", &m.rules)?;
    Ok(TransformMap {
        name: label(&m.name),
        source_model: label(&m.source_model),
        target_model: label(&m.target_model),
        rules: m
            .rules
            .into_iter()
            .map(|r| {
                if let Some(value) = &r.default_value {
                    json("maps.rules.default-value", value)?;
                }
                Ok(Rule {
                    target: label(&r.target),
                    sources: texts("maps.rules.sources", &r.sources)?,
                    functions: texts("maps.rules.functions", &r.functions)?,
                    default_value: r.default_value,
                    note: r.note.as_deref().map(text),
                })
            })
            .collect::<Result<_, CallError>>()?,
    })
}

fn json(field: &str, value: &str) -> Result<(), CallError> {
    if value.len() > TEXT_BYTES {
        return Err(bad(field, "too long"));
    }
    serde_json::from_str::<IgnoredAny>(value)
        .map(drop)
        .map_err(|error| bad(field, format!("no JSON: {error}")))
}

// ------------------------------------------------------------------ small answers

pub(super) fn connection(c: wit::Connection) -> Result<Connection, CallError> {
    few("origins", &c.origins)?;
    let authentication = match c.authentication {
        wit::Authentication::None => Authentication::None,
        wit::Authentication::Bearer(setting) => Authentication::Bearer { setting },
        wit::Authentication::ClientCredentials(c) => {
            few("audience", &c.audience)?;
            Authentication::ClientCredentials(ClientCredentials {
                token_endpoint: c.token_endpoint,
                scope: c.scope,
                client_id: c.client_id,
                proof: match c.proof {
                    wit::Proof::ClientSecret(setting) => Proof::ClientSecret(setting),
                    wit::Proof::Certificate(setting) => Proof::Certificate(setting),
                    wit::Proof::FederatedToken(setting) => Proof::FederatedToken(setting),
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
    })
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

pub(super) fn candidates(c: wit::Candidates) -> Result<Candidates, CallError> {
    few("groups", &c.groups)?;
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
        code: label(&f.code),
        message: text(&f.message),
        remedy: f.remedy.as_deref().map(text),
        setting: f.setting.as_deref().map(label),
    }
}

// ------------------------------------------------------------------ run data

/// The limits that a run's data is held against.
pub(super) struct Border<'a> {
    pub(super) limits: &'a Limits,
}

impl Border<'_> {
    pub(super) fn opening(&self, opening: wit::Opening) -> Result<Opening, CallError> {
        Ok(Opening {
            partitions: self.partitions(opening.partitions, 0)?,
            expected: Expectation {
                users: opening.expected.users,
                groups: opening.expected.groups,
                members: opening.expected.members,
            },
            drop_unreferenced_users: matches!(opening.unreferenced_users, wit::Retention::Drop),
            note: opening.note.as_deref().map(text),
        })
    }

    pub(super) fn page(
        &self,
        partition: &Partition,
        page: wit::Page,
    ) -> Result<PageCommit, CallError> {
        if page.changes.len() > self.limits.page_changes {
            return Err(bad(
                "changes",
                format!(
                    "{} in one page, at most {}",
                    page.changes.len(),
                    self.limits.page_changes
                ),
            ));
        }
        let mut total = Total {
            limits: self.limits,
            bytes: 0,
            members: 0,
        };
        let changes = page
            .changes
            .into_iter()
            .map(|change| self.change(change, &mut total))
            .collect::<Result<_, _>>()?;
        Ok(PageCommit {
            partition: partition.key.clone(),
            changes,
            checkpoint: self.state("checkpoint", page.checkpoint)?,
            partitions: self.partitions(page.partitions, partition.stage)?,
            cursor: page
                .cursor
                .into_iter()
                .map(|part| {
                    self.bounded("cursor.value", &part.value)?;
                    Ok(CursorPart {
                        key: id("cursor.key", part.key)?,
                        value: part.value,
                    })
                })
                .collect::<Result<_, CallError>>()?,
        })
    }

    fn partitions(
        &self,
        partitions: Vec<wit::Partition>,
        lowest_stage: u8,
    ) -> Result<Vec<Partition>, CallError> {
        if partitions.len() > self.limits.page_changes {
            return Err(bad("partitions", "too many in one page"));
        }
        partitions
            .into_iter()
            .map(|p| {
                if p.stage < lowest_stage {
                    return Err(bad(
                        "partitions.stage",
                        format!("stage {} has ended, this is stage {lowest_stage}", p.stage),
                    ));
                }
                self.bounded("partitions.state", &p.state)?;
                Ok(Partition {
                    key: id("partitions.key", p.key)?,
                    stage: p.stage,
                    title: label(&p.title),
                    state: p.state,
                })
            })
            .collect()
    }

    fn state(&self, field: &str, state: Option<String>) -> Result<Option<String>, CallError> {
        if let Some(state) = &state {
            self.bounded(field, state)?;
        }
        Ok(state)
    }

    fn bounded(&self, field: &str, value: &str) -> Result<(), CallError> {
        if value.len() > self.limits.state_bytes {
            return Err(bad(
                field,
                format!("{} bytes, at most {}", value.len(), self.limits.state_bytes),
            ));
        }
        Ok(())
    }

    fn change(&self, change: wit::Change, total: &mut Total<'_>) -> Result<Change, CallError> {
        Ok(match change {
            wit::Change::User(object) => Change::User(self.object("user", object, total)?),
            wit::Change::Group(object) => Change::Group(self.object("group", object, total)?),
            wit::Change::UserRemoved(removed) => Change::UserRemoved {
                id: id("user-removed.id", removed.id)?,
                removal: match removed.removal {
                    wit::Removal::Soft => Removal::Soft,
                    wit::Removal::Hard => Removal::Hard,
                },
            },
            wit::Change::GroupRemoved(group) => Change::GroupRemoved {
                id: id("group-removed", group)?,
            },
            wit::Change::MembersAdded(joined) => {
                total.members(joined.members.len())?;
                Change::MembersAdded {
                    group: id("members-added.group", joined.group)?,
                    members: joined
                        .members
                        .into_iter()
                        .map(|m| {
                            Ok(Member {
                                id: id("members-added.id", m.id)?,
                                kind: member_kind(m.kind),
                            })
                        })
                        .collect::<Result<_, CallError>>()?,
                }
            }
            wit::Change::MembersRemoved(left) => {
                total.members(left.members.len())?;
                Change::MembersRemoved {
                    group: id("members-removed.group", left.group)?,
                    members: left
                        .members
                        .into_iter()
                        .map(|m| id("members-removed.id", m))
                        .collect::<Result<_, _>>()?,
                }
            }
            wit::Change::MembersComplete(group) => Change::MembersComplete {
                group: id("members-complete", group)?,
            },
            wit::Change::MembersUnavailable(unavailable) => Change::MembersUnavailable {
                group: id("members-unavailable.group", unavailable.group)?,
                reason: text(&unavailable.reason),
            },
            wit::Change::StreamComplete(stream) => Change::StreamComplete(match stream {
                wit::Stream::Users => Stream::Users,
                wit::Stream::Groups => Stream::Groups,
            }),
        })
    }

    fn object(
        &self,
        field: &str,
        object: wit::Object,
        total: &mut Total<'_>,
    ) -> Result<Object, CallError> {
        total.bytes(object.id.len() + object.name.len() + object.document.len())?;
        self.document(field, &object.document)?;
        Ok(Object {
            id: id(field, object.id)?,
            name: one_line(&object.name, LABEL_BYTES),
            document: object.document,
        })
    }

    /// A JSON object of a bounded size.
    pub(super) fn document(&self, field: &str, document: &str) -> Result<(), CallError> {
        let field = format!("{field}.document");
        if document.len() > self.limits.document_bytes {
            return Err(bad(
                field,
                format!(
                    "{} bytes, at most {}",
                    document.len(),
                    self.limits.document_bytes
                ),
            ));
        }
        if !document.trim_start().starts_with('{') {
            return Err(bad(field, "no JSON object"));
        }
        serde_json::from_str::<IgnoredAny>(document)
            .map(drop)
            .map_err(|error| bad(field, format!("no JSON: {error}")))
    }
}

/// Running sums of one page.
struct Total<'a> {
    limits: &'a Limits,
    bytes: usize,
    members: usize,
}

impl Total<'_> {
    fn bytes(&mut self, bytes: usize) -> Result<(), CallError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.page_bytes {
            return Err(bad(
                "changes",
                format!("more than {} bytes in one page", self.limits.page_bytes),
            ));
        }
        Ok(())
    }

    fn members(&mut self, members: usize) -> Result<(), CallError> {
        self.members = self.members.saturating_add(members);
        if self.members > self.limits.page_members {
            return Err(bad(
                "changes",
                format!("more than {} members in one page", self.limits.page_members),
            ));
        }
        Ok(())
    }
}

fn member_kind(kind: wit::MemberKind) -> MemberKind {
    match kind {
        wit::MemberKind::User => MemberKind::User,
        wit::MemberKind::Group => MemberKind::Group,
        wit::MemberKind::Device => MemberKind::Device,
        wit::MemberKind::ServicePrincipal => MemberKind::ServicePrincipal,
        wit::MemberKind::Contact => MemberKind::Contact,
        wit::MemberKind::Other => MemberKind::Other,
    }
}

// ------------------------------------------------------------------ towards the guest

pub(super) fn settings(settings: &PluginSettings) -> wit::Settings {
    wit::Settings {
        values: settings.values.clone(),
        secrets: settings.secrets.clone(),
    }
}

pub(super) fn map_out(map: &TransformMap) -> wit::TransformMap {
    wit::TransformMap {
        name: map.name.clone(),
        source_model: map.source_model.clone(),
        target_model: map.target_model.clone(),
        rules: map
            .rules
            .iter()
            .map(|r| wit::Rule {
                target: r.target.clone(),
                sources: r.sources.clone(),
                functions: r.functions.clone(),
                default_value: r.default_value.clone(),
                note: r.note.clone(),
            })
            .collect(),
    }
}

pub(super) fn request(
    plugin_settings: &PluginSettings,
    map: &TransformMap,
    links: &[GroupLink],
    mode: Mode,
    cursor: Option<&Cursor>,
) -> wit::Request {
    wit::Request {
        settings: settings(plugin_settings),
        map: map_out(map),
        links: links
            .iter()
            .map(|link| wit::GroupLink {
                group: link.group.clone(),
                platform_groups: link.platform_groups.clone(),
            })
            .collect(),
        mode: match mode {
            Mode::Snapshot => wit::Mode::Snapshot,
            Mode::Incremental => wit::Mode::Incremental,
        },
        cursor: match (mode, cursor) {
            (Mode::Incremental, Some(cursor)) => cursor
                .parts
                .iter()
                .map(|part| wit::CursorPart {
                    key: part.key.clone(),
                    value: part.value.clone(),
                })
                .collect(),
            _ => Vec::new(),
        },
    }
}

pub(super) fn partition_out(partition: &Partition) -> wit::Partition {
    wit::Partition {
        key: partition.key.clone(),
        stage: partition.stage,
        title: partition.title.clone(),
        state: partition.state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_with_a_line_break_is_refused_by_field() {
        let error = id("user", "a\nb".into()).unwrap_err();
        assert!(error.to_string().contains("user"), "{error}");
    }

    #[test]
    fn a_document_must_be_a_json_object_within_its_size() {
        let limits = Limits {
            document_bytes: 10,
            ..Limits::default()
        };
        let border = Border { limits: &limits };
        assert!(border.document("user", r#"{"a":1}"#).is_ok());
        assert!(border.document("user", "[1]").is_err());
        assert!(border.document("user", r#"{"a":1"#).is_err());
        assert!(border.document("user", r#"{"a":12345}"#).is_err());
    }

    #[test]
    fn a_page_may_not_name_a_partition_of_a_stage_that_has_ended() {
        let limits = Limits::default();
        let border = Border { limits: &limits };
        let page = wit::Page {
            changes: vec![],
            checkpoint: None,
            partitions: vec![wit::Partition {
                key: "late".into(),
                stage: 0,
                title: String::new(),
                state: String::new(),
            }],
            cursor: vec![],
        };
        let drain = Partition {
            key: "drain".into(),
            stage: 1,
            title: String::new(),
            state: String::new(),
        };
        assert!(border.page(&drain, page).is_err());
    }
}
