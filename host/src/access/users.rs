//! Making, changing and removing users.

use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::error::AccessError;
use super::user::{
    COLUMNS, Draft, NewUser, User, UserChange, check_names, end_sessions, find, find_at, folded,
    keep_an_admin, name_is_free, refuse,
};
use super::{Access, Principal, Role, password, uuid};
use crate::database::millis;

impl Access {
    /// Users by name, at most `limit`, after the one of this name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn users(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, AccessError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM user WHERE $1 IS NULL OR folded > $1 ORDER BY folded LIMIT $2"
        );
        self.database
            .read(async |connection| {
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(after.map(folded))
                    .bind(limit)
                    .fetch_all(connection)
                    .await?;
                Ok(rows.iter().map(User::from_row).collect::<Result<_, _>>()?)
            })
            .await
    }

    /// How many users there are.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count_users(&self) -> Result<u64, AccessError> {
        self.count("SELECT count(*) FROM user WHERE $1 IS NULL", None)
            .await
    }

    /// A number that a statement gives, of one user or of all.
    pub(super) async fn count(
        &self,
        sql: &'static str,
        user: Option<Uuid>,
    ) -> Result<u64, AccessError> {
        let count: Result<i64, AccessError> = self
            .database
            .read(async |connection| {
                let query = sqlx::query_scalar(sql).bind(user.map(|id| id.to_string()));
                Ok(query.fetch_one(connection).await?)
            })
            .await;
        Ok(count?.unsigned_abs())
    }

    /// A user.
    ///
    /// # Errors
    /// Where there is none, or the database fails.
    pub async fn user(&self, id: Uuid) -> Result<User, AccessError> {
        self.database
            .read(async |connection| find(connection, id).await)
            .await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// Where fields are wrong or the name is taken.
    pub async fn create_user(&self, new: NewUser, by: &Principal) -> Result<User, AccessError> {
        let shown = new.display_name.as_deref().unwrap_or(&new.name);
        let mut wrong = check_names(&new.name, shown);
        wrong.extend(password::check(&new.password, &new.name, "password"));
        refuse(wrong)?;
        let hash = self.passwords.hash(new.password).await?;
        let draft = Draft {
            name: &new.name,
            display_name: shown,
            role: new.role,
            password: Some(&hash),
            first: false,
            identity: None,
        };
        self.database
            .write(async |connection| {
                let user = self.insert_user(connection, &draft).await?;
                let details = json!({"role": user.role});
                let target = Some(user.target());
                self.record(connection, by, "user.create", target, details)
                    .await?;
                Ok(user)
            })
            .await
    }

    /// Changes a user. `seen` is the revision that the change is about, where that matters.
    ///
    /// # Errors
    /// Where fields are wrong, the name is taken, it was changed meanwhile, or nobody would be left who may
    /// change everything.
    pub async fn change_user(
        &self,
        id: Uuid,
        change: &UserChange,
        seen: Option<i64>,
        by: &Principal,
    ) -> Result<User, AccessError> {
        refuse(check_names(&change.name, &change.display_name))?;
        self.database
            .write(async |connection| {
                let old = find_at(connection, id, seen).await?;
                if change.disabled || change.role < Role::Admin {
                    keep_an_admin(connection, &old).await?;
                }
                name_is_free(connection, &change.name, Some(id)).await?;
                sqlx::query(
                    "UPDATE user SET name = $1, folded = $2, display_name = $3, role = $4, disabled = $5, \
                     revision = revision + 1, changed_at = $6 WHERE id = $7",
                )
                .bind(&change.name)
                .bind(folded(&change.name))
                .bind(&change.display_name)
                .bind(change.role.word())
                .bind(change.disabled)
                .bind(millis(self.now()))
                .bind(id.to_string())
                .execute(&mut *connection)
                .await?;
                if old.role != change.role || old.disabled != change.disabled {
                    end_sessions(connection, id).await?;
                }
                let user = find(connection, id).await?;
                let details = differences(&old, &user);
                let target = Some(user.target());
                self.record(connection, by, "user.change", target, details)
                    .await?;
                Ok(user)
            })
            .await
    }

    /// Gives a user another password, and ends their sessions.
    ///
    /// # Errors
    /// Where there is no such user, the password isn't good enough, or the user was changed meanwhile.
    pub async fn set_password(
        &self,
        id: Uuid,
        password: SecretString,
        seen: Option<i64>,
        by: &Principal,
    ) -> Result<User, AccessError> {
        let user = self.user(id).await?;
        refuse(password::check(&password, &user.name, "password"))?;
        let hash = self.passwords.hash(password).await?;
        self.database
            .write(async |connection| {
                find_at(connection, id, seen).await?;
                self.store_password(connection, id, &hash).await?;
                let user = find(connection, id).await?;
                let target = Some(user.target());
                self.record(connection, by, "user.password", target, json!({}))
                    .await?;
                Ok(user)
            })
            .await
    }

    /// Gives the user of this name another password: the way back in for whoever may use the server's command
    /// line. It neither enables nor promotes.
    ///
    /// # Errors
    /// Where there is no such user, or the password isn't good enough.
    pub async fn reset_password(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<User, AccessError> {
        let id: Result<Option<String>, AccessError> = self
            .database
            .read(async |connection| {
                let query = sqlx::query_scalar("SELECT id FROM user WHERE folded = $1");
                Ok(query.bind(folded(name)).fetch_optional(connection).await?)
            })
            .await;
        let id = id?.ok_or(AccessError::NotFound("user"))?;
        self.set_password(uuid(&id)?, password, None, &Principal::system())
            .await
    }

    /// Deletes a user with their sessions and tokens.
    ///
    /// # Errors
    /// Where there is none, it was changed meanwhile, or it is the last enabled admin.
    pub async fn delete_user(
        &self,
        id: Uuid,
        seen: Option<i64>,
        by: &Principal,
    ) -> Result<(), AccessError> {
        self.database
            .write(async |connection| {
                let user = find_at(connection, id, seen).await?;
                keep_an_admin(connection, &user).await?;
                sqlx::query("DELETE FROM user WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let target = Some(user.target());
                self.record(connection, by, "user.delete", target, json!({}))
                    .await
            })
            .await
    }

    pub(super) async fn insert_user(
        &self,
        connection: &mut SqliteConnection,
        draft: &Draft<'_>,
    ) -> Result<User, AccessError> {
        name_is_free(connection, draft.name, None).await?;
        let id = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO user (id, name, folded, display_name, role, password, first, issuer, subject, \
             created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(id.to_string())
        .bind(draft.name)
        .bind(folded(draft.name))
        .bind(draft.display_name)
        .bind(draft.role.word())
        .bind(draft.password)
        .bind(draft.first)
        .bind(draft.identity.map(|(issuer, _)| issuer))
        .bind(draft.identity.map(|(_, subject)| subject))
        .bind(millis(self.now()))
        .execute(&mut *connection)
        .await?;
        find(connection, id).await
    }

    pub(super) async fn store_password(
        &self,
        connection: &mut SqliteConnection,
        id: Uuid,
        hash: &str,
    ) -> Result<(), AccessError> {
        sqlx::query(
            "UPDATE user SET password = $1, revision = revision + 1, changed_at = $2 WHERE id = $3",
        )
        .bind(hash)
        .bind(millis(self.now()))
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
        end_sessions(connection, id).await
    }
}

/// Each changed field with its old and new value.
fn differences(old: &User, new: &User) -> Value {
    let fields = [
        ("name", json!(old.name), json!(new.name)),
        (
            "displayName",
            json!(old.display_name),
            json!(new.display_name),
        ),
        ("role", json!(old.role), json!(new.role)),
        ("disabled", json!(old.disabled), json!(new.disabled)),
    ];
    fields
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| (name.to_owned(), json!([old, new])))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
