//! Who may do what: users and their roles, sessions, API tokens, and how people and programs prove who they are.
//!
//! [`authenticate`] is the layer that turns a cookie or a token into the [`Principal`] of a request; the API's
//! extractors then ask for a role. Of every secret only a hash is kept: Argon2id of a password, SHA-256 of the
//! random ones.

mod authenticate;
mod csrf;
mod error;
mod network;
mod oidc;
mod password;
mod policy;
mod secret;
mod session;
mod setup;
mod sign_in;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod throttle;
mod token;
mod user;
mod users;
mod visitor;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::audit::{self, Actor, ActorKind, Deed, Target};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};

pub use csrf::{CSRF_FIELD, CSRF_HEADER};
pub use error::AccessError;
pub use network::Network;
pub(crate) use oidc::local_path;
#[cfg(test)]
pub(crate) use oidc::testing as oidc_testing;
pub use oidc::{OIDC_COOKIE, OIDC_PATIENCE, OidcAnswer, OidcError, Started};
pub use policy::{AccessPolicy, OidcPolicy, PasswordSignIn, PolicyError, ProxyUrl, WrongField};
pub(crate) use secret::deserialize as deserialize_secret;
pub use session::{NewSession, SessionEntry, SignedInBy};
pub use token::{NewToken, Token};
pub use user::{NewUser, User, UserChange};
pub use visitor::{OverTls, Visitor};

/// What somebody may do; each role may do all that those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Run, cancel, allow and reject.
    Operator,
    /// Change everything.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    fn of(word: &str) -> Result<Self, DatabaseError> {
        Self::ALL
            .into_iter()
            .find(|role| role.word() == word)
            .ok_or_else(|| DatabaseError::Corrupt(format!("a role {word:?}")))
    }
}

/// Somebody whose request was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is, for the record.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Principal {
    /// This program by itself, or whoever runs it on the command line: may do everything.
    #[must_use]
    pub fn system() -> Self {
        Self {
            actor: Actor::system(),
            role: Role::Admin,
            address: None,
        }
    }
}

/// The user behind a request and how it proved that. [`authenticated`] puts it beside the [`Principal`].
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is, for the record, and what they may do.
    pub principal: Principal,
    /// The user who signed in, or who made the token.
    pub user: User,
    /// How it was proved.
    pub means: Means,
}

/// How a request proved whose it is.
#[derive(Debug, Clone)]
pub enum Means {
    /// With the cookie of a session.
    Session {
        /// Its name in lists.
        id: Uuid,
        /// How the user signed in.
        by: SignedInBy,
        /// What requests that change something must carry.
        csrf: SecretString,
    },
    /// With an API token.
    Token {
        /// Which.
        id: Uuid,
        /// When it ends.
        expires: Option<Timestamp>,
    },
}

/// Users, sessions and tokens of a server.
#[derive(Debug)]
pub struct Access {
    database: Database,
    clock: Arc<dyn Clock>,
    policy: AccessPolicy,
    passwords: password::Passwords,
    throttle: throttle::Throttle,
    setup: setup::Code,
    /// Whether there is a user; stays true, since the last admin can't go.
    configured: AtomicBool,
    oidc: Option<oidc::Oidc>,
}

/// Lays the layer that finds out who makes a request around a router.
///
/// It puts the [`Visitor`] of a request into its extensions, and, where a token or a session's cookie comes with
/// it, the [`Principal`] and the [`Caller`]. Whoever brings neither goes on as nobody: the handlers refuse them
/// where somebody is needed.
pub fn authenticated(router: axum::Router, access: Arc<Access>) -> axum::Router {
    router.layer(axum::middleware::from_fn_with_state(
        access,
        authenticate::authenticate,
    ))
}

impl Access {
    /// Access under this policy. Reads the secret of the identity provider's client, where there is one; opens
    /// no connection.
    ///
    /// # Errors
    /// Where the policy can't be kept, or what it names can't be read.
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        policy: AccessPolicy,
    ) -> Result<Self, AccessError> {
        policy.check()?;
        let provider = policy.oidc.is_given().then(|| policy.oidc.clone());
        let oidc = provider.map(oidc::Oidc::new).transpose()?;
        Ok(Self {
            database,
            clock,
            policy,
            passwords: password::Passwords::default(),
            throttle: throttle::Throttle::default(),
            setup: setup::Code::default(),
            configured: AtomicBool::new(false),
            oidc,
        })
    }

    /// What the operator decided.
    #[must_use]
    pub fn policy(&self) -> &AccessPolicy {
        &self.policy
    }

    /// Whether there is a user. While there is none, only setting up is possible.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn is_configured(&self) -> Result<bool, AccessError> {
        if self.configured.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let any: Result<bool, AccessError> = self
            .database
            .read(async |connection| Ok(any_user(connection).await?))
            .await;
        let any = any?;
        self.configured.fetch_or(any, Ordering::Relaxed);
        Ok(any)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes down what somebody did, in the transaction that does it.
    async fn record(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        action: &str,
        target: Option<Target>,
        details: serde_json::Value,
    ) -> Result<(), AccessError> {
        let deed = Deed {
            at: self.now(),
            actor: &by.actor,
            address: by.address,
            action,
            target,
            details,
        };
        Ok(audit::record(connection, &deed).await?)
    }
}

async fn any_user(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM user)")
        .fetch_one(connection)
        .await
}

fn actor(kind: ActorKind, id: Uuid, name: &str) -> Actor {
    Actor {
        kind,
        id: Some(id.to_string()),
        name: name.into(),
    }
}

fn uuid(text: &str) -> Result<Uuid, DatabaseError> {
    text.parse()
        .map_err(|_| DatabaseError::Corrupt(format!("an identifier {text:?}")))
}
