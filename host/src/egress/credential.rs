//! The credential of a connection: gets tokens, keeps them, adds them to requests.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use secrecy::{
    ExposeSecret, SecretString,
    zeroize::{Zeroize, Zeroizing},
};
use tokio::{sync, time::Instant};

use super::{
    Authentication, Secrets,
    allow::Origin,
    error::EgressError,
    pace::back_off,
    scrub::Patterns,
    token::{Failure, Issued, TokenClient},
};

/// A token that is younger is not renewed, unless the source has refused it.
const JUST_RENEWED: Duration = Duration::from_secs(10);
/// How long a definite refusal is remembered, so that many partitions ask once.
const REFUSED: Duration = Duration::from_secs(30);
/// The same where another try may well succeed.
const FAILED: Duration = Duration::from_secs(5);
/// A token is renewed this long before its end, or after 80 % of a short life.
const MARGIN: Duration = Duration::from_secs(300);
const ATTEMPTS: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many of its tokens a gateway keeps from the guest's eyes.
const TOKENS: usize = 16;
const MOST_ROLES: usize = 500;

/// What a credential grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Permissions that the token names; empty where it doesn't tell.
    pub roles: Vec<String>,
    /// Seconds until it ends.
    pub expires_in: u32,
}

/// What the authority answered instead of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token: {error} (status {status}): {description}")]
pub struct Refusal {
    /// HTTP status, 0 where there was no answer.
    pub status: u16,
    /// OAuth `error`, or one of `unreachable`, `denied`, `malformed`.
    pub error: String,
    /// What was said about it, at most 4 KiB, without secrets.
    pub description: String,
}

/// An access token.
pub(super) struct Token {
    value: SecretString,
    header: HeaderValue,
    roles: Vec<String>,
    since: Instant,
    renew: Instant,
    end: Instant,
    /// The source answered 401 to it.
    refused: AtomicBool,
}

impl Token {
    fn new(issued: Issued, now: Instant) -> Result<Self, Refusal> {
        let header = bearer(&issued.token).ok_or_else(|| Refusal {
            status: 200,
            error: "malformed".to_owned(),
            description: "the token holds characters that no header can carry".to_owned(),
        })?;
        let margin = MARGIN.min(issued.life / 5);
        Ok(Self {
            roles: roles(issued.token.expose_secret()),
            value: issued.token,
            header,
            since: now,
            renew: now + issued.life.saturating_sub(margin),
            end: now + issued.life,
            refused: AtomicBool::new(false),
        })
    }

    /// The source does not accept it, however young it is.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    fn grant(&self, now: Instant) -> Grant {
        let left = self.end.saturating_duration_since(now).as_secs();
        Grant {
            roles: self.roles.clone(),
            expires_in: u32::try_from(left).unwrap_or(u32::MAX),
        }
    }
}

enum Scheme {
    None,
    Bearer(HeaderValue),
    OAuth(Box<OAuth>),
}

struct OAuth {
    client: Arc<TokenClient>,
    current: RwLock<Option<Arc<Token>>>,
    /// Held by the one that gets a token, while the others wait for it.
    getting: sync::Mutex<Getting>,
}

#[derive(Default)]
struct Getting {
    failed: Option<(Instant, Refusal)>,
    /// Earlier ones may still be good, and be in an answer that is on its way.
    tokens: VecDeque<SecretString>,
}

