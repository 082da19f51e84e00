//! Who may do what: every operation of the API's own description, by everybody, in every way to show who one is.

use harness::server::{Api, Credentials, PASSWORD, ServerUnderTest};
use http::Method;
use serde_json::{Value, json};

use super::bare;

const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// An operation of the API's description.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    /// The place among [`ROLES`] of the least role; none where anybody may.
    least: Option<usize>,
    /// Whether it is for sessions only.
    session_only: bool,
}

impl Operation {
    fn of(path: &str, method: &str, documented: &Value) -> Self {
        let schemes = documented["security"].as_array().unwrap();
        let offered = |name| schemes.iter().find_map(|scheme| scheme.get(name));
        let least = offered("token").or(offered("session")).map(|roles| {
            let role = roles[0].as_str().unwrap();
            ROLES.iter().position(|known| *known == role).unwrap()
        });
        let filled = path.split('/').map(|part| match part.strip_prefix('{') {
            // Nothing is there, so that nothing happens.
            Some(_) => "018f0000-0000-7000-8000-000000000000",
            None => part,
        });
        Self {
            method: method.to_uppercase().parse().unwrap(),
            path: filled.collect::<Vec<_>>().join("/"),
            least,
            session_only: least.is_some() && offered("token").is_none(),
        }
    }

    fn ends_the_session(&self) -> bool {
        (&self.method, self.path.as_str()) == (&Method::DELETE, "/api/v1/session")
    }

    /// The status with which it begins to answer, and the code of its problem.
    async fn by(&self, api: &Api) -> (u16, String) {
        let changes = self.method != Method::GET;
        let body = json!({});
        let any = [("if-match", "*")];
        let body = changes.then_some(&body);
        api.begin(self.method.clone(), &self.path, &any, body)
            .await
            .unwrap()
    }
}

/// Every operation that is described, signing out last.
async fn operations(server: &ServerUnderTest) -> Vec<Operation> {
    let document = server.get("/api/v1/openapi.json").await.unwrap();
    let document = document.expect(200).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "patch", "delete"] {
            let documented = item.get(method);
            operations.extend(documented.map(|it| Operation::of(path, method, it)));
        }
    }
    operations.sort_by_key(Operation::ends_the_session);
    assert!(operations.len() > 20, "{operations:#?}");
    operations
}

/// Somebody of this role with a session of their own.
async fn somebody(server: &ServerUnderTest, role: &str) -> Api {
    let name = format!("some-{role}");
    let user = json!({ "name": name, "role": role, "password": PASSWORD });
    server.admin().unwrap().make("/users", &user).await.unwrap();
    server.sign_in(&name, PASSWORD).await.unwrap()
}

/// What somebody of this role must be answered: nothing to be said against who they are, or that they may not.
fn assert_role(operation: &Operation, role: usize, how: &str, (status, code): (u16, String)) {
    let told = format!(
        "{operation:?} by {how} of a {}: {status} {code}",
        ROLES[role]
    );
    match operation.least {
        Some(least) if role < least => {
            assert_eq!((status, code.as_str()), (403, "access.role"), "{told}");
        }
        _ => assert!(!matches!(status, 401 | 403 | 500..), "{told}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_in_particular_reaches_only_what_is_open() {
    let server = ServerUnderTest::ready(bare()).await.unwrap();
    let nobody = server.anonymous().unwrap();
    let made_up = nobody.with(Credentials::Token("ch_made-up".into()));
    let stale = nobody.with(Credentials::Session {
        cookie: "connector_session=made-up".into(),
        csrf: Some("made-up".into()),
    });
    for operation in operations(&server).await {
        for stranger in [&nobody, &made_up, &stale] {
            let (status, code) = operation.by(stranger).await;
            let closed = operation.least.is_some();
            assert_eq!(status == 401, closed, "{operation:?}: {status} {code}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_do_what_its_role_may_and_no_more() {
    let server = ServerUnderTest::ready(bare()).await.unwrap();
    for (role, name) in ROLES.iter().enumerate() {
        let api = server.role(name).await.unwrap();
        for operation in operations(&server).await {
            let answer = operation.by(&api).await;
            if operation.session_only {
                assert!(matches!(answer.0, 400..500), "{operation:?}: {answer:?}");
            } else {
                assert_role(&operation, role, "token", answer);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_do_the_same_but_changes_nothing_without_its_token() {
    let server = ServerUnderTest::ready(bare()).await.unwrap();
    for (role, name) in ROLES.iter().enumerate() {
        let api = somebody(&server, name).await;
        let forged = api.with(api.credentials().without_csrf());
        for operation in operations(&server).await {
            if operation.least.is_some() && operation.method != Method::GET {
                let (status, code) = operation.by(&forged).await;
                let told = format!("{operation:?} of a {name}");
                assert_eq!((status, code.as_str()), (403, "access.csrf"), "{told}");
            }
            assert_role(&operation, role, "session", operation.by(&api).await);
        }
        let out = api.get("/session").await.unwrap();
        assert_eq!(out.status, 401, "signed out at last");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_there_is_a_user_everything_but_setting_up_is_closed() {
    let server = ServerUnderTest::start(bare()).await.unwrap();
    let nobody = server.anonymous().unwrap();
    for operation in operations(&server).await {
        let (status, code) = operation.by(&nobody).await;
        let told = format!("{operation:?}: {status} {code}");
        match operation.path.as_str() {
            "/api/v1/setup" => assert_eq!(status, 422, "{told}"),
            _ => assert_eq!(
                (status, code.as_str()),
                (401, "access.setup-required"),
                "{told}"
            ),
        }
    }
    assert_eq!(server.get("/healthz").await.unwrap().status, 200);
    assert_eq!(server.get("/readyz").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_for_the_first_administrator_works_once_and_not_after_a_restart() {
    let mut server = ServerUnderTest::start(bare()).await.unwrap();
    let first = server.code().unwrap().to_owned();
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    let setup = async |server: &ServerUnderTest, code: &str| {
        let body = json!({ "code": code, "name": "eve", "password": PASSWORD });
        let answer = server.anonymous().unwrap().post("/setup", &body).await;
        answer.unwrap().status.as_u16()
    };
    assert_eq!(setup(&server, &first).await, 403, "of another start");
    server.set_up().await.unwrap();
    let second = server.code().unwrap().to_owned();
    assert_eq!(setup(&server, &second).await, 409, "it worked once");
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    assert_eq!(server.code(), None, "there is an administrator");
    let who = server.admin().unwrap().read("/session").await.unwrap();
    assert_eq!(
        (&who["user"]["name"], &who["by"]),
        (&json!("admin"), &json!("token"))
    );
}
