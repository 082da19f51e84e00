//! Users and groups by name and by what else is known of them.

use sqlx::SqliteConnection;

use super::super::fault::{Fault, Result};
use super::super::labels::{LAST, fold};
use super::super::names::kind_code;
use super::object::moments;
use super::statement::{Source, Value, counting, listing};
use super::{one_more, paged, place, total_of};
use crate::directory::position::Listing;
use crate::directory::{
    Among, ConnectorKey, Entry, Kind, Match, MemberKind, Page, PageRequest, Search, Sort, Total,
};

/// Where a page ends: in which order, and what tells its last record apart in it.
type Place = (Sort, bool, Value, i64);
/// What a record is sorted by, and its key.
type Row = (Value, i64);

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
    /// Groups of these kinds; of any where it is empty.
    kinds: Vec<String>,
    sort: Sort,
    descending: bool,
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
        let sort = match (what, query.sort) {
            (Kind::Users, Sort::GroupKind) => Sort::Name,
            (_, sort) => sort,
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
            kinds: match what {
                Kind::Users => Vec::new(),
                Kind::Groups => query.group_kinds.clone(),
            },
            sort,
            descending: query.descending,
        }
    }

    /// Whether every visible object is within; the store keeps their number.
    fn is_everything(&self) -> bool {
        self.from.is_empty() && self.within.is_empty() && self.since.is_none() && !self.hidden
    }

    /// The source that gives a page of records soonest.
    fn source(&self, among: &Keys, few: bool) -> Source {
        match (among, self.sort) {
            (Keys::Only(_), _) => Source::Given,
            _ if few => Source::Kinds,
            (_, Sort::Name) => Source::Names,
            // Few enough to be sorted, as a rule.
            _ if !self.from.is_empty() => Source::Named,
            (_, sort) => Source::Sorted(sort),
        }
    }

    /// The source that is counted soonest.
    fn counted(&self, among: &Keys, few: bool) -> Source {
        match among {
            Keys::Only(_) => Source::Given,
            _ if few => Source::Kinds,
            _ if self.since.is_some() && self.from.is_empty() => Source::Sorted(Sort::Changed),
            _ => Source::Named,
        }
    }
}

/// [`Among`] in one connector, in the store's own keys.
enum Keys {
    All,
    Only(Vec<i64>),
    Except(Vec<i64>),
}

impl Keys {
    async fn of(view: &mut SqliteConnection, connector: i64, among: &Among) -> Result<Self> {
        let mut keys = async |ids: &[(ConnectorKey, String)]| -> Result<Vec<i64>> {
            let own = ids.iter().filter(|(of, _)| of.0 == connector);
            let own: Vec<&str> = own.map(|(_, id)| id.as_str()).collect();
            if own.is_empty() {
                return Ok(Vec::new());
            }
            let keys = sqlx::query_scalar(include_str!("keys.sql"))
                .bind(connector)
                .bind(serde_json::to_string(&own)?)
                .fetch_all(&mut *view)
                .await?;
            Ok(keys)
        };
        Ok(match among {
            Among::All => Self::All,
            Among::Only(ids) => Self::Only(keys(ids).await?),
            Among::Except(ids) => match keys(ids).await? {
                none if none.is_empty() => Self::All,
                keys => Self::Except(keys),
            },
        })
    }

    fn list(&self) -> Result<String> {
        Ok(match self {
            Self::All => "[]".into(),
            Self::Only(keys) | Self::Except(keys) => serde_json::to_string(keys)?,
        })
    }
}

/// What is looked through in one connector.
struct Scope {
    connector: i64,
    keys: Keys,
    /// The first run from which on changes count.
    since: i64,
    /// Groups of the wanted kinds are few, so they are found sooner by their kind than by name or number.
    few: bool,
}

/// Groups of a kind up to which they count as few: sorting them takes no longer than a page may.
const FEW: i64 = 20_000;

