//! Connectors, their types and their schedules.

use axum::http::header;
use serde_json::json;

use super::{Desk, contoso, paths, tag};
use crate::catalog::testing::PLUGIN;

#[tokio::test]
async fn a_connector_lives_and_dies() {
    let desk = Desk::new().await;
    let made = desk.ask("POST", "/connectors", Some(&contoso())).await;
    assert_eq!(made.status, 201);
    let place = made.headers[header::LOCATION].to_str().unwrap();
    let place = place.strip_prefix("/api/v1").unwrap();
    assert_eq!(tag(&made), "\"1\"");

    let rename = json!({"name": "Contoso Ltd"});
    let unnamed = desk.ask_with("PATCH", place, Some(&rename), "").await;
    assert_eq!(unnamed.status, 428);
    let changed = desk.ask_with("PATCH", place, Some(&rename), "\"1\"").await;
    assert_eq!((changed.status.as_u16(), tag(&changed)), (200, "\"2\""));
    let late = desk.ask_with("PATCH", place, Some(&rename), "\"1\"").await;
    assert_eq!(
        (late.status.as_u16(), late.code()),
        (412, "request.changed-meanwhile".into())
    );

    let unsaid = desk.ask("DELETE", place, None).await;
    assert_eq!(
        (unsaid.status.as_u16(), paths(&unsaid)),
        (422, vec!["data".to_owned()])
    );
    let gone = desk
        .ask("DELETE", &format!("{place}?data=remove"), None)
        .await;
    assert_eq!(gone.status, 204);
    let missing = desk.ask("GET", place, None).await;
    assert_eq!(
        (missing.status.as_u16(), missing.code()),
        (404, "connector.not-found".into())
    );
    let leftovers = desk.host.stage.plane.catalog.leftovers().await.unwrap();
    assert_eq!(leftovers.len(), 1, "its data is on its way out");
}

#[tokio::test]
async fn no_answer_ever_holds_a_secret() {
    let desk = Desk::new().await;
    let connector = desk.connector().await;
    let misplaced = json!({"settings": {"clientSecret": "hunter2"}});
    let bare = json!({"secrets": {"clientSecret": "hunter2"}});
    let beside = json!({"secrets": "hunter2"});
    let answers = [
        desk.ask("GET", &connector, None).await,
        desk.ask("GET", "/connectors", None).await,
        desk.ask("GET", "/audit", None).await,
        desk.ask("POST", &format!("{connector}/check"), None).await,
        desk.ask("PATCH", &connector, Some(&misplaced)).await,
        desk.ask("PATCH", &connector, Some(&bare)).await,
        desk.ask("PATCH", &connector, Some(&beside)).await,
    ];
    for answer in &answers {
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains("hunter2"), "{text}");
    }
    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 422, 422, 422]);
    assert!(paths(&answers[4]).contains(&"settings.clientSecret".to_owned()));
    assert_eq!(paths(&answers[5]), ["secrets.clientSecret"]);
}

#[tokio::test]
async fn a_member_that_can_not_be_is_named_by_its_path() {
    let desk = Desk::new().await;
    let connector = desk.connector().await;
    for (path, body, wrong) in [
        ("/connectors", json!({"name": 5, "plugin": PLUGIN}), "name"),
        (
            "/connectors",
            json!({"name": "a", "plugin": PLUGIN, "colour": 1}),
            "colour",
        ),
        (
            "/connectors",
            json!({"name": "a", "plugin": PLUGIN, "version": "one"}),
            "version",
        ),
        (
            &*format!("{connector}/profiles"),
            json!({"name": "a", "guard": {"users": {"count": -1}}}),
            "guard.users.count",
        ),
        (
            "/schedule-preview",
            json!({"schedule": {"zone": "Nowhere", "rhythm": {"kind": "manual"}}}),
            "schedule.zone",
        ),
    ] {
        let answer = desk.ask("POST", path, Some(&body)).await;
        assert_eq!(answer.status, 422, "{}", answer.json());
        assert_eq!(paths(&answer), [wrong]);
    }
    let null = desk
        .ask("PATCH", &connector, Some(&json!({"name": null})))
        .await;
    assert_eq!(
        paths(&null),
        ["name"],
        "what can't be removed is not ignored"
    );
}

#[tokio::test]
async fn types_and_models_are_told_with_everything_they_declare() {
    let desk = Desk::new().await;
    let types = desk
        .ask("GET", "/connector-types?limit=1", None)
        .await
        .json();
    assert_eq!(types["items"][0]["name"], PLUGIN);
    assert_eq!(types["total"], 2);
    let next = types["next"].as_str().unwrap();
    let rest = desk
        .ask("GET", &format!("/connector-types?cursor={next}"), None)
        .await;
    assert_eq!(rest.json()["items"][0]["name"], "scim");
    let one = desk.ask("GET", "/connector-types/entra", None).await.json();
    assert_eq!(one["description"]["settings"][0]["key"], "tenantId");
    assert_eq!(one["versions"][0]["standing"], "active");
    assert_eq!(
        desk.ask("GET", "/connector-types/x", None).await.status,
        404
    );
    let model = desk
        .ask("GET", "/data-models/entra.target", None)
        .await
        .json();
    assert_eq!(model["groupsPath"], "groupInfo");
    assert_eq!(model["fields"][0]["path"], "externalId");
    assert_eq!(
        desk.ask("GET", "/data-models", None).await.json()["total"],
        4
    );
}

#[tokio::test]
async fn a_schedule_is_told_with_its_modes_before_it_is_saved() {
    let desk = Desk::new().await;
    let wanted = json!({
        "schedule": {
            "zone": "UTC",
            "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2026-03-01T02:00:00"},
        },
        "baseline": "weekly",
        "count": 3,
    });
    let told = desk
        .ask("POST", "/schedule-preview", Some(&wanted))
        .await
        .json();
    assert_eq!(told["text"], "every day at 02:00, UTC");
    let modes: Vec<_> = told["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["mode"])
        .collect();
    assert_eq!(modes, ["snapshot", "incremental", "incremental"]);
    let many = json!({"schedule": wanted["schedule"], "count": 51});
    assert_eq!(
        paths(&desk.ask("POST", "/schedule-preview", Some(&many)).await),
        ["count"]
    );
}
