//! From identifiers to the store's keys.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};

use super::fault::Result;
use crate::directory::MemberKind;

/// How many identifiers are remembered; about 100 bytes each.
const CAPACITY: usize = 400_000;

/// What is known of an object without its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: i64,
    pub(super) kind: MemberKind,
    pub(super) state: State,
    /// An earlier sweep found it gone, and no snapshot has succeeded since it came back.
    pub(super) swept: bool,
}

impl Entry {
    /// Whether its memberships as a group are shown and counted.
    pub(super) fn is_group(self) -> bool {
        self.kind == MemberKind::Group && self.state == State::Present
    }
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Only named as a group or member; its profile may come later or never.
    Mentioned,
    /// It has a profile.
    Present,
    /// Kept out of sight.
    Hidden,
    /// A tombstone for history.
    Gone,
}

impl State {
    pub(super) fn code(self) -> i64 {
        match self {
            Self::Mentioned => 0,
            Self::Present => 1,
            Self::Hidden => 2,
            Self::Gone => 3,
        }
    }

    fn decode(code: i64) -> Result<Self> {
        match code {
            0 => Ok(Self::Mentioned),
            1 => Ok(Self::Present),
            2 => Ok(Self::Hidden),
            3 => Ok(Self::Gone),
            _ => Err(format!("an object in state {code}").into()),
        }
    }
}

/// Departure of an object that a sweep found gone.
const SWEPT: i64 = 2;

pub(super) fn kind_code(kind: MemberKind) -> i64 {
    match kind {
        MemberKind::User => 0,
        MemberKind::Group => 1,
        MemberKind::Device => 2,
        MemberKind::ServicePrincipal => 3,
        MemberKind::Contact => 4,
        MemberKind::Other => 5,
    }
}

pub(super) fn decode_kind(code: i64) -> Result<MemberKind> {
    match code {
        0 => Ok(MemberKind::User),
        1 => Ok(MemberKind::Group),
        2 => Ok(MemberKind::Device),
        3 => Ok(MemberKind::ServicePrincipal),
        4 => Ok(MemberKind::Contact),
        5 => Ok(MemberKind::Other),
        _ => Err(format!("an object of kind {code}").into()),
    }
}

/// The objects of the identifiers that came by lately.
///
/// A snapshot names each user about as often as it has memberships, and a look-up here costs a
/// tenth of one in the database. What it holds is as the connection's open transaction sees it, so
/// it must be [cleared](Self::clear) when that is rolled back or when another process has written.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<i64, HashMap<Box<str>, Entry>>,
    len: usize,
    next_key: Option<i64>,
}

impl Names {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forgets everything once there is too much of it. Not to be called between
    /// [`find`](Self::find) and the uses of what it found.
    pub(super) fn trim(&mut self) {
        if self.len > CAPACITY {
            self.known.clear();
            self.len = 0;
        }
    }

    /// The object, if it is in the store and was looked for.
    pub(super) fn get(&self, connector: i64, id: &str) -> Option<Entry> {
        self.known.get(&connector)?.get(id).copied()
    }

    /// Changes what is remembered of an object.
    pub(super) fn set(&mut self, connector: i64, id: &str, entry: Entry) {
        let known = self.known.entry(connector).or_default();
        if let Some(slot) = known.get_mut(id) {
            *slot = entry;
        } else {
            known.insert(id.into(), entry);
            self.len += 1;
        }
    }

    /// Looks for objects in the store.
    pub(super) async fn find<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        connector: i64,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let known = self.known.entry(connector).or_default();
        let missing: Vec<&str> = ids.filter(|id| !known.contains_key(*id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query(include_str!("find_objects.sql"))
            .bind(connector)
            .bind(serde_json::to_string(&missing)?)
            .fetch_all(connection)
            .await?;
        for row in rows {
            let entry = Entry {
                key: row.try_get(1)?,
                kind: decode_kind(row.try_get(2)?)?,
                state: State::decode(row.try_get(3)?)?,
                swept: row.try_get::<Option<i64>, _>(4)? == Some(SWEPT),
            };
            if known.insert(row.try_get(0)?, entry).is_none() {
                self.len += 1;
            }
        }
        Ok(())
    }

    /// Adds objects that are known to be new.
    pub(super) async fn add(
        &mut self,
        connection: &mut SqliteConnection,
        connector: i64,
        objects: &[(&str, MemberKind, State)],
    ) -> Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let mut next = match self.next_key {
            Some(next) => next,
            None => {
                sqlx::query_scalar("SELECT coalesce(max(key), 0) + 1 FROM object")
                    .fetch_one(&mut *connection)
                    .await?
            }
        };
        let mut rows = Vec::with_capacity(objects.len());
        for &(id, kind, state) in objects {
            rows.push((next, id, kind_code(kind), state.code()));
            let entry = Entry {
                key: next,
                kind,
                state,
                swept: false,
            };
            self.set(connector, id, entry);
            next += 1;
        }
        self.next_key = Some(next);
        sqlx::query(include_str!("add_objects.sql"))
            .bind(connector)
            .bind(serde_json::to_string(&rows)?)
            .execute(connection)
            .await?;
        Ok(())
    }
}
