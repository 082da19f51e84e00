//! The API of runs and events.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::access::{Principal, Role};
use crate::audit::Actor;
use crate::clock::SystemClock;
use crate::control_plane::{ControlPlane, testing};
use crate::directory::RunState;
use crate::work::{RunPolicy, RunStatus};

/// The API over a stage's work.
struct Api {
    stage: Stage,
    router: Router,
    _folder: tempfile::TempDir,
}

impl Api {
    async fn new() -> Self {
        Self::with(RunPolicy::default()).await
    }

    async fn with(policy: RunPolicy) -> Self {
        let stage = Stage::with(policy).await;
        let folder = tempfile::tempdir().unwrap();
        let config = testing::config(folder.path());
        let mut plane = ControlPlane::open(config, Arc::new(SystemClock))
            .await
            .unwrap();
        plane.work = Arc::clone(stage.work());
        Self {
            stage,
            router: crate::api::router(Arc::new(plane)),
            _folder: folder,
        }
    }

    async fn send(&self, role: Role, mut request: Request<Body>) -> axum::response::Response {
        request.extensions_mut().insert(Principal {
            actor: Actor::system(),
            role,
            address: None,
        });
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(
        &self,
        role: Role,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let response = self.send(role, request.body(body).unwrap()).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(Role::Viewer, "GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(Role::Operator, "POST", path, Some(body)).await
    }

    /// Events of a stream, `name` and `data`, as they come.
    async fn watch(&self, path: &str, last: Option<&str>) -> Result<Watch, StatusCode> {
        let mut request = Request::builder().uri(format!("/api/v1{path}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self
            .send(Role::Viewer, request.body(Body::empty()).unwrap())
            .await;
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        let stream = eventsource_stream::EventStream::new(response.into_body().into_data_stream());
        Ok(Watch(stream.boxed()))
    }
}

struct Watch(
    futures::stream::BoxStream<
        'static,
        Result<eventsource_stream::Event, eventsource_stream::EventStreamError<axum::Error>>,
    >,
);

impl Watch {
    /// The next event, with its name, identifier and data; nothing at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next());
        let event = next.await.unwrap()?.unwrap();
        let data = serde_json::from_str(&event.data).unwrap();
        Some((event.event, event.id, data))
    }
}

#[tokio::test]
async fn a_run_is_started_looked_at_and_found_in_the_list() {
    let api = Api::new().await;
    let connector = api.stage.connector().await;
    let path = format!("/connectors/{connector}/runs");
    let (status, run) = api.post(&path, json!({"mode": "snapshot"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    assert_eq!(run["trigger"], json!({"kind": "manual"}));
    let id: Uuid = run["id"].as_str().unwrap().parse().unwrap();
    api.stage.reaches(id, RunStatus::Processed).await;
    let (_, run) = api.get(&format!("/runs/{id}")).await;
    assert_eq!(run["state"], "processed");
    assert_eq!(run["mode"], "snapshot");
    assert_eq!(run["report"]["durationMs"], 7);

    api.post(&path, json!({})).await;
    api.stage.ends(connector, 2).await;
    let (_, page) = api
        .get(&format!(
            "/runs?connector={connector}&state=processed&limit=1"
        ))
        .await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let next = page["next"].as_str().unwrap();
    let (_, page) = api.get(&format!("/runs?limit=1&cursor={next}")).await;
    assert_eq!(page["items"][0]["id"], id.to_string());
    assert!(page.get("next").is_none());
    let (_, steps) = api
        .get(&format!("/connectors/{connector}/transitions"))
        .await;
    assert_eq!(steps["items"][0]["to"], "processed");
    let (_, facts) = api.get(&format!("/connectors/{connector}/overview")).await;
    assert_eq!(facts["runs"]["processed"], 2);
    assert_eq!(facts["token"]["old"], false);
    assert_eq!(facts["holdings"]["memberships"], 0, "nothing was stored");
    let (_, runs) = api.get(&format!("/runs?connector={connector}")).await;
    assert_eq!(runs["items"][0]["holdings"]["users"], 3);
}

#[tokio::test]
async fn what_can_not_be_done_is_a_problem_with_a_code() {
    let api = Api::new().await;
    let connector = api.stage.connector().await;
    api.stage.will([Act::Wait]);
    let runs = format!("/connectors/{connector}/runs");
    let (_, run) = api.post(&runs, json!({})).await;
    let id = run["id"].as_str().unwrap().to_owned();
    let nobody = Uuid::now_v7();
    let decision = json!({"verdict": "allow", "reason": "why not"});
    for (path, body, status, code) in [
        (runs.clone(), json!({}), 409, "run.open"),
        (
            format!("/connectors/{nobody}/runs"),
            json!({}),
            404,
            "connector.not-found",
        ),
        (
            runs.clone(),
            json!({"profile": nobody}),
            404,
            "profile.not-found",
        ),
        (
            runs.clone(),
            json!({"mode": "full"}),
            422,
            "request.invalid",
        ),
        (
            runs.clone(),
            json!({"moed": "auto"}),
            422,
            "request.invalid",
        ),
        (
            format!("/runs/{nobody}/cancel"),
            json!({}),
            404,
            "run.not-found",
        ),
        (
            format!("/runs/{id}/decision"),
            decision.clone(),
            409,
            "run.not-held",
        ),
        (
            format!("/runs/{id}/decision"),
            json!({"verdict": "allow", "reason": " "}),
            422,
            "request.invalid",
        ),
        (
            format!("/runs/{nobody}/decision"),
            decision,
            404,
            "run.not-found",
        ),
    ] {
        let (found, problem) = api.post(&path, body.clone()).await;
        assert_eq!(found.as_u16(), status, "{path} {body}: {problem}");
        assert_eq!(problem["code"], code, "{path} {body}");
    }
    let (_, problem) = api.post(&runs, json!({})).await;
    assert!(
        problem["detail"].as_str().unwrap().contains(&id),
        "it names the open run"
    );
    for path in [
        "/runs/nonsense".to_owned(),
        "/runs?limit=0".into(),
        "/runs?state=lost".into(),
        "/runs?cursor=%00".into(),
        "/runs?since=yesterday".into(),
        format!("/connectors/{nobody}/transitions"),
        format!("/connectors/{nobody}/overview"),
        format!("/runs/{nobody}/events"),
        "/events?connector=x".into(),
    ] {
        let (status, problem) = api.get(&path).await;
        assert!(status.is_client_error(), "{path}: {status}");
        assert!(problem["code"].is_string(), "{path}: {problem}");
    }
    let (status, _) = api
        .ask(Role::Operator, "POST", &format!("/runs/{id}/cancel"), None)
        .await;
    assert_eq!(status, StatusCode::OK);
    api.stage
        .reaches(id.parse().unwrap(), RunStatus::Cancelled)
        .await;
    let (status, problem) = api.post(&format!("/runs/{id}/cancel"), json!({})).await;
    assert_eq!(
        (status.as_u16(), &problem["code"]),
        (409, &json!("run.ended"))
    );
}

#[tokio::test]
async fn only_operators_run_cancel_and_decide() {
    let api = Api::new().await;
    let id = Uuid::now_v7();
    for path in [
        format!("/connectors/{id}/runs"),
        format!("/runs/{id}/cancel"),
        format!("/runs/{id}/decision"),
    ] {
        let (status, _) = api.ask(Role::Viewer, "POST", &path, Some(json!({}))).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_held_run_is_decided_about() {
    let api = Api::new().await;
    let connector = api.stage.connector().await;
    api.stage.will([Act::End(RunState::Held)]);
    let run = api.stage.run_now(connector).await.unwrap();
    api.stage.reaches(run.id, RunStatus::Held).await;
    let (status, run) = api
        .post(
            &format!("/runs/{}/decision", run.id),
            json!({"verdict": "reject", "reason": "a mistake at the source"}),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{run}");
    assert_eq!(run["state"], "rejected");
    assert_eq!(run["decision"]["verdict"], "reject");
}

#[tokio::test]
async fn a_runs_own_stream_begins_with_its_state_and_ends_with_it() {
    let api = Api::new().await;
    let connector = api.stage.connector().await;
    api.stage.will([Act::Wait]);
    let run = api.stage.run_now(connector).await.unwrap();
    api.stage.begins(run.id, 1).await;
    let path = format!("/runs/{}/events", run.id);
    let mut watch = api.watch(&path, None).await.unwrap();
    let (name, _, state) = watch.next().await.unwrap();
    assert_eq!(name, "state");
    assert_eq!(state["runs"][0]["id"], run.id.to_string());
    assert_eq!(state["connectors"][0]["standing"]["state"], "processing");
    assert_eq!(state["progress"][0]["run"], run.id.to_string());
    // Another connector's events are none of this stream's.
    let other = api.stage.connector().await;
    api.stage.run_now(other).await.unwrap();
    api.stage.ends(other, 1).await;
    api.stage.open_gate(1);
    let mut last = (String::new(), String::new(), Value::Null);
    while let Some(event) = watch.next().await {
        let about = match event.0.as_str() {
            "run" => &event.2["run"]["id"],
            "progress" => &event.2["progress"]["run"],
            other => panic!("{other}"),
        };
        assert_eq!(*about, run.id.to_string());
        last = event;
    }
    assert_eq!((last.0.as_str(), last.1.as_str()), ("run", "end"));
    assert_eq!(last.2["run"]["state"], "processed");

    // Who has seen the end is told not to come again; who hasn't gets it.
    let again = api.watch(&path, Some("end")).await;
    assert_eq!(again.err(), Some(StatusCode::NO_CONTENT));
    let mut late = api.watch(&path, Some("3")).await.unwrap();
    let (name, id, state) = late.next().await.unwrap();
    assert_eq!((name.as_str(), id.as_str()), ("state", "end"));
    assert_eq!(state["runs"][0]["state"], "processed");
    assert!(late.next().await.is_none());
}

#[tokio::test]
async fn everybodys_stream_tells_of_every_connector_or_of_one() {
    let api = Api::new().await;
    let (one, other) = (api.stage.connector().await, api.stage.connector().await);
    let mut all = api.watch("/events", None).await.unwrap();
    let mut narrow = api
        .watch(&format!("/events?connector={one}"), None)
        .await
        .unwrap();
    let (_, _, state) = all.next().await.unwrap();
    assert_eq!(state["connectors"].as_array().unwrap().len(), 2);
    let (_, _, state) = narrow.next().await.unwrap();
    assert_eq!(state["connectors"].as_array().unwrap().len(), 1);
    api.stage.run_now(other).await.unwrap();
    api.stage.ends(other, 1).await;
    api.stage.run_now(one).await.unwrap();
    api.stage.ends(one, 1).await;
    let (_, _, event) = narrow.next().await.unwrap();
    assert_eq!(event["run"]["connector"], one.to_string());
    let mut ids = Vec::new();
    loop {
        let (name, id, event) = all.next().await.unwrap();
        ids.push(id.parse::<u64>().unwrap());
        if name == "connector"
            && event["connector"] == one.to_string()
            && event["standing"]["state"] == "processed"
        {
            break;
        }
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[tokio::test]
async fn streams_are_bounded_and_end_with_the_server() {
    let mut api = Api::with(RunPolicy {
        watchers: 2,
        ..RunPolicy::default()
    })
    .await;
    let mut first = api.watch("/events", None).await.unwrap();
    let mut second = api.watch("/events", None).await.unwrap();
    let third = api.watch("/events", None).await;
    assert_eq!(third.err(), Some(StatusCode::TOO_MANY_REQUESTS));
    first.next().await.unwrap();
    drop(first);
    let mut third = api.watch("/events", None).await.unwrap();
    for watch in [&mut second, &mut third] {
        watch.next().await.unwrap();
    }
    api.stage.shut_down(Duration::from_secs(10)).await;
    assert!(second.next().await.is_none());
    assert!(third.next().await.is_none());
}

#[tokio::test]
async fn a_reader_that_was_too_slow_goes_on_with_the_present_state() {
    let api = Api::new().await;
    let mut watch = api.watch("/events", None).await.unwrap();
    watch.next().await.unwrap();
    let core = &api.stage.work().core;
    for revision in 0..10_000 {
        let what = crate::work::What::Catalogue { revision };
        core.events.tell(jiff::Timestamp::UNIX_EPOCH, what);
    }
    let (name, id, _) = watch.next().await.unwrap();
    assert_eq!(name, "state");
    assert_eq!(id.parse::<u64>().unwrap(), core.events.last());
}
