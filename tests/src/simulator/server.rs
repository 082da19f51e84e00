//! HTTP: from a connection to a [`Call`] and back.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};

use super::admin::Answer;
use super::odata::{Query, decode};
use super::records::guid;
use super::refusal::Refusal;
use super::render::guid_text;
use super::route::Route;
use super::state::{Call, Delivery, Reply, State};
use super::wire::{Body, Wire};

/// The largest request body that is read.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// Bodies below this size are not worth compressing.
const SMALLEST_GZIP: usize = 1024;

/// Accepts connections until the runtime that it runs on is dropped.
pub(crate) async fn serve(
    state: Arc<State>,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let acceptor = tls.map(tokio_rustls::TlsAcceptor::from);
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of file handles, most likely: let some connections end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = tcp.set_nodelay(true);
        state.stats.connection();
        let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
        tokio::spawn(async move {
            let reset = Arc::new(AtomicBool::new(false));
            let wire = Wire::new(tcp, Arc::clone(&reset));
            match acceptor {
                None => connection(state, wire, "http", reset).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(wire).await {
                        connection(state, stream, "https", reset).await;
                    }
                }
            }
        });
    }
}

async fn connection<S>(state: Arc<State>, stream: S, scheme: &'static str, reset: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (state, reset) = (Arc::clone(&state), Arc::clone(&reset));
        async move { respond(&state, request, scheme, &reset).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .max_concurrent_streams(250)
        .initial_connection_window_size(4 * 1024 * 1024);
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    state: &Arc<State>,
    request: Request<Incoming>,
    scheme: &str,
    reset: &AtomicBool,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = decode(&parts.uri.path().replace('+', "%2B"));
    let query = parts.uri.query().unwrap_or_default();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(plain(413, "the body is too large or incomplete")),
    };
    if path.starts_with("/admin/") {
        return Ok(admin(state.admin(&parts.method, &path, query, &body)));
    }
    let _in_flight = state.stats.request();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let origin = state.public_base.clone().unwrap_or_else(|| {
        let authority = parts.uri.authority().map(ToString::to_string);
        let host = authority
            .or_else(|| header("host").map(ToOwned::to_owned))
            .unwrap_or_default();
        format!("{scheme}://{host}")
    });
    let call = Call {
        method: parts.method,
        path: path.strip_prefix("/v1.0").unwrap_or(&path).to_owned(),
        raw_query: query.to_owned(),
        query: Query::parse(query),
        consistency: header("consistencylevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual")),
        minimal: header("prefer").is_some_and(|prefer| prefer.contains("return=minimal")),
        body,
        origin,
        request_id: guid_text(fastrand_guid()),
        client_request_id: header("client-request-id").map(ToOwned::to_owned),
    };
    let reply = answer(state, &call, &path, &parts.headers).await;
    let gzip = header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip"));
    match reply.delivery {
        Delivery::Reset => {
            reset.store(true, Ordering::Release);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Delivery::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        _ => Ok(send(state, &call, reply, gzip)),
    }
}

fn fastrand_guid() -> u128 {
    guid(&mut fastrand::Rng::with_seed(fastrand::u64(..)))
}

/// Applies faults and latency around the real answer.
async fn answer(state: &Arc<State>, call: &Call, path: &str, headers: &HeaderMap) -> Reply {
    let target = if call.raw_query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", decode(&call.raw_query))
    };
    let fault = state.faults.strike(&call.method, &target, false);
    if fault.is_some() {
        state.stats.fault();
    }
    let (latency, jitter) = {
        let behaviour = state.behaviour.read();
        (behaviour.latency_ms, behaviour.latency_jitter_ms)
    };
    let jitter = if jitter == 0 {
        0
    } else {
        fastrand::u64(..=jitter)
    };
    let wait = Duration::from_millis(latency + jitter)
        + fault
            .as_ref()
            .and_then(super::faults::FaultAction::delay)
            .unwrap_or_default();
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let refuse = |refusal: &Refusal| state.refuse(refusal, call);
    let reply = match fault.as_ref().and_then(|fault| fault.instead(refuse, call)) {
        Some(reply) => reply,
        None => {
            let reply = real_answer(state, call, path, headers);
            match &fault {
                Some(fault) => fault.spoil(reply, call),
                None => reply,
            }
        }
    };
    state.stats.answer(reply.status);
    reply
}

fn real_answer(state: &State, call: &Call, path: &str, headers: &HeaderMap) -> Reply {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(tenant) = path.strip_suffix("/oauth2/v2.0/token") {
        state.stats.route(Route::Token);
        if call.method != http::Method::POST {
            return state.refuse(
                &Refusal::new(405, "Request_BadRequest", "A token is asked for by POST."),
                call,
            );
        }
        return state.token(tenant.trim_matches('/'), call, authorization);
    }
    if !path.starts_with("/v1.0/") {
        return state.refuse(&Refusal::new(404, "BadRequest", "Invalid version."), call);
    }
    match state.access.check(authorization, state.now()) {
        Ok(()) => state.graph(call),
        Err(refusal) => {
            let mut reply = state.refuse(&refusal, call);
            let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\"";
            reply
                .headers
                .push(("WWW-Authenticate".into(), challenge.to_owned()));
            reply
        }
    }
}

fn send(state: &State, call: &Call, reply: Reply, gzip: bool) -> Response<Body> {
    const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    let mut body = Bytes::from(reply.body);
    let gzip = gzip && body.len() >= SMALLEST_GZIP && state.behaviour.read().gzip;
    if gzip {
        body = compress(&body);
    }
    state.stats.sent(body.len());
    let length = body.len();
    let half = || body.slice(..length / 2);
    let body = match reply.delivery {
        Delivery::CutShort => Body::Broken(Some(half())),
        Delivery::StallMidway => Body::Stalled(Some(half())),
        _ => Body::Whole((!body.is_empty()).then_some(body)),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut set = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (
            name.parse::<header::HeaderName>(),
            HeaderValue::from_str(value),
        ) {
            headers.insert(name, value);
        }
    };
    if reply.delivery != Delivery::Whole {
        set("content-length", &length.to_string());
    }
    if length > 0 {
        set(
            "content-type",
            reply.content_type.as_deref().unwrap_or(JSON),
        );
    }
    if gzip {
        set("content-encoding", "gzip");
        set("vary", "Accept-Encoding");
    }
    set("cache-control", "no-cache");
    set("request-id", &call.request_id);
    set(
        "client-request-id",
        call.client_request_id
            .as_deref()
            .unwrap_or(&call.request_id),
    );
    set(
        "x-ms-ags-diagnostic",
        r#"{"ServerInfo":{"DataCenter":"Simulated","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SIM"}}"#,
    );
    for (name, value) in &reply.headers {
        set(name, value);
    }
    response
}

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(
        Vec::with_capacity(body.len() / 4),
        flate2::Compression::fast(),
    );
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default().into()
}

fn admin(answer: Answer) -> Response<Body> {
    let (status, kind, body) = match answer {
        Answer::Json(status, value) => (
            status,
            "application/json",
            Body::Whole(Some(value.to_string().into())),
        ),
        Answer::Stream(kind, chunks) => (200, kind, Body::Stream(chunks)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn plain(status: u16, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Some(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
