//! Calling the API in tests, through the whole router.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::middleware::from_fn;
use secrecy::ExposeSecret;
use serde_json::Value;
use tower::ServiceExt;

use super::openapi::SESSION_COOKIE;
use crate::access::{AccessPolicy, CSRF_HEADER, Means, NewSession, Role, authenticated};
use crate::catalog::{Catalog, Types};
use crate::control_plane::ControlPlane;
use crate::control_plane::testing::{Stage, stage_under};
use crate::web;
use crate::work::Work;

/// A served control plane.
pub(crate) struct Host {
    pub(crate) stage: Stage,
    router: Router,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The page, or whatever text it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Where it leads.
    pub(crate) fn location(&self) -> &str {
        let location = self.headers.get(header::LOCATION);
        location.map_or("", |location| location.to_str().unwrap())
    }

    /// The problem's code.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The session's cookie that was set.
    pub(crate) fn cookie(&self) -> Option<String> {
        let set = self.headers.get(header::SET_COOKIE)?.to_str().unwrap();
        let value = set.split(';').next().unwrap().split_once('=').unwrap().1;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    }
}

/// A request that is being put together.
pub(crate) struct Ask(Request<Body>);

/// A request to a path, such as `ask("GET", "/api/v1/users")`.
pub(crate) fn ask(method: &str, path: &str) -> Ask {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "sync.contoso.example");
    Ask(request.body(Body::empty()).unwrap())
}

impl Ask {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        *self.0.body_mut() = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    /// With what a form was filled in with.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(fields);
        *self.0.body_mut() = Body::from(text.finish());
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// With what a form that uploads files was filled in with: each field's name, the name of its file if it is
    /// one, and its content.
    pub(crate) fn upload(mut self, fields: &[(&str, Option<&str>, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (name, file, content) in fields {
            let file = file.map_or_else(String::new, |file| format!("; filename=\"{file}\""));
            let head =
                format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--line--\r\n");
        *self.0.body_mut() = Body::from(body);
        self.header("content-type", "multipart/form-data; boundary=line")
    }

    /// By a browser that wants a page.
    pub(crate) fn page(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml")
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", &format!("other=1; {SESSION_COOKIE}={cookie}"))
    }

    /// As this session, with its token.
    pub(crate) fn session(self, session: &NewSession) -> Self {
        let Means::Session { csrf, .. } = &session.caller.means else {
            panic!("no session");
        };
        self.cookie(session.cookie.expose_secret())
            .header(CSRF_HEADER, csrf.expose_secret())
    }

    /// From this address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let socket = std::net::SocketAddr::new(address.parse().unwrap(), 1234);
        let info = axum::extract::ConnectInfo(socket);
        self.0.extensions_mut().insert(info);
        self
    }

    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.extensions_mut().insert(value);
        self
    }
}

impl Host {
    /// Without any user.
    pub(crate) async fn unconfigured() -> Self {
        Self::under(AccessPolicy::default()).await
    }

    /// With the admin `root`.
    pub(crate) async fn new() -> Self {
        let host = Self::unconfigured().await;
        host.stage.plane.access.test_user("root", Role::Admin).await;
        host
    }

    /// Without any user, under this policy.
    pub(crate) async fn under(policy: AccessPolicy) -> Self {
        let stage = stage_under(policy).await;
        Self::around(stage)
    }

    /// With plugins that are made up.
    pub(crate) async fn with_types(types: Arc<dyn Types>) -> Self {
        let mut stage = stage_under(AccessPolicy::default()).await;
        let plane = Arc::get_mut(&mut stage.plane).unwrap();
        plane.catalog = Arc::new(Catalog::new(
            plane.database.clone(),
            plane.vault.clone(),
            types,
            plane.clock.clone(),
        ));
        Self::around(stage)
    }

    /// With the admin `root`, and runs that somebody else carries out.
    pub(crate) async fn with_work(work: Arc<Work>) -> Self {
        let mut stage = stage_under(AccessPolicy::default()).await;
        let plane = Arc::get_mut(&mut stage.plane).unwrap();
        plane.work = work;
        let host = Self::around(stage);
        host.stage.plane.access.test_user("root", Role::Admin).await;
        host
    }

    /// Over a control plane that was opened elsewhere, in a folder that goes with it.
    pub(crate) fn over(plane: Arc<ControlPlane>, folder: tempfile::TempDir) -> Self {
        Self::around(Stage::of(plane, folder))
    }

