//! What an administrator decides over a held run.

use sqlx::SqliteConnection;

use super::fault::{Fault, Result};
use super::finish::carry_out;
use super::read;
use super::runs::{self, encode, now};
use crate::directory::{Decision, RunKey, RunRecord, RunState, Verdict};

/// Carries the removals of a held run out or drops them.
pub(super) async fn decide(
    connection: &mut SqliteConnection,
    key: RunKey,
    decision: &Decision,
) -> Result<RunRecord> {
    let record = read::run(connection, key).await?.ok_or(Fault::NoRun(key))?;
    if record.state != RunState::Held {
        return Err(Fault::NotHeld(Box::new(record)));
    }
    let state = match decision.verdict {
        Verdict::Reject => RunState::Rejected,
        Verdict::Allow => {
            let run = runs::find(connection, key).await?;
            carry_out(connection, &run).await?;
            let promotes: bool = sqlx::query_scalar("SELECT promotes FROM run WHERE key = $1")
                .bind(key.0)
                .fetch_one(&mut *connection)
                .await?;
            if promotes {
                runs::promote_cursor(connection, &run).await?;
            }
            if promotes && record.unavailable == 0 {
                RunState::Processed
            } else {
                RunState::Partial
            }
        }
    };
    runs::forget_outcome(connection, key).await?;
    sqlx::query(include_str!("decide_run.sql"))
        .bind(key.0)
        .bind(encode(&state)?)
        .bind(encode(&decision.verdict)?)
        .bind(&decision.actor)
        .bind(&decision.reason)
        .bind(now())
        .execute(&mut *connection)
        .await?;
    read::run(connection, key).await?.ok_or(Fault::NoRun(key))
}
