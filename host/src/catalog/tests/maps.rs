//! Transform maps: read-only ones, own ones in versions, and what they make of records.

use serde_json::{Value, json};

use super::{last_deed, read};
use crate::catalog::testing::{Bench, PLUGIN, admin, paths, rule};
use crate::catalog::{CatalogError, MapDetail, MapFilter, MapId, PreviewOf, Record, SampleOrigin};

async fn own(bench: &Bench, name: &str) -> MapDetail {
    let new = json!({
        "name": name, "plugin": PLUGIN, "rules": [rule("externalId", "id")], "comment": "first",
    });
    let made = bench.catalog.create_map(&admin(), read(new)).await;
    made.unwrap()
}

fn id_of(map: &MapDetail) -> MapId {
    MapId::read(&map.map.id).unwrap()
}

fn code(error: CatalogError) -> &'static str {
    match error {
        CatalogError::Conflict { code, .. } => code,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn maps_of_plugins_come_first_and_are_read_only() {
    let bench = Bench::new().await;
    own(&bench, "A map").await;
    let (maps, total) = bench
        .catalog
        .maps(&MapFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(total, 5);
    let ids: Vec<_> = maps
        .iter()
        .map(|map| (map.id.as_str(), map.read_only))
        .collect();
    assert_eq!(ids[0], ("default.entra.default", true));
    assert!(!ids[4].1);
    let (rest, _) = bench
        .catalog
        .maps(&MapFilter::default(), Some(&maps[3].position()), 9)
        .await
        .unwrap();
    assert_eq!(rest, [maps[4].clone()]);
    let filter = MapFilter {
        name: Some("MAIL".into()),
        plugin: Some(PLUGIN.into()),
    };
    assert_eq!(bench.catalog.maps(&filter, None, 9).await.unwrap().1, 1);

    let id = MapId::read("default.entra.with-mail").unwrap();
    assert_eq!(bench.catalog.map(&id).await.unwrap().rules.len(), 2);
    let change = read(json!({"name": "Mine"}));
    let error = bench.catalog.change_map(&admin(), &id, None, change).await;
    assert_eq!(code(error.unwrap_err()), "transform-map.read-only");
    let error = bench.catalog.delete_map(&admin(), &id, None).await;
    assert_eq!(code(error.unwrap_err()), "transform-map.read-only");
}

#[tokio::test]
async fn a_map_without_rules_begins_with_the_plugin_s() {
    let bench = Bench::new().await;
    let new = read(json!({"name": "Mine", "plugin": PLUGIN}));
    let map = bench.catalog.create_map(&admin(), new).await.unwrap();
    assert_eq!(map.rules, [rule("externalId", "id")]);
    assert_eq!(
        (map.map.source_model.as_str(), map.map.version),
        ("Source", 1)
    );
}

#[tokio::test]
async fn every_problem_of_rules_has_its_place() {
    let bench = Bench::new().await;
    let judge = async |rules: Value| {
        let draft = read(json!({"plugin": PLUGIN, "rules": rules}));
        let problems = bench.catalog.validate_rules(draft).await.unwrap();
        problems.into_iter().map(|p| p.path).collect::<Vec<_>>()
    };
    assert_eq!(
        judge(json!([rule("externalId", "id")])).await,
        Vec::<String>::new()
    );
    assert_eq!(
        judge(json!([rule("externalId", "id"), rule("nope", "id")])).await,
        ["rules[1].target"]
    );
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert_eq!(
        judge(json!([
            {"target": "", "sources": ["a\u{0}"]},
            {"target": "x", "defaultValue": "not json", "functions": vec!["f"; 21]},
            {"target": "y", "defaultValue": deep, "note": "n".repeat(2001)},
        ]))
        .await,
        [
            "rules[0].target",
            "rules[0].sources[0]",
            "rules[1].functions",
            "rules[1].defaultValue",
            "rules[2].defaultValue",
            "rules[2].note",
        ]
    );
    assert_eq!(judge(json!(vec![rule("a", "b"); 501])).await, ["rules"]);
    let draft = read(json!({"plugin": "nope", "rules": []}));
    let problems = bench.catalog.validate_rules(draft).await.unwrap();
    assert_eq!(problems[0].path, "plugin");
    let error = bench
        .catalog
        .create_map(
            &admin(),
            read(json!({"name": "", "plugin": PLUGIN, "rules": [rule("nope", "id")]})),
        )
        .await
        .unwrap_err();
    assert_eq!(paths(error), ["name", "rules[0].target"]);
}

#[tokio::test]
async fn other_rules_make_a_version_and_an_old_one_comes_back_as_a_new_one() {
    let bench = Bench::new().await;
    let (catalog, by) = (&bench.catalog, admin());
    let map = own(&bench, "Mine").await;
    let id = id_of(&map);
    let rules = [rule("userData.emailId", "mail"), rule("externalId", "id")];
    let change = read(json!({"rules": rules, "comment": "with mail"}));
    let second = catalog.change_map(&by, &id, Some(1), change).await.unwrap();
    assert_eq!((second.map.version, second.map.revision), (2, 2));
    let renamed = read(json!({"name": "Yours"}));
    let renamed = catalog
        .change_map(&by, &id, Some(2), renamed)
        .await
        .unwrap();
    assert_eq!((renamed.map.version, renamed.map.revision), (2, 3));
    let same = read(json!({"rules": rules}));
    let same = catalog.change_map(&by, &id, None, same).await.unwrap();
    assert_eq!(same.map.revision, 3, "the same rules are no change");

    let diff = catalog.map_diff(&id, 1, 2).await.unwrap();
    assert_eq!((diff.from, diff.to), (1, 2));
    assert_eq!(diff.added[0].rule, rules[0]);
    assert!(diff.removed.is_empty() && diff.changed.is_empty() && diff.moved.is_empty());

    let third = catalog
        .restore_map(&by, &id, Some(3), 1, String::new())
        .await
        .unwrap();
    assert_eq!((third.map.version, third.rules.len()), (3, 1));
    assert_eq!(
        last_deed(&bench).await.details["comment"],
        "Version 1 again"
    );
    let versions = catalog.map_versions(&id, None, 2).await.unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.rule_count)).collect();
    assert_eq!(told, [(3, 1), (2, 2)]);
    let rest = catalog.map_versions(&id, Some(2), 9).await.unwrap();
    assert_eq!(rest[0].comment, "first");
    let missing = catalog.map_version(&id, 9).await;
    assert!(matches!(missing, Err(CatalogError::NotFound(_))));
}

