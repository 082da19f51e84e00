//! Sessions of people who signed in.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::AccessError;
use super::secret::{self, Digest};
use super::user::{COLUMNS, User};
use super::visitor::Visitor;
use super::{Access, Caller, Means, Principal, actor, csrf, uuid};
use crate::audit::ActorKind;
use crate::database::{DatabaseError, instant, millis};

/// Sessions that one user may have; the oldest go first.
const MOST: u32 = 50;
/// When something was last used is written at most this often.
pub(super) const TOUCH: SignedDuration = SignedDuration::from_secs(60);

/// How a user signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignedInBy {
    /// With a password.
    Password,
    /// By making the first admin.
    Setup,
    /// Through the identity provider.
    Oidc,
}

impl SignedInBy {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Setup => "setup",
            Self::Oidc => "oidc",
        }
    }

    fn of(word: &str) -> Result<Self, DatabaseError> {
        [Self::Password, Self::Setup, Self::Oidc]
            .into_iter()
            .find(|means| means.word() == word)
            .ok_or_else(|| DatabaseError::Corrupt(format!("a session by {word:?}")))
    }
}

/// A session that has just begun: the only time that its secrets are known.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Value of the cookie.
    pub cookie: SecretString,
    /// Who signed in, as what, and how.
    pub caller: Caller,
}

/// A session of a user, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionEntry {
    /// Identifier; nobody can sign in with it.
    pub id: Uuid,
    /// Whether it is the one that asks.
    pub current: bool,
    /// How the user signed in.
    pub by: SignedInBy,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last used, within a minute.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// Address that the user signed in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the browser called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

