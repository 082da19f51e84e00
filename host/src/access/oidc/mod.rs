//! Signing in through an OpenID Connect provider: authorization code with PKCE, state and nonce.
//!
//! What has to be the same at both ends of a sign-in is kept in memory for ten minutes, under the hash of a
//! random state that the browser has too, as a cookie: an answer counts once, and only in the browser that asked.

mod claims;
mod error;
mod provider;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use openidconnect::{Nonce, PkceCodeVerifier};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::SqliteConnection;
use url::Url;

use super::error::AccessError;
use super::policy::{OidcPolicy, PolicyError};
use super::secret::{self, Digest};
use super::session::{NewSession, SignedInBy, principal};
use super::user::{self, COLUMNS, Draft, User, end_sessions, folded, keep_an_admin};
use super::visitor::{Visitor, bounded};
use super::{Access, Role};
use crate::database::millis;
use claims::Identity;
use provider::Provider;

pub use error::OidcError;

/// Cookie that ties a sign-in at the identity provider to the browser that began it.
pub const OIDC_COOKIE: &str = "connector_oidc";
/// How long somebody may take at the provider.
pub const OIDC_PATIENCE: Duration = Duration::from_secs(600);
/// Sign-ins that may be under way.
const MOST: usize = 10_000;
/// Where one goes who doesn't say.
const HOME: &str = "/";
const LONGEST_PATH: usize = 2000;
const LONGEST_NAME: usize = 100;

/// A sign-in that has begun.
#[derive(Clone)]
pub struct Started {
    /// Where to send the browser.
    pub url: Url,
    /// Value of the cookie [`OIDC_COOKIE`], for ten minutes.
    pub state: SecretString,
}

impl fmt::Debug for Started {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its URL holds the state too.
        out.debug_struct("Started").finish_non_exhaustive()
    }
}

/// What the provider sent a browser back with.
#[derive(Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OidcAnswer {
    /// The authorization code.
    code: Option<String>,
    /// The state that the sign-in began with.
    state: Option<String>,
    /// Why the provider refuses.
    error: Option<String>,
    /// The same in words.
    error_description: Option<String>,
}

impl fmt::Debug for OidcAnswer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OidcAnswer")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

struct Attempt {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    return_to: String,
    ends: Timestamp,
}

/// The provider, and the sign-ins that are under way.
pub(super) struct Oidc {
    provider: Provider,
    attempts: Mutex<HashMap<Digest, Attempt>>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(out)
    }
}

impl Oidc {
    pub(super) fn new(policy: OidcPolicy) -> Result<Self, PolicyError> {
        Ok(Self {
            provider: Provider::new(policy)?,
            attempts: Mutex::default(),
        })
    }

    fn keep(
        &self,
        state: &SecretString,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, attempt| attempt.ends > now);
        if attempts.len() >= MOST {
            return Err(AccessError::Busy);
        }
        attempts.insert(Digest::of(state.expose_secret()), attempt);
        Ok(())
    }

    /// The attempt of this state, once.
    fn take(&self, state: &str, now: Timestamp) -> Option<Attempt> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts
            .remove(&Digest::of(state))
            .filter(|attempt| attempt.ends > now)
    }
}

impl Access {
    /// Whether people may sign in through an identity provider.
    #[must_use]
    pub fn has_provider(&self) -> bool {
        self.oidc.is_some()
    }

    /// Begins a sign-in at the identity provider. `return_to` is the path of this server to go to afterwards;
    /// anything else is taken for `/`.
    ///
    /// # Errors
    /// Where there is no provider, it can't be reached, or too many sign-ins were begun.
    pub async fn start_oidc(
        &self,
        return_to: Option<&str>,
        visitor: &Visitor,
    ) -> Result<Started, AccessError> {
        let oidc = self.oidc.as_ref().ok_or(OidcError::NotConfigured)?;
        let now = self.now();
        self.throttle.provider(visitor.address, now)?;
        let state = secret::random()?;
        let question = oidc.provider.question(&state, now).await?;
        let attempt = Attempt {
            nonce: question.nonce,
            verifier: question.verifier,
            return_to: local_path(return_to).into(),
            ends: now.saturating_add(OIDC_PATIENCE).unwrap_or(now),
        };
        oidc.keep(&state, attempt, now)?;
        Ok(Started {
            url: question.url,
            state,
        })
    }

