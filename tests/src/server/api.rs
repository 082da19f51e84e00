//! The API, as programs use it.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::events::Events;

/// Everything that was said, in whichever order it came.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    /// Adds to it.
    pub fn add(&self, bytes: &[u8]) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend_from_slice(bytes);
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }

    /// All of it, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// How a caller shows who they are.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Nobody,
    /// By an API token.
    Token(String),
    /// By a session's cookie, with or without the token that changes must carry.
    Session {
        /// The cookie, as `name=value`.
        cookie: String,
        /// The session's token.
        csrf: Option<String>,
    },
}

impl Credentials {
    /// The same as another site could make a browser send them.
    #[must_use]
    pub fn without_csrf(&self) -> Self {
        match self {
            Self::Session { cookie, .. } => Self::Session {
                cookie: cookie.clone(),
                csrf: None,
            },
            other => other.clone(),
        }
    }
}

/// The API of a server to one caller.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    origin: String,
    credentials: Credentials,
    told: Told,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// What was asked, for messages.
    asked: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where there is none.
    ///
    /// # Errors
    /// Where it is something else.
    pub fn json(&self) -> anyhow::Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} answers no JSON: {}", self.asked, self.text()))
    }

    /// A header's text; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The body of an answer that must have this status.
    ///
    /// # Errors
    /// Where it has another one; the error has the whole answer.
    pub fn expect(&self, status: u16) -> anyhow::Result<Value> {
        if self.status.as_u16() != status {
            bail!("{} answers {}: {}", self.asked, self.status, self.text());
        }
        self.json()
    }

    /// The body of an answer that must be a success.
    ///
    /// # Errors
    /// Where it isn't; the error has the whole answer.
    pub fn success(&self) -> anyhow::Result<Value> {
        if !self.status.is_success() {
            bail!("{} answers {}: {}", self.asked, self.status, self.text());
        }
        self.json()
    }
}

impl Api {
    /// The API of the server at an address, to nobody in particular. What it answers is written down in `told`.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(origin: &str, told: Told) -> anyhow::Result<Self> {
        // Plain http, but the client insists on being able to do more.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            origin: origin.trim_end_matches('/').to_owned(),
            credentials: Credentials::Nobody,
            told,
        })
    }

    /// The same server to another caller.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self.clone()
        }
    }

    /// How this caller shows who they are.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The token that this caller shows; empty where they show none.
    #[must_use]
    pub fn token(&self) -> &str {
        match &self.credentials {
            Credentials::Token(token) => token,
            _ => "",
        }
    }

    /// Any request: a path from the root, further headers, a JSON body.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let asked = format!("{method} {path}");
        let response = self.send(method, path, headers, body).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response
            .bytes()
            .await
            .with_context(|| format!("the answer to {asked}"))?
            .to_vec();
        self.told.add(format!("{headers:?}").as_bytes());
        self.told.add(&body);
        Ok(Answer {
            asked,
            status,
            headers,
            body,
        })
    }

    /// The status with which a request's answer begins, and the code of its problem where it is one. What
    /// follows, which may be a stream without end, is not waited for.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, String)> {
        let response = self.send(method, path, headers, body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok((status.as_u16(), String::new()));
        }
        let body = response.bytes().await?;
        self.told.add(&body);
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let code = problem.get("code").and_then(Value::as_str);
        Ok((status.as_u16(), code.unwrap_or_default().to_owned()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut all = HeaderMap::new();
        let mut add = |name: &str, value: &str| -> anyhow::Result<()> {
            all.insert(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
            Ok(())
        };
        match &self.credentials {
            Credentials::Nobody => {}
            Credentials::Token(token) => add("authorization", &format!("Bearer {token}"))?,
            Credentials::Session { cookie, csrf } => {
                add("cookie", cookie)?;
                if let Some(csrf) = csrf {
                    add("x-csrf-token", csrf)?;
                }
            }
        }
        if body.is_some() {
            add("content-type", "application/json")?;
        }
        for (name, value) in headers {
            add(name, value)?;
        }
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.origin))
            .headers(all);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        request
            .send()
            .await
            .with_context(|| format!("{method} {path}"))
    }

    /// Reads a resource below `/api/v1`, whatever comes.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, &below(path), &[], None).await
    }

    /// Reads a resource that must be there.
    ///
    /// # Errors
    /// Where it isn't.
    pub async fn read(&self, path: &str) -> anyhow::Result<Value> {
        self.get(path).await?.success()
    }

    /// Posts a document, whatever comes.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.call(Method::POST, &below(path), &[], Some(body)).await
    }

    /// Posts a document that must be accepted.
    ///
    /// # Errors
    /// Where it isn't.
    pub async fn make(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post(path, body).await?.success()
    }

    /// Puts a document in place of any revision.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let any = [("if-match", "*")];
        self.call(Method::PUT, &below(path), &any, Some(body)).await
    }

    /// Changes a part of any revision.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let any = [("if-match", "*")];
        self.call(Method::PATCH, &below(path), &any, Some(body))
            .await
    }

    /// Deletes any revision.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        let any = [("if-match", "*")];
        self.call(Method::DELETE, &below(path), &any, None).await
    }

    /// All entries of a list, from page to page.
    ///
    /// # Errors
    /// Where a page can't be read.
    pub async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut next) = (Vec::new(), None);
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &next {
                None => self.read(path).await?,
                Some(cursor) => self.read(&format!("{path}{joint}cursor={cursor}")).await?,
            };
            let some = page.get("items").and_then(Value::as_array);
            items.extend(some.context("a page has items")?.iter().cloned());
            next = page
                .get("next")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned);
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// Opens a stream of events.
    ///
    /// # Errors
    /// Where the server gives none.
    pub async fn events(&self, path: &str, last: Option<&str>) -> anyhow::Result<Events> {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(last.map(|last| ("last-event-id", last)));
        let response = self.send(Method::GET, &below(path), &headers, None).await?;
        let status = response.status();
        if !status.is_success() {
            bail!("GET {path} answers {status}: {}", response.text().await?);
        }
        let told = self.told.clone();
        let bytes = response.bytes_stream().inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                told.add(chunk);
            }
        });
        Ok(Events::new(bytes))
    }
}

fn below(path: &str) -> String {
    format!("/api/v1{path}")
}