impl Access {
    /// Begins a session, in the transaction that found out who it is.
    pub(super) async fn open_session(
        &self,
        connection: &mut SqliteConnection,
        user: &User,
        by: SignedInBy,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        let now = self.now();
        let (id, cookie) = (Uuid::now_v7(), secret::random()?);
        let of = user.id.to_string();
        self.end_expired(connection).await?;
        sqlx::query(
            "INSERT INTO session (digest, id, user, means, created_at, seen_at, address, agent) \
             VALUES ($1, $2, $3, $4, $5, $5, $6, $7)",
        )
        .bind(Digest::of(cookie.expose_secret()).bytes())
        .bind(id.to_string())
        .bind(&of)
        .bind(by.word())
        .bind(millis(now))
        .bind(visitor.address.map(|address| address.to_string()))
        .bind(&visitor.agent)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "DELETE FROM session WHERE user = $1 AND id NOT IN \
             (SELECT id FROM session WHERE user = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
        )
        .bind(&of)
        .bind(MOST)
        .execute(&mut *connection)
        .await?;
        sqlx::query("UPDATE user SET signed_in_at = $1 WHERE id = $2")
            .bind(millis(now))
            .bind(&of)
            .execute(&mut *connection)
            .await?;
        let csrf = csrf::token(cookie.expose_secret());
        let user = User {
            signed_in_at: Some(now),
            ..user.clone()
        };
        let caller = Caller {
            principal: principal(&user, visitor),
            user,
            means: Means::Session { id, by, csrf },
        };
        Ok(NewSession { cookie, caller })
    }

    /// Who has the session with this cookie; `None` where there is none, or none any more.
    pub(super) async fn session(
        &self,
        cookie: &str,
        visitor: &Visitor,
    ) -> Result<Option<Caller>, AccessError> {
        let digest = Digest::of(cookie);
        let sql = format!(
            "SELECT {COLUMNS}, session.id AS session_id, session.means, session.seen_at, \
             session.created_at AS begun_at FROM session JOIN user ON user.id = session.user \
             WHERE session.digest = $1 AND NOT user.disabled"
        );
        let found: Result<_, AccessError> = self
            .database
            .read(async |connection| {
                let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(digest.bytes())
                    .fetch_optional(connection)
                    .await?;
                Ok(row.as_ref().map(Found::from_row).transpose()?)
            })
            .await;
        let now = self.now();
        let Some(found) = found?.filter(|found| self.is_alive(found, now)) else {
            return Ok(None);
        };
        if now.duration_since(found.seen_at) >= TOUCH {
            let touched = self
                .touch("UPDATE session SET seen_at = $1 WHERE id = $2", found.id)
                .await;
            // Whoever waits for a page doesn't care.
            if let Err(error) = touched {
                tracing::warn!("when a session was last used can't be written: {error}");
            }
        }
        Ok(Some(Caller {
            principal: principal(&found.user, visitor),
            user: found.user,
            means: Means::Session {
                id: found.id,
                by: found.by,
                csrf: csrf::token(cookie),
            },
        }))
    }

    fn is_alive(&self, found: &Found, now: Timestamp) -> bool {
        now.duration_since(found.seen_at) < self.policy.session_idle()
            && now.duration_since(found.begun_at) < self.policy.session_lifetime()
    }

    pub(super) async fn touch(&self, sql: &'static str, id: Uuid) -> Result<(), AccessError> {
        self.database
            .write(async |connection| {
                sqlx::query(sql)
                    .bind(millis(self.now()))
                    .bind(id.to_string())
                    .execute(connection)
                    .await?;
                Ok(())
            })
            .await
    }

    async fn end_expired(&self, connection: &mut SqliteConnection) -> Result<(), AccessError> {
        let before = |life: SignedDuration| {
            let then = self.now().saturating_sub(life);
            then.map_or(i64::MIN, millis)
        };
        sqlx::query("DELETE FROM session WHERE seen_at <= $1 OR created_at <= $2")
            .bind(before(self.policy.session_idle()))
            .bind(before(self.policy.session_lifetime()))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Ends the caller's session.
    ///
    /// # Errors
    /// Where the caller has none, or the database fails.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), AccessError> {
        let id = caller.session()?;
        self.database
            .write(async |connection| {
                sqlx::query("DELETE FROM session WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                self.record(
                    connection,
                    &caller.principal,
                    "session.sign-out",
                    Some(caller.user.target()),
                    serde_json::json!({}),
                )
                .await
            })
            .await
    }

    /// Ends all sessions of the caller's user but the caller's own. Tells how many.
    ///
    /// # Errors
    /// Where the caller has none, or the database fails.
    pub async fn sign_out_elsewhere(&self, caller: &Caller) -> Result<u64, AccessError> {
        let own = caller.session()?;
        self.database
            .write(async |connection| {
                let ended = sqlx::query("DELETE FROM session WHERE user = $1 AND id <> $2")
                    .bind(caller.user.id.to_string())
                    .bind(own.to_string())
                    .execute(&mut *connection)
                    .await?
                    .rows_affected();
                self.record(
                    connection,
                    &caller.principal,
                    "session.sign-out-elsewhere",
                    Some(caller.user.target()),
                    serde_json::json!({"sessions": ended}),
                )
                .await?;
                Ok(ended)
            })
            .await
    }

    /// The sessions of the caller's user, the newest first.
    ///
    /// # Errors
    /// Where the caller has none (where people sign in from is nothing for programs), or the database fails.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionEntry>, AccessError> {
        let own = caller.session()?;
        let now = self.now();
        let entries: Result<Vec<SessionEntry>, AccessError> = self
            .database
            .read(async |connection| {
                let rows = sqlx::query(
                    "SELECT id, means, created_at, seen_at, address, agent FROM session \
                     WHERE user = $1 ORDER BY created_at DESC, id DESC",
                )
                .bind(caller.user.id.to_string())
                .fetch_all(connection)
                .await?;
                let entries: Result<_, DatabaseError> =
                    rows.iter().map(|row| entry(row, own)).collect();
                Ok(entries?)
            })
            .await;
        let (idle, life) = (self.policy.session_idle(), self.policy.session_lifetime());
        Ok(entries?
            .into_iter()
            .filter(|entry| {
                now.duration_since(entry.seen_at) < idle
                    && now.duration_since(entry.created_at) < life
            })
            .collect())
    }
}

impl Caller {
    /// The session that the request came with.
    pub(super) fn session(&self) -> Result<Uuid, AccessError> {
        match self.means {
            Means::Session { id, .. } => Ok(id),
            Means::Token { .. } => Err(AccessError::NoSession),
        }
    }
}

pub(super) fn principal(user: &User, visitor: &Visitor) -> Principal {
    Principal {
        actor: actor(ActorKind::User, user.id, &user.name),
        role: user.role,
        address: visitor.address,
    }
}

struct Found {
    user: User,
    id: Uuid,
    by: SignedInBy,
    begun_at: Timestamp,
    seen_at: Timestamp,
}

impl Found {
    fn from_row(row: &SqliteRow) -> Result<Self, DatabaseError> {
        Ok(Self {
            user: User::from_row(row)?,
            id: uuid(row.try_get("session_id")?)?,
            by: SignedInBy::of(row.try_get("means")?)?,
            begun_at: instant(row.try_get("begun_at")?)?,
            seen_at: instant(row.try_get("seen_at")?)?,
        })
    }
}

fn entry(row: &SqliteRow, own: Uuid) -> Result<SessionEntry, DatabaseError> {
    let id = uuid(row.try_get("id")?)?;
    Ok(SessionEntry {
        id,
        current: own == id,
        by: SignedInBy::of(row.try_get("means")?)?,
        created_at: instant(row.try_get("created_at")?)?,
        seen_at: instant(row.try_get("seen_at")?)?,
        address: row.try_get("address")?,
        agent: row.try_get("agent")?,
    })
}
