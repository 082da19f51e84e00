//! Requests to a connector host's API.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use connector_host::egress;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, ETAG, HeaderValue, IF_MATCH, SET_COOKIE,
};
use reqwest::{Method, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Host, Url};

use super::failure::Failure;
use super::reach::{foreign, refused, unreachable};

const JSON: &str = "application/json";
/// How long an answer may take; a connection test waits for the source.
const PATIENCE: Duration = Duration::from_secs(300);

/// How to reach a server.
#[derive(Debug)]
pub(super) struct Connection {
    /// Its address; the API is below.
    pub(super) server: Url,
    /// An API token.
    pub(super) token: Option<SecretString>,
    /// PEM files with certificate authorities to trust beside the machine's.
    pub(super) ca_files: Vec<PathBuf>,
    /// Whether a token may travel over plain http to another machine.
    pub(super) insecure_http: bool,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    identity: Identity,
    /// Whether whoever is on the way could read what is sent, and that wasn't allowed.
    exposed: bool,
}

/// Who asks.
#[derive(Debug, Clone)]
enum Identity {
    Nobody,
    Token(HeaderValue),
    /// Somebody who signed in: the session's cookie, and the token for what changes something.
    Session(HeaderValue, HeaderValue),
}

/// A request to be sent. Its body may have secrets, so it can't be shown.
#[derive(Clone)]
pub(super) struct Request {
    client: Client,
    method: Method,
    url: Url,
    body: Option<Value>,
    if_match: Option<String>,
    last_event: Option<String>,
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The document; null where there is none.
    pub(super) body: Value,
    /// The revision that was read, for [`Request::if_match`].
    pub(super) etag: Option<String>,
}

impl Answer {
    /// A text of the document; empty where it has none of this name.
    pub(super) fn text(&self, name: &str) -> String {
        let value = self.body.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    }
}

impl Client {
    pub(super) fn new(connection: Connection) -> Result<Self, Failure> {
        let server = connection.server;
        let plain = match server.scheme() {
            "https" => false,
            "http" => true,
            _ => {
                return Err(Failure::input(
                    format!("--server {server}: neither http nor https"),
                    "Give an address such as https://connectors.example.com.",
                ));
            }
        };
        if !server.username().is_empty() || server.password().is_some() {
            return Err(Failure::input(
                "--server has a user or a password in it, which is not how this server is asked",
                "Leave it out, and put an API token into CONNECTOR_TOKEN or a --token-file.",
            ));
        }
        let exposed = plain && !connection.insecure_http && !is_loopback(&server);
        let identity = match &connection.token {
            Some(_) if exposed => return Err(could_be_read(&server, "token")),
            Some(token) => Identity::Token(bearer(token)?),
            None => Identity::Nobody,
        };
        let tls = egress::tls(&connection.ca_files).map_err(|error| {
            Failure::input(
                format!("--ca-file: {error}"),
                "Give a PEM file with the certificate of the authority that signed the server's.",
            )
        })?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("connector-host/", env!("CARGO_PKG_VERSION")))
            // The token is for this server and no other.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10));
        if plain {
            // A proxy would see the token.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            Failure::connection(
                format!("no client can be made: {error}"),
                "See the cause above.",
            )
        })?;
        Ok(Self {
            http,
            base: server,
            identity,
            exposed,
        })
    }

    /// A client as somebody who signs in: by a request that begins a session, such as `POST /session` with a
    /// name and a password.
    pub(super) async fn signed_in(&self, path: &[&str], body: Value) -> Result<Self, Failure> {
        if self.exposed {
            return Err(could_be_read(&self.base, "password"));
        }
        let mut client = self.clone();
        // A token would go before the session.
        client.identity = Identity::Nobody;
        let response = client
            .post(path)?
            .body(body)
            .dispatch(JSON, Some(PATIENCE))
            .await?;
        let cookie = response.headers().get(SET_COOKIE);
        let cookie = cookie
            .and_then(|cookie| cookie.to_str().ok()?.split(';').next())
            .and_then(|cookie| HeaderValue::from_str(cookie).ok());
        let bytes = response.bytes().await.unwrap_or_default();
        let who: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let csrf = who.get("csrfToken").and_then(Value::as_str);
        let csrf = csrf.and_then(|csrf| HeaderValue::from_str(csrf).ok());
        let (Some(mut cookie), Some(mut csrf)) = (cookie, csrf) else {
            return Err(foreign(&self.base, "no session"));
        };
        cookie.set_sensitive(true);
        csrf.set_sensitive(true);
        client.identity = Identity::Session(cookie, csrf);
        Ok(client)
    }

    /// The server's address.
    pub(super) fn server(&self) -> &Url {
        &self.base
    }

    pub(super) fn get(&self, path: &[&str]) -> Result<Request, Failure> {
        self.request(Method::GET, path)
    }

    pub(super) fn post(&self, path: &[&str]) -> Result<Request, Failure> {
        self.request(Method::POST, path)
    }

    pub(super) fn put(&self, path: &[&str]) -> Result<Request, Failure> {
        self.request(Method::PUT, path)
    }

    pub(super) fn patch(&self, path: &[&str]) -> Result<Request, Failure> {
        self.request(Method::PATCH, path)
    }

    pub(super) fn delete(&self, path: &[&str]) -> Result<Request, Failure> {
        self.request(Method::DELETE, path)
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<Request, Failure> {
        let mut url = self.base.clone();
        // These would lead to another resource than the one that is meant.
        if let Some(odd) = path.iter().find(|part| matches!(**part, "" | "." | "..")) {
            return Err(Failure::input(
                format!("{odd:?} is neither a name nor an identifier"),
                "Give the name or the identifier of what is meant.",
            ));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Request {
            client: self.clone(),
            method,
            url,
            body: None,
            if_match: None,
            last_event: None,
        })
    }
}

