//! Removes everything of a connector, a little at a time.
//!
//! It is marked first, in a transaction that takes no time, and is not to be found from then on. Then the
//! writer deletes a batch whenever it is asked to, between the pages of other connectors' runs. Whoever opens
//! the store after a crash asks for what is left.

use sqlx::SqliteConnection;

use super::fault::Result;
use super::runs::now;
use crate::directory::ConnectorKey;

/// Rows that one statement of a batch deletes at most.
const ROWS: i64 = 20_000;
/// The same for rows that are long.
const LONG_ROWS: i64 = 1_000;

/// Marks a connector. One that is marked, or that there isn't, stays as it is.
pub(super) async fn mark(connection: &mut SqliteConnection, connector: ConnectorKey) -> Result<()> {
    let known: Option<bool> =
        sqlx::query_scalar("SELECT forgotten <> 0 FROM connector WHERE key = $1")
            .bind(connector.0)
            .fetch_optional(&mut *connection)
            .await?;
    if known != Some(false) {
        return Ok(());
    }
    sqlx::query(include_str!("forget/mark.sql"))
        .bind(connector.0)
        .bind(now())
        .execute(connection)
        .await?;
    Ok(())
}

/// Connectors that are marked and not yet removed.
pub(super) async fn unfinished(connection: &mut SqliteConnection) -> Result<Vec<ConnectorKey>> {
    let keys: Vec<i64> = sqlx::query_scalar("SELECT key FROM connector WHERE forgotten = 1")
        .fetch_all(connection)
        .await?;
    Ok(keys.into_iter().map(ConnectorKey).collect())
}

/// Deletes a batch of a marked connector; returns whether there is more.
pub(super) async fn some(
    connection: &mut SqliteConnection,
    connector: ConnectorKey,
) -> Result<bool> {
    let marked: Option<bool> =
        sqlx::query_scalar("SELECT forgotten = 1 FROM connector WHERE key = $1")
            .bind(connector.0)
            .fetch_optional(&mut *connection)
            .await?;
    if marked != Some(true) {
        return Ok(false);
    }
    let of_runs = [
        (include_str!("forget/unsettled.sql"), ROWS),
        (include_str!("forget/staged_memberships.sql"), ROWS),
        (include_str!("forget/staged_objects.sql"), ROWS),
        (include_str!("forget/seen_members.sql"), LONG_ROWS),
        (include_str!("forget/seen_objects.sql"), LONG_ROWS),
        (include_str!("forget/proven_groups.sql"), ROWS),
        (include_str!("forget/partitions.sql"), LONG_ROWS),
        (include_str!("forget/unavailable.sql"), ROWS),
        (include_str!("forget/joining.sql"), ROWS),
    ];
    for (sql, limit) in of_runs {
        let deleted = sqlx::query(sql)
            .bind(connector.0)
            .bind(limit)
            .execute(&mut *connection)
            .await?;
        if deleted.rows_affected() > 0 {
            return Ok(true);
        }
    }
    if some_objects(connection, connector).await? {
        return Ok(true);
    }
    sqlx::query(include_str!("forget/rest.sql"))
        .bind(connector.0)
        .execute(connection)
        .await?;
    Ok(false)
}

/// Deletes some objects with their memberships, or some memberships of theirs.
async fn some_objects(connection: &mut SqliteConnection, connector: ConnectorKey) -> Result<bool> {
    let keys: Vec<i64> = sqlx::query_scalar(include_str!("forget/objects.sql"))
        .bind(connector.0)
        .fetch_all(&mut *connection)
        .await?;
    if keys.is_empty() {
        return Ok(false);
    }
    let keys = serde_json::to_string(&keys)?;
    let of_objects = [
        include_str!("forget/memberships.sql"),
        include_str!("forget/members_of.sql"),
        include_str!("forget/past_memberships.sql"),
    ];
    for sql in of_objects {
        let deleted = sqlx::query(sql)
            .bind(&keys)
            .bind(ROWS)
            .execute(&mut *connection)
            .await?;
        if i64::try_from(deleted.rows_affected()).unwrap_or(ROWS) >= ROWS {
            return Ok(true);
        }
    }
    sqlx::query(include_str!("forget/profiles.sql"))
        .bind(&keys)
        .execute(connection)
        .await?;
    Ok(true)
}
