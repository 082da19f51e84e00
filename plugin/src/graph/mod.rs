//! The client: one request at a time, retried within bounds, with errors decoded.
//!
//! Pacing belongs to the host: it holds requests back and closes the origin after a 429. What
//! is decided here is only whether to ask again or to give the call up with a fault that says
//! who must act.

pub(crate) mod batch;
pub(crate) mod entra;
pub(crate) mod error;
pub(crate) mod transport;
pub(crate) mod url;
pub(crate) mod walk;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::contract::{Fault, FaultKind, Stream};
use crate::fault::shown;
use crate::settings::Settings;

use entra::Grant;
use error::GraphError;
use transport::{Method, Request, Response, SendError, Transport};

/// Response header that tells what a request did cost.
pub(crate) const COST_HEADER: &str = "x-ms-resource-unit";
/// Request header that tells the host what a request will cost.
const ESTIMATE_HEADER: &str = "x-connector-cost";

/// Tries after an answer or a failure that may pass by itself.
const TROUBLES: u32 = 4;
/// Tries after a 429 that didn't ask for a long wait.
const THROTTLES: u32 = 8;
/// Longest wait, alone or summed up, that a call sits out before it gives itself back to the
/// host, which waits without holding an instance.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Why a request gave no answer to work with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A conclusive answer, for the caller to judge.
    Graph(GraphError),
    /// Nothing to judge.
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a request reads, for messages and for the permission that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    Groups,
    Members,
    Users,
}

impl Area {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Members => "members of groups",
            Self::Users => "users",
        }
    }

    /// The least permission that every call of the area is documented to accept.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Groups | Self::Members => "GroupMember.Read.All",
            Self::Users => "User.Read.All",
        }
    }
}

