//! Connectors, profiles, maps and links over HTTP.

mod connectors;
mod maps;

use std::sync::Arc;

use axum::http::header;
use serde_json::{Value, json};

use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};
use crate::catalog::testing::{MadeUp, PLUGIN};

/// The API with an administrator before it, and plugins that are made up.
pub(super) struct Desk {
    pub(super) host: Host,
    session: NewSession,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let host = Host::with_types(Arc::<MadeUp>::default()).await;
        let session = host.session_of("ada", Role::Admin).await;
        Self { host, session }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(method, path, body, "*").await
    }

    async fn ask_with(&self, method: &str, path: &str, body: Option<&Value>, tag: &str) -> Answer {
        let mut request = ask(method, &format!("/api/v1{path}")).session(&self.session);
        if !tag.is_empty() {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.host.call(request).await
    }

    /// The path of a new connector.
    pub(super) async fn connector(&self) -> String {
        let made = self.ask("POST", "/connectors", Some(&contoso())).await;
        assert_eq!(made.status, 201, "{}", made.json());
        format!("/connectors/{}", made.json()["id"].as_str().unwrap())
    }
}

fn contoso() -> Value {
    json!({
        "name": "Contoso", "plugin": PLUGIN,
        "settings": {"tenantId": "contoso.example"},
        "secrets": {"clientSecret": {"value": "hunter2"}},
    })
}

fn tag(answer: &Answer) -> &str {
    answer.headers[header::ETAG].to_str().unwrap()
}

fn paths(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().cloned();
    let errors = errors.unwrap_or_default().into_iter();
    errors
        .map(|error| error["path"].as_str().unwrap().to_owned())
        .collect()
}
