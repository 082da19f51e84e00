//! Injected faults, and the admin surface that injects them.

use serde_json::json;

use super::*;

async fn with(action: FaultAction) -> Api {
    let api = Api::small().await;
    api.simulator
        .inject(FaultRule::new("/users", action).times(1))
        .unwrap();
    api
}

#[tokio::test]
async fn answers_are_replaced_once_and_then_are_real_again() {
    for (action, status) in [
        (FaultAction::Throttle { retry_after: None }, 429),
        (
            FaultAction::Unavailable {
                retry_after: Some("1.5".into()),
            },
            503,
        ),
        (FaultAction::Unauthenticated, 401),
        (FaultAction::ExpiredPageToken, 400),
        (FaultAction::PageTokenNotFound, 400),
        (
            FaultAction::Redirect {
                origin: "http://other.example".into(),
            },
            302,
        ),
        (
            FaultAction::Status {
                status: 500,
                code: Some("generalException".into()),
                body: None,
                headers: vec![],
            },
            500,
        ),
        (
            FaultAction::Status {
                status: 410,
                code: None,
                body: None,
                headers: vec![("X-Any".into(), "1".into())],
            },
            410,
        ),
    ] {
        let api = with(action).await;
        let hit = api.get("/users?$top=1").await;
        assert_eq!(hit.status, status);
        match status {
            503 => assert_eq!(hit.header("retry-after"), Some("1.5")),
            429 => assert_eq!(hit.header("retry-after"), None),
            302 => assert_eq!(
                hit.header("location"),
                Some("http://other.example/v1.0/users?$top=1")
            ),
            500 => assert_eq!(hit.code(), "generalException"),
            410 => assert_eq!((hit.header("x-any"), hit.body.len()), (Some("1"), 0)),
            _ => {}
        }
        assert_eq!(api.get("/users?$top=1").await.status, 200);
        assert_eq!(api.simulator.stats().faults, 1);
    }
}

#[tokio::test]
async fn connections_are_reset_closed_and_cut_off() {
    for action in [FaultAction::Reset, FaultAction::Close, FaultAction::CutOff] {
        let api = with(action.clone()).await;
        assert!(api.try_get("/users", &[]).await.is_err(), "{action:?}");
        assert_eq!(
            api.get("/users").await.status,
            200,
            "the next one is served"
        );
    }
    let api = with(FaultAction::StallMidway).await;
    let stalled = tokio::time::timeout(
        std::time::Duration::from_millis(200),
        api.try_get("/users", &[]),
    )
    .await;
    assert!(stalled.is_err(), "nothing more arrives");
}

#[tokio::test]
async fn objects_are_missing_from_a_page_that_looks_good() {
    let real = Api::small().await.get("/users?$top=5").await.json();
    let real = real["value"].as_array().unwrap();
    for (every, left) in [
        (1, vec![]),
        (2, vec![1, 3]),
        (3, vec![1, 2, 4]),
        (9, vec![1, 2, 3, 4]),
    ] {
        let api = with(FaultAction::MissingObjects { every }).await;
        let page = api.get("/users?$top=5").await.json();
        let left: Vec<&Value> = left.into_iter().map(|place: usize| &real[place]).collect();
        assert_eq!(page["value"], json!(left), "every {every}");
        assert!(page["@odata.nextLink"].is_string());
    }
}

