//! A tiny, strict SCIM 2.0 service, for the connector in `fixtures/scim`.
//!
//! It reads only: users, groups, listings with `startIndex`, `count`, one filter on
//! `displayName`, `sortBy=id`, `excludedAttributes` and `attributes`. What it does not know it
//! refuses, and what goes wrong is for the test to decide. It follows RFC 7643 and RFC 7644, not
//! the connector.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

/// Where the service's resources are.
const PREFIX: &str = "/scim/v2";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The token that it accepts.
pub const DEMO_TOKEN: &str = "scim-Demo~Token.0123456789abcdef";

/// What the service has and how it behaves. Tests change it at any time.
#[derive(Debug, Clone)]
pub struct Service {
    /// Users, in the order in which they are listed.
    pub users: Vec<Value>,
    /// Groups, in the order in which they are listed.
    pub groups: Vec<Value>,
    /// Most resources on a page, whatever is asked for.
    pub largest_page: usize,
    /// Whether `sortBy` is supported.
    pub sorts: bool,
    /// Whether listings of groups come with members.
    pub lists_members: bool,
}

impl Service {
    /// Adds a user.
    pub fn add_user(&mut self, id: &str, name: &str) {
        self.users.push(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": id,
            "userName": format!("{id}@contoso.example"),
            "displayName": name,
            "emails": [{"value": format!("{id}@contoso.example"), "primary": true}],
            "active": true,
        }));
    }

    /// Adds a group without members.
    pub fn add_group(&mut self, id: &str, name: &str) {
        self.groups.push(json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": id,
            "displayName": name,
        }));
    }

    /// Replaces a group's members.
    pub fn set_members(&mut self, group: &str, members: &[&str]) {
        let members: Vec<Value> = members.iter().map(|id| self.member(id)).collect();
        if let Some(group) = self.groups.iter_mut().find(|own| own["id"] == group) {
            group["members"] = members.into();
        }
    }

    fn member(&self, id: &str) -> Value {
        let is_group = self.groups.iter().any(|group| group["id"] == id);
        let (kind, path) = if is_group {
            ("Group", "Groups")
        } else {
            ("User", "Users")
        };
        json!({"value": id, "type": kind, "$ref": format!("{PREFIX}/{path}/{id}")})
    }

    /// Removes a user or group, and every membership of it.
    pub fn remove(&mut self, id: &str) {
        self.users.retain(|user| user["id"] != id);
        self.groups.retain(|group| group["id"] != id);
        for group in &mut self.groups {
            if let Some(members) = group.get_mut("members").and_then(Value::as_array_mut) {
                members.retain(|member| member["value"] != id);
            }
        }
    }

    fn of(&self, of: &str) -> &[Value] {
        if of == "Users" {
            &self.users
        } else {
            &self.groups
        }
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// This status, with `Retry-After` in seconds or without.
    Status(u16, Option<u64>),
    /// A page of HTML.
    NotJson,
    /// A listing stops after so many resources, though it claims to have more.
    Ends(usize),
    /// This object disappears just before the answer.
    Removal(String),
}

#[derive(Debug)]
struct Rule {
    path: String,
    skip: usize,
    times: usize,
    trouble: Trouble,
}

#[derive(Debug)]
struct State {
    service: Service,
    rules: Vec<Rule>,
    requests: BTreeMap<String, usize>,
}

/// A running service, which stops when it is dropped.
#[derive(Debug)]
pub struct ScimServer {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl ScimServer {
    /// Listens, with nothing to list yet.
    ///
    /// # Errors
    /// When no address can be bound.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let state = Arc::new(Mutex::new(State {
            service: Service {
                users: Vec::new(),
                groups: Vec::new(),
                largest_page: 10,
                sorts: false,
                lists_members: true,
            },
            rules: Vec::new(),
            requests: BTreeMap::new(),
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("scim-server")
            .enable_all()
            .build()?;
        runtime.spawn(serve(Arc::clone(&state), listener));
        Ok(Self {
            state,
            address,
            runtime: Some(runtime),
        })
    }

    /// Its origin.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a client is configured with.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{PREFIX}", self.origin())
    }

    /// The service as it is now.
    #[must_use]
    pub fn service(&self) -> Service {
        lock(&self.state).service.clone()
    }

    /// Changes the service.
    pub fn edit(&self, edit: impl FnOnce(&mut Service)) {
        edit(&mut lock(&self.state).service);
    }

    /// Makes trouble for requests to paths that begin like this, behind the base URL: it lets `skip`
    /// of them through and strikes `times` after that.
    pub fn trouble(&self, path: &str, skip: usize, times: usize, trouble: Trouble) {
        lock(&self.state).rules.push(Rule {
            path: path.to_owned(),
            skip,
            times,
            trouble,
        });
    }

    /// Ends all trouble.
    pub fn calm(&self) {
        lock(&self.state).rules.clear();
    }

    /// How many requests there were to each path behind the base URL.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, usize> {
        lock(&self.state).requests.clone()
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(state: Arc<Mutex<State>>, listener: TcpListener) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let answer = lock(&state).answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Parameters of a request, decoded.
type Query = BTreeMap<String, String>;

