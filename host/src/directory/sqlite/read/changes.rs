//! What joined and left, and what would leave.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use sqlx::sqlite::{Sqlite as Db, SqliteArguments};

use super::super::fault::Result;
use super::super::labels::fold;
use super::super::names::{decode_kind, kind_code};
use super::{find, one_more, paged, place, total_of};
use crate::directory::position::Listing;
use crate::directory::{
    ChangeFilter, ConnectorKey, MemberKind, MembershipChange, Moment, Named, Page, PageRequest,
    Removable, RemovalReason, RemovalRecord, RunKey, Turn,
};

/// Run, group, member, and whether it ended.
type Change = (i64, i64, i64, i64);
/// Before the first of all changes.
const FIRST: Change = (i64::MAX, 0, 0, 0);
/// Objects with a text in their names up to which changes are looked up from these. Of more, a page is soon found among
/// all changes.
const FEW: i64 = 1_000;

/// Who joined and left.
pub(super) async fn changes(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    filter: &ChangeFilter,
    page: &PageRequest,
) -> Result<Page<MembershipChange>> {
    let after: Option<Change> = place(page, Listing::Changes)?;
    let Some(reach) = Reach::of(view, connector, filter).await? else {
        return Ok(Page {
            items: Vec::new(),
            next: None,
            total: None,
        });
    };
    let rows = reach
        .rows(view, after.unwrap_or(FIRST), one_more(page))
        .await?;
    let total = if reach.is_counted_soon() || rows.len() < reckon(one_more(page)) {
        total_of(page, &rows, async |most| reach.count(view, most).await).await?
    } else {
        None
    };
    let objects = objects(view, rows.iter().flat_map(|row| [row.1, row.2])).await?;
    let runs = unique(rows.iter().map(|row| row.0));
    let turns: Vec<(i64, i64, i64)> = sqlx::query_as(include_str!("turns.sql"))
        .bind(serde_json::to_string(&runs)?)
        .fetch_all(view)
        .await?;
    let turns: HashMap<i64, [i64; 2]> = turns
        .into_iter()
        .map(|(run, joined, left)| (run, [joined, left]))
        .collect();
    paged(
        rows,
        page,
        Listing::Changes,
        total,
        |row| *row,
        |(run, group, member, what)| {
            let [joined, left] = turns.get(&run).copied().unwrap_or_default();
            let (what, at) = match what {
                0 => (Turn::Joined, joined),
                _ => (Turn::Left, left),
            };
            let (member, kind) = objects.get(&member).cloned().ok_or_else(unknown)?;
            Ok(MembershipChange {
                what,
                group: objects.get(&group).cloned().ok_or_else(unknown)?.0,
                member,
                kind,
                when: Moment {
                    run: RunKey(run),
                    at,
                },
            })
        },
    )
}

fn unknown() -> String {
    "a membership of an unknown object".into()
}

