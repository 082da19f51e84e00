//! A user: what is shown, kept and asked of one.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::AccessError;
use super::{Role, secret, uuid};
use crate::audit::Target;
use crate::contract::Problem;
use crate::database::{DatabaseError, instant};

/// Most characters of a name, and of a display name.
pub(super) const LONGEST_NAME: usize = 128;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Identifier; stays the same.
    pub id: Uuid,
    /// Name to sign in with.
    pub name: String,
    /// Name to show.
    pub display_name: String,
    /// What they may do. Of someone who comes from the identity provider, it is set anew at each sign-in.
    pub role: Role,
    /// Whether they and their tokens are kept out.
    pub disabled: bool,
    /// Whether this is the admin that the first start made.
    pub first_admin: bool,
    /// Whether they have a password.
    pub has_password: bool,
    /// The identity provider that they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Counts changes.
    pub revision: i64,
    /// When they were made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When they were last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// When they last signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_in_at: Option<Timestamp>,
}

/// A user to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewUser {
    /// Name to sign in with: 1 to 128 characters without spaces; unique, capital letters making no difference.
    pub name: String,
    /// Name to show. The name where absent.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Their password: 12 to 256 characters, not their name.
    #[serde(deserialize_with = "secret::deserialize")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
}

/// How a user is to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserChange {
    /// Name to sign in with.
    pub name: String,
    /// Name to show.
    pub display_name: String,
    /// What they may do. Changing it ends their sessions.
    pub role: Role,
    /// Whether they and their tokens are kept out. Changing it ends their sessions.
    pub disabled: bool,
}

/// What a new user is made from, however it comes in.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    pub(super) display_name: &'a str,
    pub(super) role: Role,
    pub(super) password: Option<&'a str>,
    pub(super) first: bool,
    pub(super) identity: Option<(&'a str, &'a str)>,
}

/// Columns of a user, from a table named `user`.
pub(super) const COLUMNS: &str = "user.id, user.name, user.display_name, user.role, user.disabled, \
     user.first, user.password IS NOT NULL AS has_password, user.issuer, user.revision, user.created_at, \
     user.changed_at, user.signed_in_at";

impl User {
    pub(super) fn from_row(row: &SqliteRow) -> Result<Self, DatabaseError> {
        let signed_in: Option<i64> = row.try_get("signed_in_at")?;
        Ok(Self {
            id: uuid(row.try_get("id")?)?,
            name: row.try_get("name")?,
            display_name: row.try_get("display_name")?,
            role: Role::of(row.try_get("role")?)?,
            disabled: row.try_get("disabled")?,
            first_admin: row.try_get("first")?,
            has_password: row.try_get("has_password")?,
            issuer: row.try_get("issuer")?,
            revision: row.try_get("revision")?,
            created_at: instant(row.try_get("created_at")?)?,
            changed_at: instant(row.try_get("changed_at")?)?,
            signed_in_at: signed_in.map(instant).transpose()?,
        })
    }

    pub(super) fn target(&self) -> Target {
        Target::new("user", self.id, &self.name)
    }
}

/// A name as it is compared.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

pub(super) async fn find(connection: &mut SqliteConnection, id: Uuid) -> Result<User, AccessError> {
    let sql = format!("SELECT {COLUMNS} FROM user WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or(AccessError::NotFound("user"))?;
    Ok(User::from_row(&row)?)
}

pub(super) async fn find_at(
    connection: &mut SqliteConnection,
    id: Uuid,
    seen: Option<i64>,
) -> Result<User, AccessError> {
    let user = find(connection, id).await?;
    match seen {
        Some(seen) if seen != user.revision => Err(AccessError::Changed {
            seen,
            current: user.revision,
        }),
        _ => Ok(user),
    }
}

pub(super) async fn end_sessions(
    connection: &mut SqliteConnection,
    user: Uuid,
) -> Result<(), AccessError> {
    sqlx::query("DELETE FROM session WHERE user = $1")
        .bind(user.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// That somebody else is left who may change everything, where this one may now.
pub(super) async fn keep_an_admin(
    connection: &mut SqliteConnection,
    user: &User,
) -> Result<(), AccessError> {
    if user.disabled || user.role < Role::Admin {
        return Ok(());
    }
    let others: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM user WHERE role = 'admin' AND NOT disabled AND id <> $1)",
    )
    .bind(user.id.to_string())
    .fetch_one(connection)
    .await?;
    if others {
        Ok(())
    } else {
        Err(AccessError::LastAdmin)
    }
}

pub(super) async fn name_is_free(
    connection: &mut SqliteConnection,
    name: &str,
    except: Option<Uuid>,
) -> Result<(), AccessError> {
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM user WHERE folded = $1 AND ($2 IS NULL OR id <> $2))",
    )
    .bind(folded(name))
    .bind(except.map(|id| id.to_string()))
    .fetch_one(connection)
    .await?;
    if taken {
        Err(AccessError::NameTaken)
    } else {
        Ok(())
    }
}

/// What is wrong with names.
pub(super) fn check_names(name: &str, display_name: &str) -> Vec<Problem> {
    let fits = |text: &str| (1..=LONGEST_NAME).contains(&text.chars().count());
    let mut wrong = Vec::new();
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if !fits(name) || name.contains(odd) {
        wrong.push(Problem {
            path: "name".into(),
            message: format!("It doesn't have 1 to {LONGEST_NAME} characters, or it has spaces."),
            remedy: "Use a name such as anna.schmidt or anna@contoso.example.".into(),
        });
    }
    if !fits(display_name) || display_name.contains(char::is_control) {
        wrong.push(Problem {
            path: "displayName".into(),
            message: format!("It doesn't have 1 to {LONGEST_NAME} characters of one line."),
            remedy: "Shorten it, or leave it out.".into(),
        });
    }
    wrong
}

pub(super) fn refuse(wrong: impl IntoIterator<Item = Problem>) -> Result<(), AccessError> {
    let wrong: Vec<Problem> = wrong.into_iter().collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(AccessError::Invalid(wrong))
    }
}