#[tokio::test]
async fn a_version_never_changes() {
    let bench = Bench::new().await;
    own(&bench, "Mine").await;
    let outcome: Result<_, sqlx::Error> = bench
        .database
        .write(async |connection| {
            sqlx::query("UPDATE transform_map_version SET rules = '[]'")
                .execute(connection)
                .await
        })
        .await;
    assert!(outcome.unwrap_err().to_string().contains("never changed"));
}

#[tokio::test]
async fn any_version_of_any_map_can_be_cloned() {
    let bench = Bench::new().await;
    let map = own(&bench, "Mine").await;
    let id = id_of(&map);
    let rules = json!({"rules": [rule("externalId", "id"), rule("userData.emailId", "mail")]});
    bench
        .catalog
        .change_map(&admin(), &id, None, read(rules))
        .await
        .unwrap();
    let clone =
        async |id: &MapId, wanted: Value| bench.catalog.clone_map(&admin(), id, read(wanted)).await;
    let old = clone(&id, json!({"name": "Old", "version": 1}))
        .await
        .unwrap();
    assert_eq!(old.rules.len(), 1);
    let new = clone(&id, json!({"name": "New"})).await.unwrap();
    assert_eq!(new.rules.len(), 2);
    let brought = MapId::read("default.entra.default").unwrap();
    assert!(
        !clone(&brought, json!({"name": "Own"}))
            .await
            .unwrap()
            .map
            .read_only
    );
    let taken = clone(&id, json!({"name": "OLD"})).await.unwrap_err();
    assert_eq!(paths(taken), ["name"]);
}

