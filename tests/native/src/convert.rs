//! The core's values as the host's. Nothing is checked: nothing here is a stranger's.

use std::path::PathBuf;

use connector_host::directory::{
    Change, CursorPart, Member, MemberKind, Object, PageCommit, Partition, Removal, Stream,
};
use connector_host::egress::{Authentication, ClientCredentials, Connection, Proof, Quota};
use entra_core::native::contract;

pub(crate) fn connection(connection: contract::Connection) -> Connection {
    Connection {
        origins: connection.origins,
        authentication: match connection.authentication {
            contract::Authentication::None => Authentication::None,
            contract::Authentication::Bearer(setting) => Authentication::Bearer { setting },
            contract::Authentication::ClientCredentials(c) => {
                Authentication::ClientCredentials(ClientCredentials {
                    token_endpoint: c.token_endpoint,
                    scope: c.scope,
                    client_id: c.client_id,
                    proof: match c.proof {
                        contract::Proof::ClientSecret(key) => Proof::ClientSecret(key),
                        contract::Proof::Certificate(key) => Proof::Certificate(key),
                        // The file's place is of no use without a host's configuration.
                        contract::Proof::FederatedToken(setting) => Proof::FederatedToken {
                            setting,
                            file: PathBuf::new(),
                        },
                    },
                    audience: c.audience,
                })
            }
        },
        quota: connection.quota.map(|quota| Quota {
            units: quota.units,
            window_ms: quota.window_ms,
            cost_header: quota.cost_header,
        }),
        consent: connection.consent,
    }
}

pub(crate) fn partition(partition: contract::Partition) -> Partition {
    Partition {
        key: partition.key,
        stage: partition.stage,
        title: partition.title,
        state: partition.state,
    }
}

pub(crate) fn partition_out(partition: &Partition) -> contract::Partition {
    contract::Partition {
        key: partition.key.clone(),
        stage: partition.stage,
        title: partition.title.clone(),
        state: partition.state.clone(),
    }
}

pub(crate) fn page(partition_key: String, page: contract::Page) -> PageCommit {
    PageCommit {
        partition: partition_key,
        changes: page.changes.into_iter().map(change).collect(),
        checkpoint: page.checkpoint,
        partitions: page.partitions.into_iter().map(partition).collect(),
        cursor: page
            .cursor
            .into_iter()
            .map(|part| CursorPart {
                key: part.key,
                value: part.value,
            })
            .collect(),
    }
}

fn change(change: contract::Change) -> Change {
    match change {
        contract::Change::User(user) => Change::User(object(user)),
        contract::Change::Group(group) => Change::Group(object(group)),
        contract::Change::UserRemoved(removed) => Change::UserRemoved {
            id: removed.id,
            removal: match removed.removal {
                contract::Removal::Soft => Removal::Soft,
                contract::Removal::Hard => Removal::Hard,
            },
        },
        contract::Change::GroupRemoved(id) => Change::GroupRemoved { id },
        contract::Change::MembersAdded(joined) => Change::MembersAdded {
            group: joined.group,
            members: joined
                .members
                .into_iter()
                .map(|member| Member {
                    id: member.id,
                    kind: kind(member.kind),
                })
                .collect(),
        },
        contract::Change::MembersRemoved(left) => Change::MembersRemoved {
            group: left.group,
            members: left.members,
        },
        contract::Change::MembersComplete(group) => Change::MembersComplete { group },
        contract::Change::MembersUnavailable(unavailable) => Change::MembersUnavailable {
            group: unavailable.group,
            reason: unavailable.reason,
        },
        contract::Change::StreamComplete(of) => Change::StreamComplete(match of {
            contract::Stream::Users => Stream::Users,
            contract::Stream::Groups => Stream::Groups,
            contract::Stream::Members => Stream::Members,
        }),
    }
}

fn object(object: contract::Object) -> Object {
    Object {
        id: object.id,
        name: object.name,
        kind: object.kind,
        document: object.document,
    }
}

fn kind(kind: contract::MemberKind) -> MemberKind {
    match kind {
        contract::MemberKind::User => MemberKind::User,
        contract::MemberKind::Group => MemberKind::Group,
        contract::MemberKind::Device => MemberKind::Device,
        contract::MemberKind::ServicePrincipal => MemberKind::ServicePrincipal,
        contract::MemberKind::Contact => MemberKind::Contact,
        contract::MemberKind::Other => MemberKind::Other,
    }
}