    /// Ends a sign-in: begins a session for whom the provider vouches, and tells where to go. `cookie` is the one
    /// that the browser brought.
    ///
    /// # Errors
    /// Where the answer isn't one to a sign-in of this browser, the provider refuses or can't be believed, or the
    /// person has no role or is disabled.
    pub async fn finish_oidc(
        &self,
        answer: OidcAnswer,
        cookie: Option<&str>,
        visitor: &Visitor,
    ) -> Result<(NewSession, String), AccessError> {
        let oidc = self.oidc.as_ref().ok_or(OidcError::NotConfigured)?;
        let state = answer.state.ok_or(OidcError::State)?;
        if !cookie.is_some_and(|cookie| secret::same(cookie, &state)) {
            return Err(OidcError::State.into());
        }
        let attempt = oidc.take(&state, self.now()).ok_or(OidcError::State)?;
        let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
            let words = [answer.error, answer.error_description];
            let words: Vec<String> = words.into_iter().flatten().collect();
            return Err(OidcError::Refused(bounded(&words.join(": "), 300)).into());
        };
        let provider = &oidc.provider;
        let identity = provider
            .identity(code, &attempt.nonce, attempt.verifier, self.now())
            .await;
        let outcome = match identity {
            Ok(identity) => self.admit(&identity, visitor).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(session) => Ok((session, attempt.return_to)),
            Err(AccessError::Oidc(error)) => {
                let name = match &error {
                    OidcError::NoRole(name) | OidcError::Disabled(name) => name,
                    _ => "",
                };
                self.record_failure(name, visitor, "oidc").await?;
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Lets somebody in for whom the provider vouched: makes them a user at first, and sets their role anew.
    async fn admit(
        &self,
        identity: &Identity,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        let Some(role) = identity.role else {
            self.forget_sessions(identity).await?;
            return Err(OidcError::NoRole(bounded(&identity.name, LONGEST_NAME)).into());
        };
        self.database
            .write(async |connection| {
                let user = match known(connection, identity).await? {
                    Some(user) if user.disabled => {
                        return Err(OidcError::Disabled(user.name).into());
                    }
                    Some(user) => self.refresh(connection, user, role, visitor).await?,
                    None => self.welcome(connection, identity, role, visitor).await?,
                };
                self.begin(connection, &user, SignedInBy::Oidc, visitor)
                    .await
            })
            .await
    }

    async fn welcome(
        &self,
        connection: &mut SqliteConnection,
        identity: &Identity,
        role: Role,
        visitor: &Visitor,
    ) -> Result<User, AccessError> {
        let name = free_name(connection, identity).await?;
        let shown = bounded(&identity.display_name, LONGEST_NAME);
        let draft = Draft {
            name: &name,
            display_name: if shown.is_empty() { &name } else { &shown },
            role,
            password: None,
            first: false,
            identity: Some((&identity.issuer, &identity.subject)),
        };
        let user = self.insert_user(connection, &draft).await?;
        let by = principal(&user, visitor);
        let details = json!({"role": user.role, "issuer": identity.issuer});
        self.record(connection, &by, "user.create", Some(user.target()), details)
            .await?;
        Ok(user)
    }

    /// The user with the role that the provider gives now. The last enabled admin stays one: without any, nobody
    /// could mend the mapping.
    async fn refresh(
        &self,
        connection: &mut SqliteConnection,
        user: User,
        role: Role,
        visitor: &Visitor,
    ) -> Result<User, AccessError> {
        if user.role == role {
            return Ok(user);
        }
        match keep_an_admin(connection, &user).await {
            Err(AccessError::LastAdmin) => {
                tracing::warn!(user = user.name, "the last administrator stays one");
                return Ok(user);
            }
            outcome => outcome?,
        }
        sqlx::query(
            "UPDATE user SET role = $1, revision = revision + 1, changed_at = $2 WHERE id = $3",
        )
        .bind(role.word())
        .bind(millis(self.now()))
        .bind(user.id.to_string())
        .execute(&mut *connection)
        .await?;
        end_sessions(connection, user.id).await?;
        let by = principal(&user, visitor);
        let details = json!({"role": [user.role, role], "by": "oidc"});
        self.record(connection, &by, "user.change", Some(user.target()), details)
            .await?;
        user::find(connection, user.id).await
    }

    /// Ends the sessions of somebody who has no role any more.
    async fn forget_sessions(&self, identity: &Identity) -> Result<(), AccessError> {
        self.database
            .write(
                async |connection| match known(connection, identity).await? {
                    Some(user) => end_sessions(connection, user.id).await,
                    None => Ok(()),
                },
            )
            .await
    }
}

/// The user whom the provider means; never one that only has the same name.
async fn known(
    connection: &mut SqliteConnection,
    identity: &Identity,
) -> Result<Option<User>, AccessError> {
    let sql = format!("SELECT {COLUMNS} FROM user WHERE issuer = $1 AND subject = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&identity.issuer)
        .bind(&identity.subject)
        .fetch_optional(connection)
        .await?;
    Ok(row.as_ref().map(User::from_row).transpose()?)
}

/// The name that the provider gives, or, where somebody else has it, one that is made different.
async fn free_name(
    connection: &mut SqliteConnection,
    identity: &Identity,
) -> Result<String, AccessError> {
    let plain: String = identity
        .name
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(LONGEST_NAME)
        .collect();
    let taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM user WHERE folded = $1)")
        .bind(folded(&plain))
        .fetch_one(connection)
        .await?;
    if !taken && !plain.is_empty() {
        return Ok(plain);
    }
    let mark = secret::derived(&identity.issuer, &identity.subject);
    let mark: String = mark.expose_secret().chars().take(8).collect();
    Ok(format!("{plain}~{mark}"))
}

/// The path of this server that a browser is sent to: the wanted one, where it stays at this server, else `/`.
pub(crate) fn local_path(wanted: Option<&str>) -> &str {
    wanted.filter(|path| is_local(path)).unwrap_or(HOME)
}

/// Whether a browser stays at this server when it is sent there.
fn is_local(path: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '\\';
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= LONGEST_PATH
        && !path.contains(odd)
}
