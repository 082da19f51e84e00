//! Memberships through groups in groups.
//!
//! A step from one set of groups to the next is a statement; which groups were met before, and by which
//! way, is kept here. So a cycle ends, and each group is reached by a shortest way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use sqlx::SqliteConnection;

use super::super::fault::Result;
use super::super::labels::{LAST, fold};
use super::super::names::{State, decode_kind};
use super::changes::objects;
use super::{Found, find, one_more, paged, place, total_of};
use crate::directory::position::Listing;
use crate::directory::{
    ConnectorKey, GroupRecord, MemberKind, MemberRecord, MembershipPath, Named, Page, PageRequest,
    Total, Why,
};

/// How many ways from a group are followed before an explanation ends with what it has. Only where most of a
/// graph is cycles do so many lead nowhere.
const MOST_WAYS: usize = 200_000;

/// Objects in the order in which they were reached, nearest first.
#[derive(Default)]
struct Reached {
    keys: Vec<i64>,
    /// By object: its place in `keys`, and the object from which it was reached.
    ways: HashMap<i64, (usize, i64)>,
}

impl Reached {
    fn from(start: i64) -> Self {
        let mut reached = Self::default();
        reached.add(start, start);
        reached
    }

    /// Whether it is new.
    fn add(&mut self, key: i64, from: i64) -> bool {
        if self.ways.contains_key(&key) {
            return false;
        }
        self.ways.insert(key, (self.keys.len(), from));
        self.keys.push(key);
        true
    }

    /// The objects from the start to this one, both included.
    fn way_to(&self, key: i64) -> Vec<i64> {
        let mut way = vec![key];
        let mut at = key;
        while let Some(&(_, from)) = self.ways.get(&at) {
            if from == at {
                break;
            }
            way.push(from);
            at = from;
        }
        way.reverse();
        way
    }
}

/// All that can be reached by steps, each of which gives pairs of an object and one next to it.
async fn explore(
    view: &mut SqliteConnection,
    start: i64,
    step: &'static str,
    mut met: impl FnMut(i64, i64),
) -> Result<Reached> {
    let mut reached = Reached::from(start);
    let mut edge = vec![start];
    while !edge.is_empty() {
        let pairs: Vec<(i64, i64)> = sqlx::query_as(step)
            .bind(serde_json::to_string(&edge)?)
            .fetch_all(&mut *view)
            .await?;
        edge.clear();
        for (from, to) in pairs {
            met(from, to);
            if reached.add(to, from) {
                edge.push(to);
            }
        }
    }
    Ok(reached)
}

/// A group whose members are shown.
async fn group(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
) -> Result<Option<i64>> {
    let found = find(view, connector, id).await?;
    Ok(found
        .filter(|found| found.kind == MemberKind::Group && found.state == State::Present)
        .map(|found| found.key))
}