/// A status and what to say about it.
type Refusal = (StatusCode, &'static str);

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let path = path.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        *self.requests.entry(path.clone()).or_default() += 1;
        let trouble = self.strike(&path);
        let retry_after = match trouble {
            Some(Trouble::Status(_, retry_after)) => retry_after,
            _ => None,
        };
        let body = match &trouble {
            Some(Trouble::NotJson) => return response(StatusCode::OK, "text/html", "<html>"),
            Some(Trouble::Status(status, _)) => Err((
                StatusCode::from_u16(*status).unwrap_or_default(),
                "Trouble was asked for.",
            )),
            _ => {
                if let Some(Trouble::Removal(id)) = &trouble {
                    self.service.remove(id);
                }
                let end = match trouble {
                    Some(Trouble::Ends(end)) => end,
                    _ => usize::MAX,
                };
                allowed(request.method(), request.headers()).and_then(|()| {
                    let query = request.uri().query().unwrap_or_default();
                    let query = form_urlencoded::parse(query.as_bytes());
                    self.service.get(&path, &query.into_owned().collect(), end)
                })
            }
        };
        let (status, body) = match body {
            Ok(body) => (StatusCode::OK, body),
            Err((status, detail)) => (
                status,
                json!({"schemas": [ERROR], "status": status.as_str(), "detail": detail}),
            ),
        };
        let mut response = response(status, "application/scim+json", &body.to_string());
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn strike(&mut self, path: &str) -> Option<Trouble> {
        let rule = self
            .rules
            .iter_mut()
            .find(|rule| path.starts_with(&rule.path) && rule.skip + rule.times > 0)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        Some(rule.trouble.clone())
    }
}

fn response(status: StatusCode, kind: &'static str, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn allowed(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if header(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "))
        != Some(DEMO_TOKEN)
    {
        Err((StatusCode::UNAUTHORIZED, "The token is not one of mine."))
    } else if method != Method::GET {
        Err((StatusCode::NOT_IMPLEMENTED, "I am read only."))
    } else if !header(header::ACCEPT).is_some_and(|kinds| kinds.contains("application/scim+json")) {
        Err((StatusCode::NOT_ACCEPTABLE, "I speak application/scim+json."))
    } else {
        Ok(())
    }
}

impl Service {
    fn get(&self, path: &str, query: &Query, end: usize) -> Result<Value, Refusal> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match segments.as_slice() {
            ["ServiceProviderConfig"] => Ok(json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                "patch": {"supported": false},
                "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
                "filter": {"supported": true, "maxResults": self.largest_page},
                "changePassword": {"supported": false},
                "sort": {"supported": self.sorts},
                "etag": {"supported": false},
                "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Token", "description": "Bearer token"}],
            })),
            [of @ ("Users" | "Groups")] => self.list(of, query, end),
            [of @ ("Users" | "Groups"), id] => {
                known(query, &["attributes", "excludedAttributes"])?;
                let id = percent_decode_str(id).decode_utf8_lossy();
                let found = self.of(of).iter().find(|resource| resource["id"] == *id);
                found
                    .map(|resource| shown(resource, query, true))
                    .ok_or((StatusCode::NOT_FOUND, "There is no such resource."))
            }
            _ => Err((StatusCode::NOT_FOUND, "There is no such endpoint.")),
        }
    }

    /// A page of a listing (RFC 7644, 3.4.2): numbers begin at 1, and nothing is remembered.
    fn list(&self, of: &str, query: &Query, end: usize) -> Result<Value, Refusal> {
        known(
            query,
            &[
                "startIndex",
                "count",
                "filter",
                "sortBy",
                "attributes",
                "excludedAttributes",
            ],
        )?;
        let mut found: Vec<&Value> = match query.get("filter") {
            None => self.of(of).iter().collect(),
            Some(filter) => {
                let matches = filtered(filter)?;
                let all = self.of(of).iter();
                all.filter(|resource| matches(resource)).collect()
            }
        };
        match query.get("sortBy").map(String::as_str) {
            None => {}
            Some("id") if self.sorts => found.sort_by_key(|own| own["id"].as_str()),
            Some(_) => return Err((StatusCode::BAD_REQUEST, "I can't sort like that.")),
        }
        let start = number(query, "startIndex", 1)?.max(1);
        let count = number(query, "count", self.largest_page)?.min(self.largest_page);
        let page: Vec<Value> = found
            .iter()
            .take(end)
            .skip(start - 1)
            .take(count)
            .map(|resource| shown(resource, query, self.lists_members))
            .collect();
        Ok(json!({
            "schemas": [LIST],
            "totalResults": found.len(),
            "startIndex": start,
            "itemsPerPage": page.len(),
            "Resources": page,
        }))
    }
}

