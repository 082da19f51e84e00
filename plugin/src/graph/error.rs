//! What Graph says when it says no.

use std::borrow::Cow;

use serde_json::Value;

use crate::contract::{Fault, FaultKind};
use crate::fault::shown;

/// A conclusive answer other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    /// `error.code` and the codes of the inner errors, outermost first. To decide.
    pub(crate) codes: Vec<String>,
    /// To show.
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
}

/// Codes with which Graph asks for a full round, compared without case.
const RESYNC: [&str; 4] = [
    "syncStateNotFound",
    "resyncRequired",
    "resyncApplyDifferences",
    "resyncUploadDifferences",
];

/// Codes of a page link that has grown too old.
const EXPIRED_PAGE: [&str; 2] = [
    "Directory_ExpiredPageToken",
    "DirectoryPageTokenNotFoundException",
];

impl GraphError {
    pub(crate) fn decode(status: u16, body: &[u8], header_id: Option<&str>) -> Self {
        let mut error = Self {
            status,
            codes: Vec::new(),
            message: String::new(),
            request_id: header_id.map(shown),
        };
        let envelope = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let mut level = envelope.get("error");
        // Inner errors nest; nobody needs more than a few of them.
        for _ in 0..8 {
            let Some(detail) = level else { break };
            let text = |name: &str| {
                detail
                    .get(name)
                    .and_then(Value::as_str)
                    .filter(|text| !text.is_empty())
                    .map(shown)
            };
            error.codes.extend(text("code"));
            if error.message.is_empty() {
                error.message = text("message").unwrap_or_default();
            }
            error.request_id = text("request-id").or(error.request_id);
            // Microsoft spells the member both ways.
            level = detail
                .get("innerError")
                .or_else(|| detail.get("innererror"));
        }
        error
    }

    pub(crate) fn code(&self) -> Option<&str> {
        self.codes.first().map(String::as_str)
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own.eq_ignore_ascii_case(code))
    }

    /// The delta token is of no use any more: 410 with any body, or 400 or 404 with one of the
    /// codes. Any other 400 is a mistake of ours, and reading everything again would not mend it.
    pub(crate) fn token_expired(&self) -> bool {
        match self.status {
            410 => true,
            400 | 404 => RESYNC.iter().any(|code| self.is(code)),
            _ => false,
        }
    }

    /// The listing has to be started again.
    pub(crate) fn page_expired(&self) -> bool {
        matches!(self.status, 400 | 404) && EXPIRED_PAGE.iter().any(|code| self.is(code))
    }

    /// The object, addressed by its id, is not there. A 404 without this code may come from
    /// anything on the way.
    pub(crate) fn not_found(&self) -> bool {
        self.status == 404 && (self.is("Request_ResourceNotFound") || self.is("ResourceNotFound"))
    }

    /// For a message: code, text and what the vendor's support asks for.
    pub(crate) fn told(&self) -> String {
        let code = self
            .code()
            .map_or(Cow::Borrowed("without a code"), Cow::Borrowed);
        let mut text = format!("{} {code}", self.status);
        if !self.message.is_empty() {
            text.push_str(": ");
            text.push_str(&self.message);
        }
        if let Some(id) = &self.request_id {
            text.push_str(&format!(" (request-id {id})"));
        }
        text
    }

    /// Word to search for.
    pub(crate) fn fault_code(&self) -> String {
        match self.code() {
            Some(code) => format!("graph.{code}"),
            None => format!("graph.{}", self.status),
        }
    }

    /// The fault for an answer that nobody expected. What a permission or a token would mend is
    /// told apart before this.
    pub(crate) fn unexpected(&self, area: &str) -> Fault {
        Fault::new(
            FaultKind::Protocol,
            self.fault_code(),
            format!("Microsoft Graph refused to give {area}: {}.", self.told()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, code: &str) -> GraphError {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        GraphError::decode(status, body.as_bytes(), None)
    }

    #[test]
    fn every_spelling_of_an_expired_token_is_known() {
        assert!(GraphError::decode(410, b"<html>gone</html>", None).token_expired());
        assert!(GraphError::decode(410, b"", None).token_expired());
        for code in [
            "syncStateNotFound",
            "SyncStateNotFound",
            "resyncRequired",
            "ResyncApplyDifferences",
            "RESYNCUPLOADDIFFERENCES",
        ] {
            assert!(error(400, code).token_expired(), "{code}");
            assert!(error(404, code).token_expired(), "{code}");
        }
    }

    #[test]
    fn any_other_400_is_not_an_expired_token() {
        assert!(!error(400, "Request_BadRequest").token_expired());
        assert!(!error(404, "UnknownError").token_expired());
        assert!(!error(403, "syncStateNotFound").token_expired());
    }

    #[test]
    fn a_code_of_an_inner_error_counts_in_both_spellings() {
        for member in ["innerError", "innererror"] {
            let body = format!(
                r#"{{"error":{{"code":"BadRequest","message":"m","{member}":{{"code":"resyncRequired","request-id":"r-1","date":"2025-02-13T10:17:05"}}}}}}"#
            );
            let error = GraphError::decode(400, body.as_bytes(), None);
            assert!(error.token_expired(), "{member}");
            assert_eq!(error.request_id.as_deref(), Some("r-1"));
            assert_eq!(error.code(), Some("BadRequest"));
        }
    }

    #[test]
    fn only_a_404_with_graphs_own_code_proves_that_an_object_is_not_there() {
        assert!(error(404, "Request_ResourceNotFound").not_found());
        assert!(!GraphError::decode(404, b"not here", None).not_found());
        assert!(!error(403, "Request_ResourceNotFound").not_found());
    }

    #[test]
    fn a_deeply_nested_error_is_read_without_harm() {
        let body = format!("{}{}", r#"{"error":{"code":"x","innerError":"#, "null}}");
        assert_eq!(
            GraphError::decode(400, body.as_bytes(), None).code(),
            Some("x")
        );
        let deep = format!("{}null{}", r#"{"innerError":"#.repeat(500), "}".repeat(500));
        assert_eq!(GraphError::decode(400, deep.as_bytes(), None).code(), None);
    }
}