fn reckon(count: i64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a filter comes to in the store's own keys.
struct Reach {
    connector: i64,
    group: Option<i64>,
    member: Option<i64>,
    first: i64,
    last: i64,
    what: Option<i64>,
    /// Folded; empty where nothing is looked for.
    text: String,
    /// The objects with the text in their names as a JSON array, where these are few.
    named: Option<String>,
}

impl Reach {
    /// Nothing where nothing can meet the filter.
    async fn of(
        view: &mut SqliteConnection,
        connector: ConnectorKey,
        filter: &ChangeFilter,
    ) -> Result<Option<Self>> {
        let mut keys = [None; 2];
        for (key, id) in keys.iter_mut().zip([&filter.group, &filter.member]) {
            if let Some(id) = id {
                match find(view, connector, id).await? {
                    Some(found) => *key = Some(found.key),
                    None => return Ok(None),
                }
            }
        }
        let [group, member] = keys;
        let (mut first, last) = match filter.run {
            Some(run) => (run.0, run.0),
            None => (0, i64::MAX),
        };
        if let Some(since) = filter.since {
            let run: Option<i64> = sqlx::query_scalar(include_str!("first_run_since.sql"))
                .bind(connector.0)
                .bind(since)
                .fetch_one(&mut *view)
                .await?;
            match run {
                Some(run) => first = first.max(run),
                None => return Ok(None),
            }
        }
        let text = filter.text.as_deref().map(fold).unwrap_or_default();
        let named = if text.is_empty() || group.is_some() || member.is_some() {
            None
        } else {
            named(view, connector, &text).await?
        };
        Ok(Some(Self {
            connector: connector.0,
            group,
            member,
            first,
            last,
            what: filter.what.map(|what| match what {
                Turn::Joined => 0,
                Turn::Left => 1,
            }),
            text,
            named,
        }))
    }

    /// Whether counting looks at few more rows than it counts.
    fn is_counted_soon(&self) -> bool {
        self.text.is_empty() || self.named.is_some()
    }

    /// Changes after a place, newest first, up to a limit.
    async fn rows(
        &self,
        view: &mut SqliteConnection,
        after: Change,
        limit: i64,
    ) -> Result<Vec<Change>> {
        if self.group.is_some() || self.member.is_some() {
            let rows = sqlx::query_as(self.of_one());
            return self
                .bound(rows, after, limit)
                .fetch_all(view)
                .await
                .map_err(Into::into);
        }
        let mut rows: Vec<Change> = Vec::new();
        let mut turn = self.next_turn(view, after.0).await?;
        while let Some(run) = turn {
            let after = if run == after.0 {
                after
            } else {
                (run, 0, 0, -1)
            };
            let short = limit - i64::try_from(rows.len()).unwrap_or(limit);
            let of_run: Vec<Change> = sqlx::query_as(self.of_run())
                .bind(run)
                .bind(after.1)
                .bind(after.2)
                .bind(after.3)
                .bind(short)
                .bind(self.what)
                .bind(self.named.as_ref().unwrap_or(&self.text))
                .fetch_all(&mut *view)
                .await?;
            rows.extend(of_run);
            if rows.len() >= reckon(limit) {
                break;
            }
            turn = self.next_turn(view, run - 1).await?;
        }
        Ok(rows)
    }

    /// How many there are, up to `most`.
    async fn count(&self, view: &mut SqliteConnection, most: i64) -> Result<i64> {
        if self.group.is_some() || self.member.is_some() {
            let sql = format!("SELECT count(*) FROM ({})", self.of_one());
            let count = sqlx::query_as(sqlx::AssertSqlSafe(sql));
            let (count,): (i64,) = self.bound(count, FIRST, most).fetch_one(view).await?;
            return Ok(count);
        }
        let sql = format!("SELECT count(*) FROM ({})", self.of_run());
        let mut counted = 0;
        let mut turn = self.next_turn(view, i64::MAX).await?;
        while let Some(run) = turn {
            let of_run: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.clone()))
                .bind(run)
                .bind(0_i64)
                .bind(0_i64)
                .bind(-1_i64)
                .bind(most - counted)
                .bind(self.what)
                .bind(self.named.as_ref().unwrap_or(&self.text))
                .fetch_one(&mut *view)
                .await?;
            counted += of_run;
            if counted >= most {
                break;
            }
            turn = self.next_turn(view, run - 1).await?;
        }
        Ok(counted)
    }

    fn of_run(&self) -> &'static str {
        match self.named {
            Some(_) => include_str!("changes_of_run_by_name.sql"),
            None => include_str!("changes_of_run.sql"),
        }
    }

    fn of_one(&self) -> &'static str {
        match self.group {
            Some(_) => include_str!("changes_of_group.sql"),
            None => include_str!("changes_of_member.sql"),
        }
    }

    fn bound<'q, T>(
        &'q self,
        query: sqlx::query::QueryAs<'q, Db, T, SqliteArguments>,
        after: Change,
        limit: i64,
    ) -> sqlx::query::QueryAs<'q, Db, T, SqliteArguments> {
        query
            .bind(self.connector)
            .bind(self.group)
            .bind(self.member)
            .bind(self.first)
            .bind(self.last)
            .bind(after.0)
            .bind(after.1)
            .bind(after.2)
            .bind(after.3)
            .bind(limit)
            .bind(self.what)
            .bind(&self.text)
    }

    /// The newest run with changes, up to one.
    async fn next_turn(&self, view: &mut SqliteConnection, upto: i64) -> Result<Option<i64>> {
        let run = sqlx::query_scalar(include_str!("next_turn.sql"))
            .bind(self.connector)
            .bind(self.first)
            .bind(self.last.min(upto))
            .fetch_optional(view)
            .await?;
        Ok(run)
    }
}

/// The objects with a text in their names as a JSON array, unless these are many.
async fn named(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    text: &str,
) -> Result<Option<String>> {
    let keys: Vec<i64> = sqlx::query_scalar(include_str!("named.sql"))
        .bind(connector.0)
        .bind(text)
        .bind(FEW + 1)
        .fetch_all(view)
        .await?;
    if keys.len() > reckon(FEW) {
        return Ok(None);
    }
    Ok(Some(serde_json::to_string(&keys)?))
}