/// A page of the objects of connectors, all of them where none are given.
pub(super) async fn search(
    view: &mut SqliteConnection,
    connectors: &[ConnectorKey],
    what: Kind,
    query: &Search,
    page: &PageRequest,
) -> Result<Page<Entry>> {
    let bounds = Bounds::of(what, query);
    let after: Option<Place> = place(page, Listing::Search)?;
    if let Some((sort, descending, ..)) = after
        && (sort, descending) != (bounds.sort, bounds.descending)
    {
        return Err(Fault::Position);
    }
    let after = after.map(|(.., value, key)| (value, key));
    let scopes = scopes(view, connectors, query, &bounds).await?;
    let mut rows: Vec<Row> = Vec::new();
    for scope in &scopes {
        rows.extend(list(view, scope, &bounds, after.as_ref(), one_more(page)).await?);
    }
    rows.sort_unstable();
    if bounds.descending {
        rows.reverse();
    }
    let total = if after.is_none() && bounds.is_everything() {
        kept_total(view, &scopes, what, &bounds).await?
    } else {
        total_of(page, &rows, async |most| {
            let mut counted = 0;
            for scope in &scopes {
                if counted < most {
                    counted += count(view, scope, &bounds, most).await?;
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
        |(value, key)| (bounds.sort, bounds.descending, value.clone(), *key),
        |(_, key)| Ok(key),
    )?;
    Ok(Page {
        items: entries(view, &found.items).await?,
        next: found.next,
        total: found.total,
    })
}

/// What is looked through; connectors in which nothing can be found are left out.
async fn scopes(
    view: &mut SqliteConnection,
    connectors: &[ConnectorKey],
    query: &Search,
    bounds: &Bounds,
) -> Result<Vec<Scope>> {
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
    let mut scopes = Vec::with_capacity(connectors.len());
    for connector in connectors {
        let since = match query.changed_since {
            None => Some(0),
            Some(since) => {
                sqlx::query_scalar(include_str!("first_run_since.sql"))
                    .bind(connector)
                    .bind(since)
                    .fetch_one(&mut *view)
                    .await?
            }
        };
        if let Some(since) = since {
            let keys = Keys::of(view, connector, &query.among).await?;
            let few = !bounds.kinds.is_empty()
                && of_kinds(view, connector, bounds, FEW + 1).await? <= FEW;
            scopes.push(Scope {
                connector,
                keys,
                since,
                few,
            });
        }
    }
    Ok(scopes)
}

/// How many groups of the wanted kinds there are, whatever else is wanted of them.
async fn of_kinds(
    view: &mut SqliteConnection,
    connector: i64,
    bounds: &Bounds,
    most: i64,
) -> Result<i64> {
    let count = sqlx::query_scalar(include_str!("count_kinds.sql"))
        .bind(connector)
        .bind(serde_json::to_string(&bounds.kinds)?)
        .bind(most)
        .fetch_one(view)
        .await?;
    Ok(count)
}

/// One connector's objects.
async fn list(
    view: &mut SqliteConnection,
    scope: &Scope,
    bounds: &Bounds,
    after: Option<&Row>,
    limit: i64,
) -> Result<Vec<Row>> {
    let source = bounds.source(&scope.keys, scope.few);
    let (value, key) = match after {
        Some((value, key)) => (value.clone(), *key),
        None => Value::edge(bounds.sort, bounds.descending),
    };
    let (mut from, mut to) = (bounds.from.as_str(), bounds.to.as_str());
    let mut key = key;
    if source == Source::Names {
        // From the place on, so that no page reads the names before it.
        match &value {
            Value::Text(name) if !bounds.descending && name.as_str() >= from => from = name,
            Value::Text(name) if bounds.descending && name.as_str() < to => to = name,
            _ => key = 0,
        }
    }
    let sql = listing(source, bounds.sort, bounds.descending, bounds.kind);
    let statement = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(scope.connector)
        .bind(bounds.kind)
        .bind(from)
        .bind(to)
        .bind(&bounds.within)
        .bind(scope.since)
        .bind(bounds.hidden)
        .bind(scope.keys.list()?)
        .bind(limit);
    let statement = match &value {
        Value::Number(number) => statement.bind(*number),
        Value::Text(name) => statement.bind(name),
    };
    let kinds = serde_json::to_string(&bounds.kinds)?;
    let statement = statement.bind(key).bind(kinds);
    let rows: Vec<(String, i64, i64)> = statement.fetch_all(view).await?;
    let value = |name, number| match bounds.sort {
        Sort::Name | Sort::GroupKind => Value::Text(name),
        _ => Value::Number(number),
    };
    let rows = rows.into_iter();
    Ok(rows
        .map(|(name, number, key)| (value(name, number), key))
        .collect())
}

/// How many users or groups connectors have, which the store keeps.
async fn kept_total(
    view: &mut SqliteConnection,
    scopes: &[Scope],
    what: Kind,
    bounds: &Bounds,
) -> Result<Option<Total>> {
    let mut total = 0;
    for scope in scopes {
        let kept: Option<(i64, i64)> = sqlx::query_as(include_str!("count_everything.sql"))
            .bind(scope.connector)
            .fetch_optional(&mut *view)
            .await?;
        let (users, groups) = kept.unwrap_or_default();
        let all = match what {
            Kind::Users => users,
            Kind::Groups if bounds.kinds.is_empty() => groups,
            Kind::Groups => of_kinds(view, scope.connector, bounds, i64::MAX).await?,
        };
        let given = match &scope.keys {
            Keys::All => 0,
            Keys::Only(_) | Keys::Except(_) => {
                count_of(view, scope, bounds, Source::Given, i64::MAX).await?
            }
        };
        total += match scope.keys {
            Keys::Only(_) => given,
            Keys::All | Keys::Except(_) => all - given,
        };
    }
    Ok(Some(Total {
        count: u64::try_from(total).unwrap_or_default(),
        exact: true,
    }))
}

/// How many one connector's pages have together, up to `most`.
async fn count(
    view: &mut SqliteConnection,
    scope: &Scope,
    bounds: &Bounds,
    most: i64,
) -> Result<i64> {
    let source = bounds.counted(&scope.keys, scope.few);
    count_of(view, scope, bounds, source, most).await
}

async fn count_of(
    view: &mut SqliteConnection,
    scope: &Scope,
    bounds: &Bounds,
    source: Source,
    most: i64,
) -> Result<i64> {
    let counted = sqlx::query_scalar(sqlx::AssertSqlSafe(counting(source, bounds.kind)))
        .bind(scope.connector)
        .bind(bounds.kind)
        .bind(&bounds.from)
        .bind(&bounds.to)
        .bind(&bounds.within)
        .bind(scope.since)
        .bind(bounds.hidden)
        .bind(scope.keys.list()?)
        .bind(most)
        .bind("")
        .bind(0_i64)
        .bind(serde_json::to_string(&bounds.kinds)?)
        .fetch_one(view)
        .await?;
    Ok(counted)
}

type EntryRow = (
    i64,
    String,
    String,
    bool,
    i64,
    Option<i64>,
    Option<i64>,
    String,
);

async fn entries(view: &mut SqliteConnection, keys: &[i64]) -> Result<Vec<Entry>> {
    let rows: Vec<EntryRow> = sqlx::query_as(include_str!("entries.sql"))
        .bind(serde_json::to_string(keys)?)
        .fetch_all(&mut *view)
        .await?;
    let mut runs: Vec<i64> = rows
        .iter()
        .flat_map(|row| [row.5, row.6])
        .flatten()
        .collect();
    runs.sort_unstable();
    runs.dedup();
    let moments = moments(view, &runs).await?;
    let moment = |run: Option<i64>| run.and_then(|run| moments.get(&run).copied());
    Ok(rows
        .into_iter()
        .map(
            |(connector, id, name, hidden, links, since, changed, group_kind)| Entry {
                connector: ConnectorKey(connector),
                id,
                name,
                hidden,
                group_kind: Some(group_kind).filter(|kind| !kind.is_empty()),
                links: u64::try_from(links).unwrap_or_default(),
                since: moment(since),
                changed: moment(changed),
            },
        )
        .collect())
}
