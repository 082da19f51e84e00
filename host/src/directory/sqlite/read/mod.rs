//! Reading for people: a page of this, the reason for that.

mod changes;
mod graph;
mod object;
mod runs;
mod search;
mod statement;

pub(super) use self::runs::run;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::Sqlite;
use super::fault::{Fault, Result};
use super::writer::Request;
use crate::directory::position::Listing;
use crate::directory::{
    ChangeFilter, ConnectorKey, ConnectorRecord, DirectoryError, DirectoryReader, Entry,
    GroupRecord, Kind, MemberKind, MemberRecord, MembershipChange, ObjectRecord, Page, PageRequest,
    Removable, RemovalRecord, RunFilter, RunKey, RunRecord, Search, StoreSize, Total,
    UnavailableGroup, Why,
};

/// How far the memberships by member may lag behind a run that goes on when they are read. Bringing them up
/// to date for each reader would give up what the lag is for.
const LAG: Duration = Duration::from_secs(5);

/// Until when the memberships by member are good enough for readers.
#[derive(Debug, Clone)]
pub(super) struct Lag {
    pub(super) longest: Duration,
    settled: Arc<Mutex<HashMap<ConnectorKey, Instant>>>,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            longest: LAG,
            settled: Arc::default(),
        }
    }
}

impl Lag {
    /// Whether it is time to catch up; then whoever asks is to do so.
    fn is_over(&self, connector: ConnectorKey) -> bool {
        let now = Instant::now();
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let over = settled
            .get(&connector)
            .is_none_or(|last| now.duration_since(*last) >= self.longest);
        if over {
            settled.insert(connector, now);
        }
        over
    }
}

impl Sqlite {
    /// Brings the memberships by member up to date, if they lag too far behind a run that goes on.
    async fn catch_up(&self, connector: ConnectorKey) -> std::result::Result<(), DirectoryError> {
        let behind: bool = self
            .read("looked for memberships to order", async |connection| {
                let behind = sqlx::query_scalar(include_str!("is_behind.sql"))
                    .bind(connector.0)
                    .fetch_one(connection)
                    .await?;
                Ok(behind)
            })
            .await?;
        if !behind || !self.lag.is_over(connector) {
            return Ok(());
        }
        self.writer
            .ask("ordered memberships", |answer| {
                Request::Settle(connector, answer)
            })
            .await
    }
}

#[async_trait]
impl DirectoryReader for Sqlite {
    async fn search(
        &self,
        connectors: &[ConnectorKey],
        what: Kind,
        query: &Search,
        page: &PageRequest,
    ) -> std::result::Result<Page<Entry>, DirectoryError> {
        self.view("searched", async |view| {
            search::search(view, connectors, what, query, page).await
        })
        .await
    }

    async fn knows(
        &self,
        connector: ConnectorKey,
        id: &str,
    ) -> std::result::Result<bool, DirectoryError> {
        self.view("looked for an object", async |view| {
            Ok(find(view, connector, id).await?.is_some())
        })
        .await
    }

    async fn object(
        &self,
        connector: ConnectorKey,
        id: &str,
    ) -> std::result::Result<Option<ObjectRecord>, DirectoryError> {
        self.catch_up(connector).await?;
        self.view("read an object", async |view| {
            object::object(view, connector, id).await
        })
        .await
    }

    async fn members(
        &self,
        connector: ConnectorKey,
        group: &str,
        effective: bool,
        text: Option<&str>,
        page: &PageRequest,
    ) -> std::result::Result<Page<MemberRecord>, DirectoryError> {
        self.view("read members", async |view| {
            graph::members(view, connector, group, effective, text, page).await
        })
        .await
    }

    async fn weight(
        &self,
        connector: ConnectorKey,
        group: &str,
        most: u64,
    ) -> std::result::Result<Total, DirectoryError> {
        self.view("weighed a group", async |view| {
            graph::weight(view, connector, group, most).await
        })
        .await
    }

    async fn groups_of(
        &self,
        connector: ConnectorKey,
        object: &str,
        effective: bool,
        text: Option<&str>,
        page: &PageRequest,
    ) -> std::result::Result<Page<GroupRecord>, DirectoryError> {
        self.catch_up(connector).await?;
        self.view("read groups of an object", async |view| {
            graph::groups_of(view, connector, object, effective, text, page).await
        })
        .await
    }

    async fn why(
        &self,
        connector: ConnectorKey,
        group: &str,
        member: &str,
        limit: usize,
    ) -> std::result::Result<Why, DirectoryError> {
        self.catch_up(connector).await?;
        self.view("explained a membership", async |view| {
            graph::why(view, connector, group, member, limit).await
        })
        .await
    }

    async fn membership_changes(
        &self,
        connector: ConnectorKey,
        filter: &ChangeFilter,
        page: &PageRequest,
    ) -> std::result::Result<Page<MembershipChange>, DirectoryError> {
        let by_member = filter.member.is_some() || filter.text.is_some();
        if by_member && filter.group.is_none() {
            self.catch_up(connector).await?;
        }
        self.view("read membership changes", async |view| {
            changes::changes(view, connector, filter, page).await
        })
        .await
    }

    async fn connectors(&self) -> std::result::Result<Vec<ConnectorRecord>, DirectoryError> {
        self.view("listed connectors", async |view| {
            runs::connectors(view).await
        })
        .await
    }

