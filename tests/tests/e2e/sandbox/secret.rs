//! Hunting for the credential.

use connector_host::directory::RunState;
use serde_json::json;

use super::{Den, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_echoes_does_not_hand_the_credential_over() {
    let den = Den::new().await;
    let backwards: String = TOKEN.chars().rev().collect();
    for (path, redacted) in [
        ("/echo", 0),
        ("/echo-in-headers", 3),
        ("/echo-in-pieces", 0),
        ("/echo-compressed", 0),
    ] {
        let order = json!({ "crime": "hunt", "nekot": backwards, "target": den.server.url(path) });
        let report = den.crime("hunt", order).await;
        assert_eq!(report.state, RunState::Processed, "{path}");
        let expected = format!(
            "status 200, a credential was sent true, found in the body false, in the headers false, \
             {redacted} redacted, cookie false"
        );
        assert_eq!(report.log[0].text, expected, "{path}");
        let shown = serde_json::to_string(&report).unwrap() + &format!("{report:?}");
        assert!(!shown.contains(TOKEN), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_can_not_be_searched_is_not_given() {
    let den = Den::new().await;
    let order = json!({ "crime": "fetch", "target": den.server.url("/echo-deflated") });
    assert_eq!(
        den.sees("hunt", order).await,
        ["no response: InternalError"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_is_not_in_what_the_guest_is_told() {
    let den = Den::new().await;
    let settings = den.settings(&json!({}));
    assert!(!settings.plugin.values.contains(TOKEN));
    assert_eq!(settings.plugin.secrets, ["token"]);
    assert!(!format!("{settings:?}").contains(TOKEN));
    let order = json!({});
    let session = den.session("hunt", &order).await;
    assert!(!format!("{session:?}{:?}", session.gateway).contains(TOKEN));
    assert!(!format!("{:?}", den.request(&order)).contains(TOKEN));
}
