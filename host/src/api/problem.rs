//! Errors as `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Role;
use crate::causes::with_causes;
use crate::contract;
use crate::database::DatabaseError;
use crate::directory::DirectoryError;
use crate::plugin::PluginError;
use crate::plugin::registry::RegistryError;

/// What went wrong with a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// Stable word to search for, `area.name`.
    pub code: String,
    /// What happened and what it means.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Seconds after which another try makes sense; `Retry-After` says it too.
    #[serde(
        rename = "retryAfter",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub retry_after: Option<u64>,
    /// Every wrong field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where it is in the request's document, such as `schedule.zone` or `rules[3].target`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl From<contract::Problem> for FieldError {
    fn from(problem: contract::Problem) -> Self {
        Self {
            path: problem.path,
            message: problem.message,
            remedy: problem.remedy,
        }
    }
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            code: code.into(),
            detail: detail.into(),
            remedy: None,
            retry_after: None,
            errors: Vec::new(),
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with when another try makes sense, in whole seconds from now.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after = Some(rounded_up);
        self
    }

    /// There is no such resource; `what` is its kind, such as `connector`.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        let detail = format!("There is no such {what}; it may have been deleted.");
        Self::new(StatusCode::NOT_FOUND, &format!("{what}.not-found"), detail)
    }

    /// Fields are wrong.
    pub fn invalid(errors: impl IntoIterator<Item = impl Into<FieldError>>) -> Self {
        let errors: Vec<FieldError> = errors.into_iter().map(Into::into).collect();
        let fields: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
        Self {
            errors: errors.clone(),
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "request.invalid",
                format!("What was sent is not valid: {}.", fields.join(", ")),
            )
        }
    }

    /// It doesn't go together with how things are now.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Nobody is signed in.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "access.sign-in",
            "This needs a signed-in user or an API token.",
        )
        .remedy("Sign in, or send `Authorization: Bearer` with a valid API token.")
    }

    /// The role doesn't suffice.
    #[must_use]
    pub fn forbidden(needed: Role) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "access.role",
            format!("This needs the role {}.", needed.word()),
        )
        .remedy("Ask an administrator for the role, or use a token that has it.")
    }

    /// The fault is ours. The cause is logged, never sent.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!("a request failed: {}", with_causes(cause));
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server.failed",
            "The server failed; its log tells why.",
        )
        .remedy("Try again; if it fails again, look at the server's log.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        // For browsers the layer around pages makes a page of it.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self::internal(&error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Position => Self::new(
                StatusCode::BAD_REQUEST,
                "request.cursor",
                "`cursor` is not one that this list gave.",
            )
            .remedy("Begin again without a cursor."),
            error => Self::internal(&error),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let conflict =
            |code: &str, remedy: &str| Self::conflict(code, sentence(&error)).remedy(remedy);
        let refused = |code: &str, remedy: &str| {
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, sentence(&error)).remedy(remedy)
        };
        match &error {
            RegistryError::File { .. }
            | RegistryError::Folder { .. }
            | RegistryError::Key { .. }
            | RegistryError::Plugin(PluginError::Engine(_) | PluginError::Unreadable { .. }) => {
                Self::internal(&error)
            }
            RegistryError::Plugin(_) => refused(
                "plugin.unusable",
                "Upload a component that was built for this host's contract.",
            ),
            RegistryError::Unsigned { .. } => refused(
                "plugin.unsigned",
                "Sign it with minisign, and send the signature in `X-Plugin-Signature`.",
            ),
            RegistryError::Signature { .. } => refused(
                "plugin.signature",
                "Sign it with a key that the configuration trusts.",
            ),
            RegistryError::Taken { .. } => conflict(
                "plugin.taken",
                "Give the new build a version of its own, or remove the old one first.",
            ),
            RegistryError::NotApproved { id, beyond } => Self::conflict(
                "plugin.not-approved",
                format!("{id} asks for more than was approved: {beyond}."),
            )
            .remedy("Look at what it asks for, then approve it."),
            RegistryError::Unknown { .. } => {
                Self::not_found("plugin").remedy("The list has those that are installed.")
            }
            RegistryError::NoneActive { name } => Self::conflict(
                "plugin.none-active",
                format!("No version of {name} is active."),
            )
            .remedy("Activate one of its versions."),
            RegistryError::NothingBefore { .. } => conflict(
                "plugin.nothing-before",
                "Activate the version that you want instead.",
            ),
            RegistryError::InUse { .. } => {
                conflict("plugin.in-use", "Activate another version first.")
            }
            RegistryError::Damaged { .. } => conflict(
                "plugin.damaged",
                "Remove it and install it again, and find out who changed the file.",
            ),
        }
    }
}

fn sentence(error: &RegistryError) -> String {
    let mut text = error.to_string();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}
