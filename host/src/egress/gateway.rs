//! A run's way out.

mod open;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER},
};
use jiff::Timestamp;
use tracing::Instrument;

use super::{
    Limits,
    allow::{Origin, Reach},
    body::{Body, BodyLimits},
    client::Transport,
    credential::{Credential, Grant, Refusal},
    error::{SendError, SendErrorKind},
    gate::{Gate, Pass, Slots, Throttle},
    headers,
    pace::{Landing, QuotaUse, difference},
    scrub::Scrubber,
    usage::{Counters, Usage, route},
};
use crate::journal::{Journal, Level};
use crate::telemetry;

const MOST_WARNINGS: u64 = 20;
/// Shorter waits for a turn are not worth a word.
const NOTABLE_WAIT: Duration = Duration::from_secs(1);
/// How often waits for the quota are told of.
const WORD: Duration = Duration::from_secs(15);
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);

/// An origin of the connection.
struct Door {
    reach: Reach,
    gate: Arc<Gate>,
}

/// A run's way out: checks, authenticates, paces, sends, counts.
///
/// All methods may be called from many tasks at once, and every future may be dropped.
pub struct Gateway {
    doors: BTreeMap<Origin, Door>,
    credential: Credential,
    transport: Arc<Transport>,
    counters: Arc<Counters>,
    slots: Arc<Slots>,
    limits: Limits,
    idle_timeout: Duration,
    cost_header: Option<HeaderName>,
    journal: OnceLock<Arc<Journal>>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Gateway")
            .field("origins", &self.doors.keys().collect::<Vec<_>>())
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

/// A request that has passed the checks.
struct Checked<'a> {
    origin: Origin,
    door: &'a Door,
    cost: Option<u32>,
    head: bool,
    route: String,
    bytes: usize,
    request: reqwest::Request,
}

impl Checked<'_> {
    /// For traces: which kind of request it is, and nothing of what it is about.
    fn span(&self) -> tracing::Span {
        tracing::debug_span!(
            target: telemetry::TARGET,
            "source request",
            otel.name = self.route,
            otel.kind = "client",
            http.request.method = %self.request.method(),
            server.address = %self.origin,
            http.route = self.route,
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
            cost = tracing::field::Empty,
        )
    }
}

