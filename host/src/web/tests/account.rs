use secrecy::ExposeSecret;

use crate::access::testing::PASSWORD;
use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};

async fn get(host: &Host, session: &NewSession, path: &str) -> Answer {
    host.call(ask("GET", path).page().session(session)).await
}

async fn post(host: &Host, session: &NewSession, path: &str, fields: &[(&str, &str)]) -> Answer {
    let asked = ask("POST", path).page().session(session);
    host.call(asked.form(fields)).await
}

#[tokio::test]
async fn everybody_sees_who_they_are() {
    let host = Host::new().await;
    for role in Role::ALL {
        let session = host.session_of(role.word(), role).await;
        let text = get(&host, &session, "/account").await.text();
        assert!(text.contains("Your account") && text.contains("with a password"));
        assert!(text.contains("This is your only session"));
        assert!(text.contains("You have no API token"));
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_keeps_this_browser_in() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let access = &host.stage.plane.access;
    let other = access.test_session(&session.caller.user).await;
    let unlike = [
        ("oldPassword", PASSWORD),
        ("newPassword", "correct horse battery"),
        ("repeated", "correct horse"),
    ];
    let refused = post(&host, &session, "/account/password", &unlike).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("id=\"repeated-error\""));
    assert!(!refused.text().contains("correct horse"));
    let wrong = [
        ("oldPassword", "not my password"),
        ("newPassword", "correct horse battery"),
        ("repeated", "correct horse battery"),
    ];
    let refused = post(&host, &session, "/account/password", &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("id=\"oldPassword-error\""));
    let right = [
        ("username", "ann"),
        ("oldPassword", PASSWORD),
        ("newPassword", "correct horse battery"),
        ("repeated", "correct horse battery"),
    ];
    let done = post(&host, &session, "/account/password", &right).await;
    assert_eq!(done.location(), "/account", "{}", done.text());
    let cookie = done.cookie().unwrap();
    let again = host
        .call(ask("GET", "/account").page().cookie(&cookie))
        .await;
    assert_eq!(again.status, 200);
    let ended = get(&host, &other, "/account").await;
    assert!(ended.location().starts_with("/sign-in"));
}

#[tokio::test]
async fn other_sessions_are_ended_together() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let access = &host.stage.plane.access;
    let other = access.test_session(&session.caller.user).await;
    let text = get(&host, &session, "/account").await.text();
    assert!(text.contains("End all others") && text.contains("this one"));
    let done = post(&host, &session, "/account/sessions/end", &[]).await;
    assert_eq!(done.location(), "/account");
    let ended = get(&host, &other, "/account").await;
    assert!(ended.location().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_tokens_secret_is_shown_once_and_nowhere_else() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Operator).await;
    let form = get(&host, &session, "/settings/tokens/new").await.text();
    assert!(form.contains("value=\"operator\"") && !form.contains("value=\"admin\""));
    let fields = [
        ("name", "nightly report"),
        ("role", "viewer"),
        ("ends", "month"),
    ];
    let made = post(&host, &session, "/settings/tokens/new", &fields).await;
    assert_eq!(made.status, 200);
    assert_eq!(made.headers["cache-control"], "no-store");
    assert!(!made.headers.contains_key("set-cookie"));
    let text = made.text();
    let secret = text.split("id=\"token\">").nth(1).unwrap();
    let secret = secret.split('<').next().unwrap();
    let used = host.call(ask("GET", "/api/v1/session").token(secret)).await;
    assert_eq!(used.json()["role"], "viewer");
    let account = get(&host, &session, "/account").await.text();
    assert!(account.contains("nightly report") && !account.contains(secret));
    assert!(account.contains("1 token"));
}

#[tokio::test]
async fn a_token_gets_no_more_than_its_maker_has() {
    let host = Host::new().await;
    let session = host.session_of("ann", Role::Viewer).await;
    let fields = [("name", "more"), ("role", "admin"), ("ends", "week")];
    let refused = post(&host, &session, "/settings/tokens/new", &fields).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("token.role-above"));
}

#[tokio::test]
async fn tokens_are_revoked_by_their_makers_and_by_administrators() {
    let host = Host::new().await;
    let ann = host.session_of("ann", Role::Viewer).await;
    let bob = host.session_of("bob", Role::Operator).await;
    let admin = host.session_of("cleo", Role::Admin).await;
    let access = &host.stage.plane.access;
    let mut secrets = Vec::new();
    for name in ["one", "two"] {
        let new = crate::access::NewToken {
            name: name.into(),
            role: Role::Viewer,
            expires_at: None,
        };
        let (token, secret) = access.create_token(&new, &ann.caller).await.unwrap();
        secrets.push((token.id, secret.expose_secret().to_owned()));
    }
    let path = |at: usize| format!("/settings/tokens/{}/revoke", secrets[at].0);
    assert_eq!(get(&host, &bob, &path(0)).await.status, 404);
    assert_eq!(post(&host, &bob, &path(0), &[]).await.status, 404);
    let asked = get(&host, &ann, &path(0)).await.text();
    assert!(asked.contains("Revoke one?") && asked.contains("It is yours"));
    assert_eq!(
        post(&host, &ann, &path(0), &[]).await.location(),
        "/account"
    );
    let all = get(&host, &admin, "/settings/tokens").await.text();
    assert!(all.contains("two") && all.contains("ann"), "{all}");
    let asked = get(&host, &admin, &path(1)).await.text();
    assert!(asked.contains("It was made by ann"));
    let done = post(&host, &admin, &path(1), &[]).await;
    assert_eq!(done.location(), "/settings/tokens");
    for (_, secret) in &secrets {
        let used = host.call(ask("GET", "/api/v1/session").token(secret)).await;
        assert_eq!(used.status, 401);
    }
}

#[tokio::test]
async fn only_administrators_see_everybodys_tokens() {
    let host = Host::new().await;
    for role in [Role::Viewer, Role::Operator] {
        let session = host.session_of(role.word(), role).await;
        assert_eq!(get(&host, &session, "/settings/tokens").await.status, 403);
    }
}
