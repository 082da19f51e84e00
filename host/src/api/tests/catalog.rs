//! Connectors, profiles, maps and links over HTTP.

use std::sync::Arc;

use axum::http::header;
use serde_json::{Value, json};

use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};
use crate::catalog::testing::{MadeUp, PLUGIN, rule};
use crate::directory::{Change, Finish, Mode, NewRun, Object, PageCommit, Partition, RunState};

pub(super) struct Desk {
    pub(super) host: Host,
    session: NewSession,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let host = Host::with_types(Arc::<MadeUp>::default()).await;
        let session = host.session_of("ada", Role::Admin).await;
        Self { host, session }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(method, path, body, "*").await
    }

    async fn ask_with(&self, method: &str, path: &str, body: Option<&Value>, tag: &str) -> Answer {
        let mut request = ask(method, &format!("/api/v1{path}")).session(&self.session);
        if !tag.is_empty() {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.host.call(request).await
    }

    /// The path of a new connector.
    pub(super) async fn connector(&self) -> String {
        let made = self.ask("POST", "/connectors", Some(&contoso())).await;
        assert_eq!(made.status, 201, "{}", made.json());
        format!("/connectors/{}", made.json()["id"].as_str().unwrap())
    }
}

fn contoso() -> Value {
    json!({
        "name": "Contoso", "plugin": PLUGIN,
        "settings": {"tenantId": "contoso.example"},
        "secrets": {"clientSecret": {"value": "hunter2"}},
    })
}

fn tag(answer: &Answer) -> &str {
    answer.headers[header::ETAG].to_str().unwrap()
}

fn paths(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().cloned();
    let errors = errors.unwrap_or_default().into_iter();
    errors
        .map(|error| error["path"].as_str().unwrap().to_owned())
        .collect()
}

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
    desk.host.stage.plane.tasks.close();
    desk.host.stage.plane.tasks.wait().await;
    let leftovers = desk.host.stage.plane.catalog.leftovers().await.unwrap();
    assert!(leftovers.is_empty());
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

/// Has a run of the connector bring a group and a user.
async fn bring(desk: &Desk, connector: &str) {
    let directory = &desk.host.stage.plane.directory;
    let name = connector.rsplit('/').next().unwrap();
    let key = directory.connector(name).await.unwrap();
    let run = directory
        .begin(NewRun {
            connector: key,
            mode: Mode::Snapshot,
            reason: "a test".into(),
            plugin: "entra@1.0.0".into(),
            fingerprint: "f".into(),
            groups_path: Some("groupInfo".into()),
        })
        .await
        .unwrap();
    let partition = Partition {
        key: "p".into(),
        stage: 0,
        title: String::new(),
        state: String::new(),
    };
    directory
        .planned(run.key, &[partition], false)
        .await
        .unwrap();
    let object = |id: &str, name: &str, document: Value| Object {
        id: id.into(),
        name: name.into(),
        document: document.to_string(),
    };
    let user = json!({"externalId": "u1", "userData": {"emailId": "ada@contoso.example"}});
    let page = PageCommit {
        partition: "p".into(),
        changes: vec![
            Change::Group(object("g1", "Finance", json!({"idpGroup": "g1"}))),
            Change::User(object("u1", "Ada", user)),
        ],
        checkpoint: None,
        partitions: Vec::new(),
        cursor: Vec::new(),
    };
    directory.commit(run.key, page).await.unwrap();
    let finish = Finish {
        state: RunState::Processed,
        remove: true,
        promote_cursor: true,
        report: json!({}),
    };
    directory.finish(run.key, finish).await.unwrap();
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
