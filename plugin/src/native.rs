//! The core for a program that links it: the hooks of a run, over surroundings of the program's own.
//!
//! No part of the component. A benchmark runs the same sources natively this way, to tell what the sandbox costs.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use crate::contract::generated::connector::plugin::contract;

use crate::graph::entra;
use crate::graph::transport::{
    HEADERS, Level, Method, Request as HttpRequest, Response, SendError, Transport,
};
use contract::{Connection, Description, Fault, Opening, Page, Partition, Problem, Settings};

/// A request to send. The surroundings add the authorization.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where to.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'static str, String)],
    /// What to send.
    pub body: Option<&'a [u8]>,
}

/// A whole response.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Those of [`ANSWER_HEADERS`] that there are.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

/// Headers of a response that are looked at.
pub const ANSWER_HEADERS: [&str; 4] = HEADERS;

/// Why there is no response.
#[derive(Debug)]
pub enum Unsent {
    /// The surroundings refused to send the request.
    Denied(anyhow::Error),
    /// The line broke.
    Failed(anyhow::Error),
}

/// What a token grants.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Application permissions.
    pub roles: Vec<String>,
    /// Seconds that are left to it.
    pub expires_in: u32,
}

/// What the authority answered instead of a token.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error of OAuth.
    pub error: String,
    /// What it means.
    pub description: String,
}

/// What the component gets from its host, from the program instead.
pub trait Surroundings {
    /// Sends a request and waits for all of its response.
    ///
    /// # Errors
    /// Where there is no response.
    fn send(&mut self, request: Request<'_>) -> Result<Answer, Unsent>;

    /// Waits.
    fn wait(&mut self, time: Duration);

    /// Makes sure that a token is ready.
    ///
    /// # Errors
    /// What the authority answered instead.
    fn ready(&mut self) -> Result<Grant, Refusal>;

    /// Gets a new token.
    ///
    /// # Errors
    /// What the authority answered instead.
    fn renew(&mut self) -> Result<Grant, Refusal>;

    /// Corrects what the latest request with this estimated cost is counted for.
    fn settle(&mut self, counted: u32, actual: u32);

    /// Takes a message.
    fn log(&mut self, message: &str);

    /// A random number.
    fn random(&mut self) -> u64;

    /// For each identifier, whether a user or group of it is stored and not hidden.
    fn holds(&mut self, ids: &[&str]) -> Vec<bool>;

    /// How many different objects of a stream the run has given so far.
    fn seen(&mut self, stream: contract::Stream) -> u64;
}

/// Static facts about the connector.
#[must_use]
pub fn describe() -> Description {
    crate::describe::describe()
}

/// Where to connect, by these settings.
///
/// # Errors
/// What is wrong with the settings.
pub fn connect(settings: &Settings) -> Result<Connection, Vec<Problem>> {
    crate::settings::Settings::parse(settings).map(|settings| settings.connection())
}

/// Opens a run.
///
/// # Errors
/// Why it can't begin.
pub fn plan(
    request: &contract::Request,
    surroundings: &mut dyn Surroundings,
) -> Result<Opening, Fault> {
    crate::run::plan(request, &mut Over(surroundings))
}

/// Reads a page.
///
/// # Errors
/// Why it couldn't be read.
pub fn read(
    request: &contract::Request,
    partition: &Partition,
    checkpoint: Option<&str>,
    surroundings: &mut dyn Surroundings,
) -> Result<Page, Fault> {
    crate::run::read(request, partition, checkpoint, &mut Over(surroundings))
}

struct Over<'a>(&'a mut dyn Surroundings);

impl Transport for Over<'_> {
    fn send(&mut self, request: &HttpRequest) -> Result<Response, SendError> {
        let request = Request {
            method: match request.method {
                Method::Get => "GET",
                Method::Post => "POST",
            },
            url: &request.url,
            headers: &request.headers,
            body: request.body.as_deref(),
        };
        match self.0.send(request) {
            Ok(answer) => Ok(Response {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
            }),
            Err(Unsent::Denied(error)) => Err(SendError::Denied(error)),
            Err(Unsent::Failed(error)) => Err(SendError::Failed(error)),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.0.wait(time);
    }

    fn ready(&mut self) -> Result<entra::Grant, entra::Refusal> {
        self.0.ready().map(Into::into).map_err(Into::into)
    }

    fn renew(&mut self) -> Result<entra::Grant, entra::Refusal> {
        self.0.renew().map(Into::into).map_err(Into::into)
    }

    fn settle(&mut self, counted: u32, actual: u32) {
        self.0.settle(counted, actual);
    }

    fn log(&mut self, _level: Level, message: &str) {
        self.0.log(message);
    }

    fn random(&mut self) -> u64 {
        self.0.random()
    }

    fn holds(&mut self, ids: &[&str]) -> Vec<bool> {
        self.0.holds(ids)
    }

    fn now(&mut self) -> Duration {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        BEGINNING.get_or_init(Instant::now).elapsed()
    }

    fn seen(&mut self, stream: contract::Stream) -> u64 {
        self.0.seen(stream)
    }
}

impl From<Grant> for entra::Grant {
    fn from(grant: Grant) -> Self {
        Self {
            roles: grant.roles,
            expires_in: grant.expires_in,
        }
    }
}

impl From<Refusal> for entra::Refusal {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            error: refusal.error,
            description: refusal.description,
        }
    }
}
