//! Runs that are held, and what is decided about them.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::row::{run, signed};
use crate::database::DatabaseError;
use crate::work::record::{Holdings, Run, RunDecision, RunStatus};

/// The held runs of a connector.
pub(in crate::work) async fn held_of(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Vec<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE connector = $1 AND state = 'held'")
        .bind(connector.to_string())
        .fetch_all(connection)
        .await?
        .iter()
        .map(run)
        .collect()
}

/// Notes that a newer run takes a held one's place.
pub(in crate::work) async fn supersede(
    connection: &mut SqliteConnection,
    held: Uuid,
    by: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE run SET state = 'superseded', superseded_by = $2, decision = NULL \
         WHERE id = $1 AND state = 'held'",
    )
    .bind(held.to_string())
    .bind(by.map(|by| by.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes a decision about a held run that is about to be carried out, or that it will not be.
pub(in crate::work) async fn note_decision(
    connection: &mut SqliteConnection,
    held: Uuid,
    decision: Option<&RunDecision>,
) -> Result<(), DatabaseError> {
    let decision = decision.map(serde_json::to_string).transpose()?;
    sqlx::query("UPDATE run SET decision = $2 WHERE id = $1 AND state = 'held'")
        .bind(held.to_string())
        .bind(decision)
        .execute(connection)
        .await?;
    Ok(())
}

/// What a decision came to, and what the connector holds after it, where that is known.
pub(in crate::work) async fn decided(
    connection: &mut SqliteConnection,
    held: Uuid,
    (state, holdings): (RunStatus, Option<Holdings>),
    cursor_kept: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE run SET state = $2, cursor_kept = $3, users_held = coalesce($4, users_held), \
         groups_held = coalesce($5, groups_held), memberships_held = coalesce($6, memberships_held) \
         WHERE id = $1 AND state = 'held'",
    )
    .bind(held.to_string())
    .bind(state.word())
    .bind(cursor_kept)
    .bind(holdings.map(|held| signed(held.users)))
    .bind(holdings.map(|held| signed(held.groups)))
    .bind(holdings.map(|held| signed(held.memberships)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Held runs whose decision is being carried out.
pub(in crate::work) async fn half_decided(
    connection: &mut SqliteConnection,
) -> Result<Vec<Run>, DatabaseError> {
    sqlx::query("SELECT * FROM run WHERE state = 'held' AND decision IS NOT NULL")
        .fetch_all(connection)
        .await?
        .iter()
        .map(run)
        .collect()
}
