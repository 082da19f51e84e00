//! Talking to the identity provider.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenClaims,
    IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use url::Url;

use super::claims::{Claims, Identity, role};
use super::error::OidcError;
use crate::access::policy::PolicyError;
use crate::access::visitor::bounded;
use crate::access::{OidcPolicy, ProxyUrl, WrongField};
use crate::causes::with_causes;
use crate::egress;

/// Path below the base URL to which the provider sends browsers back.
const CALLBACK: &str = "/api/v1/session/oidc/callback";
/// How long what the provider says of itself is used without asking again.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Bytes of one answer.
const LONGEST: usize = 1024 * 1024;
/// Characters of a provider's words that are passed on.
const LONGEST_WORDS: usize = 300;

/// With these only the provider can have signed; of others, whoever knows the client's secret.
const SIGNATURES: [CoreJwsSigningAlgorithm; 10] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Answer = StandardTokenResponse<
    IdTokenFields<
        Claims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type Registered = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The identity provider, as the policy names it.
pub(super) struct Provider {
    pub(super) policy: OidcPolicy,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    secret: Option<SecretString>,
    http: Http,
    known: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Provider")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// What is sent along to be proved later, and where the browser goes.
pub(super) struct Question {
    pub(super) url: Url,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
}

impl Provider {
    pub(super) fn new(policy: OidcPolicy) -> Result<Self, PolicyError> {
        let wrong = |name: &str, message: String| {
            PolicyError(vec![WrongField {
                path: format!("access.oidc.{name}"),
                message,
            }])
        };
        let issuer = IssuerUrl::new(policy.issuer.clone())
            .map_err(|error| wrong("issuer", error.to_string()))?;
        let redirect = format!(
            "{}{CALLBACK}",
            policy.redirect_base_url.trim_end_matches('/')
        );
        let redirect = RedirectUrl::new(redirect)
            .map_err(|error| wrong("redirectBaseUrl", error.to_string()))?;
        let http = egress::for_operator(
            &policy.ca_files,
            policy.proxy.as_ref().map(ProxyUrl::as_str),
        )
        .map_err(|error| match error {
            egress::EgressError::Proxy(_) => wrong("proxy", error.to_string()),
            _ => wrong("caFiles", error.to_string()),
        })?;
        Ok(Self {
            secret: policy.secret()?,
            issuer,
            redirect,
            http: Http(http),
            policy,
            known: Mutex::default(),
        })
    }

    /// Where to send a browser.
    pub(super) async fn question(
        &self,
        state: &SecretString,
        now: Timestamp,
    ) -> Result<Question, OidcError> {
        let client = self.client(now, false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = state.expose_secret().to_owned();
        let mut request = client.authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            move || CsrfToken::new(state),
            Nonce::new_random,
        );
        for scope in &self.policy.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(Question {
            url,
            nonce,
            verifier,
        })
    }

