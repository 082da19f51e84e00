//! What a component gets from its host, for code that waits for it in a thread of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connector_host::directory::{ConnectorKey, Directory, Stream};
use connector_host::egress::{Gateway, SendError, SendErrorKind};
use entra_core::native::{
    ANSWER_HEADERS, Answer, Grant, Refusal, Request, Surroundings, Unsent, contract,
};
use futures::TryStreamExt;

use tokio::runtime::Handle;

pub(crate) struct Outside {
    gateway: Arc<Gateway>,
    runtime: Handle,
    /// Where what was read is stored, if it is.
    directory: Option<(Arc<dyn Directory>, ConnectorKey)>,
}

impl Outside {
    pub(crate) fn new(
        gateway: &Arc<Gateway>,
        runtime: &Handle,
        directory: Option<(Arc<dyn Directory>, ConnectorKey)>,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            runtime: runtime.clone(),
            directory,
        }
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Answer, Unsent> {
        let mut builder = http::Request::builder()
            .method(request.method)
            .uri(request.url);
        for (name, value) in request.headers {
            builder = builder.header(*name, value);
        }
        let body = request.body.map_or_else(Bytes::new, Bytes::copy_from_slice);
        let request = builder
            .body(body)
            .map_err(|error| Unsent::Failed(error.into()))?;
        let (head, mut body) = self
            .gateway
            .send(request)
            .await
            .map_err(unsent)?
            .into_parts();
        let headers = ANSWER_HEADERS.iter().filter_map(|name| {
            let value = head.headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        });
        let mut bytes = Vec::new();
        while let Some(chunk) = body
            .try_next()
            .await
            .map_err(|error| Unsent::Failed(error.into()))?
        {
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: bytes,
        })
    }
}

fn unsent(error: SendError) -> Unsent {
    match error.kind() {
        SendErrorKind::Denied | SendErrorKind::Credential => Unsent::Denied(error.into()),
        _ => Unsent::Failed(error.into()),
    }
}

impl Surroundings for Outside {
    fn send(&mut self, request: Request<'_>) -> Result<Answer, Unsent> {
        self.runtime.block_on(self.exchange(request))
    }

    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn ready(&mut self) -> Result<Grant, Refusal> {
        let ready = self.runtime.block_on(self.gateway.ready());
        ready.map(grant).map_err(refusal)
    }

    fn renew(&mut self) -> Result<Grant, Refusal> {
        let renewed = self.runtime.block_on(self.gateway.renew());
        renewed.map(grant).map_err(refusal)
    }

    fn settle(&mut self, counted: u32, actual: u32) {
        self.gateway.settle(counted, actual);
    }

    fn log(&mut self, _message: &str) {}

    fn random(&mut self) -> u64 {
        fastrand::u64(..)
    }

    fn holds(&mut self, ids: &[&str]) -> Vec<bool> {
        let Some((directory, connector)) = &self.directory else {
            return vec![false; ids.len()];
        };
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let held = self.runtime.block_on(directory.holds(*connector, &ids));
        held.unwrap_or_else(|_| vec![false; ids.len()])
    }

    fn seen(&mut self, stream: contract::Stream) -> u64 {
        let Some((directory, connector)) = &self.directory else {
            return 0;
        };
        let stream = match stream {
            contract::Stream::Users => Stream::Users,
            contract::Stream::Groups => Stream::Groups,
            contract::Stream::Members => Stream::Members,
        };
        let seen = self.runtime.block_on(directory.seen(*connector, stream));
        seen.unwrap_or_default()
    }
}

fn grant(grant: connector_host::egress::Grant) -> Grant {
    Grant {
        roles: grant.roles,
        expires_in: grant.expires_in,
    }
}

fn refusal(refusal: connector_host::egress::Refusal) -> Refusal {
    Refusal {
        status: refusal.status,
        error: refusal.error,
        description: refusal.description,
    }
}
