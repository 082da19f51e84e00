//! What partitions carry from `plan` and `read` to the next `read`, opaque to the host.

use serde::{Deserialize, Serialize};

use crate::contract::{CursorPart, Fault, Partition, Stream};
use crate::graph::walk::unreadable;
use crate::snapshot::users::Range;

/// Raised whenever older states, checkpoints or cursors can't be read any more.
pub(crate) const VERSION: u32 = 2;

/// Stage in which listings and members are read.
pub(crate) const READ: u8 = 0;
/// Stage in which a snapshot makes sure that what was read in parts is all there.
pub(crate) const PROVE: u8 = 1;
/// Stage in which an incremental run reads what the last run could not read: after the changes, since
/// one that came between would otherwise be overwritten by a state from before it.
pub(crate) const CATCH_UP: u8 = 1;
/// Stage in which a snapshot takes in what changed while it was read.
pub(crate) const DRAIN: u8 = 2;

/// What a partition reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// The list of all groups.
    Groups,
    /// The configured groups, by id.
    ConfiguredGroups,
    /// The list of all users.
    Users,
    /// A part of it.
    UserRange(Range),
    /// Whether the parts are all of it.
    ProveUsers {
        /// How many users there were before the parts were read.
        counted: u64,
    },
    /// The first page of members of each of these groups.
    Members { groups: Vec<GroupRef> },
    /// The other pages of members of one group.
    MoreMembers {
        group: GroupRef,
        link: String,
        /// Whether a page before had members.
        found: bool,
    },
    /// What changed.
    Changes {
        of: Of,
        link: String,
        /// They begin with those that came while everything was read. Who was in the deleted items for a while of
        /// it may have been left out as a member and is held nevertheless.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        amid: bool,
    },
    /// Everything, by a first round of changes.
    Walk { of: Of },
    /// The groups that these are in, which the host did not hold.
    MemberOf { of: Of, ids: Vec<String> },
}

/// A group whose members are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupRef {
    pub(crate) id: String,
    /// Members show only to who holds `Member.Read.Hidden`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
}

/// Begins the keys of the cursor's pieces that name groups whose members could not be read.
const UNREAD: &str = "unread/";

impl GroupRef {
    /// The piece of the cursor that makes the next run read it.
    pub(crate) fn unread(&self) -> Result<CursorPart, Fault> {
        let value = serde_json::to_string(self).map_err(|error| unreadable("cursor", &error))?;
        Ok(CursorPart {
            key: format!("{UNREAD}{}", self.id),
            value,
        })
    }

    /// The groups that the last run could not read.
    pub(crate) fn all_unread(cursor: &[CursorPart]) -> Result<Vec<Self>, Fault> {
        cursor
            .iter()
            .filter(|part| part.key.starts_with(UNREAD))
            .map(|part| {
                serde_json::from_slice(part.value.as_bytes())
                    .map_err(|error| unreadable("cursor", &error))
            })
            .collect()
    }
}

/// A stream of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Of {
    Groups,
    Users,
}

impl Of {
    /// Key of its piece of the cursor.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Users => "users",
        }
    }
}

impl From<Of> for Stream {
    fn from(of: Of) -> Self {
        match of {
            Of::Groups => Self::Groups,
            Of::Users => Self::Users,
        }
    }
}

impl Work {
    pub(crate) fn parse(state: &str) -> Result<Self, Fault> {
        serde_json::from_slice(state.as_bytes())
            .map_err(|error| unreadable("state of a partition", &error))
    }

    pub(crate) fn partition(
        &self,
        key: impl Into<String>,
        stage: u8,
        title: impl Into<String>,
    ) -> Result<Partition, Fault> {
        let state = serde_json::to_string(self)
            .map_err(|error| unreadable("state of a partition", &error))?;
        Ok(Partition {
            key: key.into(),
            stage,
            title: title.into(),
            state,
        })
    }
}

/// A piece of the cursor: where changes go on, and what the copy was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) link: String,
    /// Settings and map that shaped the documents and the link.
    pub(crate) made_with: String,
    /// It is from the beginning of a delta walk, so the first changes are those that came amid it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) amid: bool,
}
