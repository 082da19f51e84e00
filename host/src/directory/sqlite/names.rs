//! From identifiers to the store's keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::bulk;
use super::fault::Result;
use crate::directory::MemberKind;

/// How many identifiers are remembered; about 50 bytes each.
const CAPACITY: usize = 800_000;

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
    /// Whether it has neither a profile nor a label.
    pub(super) fn is_bare(self) -> bool {
        matches!(self.state, State::Mentioned | State::Gone)
    }

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

    pub(super) fn decode(code: i64) -> Result<Self> {
        match code {
            0 => Ok(Self::Mentioned),
            1 => Ok(Self::Present),
            2 => Ok(Self::Hidden),
            3 => Ok(Self::Gone),
            _ => Err(format!("an object in state {code}").into()),
        }
    }
}

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
pub(super) struct Names {
    known: HashMap<Fingerprint, Entry, Uniform>,
    /// With a key that nobody knows.
    hasher: SipHasher13,
    next_key: Option<i64>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            known: HashMap::default(),
            hasher: SipHasher13::new_with_key(Uuid::new_v4().as_bytes()),
            next_key: None,
        }
    }
}

/// Stands for an identifier of a connector. The identifiers themselves would need twice the memory,
/// and a look-up, which is mostly waiting for memory, twice the time. With keys that are new in
/// each process nobody can make two identifiers have the same one, and by chance a million of them
/// do so once in 10^26 processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64, u64);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Takes a value that is a hash already.
#[derive(Default)]
struct Taken(u64);

type Uniform = BuildHasherDefault<Taken>;

impl Hasher for Taken {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Names {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Forgets everything once there is too much of it. Not to be called between
    /// [`find`](Self::find) and the uses of what it found.
    pub(super) fn trim(&mut self) {
        if self.known.len() > CAPACITY {
            self.known.clear();
        }
    }

    fn fingerprint(&self, connector: i64, id: &str) -> Fingerprint {
        let mut hasher = self.hasher;
        hasher.write_i64(connector);
        hasher.write(id.as_bytes());
        let print = hasher.finish128();
        Fingerprint(print.h1, print.h2)
    }

    /// The object, if it is in the store and was looked for.
    pub(super) fn get(&self, connector: i64, id: &str) -> Option<Entry> {
        self.known.get(&self.fingerprint(connector, id)).copied()
    }

    /// The same for many. Hashing all before looking for the first lets the waits for memory
    /// overlap.
    pub(super) fn get_all<'a>(
        &self,
        connector: i64,
        ids: impl Iterator<Item = &'a str>,
    ) -> Vec<Option<Entry>> {
        let prints: Vec<_> = ids.map(|id| self.fingerprint(connector, id)).collect();
        prints
            .iter()
            .map(|print| self.known.get(print).copied())
            .collect()
    }

    /// Changes what is remembered of an object.
    pub(super) fn set(&mut self, connector: i64, id: &str, entry: Entry) {
        self.known.insert(self.fingerprint(connector, id), entry);
    }

    /// Looks for objects in the store.
    pub(super) async fn find<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        connector: i64,
        ids: impl Iterator<Item = &'a str>,
    ) -> Result<()> {
        let missing: Vec<&str> = ids.filter(|id| self.get(connector, id).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let found: Vec<(i64, i64, i64, i64, bool)> =
            sqlx::query_as(include_str!("find_objects.sql"))
                .bind(connector)
                .bind(serde_json::to_string(&missing)?)
                .fetch_all(connection)
                .await?;
        for (place, key, kind, state, swept) in found {
            let entry = Entry {
                key,
                kind: decode_kind(kind)?,
                state: State::decode(state)?,
                swept,
            };
            let id = usize::try_from(place).ok().and_then(|at| missing.get(at));
            if let Some(id) = id {
                self.set(connector, id, entry);
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
        let sql = include_str!("add_objects.sql");
        bulk::insert(connection, sql, &rows, |statement, row| {
            let &(key, id, kind, state) = row;
            statement
                .bind(key)
                .bind(connector)
                .bind(id.to_owned())
                .bind(kind)
                .bind(state)
        })
        .await?;
        Ok(())
    }
}
