//! What the API promises about who may do what.

mod catalog;
mod directory;
mod guarded;
mod hostile;
mod oidc;
mod sessions;
mod setting_up;
mod tokens;
mod users;

use serde_json::json;

use super::testing::{Answer, Host, ask};
use crate::access::testing::PASSWORD;

fn credentials(name: &str, password: &str) -> serde_json::Value {
    json!({"name": name, "password": password})
}

async fn sign_in(host: &Host) -> Answer {
    let request = ask("POST", "/api/v1/session").json(&credentials("root", PASSWORD));
    let answer = host.call(request).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer
}