/// The credential of one gateway.
pub(super) struct Credential {
    scheme: Scheme,
    audience: BTreeSet<Origin>,
    secrets: Vec<SecretString>,
    patterns: RwLock<Arc<Patterns>>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::None => "none",
            Scheme::Bearer(_) => "bearer",
            Scheme::OAuth(_) => "client-credentials",
        };
        out.debug_struct("Credential")
            .field("scheme", &scheme)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// `client` gets the tokens; it is there where the connection asks for client credentials.
    pub(super) fn new(
        authentication: &Authentication,
        audience: BTreeSet<Origin>,
        secrets: Secrets,
        client: Option<TokenClient>,
    ) -> Result<Self, EgressError> {
        let scheme = match (authentication, client) {
            (Authentication::Bearer { setting }, _) => {
                let value = secret(&secrets, setting)?;
                let header = bearer(value).ok_or_else(|| EgressError::BadSecret {
                    key: setting.clone(),
                    reason: "it holds characters that no header can carry, such as a line break",
                })?;
                Scheme::Bearer(header)
            }
            (_, Some(client)) => Scheme::OAuth(Box::new(OAuth {
                client: Arc::new(client),
                current: RwLock::new(None),
                getting: sync::Mutex::default(),
            })),
            (_, None) => Scheme::None,
        };
        let secrets: Vec<SecretString> = secrets.into_values().collect();
        let patterns = RwLock::new(Arc::new(Patterns::new(&secrets)));
        Ok(Self {
            scheme,
            audience,
            secrets,
            patterns,
        })
    }

    /// What must not reach the guest.
    pub(super) fn patterns(&self) -> Arc<Patterns> {
        Arc::clone(&self.patterns.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sure that a request to this origin can be authenticated.
    pub(super) async fn prepare(&self, origin: &Origin) -> Result<(), Refusal> {
        if self.audience.contains(origin) {
            self.ready().await?;
        }
        Ok(())
    }

    /// Adds the credential to the headers of a request to this origin, if it belongs there. Gives
    /// the token that was added.
    pub(super) fn attach(&self, origin: &Origin, headers: &mut HeaderMap) -> Option<Arc<Token>> {
        if !self.audience.contains(origin) {
            return None;
        }
        let token = match &self.scheme {
            Scheme::OAuth(oauth) => oauth.current(),
            Scheme::None | Scheme::Bearer(_) => None,
        };
        let header = match &self.scheme {
            Scheme::None => None,
            Scheme::Bearer(header) => Some(header.clone()),
            Scheme::OAuth(_) => token.as_ref().map(|token| token.header.clone()),
        };
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        token
    }

    /// Makes sure that a token is there.
    pub(super) async fn ready(&self) -> Result<Grant, Refusal> {
        match &self.scheme {
            Scheme::None | Scheme::Bearer(_) => Ok(Grant {
                roles: Vec::new(),
                expires_in: u32::MAX,
            }),
            Scheme::OAuth(oauth) => self.get(oauth, false).await,
        }
    }

    /// Gets a new token, unless that has just been done.
    pub(super) async fn renew(&self) -> Result<Grant, Refusal> {
        match &self.scheme {
            Scheme::None | Scheme::Bearer(_) => Err(Refusal {
                status: 0,
                error: "denied".to_owned(),
                description: "the connection has no token that could be renewed".to_owned(),
            }),
            Scheme::OAuth(oauth) => self.get(oauth, true).await,
        }
    }

    async fn get(&self, oauth: &OAuth, renew: bool) -> Result<Grant, Refusal> {
        let usable = |now: Instant| {
            let enough = |token: &Token| {
                if renew {
                    !token.refused.load(Ordering::Relaxed)
                        && now.duration_since(token.since) < JUST_RENEWED
                } else {
                    now < token.renew
                }
            };
            oauth
                .current()
                .filter(|token| enough(token))
                .map(|token| token.grant(now))
        };
        if let Some(grant) = usable(Instant::now()) {
            return Ok(grant);
        }
        let mut getting = oauth.getting.lock().await;
        let now = Instant::now();
        if let Some(grant) = usable(now) {
            return Ok(grant);
        }
        let old = oauth.current();
        let remembered = getting.failed.as_ref().filter(|(until, _)| now < *until);
        let failure = match remembered {
            Some((_, refusal)) => refusal.clone(),
            None => match self.exchange(oauth).await {
                Ok(token) => {
                    getting.failed = None;
                    getting.tokens.push_front(token.value.clone());
                    getting.tokens.truncate(TOKENS);
                    return Ok(self.take(oauth, token, &getting.tokens));
                }
                Err((failure, memory)) => {
                    getting.failed = Some((Instant::now() + memory, failure.clone()));
                    failure
                }
            },
        };
        // Better an old token than none, as long as it lasts and the source hasn't refused it.
        match old.filter(|token| !renew && Instant::now() < token.end) {
            Some(token) => Ok(token.grant(Instant::now())),
            None => Err(failure),
        }
    }

    fn take(&self, oauth: &OAuth, token: Token, tokens: &VecDeque<SecretString>) -> Grant {
        let grant = token.grant(Instant::now());
        // First hidden, then used.
        let patterns = Arc::new(Patterns::new(self.secrets.iter().chain(tokens)));
        *self
            .patterns
            .write()
            .unwrap_or_else(PoisonError::into_inner) = patterns;
        *oauth
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(token));
        grant
    }

    /// Asks for a token, a few times where that may help. A failure comes with the time for which
    /// to remember it.
    async fn exchange(&self, oauth: &OAuth) -> Result<Token, (Refusal, Duration)> {
        let deadline = Instant::now() + EXCHANGE_TIMEOUT;
        let mut attempt = 1;
        loop {
            let failure = match tokio::time::timeout_at(deadline, oauth.client.request()).await {
                Ok(Ok(issued)) => {
                    return Token::new(issued, Instant::now())
                        .map_err(|refusal| (refusal, REFUSED));
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::unreachable("the token endpoint doesn't answer in time"),
            };
            let refusal = self.cleaned(failure.refusal);
            if !failure.transient {
                return Err((refusal, REFUSED));
            }
            let pause = failure.pause.unwrap_or_else(|| back_off(attempt) / 2);
            if attempt >= ATTEMPTS || pause > LONGEST_PAUSE || Instant::now() + pause >= deadline {
                return Err((refusal, pause.clamp(FAILED, EXCHANGE_TIMEOUT)));
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
        }
    }

    fn cleaned(&self, refusal: Refusal) -> Refusal {
        let patterns = self.patterns();
        let clean = |text: &str, most: usize| {
            let text = patterns.redact(text);
            let text: String = text
                .chars()
                .map(|sign| if sign.is_control() { ' ' } else { sign })
                .collect();
            text.get(..text.floor_char_boundary(most))
                .unwrap_or_default()
                .to_owned()
        };
        Refusal {
            status: refusal.status,
            error: clean(&refusal.error, 100),
            description: clean(&refusal.description, 4096),
        }
    }
}

impl OAuth {
    fn current(&self) -> Option<Arc<Token>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The value of a secret setting.
pub(super) fn secret<'a>(secrets: &'a Secrets, key: &str) -> Result<&'a SecretString, EgressError> {
    let found = secrets
        .get(key)
        .filter(|value| !value.expose_secret().is_empty());
    found.ok_or_else(|| EgressError::MissingSecret {
        key: key.to_owned(),
    })
}

fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Permissions that a token names, where it is a JWT. To explain, not to decide: who accepts the
/// token checks it.
fn roles(token: &str) -> Vec<String> {
    let read = || {
        let mut parts = token.split('.');
        let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next())
        else {
            return None;
        };
        let mut bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        bytes.zeroize();
        let claims = claims?;
        let listed = match claims.get("roles") {
            Some(serde_json::Value::Array(list)) => list
                .iter()
                .filter_map(serde_json::Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => {
                let scope = claims
                    .get("scp")
                    .or_else(|| claims.get("scope"))?
                    .as_str()?;
                scope
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            }
        };
        Some(
            listed
                .into_iter()
                .filter(|role| role.len() <= 256)
                .take(MOST_ROLES)
                .collect(),
        )
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests;