pub(super) async fn members(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
    effective: bool,
    text: Option<&str>,
    page: &PageRequest,
) -> Result<Page<MemberRecord>> {
    let after: Option<(String, i64)> = place(page, Listing::Members)?;
    let Some(group) = group(view, connector, id).await? else {
        return Ok(nothing());
    };
    let reached = if effective {
        explore(view, group, include_str!("children.sql"), |_, _| {}).await?
    } else {
        Reached::from(group)
    };
    let groups = serde_json::to_string(&reached.keys)?;
    let text = text.map(fold).unwrap_or_default();
    let (name, key) = after.unwrap_or_default();
    let statement = if effective {
        sqlx::query_as(include_str!("members.sql"))
            .bind(&groups)
            .bind(group)
    } else {
        sqlx::query_as(include_str!("members_direct.sql")).bind(group)
    };
    let rows: Vec<(String, String, i64, i64, String, i64)> = statement
        .bind(&text)
        .bind(LAST.to_string())
        .bind(name)
        .bind(key)
        .bind(one_more(page))
        .fetch_all(&mut *view)
        .await?;
    let total = if !effective && text.is_empty() {
        let kept: i64 = sqlx::query_scalar(include_str!("count_direct.sql"))
            .bind(group)
            .fetch_one(&mut *view)
            .await?;
        Some(Total {
            count: u64::try_from(kept).unwrap_or_default(),
            exact: true,
        })
    } else {
        total_of(page, &rows, async |most| {
            let counted = sqlx::query_scalar(include_str!("count_members.sql"))
                .bind(&groups)
                .bind(group)
                .bind(&text)
                .bind(most)
                .fetch_one(&mut *view)
                .await?;
            Ok(counted)
        })
        .await?
    };
    let ways = rows.iter().map(|row| row.3);
    let ways: HashMap<i64, Vec<i64>> = ways
        .filter_map(|place| {
            let holder = reached.keys.get(usize::try_from(place).ok()?)?;
            Some((place, reached.way_to(*holder)))
        })
        .collect();
    let names = names_on(view, ways.values()).await?;
    paged(
        rows,
        page,
        Listing::Members,
        total,
        |row| (row.4.clone(), row.5),
        |(id, name, kind, place, ..)| {
            Ok(MemberRecord {
                id,
                name,
                kind: decode_kind(kind)?,
                path: path(ways.get(&place), &names),
            })
        },
    )
}

/// How much has to be read for the effective members of a group, up to `most`.
pub(super) async fn weight(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
    most: u64,
) -> Result<Total> {
    let mut count = 0;
    let group = group(view, connector, id).await?;
    let mut met: HashSet<i64> = group.iter().copied().collect();
    let mut edge: Vec<i64> = group.into_iter().collect();
    while !edge.is_empty() {
        let given = serde_json::to_string(&edge)?;
        let weight: i64 = sqlx::query_scalar(include_str!("weigh.sql"))
            .bind(&given)
            .fetch_one(&mut *view)
            .await?;
        count += u64::try_from(weight).unwrap_or_default();
        // Before so much is read to find the next groups.
        if count > most {
            return Ok(Total {
                count: most,
                exact: false,
            });
        }
        let pairs: Vec<(i64, i64)> = sqlx::query_as(include_str!("children.sql"))
            .bind(&given)
            .fetch_all(&mut *view)
            .await?;
        let inner = pairs.into_iter().map(|(_, inner)| inner);
        edge = inner.filter(|inner| met.insert(*inner)).collect();
    }
    Ok(Total { count, exact: true })
}

pub(super) async fn groups_of(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
    effective: bool,
    text: Option<&str>,
    page: &PageRequest,
) -> Result<Page<GroupRecord>> {
    let after: Option<(String, i64)> = place(page, Listing::Groups)?;
    let Some(object) = member(view, connector, id).await? else {
        return Ok(nothing());
    };
    let parents = include_str!("parents.sql");
    let reached = if effective {
        explore(view, object, parents, |_, _| {}).await?
    } else {
        let mut reached = Reached::from(object);
        let pairs: Vec<(i64, i64)> = sqlx::query_as(parents)
            .bind(serde_json::to_string(&[object])?)
            .fetch_all(&mut *view)
            .await?;
        for (from, to) in pairs {
            reached.add(to, from);
        }
        reached
    };
    // The first is the object itself, which is in no group by being itself.
    let groups = serde_json::to_string(reached.keys.get(1..).unwrap_or_default())?;
    let text = text.map(fold).unwrap_or_default();
    let (name, key) = after.unwrap_or_default();
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(include_str!("groups.sql"))
        .bind(&groups)
        .bind(&text)
        .bind(name)
        .bind(key)
        .bind(one_more(page))
        .fetch_all(&mut *view)
        .await?;
    let total = total_of(page, &rows, async |_| {
        let counted = sqlx::query_scalar(include_str!("count_groups.sql"))
            .bind(&groups)
            .bind(&text)
            .fetch_one(&mut *view)
            .await?;
        Ok(counted)
    })
    .await?;
    let ways: HashMap<i64, Vec<i64>> = rows
        .iter()
        .map(|row| {
            let mut way = reached.way_to(row.3);
            way.reverse();
            // Without the object, which ends it.
            way.pop();
            (row.3, way)
        })
        .collect();
    let names = names_on(view, ways.values()).await?;
    paged(
        rows,
        page,
        Listing::Groups,
        total,
        |row| (row.2.clone(), row.3),
        |(id, name, _, key)| {
            Ok(GroupRecord {
                id,
                name,
                path: path(ways.get(&key), &names),
            })
        },
    )
}

