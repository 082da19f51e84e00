//! The simulator, tested over HTTP by what it answers.

mod batch;
mod consumer;
mod delta;
mod faults;
mod listing;
mod permissions;
mod sign_in;
mod throttling;
mod transport;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::*;

/// An answer as a client sees it.
#[derive(Debug)]
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A signed-in client of a simulator.
struct Api {
    simulator: Simulator,
    client: Client<HttpConnector, Full<Bytes>>,
    token: String,
}

impl Api {
    async fn start(options: SimulatorOptions) -> Self {
        let simulator = Simulator::start(options).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut api = Self {
            simulator,
            client,
            token: String::new(),
        };
        let answer = api.sign_in(&form(DEMO_CLIENT_SECRET)).await;
        api.token = answer.json()["access_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        api
    }

    /// A tenant of some hundred users.
    async fn small() -> Self {
        Self::start(small(0.0)).await
    }

    async fn sign_in(&self, form: &str) -> Seen {
        let request = Request::post(self.simulator.token_endpoint())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(form.to_owned()));
        self.send(request.unwrap()).await.unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Seen, String> {
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        Ok(Seen {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    async fn try_get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Seen, String> {
        let url = if url.starts_with("http") {
            url.to_owned()
        } else {
            format!("{}/v1.0{url}", self.simulator.graph_url())
        };
        let mut request = Request::get(url.replace(' ', "%20"))
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Full::default()).unwrap()).await
    }

    async fn get(&self, url: &str) -> Seen {
        self.try_get(url, &[]).await.unwrap()
    }

    async fn advanced(&self, url: &str) -> Seen {
        self.try_get(url, &[("ConsistencyLevel", "eventual")])
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Seen {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.simulator.base_url()))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::from(body.to_string()));
        self.send(request.unwrap()).await.unwrap()
    }

    /// All objects of a listing, following its links.
    async fn all(&self, url: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = Some(url.to_owned());
        while let Some(url) = next {
            let page = self.advanced(&url).await;
            assert_eq!(page.status, 200, "{url}: {:?}", page.body);
            let page = page.json();
            found.extend(page["value"].as_array().unwrap().iter().cloned());
            next = page["@odata.nextLink"].as_str().map(ToOwned::to_owned);
        }
        found
    }
}

fn small(nastiness: f64) -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(300, 40, 3_000, 11),
        behaviour: Behaviour {
            nastiness,
            ..Behaviour::default()
        },
        ..SimulatorOptions::default()
    }
}

fn form(secret: &str) -> String {
    let secret = secret.replace('~', "%7E");
    format!(
        "grant_type=client_credentials&client_id={DEMO_CLIENT_ID}&client_secret={secret}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
    )
}

fn ids(objects: &[Value]) -> std::collections::BTreeSet<String> {
    objects
        .iter()
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A live group that this holds for.
fn group_where(truth: &Truth, holds: impl Fn(&str, &Value) -> bool) -> String {
    truth
        .groups
        .iter()
        .find(|(id, group)| holds(id, group))
        .map(|(id, _)| id.clone())
        .unwrap()
}

fn members_of<'a>(truth: &'a Truth, group: &str) -> Vec<&'a Membership> {
    truth
        .memberships
        .iter()
        .filter(|membership| membership.group == group)
        .collect()
}
