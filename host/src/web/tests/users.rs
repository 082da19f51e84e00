use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};

/// An administrator before the pages.
struct Desk {
    host: Host,
    session: NewSession,
}

impl Desk {
    async fn new() -> Self {
        Self::of(Role::Admin).await
    }

    async fn of(role: Role) -> Self {
        let host = Host::new().await;
        let session = host.session_of("ann", role).await;
        Self { host, session }
    }

    async fn get(&self, path: &str) -> Answer {
        let asked = ask("GET", path).page().session(&self.session);
        self.host.call(asked).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let asked = ask("POST", path).page().session(&self.session);
        self.host.call(asked.form(fields)).await
    }

    async fn user(&self, name: &str) -> crate::access::User {
        let users = self.host.stage.plane.access.users(None, 50).await.unwrap();
        users.into_iter().find(|user| user.name == name).unwrap()
    }
}

#[tokio::test]
async fn users_are_listed_with_how_they_sign_in() {
    let desk = Desk::new().await;
    let text = desk.get("/settings/users").await.text();
    assert!(text.contains("2 users") && text.contains(">root<") && text.contains(">you<"));
    assert!(text.contains("password") && text.contains("Enabled"));
}

#[tokio::test]
async fn a_user_is_made_and_a_mistake_is_told_at_its_field() {
    let desk = Desk::new().await;
    let wrong = [
        ("name", "bea b"),
        ("role", "operator"),
        ("password", "short"),
    ];
    let refused = desk.post("/settings/users/new", &wrong).await;
    assert_eq!(refused.status, 422);
    let text = refused.text();
    assert!(text.contains("id=\"name-error\"") && text.contains("id=\"password-error\""));
    assert!(text.contains("value=\"bea b\"") && !text.contains("short\""));
    let right = [
        ("name", "bea"),
        ("displayName", "Bea Example"),
        ("role", "operator"),
        ("password", "correct horse battery"),
    ];
    let made = desk.post("/settings/users/new", &right).await;
    assert_eq!(made.location(), "/settings/users");
    assert_eq!(desk.user("bea").await.role, Role::Operator);
    let taken = desk.post("/settings/users/new", &right).await;
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains("user.name-taken"));
}

#[tokio::test]
async fn a_role_is_changed_and_a_stale_form_is_shown_again() {
    let desk = Desk::new().await;
    let root = desk.user("root").await;
    let path = format!("/settings/users/{}", root.id);
    let revision = root.revision.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "root"),
        ("displayName", ""),
        ("role", "viewer"),
        ("disabled", "yes"),
    ];
    assert_eq!(desk.post(&path, &fields).await.location(), path);
    let root = desk.user("root").await;
    assert_eq!((root.role, root.disabled), (Role::Viewer, true));
    let stale = desk.post(&path, &fields).await;
    assert!(stale.status.is_client_error());
    let text = stale.text();
    assert!(
        text.contains("Somebody else changed this user meanwhile"),
        "{text}"
    );
    assert!(text.contains(&format!("value=\"{}\"", root.revision)));
}

#[tokio::test]
async fn the_last_administrator_can_neither_be_demoted_nor_deleted() {
    let desk = Desk::new().await;
    let root = desk.user("root").await;
    let revision = root.revision.to_string();
    let gone = desk
        .post(
            &format!("/settings/users/{}/delete", root.id),
            &[("revision", &revision)],
        )
        .await;
    assert_eq!(gone.location(), "/settings/users");
    let ann = desk.user("ann").await;
    let revision = ann.revision.to_string();
    let page = desk
        .get(&format!("/settings/users/{}/delete", ann.id))
        .await;
    assert!(page.text().contains("Delete ann?"));
    let refused = desk
        .post(
            &format!("/settings/users/{}/delete", ann.id),
            &[("revision", &revision)],
        )
        .await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("last enabled administrator"));
    let fields = [
        ("revision", revision.as_str()),
        ("name", "ann"),
        ("role", "viewer"),
    ];
    let refused = desk
        .post(&format!("/settings/users/{}", ann.id), &fields)
        .await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("user.last-admin"));
}

#[tokio::test]
async fn a_password_is_reset_for_others_and_not_for_oneself() {
    let desk = Desk::new().await;
    let root = desk.user("root").await;
    let path = format!("/settings/users/{}", root.id);
    let revision = root.revision.to_string();
    let bad = [("revision", revision.as_str()), ("password", "root")];
    let refused = desk.post(&format!("{path}/password"), &bad).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("id=\"password-error\""));
    let good = [
        ("revision", revision.as_str()),
        ("password", "correct horse battery"),
    ];
    let done = desk.post(&format!("{path}/password"), &good).await;
    assert_eq!(done.location(), path);
    assert!(
        !done.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("correct")
    );
    let own = desk
        .get(&format!("/settings/users/{}", desk.user("ann").await.id))
        .await;
    let text = own.text();
    assert!(text.contains("href=\"/account\"") && !text.contains("/password\""));
}

#[tokio::test]
async fn only_administrators_manage_users() {
    for role in [Role::Viewer, Role::Operator] {
        let desk = Desk::of(role).await;
        let root = desk.user("root").await;
        let settings = desk.get("/settings").await.text();
        assert!(!settings.contains("/settings/users") && !settings.contains("/settings/tokens"));
        for path in [
            "/settings/users".to_owned(),
            "/settings/users/new".to_owned(),
            format!("/settings/users/{}", root.id),
            format!("/settings/users/{}/delete", root.id),
        ] {
            assert_eq!(desk.get(&path).await.status, 403, "{path}");
        }
        let revision = root.revision.to_string();
        for path in ["", "/password", "/delete"] {
            let path = format!("/settings/users/{}{path}", root.id);
            let sent = desk.post(&path, &[("revision", &revision)]).await;
            assert_eq!(sent.status, 403, "{path}");
        }
        let fields = [
            ("name", "eve"),
            ("role", "admin"),
            ("password", "correct horse battery"),
        ];
        let sent = desk.post("/settings/users/new", &fields).await;
        assert_eq!(sent.status, 403);
    }
}
