//! Faults injected by rule: which requests they hit, and what then goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::odata::decode;
use super::refusal::Refusal;
use super::state::{Call, Delivery, Guarded, Reply};

/// A rule: matching requests are counted, the first `skip` go free, the next `times` are hit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// Regular expression, searched for in the decoded path and query (`/v1.0/groups/…/members?$select=id`).
    pub path: String,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Matching requests that are let through first.
    #[serde(default)]
    pub skip: u64,
    /// Requests that are hit; without it all that follow.
    #[serde(default)]
    pub times: Option<u64>,
    /// Probability with which a request is hit once it is its turn.
    #[serde(default = "always")]
    pub probability: f64,
    /// What goes wrong.
    pub action: FaultAction,
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// Hits every request whose path and query match.
    #[must_use]
    pub fn new(path: impl Into<String>, action: FaultAction) -> Self {
        Self {
            path: path.into(),
            method: None,
            skip: 0,
            times: None,
            probability: 1.0,
            action,
        }
    }

    /// Hits at most this many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets this many requests through first.
    #[must_use]
    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }
}

/// What goes wrong. Those that concern a connection hit whole requests only; all others hit parts of batches too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum FaultAction {
    /// This status. With a `code` the body is a Graph error of that code; with a `body` it is that text.
    Status {
        /// HTTP status.
        status: u16,
        /// Error code of a Graph error body.
        #[serde(default)]
        code: Option<String>,
        /// Body, word for word.
        #[serde(default)]
        body: Option<String>,
        /// Further headers.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// 429, with this `Retry-After` or with none.
    Throttle {
        /// Value of the header, as it is.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 503, with this `Retry-After` or with none.
    Unavailable {
        /// Value of the header, as it is.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 401 `InvalidAuthenticationToken`.
    Unauthenticated,
    /// 400 `Directory_ExpiredPageToken`.
    ExpiredPageToken,
    /// 400 `DirectoryPageTokenNotFoundException`: a page link whose token a retried request has used up.
    PageTokenNotFound,
    /// A part of a batch that is missing from the answer; hits parts only.
    MissingPart,
    /// 200 with a page of HTML, as a proxy in between gives.
    NotJson,
    /// 200 with the right length and JSON that stops in the middle.
    TruncatedJson,
    /// 200, the right length announced, half of the body, then the connection ends.
    CutOff,
    /// Half of the body, then silence.
    StallMidway,
    /// Silence of this many milliseconds, then the answer.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// The connection is reset without an answer.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// `value` is empty, links stay.
    EmptyValue,
    /// Every so many objects one is missing from `value`, the first of the page to begin with; links stay.
    MissingObjects {
        /// 1 leaves none, 2 every other one.
        every: usize,
    },
    /// There is no `value`.
    MissingValue,
    /// `value` is an object.
    ValueNotList,
    /// `@odata.nextLink` and `@odata.deltaLink` both.
    BothLinks,
    /// Neither link.
    NoLinks,
    /// `@odata.nextLink` leads to the very same page.
    LoopingLink,
    /// `@odata.nextLink` leads back to the first page.
    LoopToStart,
    /// `@odata.nextLink` leads to this origin, path and query kept.
    ForeignLink {
        /// Scheme and authority, such as `https://graph.example`.
        origin: String,
    },
    /// 302 to this origin, path and query kept.
    Redirect {
        /// Scheme and authority.
        origin: String,
    },
}

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    pattern: Regex,
    seen: AtomicU64,
    hits: AtomicU64,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults {
    any: AtomicBool,
    rules: Guarded<Vec<Arc<Armed>>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            rules: Guarded::new(Vec::new()),
        }
    }
}

impl Faults {
    pub(crate) fn add(&self, rule: FaultRule) -> Result<(), String> {
        let pattern = Regex::new(&rule.path).map_err(|error| error.to_string())?;
        self.rules.write().push(Arc::new(Armed {
            rule,
            pattern,
            seen: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }));
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.any.store(false, Ordering::Release);
        self.rules.write().clear();
    }

    /// The rules, each with how often it has matched and hit.
    pub(crate) fn list(&self) -> Value {
        let rules = self.rules.read();
        let one = |armed: &Arc<Armed>| json!({"rule": armed.rule, "matched": armed.seen.load(Ordering::Relaxed), "hit": armed.hits.load(Ordering::Relaxed)});
        rules.iter().map(one).collect()
    }

    /// The action that hits a request, if any. `part` is a part of a batch.
    pub(crate) fn strike(
        &self,
        method: &http::Method,
        target: &str,
        part: bool,
    ) -> Option<FaultAction> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let rules = self.rules.read();
        rules
            .iter()
            .find_map(|armed| armed.strike(method, target, part))
    }
}

impl Armed {
    fn strike(&self, method: &http::Method, target: &str, part: bool) -> Option<FaultAction> {
        let rule = &self.rule;
        let method_fits = rule
            .method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()));
        if !method_fits
            || (part && rule.action.needs_connection())
            || (!part && rule.action == FaultAction::MissingPart)
            || !self.pattern.is_match(target)
        {
            return None;
        }
        if self.seen.fetch_add(1, Ordering::Relaxed) < rule.skip
            || fastrand::f64() >= rule.probability
        {
            return None;
        }
        if self.hits.fetch_add(1, Ordering::Relaxed) >= rule.times.unwrap_or(u64::MAX) {
            self.hits.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(rule.action.clone())
    }
}

impl FaultAction {
    fn needs_connection(&self) -> bool {
        matches!(
            self,
            Self::CutOff
                | Self::StallMidway
                | Self::Delay { .. }
                | Self::Reset
                | Self::Close
                | Self::Redirect { .. }
        )
    }

