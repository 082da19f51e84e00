//! Secrets, encrypted at rest.
//!
//! Each secret is sealed with XChaCha20-Poly1305 under the operator's key, with its owner and name as
//! associated data: a row moved to another place no longer opens. The key never lies in the data folder, so
//! that the folder, or a backup of it, reveals nothing.

mod key;
#[cfg(test)]
mod tests;

use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::audit::Actor;
use crate::database::{Database, DatabaseError, instant, millis};
use crate::egress::{CertificateFacts, Secrets};

pub use key::{Key, KeyError, KeyPlace};

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Seals and opens secrets. Its debug form shows no key.
#[derive(Debug, Clone)]
pub struct Vault {
    key: Key,
}

/// Why a secret can't be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Another key sealed it.
    #[error(
        "the secret {name:?} was sealed with the key {sealed_with}, and the vault's key is {current}"
    )]
    OtherKey {
        /// Name of the secret.
        name: String,
        /// Identifier of the key that sealed it.
        sealed_with: String,
        /// Identifier of the vault's key.
        current: String,
    },
    /// It was tampered with, or moved from elsewhere.
    #[error("the secret {name:?} doesn't open: it was changed outside of this program")]
    Broken {
        /// Name of the secret.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What may be known of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretNote {
    /// Key of the setting.
    pub name: String,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    pub set_at: Timestamp,
    /// Name of who set it.
    pub set_by: String,
    /// The last day on which it is valid, as its certificate says, or else as the administrator noted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub expires_on: Option<Date>,
    /// What may be known of the certificate that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateFacts>,
}

/// A secret to be kept.
#[derive(Debug)]
pub struct NewSecret<'a> {
    /// Whose it is.
    pub owner: Uuid,
    /// Key of the setting.
    pub name: &'a str,
    /// The secret itself.
    pub secret: &'a SecretString,
    /// The last day on which it is valid.
    pub expires_on: Option<Date>,
    /// Who sets it.
    pub actor: &'a Actor,
    /// When.
    pub at: Timestamp,
}

