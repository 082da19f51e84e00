//! The component: hooks that the host calls, and the host's imports as a transport.

use std::time::Duration;

use anyhow::Context;

use crate::contract::{
    Candidates, CheckLine, Connection, Description, Fault, Opening, Page, Partition, Problem,
    Query, Request, Settings, Stream, TransformMap,
};
use crate::graph::entra::{Grant, Refusal};
use crate::graph::transport::{
    HEADERS, Level, Method, Request as HttpRequest, Response, SendError, Transport,
};
use crate::{check, describe, discover, run, settings, transform};

use bindings::connector::plugin::{budget, credentials, directory, log};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::indexing_slicing,
    reason = "generated code"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "connector:plugin/connector",
        with: { "connector:plugin/contract@2.0.0": crate::contract::generated::connector::plugin::contract },
    });
    export!(Component with_types_in self);
    use super::Component;
}

/// Longest response that is taken. The longest that Graph is known to give, a batch of twenty
/// pages of members, has three megabytes; an instance has 32.
const LONGEST_RESPONSE: usize = 24 * 1024 * 1024;
/// Bytes to read at once; a bigger buffer is copied once more for nothing.
const CHUNK: u64 = 256 * 1024;

struct Component;

impl bindings::exports::connector::plugin::hooks::Guest for Component {
    fn describe() -> Description {
        describe::describe()
    }

    fn connect(settings: Settings) -> Result<Connection, Vec<Problem>> {
        settings::Settings::parse(&settings).map(|settings| settings.connection())
    }

    fn check(request: Request) -> Result<Vec<CheckLine>, Fault> {
        check::check(&request, &mut Host)
    }

    fn discover(request: Request, query: Query) -> Result<Candidates, Fault> {
        discover::discover(&request, &query, &mut Host)
    }

    fn plan(request: Request) -> Result<Opening, Fault> {
        run::plan(&request, &mut Host)
    }

    fn read(
        request: Request,
        partition: Partition,
        checkpoint: Option<String>,
    ) -> Result<Page, Fault> {
        run::read(&request, &partition, checkpoint.as_deref(), &mut Host)
    }

    fn validate(map: TransformMap) -> Vec<Problem> {
        transform::problems(&map)
    }

    fn preview(map: TransformMap, sample: String) -> Result<String, Vec<Problem>> {
        transform::preview::preview(&map, &sample)
    }
}

/// The host's imports.
struct Host;

impl Transport for Host {
    fn send(&mut self, request: &HttpRequest) -> Result<Response, SendError> {
        let method = match request.method {
            Method::Get => waki::Method::Get,
            Method::Post => waki::Method::Post,
        };
        let mut builder = waki::RequestBuilder::new(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.as_str());
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.as_slice());
        }
        let response = builder.send().map_err(|error| match error.downcast_ref() {
            Some(waki::ErrorCode::HttpRequestDenied) => SendError::Denied(error),
            _ => SendError::Failed(error),
        })?;
        receive(&response)
    }

    fn wait(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        wasi::clocks::monotonic_clock::subscribe_duration(nanoseconds).block();
    }

    fn now(&mut self) -> Duration {
        Duration::from_nanos(wasi::clocks::monotonic_clock::now())
    }

    fn ready(&mut self) -> Result<Grant, Refusal> {
        credentials::ready().map(Into::into).map_err(Into::into)
    }

    fn renew(&mut self) -> Result<Grant, Refusal> {
        credentials::renew().map(Into::into).map_err(Into::into)
    }

    fn settle(&mut self, counted: u32, actual: u32) {
        budget::settle(counted, actual);
    }

    fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
        };
        log::write(level, message);
    }

    fn random(&mut self) -> u64 {
        wasi::random::random::get_random_u64()
    }

    fn holds(&mut self, ids: &[&str]) -> Vec<bool> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        directory::holds(&ids)
    }

    fn seen(&mut self, stream: Stream) -> u64 {
        directory::seen(stream)
    }
}

/// Reads a response to its end, but no further than an instance can bear.
fn receive(response: &waki::Response) -> Result<Response, SendError> {
    let headers = HEADERS
        .iter()
        .filter_map(|name| {
            let value = response.header(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk(CHUNK)
        .context("the response broke off")
        .map_err(SendError::Failed)?
    {
        if body.len() + chunk.len() > LONGEST_RESPONSE {
            return Err(SendError::TooLarge(LONGEST_RESPONSE));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response {
        status: response.status_code(),
        headers,
        body,
    })
}

impl From<credentials::Grant> for Grant {
    fn from(grant: credentials::Grant) -> Self {
        Self {
            roles: grant.roles,
            expires_in: grant.expires_in,
        }
    }
}

impl From<credentials::Refusal> for Refusal {
    fn from(refusal: credentials::Refusal) -> Self {
        Self {
            status: refusal.status,
            error: refusal.error,
            description: refusal.description,
        }
    }
}