    /// How long to wait before anything else.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self {
            Self::Delay { milliseconds } => Some(Duration::from_millis(*milliseconds)),
            _ => None,
        }
    }

    /// The answer that takes the place of the real one, if this action does not need that.
    pub(crate) fn instead(&self, refuse: impl Fn(&Refusal) -> Reply, call: &Call) -> Option<Reply> {
        Some(match self {
            Self::Status {
                status,
                code,
                body,
                headers,
            } => {
                let mut reply = match (code, body) {
                    (_, Some(body)) => Reply {
                        status: *status,
                        body: body.clone().into_bytes(),
                        ..Reply::default()
                    },
                    (Some(code), None) => coded(*status, code, &refuse),
                    (None, None) => Reply {
                        status: *status,
                        ..Reply::default()
                    },
                };
                reply.headers.extend(
                    headers
                        .iter()
                        .map(|(name, value)| (name.clone().into(), value.clone())),
                );
                reply
            }
            Self::Throttle { retry_after } => {
                let refusal = Refusal::new(429, "TooManyRequests", "Too many requests");
                waiting(refuse(&refusal), retry_after.as_ref())
            }
            Self::Unavailable { retry_after } => {
                let refusal = Refusal::new(
                    503,
                    "serviceNotAvailable",
                    "The service is temporarily unavailable.",
                );
                waiting(refuse(&refusal), retry_after.as_ref())
            }
            Self::Unauthenticated => refuse(&Refusal::unauthenticated(
                "Lifetime validation failed, the token is expired.",
            )),
            Self::ExpiredPageToken => refuse(&Refusal::page_token()),
            Self::PageTokenNotFound => refuse(&Refusal::new(
                400,
                "DirectoryPageTokenNotFoundException",
                "The page token was not found.",
            )),
            Self::MissingPart => Reply {
                delivery: Delivery::Close,
                ..Reply::default()
            },
            Self::NotJson => Reply {
                status: 200,
                content_type: Some("text/html; charset=utf-8".to_owned()),
                body: b"<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>"
                    .to_vec(),
                ..Reply::default()
            },
            Self::Reset => Reply {
                status: 200,
                delivery: Delivery::Reset,
                ..Reply::default()
            },
            Self::Close => Reply {
                status: 200,
                delivery: Delivery::Close,
                ..Reply::default()
            },
            Self::Redirect { origin } => {
                let query = if call.raw_query.is_empty() {
                    String::new()
                } else {
                    format!("?{}", call.raw_query)
                };
                let location = format!("{origin}/v1.0{}{query}", call.path);
                Reply {
                    status: 302,
                    headers: vec![("location".into(), location)],
                    ..Reply::default()
                }
            }
            _ => return None,
        })
    }

    /// Spoils the real answer.
    pub(crate) fn spoil(&self, mut reply: Reply, call: &Call) -> Reply {
        match self {
            Self::TruncatedJson => reply.body.truncate(reply.body.len() / 2),
            Self::CutOff => reply.delivery = Delivery::CutShort,
            Self::StallMidway => reply.delivery = Delivery::StallMidway,
            _ => {
                if let Ok(mut page) = serde_json::from_slice::<Value>(&reply.body)
                    && let Some(fields) = page.as_object_mut()
                {
                    self.edit(fields, call);
                    reply.body = page.to_string().into_bytes();
                }
            }
        }
        reply
    }

    fn edit(&self, page: &mut serde_json::Map<String, Value>, call: &Call) {
        const NEXT: &str = "@odata.nextLink";
        const DELTA: &str = "@odata.deltaLink";
        let own = format!("{}/v1.0{}?{}", call.origin, call.path, call.raw_query);
        match self {
            Self::EmptyValue => {
                page.insert("value".to_owned(), json!([]));
            }
            Self::MissingObjects { every } => {
                if let Some(value) = page.get_mut("value").and_then(Value::as_array_mut) {
                    let mut place = 0..;
                    value.retain(|_| {
                        place
                            .next()
                            .is_some_and(|place| place % (*every).max(1) != 0)
                    });
                }
            }
            Self::MissingValue => {
                page.remove("value");
            }
            Self::ValueNotList => {
                page.insert("value".to_owned(), json!({"unexpected": true}));
            }
            Self::BothLinks => {
                for link in [NEXT, DELTA] {
                    page.entry(link).or_insert_with(|| json!(own));
                }
            }
            Self::NoLinks => {
                page.remove(NEXT);
                page.remove(DELTA);
            }
            Self::LoopingLink => {
                page.remove(DELTA);
                page.insert(NEXT.to_owned(), json!(own));
            }
            Self::LoopToStart => {
                page.remove(DELTA);
                let start: Vec<&str> = call
                    .raw_query
                    .split('&')
                    .filter(|part| !decode(part).starts_with("$skiptoken="))
                    .collect();
                let start = format!("{}/v1.0{}?{}", call.origin, call.path, start.join("&"));
                page.insert(NEXT.to_owned(), json!(start));
            }
            Self::ForeignLink { origin } => {
                page.remove(DELTA);
                page.insert(
                    NEXT.to_owned(),
                    json!(own.replacen(&call.origin, origin, 1)),
                );
            }
            _ => {}
        }
    }
}

fn coded(status: u16, code: &str, refuse: impl Fn(&Refusal) -> Reply) -> Reply {
    let mut reply = refuse(&Refusal::new(
        status,
        "injected",
        format!("Injected {code}"),
    ));
    if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) {
        if let Some(place) = body.pointer_mut("/error/code") {
            *place = json!(code);
        }
        reply.body = body.to_string().into_bytes();
    }
    reply
}

fn waiting(mut reply: Reply, retry_after: Option<&String>) -> Reply {
    reply
        .headers
        .extend(retry_after.map(|value| ("Retry-After".into(), value.clone())));
    reply
}
