use serde_json::json;

use crate::access::{NewSession, Principal, Role, UserChange};
use crate::api::testing::{Host, ask};

async fn text(host: &Host, session: &NewSession, path: &str) -> String {
    host.call(ask("GET", path).page().session(session))
        .await
        .text()
}

#[tokio::test]
async fn nothing_done_yet_is_said_in_words() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let text = text(&host, &session, "/settings/audit").await;
    assert!(text.contains("Nothing was done yet"), "{text}");
}

#[tokio::test]
async fn lines_tell_who_did_what_on_what_and_can_be_narrowed() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Admin).await;
    let plane = &host.stage.plane;
    let bob = plane.access.test_user("bob", Role::Viewer).await;
    let change = UserChange {
        name: "bob".into(),
        display_name: "bob".into(),
        role: Role::Operator,
        disabled: false,
    };
    let by = Principal {
        address: Some([192, 0, 2, 7].into()),
        ..session.caller.principal.clone()
    };
    plane
        .access
        .change_user(bob.id, &change, None, &by)
        .await
        .unwrap();
    let all = text(&host, &session, "/settings/audit").await;
    assert!(
        all.contains("user.change") && all.contains("192.0.2.7"),
        "{all}"
    );
    assert!(all.contains(&format!("href=\"/settings/users/{}\">bob</a>", bob.id)));
    assert!(all.contains("viewer → operator") && all.contains("1 line"));
    for (query, found) in [
        ("actor=ann", true),
        ("actor=bob", false),
        ("target=bob", true),
        ("action=user.", true),
        ("action=plugin.", false),
        ("from=2026-03-01&to=2026-03-01", true),
        ("from=2026-03-02", false),
        ("to=2026-02-28", false),
    ] {
        let page = text(&host, &session, &format!("/settings/audit?{query}")).await;
        assert_eq!(page.contains("viewer → operator"), found, "{query}");
        assert_eq!(page.contains("No line fits"), !found, "{query}");
    }
}

#[tokio::test]
async fn a_viewer_reads_the_log_without_links_to_users() {
    let host = Host::new().await;
    let viewer = host.session_of("vera", Role::Viewer).await;
    let admin = host.session_of("ann", Role::Admin).await;
    let body = json!({"name": "bob", "role": "viewer", "password": "correct horse battery"});
    let made = ask("POST", "/api/v1/users").session(&admin).json(&body);
    assert_eq!(host.call(made).await.status, 201);
    let text = text(&host, &viewer, "/settings/audit").await;
    assert!(
        text.contains("user.create") && !text.contains("/settings/users"),
        "{text}"
    );
}

#[tokio::test]
async fn a_day_that_is_none_is_refused_with_what_to_do() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let asked = ask("GET", "/settings/audit?from=yesterday")
        .page()
        .session(&session);
    let answer = host.call(asked).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("Choose the days anew"));
}