impl Gateway {
    /// Sends a guest's request and gives the head of its response; the body follows as a stream.
    /// A redirect is a response like any other.
    ///
    /// Where the quota or a closed window would hold the request for more than half a minute, the
    /// response is one of the host's own: status 429, `Retry-After`, and `x-connector-paced: 1`.
    ///
    /// # Errors
    /// Where the policy refuses the request, a limit is used up, there is no credential, or no
    /// response comes.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, SendError> {
        self.counters.attempt(self.limits.max_requests)?;
        let checked = self
            .check(request)
            .inspect_err(|error| self.note_denial(error))?;
        let span = checked.span();
        let answer = self.carry(checked).instrument(span.clone()).await;
        match &answer {
            Ok(answer) => span.record("http.response.status_code", answer.status().as_u16()),
            Err(error) => span.record("error.type", tracing::field::debug(error.kind())),
        };
        answer
    }

    /// Waits for its turn and sends what has passed the checks.
    async fn carry(&self, mut checked: Checked<'_>) -> Result<http::Response<Body>, SendError> {
        self.credential
            .prepare(&checked.origin)
            .await
            .map_err(|refusal| SendError::new(SendErrorKind::Credential, refusal.to_string()))?;
        let arrived = Instant::now();
        let pass = match checked.door.gate.enter(checked.cost).await {
            Ok(pass) => pass,
            Err(wait) => {
                self.counters.paced();
                self.tell_of_wait(&checked.origin, wait, "is put off for");
                return Ok(paced(wait));
            }
        };
        let waited = arrived.elapsed();
        if waited >= NOTABLE_WAIT {
            self.tell_of_wait(&checked.origin, waited, "waited");
        }
        let token = self
            .credential
            .attach(&checked.origin, checked.request.headers_mut());
        self.counters
            .sent(std::mem::take(&mut checked.route), checked.bytes);
        let (origin, reach, head) = (checked.origin, checked.door.reach, checked.head);
        match self
            .transport
            .exchange(&origin, reach, checked.request)
            .await
        {
            Ok(response) => {
                if response.status() == StatusCode::UNAUTHORIZED {
                    token.iter().for_each(|token| token.refuse());
                }
                self.receive(&origin, reach, head, pass, response)
            }
            Err(error) => {
                let landing = match error.kind() {
                    SendErrorKind::Denied
                    | SendErrorKind::DnsError
                    | SendErrorKind::ConnectionRefused
                    | SendErrorKind::ConnectionTimeout
                    | SendErrorKind::TlsError => Landing::NotSent,
                    _ => Landing::Lost,
                };
                let cost = if landing == Landing::Lost {
                    pass.estimate()
                } else {
                    0
                };
                self.counters.ended(None, cost);
                self.note_denial(&error);
                pass.land(None, landing);
                tracing::debug!(%origin, %error, "no response");
                Err(error)
            }
        }
    }

    /// Tells a run's journal of pauses that the services ask for and of waits for the quota.
    pub(crate) fn tell(&self, journal: Arc<Journal>) {
        // A gateway is of one run, which has one journal.
        let _ = self.journal.set(journal);
    }

    fn tell_of_wait(&self, origin: &Origin, wait: Duration, what: &str) {
        let Some(journal) = self.journal.get() else {
            return;
        };
        journal.note_seldom("turn", WORD, Level::Info, || {
            let seconds = wait.as_secs_f64();
            format!("A request to {origin} {what} {seconds:.1} s until it was its turn, by the quota or the service's pause")
        });
    }

    fn tell_of_pause(&self, origin: &Origin, status: StatusCode, pause: Option<Duration>) {
        let Some(journal) = self.journal.get() else {
            return;
        };
        let asks = match pause {
            Some(pause) => format!("asks for a pause of {} s", pause.as_secs()),
            None => "asks for a pause".to_owned(),
        };
        journal.note(
            Level::Warn,
            &format!("{origin} answered {} and {asks}", status.as_u16()),
        );
    }

    /// Makes sure that a token is ready; many callers share the request.
    ///
    /// # Errors
    /// What the authority answered instead.
    pub async fn ready(&self) -> Result<Grant, Refusal> {
        self.credential.ready().await
    }

    /// Gets a new token, unless that has been done within the last ten seconds and the source has not answered 401
    /// to it since.
    ///
    /// # Errors
    /// What the authority answered instead.
    pub async fn renew(&self) -> Result<Grant, Refusal> {
        self.credential.renew().await
    }

    /// Corrects what the latest request with this estimated cost is counted for.
    pub fn settle(&self, estimated: u32, actual: u32) {
        let latest = self
            .doors
            .values()
            .filter_map(|door| door.gate.unsettled(estimated).map(|at| (at, &door.gate)))
            .max_by_key(|(at, _)| *at);
        let corrected = latest.and_then(|(_, gate)| gate.settle(estimated, actual));
        let change = corrected.unwrap_or_else(|| {
            let change = difference(u64::from(estimated), u64::from(actual));
            // The request is forgotten already: only what is missing can still be counted.
            if let (Some(door), Ok(missing)) = (self.doors.values().next(), u64::try_from(change)) {
                door.gate.surcharge(missing);
            }
            change
        });
        self.counters.settled(change);
    }

    /// What has been done so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut usage = self.counters.usage();
        usage.in_flight_peak = self.slots.peak();
        usage.seconds_waited = self
            .doors
            .values()
            .map(|door| door.gate.waited())
            .sum::<Duration>()
            .as_secs_f64();
        usage
    }

    /// What requests are waiting for now, if any are: the longest wait of all origins.
    #[must_use]
    pub fn throttle_state(&self) -> Option<Throttle> {
        self.doors
            .values()
            .filter_map(|door| door.gate.throttle())
            .max_by_key(|throttle| throttle.until)
    }

    /// How much of the quota is used, of the origin where that is the most; nothing where there is none.
    #[must_use]
    pub fn quota_state(&self) -> Option<QuotaUse> {
        self.doors
            .values()
            .filter_map(|door| door.gate.quota())
            // An operator's word for none.
            .filter(|quota| quota.units < u64::from(u32::MAX))
            .max_by_key(|quota| quota.used)
    }

    #[cfg(test)]
    pub(super) fn hides(&self, text: &str) -> bool {
        self.credential.patterns().occur_in(text.as_bytes())
    }

    fn check(&self, request: http::Request<Bytes>) -> Result<Checked<'_>, SendError> {
        let (parts, body) = request.into_parts();
        headers::method(&parts.method)?;
        let (origin, url) = headers::target(&parts.uri)?;
        let Some(door) = self.doors.get(&origin) else {
            let known: Vec<_> = self.doors.keys().map(ToString::to_string).collect();
            return Err(SendError::denied(format!(
                "requests to {origin} are not allowed: the connection reaches {} and nothing else",
                if known.is_empty() {
                    "no origin".to_owned()
                } else {
                    known.join(", ")
                },
            )));
        };
        if body.len() > self.limits.max_request_bytes {
            return Err(SendError::new(
                SendErrorKind::RequestTooLarge,
                format!(
                    "the request's body is larger than {} bytes",
                    self.limits.max_request_bytes
                ),
            ));
        }
        let (headers, cost) = headers::request(parts.headers, &origin, body.len())?;
        let route = route(&parts.method, url.path());
        let (head, bytes) = (parts.method == Method::HEAD, body.len());
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        } else if matches!(
            *request.method(),
            Method::POST | Method::PUT | Method::PATCH
        ) {
            // Some servers insist on it, and the client leaves it out.
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(Checked {
            origin,
            door,
            cost,
            head,
            route,
            bytes,
            request,
        })
    }

    fn note_denial(&self, error: &SendError) {
        if error.kind() == SendErrorKind::Denied {
            // A guest that keeps trying shall not fill the log.
            if self.counters.denied() <= MOST_WARNINGS {
                tracing::warn!(%error, "request refused");
            }
        }
    }

    fn receive(
        &self,
        origin: &Origin,
        reach: Reach,
        head: bool,
        pass: Pass,
        response: reqwest::Response,
    ) -> Result<http::Response<Body>, SendError> {
        let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let cost = headers::cost(&parts.headers, self.cost_header.as_ref());
        let landing = match parts.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Landing::Throttled {
                pause: headers::retry_after(&parts.headers, Timestamp::now()),
            },
            _ => Landing::Answered,
        };
        self.counters
            .ended(Some(parts.status), cost.map_or(pass.estimate(), u64::from));
        tracing::Span::current().record("cost", cost);
        let (slot, first) = pass.land(cost, landing);
        if first {
            if let Landing::Throttled { pause } = landing {
                self.tell_of_pause(origin, parts.status, pause);
            }
            tracing::debug!(%origin, status = parts.status.as_u16(), "the service asks for a pause");
            if parts.status == StatusCode::SERVICE_UNAVAILABLE {
                self.transport.refresh(reach);
            }
        }
        let declared = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if !head && declared.is_some_and(|length| length > self.limits.max_response_bytes) {
            return Err(SendError::new(
                SendErrorKind::BodyTooLarge,
                format!(
                    "{origin}: the response is larger than {} bytes",
                    self.limits.max_response_bytes
                ),
            ));
        }
        // Scrubbing can't see into an encoding, and none but the client's own was asked for.
        let encoding = parts.headers.get(CONTENT_ENCODING);
        if !head
            && encoding
                .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            return Err(SendError::new(
                SendErrorKind::Other,
                format!("{origin}: the response has a content encoding that was not asked for"),
            ));
        }
        let patterns = self.credential.patterns();
        headers::response(&mut parts.headers, &patterns);
        let limits = BodyLimits {
            bytes: self.limits.max_response_bytes,
            total_bytes: self.limits.max_total_response_bytes,
            idle: self.idle_timeout,
        };
        let body = Body::new(
            body,
            Scrubber::new(patterns),
            Arc::clone(&self.counters),
            slot,
            limits,
        );
        // The connection's own data stay behind with the extensions.
        let mut answer = http::Response::new(body);
        *answer.status_mut() = parts.status;
        *answer.headers_mut() = parts.headers;
        Ok(answer)
    }
}

/// The host's own answer instead of a long wait.
fn paced(wait: Duration) -> http::Response<Body> {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let mut answer = http::Response::new(Body::empty());
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = answer.headers_mut();
    headers.insert(headers::PACED, HeaderValue::from_static("1"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(
        RETRY_AFTER,
        HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)),
    );
    answer
}

#[cfg(test)]
mod tests;
