//! Streams of what the directory holds.

use futures::TryStreamExt;
use futures::stream::{self, BoxStream, StreamExt};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::document;
use super::fault::{Fault, Result};
use super::names::{decode_kind, kind_code};
use crate::directory::{ConnectorKey, Export, MemberKind, MembershipRecord};

/// Records that are handed over at once, and how many times that may wait for the reader.
const CHUNK: usize = 128;
const WAITING: usize = 4;

/// Reads in a task of its own, which waits while the reader does and ends when it goes away. All
/// of an export comes from one state of the store, however long it takes.
pub(super) fn export(
    pool: SqlitePool,
    connector: ConnectorKey,
    what: Export,
) -> BoxStream<'static, Result<String>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut out = Out {
        sender,
        chunk: Vec::with_capacity(CHUNK),
    };
    tokio::spawn(async move {
        let result = write(&pool, connector, what, &mut out).await;
        // Nobody to tell where the reader has gone.
        let _ = out.sender.send(result.map(|()| out.chunk)).await;
    });
    ReceiverStream::new(receiver)
        .flat_map(|chunk: Result<Vec<String>>| match chunk {
            Ok(records) => stream::iter(records).map(Ok).left_stream(),
            Err(fault) => stream::once(async { Err(fault) }).right_stream(),
        })
        .boxed()
}

/// Where records go.
struct Out {
    sender: mpsc::Sender<Result<Vec<String>>>,
    chunk: Vec<String>,
}

impl Out {
    async fn push(&mut self, record: String) -> Result<()> {
        self.chunk.push(record);
        if self.chunk.len() < CHUNK {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let sent = self.sender.send(Ok(chunk)).await;
        // The reader has gone; this only ends the task.
        sent.map_err(|_| Fault::Sql(sqlx::Error::WorkerCrashed))
    }
}

async fn write(
    pool: &SqlitePool,
    connector: ConnectorKey,
    what: Export,
    out: &mut Out,
) -> Result<()> {
    // Its first statement fixes what all of them see.
    let mut view: Transaction<'_, Sqlite> = pool.begin().await?;
    match what {
        Export::Users => objects(&mut view, connector, MemberKind::User, out).await?,
        Export::Groups => objects(&mut view, connector, MemberKind::Group, out).await?,
        Export::Memberships { effective: false } => memberships(&mut view, connector, out).await?,
        Export::Memberships { effective: true } => effective(&mut view, connector, out).await?,
        Export::Documents { effective } => {
            let groups = if effective {
                include_str!("effective_groups_of_users.sql")
            } else {
                include_str!("groups_of_users.sql")
            };
            documents(&mut view, connector, groups, out).await?;
        }
    }
    view.rollback().await?;
    Ok(())
}

async fn objects(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    kind: MemberKind,
    out: &mut Out,
) -> Result<()> {
    let mut rows = sqlx::query(include_str!("export_objects.sql"))
        .bind(connector.0)
        .bind(kind_code(kind))
        .fetch(view);
    while let Some(row) = rows.try_next().await? {
        let id = serde_json::to_string(row.try_get::<&str, _>(0)?)?;
        let name = serde_json::to_string(row.try_get::<&str, _>(1)?)?;
        let document = document::one_line(row.try_get(2)?);
        let kind = match row.try_get(3)? {
            "" => String::new(),
            kind => format!(r#","groupKind":{}"#, serde_json::to_string(kind)?),
        };
        let record = format!(r#"{{"id":{id},"name":{name}{kind},"document":{document}}}"#);
        out.push(record).await?;
    }
    Ok(())
}

async fn memberships(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    out: &mut Out,
) -> Result<()> {
    let mut rows = sqlx::query(include_str!("export_memberships.sql"))
        .bind(connector.0)
        .fetch(view);
    while let Some(row) = rows.try_next().await? {
        out.push(membership(row.try_get(0)?, &row, 1)?).await?;
    }
    Ok(())
}

async fn effective(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    out: &mut Out,
) -> Result<()> {
    let mut after = 0;
    loop {
        let groups: Vec<(i64, String)> = sqlx::query_as(include_str!("export_groups.sql"))
            .bind(connector.0)
            .bind(after)
            .fetch_all(&mut *view)
            .await?;
        let Some(&(last, _)) = groups.last() else {
            return Ok(());
        };
        after = last;
        for (key, id) in groups {
            let mut rows = sqlx::query(include_str!("export_effective.sql"))
                .bind(key)
                .fetch(&mut *view);
            while let Some(row) = rows.try_next().await? {
                out.push(membership(id.clone(), &row, 0)?).await?;
            }
        }
    }
}

/// A membership, its member in two columns from `first` on.
fn membership(group: String, row: &SqliteRow, first: usize) -> Result<String> {
    Ok(serde_json::to_string(&MembershipRecord {
        group,
        member: row.try_get(first)?,
        kind: decode_kind(row.try_get(first + 1)?)?,
    })?)
}

async fn documents(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    groups: &'static str,
    out: &mut Out,
) -> Result<()> {
    let groups_path: Option<String> =
        sqlx::query_scalar("SELECT groups_path FROM connector WHERE key = $1")
            .bind(connector.0)
            .fetch_one(&mut *view)
            .await?;
    let mut after = 0;
    loop {
        let users: Vec<(i64, String)> = sqlx::query_as(include_str!("export_users.sql"))
            .bind(connector.0)
            .bind(after)
            .fetch_all(&mut *view)
            .await?;
        let Some(&(last, _)) = users.last() else {
            return Ok(());
        };
        after = last;
        let keys: Vec<i64> = users.iter().map(|(key, _)| *key).collect();
        let mut rows = sqlx::query(groups)
            .bind(serde_json::to_string(&keys)?)
            .fetch(&mut *view);
        // Both are in the order of the users' keys.
        let mut row = rows.try_next().await?;
        for (key, user) in users {
            let mut list = String::from("[");
            while let Some(group) = row.take() {
                if group.try_get::<i64, _>(0)? != key {
                    row = Some(group);
                    break;
                }
                if list.len() > 1 {
                    list.push(',');
                }
                list.push_str(group.try_get(1)?);
                row = rows.try_next().await?;
            }
            list.push(']');
            let joined = match &groups_path {
                Some(path) => document::join(&user, path, &list)?,
                None => user,
            };
            out.push(document::one_line(&joined).into_owned()).await?;
        }
    }
}
