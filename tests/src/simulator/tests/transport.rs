//! TLS, HTTP/2 and compression.

use std::io::Read as _;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn https_offers_both_http_versions_under_the_exported_authority() {
    let mut options = small(0.0);
    options.tls = true;
    let simulator = Simulator::start(options).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(simulator.ca_pem().unwrap().as_bytes()).unwrap())
        .unwrap();
    for protocol in ["h2", "http/1.1"] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = builder
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let tcp = TcpStream::connect(simulator.address()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            Some(protocol.as_bytes())
        );
        let request = Request::get(format!("{}/v1.0/groups", simulator.graph_url()))
            .header("host", simulator.address().to_string())
            .body(Full::<Bytes>::default())
            .unwrap();
        let status = if protocol == "h2" {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap().status()
        } else {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap().status()
        };
        assert_eq!(status, 401, "no token was sent");
    }
    assert!(simulator.graph_url().starts_with("https://"));
}

#[tokio::test]
async fn plain_http_speaks_http_2_to_clients_that_know() {
    let api = Api::small().await;
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let request = Request::get(format!("{}/v1.0/groups?$top=1", api.simulator.graph_url()))
        .header("authorization", format!("Bearer {}", api.token))
        .body(Full::default())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, http::Version::HTTP_2)
    );
    let page: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(
        page["@odata.nextLink"]
            .as_str()
            .unwrap()
            .starts_with(&api.simulator.graph_url())
    );
}

#[tokio::test]
async fn big_answers_are_compressed_for_those_who_accept_it() {
    let mut options = small(0.0);
    options.behaviour.gzip = true;
    let api = Api::start(options).await;
    let plain = api.get("/users").await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = api
        .try_get("/users", &[("accept-encoding", "gzip, br")])
        .await
        .unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.body.as_ref())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap()["value"],
        plain.json()["value"]
    );
    assert!(packed.body.len() < plain.body.len() / 2);
    let small = api
        .try_get("/organization", &[("accept-encoding", "gzip")])
        .await
        .unwrap();
    assert_eq!(small.header("content-encoding"), None);
}

#[tokio::test]
async fn links_are_built_from_the_name_that_the_client_used() {
    let api = Api::small().await;
    let host = format!("localhost:{}", api.simulator.address().port());
    let request = Request::get(format!("http://{host}/v1.0/users?$top=1"))
        .header("authorization", format!("Bearer {}", api.token));
    let page = api
        .send(request.body(Full::default()).unwrap())
        .await
        .unwrap()
        .json();
    assert!(
        page["@odata.nextLink"]
            .as_str()
            .unwrap()
            .starts_with(&format!("http://{host}/v1.0/users"))
    );
}