#[tokio::test]
async fn a_map_in_use_stays() {
    let bench = Bench::new().await;
    let map = own(&bench, "Mine").await;
    let id = id_of(&map);
    let connector = bench.connector().await.id;
    let profile = read(json!({"name": "Daily", "map": map.map.id}));
    let profile = bench
        .catalog
        .create_profile(&admin(), connector, profile)
        .await
        .unwrap();
    let error = bench
        .catalog
        .delete_map(&admin(), &id, None)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Daily of Contoso"), "{error}");
    assert_eq!(code(error), "transform-map.in-use");
    let (maps, _) = bench
        .catalog
        .maps(&MapFilter::default(), None, 9)
        .await
        .unwrap();
    let listed = maps.iter().find(|one| one.id == map.map.id).unwrap();
    assert_eq!((listed.uses, listed.used_by[0].profile), (1, profile.id));
    bench
        .catalog
        .delete_profile(&admin(), connector, profile.id, None)
        .await
        .unwrap();
    bench
        .catalog
        .delete_map(&admin(), &id, Some(1))
        .await
        .unwrap();
    let gone = bench.catalog.map(&id).await;
    assert!(matches!(gone, Err(CatalogError::NotFound(_))));
}

#[tokio::test]
async fn a_map_is_tried_with_a_record_of_any_origin() {
    let bench = Bench::new().await;
    let connector = bench.connector().await.id;
    let of = |rules: Option<Value>| PreviewOf::Map {
        id: MapId::read("default.entra.with-mail").unwrap(),
        version: None,
        rules: rules.map(read),
    };
    let tried = bench
        .catalog
        .preview(of(None), Record::MadeUp)
        .await
        .unwrap();
    assert_eq!(tried.origin, SampleOrigin::Generated);
    assert_eq!(
        tried.document,
        Some(json!({"externalId": "id 1", "userData.emailId": "mail 1"}))
    );
    let given = read(json!({"id": "7"}));
    let tried = bench
        .catalog
        .preview(of(None), Record::Given(given))
        .await
        .unwrap();
    assert_eq!(tried.document, Some(json!({"externalId": "7"})));
    let stored = Record::Stored {
        connector,
        document: json!({"externalId": "8", "userData": {"emailId": "left out by the default map"}}),
    };
    let tried = bench.catalog.preview(of(None), stored).await.unwrap();
    assert_eq!(tried.origin, SampleOrigin::Rebuilt);
    assert_eq!(tried.sample, json!({"id": "8"}));
    let saved = tried.before.unwrap();
    assert_eq!(saved.map.id, "default.entra.default");
    assert!(saved.differences.is_empty(), "{saved:?}");
    let group = Record::StoredGroup {
        connector,
        document: json!({"idpGroup": "g1"}),
    };
    let tried = bench.catalog.preview(of(None), group).await.unwrap();
    assert_eq!(tried.origin, SampleOrigin::Rebuilt);
    let other = of(Some(json!([rule("externalId", "mail")])));
    let given = read(json!({"id": "7", "mail": "m"}));
    let tried = bench.catalog.preview(other, Record::Given(given)).await;
    let differences = tried.unwrap().before.unwrap().differences;
    let told: Vec<_> = differences
        .iter()
        .map(|value| value.path.as_str())
        .collect();
    assert_eq!(told, ["externalId", "userData.emailId"]);
    let wrong = of(Some(json!([rule("nope", "id")])));
    let error = bench
        .catalog
        .preview(wrong, Record::MadeUp)
        .await
        .unwrap_err();
    assert_eq!(paths(error), ["rules[0].target"]);
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let deep = Record::Given(read(json!({ "id": deep })));
    let error = bench.catalog.preview(of(None), deep).await.unwrap_err();
    assert_eq!(paths(error), ["sample"]);
}
