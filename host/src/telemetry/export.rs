//! The way of traces out: the workspace's own client, so that there is one TLS stack.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use super::TelemetryError;
use crate::egress;

/// Sends the exporter's requests. The exporter has a thread of its own and waits there, so each request is made in
/// the runtime.
#[derive(Debug)]
pub(super) struct Sender {
    client: reqwest::Client,
    runtime: Handle,
}

impl Sender {
    pub(super) fn new(ca_files: &[PathBuf], patience: Duration) -> Result<Self, TelemetryError> {
        let fail = |error: String| TelemetryError::Exporter(error);
        let tls = egress::tls(ca_files).map_err(|error| fail(error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| fail(error.to_string()))?;
        let runtime = Handle::try_current().map_err(|error| fail(error.to_string()))?;
        Ok(Self { client, runtime })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let exchange = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let (parts, body) = Response::<reqwest::Body>::from(answer).into_parts();
            let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
            Ok::<_, reqwest::Error>(Response::from_parts(parts, body))
        });
        Ok(exchange.await??)
    }
}
