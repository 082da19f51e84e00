//! A run's data: openings and pages, held against the limits.

use super::super::CallError;
use super::super::log::one_line;
use super::{LABEL_BYTES, bad, harmless, id, json, label, text, wit};
use crate::contract::{Choice, Expectation, Opening};
use crate::directory::{
    Change, CursorPart, Member, MemberKind, Object, PageCommit, Partition, Removal, Stream,
};
use crate::limits::Limits;

/// Bytes of an unknown kind that are shown.
const KIND_SHOWN: usize = 64;

/// What a run's data is held against.
pub(in crate::plugin) struct Border<'a> {
    pub(in crate::plugin) limits: &'a Limits,
    /// The kinds of group that the plugin declares.
    pub(in crate::plugin) group_kinds: &'a [Choice],
}

impl Border<'_> {
    pub(in crate::plugin) fn opening(&self, opening: wit::Opening) -> Result<Opening, CallError> {
        Ok(Opening {
            partitions: self.partitions(opening.partitions, 0, &mut Total::new(self.limits))?,
            expected: Expectation {
                users: opening.expected.users,
                groups: opening.expected.groups,
                members: opening.expected.members,
            },
            drop_unreferenced_users: matches!(opening.unreferenced_users, wit::Retention::Drop),
            note: opening.note.as_deref().map(text),
        })
    }

    pub(in crate::plugin) fn page(
        &self,
        partition: &Partition,
        page: wit::Page,
    ) -> Result<(PageCommit, Emitted), CallError> {
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
        if page.cursor.len() > self.limits.page_changes {
            return Err(bad("cursor", "too many pieces in one page"));
        }
        let mut total = Total::new(self.limits);
        total.emitted.changes = page.changes.len();
        let changes = page
            .changes
            .into_iter()
            .map(|change| self.change(change, &mut total))
            .collect::<Result<_, _>>()?;
        let commit = PageCommit {
            partition: partition.key.clone(),
            changes,
            checkpoint: self.state("checkpoint", page.checkpoint)?,
            partitions: self.partitions(page.partitions, partition.stage, &mut total)?,
            cursor: page
                .cursor
                .into_iter()
                .map(|part| {
                    self.bounded("cursor.value", &part.value)?;
                    total.bytes(part.value.len())?;
                    Ok(CursorPart {
                        key: id("cursor.key", part.key)?,
                        value: part.value,
                    })
                })
                .collect::<Result<_, CallError>>()?,
        };
        Ok((commit, total.emitted))
    }

    fn partitions(
        &self,
        partitions: Vec<wit::Partition>,
        lowest_stage: u8,
        total: &mut Total<'_>,
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
                let title = label(&p.title);
                total.bytes(p.key.len() + title.len() + p.state.len())?;
                Ok(Partition {
                    key: id("partitions.key", p.key)?,
                    stage: p.stage,
                    title,
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
            wit::Change::User(object) => Change::User(self.object("user", object, &[], total)?),
            wit::Change::Group(object) => {
                Change::Group(self.object("group", object, self.group_kinds, total)?)
            }
            wit::Change::UserRemoved(removed) => Change::UserRemoved {
                id: total.id("user-removed.id", removed.id)?,
                removal: match removed.removal {
                    wit::Removal::Soft => Removal::Soft,
                    wit::Removal::Hard => Removal::Hard,
                },
            },
            wit::Change::GroupRemoved(group) => Change::GroupRemoved {
                id: total.id("group-removed", group)?,
            },
            wit::Change::MembersAdded(joined) => {
                total.members(joined.members.iter().map(|m| m.id.len()))?;
                Change::MembersAdded {
                    group: total.id("members-added.group", joined.group)?,
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
                total.members(left.members.iter().map(String::len))?;
                Change::MembersRemoved {
                    group: total.id("members-removed.group", left.group)?,
                    members: left
                        .members
                        .into_iter()
                        .map(|m| id("members-removed.id", m))
                        .collect::<Result<_, _>>()?,
                }
            }
            wit::Change::MembersComplete(group) => Change::MembersComplete {
                group: total.id("members-complete", group)?,
            },
            wit::Change::MembersUnavailable(unavailable) => {
                let reason = text(&unavailable.reason);
                total.bytes(reason.len())?;
                Change::MembersUnavailable {
                    group: total.id("members-unavailable.group", unavailable.group)?,
                    reason,
                }
            }
            wit::Change::StreamComplete(of) => Change::StreamComplete(stream(of)),
        })
    }

    fn object(
        &self,
        field: &str,
        object: wit::Object,
        kinds: &[Choice],
        total: &mut Total<'_>,
    ) -> Result<Object, CallError> {
        total.bytes(object.id.len() + object.name.len() + object.document.len())?;
        self.document(field, &object.document)?;
        if let Some(kind) = &object.kind
            && !kinds.iter().any(|declared| declared.value == *kind)
        {
            let told = harmless(kind, KIND_SHOWN);
            let reason = format!("the description has no such kind: {told:?}");
            return Err(bad(format!("{field}.kind"), reason));
        }
        Ok(Object {
            id: id(field, object.id)?,
            name: one_line(&object.name, LABEL_BYTES),
            document: object.document,
            kind: object.kind,
        })
    }

    /// A JSON object of a bounded size.
    pub(in crate::plugin) fn document(&self, field: &str, document: &str) -> Result<(), CallError> {
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
        json(&field, document)
    }
}

