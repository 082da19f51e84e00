//! The labels of metrics.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! labels {
    ($($(#[doc = $doc:literal])+ $name:ident { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)+
        }
    )+};
}

labels! {
    /// A kind of outcome.
    Run { connector: String, mode: &'static str, state: &'static str }
    /// A kind of run.
    RunKind { connector: String, mode: &'static str }
    /// A connector.
    ByConnector { connector: String }
    /// A kind of record.
    Held { connector: String, kind: &'static str }
    /// A secret setting.
    Secret { connector: String, secret: String }
    /// What is kept on disk.
    Store { store: &'static str }
    /// A kind of answer.
    Request { method: &'static str, route: String, status: u16 }
    /// A route.
    Route { route: String }
}

/// A method as a label: whoever asks may make up others.
pub(super) fn method(method: &http::Method) -> &'static str {
    match *method {
        http::Method::GET => "GET",
        http::Method::HEAD => "HEAD",
        http::Method::POST => "POST",
        http::Method::PUT => "PUT",
        http::Method::PATCH => "PATCH",
        http::Method::DELETE => "DELETE",
        http::Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
