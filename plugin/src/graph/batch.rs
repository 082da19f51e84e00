//! `$batch`: up to twenty requests in one round trip, each answered and throttled by itself.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::contract::Fault;
use crate::model::Text;

use super::error::GraphError;
use super::transport::Response;
use super::{COST_HEADER, Client, Failure, retry_after};

/// Most requests that Graph takes in a batch.
pub(crate) const MOST: usize = 20;

#[derive(Serialize)]
struct Envelope<'a> {
    requests: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: String,
    method: &'static str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<PartHeaders>,
}

/// Headers of one request of a batch; those of the batch itself don't reach it.
#[derive(Serialize)]
struct PartHeaders {
    #[serde(rename = "ConsistencyLevel")]
    consistency: &'static str,
}

/// One request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Get<'a> {
    /// Path and query under the version.
    pub(crate) path: &'a str,
    /// Asks the index that advanced queries need, which lags behind.
    pub(crate) eventual: bool,
}

/// A count in base64, which has nothing but digits in it; padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    responses: Vec<RawPart<'a>>,
}

#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(default)]
    status: u16,
    #[serde(borrow, default)]
    headers: Headers<'a>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// The headers of a part that matter. Their names may come in any case.
#[derive(Default)]
struct Headers<'a> {
    retry_after: Text<'a>,
    cost: Text<'a>,
    request_id: Text<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Headers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("headers")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut headers = Headers::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let value = map.next_value::<Text<'de>>()?;
            let is = |known: &str| {
                name.get()
                    .is_some_and(|name| name.eq_ignore_ascii_case(known))
            };
            if is("retry-after") {
                headers.retry_after = value;
            } else if is(COST_HEADER) {
                headers.cost = value;
            } else if is("request-id") {
                headers.request_id = value;
            }
        }
        Ok(headers)
    }
}

/// The answer to one request of a batch.
pub(crate) struct Part<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    body: Option<&'a RawValue>,
    request_id: Option<String>,
}

/// How the answer to one request of a batch is to be taken.
pub(crate) enum Verdict<'a> {
    /// Success, with this JSON text.
    Good(&'a str),
    /// Ask again, after this time where one was given. A throttled request may be asked again
    /// without end, since the host waits between; anything else a few times.
    Again {
        throttled: bool,
        after: Option<Duration>,
    },
    /// Ask again with a fresh token.
    Unauthorized,
    /// Conclusive.
    Bad(GraphError),
}

impl Verdict<'_> {
    /// Of a request that Graph left out of its answer.
    pub(crate) const MISSING: Self = Self::Again {
        throttled: false,
        after: None,
    };
}

impl<'a> Part<'a> {
    /// The number that a `$count` gave. Its body is plain text, which Graph puts into a batch as a
    /// number, as a text or, as its documentation says of whatever isn't JSON, in base64.
    pub(crate) fn count(&self) -> Option<u64> {
        if !(200..=299).contains(&self.status) {
            return None;
        }
        let text: Text<'_> = serde_json::from_str(self.body?.get()).ok()?;
        let digits = |text: &str| text.trim().trim_start_matches('\u{feff}').parse().ok();
        let text = text.get()?;
        digits(text).or_else(|| digits(std::str::from_utf8(&BASE64.decode(text).ok()?).ok()?))
    }

    pub(crate) fn verdict(&self) -> Verdict<'a> {
        let body = self.body.map_or("", RawValue::get);
        match self.status {
            200..=299 if body.starts_with('{') => Verdict::Good(body),
            401 => Verdict::Unauthorized,
            429 => Verdict::Again {
                throttled: true,
                after: self.retry_after,
            },
            200..=299 | 0 | 408 | 424 | 500 | 502..=504 | 509 => Verdict::Again {
                throttled: false,
                after: self.retry_after,
            },
            status => Verdict::Bad(GraphError::decode(
                status,
                body.as_bytes(),
                self.request_id.as_deref(),
            )),
        }
    }
}

/// Sends GET requests for these paths together, each estimated at `cost`.
pub(crate) fn send(
    client: &mut Client<'_>,
    paths: &[String],
    cost: u32,
) -> Result<Response, Failure> {
    let plain = |path| Get {
        path,
        eventual: false,
    };
    let requests: Vec<Get<'_>> = paths.iter().map(String::as_str).map(plain).collect();
    send_all(client, &requests, cost)
}

/// The same for requests with headers of their own.
pub(crate) fn send_all(
    client: &mut Client<'_>,
    requests: &[Get<'_>],
    cost: u32,
) -> Result<Response, Failure> {
    let count = requests.len();
    let requests = requests
        .iter()
        .enumerate()
        .map(|(index, get)| Call {
            id: index.to_string(),
            method: "GET",
            url: get.path,
            headers: get.eventual.then_some(PartHeaders {
                consistency: "eventual",
            }),
        })
        .collect();
    let body = serde_json::to_vec(&Envelope { requests })
        .map_err(|error| Fault::protocol("graph.batch", error.to_string()))?;
    let url = client.url("/$batch");
    client.post(&url, body, estimate(count, cost))
}

fn estimate(parts: usize, cost: u32) -> u32 {
    u32::try_from(parts)
        .unwrap_or(u32::MAX)
        .saturating_mul(cost)
}

/// The answers in the order of the requests; `None` where Graph left one out. Tells the host
/// what they did cost.
pub(crate) fn parts<'a>(
    client: &mut Client<'_>,
    response: &'a Response,
    count: usize,
    cost: u32,
) -> Result<Vec<Option<Part<'a>>>, Fault> {
    let answer: Answer<'a> = serde_json::from_slice(&response.body).map_err(|error| {
        Fault::protocol(
            "graph.malformed",
            format!("The answer to a batch is not as Microsoft Graph documents it: {error}."),
        )
    })?;
    let mut parts: Vec<Option<Part<'a>>> = (0..count).map(|_| None).collect();
    let mut actual = 0_u32;
    for raw in answer.responses {
        let slot = raw
            .id
            .get()
            .and_then(|id| id.parse::<usize>().ok())
            .and_then(|index| parts.get_mut(index));
        let Some(slot) = slot else {
            return Err(Fault::protocol(
                "graph.malformed",
                "A batch was answered with a part that nobody asked for.",
            ));
        };
        let own_cost = raw
            .headers
            .cost
            .get()
            .and_then(|units| units.trim().parse::<u32>().ok());
        actual = actual.saturating_add(own_cost.unwrap_or(cost).min(1_000));
        let part = Part {
            status: raw.status,
            retry_after: retry_after(raw.headers.retry_after.get()),
            body: raw.body,
            request_id: raw.headers.request_id.get().map(str::to_owned),
        };
        *slot = Some(part);
    }
    let counted = response
        .header(COST_HEADER)
        .and_then(|units| units.trim().parse().ok())
        .unwrap_or_else(|| estimate(count, cost));
    client.settle(counted, actual);
    Ok(parts)
}
