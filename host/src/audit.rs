//! Who did what: an append-only log, written in the same transaction as what it tells of.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;

use crate::database::{Database, DatabaseError, instant, millis};

/// Whoever caused something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// What acts.
    pub kind: ActorKind,
    /// Identifier of the user or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name to show: it stays right when the user or token is gone.
    pub name: String,
}

/// What kind of actor acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// Someone who signed in.
    User,
    /// A program with an API token.
    Token,
    /// The profile's schedule.
    Schedule,
    /// This program by itself.
    System,
    /// Nobody who is known: a failed sign-in.
    Anonymous,
}

impl Actor {
    /// This program by itself.
    #[must_use]
    pub fn system() -> Self {
        Self::unnamed(ActorKind::System, "system")
    }

    /// A profile's schedule.
    #[must_use]
    pub fn schedule() -> Self {
        Self::unnamed(ActorKind::Schedule, "schedule")
    }

    /// Somebody who is not known, by the name that was claimed.
    #[must_use]
    pub fn anonymous(claimed: &str) -> Self {
        Self::unnamed(ActorKind::Anonymous, claimed)
    }

    fn unnamed(kind: ActorKind, name: &str) -> Self {
        Self {
            kind,
            id: None,
            name: name.into(),
        }
    }
}

impl ActorKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Token => "token",
            Self::Schedule => "schedule",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The kind of this word.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of(word: &str) -> Result<Self, DatabaseError> {
        [
            Self::User,
            Self::Token,
            Self::Schedule,
            Self::System,
            Self::Anonymous,
        ]
        .into_iter()
        .find(|kind| kind.word() == word)
        .ok_or_else(|| DatabaseError::Corrupt(format!("an actor of kind {word:?}")))
    }
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Kind of resource, such as `connector`.
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// Its name at the time.
    pub name: String,
}

impl Target {
    /// A resource.
    pub fn new(kind: &str, id: impl ToString, name: &str) -> Self {
        Self {
            kind: kind.into(),
            id: id.to_string(),
            name: name.into(),
        }
    }
}

/// Something that was done, to be written down.
#[derive(Debug, Clone)]
pub struct Deed<'a> {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: &'a Actor,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What was done: `area.verb`, such as `connector.create`.
    pub action: &'a str,
    /// To what.
    pub target: Option<Target>,
    /// What changed. Never a secret.
    pub details: Value,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Place in the log, counting up.
    pub position: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What changed.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// Which lines to read.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only what was done to the resource of this identifier or, at the time, this name.
    pub target: Option<String>,
    /// Only actions that begin with this, such as `connector.`.
    pub action: Option<String>,
    /// Only what an actor of this name or identifier did.
    pub actor: Option<String>,
    /// Only what was done then or later.
    pub from: Option<Timestamp>,
    /// Only what was done before then.
    pub to: Option<Timestamp>,
    /// Only lines before this position.
    pub before: Option<i64>,
}