/// Sends requests to Graph.
pub(crate) struct Client<'a> {
    transport: &'a mut dyn Transport,
    pub(crate) settings: &'a Settings,
    renewed: bool,
    grant: Option<Grant>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(transport: &'a mut dyn Transport, settings: &'a Settings) -> Self {
        Self {
            transport,
            settings,
            renewed: false,
            grant: None,
        }
    }

    /// URL of a path under the version of Graph that everything here uses.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v1.0{path}", self.settings.graph)
    }

    pub(crate) fn log(&mut self, level: transport::Level, message: &str) {
        self.transport.log(level, message);
    }

    /// Time by a clock that never goes back.
    pub(crate) fn now(&mut self) -> Duration {
        self.transport.now()
    }

    /// What the credential grants; a token is fetched if none is ready.
    pub(crate) fn grant(&mut self) -> Result<&Grant, Fault> {
        let grant = match self.grant.take() {
            Some(grant) => grant,
            None => self
                .transport
                .ready()
                .map_err(|refusal| entra::explain(&refusal, self.settings))?,
        };
        Ok(self.grant.insert(grant))
    }

    /// Whether the token names a permission that reveals hidden memberships.
    pub(crate) fn sees_hidden_members(&mut self) -> Result<bool, Fault> {
        Ok(self
            .grant()?
            .roles
            .iter()
            .any(|role| role == "Member.Read.Hidden"))
    }

    pub(crate) fn get(&mut self, url: &str, cost: u32) -> Result<Response, Failure> {
        self.exchange(Method::Get, url, None, cost)
    }

    pub(crate) fn post(
        &mut self,
        url: &str,
        body: Vec<u8>,
        cost: u32,
    ) -> Result<Response, Failure> {
        self.exchange(Method::Post, url, Some(body), cost)
    }

    /// Corrects the host's count after a batch, by what its parts did cost.
    pub(crate) fn settle(&mut self, counted: u32, actual: u32) {
        if counted != actual {
            self.transport.settle(counted, actual);
        }
    }

    fn exchange(
        &mut self,
        method: Method,
        url: &str,
        body: Option<Vec<u8>>,
        cost: u32,
    ) -> Result<Response, Failure> {
        let mut troubles = 0;
        let mut throttles = 0;
        let mut waited = Duration::ZERO;
        loop {
            let request = self.request(method, url, body.clone(), cost);
            let response = match self.transport.send(&request) {
                Ok(response) => response,
                Err(error) => {
                    self.judge_send_error(error, troubles)?;
                    self.pause(troubles);
                    troubles += 1;
                    continue;
                }
            };
            match response.status {
                200..=299 if response.is_json() => return Ok(response),
                200..=299 => {
                    if troubles + 1 >= TROUBLES {
                        return Err(unreadable(&response).into());
                    }
                    self.pause(troubles);
                    troubles += 1;
                }
                401 => self.renew(&response)?,
                429 | 503 if response.status == 429 || response.header("retry-after").is_some() => {
                    let asked = retry_after(response.header("retry-after"));
                    waited += asked.unwrap_or_default();
                    throttles += 1;
                    if waited > PATIENCE || throttles >= THROTTLES {
                        return Err(throttled(asked).into());
                    }
                    // With a time to wait, the host holds the next request back for as long.
                    if asked.is_none() {
                        self.pause(throttles);
                    }
                }
                300..=399 => {
                    return Err(Fault::protocol(
                        "graph.redirect",
                        format!(
                            "{} answered with a redirect, which Microsoft Graph never does.",
                            self.settings.graph
                        ),
                    )
                    .with_remedy("Check `graphEndpoint` and any proxy on the way.")
                    .into());
                }
                status => {
                    let error =
                        GraphError::decode(status, &response.body, response.header("request-id"));
                    if !passes_by_itself(&error) {
                        return Err(Failure::Graph(error));
                    }
                    if troubles + 1 >= TROUBLES {
                        return Err(Fault::new(
                            FaultKind::Transient,
                            error.fault_code(),
                            format!("Microsoft Graph has trouble of its own: {}.", error.told()),
                        )
                        .into());
                    }
                    self.pause(troubles);
                    troubles += 1;
                }
            }
        }
    }

    fn request(&mut self, method: Method, url: &str, body: Option<Vec<u8>>, cost: u32) -> Request {
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            (
                "client-request-id",
                guid(self.transport.random(), self.transport.random()),
            ),
            (ESTIMATE_HEADER, cost.to_string()),
        ];
        if let Some(body) = &body {
            headers.push(("content-type", "application/json".to_owned()));
            headers.push(("content-length", body.len().to_string()));
        }
        Request {
            method,
            url: url.to_owned(),
            headers,
            body,
        }
    }

    /// The host refuses a request as well when it has no token for it, and only the credentials
    /// tell that apart from a broken line.
    fn judge_send_error(&mut self, error: SendError, troubles: u32) -> Result<(), Fault> {
        if let SendError::TooLarge(limit) = error {
            return Err(Fault::protocol(
                "graph.too-large",
                format!("An answer of Microsoft Graph is longer than {limit} bytes."),
            ));
        }
        if let Err(refusal) = self.transport.ready() {
            return Err(entra::explain(&refusal, self.settings));
        }
        match error {
            SendError::Denied(cause) => Err(Fault::new(
                FaultKind::Configuration,
                "graph.denied",
                format!(
                    "The host does not let requests out to {}: {}",
                    self.settings.graph,
                    shown(&format!("{cause:#}"))
                ),
            )
            .with_remedy("Let the operator allow this origin.")),
            SendError::Failed(cause) if troubles + 1 >= TROUBLES => Err(Fault::new(
                FaultKind::Transient,
                "graph.unreachable",
                format!(
                    "No answer from {}: {}",
                    self.settings.graph,
                    shown(&format!("{cause:#}"))
                ),
            )),
            SendError::Failed(_) | SendError::TooLarge(_) => Ok(()),
        }
    }

    fn renew(&mut self, response: &Response) -> Result<(), Fault> {
        let error = GraphError::decode(401, &response.body, response.header("request-id"));
        if self.renewed {
            return Err(Fault::new(
                FaultKind::Authentication,
                error.fault_code(),
                format!(
                    "Microsoft Graph does not accept a fresh token: {}.",
                    error.told()
                ),
            )
            .with_remedy("Check that tenant and cloud belong together."));
        }
        self.renewed = true;
        self.refresh()
    }

    /// Gets a new token after Graph refused the one in use.
    pub(crate) fn refresh(&mut self) -> Result<(), Fault> {
        self.grant = None;
        match self.transport.renew() {
            Ok(grant) => {
                self.grant = Some(grant);
                Ok(())
            }
            Err(refusal) => Err(entra::explain(&refusal, self.settings)),
        }
    }

    /// Waits before another try: longer each time, and never in step with others.
    pub(crate) fn pause(&mut self, tries: u32) {
        let longest = 500_u64.saturating_mul(1 << tries.min(4)).min(5_000);
        let spread = self.transport.random() % (longest / 2 + 1);
        self.transport
            .wait(Duration::from_millis(longest / 2 + spread));
    }

    /// Those of these objects that the host does not hold, each once.
    pub(crate) fn lacking<'i>(&mut self, ids: impl Iterator<Item = &'i str>) -> Vec<&'i str> {
        let ids: Vec<&str> = ids.collect::<BTreeSet<_>>().into_iter().collect();
        if ids.is_empty() {
            return ids;
        }
        let held = self.transport.holds(&ids);
        ids.into_iter()
            .zip(held)
            .filter_map(|(id, held)| (!held).then_some(id))
            .collect()
    }

    /// How many different objects of a stream the run has given so far.
    pub(crate) fn seen(&mut self, stream: Stream) -> u64 {
        self.transport.seen(stream)
    }

    /// Waits for as long as Graph asked.
    pub(crate) fn pause_for(&mut self, time: Duration) {
        if !time.is_zero() {
            self.transport.wait(time.min(PATIENCE));
        }
    }

    /// The fault for a conclusive answer where success was needed.
    pub(crate) fn fault(&mut self, failure: Failure, area: Area) -> Fault {
        match failure {
            Failure::Fault(fault) => fault,
            Failure::Graph(error) if error.status == 403 => self.denied(&error, area),
            Failure::Graph(error) => error.unexpected(area.words()),
        }
    }

    fn denied(&mut self, error: &GraphError, area: Area) -> Fault {
        let permission = area.permission();
        let consent = self.settings.consent_url();
        let roles = self
            .grant()
            .map(|grant| grant.roles.clone())
            .unwrap_or_default();
        let seen = if roles.is_empty() {
            "The token names no permission.".to_owned()
        } else if roles.iter().any(|role| role == permission) {
            "The token names the permission, so a policy of the tenant may stand in the way."
                .to_owned()
        } else {
            format!("The token grants {}.", shown(&roles.join(", ")))
        };
        Fault::new(
            FaultKind::Permission,
            error.fault_code(),
            format!(
                "Microsoft Graph does not let the application read {}, which needs the application permission {permission} ({}). {seen}",
                area.words(),
                error.told(),
            ),
        )
        .with_remedy(format!(
            "Add the Microsoft Graph application permission {permission} to the registration and let an administrator consent: {consent}"
        ))
    }
}

