//! Small servers for tests.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, serve::Listener};
use bytes::Bytes;
use futures::StreamExt;
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::*;

pub(super) const SECRET: &str = "hunter2-hunter2-hunter2";

/// A listener that counts connections.
pub(super) struct Counted(TcpListener, Arc<AtomicUsize>);

impl Listener for Counted {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let accepted = Listener::accept(&mut self.0).await;
        self.1.fetch_add(1, Ordering::Relaxed);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

struct Tls(TcpListener, TlsAcceptor);

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.0).await;
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn bind() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Serves over plain http; gives the base URL.
pub(super) async fn serve(router: Router) -> String {
    serve_counted(router).await.0
}

/// The same, with the number of connections accepted so far.
pub(super) async fn serve_counted(router: Router) -> (String, Arc<AtomicUsize>) {
    let (listener, port) = bind().await;
    let count = Arc::new(AtomicUsize::new(0));
    let listener = Counted(listener, Arc::clone(&count));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://127.0.0.1:{port}"), count)
}

/// Answers every connection's first request with these bytes, then keeps it open or closes it.
pub(super) async fn serve_raw(answer: &'static [u8], keep_open: bool) -> String {
    let (listener, port) = bind().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    seen.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(answer).await.unwrap();
                if keep_open {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// Serves over TLS for a host name; gives the base URL and a file with the authority that signed.
pub(super) async fn serve_tls(router: Router, host: &str) -> (String, PathBuf, tempfile::TempDir) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    let server = server.signed_by(&server_key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![server.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, certificate.pem()).unwrap();
    let (listener, port) = bind().await;
    let listener = Tls(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("https://{host}:{port}"), file, folder)
}

/// A lookup that knows these names.
pub(super) fn names(known: &[(&str, &str)]) -> resolve::Lookup {
    let known: BTreeMap<String, IpAddr> = known
        .iter()
        .map(|(name, address)| ((*name).to_owned(), address.parse().unwrap()))
        .collect();
    Arc::new(move |name| {
        let found = known.get(&name).copied();
        Box::pin(async move {
            Ok(vec![
                found.ok_or_else(|| std::io::Error::other("no such name"))?,
            ])
        })
    })
}

/// Options that grant these origins.
pub(super) fn options(granted: &[&str]) -> NetworkOptions {
    NetworkOptions {
        allow_origins: granted.iter().map(|text| text.parse().unwrap()).collect(),
        ..NetworkOptions::default()
    }
}

/// Moves the clock, so that nothing has to be waited for.
pub(super) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

pub(super) fn connection(origins: &[&str]) -> Connection {
    Connection {
        origins: origins.iter().map(|text| (*text).to_owned()).collect(),
        authentication: Authentication::None,
        quota: None,
        consent: None,
    }
}

pub(super) fn client_credentials(endpoint: &str, audience: &[&str]) -> Authentication {
    Authentication::ClientCredentials(ClientCredentials {
        token_endpoint: endpoint.to_owned(),
        scope: Some("https://directory.contoso.example/.default".to_owned()),
        client_id: "client".to_owned(),
        proof: Proof::ClientSecret("clientSecret".to_owned()),
        audience: audience.iter().map(|text| (*text).to_owned()).collect(),
    })
}

pub(super) fn secrets() -> Secrets {
    Secrets::from([("clientSecret".to_owned(), SecretString::from(SECRET))])
}

/// A gateway to granted origins.
pub(super) fn gateway(origins: &[&str], limits: Limits) -> Arc<Gateway> {
    gateway_with(options(origins), origins, limits)
}

/// The same with short time limits.
pub(super) fn hasty(origin: &str) -> Arc<Gateway> {
    let options = NetworkOptions {
        response_timeout: Duration::from_millis(400),
        idle_timeout: Duration::from_millis(400),
        ..options(&[origin])
    };
    gateway_with(options, &[origin], Limits::default())
}

fn gateway_with(options: NetworkOptions, origins: &[&str], limits: Limits) -> Arc<Gateway> {
    let egress = Egress::new(options).unwrap();
    egress
        .gateway(connection(origins), &[], Secrets::new(), limits)
        .unwrap()
}

pub(super) fn get(url: &str) -> http::Request<Bytes> {
    http::Request::get(url).body(Bytes::new()).unwrap()
}

/// Reads a body to its end.
pub(super) async fn read(response: http::Response<Body>) -> Result<String, BodyError> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(String::from_utf8(bytes).unwrap())
}

/// Collects what a handler saw.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(super) fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
