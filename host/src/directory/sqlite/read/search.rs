//! Users and groups by name.

use sqlx::SqliteConnection;

use super::super::fault::Result;
use super::super::labels::{LAST, fold};
use super::super::names::kind_code;
use super::{one_more, paged, place, total_of};
use crate::directory::position::Listing;
use crate::directory::{
    ConnectorKey, Entry, Kind, Match, MemberKind, Page, PageRequest, Search, Total,
};

/// What the statements need of a query.
struct Bounds {
    kind: i64,
    /// Folded names from here…
    from: String,
    /// …to before here.
    to: String,
    /// What they have in them.
    within: String,
    since: Option<i64>,
    hidden: bool,
}

impl Bounds {
    fn of(what: Kind, query: &Search) -> Self {
        let text = query.text.as_deref().map(fold).unwrap_or_default();
        let (from, to, within) = match query.how {
            _ if text.is_empty() => (String::new(), LAST.to_string(), String::new()),
            Match::Prefix => (text.clone(), format!("{text}{LAST}"), String::new()),
            // Nothing is between a text and itself with the least character behind it.
            Match::Exact => (text.clone(), format!("{text}\0"), String::new()),
            Match::Substring => (String::new(), LAST.to_string(), text),
        };
        Self {
            kind: kind_code(match what {
                Kind::Users => MemberKind::User,
                Kind::Groups => MemberKind::Group,
            }),
            from,
            to,
            within,
            since: query.changed_since,
            hidden: query.hidden,
        }
    }
}

impl Bounds {
    /// Whether every visible object is within; the store keeps their number.
    fn is_everything(&self) -> bool {
        let unnamed = self.from.is_empty() && self.within.is_empty();
        unnamed && self.since.is_none() && !self.hidden
    }
}

/// A page of the objects of connectors, all of them where none are given.
pub(super) async fn search(
    view: &mut SqliteConnection,
    connectors: &[ConnectorKey],
    what: Kind,
    query: &Search,
    page: &PageRequest,
) -> Result<Page<Entry>> {
    let bounds = Bounds::of(what, query);
    let after: Option<(String, i64)> = place(page, Listing::Search)?;
    let connectors: Vec<i64> = if connectors.is_empty() {
        sqlx::query_scalar("SELECT key FROM connector WHERE NOT forgotten")
            .fetch_all(&mut *view)
            .await?
    } else {
        let mut keys: Vec<i64> = connectors.iter().map(|connector| connector.0).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let mut rows: Vec<(i64, String)> = Vec::new();
    for connector in &connectors {
        rows.extend(labels(view, *connector, &bounds, after.as_ref(), one_more(page)).await?);
    }
    rows.sort_unstable_by(|(a, one), (b, other)| (one, a).cmp(&(other, b)));
    let total = if after.is_none() && bounds.is_everything() {
        Some(kept_total(view, &connectors, what).await?)
    } else {
        total_of(page, &rows, async |most| {
            let mut counted = 0;
            for connector in &connectors {
                if counted < most {
                    counted += count(view, *connector, &bounds, most).await?;
                }
            }
            Ok(counted)
        })
        .await?
    };
    let found = paged(
        rows,
        page,
        Listing::Search,
        total,
        |(key, name)| (name.clone(), *key),
        |(key, _)| Ok(key),
    )?;
    Ok(Page {
        items: entries(view, &found.items).await?,
        next: found.next,
        total: found.total,
    })
}

/// Keys and folded names of one connector's objects.
async fn labels(
    view: &mut SqliteConnection,
    connector: i64,
    bounds: &Bounds,
    after: Option<&(String, i64)>,
    limit: i64,
) -> Result<Vec<(i64, String)>> {
    let (from, key) = match after {
        Some((name, key)) if *name >= bounds.from => (name.as_str(), *key),
        _ => (bounds.from.as_str(), 0),
    };
    let rows = sqlx::query_as(include_str!("search.sql"))
        .bind(connector)
        .bind(bounds.kind)
        .bind(from)
        .bind(&bounds.to)
        .bind(key)
        .bind(&bounds.within)
        .bind(bounds.since)
        .bind(bounds.hidden)
        .bind(limit)
        .fetch_all(view)
        .await?;
    Ok(rows)
}

/// How many users or groups connectors have, which the store keeps.
async fn kept_total(view: &mut SqliteConnection, connectors: &[i64], what: Kind) -> Result<Total> {
    let (users, groups): (i64, i64) = sqlx::query_as(include_str!("count_everything.sql"))
        .bind(serde_json::to_string(connectors)?)
        .fetch_one(view)
        .await?;
    let count = match what {
        Kind::Users => users,
        Kind::Groups => groups,
    };
    Ok(Total {
        count: u64::try_from(count).unwrap_or_default(),
        exact: true,
    })
}

/// How many one connector's pages have together, up to `most`.
async fn count(
    view: &mut SqliteConnection,
    connector: i64,
    bounds: &Bounds,
    most: i64,
) -> Result<i64> {
    let counted = sqlx::query_scalar(include_str!("count_search.sql"))
        .bind(connector)
        .bind(bounds.kind)
        .bind(&bounds.from)
        .bind(&bounds.to)
        .bind(&bounds.within)
        .bind(bounds.since)
        .bind(bounds.hidden)
        .bind(most)
        .fetch_one(view)
        .await?;
    Ok(counted)
}

async fn entries(view: &mut SqliteConnection, keys: &[i64]) -> Result<Vec<Entry>> {
    let rows: Vec<(i64, String, String, bool, i64)> = sqlx::query_as(include_str!("entries.sql"))
        .bind(serde_json::to_string(keys)?)
        .fetch_all(view)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(connector, id, name, hidden, links)| Entry {
            connector: ConnectorKey(connector),
            id,
            name,
            hidden,
            links: u64::try_from(links).unwrap_or_default(),
        })
        .collect())
}