/// What a held run would remove.
pub(super) async fn removals(
    view: &mut SqliteConnection,
    run: RunKey,
    what: Removable,
    text: Option<&str>,
    page: &PageRequest,
) -> Result<Page<RemovalRecord>> {
    let text = text.map(fold).unwrap_or_default();
    match what {
        Removable::Users => removed_objects(view, run, MemberKind::User, &text, page).await,
        Removable::Groups => removed_objects(view, run, MemberKind::Group, &text, page).await,
        Removable::Memberships => removed_memberships(view, run, &text, page).await,
    }
}

async fn removed_objects(
    view: &mut SqliteConnection,
    run: RunKey,
    kind: MemberKind,
    text: &str,
    page: &PageRequest,
) -> Result<Page<RemovalRecord>> {
    let after: Option<(String, i64)> = place(page, Listing::RemovedObjects)?;
    let (name, key) = after.unwrap_or_default();
    let rows: Vec<(i64, String, String, String, i64, i64)> =
        sqlx::query_as(include_str!("removed_objects.sql"))
            .bind(run.0)
            .bind(kind_code(kind))
            .bind(text)
            .bind(name)
            .bind(key)
            .bind(one_more(page))
            .fetch_all(&mut *view)
            .await?;
    let total = total_of(page, &rows, async |most| {
        let counted = sqlx::query_scalar(include_str!("count_removed_objects.sql"))
            .bind(run.0)
            .bind(kind_code(kind))
            .bind(text)
            .bind(most)
            .fetch_one(view)
            .await?;
        Ok(counted)
    })
    .await?;
    paged(
        rows,
        page,
        Listing::RemovedObjects,
        total,
        |row| (row.1.clone(), row.0),
        |(_, _, id, name, kind, how)| {
            Ok(RemovalRecord {
                object: Named { id, name },
                kind: decode_kind(kind)?,
                group: None,
                why: match how {
                    0 => RemovalReason::Hidden,
                    1 => RemovalReason::Removed,
                    2 => RemovalReason::NotListed,
                    3 => RemovalReason::Unreferenced,
                    _ => return Err(format!("a removal of kind {how}").into()),
                },
            })
        },
    )
}

async fn removed_memberships(
    view: &mut SqliteConnection,
    run: RunKey,
    text: &str,
    page: &PageRequest,
) -> Result<Page<RemovalRecord>> {
    let after: Option<(i64, i64)> = place(page, Listing::RemovedMemberships)?;
    let (group, member) = after.unwrap_or_default();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(include_str!("removed_memberships.sql"))
        .bind(run.0)
        .bind(text)
        .bind(group)
        .bind(member)
        .bind(one_more(page))
        .fetch_all(&mut *view)
        .await?;
    let total = total_of(page, &rows, async |most| {
        let counted = sqlx::query_scalar(include_str!("count_removed_memberships.sql"))
            .bind(run.0)
            .bind(text)
            .bind(most)
            .fetch_one(&mut *view)
            .await?;
        Ok(counted)
    })
    .await?;
    let objects = objects(view, rows.iter().flat_map(|row| [row.0, row.1])).await?;
    paged(
        rows,
        page,
        Listing::RemovedMemberships,
        total,
        |row| (row.0, row.1),
        |(group, member, why)| {
            let (object, kind) = objects.get(&member).cloned().ok_or_else(unknown)?;
            Ok(RemovalRecord {
                object,
                kind,
                group: Some(objects.get(&group).cloned().ok_or_else(unknown)?.0),
                why: match why {
                    0 => RemovalReason::Removed,
                    1 => RemovalReason::NotListed,
                    2 => RemovalReason::WithObject,
                    _ => return Err(format!("a removal for reason {why}").into()),
                },
            })
        },
    )
}

/// Objects by key.
pub(super) async fn objects(
    view: &mut SqliteConnection,
    keys: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, (Named, MemberKind)>> {
    let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(include_str!("objects_by_key.sql"))
        .bind(serde_json::to_string(&unique(keys))?)
        .fetch_all(view)
        .await?;
    rows.into_iter()
        .map(|(key, id, name, kind)| Ok((key, (Named { id, name }, decode_kind(kind)?))))
        .collect()
}

fn unique(keys: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