    async fn find(&self, name: &str) -> std::result::Result<Option<ConnectorKey>, DirectoryError> {
        self.view("looked for a connector", async |view| {
            let key: Option<i64> = sqlx::query_scalar("SELECT key FROM connector WHERE name = $1")
                .bind(name)
                .fetch_optional(view)
                .await?;
            Ok(key.map(ConnectorKey))
        })
        .await
    }

    async fn counts(
        &self,
        connector: ConnectorKey,
    ) -> std::result::Result<Option<ConnectorRecord>, DirectoryError> {
        self.view("read a connector's counts", async |view| {
            runs::counts(view, connector).await
        })
        .await
    }

    async fn runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> std::result::Result<Page<RunRecord>, DirectoryError> {
        self.view("listed runs", async |view| {
            runs::runs(view, filter, page).await
        })
        .await
    }

    async fn run(&self, run: RunKey) -> std::result::Result<Option<RunRecord>, DirectoryError> {
        self.view("read a run", async |view| runs::run(view, run).await)
            .await
    }

    async fn report(
        &self,
        run: RunKey,
    ) -> std::result::Result<Option<serde_json::Value>, DirectoryError> {
        self.view("read a report", async |view| runs::report(view, run).await)
            .await
    }

    async fn unavailable(
        &self,
        run: RunKey,
        page: &PageRequest,
    ) -> std::result::Result<Page<UnavailableGroup>, DirectoryError> {
        self.view("listed unavailable groups", async |view| {
            runs::unavailable(view, run, page).await
        })
        .await
    }

    async fn removals(
        &self,
        run: RunKey,
        what: Removable,
        text: Option<&str>,
        page: &PageRequest,
    ) -> std::result::Result<Page<RemovalRecord>, DirectoryError> {
        self.view("listed removals", async |view| {
            changes::removals(view, run, what, text, page).await
        })
        .await
    }

    async fn store_size(&self) -> std::result::Result<StoreSize, DirectoryError> {
        let file = self.file.clone();
        self.view("measured the store", async |view| {
            runs::store_size(view, &file).await
        })
        .await
    }
}

impl Sqlite {
    /// Reads with several statements that all see the same state of the store.
    async fn view<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T>,
    ) -> std::result::Result<T, DirectoryError> {
        let result = match self.readers.begin().await {
            Ok(mut view) => match work(&mut view).await {
                Ok(value) => view.rollback().await.map(|()| value).map_err(Fault::from),
                Err(fault) => Err(fault),
            },
            Err(error) => Err(error.into()),
        };
        result.map_err(|fault| fault.while_it(doing))
    }
}

/// How many records a page may have.
fn limit(page: &PageRequest) -> usize {
    page.limit.clamp(1, PageRequest::MOST)
}

/// One more than a page has: whether it comes tells whether there is a next page.
fn one_more(page: &PageRequest) -> i64 {
    i64::try_from(limit(page)).unwrap_or(i64::MAX) + 1
}

/// Where a page of a listing begins.
fn place<T: DeserializeOwned>(page: &PageRequest, listing: Listing) -> Result<Option<T>> {
    let after = page.after.as_ref();
    let place = after.map(|position| position.place(listing)).transpose();
    place.map_err(|_| Fault::Position)
}

/// A page of rows, of which there is one more than fits where another page follows. `place` tells a row
/// apart; `record` makes what the page has of it.
fn paged<R, T, P: Serialize>(
    mut rows: Vec<R>,
    page: &PageRequest,
    listing: Listing,
    total: Option<Total>,
    place: impl FnOnce(&R) -> P,
    record: impl FnMut(R) -> Result<T>,
) -> Result<Page<T>> {
    let more = rows.len() > limit(page);
    rows.truncate(limit(page));
    let next = rows.last().filter(|_| more).map(|last| {
        let place = place(last);
        crate::directory::Position::after(listing, &place)
    });
    Ok(Page {
        items: rows.into_iter().map(record).collect::<Result<_>>()?,
        next: next.transpose().map_err(|_| Fault::Position)?,
        total,
    })
}

/// How many records all pages have together; only with the first page, and counted only where that isn't the
/// last. `count` counts up to the limit that it is given.
async fn total_of<R>(
    page: &PageRequest,
    rows: &[R],
    count: impl AsyncFnOnce(i64) -> Result<i64>,
) -> Result<Option<Total>> {
    if page.after.is_some() {
        return Ok(None);
    }
    if rows.len() <= limit(page) {
        return Ok(Some(Total {
            count: rows.len() as u64,
            exact: true,
        }));
    }
    let most = i64::try_from(Total::MOST).unwrap_or(i64::MAX - 1);
    let counted = u64::try_from(count(most + 1).await?).unwrap_or_default();
    Ok(Some(Total {
        count: counted.min(Total::MOST),
        exact: counted <= Total::MOST,
    }))
}

/// An object that is in the store.
#[derive(Debug, Clone, Copy)]
struct Found {
    key: i64,
    kind: MemberKind,
    state: super::names::State,
}

async fn find(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
) -> Result<Option<Found>> {
    let found: Option<(i64, i64, i64)> = sqlx::query_as(include_str!("find.sql"))
        .bind(connector.0)
        .bind(id)
        .fetch_optional(view)
        .await?;
    found
        .map(|(key, kind, state)| {
            Ok(Found {
                key,
                kind: super::names::decode_kind(kind)?,
                state: super::names::State::decode(state)?,
            })
        })
        .transpose()
}