pub(super) async fn why(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
    member_id: &str,
    limit: usize,
) -> Result<Why> {
    let Some(group) = group(view, connector, id).await? else {
        return Ok(Why::default());
    };
    let Some(member) = member(view, connector, member_id).await? else {
        return Ok(Why::default());
    };
    if group == member {
        return Ok(Why::default());
    }
    // Upwards, because an object is in fewer groups than a group has members.
    let mut inner: HashMap<i64, Vec<i64>> = HashMap::new();
    let reached = explore(view, member, include_str!("parents.sql"), |from, to| {
        inner.entry(to).or_default().push(from);
    })
    .await?;
    if !reached.ways.contains_key(&group) {
        return Ok(Why::default());
    }
    let distance = |key: i64| reached.way_to(key).len();
    let (ways, more) = shortest_ways(group, member, &inner, &distance, limit);
    let names = names_on(view, &ways).await?;
    Ok(Why {
        paths: ways.iter().map(|way| path(Some(way), &names)).collect(),
        more,
    })
}

/// Ways from a group to a member, shortest first, without the member; and whether there may be more.
///
/// The next way to go on with is always one whose shortest completion is shortest, so the first ways
/// that end are shortest, however many there are.
fn shortest_ways(
    group: i64,
    member: i64,
    inner: &HashMap<i64, Vec<i64>>,
    distance: &impl Fn(i64) -> usize,
    limit: usize,
) -> (Vec<Vec<i64>>, bool) {
    let mut found = Vec::new();
    let mut known: HashMap<i64, usize> = HashMap::new();
    let mut distance = |key| *known.entry(key).or_insert_with(|| distance(key));
    // Of ways that are equally good the one that has come furthest is first, or a graph of many layers would
    // be searched layer by layer.
    let mut waiting = BinaryHeap::from([(Reverse(distance(group)), 1, Reverse(vec![group]))]);
    let mut followed = 0;
    while let Some((_, length, Reverse(way))) = waiting.pop() {
        if found.len() >= limit || followed >= MOST_WAYS {
            return (found, true);
        }
        let Some((last, groups)) = way.split_last() else {
            continue;
        };
        if *last == member {
            found.push(groups.to_vec());
            continue;
        }
        for next in inner.get(last).into_iter().flatten() {
            if !way.contains(next) {
                let best = length + distance(*next);
                let longer = way.iter().chain([next]).copied().collect();
                waiting.push((Reverse(best), length + 1, Reverse(longer)));
                followed += 1;
            }
        }
    }
    (found, false)
}

/// An object whose memberships are shown.
async fn member(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
) -> Result<Option<i64>> {
    let found: Option<Found> = find(view, connector, id).await?;
    Ok(found
        .filter(|found| found.state != State::Hidden)
        .map(|found| found.key))
}

/// Names of all groups on some ways.
async fn names_on(
    view: &mut SqliteConnection,
    ways: impl IntoIterator<Item = &Vec<i64>>,
) -> Result<HashMap<i64, Named>> {
    let keys = ways.into_iter().flatten().copied();
    let objects = objects(view, keys).await?;
    Ok(objects
        .into_iter()
        .map(|(key, (named, _))| (key, named))
        .collect())
}

fn path(way: Option<&Vec<i64>>, names: &HashMap<i64, Named>) -> MembershipPath {
    let groups = way.into_iter().flatten();
    MembershipPath(groups.filter_map(|key| names.get(key).cloned()).collect())
}

fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next: None,
        total: Some(Total {
            count: 0,
            exact: true,
        }),
    }
}
