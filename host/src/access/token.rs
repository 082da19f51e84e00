//! API tokens for programs.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::AccessError;
use super::secret::{self, Digest};
use super::session::TOUCH;
use super::user::{COLUMNS, User, refuse};
use super::visitor::Visitor;
use super::{Access, Caller, Means, Principal, Role, actor, uuid};
use crate::audit::{ActorKind, Target};
use crate::contract::Problem;
use crate::database::{DatabaseError, instant, millis};

/// What every token begins with, so that scanners for lost secrets recognise one.
const PREFIX: &str = "ch_";
/// Most characters of a token's name.
const LONGEST_NAME: usize = 128;
/// Most tokens of one user.
const MOST: u32 = 1000;

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Identifier.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may do at most: never more than its user may at the time.
    pub role: Role,
    /// Identifier of the user who made it. It stops working with them.
    pub user_id: Uuid,
    /// That user's name.
    pub user_name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, within a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub used_at: Option<Timestamp>,
}

/// A token to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    /// What it is for: 1 to 128 characters.
    pub name: String,
    /// What it may do; no more than its maker.
    pub role: Role,
    /// When it stops working; never where absent. A token that a token makes ends no later than that one.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

const ENTRY: &str = "SELECT api_token.id, api_token.name, api_token.role, api_token.user, \
     user.name AS user_name, api_token.created_at, api_token.expires_at, api_token.used_at \
     FROM api_token JOIN user ON user.id = api_token.user";

impl Access {
    /// Makes a token for the caller's user. The secret is what programs send; it is never shown again.
    ///
    /// # Errors
    /// Where fields are wrong, or the role is above the caller's.
    pub async fn create_token(
        &self,
        new: &NewToken,
        caller: &Caller,
    ) -> Result<(Token, SecretString), AccessError> {
        if new.role > caller.principal.role {
            return Err(AccessError::RoleAbove(new.role));
        }
        let expires = self.expiry(new, caller)?;
        let id = Uuid::now_v7();
        let secret = secret::random()?;
        let whole = format!("{PREFIX}{}_{}", id.simple(), secret.expose_secret());
        let whole = SecretString::from(whole);
        self.database
            .write(async |connection| {
                let of = caller.user.id.to_string();
                let has: u32 = sqlx::query_scalar("SELECT count(*) FROM api_token WHERE user = $1")
                    .bind(&of)
                    .fetch_one(&mut *connection)
                    .await?;
                if has >= MOST {
                    refuse([wrong(
                        "name",
                        format!("You have {MOST} tokens already."),
                        "Revoke some.",
                    )])?;
                }
                sqlx::query(
                    "INSERT INTO api_token (id, digest, user, name, role, created_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(id.to_string())
                .bind(Digest::of(whole.expose_secret()).bytes())
                .bind(&of)
                .bind(&new.name)
                .bind(new.role.word())
                .bind(millis(self.now()))
                .bind(expires.map(millis))
                .execute(&mut *connection)
                .await?;
                let token = find(connection, id).await?;
                let details = json!({"role": token.role, "expiresAt": token.expires_at});
                let by = &caller.principal;
                self.record(
                    connection,
                    by,
                    "token.create",
                    Some(token.target()),
                    details,
                )
                .await?;
                Ok((token, whole.clone()))
            })
            .await
    }

    fn expiry(&self, new: &NewToken, caller: &Caller) -> Result<Option<Timestamp>, AccessError> {
        let mut faults = Vec::new();
        let length = new.name.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) || new.name.contains(char::is_control) {
            let message = format!("It doesn't have 1 to {LONGEST_NAME} characters of one line.");
            faults.push(wrong("name", message, "Say what the token is for."));
        }
        if new.expires_at.is_some_and(|end| end <= self.now()) {
            let message = "It has passed.".into();
            faults.push(wrong("expiresAt", message, "Choose a later time."));
        }
        let end = match caller.means {
            Means::Token { expires, .. } => expires,
            Means::Session { .. } => None,
        };
        if let (Some(end), Some(wanted)) = (end, new.expires_at)
            && wanted > end
        {
            let message = format!("The token that makes it ends at {end}.");
            faults.push(wrong("expiresAt", message, "Choose an earlier time."));
        }
        refuse(faults)?;
        Ok(new.expires_at.or(end))
    }

