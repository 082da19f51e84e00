//! Why a request didn't bring what was asked for.

use std::error::Error;
use std::io;

use connector_host::api::problem::Problem;
use reqwest::Response;
use reqwest::header::LOCATION;
use url::Url;

use super::failure::Failure;

/// What the server says instead of doing it.
pub(super) async fn refused(server: &Url, has_token: bool, response: Response) -> Failure {
    let status = response.status();
    if status.is_redirection() {
        let to = response.headers().get(LOCATION);
        let to = to.and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
        return Failure::connection(
            format!("{server} leads to {to}, and a token isn't sent to where an answer leads"),
            "Give the right address with --server or CONNECTOR_SERVER.",
        );
    }
    let bytes = response.bytes().await.unwrap_or_default();
    let Ok(mut problem) = serde_json::from_slice::<Problem>(&bytes) else {
        return foreign(server, &format!("{status} without a reason"));
    };
    problem.status = status.as_u16();
    // Other codes, such as that of a server without any user, have remedies of their own.
    if problem.code == "access.sign-in" {
        problem.remedy = Some(
            if has_token {
                "The token may be expired or revoked: put a valid one into CONNECTOR_TOKEN or a --token-file."
            } else {
                "No token was given: put one into the environment variable CONNECTOR_TOKEN, or into a file and \
                 name it with --token-file. An administrator makes one in the settings, or with `token create`."
            }
            .into(),
        );
    }
    Failure::Refused(Box::new(problem))
}

pub(super) fn foreign(server: &Url, what: &str) -> Failure {
    Failure::connection(
        format!("{server} answered {what}"),
        "See whether a connector host is there, and whether --server or CONNECTOR_SERVER is its address.",
    )
}

/// Why a request got no answer.
pub(super) fn unreachable(server: &Url, error: &reqwest::Error) -> Failure {
    let cause = Cause::of(error);
    let why = &cause.why;
    if cause.certificate {
        return Failure::connection(
            format!("{server} shows a certificate that isn't trusted: {why}"),
            "If an authority of your own signed it, name that authority's PEM file with --ca-file.",
        );
    }
    if cause.tls {
        return Failure::connection(
            format!("{server} and this client find no common TLS: {why}"),
            "See whether the port speaks https, or whether --server should say http.",
        );
    }
    if error.is_body() || error.is_decode() {
        return Failure::connection(
            format!("the answer of {server} broke off: {why}"),
            "What came so far is not all of it. Try again; if it fails again, look at the server's log.",
        );
    }
    if error.is_timeout() {
        return Failure::connection(
            format!("{server} didn't answer in time"),
            "Try again; if it fails again, look at the server's log and at what is between.",
        );
    }
    if cause.refused {
        return Failure::connection(
            format!("nothing listens at {server}"),
            "Start the server with `connector-host serve`, or give its address with --server or CONNECTOR_SERVER.",
        );
    }
    Failure::connection(
        format!("{server} can't be reached: {why}"),
        "See whether the name is right and the server up, and whether a firewall or a proxy is between.",
    )
}

/// What lies below an error of the client.
#[derive(Debug, Default)]
struct Cause {
    /// The innermost error.
    why: String,
    certificate: bool,
    tls: bool,
    refused: bool,
}

impl Cause {
    fn of(error: &reqwest::Error) -> Self {
        let mut found = Self::default();
        found.look(error);
        found
    }

    fn look(&mut self, error: &(dyn Error + 'static)) {
        self.why = error.to_string();
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            self.tls = true;
            self.certificate = matches!(error, rustls::Error::InvalidCertificate(_));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            self.refused |= error.kind() == io::ErrorKind::ConnectionRefused;
            // The `source` of such an error leaves out what it wraps.
            if let Some(inner) = error.get_ref() {
                return self.look(inner);
            }
        }
        if let Some(source) = error.source() {
            self.look(source);
        }
    }
}
