//! The admin surface: everything that a test in another process needs to steer the simulator and to check a result.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::faults::FaultRule;
use super::odata::Query;
use super::options::{Behaviour, ExpirySpelling, FederatedCredential, Quota};
use super::schema::Kind;
use super::state::State;
use super::tenant::{self, Operation};
use super::truth::{self, Part, Progress};

/// What an admin request is answered with.
pub(crate) enum Answer {
    Json(u16, Value),
    /// A body of unknown length.
    Stream(&'static str, mpsc::Receiver<Bytes>),
}

/// Which tokens to make invalid, and how expired delta tokens are answered from then on.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expiry {
    /// Spelling of the answer to an expired delta token; without it the present one stays.
    pub spelling: Option<ExpirySpelling>,
    /// Leave delta tokens alone.
    pub keep_delta: bool,
    /// Expire the page tokens of listings too (`Directory_ExpiredPageToken`).
    pub pages: bool,
    /// Make all access tokens invalid too (401).
    pub access: bool,
}

type Handled = Result<Value, String>;

impl State {
    /// Answers `/admin/…`.
    pub(crate) fn admin(
        self: &Arc<Self>,
        method: &http::Method,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Answer {
        let action = path.trim_start_matches("/admin").trim_matches('/');
        let handled = match (method.as_str(), action) {
            ("GET", "truth") => return self.export(&Query::parse(query)),
            ("GET", "info") => Ok(self.info()),
            ("GET", "stats") => Ok(json!(self.stats.snapshot())),
            ("POST", "stats/reset") => {
                self.stats.reset();
                Ok(json!({}))
            }
            ("POST", "mutate") => self.admin_mutate(body),
            ("POST", "churn") => self.admin_churn(body),
            ("GET", "faults") => Ok(self.faults.list()),
            ("POST", "faults") => self.admin_faults(body),
            ("DELETE", "faults") => {
                self.faults.clear();
                Ok(json!({}))
            }
            ("POST", "tokens/expire") => parse(body).map(|expiry| {
                self.expire(expiry);
                json!({})
            }),
            ("POST", "clock") => self.admin_clock(body),
            ("POST", "permissions") => self.admin_permissions(body),
            ("POST", "quota") => self.admin_quota(body),
            ("POST", "latency") => self.admin_latency(body),
            ("GET", "behaviour") => Ok(json!(*self.behaviour.read())),
            ("POST", "behaviour") => self.admin_behaviour(body),
            ("POST", "credentials") => self.admin_credentials(body),
            _ => {
                return Answer::Json(
                    404,
                    json!({"error": format!("{method} {path} is no admin call")}),
                );
            }
        };
        match handled {
            Ok(value) => Answer::Json(200, value),
            Err(error) => Answer::Json(400, json!({"error": error})),
        }
    }

    pub(crate) fn expire(&self, expiry: Expiry) {
        if let Some(spelling) = expiry.spelling {
            self.behaviour.write().expiry_spelling = spelling;
        }
        if !expiry.keep_delta {
            self.delta_epoch.fetch_add(1, Ordering::Relaxed);
        }
        if expiry.pages {
            self.page_epoch.fetch_add(1, Ordering::Relaxed);
        }
        if expiry.access {
            self.access.revoke();
        }
    }

    pub(crate) fn mutate(&self, operation: &Operation) -> Result<String, String> {
        let announce = self.behaviour.read().reemit_on_restore;
        tenant::apply(&mut self.directory.write(), operation, announce)
    }

    pub(crate) fn churn(&self, seed: u64, changes: usize) -> usize {
        let announce = self.behaviour.read().reemit_on_restore;
        tenant::churn(&mut self.directory.write(), seed, changes, announce)
    }

    fn info(&self) -> Value {
        let directory = self.directory.read();
        let app = self.app.read();
        json!({
            "tenantId": self.tenant_id, "clientId": app.client_id, "permissions": app.permissions,
            "users": directory.live_count(Kind::User), "groups": directory.live_count(Kind::Group),
            "memberships": directory.of_kind(Kind::Group).iter().filter(|g| directory.is_live(**g)).map(|g| truth::live_members(&directory, *g).count()).sum::<usize>(),
            "changes": directory.log().len(), "now": self.now(),
        })
    }

    /// Streams the truth: one JSON document, or with `?what=users|groups|memberships` one JSON object a line.
    fn export(self: &Arc<Self>, query: &Query) -> Answer {
        const PARTS: [(&str, Part); 3] = [
            ("users", Part::Users),
            ("groups", Part::Groups),
            ("memberships", Part::Memberships),
        ];
        let chosen = match query.get("what") {
            None => None,
            Some(what) => match PARTS.iter().find(|(name, _)| *name == what) {
                Some((_, part)) => Some(*part),
                None => {
                    return Answer::Json(
                        400,
                        json!({"error": "what is one of users, groups, memberships"}),
                    );
                }
            },
        };
        let (sender, receiver) = mpsc::channel(4);
        let state = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let _ = match chosen {
                Some(part) => state.stream_lines(part, &sender),
                None => state.stream_document(&PARTS, &sender),
            };
        });
        Answer::Stream(
            if chosen.is_some() {
                "application/x-ndjson"
            } else {
                "application/json"
            },
            receiver,
        )
    }

    fn stream_lines(&self, part: Part, to: &mpsc::Sender<Bytes>) -> Option<()> {
        let mut progress = Progress::default();
        loop {
            let lines = truth::lines(&self.directory.read(), part, &mut progress);
            if lines.is_empty() {
                return Some(());
            }
            to.blocking_send(lines.into()).ok()?;
        }
    }

    fn stream_document(&self, parts: &[(&str, Part)], to: &mpsc::Sender<Bytes>) -> Option<()> {
        for (index, (name, part)) in parts.iter().enumerate() {
            let opening = format!("{}\"{name}\":[", if index == 0 { "{" } else { "]," });
            to.blocking_send(opening.into()).ok()?;
            let mut progress = Progress::default();
            let mut first = true;
            loop {
                let mut lines = truth::lines(&self.directory.read(), *part, &mut progress);
                // No line feed stands inside a line, so each one separates two objects.
                if lines.pop().is_none() {
                    break;
                }
                lines
                    .iter_mut()
                    .filter(|byte| **byte == b'\n')
                    .for_each(|byte| *byte = b',');
                if !first {
                    to.blocking_send(Bytes::from_static(b",")).ok()?;
                }
                first = false;
                to.blocking_send(lines.into()).ok()?;
            }
        }
        to.blocking_send(Bytes::from_static(b"]}")).ok()
    }

    fn admin_mutate(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Asked {
            Many(Vec<Operation>),
            One(Box<Operation>),
        }
        let operations = match parse(body)? {
            Asked::Many(list) => list,
            Asked::One(one) => vec![*one],
        };
        let ids: Result<Vec<String>, String> = operations
            .iter()
            .enumerate()
            .map(|(index, operation)| {
                self.mutate(operation)
                    .map_err(|error| format!("operation {index}: {error}"))
            })
            .collect();
        Ok(json!({"ids": ids?}))
    }

    fn admin_churn(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        struct Asked {
            seed: u64,
            changes: usize,
        }
        let asked: Asked = parse(body)?;
        Ok(json!({"changed": self.churn(asked.seed, asked.changes)}))
    }

    fn admin_faults(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Asked {
            Many(Vec<FaultRule>),
            One(Box<FaultRule>),
        }
        let rules = match parse(body)? {
            Asked::Many(list) => list,
            Asked::One(one) => vec![*one],
        };
        for rule in rules {
            self.faults.add(rule)?;
        }
        Ok(self.faults.list())
    }

    fn admin_clock(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked {
            advance_seconds: u64,
        }
        let asked: Asked = parse(body)?;
        self.advance(asked.advance_seconds);
        Ok(json!({"now": self.now()}))
    }

    fn admin_permissions(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        struct Asked {
            permissions: Option<Vec<String>>,
            #[serde(default)]
            grant: Vec<String>,
            #[serde(default)]
            revoke: Vec<String>,
        }
        let asked: Asked = parse(body)?;
        let mut app = self.app.write();
        if let Some(all) = asked.permissions {
            app.permissions = all.into_iter().collect();
        }
        app.permissions.extend(asked.grant);
        app.permissions
            .retain(|permission| !asked.revoke.contains(permission));
        Ok(json!({"permissions": app.permissions}))
    }

    fn admin_quota(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        struct Asked {
            quota: Value,
        }
        let asked: Asked = parse(body)?;
        let text = asked
            .quota
            .as_str()
            .map_or_else(|| asked.quota.to_string(), str::to_owned);
        let quota: Quota = text.parse()?;
        self.throttle.set(quota);
        Ok(json!({"units": quota.units()}))
    }

    fn admin_latency(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked {
            milliseconds: u64,
            #[serde(default)]
            jitter_milliseconds: u64,
        }
        let asked: Asked = parse(body)?;
        let mut behaviour = self.behaviour.write();
        behaviour.latency_ms = asked.milliseconds;
        behaviour.latency_jitter_ms = asked.jitter_milliseconds;
        Ok(json!({}))
    }

    fn admin_behaviour(&self, body: &[u8]) -> Handled {
        let changes: serde_json::Map<String, Value> = parse(body)?;
        let mut behaviour = self.behaviour.write();
        let mut merged = json!(*behaviour);
        for (name, value) in changes {
            match merged.get_mut(&name) {
                Some(place) => *place = value,
                None => return Err(format!("there is no behaviour `{name}`")),
            }
        }
        *behaviour =
            serde_json::from_value::<Behaviour>(merged).map_err(|error| error.to_string())?;
        Ok(json!(*behaviour))
    }

    fn admin_credentials(&self, body: &[u8]) -> Handled {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Asked {
            secret: Option<String>,
            secret_expired: Option<bool>,
            certificates: Option<Vec<String>>,
            federated: Option<Vec<FederatedCredential>>,
        }
        let asked: Asked = parse(body)?;
        let mut app = self.app.write();
        if let Some(secret) = asked.secret {
            app.client_secret = secret;
        }
        if let Some(expired) = asked.secret_expired {
            app.secret_expired = expired;
        }
        if let Some(certificates) = asked.certificates {
            app.certificates = certificates;
        }
        if let Some(federated) = asked.federated {
            app.federated = federated;
        }
        Ok(json!({}))
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body })
        .map_err(|error| error.to_string())
}
