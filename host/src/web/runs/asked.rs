//! What an address asks for. A form that is sent without a script names every field, also those left blank.

use std::str::FromStr;

use serde::de::value::StringDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::{Mode, Turn};
use crate::journal::Level;
use crate::work::{RunFilter, RunStatus, TriggerKind};

/// Which runs are listed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Listed {
    #[serde(default, deserialize_with = "id")]
    pub(super) connector: Option<Uuid>,
    #[serde(default, deserialize_with = "id")]
    pub(super) profile: Option<Uuid>,
    #[serde(default, deserialize_with = "word")]
    pub(super) state: Option<RunStatus>,
    #[serde(default, deserialize_with = "word")]
    pub(super) mode: Option<Mode>,
    #[serde(default, deserialize_with = "word")]
    pub(super) trigger: Option<TriggerKind>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

impl Listed {
    pub(super) fn filter(&self) -> RunFilter {
        RunFilter {
            connector: self.connector,
            profile: self.profile,
            state: self.state,
            mode: self.mode,
            trigger: self.trigger,
            ..RunFilter::default()
        }
    }

    /// Whether every run is listed.
    pub(super) fn is_all(&self) -> bool {
        self.filter() == RunFilter::default()
    }
}

/// What of a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Show {
    /// Counts, use of the network, the report.
    Summary,
    /// Users that a held run would remove.
    Users,
    /// Groups that a held run would remove.
    Groups,
    /// Memberships that a held run would remove.
    Memberships,
    /// Who joined and left.
    Changes,
    /// What could not be read.
    Unread,
    /// The log.
    Log,
}

impl Show {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Memberships => "memberships",
            Self::Changes => "changes",
            Self::Unread => "unread",
            Self::Log => "log",
        }
    }
}

/// Which part of a run is shown.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Looked {
    #[serde(default, deserialize_with = "word")]
    pub(super) show: Option<Show>,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default, deserialize_with = "word")]
    pub(super) what: Option<Turn>,
    #[serde(default, deserialize_with = "word")]
    pub(super) level: Option<Level>,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

/// An identifier, or a blank.
fn id<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Uuid>, D::Error> {
    match given(source)? {
        Some(text) => Uuid::from_str(&text).map(Some).map_err(de::Error::custom),
        None => Ok(None),
    }
}

/// One of several words, or a blank.
fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<Option<T>, D::Error> {
    let Some(text) = given(source)? else {
        return Ok(None);
    };
    let text: StringDeserializer<D::Error> = text.into_deserializer();
    T::deserialize(text).map(Some)
}

fn given<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    Ok(text.filter(|text| !text.is_empty()))
}
