//! Stores the changes of a page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use sqlx::SqliteConnection;

use super::bulk;
use super::fault::Result;
use super::links;
use super::names::{Entry, Names, State, kind_code};
use super::segment::{Departure, Segment};
use crate::directory::{MemberKind, Removal, Stream};

/// A run that goes on, and what the open transaction has counted for it so far.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) run: i64,
    pub(super) connector: i64,
    pub(super) snapshot: bool,
    pub(super) needs_snapshot: bool,
    pub(super) users: Counts,
    pub(super) groups: Counts,
    pub(super) memberships: Counts,
}

/// Additions to the counts of a run and of its connector.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) seen: i64,
    pub(super) added: i64,
    pub(super) updated: i64,
    /// Change of how much is visible.
    pub(super) visible: i64,
}

/// How a staged removal of an object is carried out.
const HIDE: i64 = 0;
const REMOVE: i64 = 1;

/// Stores a segment for a run.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    names: &mut Names,
    run: &mut Active,
    segment: &Segment<'_>,
) -> Result<()> {
    names.trim();
    let mut mentions = Mentions::of(segment, names, run.connector);
    let missing = mentions.missing(segment);
    names
        .find(connection, run.connector, missing.chain(named(segment)))
        .await?;
    let mut store = Store {
        connection,
        names,
        run,
        changed: HashSet::new(),
    };
    store.upsert(segment).await?;
    if !mentions.as_said || !segment.upserts.is_empty() || !segment.complete.is_empty() {
        store.refresh(segment, &mut mentions);
        store.mention(segment, &mentions).await?;
        store.refresh(segment, &mut mentions);
    }
    store.add_members(segment, &mentions).await?;
    store.prove(segment).await?;
    store.stage_memberships(segment).await?;
    store.stage_objects(segment).await
}

/// Every identifier in a segment but those of added members and their groups.
fn named<'a>(segment: &'a Segment<'_>) -> impl Iterator<Item = &'a str> {
    let upserts = segment.upserts.iter().map(|(_, object)| object.id.as_str());
    let left = segment.left.iter().flat_map(|(group, members)| {
        std::iter::once(*group).chain(members.iter().map(String::as_str))
    });
    upserts
        .chain(left)
        .chain(segment.complete.iter().copied())
        .chain(segment.unavailable.iter().map(|(group, _)| *group))
        .chain(segment.gone.iter().map(|(id, _)| *id))
}

/// What is known of the groups and members that a segment adds, in its order, each group before its
/// members. Looking things up is most of what a page costs outside the database, so it is done
/// once where nothing about them is new.
struct Mentions {
    entries: Vec<Option<Entry>>,
    /// All are known, and as what they are called now.
    as_said: bool,
}

impl Mentions {
    fn of(segment: &Segment<'_>, names: &Names, connector: i64) -> Self {
        let entries = names.get_all(connector, mentions(segment).map(|(id, _)| id));
        let as_said = mentions(segment)
            .zip(&entries)
            .all(|((_, kind), entry)| match entry {
                Some(entry) => match entry.state {
                    State::Present | State::Hidden => true,
                    State::Mentioned => entry.kind == kind,
                    State::Gone => false,
                },
                None => false,
            });
        Self { entries, as_said }
    }

    fn missing<'a>(&self, segment: &'a Segment<'_>) -> impl Iterator<Item = &'a str> {
        mentions(segment)
            .zip(&self.entries)
            .filter(|(_, entry)| entry.is_none())
            .map(|((id, _), _)| id)
    }
}

/// The groups and members that a segment adds, with what they are called.
fn mentions<'a>(segment: &'a Segment<'_>) -> impl Iterator<Item = (&'a str, MemberKind)> {
    segment.added.iter().flat_map(|(group, members)| {
        let members = members.iter();
        std::iter::once((*group, MemberKind::Group))
            .chain(members.map(|member| (member.id.as_str(), member.kind)))
    })
}

/// Bulk statements on behalf of one run.
pub(super) struct Store<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) names: &'a mut Names,
    pub(super) run: &'a mut Active,
    /// Keys of objects that were known, and of which something else is known by now.
    changed: HashSet<i64>,
}

