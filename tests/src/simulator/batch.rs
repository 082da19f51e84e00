//! `POST /$batch`: up to twenty requests in one, answered in any order, each throttled and refused on its own.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::odata::{Query, decode};
use super::refusal::Refusal;
use super::render;
use super::state::{Call, Delivery, Reply, State};

/// Requests that fit into one batch.
const MOST: usize = 20;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    requests: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    depends_on: Vec<String>,
}

impl State {
    /// Answers a batch. It succeeds as a whole even if each of its parts fails.
    pub(crate) fn batch(&self, call: &Call) -> Reply {
        match self.parts(call) {
            Ok(parts) => Reply::json(write(parts, self.behaviour.read().nastiness)),
            Err(refusal) => self.refuse(&refusal, call),
        }
    }

    fn parts(&self, call: &Call) -> Result<Vec<(String, Reply)>, Refusal> {
        let bad = |message: String| Refusal::new(400, "BadRequest", message);
        if call.method != http::Method::POST {
            return Err(Refusal::new(405, "BadRequest", "A batch is sent by POST."));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(&call.body)
            .map_err(|error| bad(format!("Invalid batch payload format: {error}")))?;
        if envelope.requests.len() > MOST {
            return Err(bad(format!(
                "Number of batch request steps exceeds the maximum value of {MOST}."
            )));
        }
        let mut seen = HashSet::new();
        for part in &envelope.requests {
            if part.id.is_empty() || !seen.insert(part.id.to_ascii_lowercase()) {
                return Err(bad(format!(
                    "Request Id '{}' is missing or used twice.",
                    part.id
                )));
            }
            if part.url.contains("://") || part.url.starts_with("//") {
                return Err(bad(format!(
                    "Request url '{}' has to be relative.",
                    part.url
                )));
            }
        }
        let mut failed = HashSet::new();
        let mut replies = Vec::with_capacity(envelope.requests.len());
        for part in &envelope.requests {
            let reply = if part
                .depends_on
                .iter()
                .any(|id| failed.contains(&id.to_ascii_lowercase()))
            {
                self.refuse(
                    &Refusal::new(
                        424,
                        "FailedDependency",
                        "A request that this one depends on has failed.",
                    ),
                    call,
                )
            } else {
                self.part(call, part)
            };
            if reply.status >= 400 {
                failed.insert(part.id.to_ascii_lowercase());
            }
            replies.push((part.id.clone(), reply));
        }
        replies.retain(|(_, reply)| reply.delivery != Delivery::Close);
        fastrand::shuffle(&mut replies);
        Ok(replies)
    }

    fn part(&self, whole: &Call, part: &Part<'_>) -> Reply {
        self.stats.part();
        let call = part_call(whole, part);
        let target = format!("/v1.0{}?{}", call.path, decode(&call.raw_query));
        let fault = self.faults.strike(&call.method, &target, true);
        if fault.is_some() {
            self.stats.fault();
        }
        let refuse = |refusal: &Refusal| self.refuse(refusal, &call);
        let reply = fault
            .as_ref()
            .and_then(|fault| fault.instead(refuse, &call))
            .unwrap_or_else(|| {
                let reply = if call.path.trim_matches('/').eq_ignore_ascii_case("$batch") {
                    self.refuse(
                        &Refusal::new(400, "BadRequest", "A batch cannot hold another batch."),
                        &call,
                    )
                } else {
                    self.graph(&call)
                };
                match &fault {
                    Some(fault) => fault.spoil(reply, &call),
                    None => reply,
                }
            });
        self.stats.answer(reply.status);
        reply
    }
}

fn part_call(whole: &Call, part: &Part<'_>) -> Call {
    let (path, query) = part.url.split_once('?').unwrap_or((&part.url, ""));
    let header = |name: &str| {
        part.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    Call {
        method: part.method.to_ascii_uppercase().parse().unwrap_or_default(),
        path: format!(
            "/{}",
            decode(&path.replace('+', "%2B")).trim_start_matches('/')
        ),
        raw_query: query.to_owned(),
        query: Query::parse(query),
        consistency: header("ConsistencyLevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual")),
        minimal: header("Prefer").is_some_and(|prefer| prefer.contains("return=minimal")),
        body: part
            .body
            .map(|body| Bytes::copy_from_slice(body.get().as_bytes()))
            .unwrap_or_default(),
        origin: whole.origin.clone(),
        request_id: whole.request_id.clone(),
        client_request_id: whole.client_request_id.clone(),
    }
}

/// A count. Seen are a number and a text; the documentation says that whatever is not JSON comes in base64.
fn plain(out: &mut Vec<u8>, body: &[u8], nastiness: f64) {
    let text = String::from_utf8_lossy(body);
    if fastrand::f64() >= nastiness {
        out.extend_from_slice(body);
    } else if fastrand::bool() {
        render::string(out, &text);
    } else {
        render::string(out, &STANDARD.encode(body));
    }
}

/// Writes the answer. A nasty one varies the case of header names, which in JSON are keys like any other.
fn write(parts: Vec<(String, Reply)>, nastiness: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(
        64 + parts
            .iter()
            .map(|(_, reply)| reply.body.len() + 256)
            .sum::<usize>(),
    );
    out.extend_from_slice(b"{\"responses\":[");
    render::sequence(&mut out, parts, |out, (id, reply)| {
        out.extend_from_slice(b"{\"id\":");
        render::string(out, &id);
        out.extend_from_slice(
            format!(
                ",\"status\":{},\"headers\":{{\"Content-Type\":",
                reply.status
            )
            .as_bytes(),
        );
        render::string(
            out,
            reply.content_type.as_deref().unwrap_or("application/json"),
        );
        for (name, value) in &reply.headers {
            out.push(b',');
            if fastrand::f64() < nastiness {
                render::string(out, &name.to_ascii_lowercase());
            } else {
                render::string(out, name);
            }
            out.push(b':');
            render::string(out, value);
        }
        out.push(b'}');
        if !reply.body.is_empty() {
            out.extend_from_slice(b",\"body\":");
            // Truncated JSON cannot stand inside a batch as it is: it stays what the fault made of it.
            match reply.content_type.as_deref() {
                None => out.extend_from_slice(&reply.body),
                Some("text/plain") => plain(out, &reply.body, nastiness),
                Some(_) => render::string(out, &String::from_utf8_lossy(&reply.body)),
            }
        }
        out.push(b'}');
    });
    out.extend_from_slice(b"]}");
    out
}
