use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::access::{Principal, Role};
use crate::audit::{self, Actor, ActorKind, Filter};
use crate::control_plane::testing::{plane, plane_with};

/// The API as somebody with this role has it.
struct Api {
    router: Router,
    plane: Plane,
    _folder: tempfile::TempDir,
}

async fn api() -> Api {
    let (plane, _folder) = plane().await;
    Api {
        router: super::super::router(plane.clone()),
        plane,
        _folder,
    }
}

fn principal(role: Role) -> Principal {
    Principal {
        actor: Actor {
            kind: ActorKind::User,
            id: Some("u1".into()),
            name: "ada".into(),
        },
        role,
        address: Some([192, 0, 2, 1].into()),
    }
}

impl Api {
    async fn send(&self, role: Role, request: Request<Body>) -> (u16, Value) {
        let mut request = request;
        request.extensions_mut().insert(principal(role));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn call(&self, role: Role, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .body(Body::empty())
            .unwrap();
        self.send(role, request).await
    }

    async fn upload(&self, body: &[u8], headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = Request::post("/api/v1/plugins");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        self.send(Role::Admin, request).await
    }

    async fn deeds(&self) -> Vec<String> {
        let lines = audit::read(&self.plane.database, &Filter::default(), 50)
            .await
            .unwrap();
        lines
            .into_iter()
            .map(|line| {
                format!(
                    "{} {} {}",
                    line.actor.name,
                    line.action,
                    line.target.unwrap().id
                )
            })
            .collect()
    }
}

const WASM: (&str, &str) = ("content-type", "application/wasm");

#[tokio::test]
async fn viewers_look_and_admins_change() {
    let api = api().await;
    api.plane.registry.pretend("entra@1.0.0", &["graph"]).await;
    let (status, list) = api.call(Role::Viewer, "GET", "/plugins").await;
    assert_eq!(status, 200);
    assert_eq!(list["items"][0]["id"], "entra@1.0.0");
    assert_eq!(list["items"][0]["standing"]["state"], "waiting");
    assert_eq!(list["items"][0]["standing"]["detail"]["hosts"][0], "graph");
    assert_eq!(list["total"], 1);
    for (method, path) in [
        ("POST", "/plugins"),
        ("POST", "/plugins/entra@1.0.0/approve"),
        ("POST", "/plugins/entra@1.0.0/activate"),
        ("POST", "/plugins/entra/rollback"),
        ("DELETE", "/plugins/entra@1.0.0"),
    ] {
        let (status, problem) = api.call(Role::Operator, method, path).await;
        assert_eq!(
            (status, &problem["code"]),
            (403, &"access.role".into()),
            "{path}"
        );
    }
    assert!(api.deeds().await.is_empty());
}

#[tokio::test]
async fn a_version_can_be_left_and_removed_and_each_step_is_written_down() {
    let api = api().await;
    for id in ["entra@1.0.0", "entra@1.1.0"] {
        api.plane.registry.pretend(id, &[]).await;
        api.plane.registry.pretend_active(id).await;
    }
    let (status, problem) = api
        .call(Role::Admin, "DELETE", "/plugins/entra@1.1.0")
        .await;
    assert_eq!((status, &problem["code"]), (409, &"plugin.in-use".into()));
    let (status, back) = api
        .call(Role::Admin, "POST", "/plugins/entra/rollback")
        .await;
    assert_eq!(
        (status, &back["to"]),
        (200, &"entra@1.0.0".into()),
        "{back}"
    );
    let (status, problem) = api
        .call(Role::Admin, "POST", "/plugins/entra/rollback")
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &"plugin.nothing-before".into())
    );
    let (status, _) = api
        .call(Role::Admin, "DELETE", "/plugins/entra@1.1.0")
        .await;
    assert_eq!(status, 204);
    let (status, _) = api
        .call(Role::Admin, "POST", "/plugins/entra@1.0.0/approve")
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        api.deeds().await,
        [
            "ada plugin.approve entra@1.0.0",
            "ada plugin.remove entra@1.1.0",
            "ada plugin.rollback entra@1.0.0",
        ]
    );
}

#[tokio::test]
async fn what_asks_for_more_than_was_approved_is_not_activated() {
    let api = api().await;
    api.plane.registry.pretend("entra@1.0.0", &["graph"]).await;
    let (status, problem) = api
        .call(Role::Admin, "POST", "/plugins/entra@1.0.0/activate")
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &"plugin.not-approved".into())
    );
    assert!(problem["detail"].as_str().unwrap().contains("hosts graph"));
    assert!(api.deeds().await.is_empty());
}

#[tokio::test]
async fn what_is_not_installed_is_not_found() {
    let api = api().await;
    for (method, path) in [
        ("GET", "/plugins/entra@1.0.0"),
        ("GET", "/plugins/entra"),
        ("POST", "/plugins/entra@1.0.0/approve"),
        ("POST", "/plugins/entra@1.0.0/activate"),
        ("DELETE", "/plugins/entra@1.0.0"),
    ] {
        let (status, problem) = api.call(Role::Admin, method, path).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &"plugin.not-found".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_upload_that_is_no_component_is_refused_with_the_reason() {
    let api = api().await;
    let (status, problem) = api.upload(b"nonsense", &[WASM]).await;
    assert_eq!((status, &problem["code"]), (422, &"plugin.unusable".into()));
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no WebAssembly component")
    );
    let (status, problem) = api.upload(b"nonsense", &[]).await;
    assert_eq!(
        (status, &problem["code"]),
        (415, &"request.media-type".into())
    );
    let bad = ("x-plugin-signature", "not base64!");
    let (status, problem) = api.upload(b"nonsense", &[WASM, bad]).await;
    assert_eq!(
        (status, &problem["code"]),
        (400, &"plugin.signature-form".into())
    );
    let large = vec![0; usize::try_from(MOST_COMPONENT_BYTES).unwrap() + 1];
    let (status, problem) = api.upload(&large, &[WASM]).await;
    assert_eq!(
        (status, &problem["code"]),
        (413, &"request.too-large".into())
    );
}

#[tokio::test]
async fn where_signatures_are_wanted_an_upload_without_a_good_one_never_runs() {
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let (plane, _folder) = plane_with(|config| {
        config.plugins.require_signature = true;
        config.plugins.trusted_keys = vec![keys.pk.to_base64()];
    })
    .await;
    let api = Api {
        router: super::super::router(plane.clone()),
        plane,
        _folder,
    };
    let (status, problem) = api.upload(b"nonsense", &[WASM]).await;
    assert_eq!((status, &problem["code"]), (422, &"plugin.unsigned".into()));
    let sign = |bytes: &'static [u8]| {
        let signed = minisign::sign(None, &keys.sk, bytes, None, None).unwrap();
        STANDARD.encode(signed.into_string())
    };
    let other = sign(b"something else");
    let (status, problem) = api.upload(b"nonsense", &[WASM, (SIGNATURE, &other)]).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &"plugin.signature".into())
    );
    let right = sign(b"nonsense");
    let (_, problem) = api.upload(b"nonsense", &[WASM, (SIGNATURE, &right)]).await;
    assert_eq!(problem["code"], "plugin.unusable", "its signature is good");
}