impl Store<'_> {
    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.names.get(self.run.connector, id)
    }

    /// Looks for those again that were not there or have changed.
    fn refresh(&mut self, segment: &Segment<'_>, mentions: &mut Mentions) {
        for ((id, _), entry) in self::mentions(segment).zip(&mut mentions.entries) {
            if entry.is_none_or(|entry| self.changed.contains(&entry.key)) {
                *entry = self.names.get(self.run.connector, id);
            }
        }
        self.changed.clear();
    }

    /// Makes sure that the groups and members that the segment names are in the store.
    async fn mention(&mut self, segment: &Segment<'_>, known: &Mentions) -> Result<()> {
        let mut fresh: Vec<(&str, MemberKind, State)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut changed: BTreeMap<&str, Entry> = BTreeMap::new();
        for ((id, kind), entry) in mentions(segment).zip(&known.entries) {
            let state = State::Mentioned;
            match *entry {
                None => match places.get(id).and_then(|place| fresh.get_mut(*place)) {
                    Some(mention) => mention.1 = kind,
                    None => {
                        places.insert(id, fresh.len());
                        fresh.push((id, kind, state));
                    }
                },
                Some(entry) if matches!(entry.state, State::Mentioned | State::Gone) => {
                    // Seldom anything but what it already is.
                    let said = Entry {
                        kind,
                        state,
                        ..entry
                    };
                    if said != entry || !changed.is_empty() {
                        changed.insert(id, said);
                    }
                }
                Some(_) => {}
            }
        }
        for &group in &segment.complete {
            if self.get(group).is_none() && !places.contains_key(group) {
                places.insert(group, fresh.len());
                fresh.push((group, MemberKind::Group, State::Mentioned));
            }
        }
        self.change(changed.into_iter().collect()).await?;
        self.names
            .add(self.connection, self.run.connector, &fresh)
            .await
    }

    /// Sets kind and state of objects.
    pub(super) async fn change(&mut self, objects: Vec<(&str, Entry)>) -> Result<()> {
        let mut alike: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for (id, entry) in objects {
            let what = (kind_code(entry.kind), entry.state.code());
            alike.entry(what).or_default().push(entry.key);
            self.names.set(self.run.connector, id, entry);
            self.changed.insert(entry.key);
        }
        for ((kind, state), keys) in alike {
            sqlx::query(include_str!("change_objects.sql"))
                .bind(kind)
                .bind(state)
                .bind(serde_json::to_string(&keys)?)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn add_members(&mut self, segment: &Segment<'_>, mentions: &Mentions) -> Result<()> {
        // By whether the group is visible, then by group.
        let mut rows: BTreeMap<(bool, i64), Vec<i64>> = BTreeMap::new();
        let mut hidden: Vec<(i64, i64)> = Vec::new();
        let mut entries = mentions.entries.iter().copied();
        for (_, members) in &segment.added {
            self.run.memberships.seen += to_i64(members.len());
            let group = entries.next().flatten();
            let entries = entries.by_ref().take(members.len()).flatten();
            let Some(group) = group else {
                entries.for_each(drop);
                continue;
            };
            let row = rows.entry((!group.is_group(), group.key)).or_default();
            row.reserve(members.len());
            for entry in entries {
                row.push(entry.key);
                if entry.state == State::Hidden && group.is_group() {
                    hidden.push((group.key, entry.key));
                }
            }
        }
        rows.retain(|_, members| !members.is_empty());
        if rows.is_empty() {
            return Ok(());
        }
        hidden.sort_unstable();
        hidden.dedup();
        if !hidden.is_empty() {
            let unseen: i64 = sqlx::query_scalar(include_str!("count_new.sql"))
                .bind(serde_json::to_string(&hidden)?)
                .fetch_one(&mut *self.connection)
                .await?;
            self.run.memberships.visible -= unseen;
        }

        let mut seen: Vec<links::Given> = Vec::with_capacity(rows.len());
        let mut visible = 0;
        for ((invisible, group), mut members) in rows {
            members.sort_unstable();
            members.dedup();
            let mut json = String::with_capacity(8 * members.len() + 2);
            for member in &members {
                json.push(if json.is_empty() { '[' } else { ',' });
                // Writing into a string can't fail.
                let _ = write!(json, "{member}");
            }
            json.push(']');
            seen.push((group, to_i64(members.len()), json));
            visible += i64::from(!invisible);
        }
        let run = self.run.run;
        let sql = include_str!("see_members.sql");
        let inserted = bulk::insert(self.connection, sql, &seen, |statement, row| {
            let (group, size, members) = row;
            statement
                .bind(run)
                .bind(*group)
                .bind(*size)
                .bind(members.clone())
        })
        .await?;
        // Nobody else writes meanwhile, so the keys have no gap.
        let last = inserted.last;
        let first = last - inserted.rows + 1;
        let middle = first + visible;

        // A delta adds a few members to groups of any size, and says some again.
        let known = if self.run.snapshot {
            None
        } else {
            Some(links::known(self.connection, first, last).await?)
        };
        let shown = self.add_memberships(first, middle - 1).await?;
        let unshown = self.add_memberships(middle, last).await?;
        let added = shown + unshown;
        links::add(self.connection, &seen, &hidden, added, known).await?;
        self.run.memberships.added += added;
        self.run.memberships.visible += shown;
        if added > 0 {
            sqlx::query(include_str!("note_joining.sql"))
                .bind(self.run.run)
                .bind(first)
                .bind(last)
                .execute(&mut *self.connection)
                .await?;
            sqlx::query("INSERT INTO unsettled (first, last, run) VALUES ($1, $2, $3)")
                .bind(first)
                .bind(last)
                .bind(self.run.run)
                .execute(&mut *self.connection)
                .await?;
        }
        sqlx::query(include_str!("cancel_membership_removals.sql"))
            .bind(self.run.run)
            .bind(first)
            .bind(last)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    /// Adds the members in a range of what was seen; returns how many are new.
    async fn add_memberships(&mut self, first: i64, last: i64) -> Result<i64> {
        if first > last {
            return Ok(0);
        }
        let done = sqlx::query(include_str!("add_memberships.sql"))
            .bind(self.run.run)
            .bind(first)
            .bind(last)
            .execute(&mut *self.connection)
            .await?;
        Ok(affected(done.rows_affected()))
    }

    async fn prove(&mut self, segment: &Segment<'_>) -> Result<()> {
        let run = self.run.run;
        if !segment.complete.is_empty() {
            let groups: Vec<i64> = segment
                .complete
                .iter()
                .filter_map(|group| Some(self.get(group)?.key))
                .collect();
            sqlx::query(include_str!("prove_groups.sql"))
                .bind(run)
                .bind(serde_json::to_string(&groups)?)
                .bind(serde_json::to_string(&segment.complete)?)
                .execute(&mut *self.connection)
                .await?;
        }
        for (group, reason) in &segment.unavailable {
            sqlx::query(include_str!("miss_group.sql"))
                .bind(run)
                .bind(*group)
                .bind(*reason)
                .bind(self.get(group).map(|entry| entry.key))
                .execute(&mut *self.connection)
                .await?;
        }
        for stream in &segment.streams {
            sqlx::query(include_str!("prove_stream.sql"))
                .bind(run)
                .bind(stream_code(*stream))
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn stage_memberships(&mut self, segment: &Segment<'_>) -> Result<()> {
        let mut pairs = Vec::new();
        for (group, members) in &segment.left {
            self.run.memberships.seen += to_i64(members.len());
            let Some(group) = self.get(group) else {
                continue;
            };
            let members = members.iter().filter_map(|member| self.get(member));
            pairs.extend(members.map(|member| (group.key, member.key)));
        }
        if !pairs.is_empty() {
            sqlx::query(include_str!("stage_memberships.sql"))
                .bind(self.run.run)
                .bind(serde_json::to_string(&pairs)?)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn stage_objects(&mut self, segment: &Segment<'_>) -> Result<()> {
        let mut staged = Vec::new();
        let mut unstaged = Vec::new();
        for &(id, departure) in &segment.gone {
            self.counts(match departure {
                Departure::User(_) => MemberKind::User,
                Departure::Group => MemberKind::Group,
            })
            .seen += 1;
            let Some(entry) = self.get(id) else { continue };
            match (departure, entry.state) {
                (_, State::Gone) => {}
                (Departure::User(_), _) if entry.is_group() => {}
                (Departure::Group, State::Hidden) => {}
                (Departure::Group, State::Present) if entry.kind == MemberKind::User => {}
                (Departure::User(Removal::Soft), State::Hidden) => unstaged.push(entry.key),
                (Departure::User(Removal::Soft), _) => staged.push((entry.key, HIDE)),
                (Departure::User(Removal::Hard) | Departure::Group, _) => {
                    staged.push((entry.key, REMOVE));
                }
            }
        }
        if !staged.is_empty() {
            sqlx::query(include_str!("stage_objects.sql"))
                .bind(self.run.run)
                .bind(serde_json::to_string(&staged)?)
                .execute(&mut *self.connection)
                .await?;
        }
        if !unstaged.is_empty() {
            sqlx::query(include_str!("unstage_objects.sql"))
                .bind(self.run.run)
                .bind(serde_json::to_string(&unstaged)?)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }
}

/// Brings the memberships by member up to date with what a run has added.
pub(super) async fn settle(connection: &mut SqliteConnection, run: i64) -> Result<()> {
    let is_behind: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM unsettled WHERE run = $1)")
            .bind(run)
            .fetch_one(&mut *connection)
            .await?;
    if !is_behind {
        return Ok(());
    }
    sqlx::query(include_str!("settle.sql"))
        .bind(run)
        .execute(&mut *connection)
        .await?;
    links::recount_unsettled(connection, run).await?;
    sqlx::query("DELETE FROM unsettled WHERE run = $1")
        .bind(run)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) fn stream_code(stream: Stream) -> i64 {
    match stream {
        Stream::Users => 0,
        Stream::Groups => 1,
        Stream::Members => 2,
    }
}

pub(super) fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn affected(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
