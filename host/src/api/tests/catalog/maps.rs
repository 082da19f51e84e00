//! Transform maps and group links, also with what the directory knows.

use serde_json::json;

use super::{Desk, paths};
use crate::api::testing::brought;
use crate::catalog::testing::{PLUGIN, rule};
use crate::directory::Mode;

/// Has a run of the connector bring a group and a user.
async fn bring(desk: &Desk, connector: &str) {
    let connector = connector.rsplit('/').next().unwrap();
    let user = brought::user_at("u1", "Ada", "ada@contoso.example");
    let changes = vec![brought::group("g1", "Finance"), user];
    let connector = connector.parse().unwrap();
    desk.host.bring_by(Mode::Snapshot, connector, changes).await;
}

#[tokio::test]
async fn a_map_is_previewed_with_a_real_user_beside_what_is_stored() {
    let desk = Desk::new().await;
    let connector = desk.connector().await;
    let with_mail = json!({"name": "Daily", "map": "default.entra.with-mail"});
    let profile = desk
        .ask("POST", &format!("{connector}/profiles"), Some(&with_mail))
        .await;
    assert_eq!(profile.status, 201, "{}", profile.json());
    bring(&desk, &connector).await;
    let id = connector.rsplit('/').next().unwrap();
    let trial = json!({
        "draft": {"plugin": PLUGIN, "rules": [rule("userData.emailId", "mail")]},
        "record": {"connector": id, "user": "u1"},
    });
    let tried = desk
        .ask("POST", "/transform-maps/preview", Some(&trial))
        .await
        .json();
    assert_eq!(tried["origin"], "rebuilt", "{tried}");
    assert_eq!(
        tried["sample"],
        json!({"id": "u1", "mail": "ada@contoso.example"})
    );
    assert_eq!(
        tried["document"],
        json!({"userData.emailId": "ada@contoso.example"})
    );
    assert_eq!(tried["stored"]["name"], "Ada");
    assert_eq!(tried["before"]["map"]["name"], "With mail");
    assert_eq!(
        tried["before"]["differences"],
        json!([{"path": "externalId", "before": "u1"}])
    );
    let group = json!({
        "draft": trial["draft"], "record": {"connector": id, "group": "g1"},
    });
    let of_group = desk
        .ask("POST", "/transform-maps/preview", Some(&group))
        .await;
    assert_eq!(of_group.json()["stored"]["name"], "Finance");
    let both = json!({
        "draft": trial["draft"], "record": {"connector": id, "group": "g1", "user": "u1"},
    });
    let answer = desk
        .ask("POST", "/transform-maps/preview", Some(&both))
        .await;
    assert_eq!(paths(&answer), ["record"]);
    let nobody = json!({
        "draft": trial["draft"], "record": {"connector": id, "user": "u2"},
    });
    let answer = desk
        .ask("POST", "/transform-maps/preview", Some(&nobody))
        .await;
    assert_eq!(paths(&answer), ["record.user"]);

    let preview = json!({
        "schedule": {"zone": "UTC", "rhythm": {"kind": "cron", "expression": "@hourly"}},
        "profile": profile.json()["id"],
    });
    let told = desk
        .ask("POST", "/schedule-preview", Some(&preview))
        .await
        .json();
    assert!(told["lastSnapshot"].is_string(), "{told}");
}

#[tokio::test]
async fn links_have_the_names_that_the_directory_knows() {
    let desk = Desk::new().await;
    let connector = desk.connector().await;
    bring(&desk, &connector).await;
    let links = format!("{connector}/group-links");
    let fed = json!({"platformGroups": ["11111111-1111-1111-1111-111111111111"]});
    for group in ["g1", "g%2F2"] {
        let set = desk
            .ask("PUT", &format!("{links}/{group}"), Some(&fed))
            .await;
        assert_eq!(set.status, 200, "{}", set.json());
    }
    let listed = desk.ask("GET", &links, None).await.json();
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["items"][0]["group"], "g/2");
    assert_eq!(listed["items"][0].get("name"), None);
    assert_eq!(listed["items"][1]["name"], "Finance");
    let found = format!("{links}?platformGroup=22222222-2222-2222-2222-222222222222");
    assert_eq!(desk.ask("GET", &found, None).await.json()["total"], 0);
    assert_eq!(
        desk.ask("DELETE", &format!("{links}/g1"), None)
            .await
            .status,
        204
    );
    assert_eq!(
        desk.ask("DELETE", &format!("{links}/g1"), None)
            .await
            .status,
        404
    );
    assert_eq!(desk.ask("PUT", &links, Some(&json!([]))).await.status, 204);
    assert_eq!(desk.ask("GET", &links, None).await.json()["total"], 0);
}

#[tokio::test]
async fn a_map_goes_through_its_versions() {
    let desk = Desk::new().await;
    let new = json!({"name": "Mine", "plugin": PLUGIN});
    let made = desk.ask("POST", "/transform-maps", Some(&new)).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let map = format!("/transform-maps/{}", made.json()["id"].as_str().unwrap());
    let rules = json!({"rules": [rule("externalId", "id"), rule("userData.emailId", "mail")]});
    let second = desk.ask_with("PATCH", &map, Some(&rules), "\"1\"").await;
    assert_eq!(second.json()["version"], 2, "{}", second.json());
    let diff = desk
        .ask("GET", &format!("{map}/diff?from=1&to=2"), None)
        .await
        .json();
    assert_eq!(diff["added"][0]["rule"]["target"], "userData.emailId");
    let back = json!({"version": 1});
    let back = desk
        .ask_with("POST", &format!("{map}/restore"), Some(&back), "\"2\"")
        .await;
    assert_eq!(back.json()["version"], 3);
    let versions = desk
        .ask("GET", &format!("{map}/versions?limit=2"), None)
        .await
        .json();
    assert_eq!(versions["items"][0]["version"], 3);
    let next = versions["next"].as_str().unwrap();
    let rest = desk
        .ask("GET", &format!("{map}/versions?cursor={next}"), None)
        .await;
    assert_eq!(rest.json()["items"][0]["version"], 1);
    let judged = json!({"plugin": PLUGIN, "rules": [rule("nope", "id")]});
    let judged = desk
        .ask("POST", "/transform-maps/validate", Some(&judged))
        .await
        .json();
    assert_eq!(judged["problems"][0]["path"], "rules[0].target");
    let tried = desk
        .ask("POST", &format!("{map}/preview"), Some(&json!({})))
        .await
        .json();
    assert_eq!(tried["origin"], "generated");
    let copy = desk
        .ask(
            "POST",
            &format!("{map}/clone"),
            Some(&json!({"name": "Copy"})),
        )
        .await;
    assert_eq!(copy.status, 201);
    assert_eq!(desk.ask("DELETE", &map, None).await.status, 204);
    let brought = desk
        .ask("DELETE", "/transform-maps/default.entra.default", None)
        .await;
    assert_eq!(
        (brought.status.as_u16(), brought.code()),
        (409, "transform-map.read-only".into())
    );
}
