//! What a gateway has done, for reports.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Method, StatusCode};
use serde::Serialize;

use super::error::{SendError, SendErrorKind};

/// More routes than these are counted together.
const MOST_ROUTES: usize = 200;
const OTHER_ROUTES: &str = "other";

/// What a gateway has done so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Usage {
    /// Requests that the plugin tried, refused ones included.
    pub attempts: u64,
    /// Requests that left, without those for tokens.
    pub requests: u64,
    /// The same by method and path, with identifiers collapsed to `{id}`.
    pub requests_by_route: BTreeMap<String, u64>,
    /// Requests for tokens.
    pub token_requests: u64,
    /// What the requests did cost in units of the vendor's quota, or one each where it isn't told.
    pub resource_units: u64,
    /// Bytes of request bodies.
    pub bytes_sent: u64,
    /// Bytes of response bodies after decompression.
    pub bytes_received: u64,
    /// Bytes of the largest of them.
    pub largest_response: u64,
    /// Requests without an answer, and answers with a status of 500 and above.
    pub failed: u64,
    /// Answers with status 429.
    pub throttled: u64,
    /// Requests that the host answered itself because the wait was too long.
    pub paced: u64,
    /// Requests that the policy refused.
    pub denied: u64,
    /// Seconds for which the quota or a closed window held requests back. What many requests
    /// waited for together counts once.
    pub seconds_waited: f64,
    /// The most requests that were in flight at once.
    pub in_flight_peak: usize,
}

impl Usage {
    /// [`Usage::seconds_waited`] in whole milliseconds.
    #[must_use]
    pub fn milliseconds_waited(&self) -> u64 {
        let waited = Duration::try_from_secs_f64(self.seconds_waited).unwrap_or_default();
        u64::try_from(waited.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The numbers behind it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    tally: Mutex<Usage>,
    attempts: AtomicU64,
    received: AtomicU64,
    largest: AtomicU64,
}

impl Counters {
    fn tally(&self) -> MutexGuard<'_, Usage> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an attempt, also one that will be refused: refusals must not be free.
    pub(super) fn attempt(&self, limit: u64) -> Result<(), SendError> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok(());
        }
        Err(SendError::new(
            SendErrorKind::LimitExceeded,
            format!("the limit of {limit} requests is used up"),
        ))
    }

    /// Counts a refusal; gives their number so far.
    pub(super) fn denied(&self) -> u64 {
        let mut tally = self.tally();
        tally.denied += 1;
        tally.denied
    }

    pub(super) fn paced(&self) {
        self.tally().paced += 1;
    }

    pub(super) fn token_request(&self) {
        self.tally().token_requests += 1;
    }

    pub(super) fn sent(&self, route: String, bytes: usize) {
        let mut tally = self.tally();
        tally.requests += 1;
        tally.bytes_sent += u64::try_from(bytes).unwrap_or(u64::MAX);
        let known = tally.requests_by_route.len() < MOST_ROUTES
            || tally.requests_by_route.contains_key(&route);
        let route = if known {
            route
        } else {
            OTHER_ROUTES.to_owned()
        };
        *tally.requests_by_route.entry(route).or_default() += 1;
    }

    /// An answer came with this status, or (`None`) none did.
    pub(super) fn ended(&self, status: Option<StatusCode>, cost: u64) {
        let mut tally = self.tally();
        tally.resource_units = tally.resource_units.saturating_add(cost);
        if status.is_none_or(|status| status.is_server_error()) {
            tally.failed += 1;
        }
        if status == Some(StatusCode::TOO_MANY_REQUESTS) {
            tally.throttled += 1;
        }
    }

    pub(super) fn settled(&self, difference: i64) {
        let mut tally = self.tally();
        tally.resource_units = tally.resource_units.saturating_add_signed(difference);
    }

    /// Counts more bytes of a body, of which there are `body` by now; gives those of all bodies so far.
    pub(super) fn received(&self, bytes: u64, body: u64) -> u64 {
        self.largest.fetch_max(body, Ordering::Relaxed);
        self.received
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes)
    }

    pub(super) fn usage(&self) -> Usage {
        let mut usage = self.tally().clone();
        usage.attempts = self.attempts.load(Ordering::Relaxed);
        usage.bytes_received = self.received.load(Ordering::Relaxed);
        usage.largest_response = self.largest.load(Ordering::Relaxed);
        usage
    }
}

/// Method and path, with what looks like an identifier collapsed, so that a report neither grows
/// with the source nor tells who is in it.
pub(super) fn route(method: &Method, path: &str) -> String {
    let mut route = format!("{method} ");
    let mut segments = path.split('/').skip(1).peekable();
    if segments.peek().is_none() {
        route.push('/');
    }
    for segment in segments.take(12) {
        route.push('/');
        match segment.split_once('(') {
            // A function or key: `users('a')`, `delta(token='a')`.
            Some((name, _)) if is_word(name) => {
                route.push_str(name);
                route.push_str("({id})");
            }
            None if segment.is_empty() || is_word(segment) => route.push_str(segment),
            _ => route.push_str("{id}"),
        }
    }
    route
}

/// Whether a path's segment is a word of an interface: `groups`, `v1.0`, `$batch`, `getByIds`,
/// `contoso.directory.user`.
fn is_word(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let begins = segment.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$');
    let plain = segment
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'$'));
    begins && plain && digits <= 3 && segment.len() <= 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_keep_words_and_collapse_identifiers() {
        for (path, expected) in [
            ("/v1.0/groups", "/v1.0/groups"),
            ("/v1.0/$batch", "/v1.0/$batch"),
            (
                "/v1.0/groups/02bd9fd6-8f93-4758-87c3-1fb73740a315/members",
                "/v1.0/groups/{id}/members",
            ),
            (
                "/v1.0/groups/17/members/contoso.directory.user",
                "/v1.0/groups/{id}/members/contoso.directory.user",
            ),
            ("/users/ada@contoso.example", "/users/{id}"),
            ("/users/ada%40contoso.example", "/users/{id}"),
            ("/users('ada')", "/users({id})"),
            ("/delta(token='x')", "/delta({id})"),
            ("/scim/v2/Users/2819c223", "/scim/v2/Users/{id}"),
            (
                "/x/aHR0cHM6Ly9jb250b3NvLmV4YW1wbGUvbG9uZy1vcGFxdWU",
                "/x/{id}",
            ),
            ("/", "/"),
        ] {
            assert_eq!(route(&Method::GET, path), format!("GET {expected}"));
        }
    }

    #[test]
    fn the_number_of_routes_is_bounded() {
        let counters = Counters::default();
        for first in 'a'..='z' {
            for second in 'a'..='z' {
                counters.sent(format!("GET /{first}{second}"), 0);
            }
        }
        let usage = counters.usage();
        assert_eq!(usage.requests_by_route.len(), MOST_ROUTES + 1);
        assert_eq!(usage.requests_by_route.values().sum::<u64>(), 26 * 26);
    }

    #[test]
    fn refused_attempts_use_up_the_limit_too() {
        let counters = Counters::default();
        assert!(counters.attempt(1).is_ok());
        assert_eq!(
            counters.attempt(1).unwrap_err().kind(),
            SendErrorKind::LimitExceeded
        );
    }
}
