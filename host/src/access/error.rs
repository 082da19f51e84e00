//! Why something was refused, and how the API says it.

use std::time::Duration;

use axum::http::StatusCode;

use super::Role;
use super::oidc::OidcError;
use super::policy::PolicyError;
use crate::api::problem::Problem;
use crate::api::revision::IfMatch;
use crate::contract;
use crate::database::DatabaseError;

/// Why access refuses or fails. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The policy can't be kept.
    #[error("the access policy can't be used: {0}")]
    Policy(#[from] PolicyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The machine's randomness or a computation failed.
    #[error("access control failed: {0}")]
    Broken(String),
    /// There is no such `user` or `token`, or it is not for this caller.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Fields are wrong.
    #[error("some fields are wrong")]
    Invalid(Vec<contract::Problem>),
    /// Another user has the name.
    #[error("another user has this name")]
    NameTaken,
    /// Nobody would be left who may change everything.
    #[error("this is the last enabled administrator")]
    LastAdmin,
    /// It was changed meanwhile.
    #[error("revision {seen} was named, {current} is current")]
    Changed {
        /// The revision that the change was about.
        seen: i64,
        /// The revision that it has.
        current: i64,
    },
    /// The name or the password is wrong, or the user may not sign in: it is never told which.
    #[error("the name or the password is wrong")]
    SignIn,
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled(Duration),
    /// Too many passwords are being checked.
    #[error("too many sign-ins at once")]
    Busy,
    /// The policy lets nobody sign in with a password who isn't the first admin.
    #[error("passwords are switched off")]
    PasswordsOff,
    /// It needs a session, not a token.
    #[error("this is for sessions only")]
    NoSession,
    /// A role above the caller's own.
    #[error("the role {0:?} is above the caller's")]
    RoleAbove(Role),
    /// There is a user already.
    #[error("the first administrator was already made")]
    AlreadySetUp,
    /// The setup code is wrong or was used.
    #[error("the setup code is wrong")]
    SetupCode,
    /// The identity provider or what it said.
    #[error(transparent)]
    Oidc(#[from] OidcError),
}

impl From<sqlx::Error> for AccessError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Policy(_) | AccessError::Database(_) | AccessError::Broken(_) => {
                Self::internal(&error)
            }
            AccessError::NotFound(what) => Self::not_found(what),
            AccessError::Invalid(fields) => Self::invalid(fields),
            AccessError::NameTaken => {
                Self::conflict("user.name-taken", "Another user has this name.")
                    .remedy("Choose another name; capital letters make no difference.")
            }
            AccessError::LastAdmin => Self::conflict(
                "user.last-admin",
                "This is the last enabled administrator: without it nobody could change anything.",
            )
            .remedy("Make another user an administrator first."),
            AccessError::Changed { seen, current } => {
                let conflict = IfMatch::Revision(seen).check(current);
                conflict.err().unwrap_or_else(|| Self::internal(&error))
            }
            AccessError::SignIn => Self::new(
                StatusCode::UNAUTHORIZED,
                "access.wrong-password",
                "The name or the password is wrong, or the user may not sign in.",
            )
            .remedy("Try again. An administrator can set a new password."),
            AccessError::Throttled(wait) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "access.throttled",
                "There were too many attempts.",
            )
            .remedy("Wait as long as `Retry-After` says, then try again.")
            .retry_after(wait),
            AccessError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "access.busy",
                "Too many are signing in at this moment.",
            )
            .remedy("Try again in a few seconds.")
            .retry_after(Duration::from_secs(3)),
            AccessError::PasswordsOff => Self::new(
                StatusCode::FORBIDDEN,
                "access.passwords-off",
                "Signing in with a password is switched off.",
            )
            .remedy("Sign in through the identity provider."),
            AccessError::NoSession => Self::conflict(
                "access.no-session",
                "This is about a session, and an API token has none.",
            )
            .remedy("Sign in, and repeat it in that session."),
            AccessError::RoleAbove(role) => Self::new(
                StatusCode::FORBIDDEN,
                "token.role-above",
                format!(
                    "Only who has the role {} can give it to a token.",
                    role.word()
                ),
            )
            .remedy("Choose a role that you have."),
            AccessError::AlreadySetUp => Self::conflict(
                "access.already-set-up",
                "The first administrator was already made.",
            )
            .remedy("Sign in. For a lost password, reset it on the server's command line."),
            AccessError::SetupCode => Self::new(
                StatusCode::FORBIDDEN,
                "access.setup-code",
                "The setup code is wrong.",
            )
            .remedy("Take the code that the server printed when it was last started."),
            AccessError::Oidc(error) => error.into(),
        }
    }
}