    fn around(stage: Stage) -> Self {
        let plane = &stage.plane;
        let router = super::router(plane.clone()).merge(web::router(plane));
        let router = authenticated(router, plane.access.clone()).layer(from_fn(web::outermost));
        Self { stage, router }
    }

    /// A session of a new user with this role.
    pub(crate) async fn session_of(&self, name: &str, role: Role) -> NewSession {
        let access = &self.stage.plane.access;
        let user = access.test_user(name, role).await;
        access.test_session(&user).await
    }

    /// Calls; gives the whole answer.
    pub(crate) async fn call(&self, ask: Ask) -> Answer {
        let (status, headers, body) = self.begin(ask).await;
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status,
            headers,
            body: body.into(),
        }
    }

    /// Calls; gives the body as it comes.
    pub(crate) async fn begin(&self, ask: Ask) -> (StatusCode, HeaderMap, Body) {
        let response = self.router.clone().oneshot(ask.0).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body)
    }
}

/// What connectors brought, as if runs had.
pub(crate) mod brought {
    use serde_json::json;
    use uuid::Uuid;

    use super::Host;
    use crate::directory::{
        Change, Finish, Member, MemberKind, Mode, NewRun, Object, PageCommit, Partition, RunKey,
        RunState,
    };

    fn object(id: &str, name: &str, document: &serde_json::Value) -> Object {
        Object {
            id: id.into(),
            name: name.into(),
            document: document.to_string(),
            kind: None,
        }
    }

    pub(crate) fn group(id: &str, name: &str) -> Change {
        Change::Group(object(id, name, &json!({"idpGroup": id})))
    }

    /// A group of a kind that the made-up plugin declares: `team` or `list`.
    pub(crate) fn group_of(kind: &str, id: &str, name: &str) -> Change {
        Change::Group(Object {
            kind: Some(kind.into()),
            ..object(id, name, &json!({"idpGroup": id}))
        })
    }

    pub(crate) fn user(id: &str, name: &str) -> Change {
        user_at(id, name, &format!("{id}@contoso.example"))
    }

    pub(crate) fn user_at(id: &str, name: &str, mail: &str) -> Change {
        let document = json!({"externalId": id, "userData": {"emailId": mail}});
        Change::User(object(id, name, &document))
    }

    /// Groups have identifiers that begin with `g`.
    pub(crate) fn joined(group: &str, members: &[&str]) -> Change {
        let member = |id: &&str| Member {
            id: (*id).into(),
            kind: match id.starts_with('g') {
                true => MemberKind::Group,
                false => MemberKind::User,
            },
        };
        Change::MembersAdded {
            group: group.into(),
            members: members.iter().map(member).collect(),
        }
    }

    pub(crate) fn left(group: &str, members: &[&str]) -> Change {
        Change::MembersRemoved {
            group: group.into(),
            members: members.iter().map(|id| (*id).into()).collect(),
        }
    }

    impl Host {
        /// Has an incremental run of a connector bring changes.
        pub(crate) async fn bring(&self, connector: Uuid, changes: Vec<Change>) -> RunKey {
            self.bring_by(Mode::Incremental, connector, changes).await
        }

        /// Has a run of a connector bring changes.
        pub(crate) async fn bring_by(
            &self,
            mode: Mode,
            connector: Uuid,
            changes: Vec<Change>,
        ) -> RunKey {
            let directory = &self.stage.plane.directory;
            let new = NewRun {
                connector: directory.connector(&connector.to_string()).await.unwrap(),
                mode,
                reason: String::new(),
                plugin: "entra@1.0.0".into(),
                fingerprint: String::new(),
                groups_path: Some("groupInfo".into()),
            };
            let run = directory.begin(new).await.unwrap().key;
            let partition = Partition {
                key: "p".into(),
                stage: 0,
                title: String::new(),
                state: String::new(),
            };
            directory.planned(run, &[partition], false).await.unwrap();
            let page = PageCommit {
                partition: "p".into(),
                changes,
                checkpoint: None,
                partitions: Vec::new(),
                cursor: Vec::new(),
            };
            directory.commit(run, page).await.unwrap();
            let finish = Finish {
                state: RunState::Processed,
                remove: true,
                promote_cursor: true,
                report: json!({}),
            };
            directory.finish(run, finish).await.unwrap();
            run
        }
    }
}
