//! Weighs what a run would remove, and ends it.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::apply::{settle, stream_code};
use super::fault::Result;
use super::labels;
use super::names::{decode_kind, kind_code};
use super::runs::{self, encode, now};
use crate::directory::{
    Assessment, Finish, MemberKind, MembershipRecord, Mode, Named, RemovalSample, Removals,
    Removed, Run, RunKey, RunState, Stream, StreamTally, Tally, UnavailableGroup,
};

/// Stages what the run's proofs imply and tells what all of it comes to.
pub(super) async fn assess(connection: &mut SqliteConnection, key: RunKey) -> Result<Assessment> {
    let run = runs::going_on(connection, key).await?;
    stage_implied(connection, &run).await?;
    let removals = removals(connection, key).await?;
    let unavailable = sqlx::query(include_str!("count_unavailable.sql"))
        .bind(key.0)
        .fetch_one(connection)
        .await?;
    Ok(Assessment {
        removals,
        unavailable: count(&unavailable, 0)?,
    })
}

/// Ends the run.
pub(super) async fn finish(
    connection: &mut SqliteConnection,
    key: RunKey,
    how: &Finish,
) -> Result<Tally> {
    let run = runs::going_on(connection, key).await?;
    settle(connection, key.0).await?;
    labels::order(connection).await?;
    let counted = how.remove || how.state == RunState::Held;
    if counted && !is_assessed(connection, key).await? {
        stage_implied(connection, &run).await?;
    }
    sqlx::query(include_str!("complete_streams.sql"))
        .bind(key.0)
        .execute(&mut *connection)
        .await?;
    if how.remove {
        carry_out(connection, &run).await?;
    }
    let held = how.state == RunState::Held;
    if how.promote_cursor && !held {
        runs::promote_cursor(connection, &run).await?;
    }
    runs::forget_reading(connection, key).await?;
    // What a held run came to waits for a decision.
    if !held {
        runs::forget_outcome(connection, key).await?;
    }
    sqlx::query(include_str!("end_run.sql"))
        .bind(key.0)
        .bind(encode(&how.state)?)
        .bind(now())
        .bind(serde_json::to_string(&how.report)?)
        .bind(counted)
        .bind(held && how.promote_cursor)
        .execute(&mut *connection)
        .await?;
    tally(connection, key).await
}

