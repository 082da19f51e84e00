//! Trying settings before they are saved.

use secrecy::ExposeSecret;
use serde_json::json;

use super::read;
use crate::catalog::testing::{Bench, PLUGIN, paths};
use crate::catalog::{CatalogError, Draft};

fn asked(bench: &Bench) -> (String, String) {
    let question = bench.types.asked.lock().unwrap().pop().unwrap();
    let secret = question.settings.secrets["clientSecret"].expose_secret();
    (question.settings.plugin.values.clone(), secret.to_owned())
}

#[tokio::test]
async fn a_saved_connector_is_tested_with_what_is_saved() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let tested = bench.catalog.test(Draft::saved(id)).await.unwrap();
    assert!(tested.passed && tested.fault.is_none());
    assert_eq!(
        asked(&bench),
        (
            r#"{"tenantId":"contoso.example"}"#.to_owned(),
            "hunter2".to_owned()
        )
    );
}

#[tokio::test]
async fn a_draft_of_a_saved_connector_may_leave_out_its_secret() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let draft = json!({"connector": id, "settings": {"tenantId": "fabrikam.example"}});
    bench.catalog.test(read(draft)).await.unwrap();
    assert_eq!(
        asked(&bench),
        (
            r#"{"tenantId":"fabrikam.example"}"#.to_owned(),
            "hunter2".to_owned()
        )
    );
    let draft = json!({"connector": id, "secrets": {"clientSecret": {"value": "new"}}});
    bench.catalog.test(read(draft)).await.unwrap();
    assert_eq!(asked(&bench).1, "new");
}

#[tokio::test]
async fn a_saved_secret_is_never_sent_elsewhere_by_a_draft() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let elsewhere = json!({"tenantId": "t", "endpoint": "https://elsewhere.example"});
    let draft = json!({"connector": id, "settings": elsewhere});
    let error = bench.catalog.test(read(draft)).await.unwrap_err();
    assert_eq!(paths(error), ["secrets.clientSecret"]);
    assert!(bench.types.asked.lock().unwrap().is_empty());
    let draft = json!({
        "connector": id, "settings": elsewhere, "secrets": {"clientSecret": {"value": "own"}},
    });
    bench.catalog.test(read(draft)).await.unwrap();
    assert_eq!(asked(&bench).1, "own");
}

#[tokio::test]
async fn a_draft_is_checked_like_a_connector() {
    let bench = Bench::new().await;
    let draft = json!({"plugin": PLUGIN, "settings": {"tenantId": "common"}});
    let error = bench.catalog.test(read(draft)).await.unwrap_err();
    assert_eq!(paths(error), ["secrets.clientSecret", "settings.tenantId"]);
    let error = bench.catalog.test(Draft::default()).await.unwrap_err();
    assert_eq!(paths(error), ["plugin"]);
    let missing = bench.catalog.test(Draft::saved(uuid::Uuid::nil())).await;
    assert!(matches!(missing, Err(CatalogError::NotFound("connector"))));
}

#[tokio::test]
async fn groups_are_found_a_page_at_a_time() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let first = bench.catalog.discover(Draft::saved(id), Some("Fin"), None);
    let first = first.await.unwrap();
    assert_eq!(
        (first.groups[0].name.as_str(), first.next.as_deref()),
        ("Fin", Some("more"))
    );
    let second = bench
        .catalog
        .discover(Draft::saved(id), Some("Fin"), Some("more"));
    assert_eq!(second.await.unwrap().next, None);
}