impl Request {
    /// Adds a parameter.
    pub(super) fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.url
            .query_pairs_mut()
            .append_pair(name, &value.to_string());
        self
    }

    /// Adds a parameter where there is a value.
    pub(super) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a parameter that is absent where it doesn't hold.
    pub(super) fn flag(self, name: &str, holds: bool) -> Self {
        self.maybe(name, holds.then_some("true"))
    }

    /// Sends a document.
    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Changes only this revision; whichever it is where none is known.
    pub(super) fn if_match(mut self, etag: Option<String>) -> Self {
        self.if_match = Some(etag.unwrap_or_else(|| "*".into()));
        self
    }

    /// Goes on after this event of a stream.
    pub(super) fn after_event(mut self, id: Option<String>) -> Self {
        self.last_event = id;
        self
    }

    /// Sends it and reads the answer.
    pub(super) async fn send(self) -> Result<Answer, Failure> {
        let server = self.client.base.clone();
        let response = self.dispatch(JSON, Some(PATIENCE)).await?;
        let etag = response
            .headers()
            .get(ETAG)
            .and_then(|tag| tag.to_str().ok())
            .map(str::to_owned);
        let bytes = response
            .bytes()
            .await
            .map_err(|error| unreachable(&server, &error))?;
        if bytes.is_empty() {
            return Ok(Answer {
                body: Value::Null,
                etag,
            });
        }
        match serde_json::from_slice(&bytes) {
            Ok(body) => Ok(Answer { body, etag }),
            Err(_) => Err(foreign(&server, "something that is no JSON")),
        }
    }

    /// Sends it and leaves the answer's body to be read piece by piece, however long it takes.
    pub(super) async fn stream(self, accept: &'static str) -> Result<Response, Failure> {
        self.dispatch(accept, None).await
    }

    async fn dispatch(
        self,
        accept: &'static str,
        patience: Option<Duration>,
    ) -> Result<Response, Failure> {
        let Client {
            http,
            base,
            identity,
            ..
        } = self.client;
        let has_token = matches!(identity, Identity::Token(_));
        let mut request = http
            .request(self.method, self.url)
            .header(ACCEPT, format!("{accept}, application/problem+json"));
        request = match identity {
            Identity::Nobody => request,
            Identity::Token(token) => request.header(AUTHORIZATION, token),
            Identity::Session(cookie, csrf) => {
                request.header(COOKIE, cookie).header("x-csrf-token", csrf)
            }
        };
        if let Some(tag) = self.if_match {
            request = request.header(IF_MATCH, tag);
        }
        if let Some(id) = self.last_event {
            request = request.header("last-event-id", id);
        }
        if let Some(body) = self.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        let response = request
            .send()
            .await
            .map_err(|error| unreachable(&base, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refused(&base, has_token, response).await)
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    // Neither the token nor the cause, which might quote it, is told.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
        .map_err(|_| {
            Failure::input(
                "the token has characters that no token has",
                "Look at CONNECTOR_TOKEN or at the --token-file: it holds the token and nothing else.",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

fn could_be_read(server: &Url, what: &str) -> Failure {
    Failure::input(
        format!(
            "{server} is another machine and not https: whoever is on the way could read the {what}"
        ),
        "Use https, or a tunnel to this machine; --insecure-http sends it nevertheless.",
    )
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}
