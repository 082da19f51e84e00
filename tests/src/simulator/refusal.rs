//! Requests that are refused, with the status and error code that Graph uses.

use std::borrow::Cow;

/// A refused request: status, error code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// 400 `Request_UnsupportedQuery`: understood, but not offered, or only to advanced queries.
    pub(crate) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    /// 400 `Request_BadRequest`.
    pub(crate) fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// 404 `Request_ResourceNotFound`.
    pub(crate) fn not_found(id: &str) -> Self {
        let message = format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(404, "Request_ResourceNotFound", message)
    }

    /// 400 `Directory_ExpiredPageToken`: the listing has to begin again.
    pub(crate) fn page_token() -> Self {
        Self::new(
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your request.",
        )
    }

    /// 403 `Authorization_RequestDenied`.
    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// 401 `InvalidAuthenticationToken`.
    pub(crate) fn unauthenticated(message: &'static str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }
}
