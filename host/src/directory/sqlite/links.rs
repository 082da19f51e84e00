//! How many direct members each group has and how many groups each user is directly in, kept with their labels.
//! Hidden users don't count, and are in none.
//!
//! Whoever changes memberships, or who is hidden, tells it here in the same transaction; removals are in
//! `remove.sql`. Users are counted from the memberships by member, and are as far behind as these.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::fault::Result;

/// Memberships as they were given: a group, how many members, their keys.
pub(super) type Given = (i64, i64, String);

/// Before memberships are given: of each group how many there are already, those of hidden users not counted. They are
/// in these rows of `seen_member`.
pub(super) async fn known(
    connection: &mut SqliteConnection,
    first: i64,
    last: i64,
) -> Result<Vec<(i64, i64)>> {
    let known = sqlx::query_as(include_str!("links/count_known.sql"))
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await?;
    Ok(known)
}

/// After memberships were given; `hidden` are those of hidden users among them, and `added` is how many of all were
/// new. Where it was not asked what was [`known`], groups that were given some again are counted anew.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    given: &[Given],
    hidden: &[(i64, i64)],
    added: i64,
    known: Option<Vec<(i64, i64)>>,
) -> Result<()> {
    if added == 0 {
        return Ok(());
    }
    if known.is_none() && added < given.iter().map(|(_, size, _)| size).sum() {
        let groups: Vec<i64> = given.iter().map(|(group, ..)| *group).collect();
        return recount(connection, &groups).await;
    }
    let mut more: BTreeMap<i64, i64> = given.iter().map(|row| (row.0, row.1)).collect();
    let hidden = hidden.iter().map(|(group, _)| (*group, 1));
    for (group, count) in hidden.chain(known.unwrap_or_default()) {
        more.entry(group).and_modify(|more| *more -= count);
    }
    let more: Vec<(i64, i64)> = more.into_iter().filter(|(_, count)| *count != 0).collect();
    tell(connection, include_str!("links/add.sql"), &more).await
}

/// After these users, who were hidden, have come back. Memberships by member must be up to date.
pub(super) async fn show(connection: &mut SqliteConnection, users: &[i64]) -> Result<()> {
    tell(connection, include_str!("links/show.sql"), users).await
}

/// After these groups have come into sight with what members they already have.
pub(super) async fn recount(connection: &mut SqliteConnection, groups: &[i64]) -> Result<()> {
    tell(connection, include_str!("links/recount.sql"), groups).await
}

/// After these users have come into sight, or had not been counted.
pub(super) async fn recount_users(connection: &mut SqliteConnection, users: &[i64]) -> Result<()> {
    tell(connection, include_str!("links/recount_users.sql"), users).await
}

/// After these groups have come into sight or left it: of the users in them.
pub(super) async fn recount_members(
    connection: &mut SqliteConnection,
    groups: &[i64],
) -> Result<()> {
    tell(
        connection,
        include_str!("links/recount_members.sql"),
        groups,
    )
    .await
}

/// While the memberships by member catch up with what a run has added: of the users in these.
pub(super) async fn recount_unsettled(connection: &mut SqliteConnection, run: i64) -> Result<()> {
    let has_many: bool = sqlx::query_scalar(include_str!("links/has_many_unsettled.sql"))
        .bind(run)
        .fetch_one(&mut *connection)
        .await?;
    let recount = if has_many {
        sqlx::query(include_str!("links/recount_many.sql"))
    } else {
        sqlx::query(include_str!("links/recount_unsettled.sql")).bind(run)
    };
    recount.execute(connection).await?;
    Ok(())
}

/// Of all groups and users. Part of opening a store whose labels were just made.
pub(super) async fn recount_all(connection: &mut SqliteConnection) -> Result<()> {
    sqlx::query(include_str!("links/recount_all.sql"))
        .execute(connection)
        .await?;
    Ok(())
}

async fn tell(
    connection: &mut SqliteConnection,
    sql: &'static str,
    what: &[impl serde::Serialize],
) -> Result<()> {
    if !what.is_empty() {
        sqlx::query(sql)
            .bind(serde_json::to_string(what)?)
            .execute(connection)
            .await?;
    }
    Ok(())
}
