//! Whatever is sent to the catalog, the server doesn't fail.

use serde_json::{Value, json};

use super::catalog::Desk;
use crate::catalog::testing::PLUGIN;

/// Resources of the catalog.
const AREAS: [&str; 5] = [
    "/api/v1/connectors",
    "/api/v1/connector-types",
    "/api/v1/transform-maps",
    "/api/v1/data-models",
    "/api/v1/schedule-preview",
];

fn document() -> Value {
    serde_json::from_str(&crate::api::document()).unwrap()
}

/// Method and path of every operation of the catalog.
fn operations() -> Vec<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .filter(|(path, _)| AREAS.iter().any(|area| path.starts_with(area)))
        .flat_map(|(path, item)| {
            let path = path.strip_prefix("/api/v1").unwrap().to_owned();
            let methods = item.as_object().unwrap().keys().cloned();
            let methods: Vec<String> = methods
                .filter(|m| ["get", "put", "post", "patch", "delete"].contains(&m.as_str()))
                .collect();
            methods
                .into_iter()
                .map(move |m| (m.to_uppercase(), path.clone()))
        })
        .collect()
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!({ "a": inner }))
}

fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!(" \u{0}\u{202e}\u{feff}\u{10ffff}'\";--%_"),
        json!("x".repeat(70_000)),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(-0.5e-300),
        json!(1e300),
        json!([]),
        json!([null, [null], {}]),
        json!({}),
        json!({"": null, "a\u{0}": {"b": []}}),
        nested(100),
    ]
}

/// Bodies that are nearly right: one member of a right one is odd.
fn nearly_right() -> Vec<Value> {
    let right = [
        json!({
            "name": "n", "plugin": PLUGIN, "settings": {"tenantId": "t", "groups": ["g"], "notification": {}},
            "secrets": {"clientSecret": {"value": "v", "expiresOn": "2027-01-01"}},
            "description": "d", "version": "latest", "dataModel": {"name": "n", "type": "t"},
        }),
        json!({"settings": {"tenantId": "t"}, "secrets": {"clientSecret": {"value": "v"}}}),
        json!({"connector": "018f0000-0000-7000-8000-000000000000", "plugin": PLUGIN, "settings": {}}),
        json!({"draft": {"plugin": PLUGIN, "settings": {"tenantId": "t"}}, "name": "n", "page": "p"}),
        json!({
            "name": "n", "map": "default.entra.default", "active": true, "baseline": "daily",
            "guard": {"users": {"share": 0.5, "count": 1}},
            "schedule": {
                "zone": "UTC", "jitterSeconds": 1,
                "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2027-01-01T00:00:00"},
            },
        }),
        json!({
            "schedule": {"zone": "UTC", "rhythm": {"kind": "cron", "expression": "0 0 1 1 *"}},
            "baseline": "weekly", "count": 50,
        }),
        json!({
            "plugin": PLUGIN, "sourceModel": "Source", "targetModel": "Target", "name": "n", "comment": "c",
            "rules": [{"target": "externalId", "sources": ["id"], "functions": ["f"],
                       "defaultValue": "1", "note": "n"}],
        }),
        json!({"name": "n", "version": 1, "comment": "c"}),
        json!({"version": 1, "rules": [], "sample": {"id": "1"}}),
        json!({"draft": {"plugin": PLUGIN, "rules": []}, "sample": {"id": "1"}}),
        json!({"platformGroups": ["11111111-1111-1111-1111-111111111111"]}),
        json!([{"group": "g", "platformGroups": ["11111111-1111-1111-1111-111111111111"]}]),
    ];
    let mut bodies = right.to_vec();
    for body in &right {
        for pointer in pointers(body, "") {
            for odd in odd_values() {
                let mut body = body.clone();
                *body.pointer_mut(&pointer).unwrap() = odd;
                bodies.push(body);
            }
        }
    }
    bodies
}

fn pointers(value: &Value, at: &str) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    let mut found = vec![at.to_owned()];
    for (key, value) in inner {
        found.extend(pointers(value, &format!("{at}/{key}")));
    }
    found
}

/// Which of the right bodies an operation might take: all others end at the same first check.
fn suits(method: &str, path: &str, body: &Value) -> bool {
    let has = |key: &str| body.get(key).is_some();
    match (method, path) {
        ("GET" | "DELETE", _) => false,
        (_, path) if path.ends_with("discover") => has("page") || has("draft"),
        (_, path) if path.ends_with("check") => has("settings"),
        (_, path) if path.contains("group-links") => body.is_array() || has("platformGroups"),
        (_, path) if path.ends_with("clone") => has("name"),
        (_, path) if path.contains("profiles") => has("guard") || has("schedule"),
        (_, "/schedule-preview") => has("schedule"),
        (_, path) if path.contains("transform-maps") => {
            has("rules") || has("draft") || has("version")
        }
        _ => has("settings") || has("plugin"),
    }
}

#[tokio::test]
async fn no_body_makes_the_server_fail() {
    let desk = Desk::new().await;
    let connector = desk.connector().await;
    let connector = connector.rsplit('/').next().unwrap();
    let bodies = nearly_right();
    let mut count = 0;
    for (method, path) in operations() {
        let at = path
            .replace("{connector}", connector)
            .replace("{map}", "default.entra.default")
            .replace("{group}", "g");
        let suited = bodies.iter().filter(|body| suits(&method, &path, body));
        for body in suited.chain(&odd_values()) {
            let answer = desk.ask(&method, &at, Some(body)).await;
            count += 1;
            assert!(
                answer.status.as_u16() < 500,
                "{method} {at} answers {} to {:.500}",
                answer.json(),
                body.to_string()
            );
        }
    }
    assert!(count > 1_000, "{count} requests");
}

#[tokio::test]
async fn no_path_and_no_query_makes_the_server_fail() {
    let desk = Desk::new().await;
    desk.connector().await;
    let odd = [
        "",
        "%00",
        "%ff",
        "..",
        "default.entra.default",
        "default..",
        "%F0%9F%98%80",
        "-1",
        "99999999999999999999",
        "018f0000-0000-7000-8000-000000000000",
        "' OR 1=1 --",
    ];
    for (method, path) in operations() {
        for part in odd {
            let part = part.replace(' ', "%20").replace('\'', "%27");
            let filled: Vec<&str> = path
                .split('/')
                .map(|name| {
                    if name.starts_with('{') {
                        part.as_str()
                    } else {
                        name
                    }
                })
                .collect();
            let filled = filled.join("/");
            for query in [
                String::new(),
                format!("?limit={part}&cursor={part}"),
                format!("?name={part}&plugin={part}&state={part}&platformGroup={part}"),
                format!("?from={part}&to={part}&data={part}"),
                format!("?name={part}&cursor=W10"),
                "?cursor=bnVsbA&limit=500".to_owned(),
                "?limit=500&limit=500&from=1&from=1".to_owned(),
            ] {
                let answer = desk.ask(&method, &format!("{filled}{query}"), None).await;
                let status = answer.status.as_u16();
                assert!(status < 500, "{method} {filled}{query}: {}", answer.json());
            }
        }
    }
}