/// Whether the same request may well succeed a moment later.
fn passes_by_itself(error: &GraphError) -> bool {
    match error.status {
        408 | 500 | 502 | 503 | 504 | 509 => true,
        409 => error.is("Directory_ConcurrencyViolation"),
        _ => false,
    }
}

pub(crate) fn throttled(asked: Option<Duration>) -> Fault {
    let milliseconds = asked.map(|asked| u64::try_from(asked.as_millis()).unwrap_or(u64::MAX));
    Fault::new(
        FaultKind::Throttled(milliseconds),
        "graph.429",
        "Microsoft Graph asks to slow down.",
    )
}

fn unreadable(response: &Response) -> Fault {
    let begin: Vec<u8> = response.body.iter().take(80).copied().collect();
    Fault::protocol(
        "graph.unreadable",
        format!(
            "An answer with status {} is cut off or not JSON, and stayed so: `{}`",
            response.status,
            shown(&String::from_utf8_lossy(&begin)),
        ),
    )
    .with_remedy("Look for a proxy that answers in Microsoft Graph's place.")
}

/// An answer that parses, but not into what it should be, is the vendor's; one that doesn't
/// parse was cut or spoilt on the way.
pub(crate) fn malformed(area: Area, error: &serde_json::Error) -> Fault {
    let kind = if error.is_data() {
        FaultKind::Protocol
    } else {
        FaultKind::Transient
    };
    Fault::new(
        kind,
        "graph.malformed",
        format!(
            "A page of {} is not as Microsoft Graph documents it: {error}.",
            area.words()
        ),
    )
}

/// Seconds, possibly with a fraction; an unreadable value counts as a missing one.
pub(crate) fn retry_after(value: Option<&str>) -> Option<Duration> {
    const LONGEST: u64 = 24 * 3600;
    let (seconds, fraction) = match value?.trim().split_once('.') {
        Some((seconds, fraction)) => (seconds, fraction),
        None => (value?.trim(), ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
        return None;
    }
    let whole = seconds.parse::<u64>().unwrap_or(u64::MAX).min(LONGEST);
    // Three digits are milliseconds.
    let milliseconds = fraction
        .bytes()
        .chain(*b"00")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(Duration::from_millis(whole * 1000 + milliseconds))
}

/// A random GUID (version 4).
fn guid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0xc000 << 48)) | (0x8000 << 48);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff,
    )
}

#[cfg(test)]
mod tests;
