//! An identity provider for tests: discovery, keys and the exchange of codes over HTTP; the page where people sign
//! in is a function.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreGenderClaim, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AccessToken, Audience, EndUserName, EndUserUsername, IdToken, IdTokenClaims, IssuerUrl,
    JsonWebKeyId, LocalizedClaim, Nonce, PrivateSigningKey, StandardClaims, SubjectIdentifier,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::Url;

use super::claims::Claims;
use crate::access::{AccessPolicy, OidcPolicy, Role};
use crate::clock::{Clock, ManualClock};

pub(crate) const CLIENT: &str = "sync";
const SECRET: &str = "hunter2/+ hunter2";
const ACCESS_TOKEN: &str = "an access token";

type Token =
    IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Who signs in, and what the provider does wrong.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) subject: &'static str,
    pub(crate) name: &'static str,
    pub(crate) roles: Value,
    pub(crate) mistake: Mistake,
}

/// What is wrong with an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    OtherNonce,
    OtherAudience,
    OtherIssuer,
    Expired,
    OtherKey,
    OtherAccessToken,
}

/// Somebody with these roles, of whom everything is right.
pub(crate) fn person(subject: &'static str, name: &'static str, roles: &[&str]) -> Person {
    Person {
        subject,
        name,
        roles: json!(roles),
        mistake: Mistake::None,
    }
}

/// What the provider remembers of a code.
struct Grant {
    person: Person,
    nonce: String,
    challenge: String,
}

struct Inner {
    url: String,
    clock: ManualClock,
    key: Mutex<Key>,
    codes: Mutex<HashMap<String, Grant>>,
}

struct Key {
    id: String,
    signing: CoreEdDsaPrivateSigningKey,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct TestProvider(Arc<Inner>);

/// A new Ed25519 key. Of the kinds that `openidconnect` signs with, it is the one that needs no file.
fn key(id: &str) -> Key {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).unwrap();
    // PKCS #8 for an Ed25519 key is this before its 32 bytes.
    let mut der = vec![
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    der.extend(seed);
    let label = "PRIVATE KEY";
    let pem = format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    );
    let kid = JsonWebKeyId::new(id.into());
    Key {
        id: id.into(),
        signing: CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(kid)).unwrap(),
    }
}

fn instant<T: From<SystemTime>>(at: Timestamp) -> T {
    SystemTime::try_from(at).unwrap().into()
}

impl TestProvider {
    pub(crate) async fn start(clock: &ManualClock) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            url,
            clock: clock.clone(),
            key: Mutex::new(key("first")),
            codes: Mutex::default(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// A policy that names it; its roles are `Admins`, `Operators` and `Staff`.
    pub(crate) fn policy(&self, folder: &std::path::Path) -> AccessPolicy {
        let secret = folder.join("client-secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let roles = [
            ("Admins", Role::Admin),
            ("Operators", Role::Operator),
            ("Staff", Role::Viewer),
        ];
        AccessPolicy {
            oidc: OidcPolicy {
                issuer: self.0.url.clone(),
                client_id: CLIENT.into(),
                client_secret_file: Some(secret),
                client_secret_env: None,
                redirect_base_url: "https://sync.contoso.example/".into(),
                scopes: vec!["profile".into()],
                roles_claim: "roles".into(),
                roles: roles.map(|(name, role)| (name.to_owned(), role)).into(),
                default_role: None,
                ca_files: Vec::new(),
                proxy: None,
            },
            ..AccessPolicy::default()
        }
    }

    /// From now on it signs with another key.
    pub(crate) fn use_another_key(&self) {
        *self.0.key.lock().unwrap() = key("second");
    }

    /// A person signs in at the page that a browser was sent to; gives the code and the state to come back with.
    pub(crate) fn sign_in(&self, page: &Url, person: Person) -> (String, String) {
        let asked: HashMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["scope"], "openid profile");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(
            asked["redirect_uri"],
            "https://sync.contoso.example/api/v1/session/oidc/callback"
        );
        let code = uuid::Uuid::new_v4().to_string();
        let grant = Grant {
            person,
            nonce: asked["nonce"].clone(),
            challenge: asked["code_challenge"].clone(),
        };
        self.0.codes.lock().unwrap().insert(code.clone(), grant);
        (code, asked["state"].clone())
    }

    fn id_token(&self, grant: &Grant) -> Token {
        let Person {
            subject,
            name,
            roles,
            mistake,
        } = &grant.person;
        let wrong = |one: Mistake| one == *mistake;
        let now = self.0.clock.now();
        let life = if wrong(Mistake::Expired) { -1 } else { 300 };
        let mut shown = LocalizedClaim::new();
        shown.insert(None, EndUserName::new(format!("{name} the Great")));
        let about = StandardClaims::new(SubjectIdentifier::new((*subject).into()))
            .set_preferred_username(Some(EndUserUsername::new((*name).into())))
            .set_name(Some(shown));
        let issuer = if wrong(Mistake::OtherIssuer) {
            "https://evil.example".into()
        } else {
            self.0.url.clone()
        };
        let audience = if wrong(Mistake::OtherAudience) {
            "another-client"
        } else {
            CLIENT
        };
        let nonce = if wrong(Mistake::OtherNonce) {
            "another nonce".into()
        } else {
            grant.nonce.clone()
        };
        let mut claims = serde_json::Map::new();
        claims.insert("roles".into(), roles.clone());
        let claims = IdTokenClaims::new(
            IssuerUrl::new(issuer).unwrap(),
            vec![Audience::new(audience.into())],
            instant(now + SignedDuration::from_secs(life)),
            instant(now),
            about,
            Claims(claims),
        )
        .set_nonce(Some(Nonce::new(nonce)));
        let access = if wrong(Mistake::OtherAccessToken) {
            "another access token"
        } else {
            ACCESS_TOKEN
        };
        let own = self.0.key.lock().unwrap();
        let foreign = key(&own.id);
        let signing = if wrong(Mistake::OtherKey) {
            &foreign.signing
        } else {
            &own.signing
        };
        Token::new(
            claims,
            signing,
            CoreJwsSigningAlgorithm::EdDsa,
            Some(&AccessToken::new(access.into())),
            None,
        )
        .unwrap()
    }
}

async fn metadata(State(provider): State<TestProvider>) -> Json<Value> {
    let url = &provider.0.url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "RS256"],
    }))
}

async fn keys(State(provider): State<TestProvider>) -> Json<CoreJsonWebKeySet> {
    let key = provider.0.key.lock().unwrap();
    let public = key.signing.as_verification_key();
    Json(CoreJsonWebKeySet::new(vec![public]))
}

async fn token(
    State(provider): State<TestProvider>,
    headers: HeaderMap,
    form: String,
) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    let refuse = |error: &str| {
        let body = json!({"error": error, "error_description": "as the test wants"});
        (StatusCode::BAD_REQUEST, Json(body))
    };
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
    if headers[header::AUTHORIZATION] != expected {
        return refuse("invalid_client");
    }
    let grant = provider.0.codes.lock().unwrap().remove(&form["code"]);
    let Some(grant) = grant else {
        return refuse("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if challenge != grant.challenge || form["grant_type"] != "authorization_code" {
        return refuse("invalid_grant");
    }
    let body = json!({
        "access_token": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": provider.id_token(&grant).to_string(),
    });
    (StatusCode::OK, Json(body))
}
