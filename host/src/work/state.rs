//! The states of a connector, and the only way from one to another.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audit::Actor;
use crate::database::{DatabaseError, instant, millis};

/// Where a connector stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was created; nothing will run by itself.
    Registered,
    /// A profile's schedule will run it.
    Scheduled,
    /// A run goes on.
    Processing,
    /// The last run succeeded, wholly or in part.
    Processed,
    /// The last run failed.
    Failed,
    /// The last run would have removed too much and waits for a decision.
    Held,
    /// Nothing runs until it is enabled.
    Disabled,
}

/// What moves a connector from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It was created.
    Created,
    /// A profile with a schedule became active.
    Scheduled,
    /// No active profile has a schedule any more.
    Unscheduled,
    /// A run began.
    RunBegan,
    /// A run succeeded, wholly or in part; also a held one whose removals were allowed.
    RunSucceeded,
    /// A run failed.
    RunFailed,
    /// A run was held by the mass-change guard.
    RunHeld,
    /// A run was cancelled, or the removals of a held one rejected.
    RunDismissed,
    /// It was disabled.
    Disabled,
    /// It was enabled again.
    Enabled,
}

impl State {
    /// The state that an event leads to from this one (`None`: from before it existed). An event that changes
    /// nothing here leads back to the same state; one that can't happen here to none.
    #[must_use]
    pub fn after(from: Option<Self>, event: Event) -> Option<Self> {
        use Event as E;
        use State as S;
        Some(match (from, event) {
            (None, E::Created) => S::Registered,
            (Some(S::Registered), E::Scheduled) => S::Scheduled,
            (Some(S::Scheduled), E::Unscheduled) => S::Registered,
            // What the last run came to says more than that there will be another.
            (
                Some(S::Processing | S::Processed | S::Failed | S::Held | S::Disabled),
                E::Scheduled | E::Unscheduled,
            ) => from?,
            (Some(S::Registered), E::Unscheduled) | (Some(S::Scheduled), E::Scheduled) => from?,
            (
                Some(S::Registered | S::Scheduled | S::Processed | S::Failed | S::Held),
                E::RunBegan,
            ) => S::Processing,
            // A run that is resumed after a crash begins again.
            (Some(S::Processing), E::RunBegan) => S::Processing,
            (Some(S::Processing | S::Held), E::RunSucceeded) => S::Processed,
            (Some(S::Processing), E::RunFailed) => S::Failed,
            (Some(S::Processing), E::RunHeld) => S::Held,
            (Some(S::Processing | S::Held), E::RunDismissed) => S::Registered,
            (
                Some(S::Registered | S::Scheduled | S::Processed | S::Failed | S::Held),
                E::Disabled,
            ) => S::Disabled,
            (Some(S::Disabled), E::Enabled) => S::Registered,
            _ => return None,
        })
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Scheduled => "scheduled",
            Self::Processing => "processing",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Disabled => "disabled",
        }
    }

    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Registered,
        Self::Scheduled,
        Self::Processing,
        Self::Processed,
        Self::Failed,
        Self::Held,
        Self::Disabled,
    ];

    pub(crate) fn of(word: &str) -> Result<Self, DatabaseError> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| DatabaseError::Corrupt(format!("a connector of state {word:?}")))
    }
}

