//! Optimistic locking: a resource's revision is its ETag, and a change names the revision that it is about.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;

/// The revision that a change is about: `If-Match` with an ETag, or `*` for whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// Whichever it is.
    Any,
    /// This one.
    Revision(i64),
}

impl IfMatch {
    /// The revision that is named; none where any will do.
    #[must_use]
    pub fn named(self) -> Option<i64> {
        match self {
            Self::Any => None,
            Self::Revision(revision) => Some(revision),
        }
    }

    /// Whether a resource of this revision may be changed.
    ///
    /// # Errors
    /// Where somebody else has changed it meanwhile.
    pub fn check(self, revision: i64) -> Result<(), Problem> {
        match self {
            Self::Revision(seen) if seen != revision => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "request.changed-meanwhile",
                format!("It has been changed meanwhile: revision {seen} was named, {revision} is current."),
            )
            .remedy("Read it again, and repeat the change if it still makes sense.")),
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "request.if-match",
                "A change must name the revision that it is about.",
            )
            .remedy("Send `If-Match` with the ETag that the resource was read with, or `*`."));
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let number = text.trim_start_matches("W/").trim_matches('"');
        // An ETag that isn't one of ours is that of no revision.
        Ok(Self::Revision(number.parse().unwrap_or(-1)))
    }
}

/// A resource with its revision as ETag.
#[derive(Debug)]
pub struct Tagged<T>(pub i64, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.1).into_response();
        response.headers_mut().insert(header::ETAG, etag(self.0));
        response
    }
}

fn etag(revision: i64) -> HeaderValue {
    // Digits in quotes are always a header value.
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A resource that was made: where it is, its revision as ETag, and itself.
#[derive(Debug)]
pub struct Created<T>(pub String, pub i64, pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Tagged(self.1, self.2)).into_response();
        if let Ok(location) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}
