//! Signing in with a password, and changing one's own.

use secrecy::SecretString;
use serde_json::json;
use sqlx::{Row, SqliteConnection};

use super::error::AccessError;
use super::policy::PasswordSignIn;
use super::session::{NewSession, SignedInBy};
use super::user::{COLUMNS, LONGEST_NAME, User, find, folded, refuse};
use super::visitor::{Visitor, bounded};
use super::{Access, Caller, Principal, Role, network, password};
use crate::audit::Actor;
use crate::database::millis;

/// From how many addresses a user is remembered to have signed in.
const FAMILIAR: u32 = 20;

/// A user as signing in needs it.
struct Candidate {
    user: User,
    password: Option<String>,
    familiar: bool,
}

impl Access {
    /// Signs in with a password, from where `visitor` is.
    ///
    /// # Errors
    /// [`AccessError::SignIn`] whatever is wrong with the name, the password or the user;
    /// [`AccessError::Throttled`] after too many attempts; [`AccessError::PasswordsOff`] where the policy lets
    /// no password in.
    pub async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        if self.policy.password_sign_in == PasswordSignIn::Nobody {
            return Err(AccessError::PasswordsOff);
        }
        let claimed = bounded(name, LONGEST_NAME);
        let key = folded(&claimed);
        self.throttle.attempt(visitor.address, &key, self.now())?;
        let candidate = self.candidate(name, visitor).await?;
        let stranger = !candidate.as_ref().is_some_and(|known| known.familiar);
        if stranger {
            self.throttle.stranger(&key, self.now())?;
        }
        let hash = candidate.as_ref().and_then(|known| known.password.clone());
        let right = self.passwords.verify(hash.clone(), password).await?;
        let admitted = candidate.filter(|known| right && self.may_use_password(&known.user));
        let Some(Candidate { user, .. }) = admitted else {
            self.record_failure(&claimed, visitor, "password").await?;
            return Err(AccessError::SignIn);
        };
        let session = self
            .database
            .write(async |connection| {
                // While the password was checked, it may have been changed, or the user disabled.
                let user = unchanged(connection, &user, hash.as_deref()).await?;
                self.begin(connection, &user, SignedInBy::Password, visitor)
                    .await
            })
            .await?;
        self.throttle.succeeded(visitor.address, &key, stranger);
        Ok(session)
    }

    /// Begins a session for somebody who has proved who they are, and writes it down.
    pub(super) async fn begin(
        &self,
        connection: &mut SqliteConnection,
        user: &User,
        by: SignedInBy,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        let session = self.open_session(connection, user, by, visitor).await?;
        self.remember_address(connection, user, visitor).await?;
        self.record(
            connection,
            &session.caller.principal,
            "session.sign-in",
            Some(user.target()),
            json!({"by": by.word()}),
        )
        .await?;
        Ok(session)
    }

    /// Changes the caller's own password: ends all their sessions, and begins a new one.
    ///
    /// # Errors
    /// Where the old password is wrong, the new one isn't good enough, or the caller has no session.
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        old: SecretString,
        new: SecretString,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        caller.session()?;
        let user = &caller.user;
        let key = folded(&user.name);
        self.throttle.attempt(visitor.address, &key, self.now())?;
        refuse(password::check(&new, &user.name, "newPassword"))?;
        let hash = self.password_of(user).await?;
        if !self.passwords.verify(hash.clone(), old).await? {
            self.record_failure(&user.name, visitor, "password-change")
                .await?;
            return Err(AccessError::Invalid(vec![crate::contract::Problem {
                path: "oldPassword".into(),
                message: "It is not the password that you have now.".into(),
                remedy: "Try again. An administrator can set a new password.".into(),
            }]));
        }
        let new = self.passwords.hash(new).await?;
        let session = self
            .database
            .write(async |connection| {
                let user = unchanged(connection, user, hash.as_deref()).await?;
                self.store_password(connection, user.id, &new).await?;
                let user = find(connection, user.id).await?;
                self.record(
                    connection,
                    &caller.principal,
                    "user.password",
                    Some(user.target()),
                    json!({}),
                )
                .await?;
                self.open_session(connection, &user, SignedInBy::Password, visitor)
                    .await
            })
            .await?;
        self.throttle.succeeded(visitor.address, &key, false);
        Ok(session)
    }

    fn may_use_password(&self, user: &User) -> bool {
        !user.disabled
            && match self.policy.password_sign_in {
                PasswordSignIn::Everyone => true,
                PasswordSignIn::FirstAdmin => user.first_admin,
                PasswordSignIn::Nobody => false,
            }
    }

    async fn candidate(
        &self,
        name: &str,
        visitor: &Visitor,
    ) -> Result<Option<Candidate>, AccessError> {
        let sql = format!(
            "SELECT {COLUMNS}, user.password, EXISTS (SELECT 1 FROM familiar_address AS known \
             WHERE known.user = user.id AND known.address = $2) AS familiar FROM user WHERE folded = $1"
        );
        self.database
            .read(async |connection| {
                let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(folded(name))
                    .bind(place(visitor))
                    .fetch_optional(connection)
                    .await?;
                let Some(row) = row else {
                    return Ok(None);
                };
                Ok(Some(Candidate {
                    user: User::from_row(&row)?,
                    password: row.try_get("password")?,
                    familiar: row.try_get("familiar")?,
                }))
            })
            .await
    }

    async fn password_of(&self, user: &User) -> Result<Option<String>, AccessError> {
        self.database
            .read(async |connection| stored(connection, user).await)
            .await
    }

    async fn remember_address(
        &self,
        connection: &mut SqliteConnection,
        user: &User,
        visitor: &Visitor,
    ) -> Result<(), AccessError> {
        let Some(address) = place(visitor) else {
            return Ok(());
        };
        let of = user.id.to_string();
        sqlx::query(
            "INSERT OR REPLACE INTO familiar_address (user, address, at) VALUES ($1, $2, $3)",
        )
        .bind(&of)
        .bind(address)
        .bind(millis(self.now()))
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "DELETE FROM familiar_address WHERE user = $1 AND address NOT IN \
             (SELECT address FROM familiar_address WHERE user = $1 ORDER BY at DESC LIMIT $2)",
        )
        .bind(&of)
        .bind(FAMILIAR)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Writes down that somebody didn't get in. The brakes bound how often.
    pub(super) async fn record_failure(
        &self,
        claimed: &str,
        visitor: &Visitor,
        by: &str,
    ) -> Result<(), AccessError> {
        let nobody = Principal {
            actor: Actor::anonymous(claimed),
            role: Role::Viewer,
            address: visitor.address,
        };
        self.database
            .write(async |connection| {
                let details = json!({"by": by});
                self.record(connection, &nobody, "session.sign-in-failed", None, details)
                    .await
            })
            .await
    }
}

/// The address by which a place is recognised.
fn place(visitor: &Visitor) -> Option<String> {
    let address = visitor.address.map(network::subscriber)?;
    Some(address.to_string())
}

async fn stored(
    connection: &mut SqliteConnection,
    user: &User,
) -> Result<Option<String>, AccessError> {
    let hash = sqlx::query_scalar("SELECT password FROM user WHERE id = $1")
        .bind(user.id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(hash.flatten())
}

/// The user as it is now, where it may still come in with the password that was checked.
async fn unchanged(
    connection: &mut SqliteConnection,
    user: &User,
    hash: Option<&str>,
) -> Result<User, AccessError> {
    if stored(connection, user).await?.as_deref() != hash {
        return Err(AccessError::SignIn);
    }
    let user = find(connection, user.id).await?;
    if user.disabled {
        return Err(AccessError::SignIn);
    }
    Ok(user)
}
