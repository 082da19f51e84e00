//! The catalog with the real plugin: what an administrator does before the first run.

use std::sync::Arc;

use connector_host::access::Principal;
use connector_host::catalog::{
    Catalog, CatalogError, Draft, Installed, MapId, NewConnector, PreviewOf, Record,
};
use connector_host::clock::SystemClock;
use connector_host::database::Database;
use connector_host::egress::{Egress, NetworkOptions};
use connector_host::plugin::registry::PluginPolicy;
use connector_host::vault::{Key, Vault};
use harness::host;
use harness::simulator::Simulator;
use serde_json::{Value, json};

use crate::lab::small;
use crate::registry::Installation;

async fn catalog(simulator: &Simulator) -> (Catalog, tempfile::TempDir) {
    let Installation {
        registry, folder, ..
    } = Installation::with_first(PluginPolicy::default()).await;
    let network = NetworkOptions {
        allow_origins: vec![simulator.base_url().parse().unwrap()],
        ..NetworkOptions::default()
    };
    let egress = Egress::new(network).unwrap();
    let database = Database::open(&folder.path().join("control.sqlite")).await;
    let catalog = Catalog::new(
        database.unwrap(),
        Arc::new(Vault::new(Key::generate())),
        Arc::new(Installed::new(registry, egress)),
        Arc::new(SystemClock),
    );
    (catalog, folder)
}

/// A connector to the simulator, with these settings over the usual ones.
fn contoso(simulator: &Simulator, over: Value) -> NewConnector {
    let mut settings = host::settings(simulator);
    let members = settings.as_object_mut().unwrap();
    let secret = members.remove("clientSecret").unwrap();
    members.extend(over.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "name": "Contoso", "plugin": "entra-directory-sync", "settings": settings,
        "secrets": {"clientSecret": {"value": secret}},
    }))
    .unwrap()
}

#[tokio::test]
async fn an_administrator_is_led_from_a_wrong_setting_to_a_previewed_map() {
    let simulator = Simulator::start(small()).unwrap();
    let (catalog, _folder) = catalog(&simulator).await;
    let by = Principal::system();

    let wrong = contoso(
        &simulator,
        json!({"tenantId": "common", "groups": ["Finance"]}),
    );
    let CatalogError::Invalid(problems) = catalog.create_connector(&by, wrong).await.unwrap_err()
    else {
        panic!("the plugin judges settings")
    };
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(paths, ["settings.tenantId", "settings.groups[0]"]);

    let connector = catalog
        .create_connector(&by, contoso(&simulator, json!({})))
        .await
        .unwrap();
    assert_eq!(connector.data_model.name, "Qualys Group");
    assert_eq!(connector.data_model.kind, "Assets (User Groups)");
    assert_eq!(connector.warnings, []);

    let tested = catalog.test(Draft::saved(connector.id)).await.unwrap();
    assert!(tested.passed, "{tested:?}");
    let refused =
        json!({"connector": connector.id, "secrets": {"clientSecret": {"value": "wrong"}}});
    let tested = catalog.test(serde_json::from_value(refused).unwrap()).await;
    assert!(!tested.unwrap().passed);
    let elsewhere = json!({
        "connector": connector.id,
        "settings": {"tenantId": simulator.tenant_id(), "clientId": harness::simulator::DEMO_CLIENT_ID},
    });
    let tested = catalog
        .test(serde_json::from_value(elsewhere).unwrap())
        .await;
    let Err(CatalogError::Invalid(problems)) = tested else {
        panic!("a saved secret goes nowhere else: {tested:?}")
    };
    assert_eq!(problems[0].path, "secrets.clientSecret");

    let found = catalog
        .discover(Draft::saved(connector.id), None, None)
        .await
        .unwrap();
    assert!(!found.groups.is_empty());

    let map = MapId::read("default.entra-directory-sync.platform-defaults").unwrap();
    let of = PreviewOf::Map {
        id: map,
        version: None,
        rules: None,
    };
    let tried = catalog.preview(of, Record::MadeUp).await.unwrap();
    let document = tried.document.unwrap();
    assert_eq!(document["externalId"], "id 1");
    assert_eq!(document["groupInfo"][0]["idpGroup"], "idpGroup 1");

    let draft =
        json!({"plugin": "entra-directory-sync", "rules": [{"target": "nope", "sources": ["id"]}]});
    let problems = catalog
        .validate_rules(serde_json::from_value(draft).unwrap())
        .await
        .unwrap();
    assert_eq!(problems[0].path, "rules[0].target");
}

#[tokio::test]
async fn a_run_plan_fits_the_plugin() {
    let simulator = Simulator::start(small()).unwrap();
    let (catalog, _folder) = catalog(&simulator).await;
    let by = Principal::system();
    let connector = catalog
        .create_connector(&by, contoso(&simulator, json!({})))
        .await
        .unwrap();
    let profile = serde_json::from_value(json!({"name": "Daily"})).unwrap();
    let profile = catalog
        .create_profile(&by, connector.id, profile)
        .await
        .unwrap();
    let plan = catalog.run_plan(profile.id).await.unwrap();
    let types = catalog.types();
    let description = types.description(&plan.wanted).await.unwrap();
    let settings =
        connector_host::settings::Settings::split(&plan.settings, plan.secrets, &description);
    assert_eq!(settings.unwrap().plugin.secrets, ["clientSecret"]);
    assert_eq!(plan.map.rules.len(), 21);
    assert_eq!(types.validate(&plan.wanted, &plan.map).await.unwrap(), []);
}
