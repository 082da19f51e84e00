//! What can go wrong on the way out, for the operator who reads it and for the code that acts on it.

use std::{error::Error, io, path::PathBuf};

use super::{
    allow::{Origin, OriginError},
    certificate::CertificateError,
    federated::TokenFileError,
    resolve::ResolveError,
};

/// Why no gateway could be made. Every message is for an operator or administrator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// The connection wants to reach an origin that isn't allowed.
    #[error(
        "the origin {origin} is not allowed: {reason}; to allow it nevertheless, add `--allow-origin {origin}`"
    )]
    Origin {
        /// The origin.
        origin: Origin,
        /// Which rule refuses it.
        reason: &'static str,
    },
    /// A text of the connection names no origin.
    #[error("the connection's {what} can't be used: {source}")]
    Address {
        /// Where the text stands.
        what: &'static str,
        /// What is wrong with it.
        source: OriginError,
    },
    /// A declared host isn't a plain host name.
    #[error("the plugin declares the host {host:?}, which isn't a plain host name")]
    Declaration {
        /// As it was declared.
        host: String,
    },
    /// A secret setting that the connection refers to has no value.
    #[error("the secret setting `{key}` has no value")]
    MissingSecret {
        /// The setting's key.
        key: String,
    },
    /// A secret can't be sent as it is.
    #[error("the secret setting `{key}` can't be used: {reason}")]
    BadSecret {
        /// The setting's key.
        key: String,
        /// What is wrong with it; never the value.
        reason: &'static str,
    },
    /// The client's certificate can't prove it.
    #[error("the secret setting `{key}` can't be used: {source}")]
    Certificate {
        /// Key of the secret setting to correct.
        key: String,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The file with the client's federated token can't be used.
    #[error("the file that the setting `{key}` names can't be used: {source}")]
    TokenFile {
        /// Key of the setting.
        key: String,
        /// What is wrong with it.
        source: TokenFileError,
    },
    /// Something that this version can't do.
    #[error("{0}")]
    Unsupported(String),
    /// Numbers of the quota that can't be paced by.
    #[error("the connection's quota can't be used: {0}")]
    Quota(&'static str),
    /// A file with certificate authorities can't be used.
    #[error("the CA file {} can't be used: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The proxy can't be used.
    #[error("the proxy can't be used: {0}")]
    Proxy(&'static str),
    /// The HTTP client could not be made.
    #[error("no HTTP client could be made: {0}")]
    Client(String),
}

/// What a failure means to a guest; each has a counterpart among the error codes of `wasi:http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The policy refuses it.
    Denied,
    /// The name doesn't resolve.
    DnsError,
    /// Nobody listens there, or no way leads there.
    ConnectionRefused,
    /// No connection in time.
    ConnectionTimeout,
    /// The connection ended early.
    ConnectionTerminated,
    /// No trusted TLS connection.
    TlsError,
    /// No answer in time, or a pause inside one that is too long.
    ResponseTimeout,
    /// The request's body is too large.
    RequestTooLarge,
    /// The response's body is too large.
    BodyTooLarge,
    /// The run has used up one of its limits.
    LimitExceeded,
    /// There is no credential to send it with.
    Credential,
    /// Anything else.
    Other,
}

/// Why a request has no response.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    kind: SendErrorKind,
    message: String,
}

impl SendError {
    pub(super) fn new(kind: SendErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(SendErrorKind::Denied, message)
    }

    /// What it means to the guest.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// Names the cause of a transport error, without the URL: its query may hold personal data.
    pub(super) fn transport(origin: &Origin, error: &reqwest::Error) -> Self {
        let (kind, cause) = classify(error);
        Self::new(kind, format!("{origin}: {cause}"))
    }
}

/// Why a response's body ended early.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Larger than one response may be, after decompression.
    #[error("the response is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// All responses together are larger than they may be.
    #[error("the responses together are larger than {limit} bytes")]
    TotalTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Nothing came for too long.
    #[error("the response paused for more than {seconds} seconds")]
    Idle {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The connection or the encoding broke.
    #[error("the response broke off: {0}")]
    Broken(String),
}

impl BodyError {
    /// What it means to the guest.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        match self {
            Self::TooLarge { .. } => SendErrorKind::BodyTooLarge,
            Self::TotalTooLarge { .. } => SendErrorKind::LimitExceeded,
            Self::Idle { .. } => SendErrorKind::ResponseTimeout,
            Self::Broken(_) => SendErrorKind::ConnectionTerminated,
        }
    }

    pub(super) fn transport(error: &reqwest::Error) -> Self {
        Self::Broken(classify(error).1)
    }
}

/// Finds the cause that matters in a chain of errors.
fn classify(error: &reqwest::Error) -> (SendErrorKind, String) {
    let mut last = None;
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(found) = known(cause) {
            return found;
        }
        if !cause.is::<reqwest::Error>() {
            last = Some(cause.to_string());
        }
        next = cause.source();
    }
    let cause = last.unwrap_or_else(|| "the request failed".to_owned());
    if error.is_connect() && error.is_timeout() {
        (
            SendErrorKind::ConnectionTimeout,
            "no connection in time".to_owned(),
        )
    } else if error.is_timeout() {
        (
            SendErrorKind::ResponseTimeout,
            "no answer in time".to_owned(),
        )
    } else if error.is_connect() {
        (SendErrorKind::ConnectionRefused, cause)
    } else if error.is_body() || error.is_decode() || error.is_request() {
        (SendErrorKind::ConnectionTerminated, cause)
    } else {
        (SendErrorKind::Other, cause)
    }
}

fn known(cause: &(dyn Error + 'static)) -> Option<(SendErrorKind, String)> {
    if let Some(error) = cause.downcast_ref::<ResolveError>() {
        let kind = match error {
            ResolveError::Private { .. } => SendErrorKind::Denied,
            ResolveError::Failed { .. } | ResolveError::Empty { .. } => SendErrorKind::DnsError,
        };
        return Some((kind, error.to_string()));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some((
            SendErrorKind::TlsError,
            format!("no trusted TLS connection: {error}"),
        ));
    }
    let error = cause.downcast_ref::<io::Error>()?;
    // The `source` of such an error leaves out what it wraps.
    if let Some(found) = error.get_ref().and_then(|inner| known(inner)) {
        return Some(found);
    }
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => SendErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => SendErrorKind::ConnectionTerminated,
        _ => return None,
    };
    Some((kind, error.to_string()))
}