/// Refuses what the service would have to ignore.
fn known(query: &Query, names: &[&str]) -> Result<(), Refusal> {
    if query.keys().all(|name| names.contains(&name.as_str())) {
        Ok(())
    } else {
        Err((StatusCode::BAD_REQUEST, "I don't know that parameter."))
    }
}

/// A whole number; one below zero counts as zero.
fn number(query: &Query, name: &str, default: usize) -> Result<usize, Refusal> {
    let Some(text) = query.get(name) else {
        return Ok(default);
    };
    let number: i64 = text
        .parse()
        .map_err(|_| (StatusCode::BAD_REQUEST, "That is no number."))?;
    Ok(usize::try_from(number).unwrap_or(0))
}

/// `displayName sw "…"` and `displayName eq "…"`, both without case.
fn filtered(filter: &str) -> Result<impl Fn(&Value) -> bool + use<>, Refusal> {
    const REFUSAL: Refusal = (StatusCode::BAD_REQUEST, "I can't filter like that.");
    let mut words = filter.splitn(3, ' ');
    let (Some("displayName"), Some(operator), Some(value)) =
        (words.next(), words.next(), words.next())
    else {
        return Err(REFUSAL);
    };
    let is_prefix = match operator {
        "sw" => true,
        "eq" => false,
        _ => return Err(REFUSAL),
    };
    let wanted: String = serde_json::from_str(value).map_err(|_| REFUSAL)?;
    let wanted = wanted.to_lowercase();
    Ok(move |resource: &Value| {
        let name = resource["displayName"].as_str().unwrap_or_default();
        let name = name.to_lowercase();
        if is_prefix {
            name.starts_with(&wanted)
        } else {
            name == wanted
        }
    })
}

/// A resource with the attributes that were asked for; what is always returned stays.
fn shown(resource: &Value, query: &Query, with_members: bool) -> Value {
    let names = |parameter: &str| -> Option<Vec<&str>> {
        let list = query.get(parameter)?;
        Some(list.split(',').map(str::trim).collect())
    };
    let (wanted, excluded) = (names("attributes"), names("excludedAttributes"));
    let mut resource = resource.clone();
    if let Value::Object(attributes) = &mut resource {
        attributes.retain(|name, _| {
            let name = name.as_str();
            matches!(name, "id" | "schemas")
                || wanted.as_ref().is_none_or(|list| list.contains(&name))
                    && excluded.as_ref().is_none_or(|list| !list.contains(&name))
                    && (with_members || name != "members")
        });
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        let mut service = Service {
            users: Vec::new(),
            groups: Vec::new(),
            largest_page: 2,
            sorts: true,
            lists_members: true,
        };
        for (id, name) in [("c", "Sales"), ("a", "sales \"north\""), ("b", "Legal")] {
            service.add_group(id, name);
        }
        service.add_user("u", "Megan Bowen");
        service.set_members("c", &["u", "a"]);
        service
    }

    fn asked(query: &str) -> Result<Value, Refusal> {
        let query = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        service().get("/Groups", &query, usize::MAX)
    }

    fn ids(list: &Value) -> Vec<&str> {
        let resources = list["Resources"].as_array().unwrap();
        resources
            .iter()
            .map(|own| own["id"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn a_page_begins_where_it_is_asked_to_and_is_never_too_long() {
        let list = asked("startIndex=2&count=9").unwrap();
        assert_eq!(ids(&list), ["a", "b"]);
        assert_eq!(list["totalResults"], 3);
        assert_eq!(ids(&asked("sortBy=id&count=1").unwrap()), ["a"]);
        assert_eq!(ids(&asked("startIndex=4").unwrap()), [""; 0]);
    }

    #[test]
    fn a_filter_is_a_json_string() {
        let list = asked("filter=displayName+sw+%22sales%22").unwrap();
        assert_eq!(ids(&list), ["c", "a"]);
        let quoted = r#"filter=displayName+eq+"Sales+\"North\"""#;
        assert_eq!(ids(&asked(quoted).unwrap()), ["a"]);
        assert!(asked("filter=displayName+sw+'sales'").is_err());
        assert!(asked("filter=members+eq+%22u%22").is_err());
    }

    #[test]
    fn attributes_are_left_out_when_asked_for() {
        let whole = asked("count=1").unwrap();
        assert_eq!(whole["Resources"][0]["members"][1]["type"], "Group");
        let bare = asked("count=1&excludedAttributes=members").unwrap();
        assert_eq!(bare["Resources"][0].get("members"), None);
        assert_eq!(bare["Resources"][0]["displayName"], "Sales");
        assert!(asked("pageSize=3").is_err());
    }
}