    /// Who it is that came back with this code.
    pub(super) async fn identity(
        &self,
        code: String,
        nonce: &Nonce,
        verifier: PkceCodeVerifier,
        now: Timestamp,
    ) -> Result<Identity, OidcError> {
        let client = self.client(now, false).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Provider(error.to_string()))?
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| exchange_failed(&error))?;
        match verified(&client, &answer, nonce, now) {
            // It may have begun to use a new key.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let client = self.client(now, true).await?;
                verified(&client, &answer, nonce, now)
            }
            outcome => outcome,
        }
        .map(|claims| self.meaning(&claims))
        .map_err(|error| OidcError::Token(reason(&error)))
    }

    fn meaning(&self, claims: &IdTokenClaims<Claims, CoreGenderClaim>) -> Identity {
        let subject = claims.subject().to_string();
        let name = claims
            .preferred_username()
            .map(|name| name.to_string())
            .or_else(|| claims.email().map(|email| email.to_string()))
            .unwrap_or_else(|| subject.clone());
        let shown = claims.name().and_then(|name| name.get(None));
        Identity {
            issuer: self.policy.issuer.clone(),
            display_name: shown.map_or_else(|| name.clone(), |shown| shown.to_string()),
            subject,
            name,
            role: role(claims.additional_claims(), &self.policy),
        }
    }

    async fn client(&self, now: Timestamp, afresh: bool) -> Result<Registered, OidcError> {
        let metadata = self.metadata(now, afresh).await?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let supports =
            |method: CoreClientAuthMethod| methods.is_some_and(|methods| methods.contains(&method));
        // A header where nothing is said.
        let in_body = supports(CoreClientAuthMethod::ClientSecretPost)
            && !supports(CoreClientAuthMethod::ClientSecretBasic);
        let secret = self.secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.policy.client_id.clone());
        let client = Client::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone());
        Ok(if in_body {
            client.set_auth_type(AuthType::RequestBody)
        } else {
            client
        })
    }

    /// What the provider says of itself, its keys included. It is asked by one caller at a time.
    async fn metadata(
        &self,
        now: Timestamp,
        afresh: bool,
    ) -> Result<CoreProviderMetadata, OidcError> {
        let mut known = self.known.lock().await;
        if let Some((since, metadata)) = known.as_ref()
            && !afresh
            && now.duration_since(*since) < FRESH
        {
            return Ok(metadata.clone());
        }
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| OidcError::Provider(with_causes(&error)))?;
        *known = Some((now, metadata.clone()));
        Ok(metadata)
    }
}

/// The claims of the answer's ID token, if they are to be believed.
fn verified(
    client: &Registered,
    answer: &Answer,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<IdTokenClaims<Claims, CoreGenderClaim>, ClaimsVerificationError> {
    let other = |text: &dyn fmt::Display| ClaimsVerificationError::Other(text.to_string());
    let now = SystemTime::try_from(now).map_err(|error| other(&error))?;
    let token = answer
        .id_token()
        .ok_or_else(|| other(&"the answer holds no ID token"))?;
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs(SIGNATURES)
        .set_time_fn(move || now.into());
    let claims = token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(|error| other(&error))?;
        let key = token
            .signing_key(&verifier)
            .map_err(|error| other(&error))?;
        let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
            .map_err(|error| other(&error))?;
        if actual != *expected {
            return Err(other(
                &"the access token is not the one that it was made with",
            ));
        }
    }
    Ok(claims.clone())
}

/// Without what the token says: a nonce is a secret of a kind.
fn reason(error: &ClaimsVerificationError) -> String {
    match error {
        ClaimsVerificationError::InvalidNonce(_) => {
            "its nonce is not the one of this sign-in".into()
        }
        other => bounded(&with_causes(other), LONGEST_WORDS),
    }
}

fn exchange_failed(
    error: &RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>,
) -> OidcError {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let words = match said.error_description() {
                Some(description) => format!("{}: {description}", said.error().as_ref()),
                None => said.error().as_ref().to_owned(),
            };
            OidcError::Refused(bounded(&words, LONGEST_WORDS))
        }
        RequestTokenError::Request(error) => OidcError::Provider(with_causes(error)),
        // What it holds may be a token.
        RequestTokenError::Parse(..) => {
            OidcError::Provider("the answer to the code can't be read".into())
        }
        RequestTokenError::Other(words) => OidcError::Provider(bounded(words, LONGEST_WORDS)),
    }
}

/// The client of HTTP that `openidconnect` is given.
struct Http(reqwest::Client);

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    #[error("the answer can't be used")]
    Answer(#[from] http::Error),
    #[error("the answer is longer than {LONGEST} bytes")]
    Long,
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into()?;
            let mut answer = self.0.execute(request).await?;
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                if body.len() + piece.len() > LONGEST {
                    return Err(HttpError::Long);
                }
                body.extend_from_slice(&piece);
            }
            let mut response = http::Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                *headers = answer.headers().clone();
            }
            Ok(response.body(body)?)
        })
    }
}
