//! Asking a token endpoint for a token (RFC 6749, 4.4).

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture};
use jiff::Timestamp;
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse, TokenUrl,
    basic::{BasicClient, BasicErrorResponse, BasicTokenType},
};
use secrecy::SecretString;
use url::Url;

use super::{
    ClientCredentials, Secrets,
    allow::{Origin, Reach},
    body::{Body, BodyLimits},
    certificate::CertificateFacts,
    client::Transport,
    credential::Refusal,
    error::{EgressError, SendError, SendErrorKind},
    headers,
    proof::{Proven, Prover},
    scrub::Scrubber,
    usage::Counters,
};

const LARGEST_ANSWER: u64 = 256 * 1024;
/// How much of an answer that isn't understood is told.
const EXCERPT: usize = 400;
/// The life of a token whose endpoint doesn't tell.
const ASSUMED_LIFE: Duration = Duration::from_secs(600);
const LONGEST_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
const IDLE: Duration = Duration::from_secs(30);

/// A fresh token.
pub(super) struct Issued {
    pub(super) token: SecretString,
    pub(super) life: Duration,
}

/// Why there is none.
pub(super) struct Failure {
    pub(super) refusal: Refusal,
    /// Whether another try may succeed.
    pub(super) transient: bool,
    /// How long the endpoint asks to wait.
    pub(super) pause: Option<Duration>,
}

impl Failure {
    pub(super) fn unreachable(description: impl Into<String>) -> Self {
        let refusal = Refusal {
            status: 0,
            error: "unreachable".to_owned(),
            description: description.into(),
        };
        Self {
            refusal,
            transient: true,
            pause: None,
        }
    }
}

/// Gets tokens from one endpoint for one client.
pub(super) struct TokenClient {
    client_id: ClientId,
    scope: Option<String>,
    prover: Prover,
    endpoint: TokenUrl,
    origin: Origin,
    reach: Reach,
    transport: Arc<Transport>,
    counters: Arc<Counters>,
}

/// What the HTTP answer told beside its body.
#[derive(Default, Clone, Copy)]
struct Seen {
    status: u16,
    pause: Option<Duration>,
}

/// How `oauth2` sends its request. A type of its own: the future of a closure that borrows can't be
/// shown to be `Send` further up.
struct Exchange {
    client: Arc<TokenClient>,
    seen: Arc<Mutex<Seen>>,
}

impl<'c> AsyncHttpClient<'c> for Exchange {
    type Error = SendError;
    type Future = BoxFuture<'c, Result<HttpResponse, SendError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.client.exchange(request, &self.seen))
    }
}

impl TokenClient {
    /// `origin` is the endpoint's, and allowed. Files with tokens lie in `folders`.
    pub(super) fn new(
        credentials: &ClientCredentials,
        (secrets, folders): (&Secrets, &[PathBuf]),
        (endpoint, origin, reach): (Url, Origin, Reach),
        transport: Arc<Transport>,
        counters: Arc<Counters>,
    ) -> Result<Self, EgressError> {
        Ok(Self {
            client_id: ClientId::new(credentials.client_id.clone()),
            scope: credentials.scope.clone(),
            prover: Prover::new(&credentials.proof, secrets, folders)?,
            endpoint: TokenUrl::from_url(endpoint),
            origin,
            reach,
            transport,
            counters,
        })
    }

    /// What may be known of the client's certificate, where it has one.
    pub(super) fn certificate(&self) -> Option<&CertificateFacts> {
        self.prover.certificate()
    }

    /// What is sent as proof with the next request.
    pub(super) async fn prove(&self) -> Result<Proven, Failure> {
        self.prover.prove(&self.client_id, &self.endpoint).await
    }

    /// Asks once.
    pub(super) async fn request(self: &Arc<Self>, proof: &Proven) -> Result<Issued, Failure> {
        let http = Exchange {
            client: Arc::clone(self),
            seen: Arc::default(),
        };
        // All of the client's proof goes in the form, which every kind of proof allows.
        let client = BasicClient::new(self.client_id.clone())
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(self.endpoint.clone());
        let mut request = client.exchange_client_credentials();
        if let Some(scope) = &self.scope {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for (name, value) in proof.fields() {
            request = request.add_extra_param(name, value);
        }
        let answer = request.request_async(&http).await;
        let seen = *http.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answer.map_err(|error| failure(error, seen))?;
        if *answer.token_type() != BasicTokenType::Bearer {
            return Err(malformed(seen, "the token isn't a bearer token".to_owned()));
        }
        let life = answer
            .expires_in()
            .unwrap_or(ASSUMED_LIFE)
            .min(LONGEST_LIFE);
        Ok(Issued {
            token: SecretString::from(answer.access_token().secret().as_str()),
            life,
        })
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        seen: &Mutex<Seen>,
    ) -> Result<HttpResponse, SendError> {
        self.counters.token_request();
        let (parts, body) = request.into_parts();
        let (_, url) = headers::target(&parts.uri)?;
        let mut outgoing = reqwest::Request::new(parts.method, url);
        *outgoing.headers_mut() = parts.headers;
        *outgoing.body_mut() = Some(body.into());
        let answer = self
            .transport
            .exchange(&self.origin, self.reach, outgoing)
            .await?;
        let (head, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
            status: head.status.as_u16(),
            pause: headers::retry_after(&head.headers, Timestamp::now()),
        };
        let limits = BodyLimits {
            bytes: LARGEST_ANSWER,
            total_bytes: u64::MAX,
            idle: IDLE,
        };
        let mut body = Body::new(body, Scrubber::default(), Arc::default(), None, limits);
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk: Bytes =
                chunk.map_err(|error| SendError::new(error.kind(), error.to_string()))?;
            bytes.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(bytes);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        Ok(response)
    }
}

fn malformed(seen: Seen, description: String) -> Failure {
    let refusal = Refusal {
        status: seen.status,
        error: "malformed".to_owned(),
        description,
    };
    Failure {
        refusal,
        transient: is_transient(seen.status),
        pause: seen.pause,
    }
}

fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}

fn failure(error: RequestTokenError<SendError, BasicErrorResponse>, seen: Seen) -> Failure {
    match error {
        RequestTokenError::ServerResponse(answer) => {
            let error = answer.error().as_ref().to_owned();
            let transient = is_transient(seen.status)
                || matches!(error.as_str(), "temporarily_unavailable" | "server_error");
            let description = answer.error_description().cloned().unwrap_or_default();
            Failure {
                refusal: Refusal {
                    status: seen.status,
                    error,
                    description,
                },
                transient,
                pause: seen.pause,
            }
        }
        RequestTokenError::Request(error) if error.kind() == SendErrorKind::Denied => Failure {
            refusal: Refusal {
                status: 0,
                error: "denied".to_owned(),
                description: error.to_string(),
            },
            transient: false,
            pause: None,
        },
        RequestTokenError::Request(error) => Failure::unreachable(error.to_string()),
        // An answer of 200 may hold a token somewhere: it isn't quoted.
        RequestTokenError::Parse(error, _) if seen.status == 200 => malformed(
            seen,
            format!(
                "the token endpoint's answer isn't understood at `{}`",
                error.path()
            ),
        ),
        RequestTokenError::Parse(_, body) => {
            let excerpt: String = String::from_utf8_lossy(&body)
                .chars()
                .take(EXCERPT)
                .collect();
            malformed(
                seen,
                format!("the token endpoint's answer isn't understood: {excerpt}"),
            )
        }
        RequestTokenError::Other(what) => malformed(seen, what),
    }
}
