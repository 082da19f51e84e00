//! A scripted transport for tests: answers in order, and what was asked.

use std::collections::VecDeque;
use std::time::Duration;

use crate::contract::{Mode, Partition, Request, Settings, Stream};
use crate::graph::entra::{Grant, Refusal};
use crate::graph::transport::{Level, Request as HttpRequest, Response, SendError, Transport};
use crate::transform::maps;

/// What the script answers to a request.
pub(crate) enum Answer {
    Response(Response),
    Broken,
    Denied,
}

/// Answers in order, and a record of everything that was asked for.
pub(crate) struct Script {
    answers: VecDeque<Answer>,
    pub(crate) requests: Vec<HttpRequest>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) settled: Vec<(u32, u32)>,
    pub(crate) logged: Vec<String>,
    pub(crate) renewed: u32,
    pub(crate) grant: Result<Grant, Refusal>,
    /// How many objects of any stream the run has given.
    pub(crate) seen: u64,
    /// Objects that the host does not hold; it holds all others.
    lacking: Vec<String>,
    random: u64,
    clock: Duration,
    latency: Duration,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            requests: Vec::new(),
            waits: Vec::new(),
            settled: Vec::new(),
            logged: Vec::new(),
            renewed: 0,
            grant: Ok(Grant {
                roles: vec![
                    "GroupMember.Read.All".to_owned(),
                    "User.Read.All".to_owned(),
                ],
                expires_in: 3599,
            }),
            seen: 0,
            lacking: Vec::new(),
            random: 1,
            clock: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }

    pub(crate) fn granting(mut self, roles: &[&str]) -> Self {
        self.grant = Ok(Grant {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            expires_in: 3599,
        });
        self
    }

    pub(crate) fn refusing(mut self, status: u16, error: &str, description: &str) -> Self {
        self.grant = Err(Refusal {
            status,
            error: error.to_owned(),
            description: description.to_owned(),
        });
        self
    }

    /// Each of whose answers takes so long.
    pub(crate) fn taking(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Before a host that does not hold these objects.
    pub(crate) fn lacking(mut self, ids: &[&str]) -> Self {
        self.lacking = ids.iter().map(|id| (*id).to_owned()).collect();
        self
    }

    pub(crate) fn urls(&self) -> Vec<&str> {
        self.requests
            .iter()
            .map(|request| request.url.as_str())
            .collect()
    }

    /// Paths in the batch that was the request of this number.
    pub(crate) fn batched(&self, index: usize) -> Vec<String> {
        let body: serde_json::Value =
            serde_json::from_slice(self.requests[index].body.as_ref().unwrap()).unwrap();
        let requests = body["requests"].as_array().unwrap();
        requests
            .iter()
            .map(|request| request["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Headers of the parts of that batch, `null` for none.
    pub(crate) fn batched_headers(&self, index: usize) -> Vec<serde_json::Value> {
        let body: serde_json::Value =
            serde_json::from_slice(self.requests[index].body.as_ref().unwrap()).unwrap();
        let requests = body["requests"].as_array().unwrap();
        requests
            .iter()
            .map(|request| request["headers"].clone())
            .collect()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.answers.is_empty()
    }
}

impl Transport for Script {
    fn send(&mut self, request: &HttpRequest) -> Result<Response, SendError> {
        self.requests.push(request.clone());
        self.clock += self.latency;
        match self.answers.pop_front() {
            Some(Answer::Response(response)) => Ok(response),
            Some(Answer::Broken) => Err(SendError::Failed(anyhow::anyhow!("connection reset"))),
            Some(Answer::Denied) => Err(SendError::Denied(anyhow::anyhow!("not on the list"))),
            None => panic!("nobody expected a request for {}", request.url),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.waits.push(time);
    }

    fn now(&mut self) -> Duration {
        self.clock
    }

    fn ready(&mut self) -> Result<Grant, Refusal> {
        self.grant.clone()
    }

    fn renew(&mut self) -> Result<Grant, Refusal> {
        self.renewed += 1;
        self.grant.clone()
    }

    fn settle(&mut self, counted: u32, actual: u32) {
        self.settled.push((counted, actual));
    }

    fn log(&mut self, _level: Level, message: &str) {
        self.logged.push(message.to_owned());
    }

    fn holds(&mut self, ids: &[&str]) -> Vec<bool> {
        ids.iter()
            .map(|id| !self.lacking.iter().any(|lacking| lacking == id))
            .collect()
    }

    fn seen(&mut self, _stream: Stream) -> u64 {
        self.seen
    }

    fn random(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.random
    }
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Answer {
    with(
        status,
        &[("content-type", "application/json;odata.metadata=minimal")],
        body,
    )
}

/// An answer with these headers.
pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer::Response(Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    })
}

/// A Graph error.
pub(crate) fn error(status: u16, code: &str) -> Answer {
    json(
        status,
        &format!(r#"{{"error":{{"code":"{code}","message":"told so"}}}}"#),
    )
}

/// The answer to a batch, out of status and body of each part.
pub(crate) fn batch(parts: &[(u16, &str)]) -> Answer {
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        // In reverse, as Graph may answer in any order.
        .rev()
        .map(|(id, (status, body))| {
            format!(r#"{{"id":"{id}","status":{status},"headers":{{"X-MS-Resource-Unit":"2"}},"body":{body}}}"#)
        })
        .collect();
    json(200, &format!(r#"{{"responses":[{}]}}"#, parts.join(",")))
}

/// Body of the page that gives the latest token.
pub(crate) fn latest(of: &str) -> String {
    format!(r#"{{"value":[],"@odata.deltaLink":"{GRAPH}/{of}/delta?$deltatoken=t-{of}"}}"#)
}

/// The answer to what a snapshot of everything begins with; counts are texts of JSON.
pub(crate) fn beginning(groups: &str, users: &str) -> Answer {
    batch(&[
        (200, &latest("groups")),
        (200, &latest("users")),
        (200, groups),
        (200, users),
    ])
}

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
/// Two groups.
pub(crate) const G1: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub(crate) const G2: &str = "aaaaaaaa-0000-0000-0000-000000000002";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/v1.0";

/// A request for a snapshot of all groups with the default map.
pub(crate) fn request() -> Request {
    request_for("\"all\"")
}

/// The same for these groups, as JSON.
pub(crate) fn request_for(groups: &str) -> Request {
    Request {
        settings: Settings {
            values: format!(r#"{{"tenantId":"{TENANT}","clientId":"{CLIENT}","groups":{groups}}}"#),
            secrets: vec!["clientSecret".to_owned()],
        },
        map: maps::plain(),
        links: Vec::new(),
        mode: Mode::Snapshot,
        cursor: Vec::new(),
    }
}

/// A partition with this state.
pub(crate) fn partition(state: &str) -> Partition {
    Partition {
        key: "k".to_owned(),
        stage: 0,
        title: "t".to_owned(),
        state: state.to_owned(),
    }
}