/// Removes what is staged.
pub(super) async fn carry_out(connection: &mut SqliteConnection, run: &Run) -> Result<()> {
    sqlx::query(include_str!("remove.sql"))
        .bind(run.key.0)
        .execute(&mut *connection)
        .await?;
    if run.mode == Mode::Snapshot {
        sqlx::query(include_str!("welcome_back.sql"))
            .bind(run.connector.0)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn is_assessed(connection: &mut SqliteConnection, key: RunKey) -> Result<bool> {
    let assessed = sqlx::query_scalar("SELECT assessed FROM run WHERE key = $1")
        .bind(key.0)
        .fetch_one(connection)
        .await?;
    Ok(assessed)
}

/// Whether every partition has ended. Else memberships may be missing that keep users.
async fn has_read_all(connection: &mut SqliteConnection, key: RunKey) -> Result<bool> {
    let all = sqlx::query_scalar(include_str!("has_read_all.sql"))
        .bind(key.0)
        .fetch_one(connection)
        .await?;
    Ok(all)
}

/// Whether the run before left users behind on whom nobody has passed judgement.
async fn is_unjudged(connection: &mut SqliteConnection, run: &Run) -> Result<bool> {
    let unjudged = sqlx::query_scalar(include_str!("is_unjudged.sql"))
        .bind(run.key.0)
        .bind(run.connector.0)
        .fetch_one(connection)
        .await?;
    Ok(unjudged)
}

/// Stages the removals that follow from proofs and from other removals, anew each time.
async fn stage_implied(connection: &mut SqliteConnection, run: &Run) -> Result<()> {
    let key = run.key.0;
    settle(connection, key).await?;
    sqlx::query(include_str!("forget_implied.sql"))
        .bind(key)
        .execute(&mut *connection)
        .await?;
    let proofs = Proofs::of(connection, run).await?;
    sweep(connection, run, &proofs).await?;
    sqlx::query(include_str!("forgive_unavailable.sql"))
        .bind(key)
        .execute(&mut *connection)
        .await?;
    sqlx::query(include_str!("cascade.sql"))
        .bind(key)
        .execute(&mut *connection)
        .await?;
    if proofs.members {
        sweep_unknown(connection, run, &proofs).await?;
    }
    if run.drop_unreferenced_users && has_read_all(connection, run.key).await? {
        let drop = if run.mode == Mode::Snapshot || is_unjudged(connection, run).await? {
            include_str!("drop_users.sql")
        } else {
            include_str!("drop_touched_users.sql")
        };
        sqlx::query(drop)
            .bind(key)
            .bind(run.connector.0)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(include_str!("count_removals.sql"))
        .bind(key)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// What of the directory is proven to be complete.
struct Proofs {
    /// Kinds of object whose listing is.
    listed: Vec<MemberKind>,
    /// All members of all groups.
    members: bool,
}

impl Proofs {
    async fn of(connection: &mut SqliteConnection, run: &Run) -> Result<Self> {
        let proven: Vec<i64> =
            sqlx::query_scalar("SELECT stream FROM proven_stream WHERE run = $1")
                .bind(run.key.0)
                .fetch_all(&mut *connection)
                .await?;
        let is_proven = |stream| proven.contains(&stream_code(stream));
        let kinds = [
            (Stream::Users, MemberKind::User),
            (Stream::Groups, MemberKind::Group),
        ];
        let listed = kinds.into_iter().filter(|(stream, _)| is_proven(*stream));
        Ok(Self {
            listed: listed.map(|(_, kind)| kind).collect(),
            // Other partitions may have members to give, or to say that they can't be read.
            members: is_proven(Stream::Members) && has_read_all(connection, run.key).await?,
        })
    }
}

/// Stages what complete listings and complete groups didn't have.
async fn sweep(connection: &mut SqliteConnection, run: &Run, proofs: &Proofs) -> Result<()> {
    let key = run.key.0;
    for kind in &proofs.listed {
        sqlx::query(include_str!("sweep_objects.sql"))
            .bind(key)
            .bind(run.connector.0)
            .bind(kind_code(*kind))
            .execute(&mut *connection)
            .await?;
    }
    if proofs.members {
        sqlx::query(include_str!("prove_all_groups.sql"))
            .bind(key)
            .bind(run.connector.0)
            .execute(&mut *connection)
            .await?;
    }
    let lacking: Vec<i64> = sqlx::query_scalar(include_str!("lacking_groups.sql"))
        .bind(key)
        .fetch_all(&mut *connection)
        .await?;
    for group in lacking {
        sqlx::query(include_str!("sweep_members.sql"))
            .bind(key)
            .bind(group)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Stages the memberships of what no complete listing has, and takes those back that the run added.
async fn sweep_unknown(
    connection: &mut SqliteConnection,
    run: &Run,
    proofs: &Proofs,
) -> Result<()> {
    for kind in &proofs.listed {
        sqlx::query(include_str!("sweep_unknown.sql"))
            .bind(run.key.0)
            .bind(run.connector.0)
            .bind(kind_code(*kind))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn removals(connection: &mut SqliteConnection, key: RunKey) -> Result<Removals> {
    let row = sqlx::query(include_str!("get_removals.sql"))
        .bind(key.0)
        .fetch_one(&mut *connection)
        .await?;
    let removed = |column: usize| -> Result<Removed> {
        Ok(Removed {
            removed: count(&row, column)?,
            held: count(&row, column + 1)?,
        })
    };
    let rows = sqlx::query(include_str!("sample_memberships.sql"))
        .bind(key.0)
        .bind(sample_size())
        .fetch_all(&mut *connection)
        .await?;
    let memberships = rows
        .iter()
        .map(|row| {
            Ok(MembershipRecord {
                group: row.try_get(0)?,
                member: row.try_get(1)?,
                kind: decode_kind(row.try_get(2)?)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Removals {
        users: removed(0)?,
        groups: removed(2)?,
        memberships: removed(4)?,
        sample: RemovalSample {
            users: sample(connection, key, MemberKind::User).await?,
            groups: sample(connection, key, MemberKind::Group).await?,
            memberships,
        },
    })
}

async fn sample(
    connection: &mut SqliteConnection,
    key: RunKey,
    kind: MemberKind,
) -> Result<Vec<Named>> {
    sqlx::query(include_str!("sample_objects.sql"))
        .bind(key.0)
        .bind(kind_code(kind))
        .bind(sample_size())
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok(Named {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
            })
        })
        .collect()
}

fn sample_size() -> i64 {
    i64::try_from(Removals::SAMPLE).unwrap_or(i64::MAX)
}

async fn tally(connection: &mut SqliteConnection, key: RunKey) -> Result<Tally> {
    let row = sqlx::query(include_str!("get_tally.sql"))
        .bind(key.0)
        .fetch_one(&mut *connection)
        .await?;
    let unavailable = sqlx::query(include_str!("get_unavailable.sql"))
        .bind(key.0)
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok(UnavailableGroup {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                reason: row.try_get(2)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Tally {
        users: stream_tally(&row, 1)?,
        groups: stream_tally(&row, 6)?,
        memberships: stream_tally(&row, 11)?,
        unavailable,
        partitions: count(&row, 0)?,
    })
}

/// The counts of a stream, in five columns from `first` on.
pub(super) fn stream_tally(row: &SqliteRow, first: usize) -> Result<StreamTally> {
    Ok(StreamTally {
        seen: count(row, first)?,
        added: count(row, first + 1)?,
        updated: count(row, first + 2)?,
        removed: count(row, first + 3)?,
        complete: row.try_get(first + 4)?,
    })
}

pub(super) fn count(row: &SqliteRow, column: usize) -> Result<u64> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|_| format!("a count of {count}").into())
}