    /// Tokens, the newest first, at most `limit`, before the one of this identifier. Those of the caller's user,
    /// or everyone's where the caller is an admin and `all` is wanted.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn tokens(
        &self,
        caller: &Caller,
        all: bool,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Token>, AccessError> {
        let everyone = all && caller.principal.role >= Role::Admin;
        let sql = format!(
            "{ENTRY} WHERE ($1 IS NULL OR api_token.user = $1) AND ($2 IS NULL OR api_token.id < $2) \
             ORDER BY api_token.id DESC LIMIT $3"
        );
        self.database
            .read(async |connection| {
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind((!everyone).then(|| caller.user.id.to_string()))
                    .bind(before.map(|id| id.to_string()))
                    .bind(limit)
                    .fetch_all(connection)
                    .await?;
                Ok(rows.iter().map(Token::from_row).collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How many tokens [`Access::tokens`] would list in all.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count_tokens(&self, caller: &Caller, all: bool) -> Result<u64, AccessError> {
        let everyone = all && caller.principal.role >= Role::Admin;
        let of = (!everyone).then_some(caller.user.id);
        let sql = "SELECT count(*) FROM api_token WHERE $1 IS NULL OR user = $1";
        self.count(sql, of).await
    }

    /// A token that the caller may end.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn token(&self, id: Uuid, caller: &Caller) -> Result<Token, AccessError> {
        let token = self
            .database
            .read(async |connection| find(connection, id).await)
            .await?;
        if token.may_be_ended_by(caller) {
            Ok(token)
        } else {
            Err(AccessError::NotFound("token"))
        }
    }

    /// Ends a token: one of the caller's user, or anybody's where the caller is an admin.
    ///
    /// # Errors
    /// Where there is none that the caller may end.
    pub async fn revoke_token(&self, id: Uuid, caller: &Caller) -> Result<(), AccessError> {
        self.database
            .write(async |connection| {
                let token = find(connection, id).await?;
                if !token.may_be_ended_by(caller) {
                    return Err(AccessError::NotFound("token"));
                }
                sqlx::query("DELETE FROM api_token WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let by = &caller.principal;
                let target = Some(token.target());
                self.record(connection, by, "token.revoke", target, json!({}))
                    .await
            })
            .await
    }

    /// Who sends this token; `None` where there is none such, or none any more.
    pub(super) async fn bearer(
        &self,
        whole: &str,
        visitor: &Visitor,
    ) -> Result<Option<Caller>, AccessError> {
        let Some(id) = id_of(whole) else {
            return Ok(None);
        };
        let digest = Digest::of(whole);
        let sql = format!(
            "SELECT {COLUMNS}, api_token.name AS token_name, api_token.role AS token_role, \
             api_token.expires_at, api_token.used_at FROM api_token \
             JOIN user ON user.id = api_token.user WHERE api_token.id = $1 AND api_token.digest = $2 \
             AND NOT user.disabled AND (api_token.expires_at IS NULL OR api_token.expires_at > $3)"
        );
        let now = self.now();
        let found: Result<_, AccessError> = self
            .database
            .read(async |connection| {
                let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(id.to_string())
                    .bind(digest.bytes())
                    .bind(millis(now))
                    .fetch_optional(connection)
                    .await?;
                let found = row.as_ref().map(|row| caller(row, id, visitor));
                Ok(found.transpose()?)
            })
            .await;
        let Some((caller, used)) = found? else {
            return Ok(None);
        };
        if used.is_none_or(|used| now.duration_since(used) >= TOUCH) {
            let touched = self.touch("UPDATE api_token SET used_at = $1 WHERE id = $2", id);
            if let Err(error) = touched.await {
                tracing::warn!("when a token was last used can't be written: {error}");
            }
        }
        Ok(Some(caller))
    }
}

impl Token {
    fn from_row(row: &SqliteRow) -> Result<Self, DatabaseError> {
        let expires: Option<i64> = row.try_get("expires_at")?;
        let used: Option<i64> = row.try_get("used_at")?;
        Ok(Self {
            id: uuid(row.try_get("id")?)?,
            name: row.try_get("name")?,
            role: Role::of(row.try_get("role")?)?,
            user_id: uuid(row.try_get("user")?)?,
            user_name: row.try_get("user_name")?,
            created_at: instant(row.try_get("created_at")?)?,
            expires_at: expires.map(instant).transpose()?,
            used_at: used.map(instant).transpose()?,
        })
    }

    fn may_be_ended_by(&self, caller: &Caller) -> bool {
        let own = self.user_id == caller.user.id;
        // A lesser token can't end a stronger one of its user.
        let strong = caller.session().is_ok() || self.role <= caller.principal.role;
        (own && strong) || caller.principal.role >= Role::Admin
    }

    fn target(&self) -> Target {
        Target::new("token", self.id, &self.name)
    }
}

async fn find(connection: &mut SqliteConnection, id: Uuid) -> Result<Token, AccessError> {
    let sql = format!("{ENTRY} WHERE api_token.id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or(AccessError::NotFound("token"))?;
    Ok(Token::from_row(&row)?)
}

/// Who a token speaks for, and when it was last used.
fn caller(
    row: &SqliteRow,
    id: Uuid,
    visitor: &Visitor,
) -> Result<(Caller, Option<Timestamp>), DatabaseError> {
    let user = User::from_row(row)?;
    let expires: Option<i64> = row.try_get("expires_at")?;
    let used: Option<i64> = row.try_get("used_at")?;
    let principal = Principal {
        actor: actor(ActorKind::Token, id, row.try_get("token_name")?),
        role: Role::of(row.try_get("token_role")?)?.min(user.role),
        address: visitor.address,
    };
    let means = Means::Token {
        id,
        expires: expires.map(instant).transpose()?,
    };
    let caller = Caller {
        principal,
        user,
        means,
    };
    Ok((caller, used.map(instant).transpose()?))
}

fn id_of(whole: &str) -> Option<Uuid> {
    let (id, _) = whole.strip_prefix(PREFIX)?.split_once('_')?;
    Uuid::try_parse(id).ok()
}

fn wrong(path: &str, message: String, remedy: &str) -> Problem {
    Problem {
        path: path.into(),
        message,
        remedy: remedy.into(),
    }
}
