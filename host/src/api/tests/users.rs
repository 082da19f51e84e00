//! Users, over the API.

use serde_json::json;

use crate::access::Role;
use crate::access::testing::PASSWORD;
use crate::api::testing::{Host, ask};

#[tokio::test]
async fn an_admin_makes_changes_and_deletes_users() {
    let host = Host::new().await;
    let admin = host.session_of("boss", Role::Admin).await;
    let body = json!({"name": "anna", "role": "viewer", "password": PASSWORD});
    let made = ask("POST", "/api/v1/users").session(&admin).json(&body);
    let made = host.call(made).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let (place, etag) = (&made.headers["location"], &made.headers["etag"]);
    let (place, etag) = (place.to_str().unwrap(), etag.to_str().unwrap());
    assert!(!String::from_utf8_lossy(&made.body).contains("argon2"));
    let body =
        json!({"name": "anna", "displayName": "Anna", "role": "operator", "disabled": false});
    let change = || ask("PUT", place).session(&admin).json(&body);
    assert_eq!(host.call(change()).await.status, 428);
    let changed = host.call(change().header("if-match", etag)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());
    let stale = host.call(change().header("if-match", etag)).await;
    assert_eq!(
        (stale.status.as_u16(), stale.code().as_str()),
        (412, "request.changed-meanwhile")
    );
    let gone = ask("DELETE", place).session(&admin).header("if-match", "*");
    assert_eq!(host.call(gone).await.status, 204);
    let audit = host
        .call(ask("GET", "/api/v1/audit?action=user.").session(&admin))
        .await;
    let audit = audit.json();
    assert_eq!(
        audit["items"][1]["details"],
        json!({"displayName": ["anna", "Anna"], "role": ["viewer", "operator"]})
    );
    assert_eq!(audit["items"][0]["actor"]["name"], "boss");
}

#[tokio::test]
async fn users_are_listed_by_name_a_page_at_a_time() {
    let host = Host::new().await;
    let admin = host.session_of("Boss", Role::Admin).await;
    let mut names = Vec::new();
    let mut path = "/api/v1/users?limit=1".to_owned();
    loop {
        let page = host.call(ask("GET", &path).session(&admin)).await.json();
        names.push(page["items"][0]["name"].as_str().unwrap().to_owned());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/users?limit=1&cursor={next}");
    }
    assert_eq!(names, ["Boss", "root"]);
}

#[tokio::test]
async fn a_viewer_sees_itself_and_nobody_else() {
    let host = Host::new().await;
    let anna = host.session_of("anna", Role::Viewer).await;
    let bert = host.session_of("bert", Role::Viewer).await;
    let show = async |id: uuid::Uuid| {
        let request = ask("GET", &format!("/api/v1/users/{id}"));
        host.call(request.session(&anna)).await.status
    };
    assert_eq!(show(anna.caller.user.id).await, 200);
    assert_eq!(show(bert.caller.user.id).await, 404);
    assert_eq!(show(uuid::Uuid::now_v7()).await, 404);
}
