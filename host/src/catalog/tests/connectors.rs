//! Connectors: made, changed, listed, with every problem by its field.

use serde_json::{Value, json};

use super::{last_deed, read};
use crate::catalog::testing::{Bench, PLUGIN, admin, paths};
use crate::catalog::{CatalogError, ConnectorFilter};
use crate::work::state::State;

fn new(settings: Value, secrets: Value) -> crate::catalog::NewConnector {
    read(json!({
        "name": "Contoso", "plugin": PLUGIN, "settings": settings, "secrets": secrets
    }))
}

#[tokio::test]
async fn a_new_connector_is_registered_and_shows_no_secret() {
    let bench = Bench::new().await;
    let mut changed = bench.catalog.changed();
    let connector = bench.connector().await;
    assert_eq!(connector.state, State::Registered);
    assert_eq!(connector.revision, 1);
    assert_eq!(connector.data_model.name, "Target");
    assert_eq!(connector.data_model.kind, "Assets (User Groups)");
    assert_eq!(connector.created.by, "Ada");
    assert_eq!(connector.warnings, []);
    let shown = serde_json::to_string(&connector).unwrap();
    assert!(
        shown.contains("clientSecret") && shown.contains("2028-01-01"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains(r#""version":"latest""#), "{shown}");
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();

    let deed = last_deed(&bench).await;
    assert_eq!(deed.action, "connector.create");
    assert_eq!(deed.actor.name, "Ada");
    assert!(!deed.details.to_string().contains("hunter2"));
    assert_eq!(deed.details["secrets"], json!(["clientSecret"]));
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let bench = Bench::new().await;
    let settings = json!({
        "tenantId": 5,
        "clientSecret": "hunter2",
        "cloud": "mars",
        "groups": ["", 1],
        "deep": "yes",
        "notification": [],
        "nonsense": true,
    });
    let secrets = json!({
        "other": {"value": "x"},
        "blank": {"value": " "},
        "dated": {"value": "x", "expiresOn": "tomorrow"},
        "text": "hunter2",
        "stray": {"value": "x", "colour": "red"},
    });
    let error = bench
        .catalog
        .create_connector(&admin(), new(settings, secrets))
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let mut paths = paths(error);
    paths.sort();
    assert_eq!(
        paths,
        [
            "secrets.blank.value",
            "secrets.clientSecret",
            "secrets.dated",
            "secrets.dated.expiresOn",
            "secrets.other",
            "secrets.stray",
            "secrets.stray.colour",
            "secrets.text",
            "settings.clientSecret",
            "settings.cloud",
            "settings.deep",
            "settings.groups[0]",
            "settings.groups[1]",
            "settings.nonsense",
            "settings.notification",
            "settings.tenantId",
        ]
    );
}

#[tokio::test]
async fn what_is_missing_is_named_with_where_to_find_it() {
    let bench = Bench::new().await;
    let error = bench
        .catalog
        .create_connector(&admin(), new(json!({"tenantId": null}), Value::Null))
        .await
        .unwrap_err();
    let CatalogError::Invalid(problems) = error else {
        panic!("{error:?}")
    };
    let told: Vec<_> = problems
        .iter()
        .map(|p| (p.path.as_str(), p.remedy.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("settings.tenantId", "Where to find the tenantId."),
            ("secrets.clientSecret", "Where to find the clientSecret."),
        ]
    );
}

#[tokio::test]
async fn the_plugin_has_the_last_word_on_settings() {
    let bench = Bench::new().await;
    let secrets = json!({"clientSecret": {"value": "hunter2"}});
    let settings = json!({"tenantId": "common"});
    let error = bench
        .catalog
        .create_connector(&admin(), new(settings, secrets))
        .await
        .unwrap_err();
    assert_eq!(paths(error), ["settings.tenantId"]);
    let (connectors, total) = bench
        .catalog
        .connectors(&ConnectorFilter::default(), None, 10)
        .await
        .unwrap();
    assert!(connectors.is_empty() && total == 0, "nothing is kept");
}

#[tokio::test]
async fn a_plugin_or_version_that_can_not_be_had_is_a_wrong_field() {
    let bench = Bench::new().await;
    for (document, path) in [
        (json!({"name": "a", "plugin": "nope"}), "plugin"),
        (
            json!({"name": "a", "plugin": PLUGIN, "version": "9.0.0"}),
            "version",
        ),
    ] {
        let error = bench
            .catalog
            .create_connector(&admin(), read(document))
            .await
            .unwrap_err();
        assert_eq!(paths(error), [path]);
    }
    let version = json!({"name": "a", "plugin": PLUGIN, "version": "newest"});
    assert!(serde_json::from_value::<crate::catalog::NewConnector>(version).is_err());
}

#[tokio::test]
async fn data_that_the_plugin_does_not_bring_is_refused() {
    let bench = Bench::new().await;
    let error = bench
        .catalog
        .create_connector(
            &admin(),
            read(json!({
                "name": "a", "plugin": PLUGIN, "settings": {"tenantId": "t"},
                "secrets": {"clientSecret": {"value": "s"}},
                "dataModel": {"name": "Hosts", "type": "Assets"},
            })),
        )
        .await
        .unwrap_err();
    assert_eq!(paths(error), ["dataModel"]);
}

#[tokio::test]
async fn a_name_is_unique_without_regard_to_case() {
    let bench = Bench::new().await;
    bench.connector().await;
    let error = bench.named("  CONTOSO ").await.unwrap_err();
    assert_eq!(paths(error), ["name"]);
    bench.named("Contoso 2").await.unwrap();
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_nothing_else() {
    let bench = Bench::new().await;
    let before = bench.connector().await;
    let change = read(json!({
        "description": "Head office",
        "settings": {"cloud": "china", "groups": ["g"]},
        "secrets": {"clientSecret": {"expiresOn": null}},
    }));
    let after = bench
        .catalog
        .change_connector(&admin(), before.id, Some(1), change)
        .await
        .unwrap();
    assert_eq!(after.revision, 2);
    assert_eq!(after.name, before.name);
    assert_eq!(
        Value::Object(after.settings),
        json!({"tenantId": "contoso.example", "cloud": "china", "groups": ["g"]})
    );
    assert_eq!(after.secrets[0].expires_on, None);
    let deed = last_deed(&bench).await;
    assert_eq!(
        deed.details["changes"],
        json!({
            "description": {"before": "", "after": "Head office"},
            "settings.cloud": {"before": null, "after": "china"},
            "settings.groups": {"before": null, "after": ["g"]},
            "secrets.clientSecret.expiresOn": {"before": "2028-01-01", "after": null},
        })
    );
    let back = read(json!({"settings": {"cloud": null, "groups": null}, "description": ""}));
    let back = bench
        .catalog
        .change_connector(&admin(), before.id, None, back)
        .await
        .unwrap();
    assert_eq!(back.settings, before.settings);
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_none() {
    let bench = Bench::new().await;
    let before = bench.connector().await;
    let same = read(json!({"name": "Contoso", "settings": {"cloud": null}}));
    let after = bench
        .catalog
        .change_connector(&admin(), before.id, Some(1), same)
        .await
        .unwrap();
    assert_eq!(after.revision, 1);
    assert_eq!(last_deed(&bench).await.action, "connector.create");
}

#[tokio::test]
async fn whoever_read_an_older_revision_changes_nothing() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let rename = |name: &str| read(json!({ "name": name }));
    let catalog = &bench.catalog;
    catalog
        .change_connector(&admin(), connector.id, Some(1), rename("One"))
        .await
        .unwrap();
    let error = catalog
        .change_connector(&admin(), connector.id, Some(1), rename("Two"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            CatalogError::Stale {
                named: 1,
                current: 2
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_required_secret_can_be_replaced_but_not_forgotten() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let forget = read(json!({"secrets": {"clientSecret": null}}));
    let error = bench
        .catalog
        .change_connector(&admin(), connector.id, None, forget)
        .await
        .unwrap_err();
    assert_eq!(paths(error), ["secrets.clientSecret"]);
    let replace = read(json!({"secrets": {"clientSecret": {"value": "hunter3"}}}));
    bench
        .catalog
        .change_connector(&admin(), connector.id, None, replace)
        .await
        .unwrap();
    let deed = last_deed(&bench).await;
    assert_eq!(
        deed.details["changes"],
        json!({"secrets.clientSecret": "set"})
    );
}

#[tokio::test]
async fn connectors_are_found_by_name_state_and_plugin_a_page_at_a_time() {
    let bench = Bench::new().await;
    for name in ["Fabrikam", "contoso north", "Contoso South"] {
        bench.named(name).await.unwrap();
    }
    let names = async |filter: &ConnectorFilter, after: Option<&str>, limit| {
        let (found, total) = bench
            .catalog
            .connectors(filter, after, limit)
            .await
            .unwrap();
        let names: Vec<String> = found.into_iter().map(|c| c.name).collect();
        (names, total)
    };
    let all = ConnectorFilter::default();
    assert_eq!(
        names(&all, None, 2).await,
        (vec!["contoso north".into(), "Contoso South".into()], 3)
    );
    assert_eq!(names(&all, Some("contoso south"), 2).await.0, ["Fabrikam"]);
    let named = ConnectorFilter {
        name: Some("CONTOSO".into()),
        ..all.clone()
    };
    assert_eq!(names(&named, None, 9).await.1, 2);
    let disabled = ConnectorFilter {
        state: Some(State::Disabled),
        ..all.clone()
    };
    assert_eq!(names(&disabled, None, 9).await.1, 0);
    let of_other = ConnectorFilter {
        plugin: Some("scim".into()),
        ..all
    };
    assert_eq!(names(&of_other, None, 9).await.1, 0);
}

#[tokio::test]
async fn what_needs_attention_is_told() {
    let bench = Bench::new().await;
    let connector = bench
        .catalog
        .create_connector(
            &admin(),
            read(json!({
                "name": "Contoso", "plugin": PLUGIN, "version": "1.0.0",
                "settings": {"tenantId": "t"},
                "secrets": {"clientSecret": {"value": "s", "expiresOn": "2027-05-20"}},
            })),
        )
        .await
        .unwrap();
    for (name, map) in [
        ("One", "default.entra.default"),
        ("Two", "default.entra.with-mail"),
    ] {
        let profile = read(json!({ "name": name, "map": map }));
        bench
            .catalog
            .create_profile(&admin(), connector.id, profile)
            .await
            .unwrap();
    }
    let connector = bench.catalog.connector(connector.id).await.unwrap();
    let codes: Vec<_> = connector.warnings.iter().map(|w| w.code.as_str()).collect();
    assert_eq!(codes, ["secret.expires-soon", "connector.maps-differ"]);
}
