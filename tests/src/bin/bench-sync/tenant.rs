//! The simulator as a process of its own, so that its work is not taken for that of whom it serves.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use bytes::Bytes;
use harness::simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_TENANT_ID, Statistics};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// How large a tenant is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    pub(crate) groups: usize,
    pub(crate) memberships: usize,
}

/// How Graph behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Service {
    /// Of each request.
    pub(crate) latency_ms: u64,
    /// Resource units in ten seconds; without, nothing is throttled.
    pub(crate) quota: Option<u32>,
}

/// A tenant behind a Graph. Ends when it is dropped.
pub(crate) struct Tenant {
    pub(crate) base: String,
    pub(crate) size: Size,
    client: Client<HttpConnector, Full<Bytes>>,
    _process: Child,
}

/// The largest page of members.
const PAGE: u64 = 999;

impl Tenant {
    pub(crate) async fn start(
        program: &Path,
        size: Size,
        service: Service,
    ) -> anyhow::Result<Self> {
        let mut process = tokio::process::Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .args(["--users", &size.users.to_string()])
            .args(["--groups", &size.groups.to_string()])
            .args(["--memberships", &size.memberships.to_string()])
            .args(["--latency-ms", &service.latency_ms.to_string()])
            .args(["--quota", &quota(service)])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().context("its output")?;
        let base = BufReader::new(output).lines().next_line().await?;
        Ok(Self {
            base: base.context("the simulator did not start")?,
            size,
            client: Client::builder(TokioExecutor::new()).build_http(),
            _process: process,
        })
    }

    pub(crate) async fn behave(&self, service: Service) -> anyhow::Result<()> {
        let latency = json!({ "milliseconds": service.latency_ms });
        self.ask("POST", "latency", &latency).await?;
        self.ask("POST", "quota", &json!({ "quota": quota(service) }))
            .await?;
        Ok(())
    }

    /// Makes changes in the tenant.
    pub(crate) async fn churn(&self, changes: usize) -> anyhow::Result<()> {
        self.ask("POST", "churn", &json!({ "seed": 1, "changes": changes }))
            .await?;
        Ok(())
    }

    /// What was asked of it since this was called before.
    pub(crate) async fn statistics(&self) -> anyhow::Result<Statistics> {
        let counted = self.ask("GET", "stats", &Value::Null).await?;
        self.ask("POST", "stats/reset", &Value::Null).await?;
        Ok(serde_json::from_slice(&counted)?)
    }

    /// The fewest calls that read it all: the largest pages that there are, and two of each delta.
    pub(crate) async fn fewest_calls(&self) -> anyhow::Result<u64> {
        #[derive(Deserialize)]
        struct Membership {
            group: String,
            kind: String,
        }
        let lines = self
            .ask("GET", "truth?what=memberships", &Value::Null)
            .await?;
        let mut sizes: HashMap<String, u64> = HashMap::new();
        for line in lines.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let membership: Membership = serde_json::from_slice(line)?;
            // Listings leave them out.
            if membership.kind != "servicePrincipal" {
                *sizes.entry(membership.group).or_default() += 1;
            }
        }
        let empty = (self.size.groups as u64).saturating_sub(sizes.len() as u64);
        let members = sizes.values().map(|size| size.div_ceil(PAGE)).sum::<u64>();
        let pages = |objects: usize| (objects as u64).div_ceil(PAGE);
        Ok(members + empty + pages(self.size.users) + pages(self.size.groups) + 4)
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Bytes> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/admin/{path}", self.base))
            .body(Full::from(if body.is_null() {
                String::new()
            } else {
                body.to_string()
            }))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        anyhow::ensure!(
            status.is_success(),
            "/admin/{path} answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }

    /// Settings of a connector to it, with all groups and all users: so everyone stores the same.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "tenantId": DEMO_TENANT_ID,
            "clientId": DEMO_CLIENT_ID,
            "clientSecret": DEMO_CLIENT_SECRET,
            "groups": "all",
            "keepUsersWithoutGroups": true,
            "loginEndpoint": self.base,
            "graphEndpoint": self.base,
        })
    }

    /// A script that copies the tenant plainly.
    pub(crate) fn script(
        &self,
        python: &Path,
        script: &Path,
        database: &Path,
        arguments: &[&str],
    ) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(python);
        command
            .arg(script)
            .arg(format!("{}/v1.0", self.base))
            .arg(format!("{}/{DEMO_TENANT_ID}/oauth2/v2.0/token", self.base))
            .arg(database)
            .args(arguments)
            .env("CLIENT_ID", DEMO_CLIENT_ID)
            .env("CLIENT_SECRET", DEMO_CLIENT_SECRET);
        command
    }
}

fn quota(service: Service) -> String {
    service
        .quota
        .map_or_else(|| "off".to_owned(), |units| units.to_string())
}
