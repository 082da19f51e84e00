//! Why nobody came in through the identity provider.

use axum::http::StatusCode;

use crate::api::problem::Problem;

/// Why nobody came in through the identity provider. Holds no secret, code or token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The policy names none.
    #[error("no identity provider is configured")]
    NotConfigured,
    /// The answer belongs to no sign-in that was begun in this browser, or to one that has ended.
    #[error("the answer belongs to no sign-in that was begun here")]
    State,
    /// The provider refused, with these words.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// The provider can't be reached, or isn't what the policy says.
    #[error("the identity provider failed: {0}")]
    Provider(String),
    /// What it says about the person can't be believed.
    #[error("the identity provider's token can't be believed: {0}")]
    Token(String),
    /// None of the person's roles means anything here.
    #[error("the identity provider gives {0} no role")]
    NoRole(String),
    /// The user is disabled.
    #[error("the user {0} is disabled")]
    Disabled(String),
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        tracing::warn!("sign-in through the identity provider: {error}");
        match error {
            OidcError::NotConfigured => Self::new(
                StatusCode::NOT_FOUND,
                "access.no-provider",
                "No identity provider is configured.",
            )
            .remedy("Sign in with a password, or configure `access.oidc`."),
            OidcError::State => Self::new(
                StatusCode::BAD_REQUEST,
                "access.oidc-state",
                "This answer belongs to no sign-in that was begun in this browser, or it was used already.",
            )
            .remedy("Begin again; allow cookies, and don't take longer than ten minutes."),
            OidcError::Refused(words) => Self::new(
                StatusCode::FORBIDDEN,
                "access.oidc-refused",
                format!("The identity provider refused: {words}."),
            )
            .remedy("Try again. If it stays so, look at the provider's own log."),
            OidcError::Provider(_) => Self::new(
                StatusCode::BAD_GATEWAY,
                "access.oidc-unreachable",
                "The identity provider can't be reached, or isn't what is configured.",
            )
            .remedy("Try again; if it fails again, look at this server's log."),
            OidcError::Token(_) => Self::new(
                StatusCode::FORBIDDEN,
                "access.oidc-token",
                "What the identity provider says can't be believed.",
            )
            .remedy("Begin again; if it fails again, look at this server's log."),
            OidcError::NoRole(_) => Self::new(
                StatusCode::FORBIDDEN,
                "access.no-role",
                "You are known, but the identity provider gives you no role here.",
            )
            .remedy("Ask an administrator of the identity provider, or of `access.oidc.roles`."),
            OidcError::Disabled(_) => Self::new(
                StatusCode::FORBIDDEN,
                "access.disabled",
                "This user is disabled.",
            )
            .remedy("Ask an administrator of this server."),
        }
    }
}
