//! What the core needs from its surroundings: the host's imports in a component, a script in
//! tests.

use std::time::Duration;

use crate::contract::Stream;

use super::entra::{Grant, Refusal};

/// HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

/// A request to send. The host adds the authorization.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// A whole response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Headers that are looked at; a transport need not copy others.
pub(crate) const HEADERS: [&str; 4] = [
    "content-type",
    "retry-after",
    "request-id",
    super::COST_HEADER,
];

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(own, value)| (own == name).then_some(value.as_str()))
    }

    /// A quick look that finds pages of proxies and nearly every answer that was cut, without
    /// reading it twice.
    pub(crate) fn is_json(&self) -> bool {
        let typed = self
            .header("content-type")
            .is_none_or(|value| value.to_ascii_lowercase().contains("json"));
        let body = self.body.trim_ascii();
        typed && body.starts_with(b"{") && body.ends_with(b"}")
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The host refused to send it.
    Denied(anyhow::Error),
    /// The line broke, before or within the response.
    Failed(anyhow::Error),
    /// The response is longer than this many bytes.
    TooLarge(usize),
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
}

/// The surroundings.
pub(crate) trait Transport {
    fn send(&mut self, request: &Request) -> Result<Response, SendError>;
    fn wait(&mut self, time: Duration);
    /// Time by a clock that never goes back, since any beginning.
    fn now(&mut self) -> Duration;
    fn ready(&mut self) -> Result<Grant, Refusal>;
    fn renew(&mut self) -> Result<Grant, Refusal>;
    fn settle(&mut self, counted: u32, actual: u32);
    fn log(&mut self, level: Level, message: &str);
    fn random(&mut self) -> u64;
    /// For each id, whether the host has a user or group of it that is not hidden.
    fn holds(&mut self, ids: &[&str]) -> Vec<bool>;
    /// How many different objects of a stream the run has given so far.
    fn seen(&mut self, stream: Stream) -> u64;
}