/// Where a connector stands, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Of the last step.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A step to be made.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// Whose.
    pub connector: Uuid,
    /// What happened.
    pub event: Event,
    /// Why, for people.
    pub cause: &'a str,
    /// Who caused it.
    pub actor: &'a Actor,
    /// The run that it is about.
    pub run: Option<Uuid>,
    /// When.
    pub at: Timestamp,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Place in the record, counting up.
    pub position: i64,
    /// The state before; absent at the very first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// What happened.
    pub event: String,
    /// Why, for people.
    pub cause: String,
    /// Who caused it.
    pub actor: Actor,
    /// The run that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Why a step can't be made.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The event can't happen in this state.
    #[error("a connector that is {} can't be {event:?}", .from.map_or("not there", State::word))]
    Impossible {
        /// The state; none where there is no such connector.
        from: Option<State>,
        /// The event.
        event: Event,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Makes a step, in the transaction of what causes it, and records it. An event that changes nothing is not
/// recorded.
///
/// # Errors
/// [`StateError::Impossible`] where the table has no such step.
pub async fn step(connection: &mut SqliteConnection, step: &Step<'_>) -> Result<State, StateError> {
    let connector = step.connector.to_string();
    let from = find(connection, &connector)
        .await?
        .map(|standing| standing.state);
    let to = State::after(from, step.event).ok_or(StateError::Impossible {
        from,
        event: step.event,
    })?;
    if from == Some(to) {
        return Ok(to);
    }
    sqlx::query(
        "INSERT INTO standing (connector, state, since) VALUES ($1, $2, $3) \
         ON CONFLICT (connector) DO UPDATE SET state = $2, since = $3",
    )
    .bind(&connector)
    .bind(to.word())
    .bind(millis(step.at))
    .execute(&mut *connection)
    .await?;
    let event = serde_json::to_value(step.event).map_err(DatabaseError::from)?;
    sqlx::query(
        "INSERT INTO transition (connector, from_state, to_state, event, cause, actor, run, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&connector)
    .bind(from.map(State::word))
    .bind(to.word())
    .bind(event.as_str())
    .bind(step.cause)
    .bind(serde_json::to_string(step.actor).map_err(DatabaseError::from)?)
    .bind(step.run.map(|run| run.to_string()))
    .bind(millis(step.at))
    .execute(connection)
    .await?;
    Ok(to)
}

/// Forgets where a connector stands and how it came there, in the transaction that deletes it.
///
/// # Errors
/// Where the database fails.
pub async fn forget(connection: &mut SqliteConnection, connector: Uuid) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM standing WHERE connector = $1",
        "DELETE FROM transition WHERE connector = $1",
    ] {
        sqlx::query(statement)
            .bind(connector.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Where a connector stands.
///
/// # Errors
/// Where the database fails.
pub async fn standing(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Option<Standing>, DatabaseError> {
    find(connection, &connector.to_string()).await
}

async fn find(
    connection: &mut SqliteConnection,
    connector: &str,
) -> Result<Option<Standing>, DatabaseError> {
    let row = sqlx::query("SELECT state, since FROM standing WHERE connector = $1")
        .bind(connector)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Reads a row of `standing`.
pub(super) fn read(row: &SqliteRow) -> Result<Standing, DatabaseError> {
    Ok(Standing {
        state: State::of(row.try_get("state")?)?,
        since: instant(row.try_get("since")?)?,
    })
}

/// The steps of a connector, newest first, before a position where one is given.
///
/// # Errors
/// Where the database fails.
pub async fn transitions(
    connection: &mut SqliteConnection,
    connector: Uuid,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Transition>, DatabaseError> {
    sqlx::query(
        "SELECT position, from_state, to_state, event, cause, actor, run, at FROM transition \
         WHERE connector = $1 AND ($2 IS NULL OR position < $2) ORDER BY position DESC LIMIT $3",
    )
    .bind(connector.to_string())
    .bind(before)
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let from: Option<&str> = row.try_get("from_state")?;
        let run: Option<&str> = row.try_get("run")?;
        Ok(Transition {
            position: row.try_get("position")?,
            from: from.map(State::of).transpose()?,
            to: State::of(row.try_get("to_state")?)?,
            event: row.try_get("event")?,
            cause: row.try_get("cause")?,
            actor: serde_json::from_str(row.try_get("actor")?)?,
            run: run
                .map(|run| {
                    Uuid::parse_str(run).map_err(|error| DatabaseError::Corrupt(error.to_string()))
                })
                .transpose()?,
            at: instant(row.try_get("at")?)?,
        })
    })
    .collect()
}

/// When a connector came to each of its states the last time, the earliest first.
///
/// # Errors
/// Where the database fails.
pub(super) async fn reached(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Vec<Standing>, DatabaseError> {
    let words = State::ALL.map(State::word);
    let rows = sqlx::query(
        "SELECT value AS state, (SELECT max(at) FROM transition \
         WHERE connector = $1 AND to_state = value) AS since FROM json_each($2)",
    )
    .bind(connector.to_string())
    .bind(serde_json::to_string(&words)?)
    .fetch_all(connection)
    .await?;
    let mut reached = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<Option<i64>, _>("since")?.is_some() {
            reached.push(read(row)?);
        }
    }
    reached.sort_by_key(|standing| standing.since);
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::testing;

    #[test]
    fn the_usual_life_of_a_connector() {
        let mut state = None;
        for (event, then) in [
            (Event::Created, State::Registered),
            (Event::Scheduled, State::Scheduled),
            (Event::RunBegan, State::Processing),
            (Event::RunSucceeded, State::Processed),
            (Event::RunBegan, State::Processing),
            (Event::RunHeld, State::Held),
            (Event::RunSucceeded, State::Processed),
            (Event::RunBegan, State::Processing),
            (Event::RunFailed, State::Failed),
            (Event::Disabled, State::Disabled),
            (Event::Enabled, State::Registered),
        ] {
            state = State::after(state, event);
            assert_eq!(state, Some(then), "after {event:?}");
        }
    }

    #[test]
    fn a_disabled_connector_begins_no_run_and_a_running_one_can_not_be_disabled() {
        assert_eq!(State::after(Some(State::Disabled), Event::RunBegan), None);
        assert_eq!(State::after(Some(State::Processing), Event::Disabled), None);
    }

    #[test]
    fn nothing_but_its_creation_can_happen_to_what_does_not_exist() {
        for event in [Event::Scheduled, Event::RunBegan, Event::Enabled] {
            assert_eq!(State::after(None, event), None);
        }
        for state in State::ALL {
            assert_eq!(State::after(Some(state), Event::Created), None);
        }
    }

    #[tokio::test]
    async fn each_step_is_recorded_with_its_time_cause_and_actor() {
        let (database, _folder) = testing::empty().await;
        let connector = Uuid::now_v7();
        let actor = Actor::schedule();
        let make = async |event, cause: &str, second| {
            let wanted = Step {
                connector,
                event,
                cause,
                actor: &actor,
                run: None,
                at: Timestamp::from_second(second).unwrap(),
            };
            database
                .write(async |connection| step(connection, &wanted).await)
                .await
        };
        make(Event::Created, "made by hand", 1).await.unwrap();
        make(Event::Unscheduled, "changes nothing", 2)
            .await
            .unwrap();
        make(Event::RunBegan, "it was time", 3).await.unwrap();
        let error = make(Event::Disabled, "too early", 4).await.unwrap_err();
        assert!(matches!(
            error,
            StateError::Impossible {
                from: Some(State::Processing),
                ..
            }
        ));

        let (now, steps): (Option<Standing>, Vec<Transition>) = database
            .read::<_, DatabaseError>(async |connection| {
                Ok((
                    standing(connection, connector).await?,
                    transitions(connection, connector, None, 10).await?,
                ))
            })
            .await
            .unwrap();
        assert_eq!(now.unwrap().state, State::Processing);
        let told: Vec<_> = steps
            .iter()
            .map(|step| (step.from, step.to, step.cause.as_str(), step.at.as_second()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(State::Registered), State::Processing, "it was time", 3),
                (None, State::Registered, "made by hand", 1),
            ]
        );
        assert!(steps.iter().all(|step| step.actor == actor));
    }
}
