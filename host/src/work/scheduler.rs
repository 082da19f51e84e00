//! Running profiles when their time has come.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::assignments::Assignment;
use super::core::Core;
use super::error::WorkError;
use super::record::{AskedMode, Run, RunStatus, Trigger};
use super::state::{self, State};
use super::store::{self, NewRun};
use crate::audit::Actor;
use crate::database::{DatabaseError, instant, millis};
use crate::directory::Mode;
use crate::schedule::{Due, mode_of};

/// How long to wait before asking a catalogue again that could not answer.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

impl Core {
    /// Queues runs as they come due, until the process ends.
    pub(super) async fn schedule(&self) {
        let mut changed = self.assignments.changed();
        // Whoever gives assignments that never change may have dropped the other end.
        let mut may_change = true;
        loop {
            changed.mark_unchanged();
            let next = match self.look().await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!("what is due could not be found out: {error}");
                    self.clock.now().checked_add(AGAIN).ok()
                }
            };
            let sleep = async {
                match next {
                    Some(next) => self.clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep => {}
                () = self.poke.notified() => {}
                outcome = changed.changed(), if may_change => may_change = outcome.is_ok(),
            }
        }
    }

    /// Queues what is due, and tells when to look again.
    pub(super) async fn look(&self) -> Result<Option<Timestamp>, WorkError> {
        let assignments = self.assignments.scheduled().await?;
        let now = self.clock.now();
        let looked = self
            .database
            .write(async |connection| {
                let mut look = Look {
                    now,
                    queued: Vec::new(),
                    next: None,
                };
                look.at_schedules(connection, &assignments).await?;
                look.at_retries(connection).await?;
                Ok::<_, WorkError>(look)
            })
            .await?;
        for run in &looked.queued {
            self.push(run).await;
            self.tell(run.id).await;
        }
        Ok(looked.next)
    }
}

/// One look at everything that may be due.
struct Look {
    now: Timestamp,
    queued: Vec<Run>,
    next: Option<Timestamp>,
}

impl Look {
    async fn at_schedules(
        &mut self,
        connection: &mut SqliteConnection,
        assignments: &[Assignment],
    ) -> Result<(), WorkError> {
        let mut considered = considered(connection).await?;
        let mut due = Vec::new();
        for assignment in assignments {
            let (id, seed) = (assignment.profile, assignment.profile.to_string());
            // What was before it became active never counts.
            let until = considered
                .remove(&id)
                .map_or(assignment.since, |until| until.max(assignment.since));
            let found = assignment.schedule.due(until, self.now, &seed);
            if let Some(found) = found {
                consider(connection, id, found.at).await?;
                due.push((found, assignment));
            }
            let until = found.map_or(until, |found| found.at);
            self.wake(assignment.schedule.wake(until, &seed));
        }
        for id in considered.into_keys() {
            sqlx::query("DELETE FROM considered WHERE profile = $1")
                .bind(id.to_string())
                .execute(&mut *connection)
                .await?;
        }
        // Those that have waited longest come first.
        due.sort_by_key(|(found, _)| found.at);
        for (found, assignment) in due {
            self.at_due(connection, found, assignment).await?;
        }
        Ok(())
    }

    async fn at_due(
        &mut self,
        connection: &mut SqliteConnection,
        due: Due,
        assignment: &Assignment,
    ) -> Result<(), WorkError> {
        if let Some(open) = store::open_of(connection, assignment.connector).await? {
            return skip(connection, due, assignment, &open, self.now).await;
        }
        let last = last_snapshot(connection, assignment.connector).await?;
        let zone = &assignment.schedule.zone;
        let asked = match mode_of(assignment.baseline, zone, last, due.at) {
            Mode::Snapshot => AskedMode::Snapshot,
            Mode::Incremental => AskedMode::Auto,
        };
        let new = NewRun {
            connector: assignment.connector,
            connector_name: assignment.connector_name.clone(),
            profile: assignment.profile,
            profile_name: assignment.profile_name.clone(),
            trigger: Trigger::Schedule {
                occurrence: due.at,
                missed: due.missed,
            },
            asked,
            actor: Actor::schedule(),
            at: self.now,
        };
        self.queued.push(store::insert(connection, &new).await?);
        Ok(())
    }

    /// Failed runs that are tried once more, unless there has been another one of the connector since.
    async fn at_retries(&mut self, connection: &mut SqliteConnection) -> Result<(), WorkError> {
        for failed in store::to_retry(connection).await? {
            let Some(at) = failed.retry_at else { continue };
            if at > self.now {
                self.wake(Some(at));
                continue;
            }
            store::forget_retry(connection, failed.connector).await?;
            let standing = state::standing(connection, failed.connector).await?;
            let may_run = standing.is_some_and(|standing| standing.state != State::Disabled);
            if !may_run
                || store::open_of(connection, failed.connector)
                    .await?
                    .is_some()
            {
                continue;
            }
            let new = NewRun {
                connector: failed.connector,
                connector_name: failed.connector_name,
                profile: failed.profile,
                profile_name: failed.profile_name,
                trigger: Trigger::Retry { of: failed.id },
                asked: failed.asked,
                actor: Actor::system(),
                at: self.now,
            };
            self.queued.push(store::insert(connection, &new).await?);
        }
        Ok(())
    }

    fn wake(&mut self, at: Option<Timestamp>) {
        self.next = [self.next, at].into_iter().flatten().min();
    }
}

/// Until which occurrence each profile's schedule was seen to.
pub(super) async fn considered(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<Uuid, Timestamp>, DatabaseError> {
    sqlx::query("SELECT profile, until FROM considered")
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| {
            Ok((
                store::uuid(row.try_get("profile")?)?,
                instant(row.try_get("until")?)?,
            ))
        })
        .collect()
}

async fn consider(
    connection: &mut SqliteConnection,
    profile: Uuid,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO considered (profile, until) VALUES ($1, $2) \
         ON CONFLICT (profile) DO UPDATE SET until = $2",
    )
    .bind(profile.to_string())
    .bind(millis(until))
    .execute(connection)
    .await?;
    Ok(())
}

async fn skip(
    connection: &mut SqliteConnection,
    due: Due,
    assignment: &Assignment,
    open: &Run,
    now: Timestamp,
) -> Result<(), WorkError> {
    let reason = match open.state {
        RunStatus::Queued => "the run before still waits for its turn",
        _ => "the run before still goes on",
    };
    tracing::info!(
        "{}: no run for {}, {reason}",
        assignment.connector_name,
        due.at
    );
    sqlx::query(
        "INSERT INTO skipped (connector, profile, profile_name, occurrence, reason, run, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(assignment.connector.to_string())
    .bind(assignment.profile.to_string())
    .bind(&assignment.profile_name)
    .bind(millis(due.at))
    .bind(reason)
    .bind(open.id.to_string())
    .bind(millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// What the connector's last snapshot that counts was for: an occurrence, or the time of asking.
pub(super) async fn last_snapshot(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Option<Timestamp>, DatabaseError> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT coalesce(occurrence, queued_at) FROM run WHERE connector = $1 \
         AND mode = 'snapshot' AND state IN ('processed', 'partial') AND cursor_kept \
         ORDER BY id DESC LIMIT 1",
    )
    .bind(connector.to_string())
    .fetch_optional(connection)
    .await?;
    at.map(instant).transpose()
}