/// Writes a deed down, in the transaction that does it.
///
/// # Errors
/// Where the database fails.
pub async fn record(connection: &mut SqliteConnection, deed: &Deed<'_>) -> Result<(), sqlx::Error> {
    let target = deed.target.as_ref();
    sqlx::query(
        "INSERT INTO audit (at, actor_kind, actor_id, actor_name, action, target_kind, target_id, \
         target_name, address, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(millis(deed.at))
    .bind(deed.actor.kind.word())
    .bind(&deed.actor.id)
    .bind(&deed.actor.name)
    .bind(deed.action)
    .bind(target.map(|target| &target.kind))
    .bind(target.map(|target| &target.id))
    .bind(target.map(|target| &target.name))
    .bind(deed.address.map(|address| address.to_string()))
    .bind(deed.details.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest lines first, at most `limit`.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    database: &Database,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<Line>, DatabaseError> {
    database
        .read(async |connection| {
            sqlx::query(
                "SELECT position, at, actor_kind, actor_id, actor_name, address, action, target_kind, \
                 target_id, target_name, details FROM audit \
                 WHERE ($1 IS NULL OR position < $1) \
                 AND ($2 IS NULL OR target_id = $2 OR target_name = $2) \
                 AND ($3 IS NULL OR substr(action, 1, length($3)) = $3) \
                 AND ($4 IS NULL OR actor_id = $4 OR actor_name = $4) \
                 AND ($5 IS NULL OR at >= $5) AND ($6 IS NULL OR at < $6) \
                 ORDER BY position DESC LIMIT $7",
            )
            .bind(filter.before)
            .bind(&filter.target)
            .bind(&filter.action)
            .bind(&filter.actor)
            .bind(filter.from.map(millis))
            .bind(filter.to.map(millis))
            .bind(limit)
            .fetch_all(connection)
            .await?
            .iter()
            .map(line)
            .collect()
        })
        .await
}

fn line(row: &sqlx::sqlite::SqliteRow) -> Result<Line, DatabaseError> {
    let target = match row.try_get::<Option<String>, _>("target_kind")? {
        Some(kind) => Some(Target {
            kind,
            id: row.try_get("target_id")?,
            name: row.try_get("target_name")?,
        }),
        None => None,
    };
    Ok(Line {
        position: row.try_get("position")?,
        at: instant(row.try_get("at")?)?,
        actor: Actor {
            kind: ActorKind::of(row.try_get("actor_kind")?)?,
            id: row.try_get("actor_id")?,
            name: row.try_get("actor_name")?,
        },
        address: row.try_get("address")?,
        action: row.try_get("action")?,
        target,
        details: serde_json::from_str(row.try_get("details")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::testing;

    async fn write(database: &Database, action: &str, target: &str) {
        let actor = Actor::system();
        let deed = Deed {
            at: Timestamp::UNIX_EPOCH,
            actor: &actor,
            address: Some([127, 0, 0, 1].into()),
            action,
            target: Some(Target::new("connector", target, "Contoso")),
            details: serde_json::json!({"name": ["Old", "New"]}),
        };
        database
            .write(async |connection| record(connection, &deed).await)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_newest_deed_is_read_first_and_filters_narrow_the_log() {
        let (database, _folder) = testing::empty().await;
        write(&database, "connector.create", "a").await;
        write(&database, "connector.delete", "b").await;
        write(&database, "profile.create", "a").await;
        let actions = async |filter: Filter| -> Vec<String> {
            read(&database, &filter, 10)
                .await
                .unwrap()
                .into_iter()
                .map(|line| line.action)
                .collect()
        };
        assert_eq!(
            actions(Filter::default()).await,
            ["profile.create", "connector.delete", "connector.create"]
        );
        let of_a = Filter {
            target: Some("a".into()),
            action: Some("connector.".into()),
            ..Filter::default()
        };
        assert_eq!(actions(of_a).await, ["connector.create"]);
        let by_name = Filter {
            target: Some("Contoso".into()),
            ..Filter::default()
        };
        assert_eq!(actions(by_name).await.len(), 3);
        let later = Filter {
            from: Timestamp::from_second(1).ok(),
            ..Filter::default()
        };
        assert!(actions(later).await.is_empty());
        let earlier = Filter {
            to: Timestamp::from_second(1).ok(),
            ..Filter::default()
        };
        assert_eq!(actions(earlier).await.len(), 3);
        let older = Filter {
            before: Some(2),
            ..Filter::default()
        };
        assert_eq!(actions(older).await, ["connector.create"]);
    }

    #[tokio::test]
    async fn a_line_can_neither_be_changed_nor_removed() {
        let (database, _folder) = testing::empty().await;
        write(&database, "connector.create", "a").await;
        for statement in ["UPDATE audit SET action = 'x'", "DELETE FROM audit"] {
            let outcome: Result<_, sqlx::Error> = database
                .write(async |connection| sqlx::query(statement).execute(connection).await)
                .await;
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{error}");
        }
    }
}