#[tokio::test]
async fn pages_are_spoilt_in_every_way_that_a_client_must_notice() {
    let real = Api::small().await.get("/users?$top=2").await.json();
    assert!(real["@odata.nextLink"].is_string());
    for action in [
        FaultAction::EmptyValue,
        FaultAction::MissingValue,
        FaultAction::ValueNotList,
        FaultAction::BothLinks,
        FaultAction::NoLinks,
        FaultAction::LoopingLink,
        FaultAction::ForeignLink {
            origin: "https://evil.example".into(),
        },
    ] {
        let api = with(action.clone()).await;
        let page = api.get("/users?$top=2").await.json();
        let next = page["@odata.nextLink"].as_str().unwrap_or_default();
        assert!(
            match action {
                FaultAction::EmptyValue => page["value"] == json!([]) && !next.is_empty(),
                FaultAction::MissingValue => page.get("value").is_none(),
                FaultAction::ValueNotList => page["value"].is_object(),
                FaultAction::BothLinks => page["@odata.deltaLink"].is_string() && !next.is_empty(),
                FaultAction::NoLinks => next.is_empty(),
                FaultAction::LoopingLink => next.ends_with("/v1.0/users?$top=2"),
                _ => next.starts_with("https://evil.example/v1.0/users"),
            },
            "{page}"
        );
    }
    let cut = with(FaultAction::TruncatedJson).await.get("/users").await;
    assert!(cut.status == 200 && serde_json::from_slice::<Value>(&cut.body).is_err());
    let html = with(FaultAction::NotJson).await.get("/users").await;
    assert!(
        html.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn rules_skip_count_and_reach_into_batches() {
    let api = Api::small().await;
    let action = FaultAction::Throttle {
        retry_after: Some("3".into()),
    };
    api.simulator
        .inject(
            FaultRule::new("/groups/[^/]+/members", action)
                .skip(1)
                .times(2),
        )
        .unwrap();
    let group = group_where(&api.simulator.truth(), |_, _| true);
    let requests: Vec<Value> =
        (0..5).map(|id| json!({"id": id.to_string(), "method": "GET", "url": format!("/groups/{group}/members?$select=id")})).collect();
    let answer = api
        .post("/v1.0/$batch", json!({"requests": requests}))
        .await
        .json();
    let throttled: Vec<&Value> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["status"] == 429)
        .collect();
    assert_eq!(throttled.len(), 2);
    assert_eq!(throttled[0]["headers"]["Retry-After"], "3");
    assert!(
        api.simulator
            .inject(FaultRule::new("(", FaultAction::Reset))
            .is_err()
    );
}

#[tokio::test]
async fn the_admin_surface_steers_everything_that_the_library_does() {
    let api = Api::small().await;
    let posted = |path: &'static str, body: Value| api.post(path, body);
    let rule = json!({"path": "/users", "times": 1, "action": {"kind": "status", "status": 500}});
    assert_eq!(
        posted("/admin/faults", rule).await.json()[0]["rule"]["times"],
        1
    );
    assert_eq!(api.get("/users").await.status, 500);
    assert_eq!(
        posted("/admin/quota", json!({"quota": "s"})).await.json()["units"],
        3_500
    );
    assert_eq!(
        posted("/admin/quota", json!({"quota": 7})).await.json()["units"],
        7
    );
    assert_eq!(
        posted("/admin/quota", json!({"quota": "nonsense"}))
            .await
            .status,
        400
    );
    posted("/admin/quota", json!({"quota": "off"})).await;
    assert_eq!(
        posted("/admin/churn", json!({"seed": 1, "changes": 20}))
            .await
            .status,
        200
    );
    let made = posted(
        "/admin/mutate",
        json!({"op": "create", "kind": "user", "properties": {"displayName": "Zed"}}),
    )
    .await
    .json();
    let id = made["ids"][0].as_str().unwrap().to_owned();
    assert_eq!(
        api.get(&format!("/users/{id}")).await.json()["displayName"],
        "Zed"
    );
    let wrong = json!([{"op": "update", "id": id, "properties": {"nope": 1}}]);
    assert_eq!(posted("/admin/mutate", wrong).await.status, 400);
    let behaviour = posted(
        "/admin/behaviour",
        json!({"nastiness": 0.5, "hiddenMembers": "forbidden"}),
    )
    .await
    .json();
    assert_eq!(behaviour["nastiness"], 0.5);
    assert_eq!(
        posted("/admin/behaviour", json!({"nope": 1})).await.status,
        400
    );
    posted("/admin/permissions", json!({"revoke": ["User.Read.All"]})).await;
    assert_eq!(api.get("/users").await.status, 403);
    posted("/admin/stats/reset", json!({})).await;
    let base = api.simulator.base_url();
    let stats = api.get(&format!("{base}/admin/stats")).await.json();
    assert_eq!(stats["requests"], 0, "admin calls are not counted");
    assert_eq!(api.get(&format!("{base}/admin/nothing")).await.status, 404);

    let truth = api.simulator.truth();
    let exported = api.get(&format!("{base}/admin/truth")).await.json();
    assert_eq!(
        exported["users"].as_array().unwrap().len(),
        truth.users.len()
    );
    assert_eq!(
        exported["groups"].as_array().unwrap().len(),
        truth.groups.len()
    );
    let edges: std::collections::BTreeSet<Membership> =
        serde_json::from_value(exported["memberships"].clone()).unwrap();
    assert_eq!(edges, truth.memberships);
    let lines = api
        .get(&format!("{base}/admin/truth?what=memberships"))
        .await;
    assert_eq!(
        lines.body.iter().filter(|byte| **byte == b'\n').count(),
        edges.len()
    );
}

#[tokio::test]
async fn a_link_leads_back_to_the_first_page() {
    let api = Api::small().await;
    let first = api.get("/users?$top=2").await.json();
    let rule = FaultRule::new("/users.*skiptoken", FaultAction::LoopToStart);
    api.simulator.inject(rule).unwrap();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let path = next.split_once("/v1.0").unwrap().1;
    let second = api.get(path).await.json();
    let back = second["@odata.nextLink"].as_str().unwrap();
    assert!(!back.contains("skiptoken"), "{back}");
    let path = back.split_once("/v1.0").unwrap().1;
    assert_eq!(api.get(path).await.json()["value"], first["value"]);
}