/// What a page emitted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emitted {
    /// Changes.
    pub changes: usize,
    /// Members in them.
    pub members: usize,
    /// Bytes of identifiers, names, documents, reasons and states.
    pub bytes: usize,
}

/// Running sums of one page.
struct Total<'a> {
    limits: &'a Limits,
    emitted: Emitted,
}

impl<'a> Total<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            emitted: Emitted::default(),
        }
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), CallError> {
        self.emitted.bytes = self.emitted.bytes.saturating_add(bytes);
        if self.emitted.bytes > self.limits.page_bytes {
            return Err(bad(
                "changes",
                format!("more than {} bytes in one page", self.limits.page_bytes),
            ));
        }
        Ok(())
    }

    /// Checks an identifier and counts it.
    fn id(&mut self, field: &str, text: String) -> Result<String, CallError> {
        self.bytes(text.len())?;
        id(field, text)
    }

    /// Counts members by the lengths of their identifiers.
    fn members(&mut self, ids: impl ExactSizeIterator<Item = usize>) -> Result<(), CallError> {
        self.emitted.members = self.emitted.members.saturating_add(ids.len());
        if self.emitted.members > self.limits.page_members {
            return Err(bad(
                "changes",
                format!("more than {} members in one page", self.limits.page_members),
            ));
        }
        self.bytes(ids.sum())
    }
}

/// A stream of the contract as one of the directory.
pub(in crate::plugin) fn stream(stream: wit::Stream) -> Stream {
    match stream {
        wit::Stream::Users => Stream::Users,
        wit::Stream::Groups => Stream::Groups,
        wit::Stream::Members => Stream::Members,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn border(limits: &Limits) -> Border<'_> {
        Border {
            limits,
            group_kinds: &[],
        }
    }

    #[test]
    fn a_document_must_be_a_json_object_within_its_size() {
        let limits = Limits {
            document_bytes: 10,
            ..Limits::default()
        };
        let border = border(&limits);
        assert!(border.document("user", r#"{"a":1}"#).is_ok());
        assert!(border.document("user", "[1]").is_err());
        assert!(border.document("user", r#"{"a":1"#).is_err());
        assert!(border.document("user", r#"{"a":12345}"#).is_err());
    }

    #[test]
    fn a_page_may_not_name_a_partition_of_a_stage_that_has_ended() {
        let limits = Limits::default();
        let border = border(&limits);
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

    #[test]
    fn a_kind_is_one_that_the_description_has_and_only_of_a_group() {
        let limits = Limits::default();
        let declared = [Choice {
            value: "team".into(),
            label: "Team".into(),
        }];
        let border = Border {
            group_kinds: &declared,
            ..border(&limits)
        };
        let object = |kind: Option<&str>| wit::Object {
            id: "a".into(),
            name: "A".into(),
            document: "{}".into(),
            kind: kind.map(str::to_owned),
        };
        let taken = |change| border.change(change, &mut Total::new(&limits));
        let Ok(Change::Group(group)) = taken(wit::Change::Group(object(Some("team")))) else {
            panic!("a declared kind is refused");
        };
        assert_eq!(group.kind.as_deref(), Some("team"));
        assert!(taken(wit::Change::Group(object(None))).is_ok());
        let refused = taken(wit::Change::Group(object(Some("squad\n")))).unwrap_err();
        let told = refused.to_string();
        assert!(
            told.contains("group.kind") && told.contains("squad"),
            "{told}"
        );
        let refused = taken(wit::Change::User(object(Some("team")))).unwrap_err();
        assert!(refused.to_string().contains("user.kind"), "{refused}");
    }
}
