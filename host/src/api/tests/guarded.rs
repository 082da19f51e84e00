//! What the OpenAPI document says about roles is what every operation does.

use serde_json::Value;

use crate::access::Role;
use crate::api::testing::{Host, ask};

/// An operation of the document.
#[derive(Debug)]
struct Operation {
    method: String,
    /// Path with an identifier for each parameter.
    path: String,
    /// The least role that may call it; `None` where anybody may.
    role: Option<Role>,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&crate::api::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        let methods = ["get", "put", "post", "patch", "delete"];
        let found = methods.into_iter().filter_map(|m| Some((m, item.get(m)?)));
        found.map(move |(method, operation)| Operation {
            method: method.to_uppercase(),
            path: filled(path),
            role: role(operation),
        })
    });
    each.collect()
}

fn filled(path: &str) -> String {
    path.split('/')
        .map(|part| match part.strip_prefix('{') {
            Some(_) => "018f0000-0000-7000-8000-000000000000",
            None => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn role(operation: &Value) -> Option<Role> {
    let offered = operation["security"].as_array()?;
    let roles = offered
        .iter()
        .find_map(|scheme| scheme.get("token").or_else(|| scheme.get("session")))?;
    let role: Role = serde_json::from_value(roles[0].clone()).unwrap();
    Some(role)
}

#[test]
fn only_what_must_be_open_to_anybody_is() {
    let open: Vec<String> = operations()
        .iter()
        .filter(|operation| operation.role.is_none())
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    assert_eq!(
        open,
        [
            "POST /api/v1/session",
            "GET /api/v1/session/oidc",
            "GET /api/v1/session/oidc/callback",
            "POST /api/v1/setup",
        ]
    );
}

#[test]
fn every_operation_has_an_identifier_of_its_own() {
    let document: Value = serde_json::from_str(&crate::api::document()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let Some(identifier) = operation["operationId"].as_str() else {
                continue;
            };
            assert!(seen.insert(identifier.to_owned()), "{identifier} twice");
        }
    }
    assert!(seen.contains("get_connectors_connector_groups_group"));
}

#[test]
fn whatever_takes_a_token_takes_a_session_of_the_same_role() {
    let document: Value = serde_json::from_str(&crate::api::document()).unwrap();
    let list = &document["paths"]["/api/v1/audit"]["get"]["security"];
    assert_eq!(
        *list,
        serde_json::json!([{"token": ["viewer"]}, {"session": ["viewer"]}])
    );
    let out = &document["paths"]["/api/v1/session"]["delete"]["security"];
    assert_eq!(*out, serde_json::json!([{"session": ["viewer"]}]));
}

#[tokio::test]
async fn nobody_gets_past_an_operation_that_needs_somebody() {
    let host = Host::new().await;
    for operation in operations() {
        let request = ask(&operation.method, &operation.path).json(&serde_json::json!({}));
        let (status, ..) = host.begin(request.header("if-match", "*")).await;
        assert_eq!(
            status == 401,
            operation.role.is_some(),
            "{operation:?} answers {status}"
        );
    }
}

#[tokio::test]
async fn every_operation_needs_the_role_that_the_document_names_and_no_more() {
    let host = Host::new().await;
    let access = &host.stage.plane.access;
    let mut users = Vec::new();
    for role in Role::ALL {
        users.push(access.test_user(role.word(), role).await);
    }
    for operation in operations() {
        let Some(needed) = operation.role else {
            continue;
        };
        for user in users.iter().filter(|user| user.role <= needed) {
            let session = access.test_session(user).await;
            let request = ask(&operation.method, &operation.path)
                .session(&session)
                .json(&serde_json::json!({}))
                .header("if-match", "*");
            let (status, ..) = host.begin(request).await;
            if user.role < needed {
                assert_eq!(status, 403, "{operation:?} as {}", user.name);
            } else {
                assert!(
                    status != 401 && status != 403,
                    "{operation:?} answers {status} to {}",
                    user.name
                );
            }
        }
    }
}

#[tokio::test]
async fn before_there_is_a_user_everything_but_setting_up_is_closed() {
    let host = Host::unconfigured().await;
    for operation in operations() {
        let request = ask(&operation.method, &operation.path).json(&serde_json::json!({}));
        let answer = host.call(request).await;
        if operation.path == "/api/v1/setup" {
            assert_ne!(answer.status, 401);
        } else {
            assert_eq!(answer.status, 401, "{operation:?}");
            assert_eq!(answer.code(), "access.setup-required");
        }
    }
    let document = host.call(ask("GET", "/api/v1/openapi.json")).await;
    assert_eq!(document.status, 200);
}
