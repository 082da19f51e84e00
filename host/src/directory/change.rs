//! What a plugin may say about the directory, in the host's own types.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A change to the directory. Applying one twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Upsert a user; it replaces the document and brings a hidden user back.
    User(Object),
    /// Upsert a group; it replaces the document.
    Group(Object),
    /// A user is gone.
    UserRemoved {
        /// Its identifier.
        id: String,
        /// How far.
        removal: Removal,
    },
    /// A group is gone, with its memberships.
    GroupRemoved {
        /// Its identifier.
        id: String,
    },
    /// Direct members are there. Group and members may still be unknown.
    MembersAdded {
        /// Identifier of the group.
        group: String,
        /// Who.
        members: Vec<Member>,
    },
    /// Direct members are not there any more.
    MembersRemoved {
        /// Identifier of the group.
        group: String,
        /// Identifiers of the members.
        members: Vec<String>,
    },
    /// All of this group's members have been given in this run; others, except hidden users, are gone.
    MembersComplete {
        /// Identifier of the group.
        group: String,
    },
    /// The members could not be read: what is known is kept, the run is partial.
    MembersUnavailable {
        /// Identifier of the group.
        group: String,
        /// For the administrator.
        reason: String,
    },
    /// The listing ended normally; what was not seen in this run, except hidden users and their memberships, is
    /// gone.
    StreamComplete(Stream),
}

/// A user or group as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Identifier at the source.
    pub id: String,
    /// Label to show and search.
    pub name: String,
    /// A JSON object in the target model; checked to be one.
    pub document: String,
    /// Of a group: one of the kinds that its plugin declares, where it is known.
    pub kind: Option<String>,
}

/// A direct member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Identifier at the source.
    pub id: String,
    /// What it is.
    pub kind: MemberKind,
}

/// What kind of object a member is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum MemberKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A device.
    Device,
    /// A service principal.
    ServicePrincipal,
    /// An organisation's contact.
    Contact,
    /// Anything else.
    Other,
}

impl MemberKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Device => "device",
            Self::ServicePrincipal => "service principal",
            Self::Contact => "contact",
            Self::Other => "other",
        }
    }
}

/// How far a user is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    /// Hidden and kept with its memberships.
    Soft,
    /// Forgotten with its memberships.
    Hard,
}

/// What can be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Users.
    Users,
    /// Groups.
    Groups,
    /// Direct memberships of all groups. Counts once all partitions of the run have ended.
    Members,
}