impl Vault {
    /// A vault with this key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { key }
    }

    /// Keeps a secret, in the transaction of the caller; it takes the place of the one before.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn set(
        &self,
        connection: &mut SqliteConnection,
        new: &NewSecret<'_>,
    ) -> Result<(), VaultError> {
        let sealed = seal(&self.key, new.owner, new.name, new.secret.expose_secret());
        sqlx::query(
            "INSERT INTO secret (owner, name, key_id, sealed, set_at, set_by, expires_on) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner, name) DO UPDATE SET \
             key_id = $3, sealed = $4, set_at = $5, set_by = $6, expires_on = $7, certificate = NULL",
        )
        .bind(new.owner.to_string())
        .bind(new.name)
        .bind(self.key.id())
        .bind(sealed)
        .bind(millis(new.at))
        .bind(&new.actor.name)
        .bind(new.expires_on.map(|date| date.to_string()))
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Notes another last day of a secret; tells whether there is such a secret.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn note_expiry(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
        name: &str,
        expires_on: Option<Date>,
    ) -> Result<bool, VaultError> {
        let done = sqlx::query("UPDATE secret SET expires_on = $3 WHERE owner = $1 AND name = $2")
            .bind(owner.to_string())
            .bind(name)
            .bind(expires_on.map(|date| date.to_string()))
            .execute(connection)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes what may be known of a secret that is a certificate.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn note_certificate(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
        name: &str,
        facts: &CertificateFacts,
    ) -> Result<(), VaultError> {
        let facts = serde_json::to_string(facts).map_err(corrupt)?;
        sqlx::query("UPDATE secret SET certificate = $3 WHERE owner = $1 AND name = $2")
            .bind(owner.to_string())
            .bind(name)
            .bind(facts)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Forgets a secret, or, without a name, all of an owner's.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn forget(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
        name: Option<&str>,
    ) -> Result<(), VaultError> {
        sqlx::query("DELETE FROM secret WHERE owner = $1 AND ($2 IS NULL OR name = $2)")
            .bind(owner.to_string())
            .bind(name)
            .execute(connection)
            .await?;
        Ok(())
    }

    /// What may be known of an owner's secrets, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn notes(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
    ) -> Result<Vec<SecretNote>, VaultError> {
        let rows = sqlx::query(
            "SELECT name, set_at, set_by, expires_on, certificate FROM secret WHERE owner = $1 \
             ORDER BY name",
        )
        .bind(owner.to_string())
        .fetch_all(connection)
        .await?;
        let notes = rows.iter().map(|row| {
            let expires_on: Option<&str> = row.try_get("expires_on")?;
            let expires_on = expires_on.map(str::parse::<Date>).transpose();
            let certificate: Option<&str> = row.try_get("certificate")?;
            let certificate: Option<CertificateFacts> = certificate
                .map(serde_json::from_str)
                .transpose()
                .map_err(corrupt)?;
            let end = certificate.as_ref().map(CertificateFacts::last_day);
            Ok(SecretNote {
                name: row.try_get("name")?,
                set_at: instant(row.try_get("set_at")?)?,
                set_by: row.try_get("set_by")?,
                expires_on: end.or(expires_on.map_err(corrupt)?),
                certificate,
            })
        });
        let notes: Result<_, DatabaseError> = notes.collect();
        Ok(notes?)
    }

    /// The secrets of an owner, for the gateway.
    ///
    /// # Errors
    /// Where one of them doesn't open with the vault's key.
    pub async fn reveal(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
    ) -> Result<Secrets, VaultError> {
        let rows = sqlx::query("SELECT name, key_id, sealed FROM secret WHERE owner = $1")
            .bind(owner.to_string())
            .fetch_all(connection)
            .await?;
        let mut secrets = Secrets::new();
        for row in rows {
            let name: String = row.try_get("name")?;
            let secret = self.open(owner, &name, row.try_get("key_id")?, row.try_get("sealed")?)?;
            secrets.insert(name, SecretString::from(secret.as_str()));
        }
        Ok(secrets)
    }

    /// Copies all secrets of one owner to another, as they were set.
    ///
    /// # Errors
    /// Where one of them doesn't open with the vault's key.
    pub async fn copy(
        &self,
        connection: &mut SqliteConnection,
        from: Uuid,
        to: Uuid,
    ) -> Result<(), VaultError> {
        for (name, secret) in self.reveal(connection, from).await? {
            sqlx::query(
                "INSERT INTO secret (owner, name, key_id, sealed, set_at, set_by, expires_on, certificate) \
                 SELECT $1, name, $2, $3, set_at, set_by, expires_on, certificate FROM secret \
                 WHERE owner = $4 AND name = $5",
            )
            .bind(to.to_string())
            .bind(self.key.id())
            .bind(seal(&self.key, to, &name, secret.expose_secret()))
            .bind(from.to_string())
            .bind(&name)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// Seals every secret anew with another key, all or none, and tells how many there were. From then on only
    /// the new key opens them.
    ///
    /// # Errors
    /// Where one of them doesn't open with the vault's key: then nothing has changed.
    pub async fn rotate(&self, database: &Database, new: &Key) -> Result<u64, VaultError> {
        database
            .write(async |connection| {
                let rows = sqlx::query("SELECT owner, name, key_id, sealed FROM secret")
                    .fetch_all(&mut *connection)
                    .await?;
                let mut count = 0;
                for row in rows {
                    let (owner, name): (String, String) =
                        (row.try_get("owner")?, row.try_get("name")?);
                    let key_id: &str = row.try_get("key_id")?;
                    if key_id == new.id() {
                        continue;
                    }
                    let id = Uuid::parse_str(&owner)
                        .map_err(|error| DatabaseError::Corrupt(error.to_string()))?;
                    let secret = self.open(id, &name, key_id, row.try_get("sealed")?)?;
                    sqlx::query(
                        "UPDATE secret SET key_id = $3, sealed = $4 WHERE owner = $1 AND name = $2",
                    )
                    .bind(&owner)
                    .bind(&name)
                    .bind(new.id())
                    .bind(seal(new, id, &name, &secret))
                    .execute(&mut *connection)
                    .await?;
                    count += 1;
                }
                Ok(count)
            })
            .await
    }

    /// Whether no secret is kept.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_empty(database: &Database) -> Result<bool, VaultError> {
        database
            .read(async |connection| {
                let some: Result<bool, sqlx::Error> =
                    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM secret)")
                        .fetch_one(connection)
                        .await;
                Ok(!some?)
            })
            .await
    }

    /// Whether the vault's key opens what the database holds.
    ///
    /// # Errors
    /// [`VaultError::OtherKey`] names the first secret that it doesn't open.
    pub async fn verify(&self, database: &Database) -> Result<(), VaultError> {
        let other: Option<(String, String)> = database
            .read(async |connection| {
                sqlx::query_as("SELECT name, key_id FROM secret WHERE key_id <> $1 LIMIT 1")
                    .bind(self.key.id())
                    .fetch_optional(connection)
                    .await
            })
            .await?;
        match other {
            Some((name, sealed_with)) => Err(self.other_key(name, sealed_with)),
            None => Ok(()),
        }
    }

    fn open(
        &self,
        owner: Uuid,
        name: &str,
        key_id: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<String>, VaultError> {
        if key_id != self.key.id() {
            return Err(self.other_key(name.to_owned(), key_id.to_owned()));
        }
        let broken = || VaultError::Broken { name: name.into() };
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(broken)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| broken())?;
        let aad = place(owner, name);
        let payload = Payload {
            msg: sealed,
            aad: aad.as_bytes(),
        };
        let plain = cipher(&self.key)
            .decrypt(&nonce, payload)
            .map_err(|_| broken())?;
        let plain = Zeroizing::new(plain);
        let text = std::str::from_utf8(&plain).map_err(|_| broken())?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn other_key(&self, name: String, sealed_with: String) -> VaultError {
        VaultError::OtherKey {
            name,
            sealed_with,
            current: self.key.id().to_owned(),
        }
    }
}

fn corrupt(error: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Corrupt(error.to_string())
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

/// Nonce and ciphertext.
fn seal(key: &Key, owner: Uuid, name: &str, secret: &str) -> Vec<u8> {
    // 24 random bytes never repeat.
    let nonce = XNonce::generate();
    let aad = place(owner, name);
    let payload = Payload {
        msg: secret.as_bytes(),
        aad: aad.as_bytes(),
    };
    // Fails only beyond 256 GiB, which no request can carry; then nothing would open.
    let text = cipher(key).encrypt(&nonce, payload).unwrap_or_default();
    let mut sealed = nonce.to_vec();
    sealed.extend(text);
    sealed
}

/// What a sealed secret is bound to.
fn place(owner: Uuid, name: &str) -> String {
    format!("secret\n{owner}\n{name}")
}
