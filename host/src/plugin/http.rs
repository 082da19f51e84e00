//! `wasi:http` over the gateway: the only way out of the sandbox.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderName, Request, Response, header};
use http_body_util::{BodyExt, Limited, StreamBody};
use tokio::sync::Semaphore;
use tracing::Instrument;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

use crate::egress::{Gateway, SendErrorKind};
use crate::limits::Limits;

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Sends an instance's requests.
pub(super) struct Hooks {
    gateway: Option<Arc<Gateway>>,
    max_request: usize,
    max_headers: usize,
    /// Places for requests that have no response yet: each holds its body in the host's memory.
    places: Arc<Semaphore>,
}

impl Hooks {
    pub(super) fn new(gateway: Option<Arc<Gateway>>, limits: &Limits) -> Self {
        Self {
            gateway,
            max_request: limits.request_bytes,
            max_headers: limits.header_bytes,
            places: Arc::new(Semaphore::new(limits.instance_requests)),
        }
    }
}

impl WasiHttpHooks for Hooks {
    /// Covers trailers too, so a credential can't be slipped in anywhere.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| {
            DEFAULT_FORBIDDEN_HEADERS.contains(name)
                || *name == header::AUTHORIZATION
                || *name == header::COOKIE
        })
    }

    /// The gateway writes it, from the address that it checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// What a request that is not sent yet keeps of its body, for each of two writes.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        16 << 10
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _done: Done,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Done), Error>> + Send> {
        let gateway = self.gateway.clone();
        let (max_request, max_headers) = (self.max_request, self.max_headers);
        let place = Arc::clone(&self.places).try_acquire_owned();
        let sending = async move {
            let gateway = gateway.ok_or(Error::HttpRequestDenied)?;
            let _place = place.map_err(|_| Error::ConnectionLimitReached)?;
            let (parts, body) = request.into_parts();
            let body = read_whole(body, max_request).await?;
            let response = gateway
                .send(Request::from_parts(parts, body))
                .await
                .map_err(|error| {
                    tracing::debug!("request not sent: {error}");
                    translate(error.kind(), error.to_string())
                })?;
            let headers = response.headers().iter();
            let headers: usize = headers.map(|(name, v)| name.as_str().len() + v.len()).sum();
            if headers > max_headers {
                let limit = u32::try_from(max_headers).ok();
                return Err(Error::HttpResponseHeaderSectionSize(limit));
            }
            let response = response.map(|body| {
                let frames = body
                    .map_ok(http_body::Frame::data)
                    .map_err(|error| translate(error.kind(), error.to_string()));
                StreamBody::new(frames).boxed_unsync()
            });
            Ok((response, Box::new(async { Ok(()) }) as Done))
        };
        // It is carried out by a task of its own, where nobody would know whose request it is.
        Box::new(sending.in_current_span())
    }
}

/// Requests are small and may have to wait for the quota, so they are taken whole.
async fn read_whole(body: WasiBody, limit: usize) -> Result<Bytes, Error> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(Error::HttpRequestBodySize(Some(limit as u64))),
    }
}

fn translate(kind: SendErrorKind, text: String) -> Error {
    match kind {
        // A refused credential is told by `credentials.ready`, with the authority's words.
        SendErrorKind::Denied | SendErrorKind::Credential => Error::HttpRequestDenied,
        SendErrorKind::DnsError => Error::DnsError {
            rcode: Some(text),
            info_code: None,
        },
        SendErrorKind::ConnectionRefused => Error::ConnectionRefused,
        SendErrorKind::ConnectionTimeout => Error::ConnectionTimeout,
        SendErrorKind::ConnectionTerminated => Error::ConnectionTerminated,
        SendErrorKind::TlsError => Error::TlsCertificateError,
        SendErrorKind::ResponseTimeout => Error::HttpResponseTimeout,
        SendErrorKind::RequestTooLarge => Error::HttpRequestBodySize(None),
        SendErrorKind::BodyTooLarge => Error::HttpResponseBodySize(None),
        SendErrorKind::LimitExceeded => Error::ConnectionLimitReached,
        _ => Error::InternalError(Some(text)),
    }
}
