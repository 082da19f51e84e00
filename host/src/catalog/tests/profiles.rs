//! Profiles, and what runs are made of.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{last_deed, read};
use crate::catalog::CatalogError;
use crate::catalog::testing::{Bench, PLUGIN, admin, paths, rule};
use crate::limits::Guard;
use crate::schedule::Baseline;

#[tokio::test]
async fn a_profile_begins_with_the_plugin_s_map_and_careful_defaults() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let profile = bench
        .catalog
        .create_profile(&admin(), id, read(json!({"name": "Plain"})))
        .await
        .unwrap();
    assert_eq!(profile.map.id, "default.entra.default");
    assert_eq!(profile.map.name.as_deref(), Some("Default"));
    assert_eq!(profile.guard, Guard::default());
    assert_eq!(profile.baseline, Baseline::Weekly);
    assert_eq!(profile.schedule_text, "only when asked");
    assert!(profile.active);
}

#[tokio::test]
async fn every_wrong_field_of_a_profile_is_named() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let wrong = read(json!({
        "name": "",
        "map": "default.scim.default",
        "schedule": {
            "zone": "Europe/Atlantis",
            "rhythm": {"kind": "cron", "expression": "61 * * * *"},
        },
        "guard": {"users": {"share": 1.5}, "groups": {"share": -0.1, "count": 3}},
    }));
    let error = bench
        .catalog
        .create_profile(&admin(), id, wrong)
        .await
        .unwrap_err();
    assert_eq!(
        paths(error),
        [
            "map",
            "name",
            "schedule.zone",
            "schedule.rhythm.expression",
            "guard.users.share",
            "guard.groups.share",
        ]
    );
    for map in [
        "",
        "no map",
        "default.entra.nope",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let wrong = read(json!({"name": "a", "map": map}));
        let error = bench.catalog.create_profile(&admin(), id, wrong).await;
        assert_eq!(paths(error.unwrap_err()), ["map"], "{map}");
    }
}

#[tokio::test]
async fn names_are_unique_in_a_connector_only() {
    let bench = Bench::new().await;
    let one = bench.connector().await.id;
    let two = bench.named("Other").await.unwrap().id;
    let make = async |connector, name: &str| {
        let new = read(json!({ "name": name }));
        bench.catalog.create_profile(&admin(), connector, new).await
    };
    make(one, "Daily").await.unwrap();
    make(two, "Daily").await.unwrap();
    assert_eq!(paths(make(one, "DAILY").await.unwrap_err()), ["name"]);
}

#[tokio::test]
async fn a_member_of_a_profile_is_changed_whole() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let cron = json!({"zone": "UTC", "rhythm": {"kind": "cron", "expression": "0 2 * * *"}});
    let new = read(json!({"name": "Daily", "schedule": cron}));
    let catalog = &bench.catalog;
    let profile = catalog.create_profile(&admin(), id, new).await.unwrap();
    let change: Value = json!({
        "schedule": {"zone": "Europe/Berlin", "rhythm": {"kind": "once", "at": "2027-06-01T02:00:00"}},
        "guard": {"users": {"count": 7}},
    });
    let changed = catalog
        .change_profile(&admin(), id, profile.id, Some(1), read(change.clone()))
        .await
        .unwrap();
    assert_eq!(changed.revision, 2);
    assert_eq!(changed.guard.users.count, 7);
    assert_eq!(changed.guard.groups, Guard::default().groups);
    assert!(changed.schedule_text.starts_with("once, "));
    assert_eq!(
        last_deed(&bench).await.details["changes"]["guard"]["after"]["users"]["count"],
        7
    );
    let same = catalog
        .change_profile(&admin(), id, profile.id, None, read(change))
        .await
        .unwrap();
    assert_eq!(same.revision, 2);
    let stale = catalog
        .change_profile(
            &admin(),
            id,
            profile.id,
            Some(1),
            read(json!({"name": "x"})),
        )
        .await;
    assert!(matches!(stale, Err(CatalogError::Stale { .. })));
    let elsewhere = bench.named("Other").await.unwrap().id;
    let missing = catalog.profile(elsewhere, profile.id).await;
    assert!(matches!(missing, Err(CatalogError::NotFound("profile"))));
}

#[tokio::test]
async fn a_run_gets_everything_that_it_is_made_of() {
    let bench = Bench::new().await;
    let connector = bench.connector().await;
    let mut with_note = rule("externalId", "id");
    with_note.note = Some("for people".into());
    let map = bench
        .catalog
        .create_map(
            &admin(),
            read(json!({"name": "Own", "plugin": PLUGIN, "rules": [with_note]})),
        )
        .await
        .unwrap();
    let profile = bench
        .catalog
        .create_profile(
            &admin(),
            connector.id,
            read(json!({"name": "P", "map": map.map.id})),
        )
        .await
        .unwrap();
    let group =
        |digit: char| "11111111-1111-1111-1111-11111111111x".replace('x', &digit.to_string());
    for (source, groups) in [
        ("g2", vec![group('2'), group('1')]),
        ("g1", vec![group('3')]),
    ] {
        bench
            .catalog
            .set_link(&admin(), connector.id, source, &groups)
            .await
            .unwrap();
    }
    let plan = bench.catalog.run_plan(profile.id).await.unwrap();
    assert_eq!(plan.connector, connector.id);
    assert_eq!(plan.wanted.to_string(), PLUGIN);
    assert_eq!(plan.settings, r#"{"tenantId":"contoso.example"}"#);
    assert_eq!(plan.secrets["clientSecret"].expose_secret(), "hunter2");
    assert!(!format!("{plan:?}").contains("hunter2"));
    assert_eq!(plan.map.name, map.map.id);
    assert_eq!(plan.map.rules, [rule("externalId", "id")]);
    let links: Vec<_> = plan
        .links
        .iter()
        .map(|l| (l.group.as_str(), l.platform_groups.len()))
        .collect();
    assert_eq!(links, [("g1", 1), ("g2", 2)]);
    assert_eq!(plan.links[1].platform_groups, [group('1'), group('2')]);
}

#[tokio::test]
async fn of_a_profile_that_is_gone_there_is_no_plan() {
    let bench = Bench::new().await;
    let plan = bench.catalog.run_plan(uuid::Uuid::nil()).await;
    assert!(matches!(plan, Err(CatalogError::NotFound("profile"))));
}
