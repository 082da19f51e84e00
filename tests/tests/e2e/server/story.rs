//! An administrator's first week, told over the API.

use harness::simulator::{DEMO_CLIENT_SECRET, Kind, Simulator, Truth};
use serde_json::{Value, json};

use super::kit::{Stage, document, exported, text};
use crate::secrets::{assert_clean, spellings};

/// A group of the tenant with some users directly in it, and a group that is in it.
struct Nest {
    outer: String,
    inner: String,
    /// A user who is in the inner one only.
    user: String,
}

fn nest(truth: &Truth) -> Nest {
    let users_of = |group: &str| -> Vec<String> {
        let of = truth.memberships.iter().filter(|m| m.group == group);
        let users = of.filter(|m| m.kind == Kind::User);
        users.map(|m| m.member.clone()).collect()
    };
    let mut nested = truth.memberships.iter().filter(|m| m.kind == Kind::Group);
    let found = nested.find_map(|m| {
        let direct = users_of(&m.group);
        let inner = users_of(&m.member).into_iter();
        let user = inner.into_iter().find(|user| !direct.contains(user))?;
        Some(Nest {
            outer: m.group.clone(),
            inner: m.member.clone(),
            user,
        })
    });
    found.expect("a tenant has nested groups")
}

fn name_of(truth: &Truth, group: &str) -> String {
    text(&truth.groups[group]["displayName"])
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| text(&item["id"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_named_and_nothing_is_kept() {
    let stage = Stage::new().await;
    let mut wrong = document(&stage.simulator, "contoso");
    wrong["settings"]["tenantId"] = json!("not a tenant");
    let refused = stage.api.post("/connectors", &wrong).await.unwrap();
    let problem = refused.expect(422).unwrap();
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let paths: Vec<_> = problem["errors"].as_array().unwrap().iter().collect();
    assert!(
        paths
            .iter()
            .any(|error| error["path"] == "settings.tenantId" && error["remedy"].is_string()),
        "{problem:#}"
    );
    assert!(stage.api.all("/connectors").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_tested_with_a_wrong_and_with_the_right_secret() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    connector.secret(&stage.api, "not~the.secret").await;
    let check = connector.path("/check");
    let tested = stage.api.make(&check, &json!({})).await.unwrap();
    assert_eq!(tested["passed"], false, "{tested:#}");
    assert!(tested.to_string().contains("AADSTS7000215"), "{tested:#}");
    connector.secret(&stage.api, DEMO_CLIENT_SECRET).await;
    let tested = stage.api.make(&check, &json!({})).await.unwrap();
    assert_eq!(tested["passed"], true, "{tested:#}");
    assert!(tested["lines"].as_array().unwrap().len() > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_from_its_beginning_to_its_end() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.simulator.set_latency(60, 0);
    let run = connector.start(&stage.api).await;
    let path = format!("/runs/{run}/events");
    let mut events = stage.api.events(&path, None).await.unwrap();
    let seen = events.rest().await.unwrap();
    assert_eq!(seen[0].name, "state", "{seen:#?}");
    let progress: Vec<_> = seen
        .iter()
        .filter(|event| event.name == "progress")
        .collect();
    assert!(!progress.is_empty(), "{seen:#?}");
    let last = seen.last().unwrap();
    assert_eq!((last.name.as_str(), last.id.as_str()), ("run", "end"));
    assert_eq!(last.data["run"]["state"], "processed");
    let done = |event: &Value| event["progress"]["pages"].as_u64().unwrap();
    let pages: Vec<_> = progress.iter().map(|event| done(&event.data)).collect();
    assert!(pages.is_sorted(), "{pages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_found_by_name_with_who_is_in_it_and_why() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.succeed(&connector).await;
    stage
        .assert_equals_tenant(&connector, "after the first run")
        .await;
    let truth = stage.simulator.truth();
    let Nest { outer, inner, user } = nest(&truth);
    let name = name_of(&truth, &outer);

    let search = async |how: &str, part: &str| {
        let mut path = url::form_urlencoded::Serializer::new(String::new());
        let path = path
            .extend_pairs([("match", how), ("text", part), ("limit", "500")])
            .finish();
        ids(&stage
            .api
            .read(&format!("/directory/groups?{path}"))
            .await
            .unwrap())
    };
    let characters: Vec<char> = name.chars().collect();
    let beginning: String = characters.iter().take(3).collect();
    let middle: String = characters.iter().skip(1).take(5).collect();
    assert!(
        search("prefix", &beginning.to_uppercase())
            .await
            .contains(&outer)
    );
    assert!(search("substring", middle.trim()).await.contains(&outer));
    assert!(search("prefix", "no group is called this").await.is_empty());

    let members = async |how: &str| {
        let path = connector.path(&format!("/groups/{outer}/members{how}"));
        let members = stage.api.all(&path).await.unwrap();
        members.iter().map(|m| text(&m["id"])).collect::<Vec<_>>()
    };
    let direct = members("?limit=500").await;
    assert!(direct.contains(&inner) && !direct.contains(&user));
    assert!(members("?limit=500&effective=true").await.contains(&user));

    let why = connector.path(&format!("/groups/{outer}/members/{user}"));
    let why = stage.api.read(&why).await.unwrap();
    let chain: Vec<_> = why["paths"][0].as_array().unwrap().iter().collect();
    assert_eq!(chain[0]["id"], outer, "{why:#}");
    assert!(chain.len() > 1, "{why:#}");

    let of = connector.path(&format!("/users/{user}/groups?effective=true&limit=500"));
    assert!(ids(&stage.api.read(&of).await.unwrap()).contains(&outer));
    let person = stage
        .api
        .read(&connector.path(&format!("/users/{user}")))
        .await;
    let person = person.unwrap();
    let mail = &person["document"]["userData"]["userDetails"]["emailId"];
    assert_eq!(*mail, truth.users[&user]["mail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incremental_run_brings_what_changed_and_tells_who_joined_and_left() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.succeed(&connector).await;
    stage.simulator.churn(5, 40);
    let run = stage.succeed(&connector).await;
    assert_eq!(run["mode"], "incremental", "{run:#}");
    stage
        .assert_equals_tenant(&connector, "after changes")
        .await;
    let counted = |what: &str| run["memberships"][what].as_u64().unwrap();
    assert!(counted("added") + counted("removed") > 0, "{run:#}");
    let changes = stage
        .api
        .all(&connector.path("/changes?limit=500"))
        .await
        .unwrap();
    assert!(!changes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_transform_map_and_a_group_link_show_in_the_documents_after_the_next_run() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    let profile = connector.path(&format!("/profiles/{}", connector.profile));
    stage.succeed(&connector).await;

    // A copy of the map in use, in which titles are shouted.
    let used = stage.api.read(&profile).await.unwrap();
    let clone = format!("/transform-maps/{}/clone", text(&used["map"]["id"]));
    let own = stage
        .api
        .make(&clone, &json!({ "name": "loud" }))
        .await
        .unwrap();
    let mut rules = own["rules"].clone();
    let title = rules.as_array_mut().unwrap().iter_mut();
    let mut title = title.filter(|r| r["target"] == "userData.userDetails.title");
    title.next().unwrap()["functions"] = json!(["upper"]);
    let map = format!("/transform-maps/{}", text(&own["id"]));
    let changed = json!({ "rules": rules, "comment": "louder" });
    stage
        .api
        .patch(&map, &changed)
        .await
        .unwrap()
        .success()
        .unwrap();
    let use_it = json!({ "map": own["id"] });
    stage
        .api
        .patch(&profile, &use_it)
        .await
        .unwrap()
        .success()
        .unwrap();
    let run = stage.succeed(&connector).await;
    assert_eq!(run["mode"], "snapshot", "{run:#}");
    let titles: Vec<_> = exported(&stage.api, &connector.id, "users").await;
    let titles = titles
        .iter()
        .filter_map(|user| user["document"]["userData"]["userDetails"]["title"].as_str());
    let titles: Vec<&str> = titles.collect();
    assert!(!titles.is_empty());
    assert!(titles.iter().all(|title| title.to_uppercase() == **title));

    // A group of the source that feeds one of the platform's.
    let platform = "0b5c7a52-9f0e-4a64-8f0c-2f6f6b6f3c11";
    let group = stage.simulator.truth().memberships;
    let group = group.iter().find(|m| m.kind == Kind::User).unwrap();
    let link = connector.path(&format!("/group-links/{}", group.group));
    let fed = json!({ "platformGroups": [platform] });
    stage.api.put(&link, &fed).await.unwrap().success().unwrap();
    stage.succeed(&connector).await;
    let documents = exported(&stage.api, &connector.id, "documents").await;
    let carrying = |document: &&Value| document.to_string().contains(platform);
    let carrying: Vec<_> = documents.iter().filter(carrying).collect();
    let found = carrying
        .iter()
        .any(|document| document["identityProviderId"] == group.member.as_str());
    assert!(found, "{} documents carry it", carrying.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_arrives_whole_compressed_or_not() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.succeed(&connector).await;
    for what in ["users", "groups", "memberships", "documents"] {
        let path = format!("/api/v1{}", connector.path(&format!("/export?what={what}")));
        let mut bodies = Vec::new();
        for encoding in ["identity", "gzip"] {
            let accept = [("accept-encoding", encoding)];
            let answer = stage.api.call(http::Method::GET, &path, &accept, None);
            let answer = answer.await.unwrap();
            // The client unpacks only what it asked for by itself.
            bodies.push(match answer.header("content-encoding") {
                "gzip" => unpacked(&answer.body),
                _ => answer.body,
            });
        }
        assert!(bodies[0].len() > 1_000);
        assert!(bodies[0] == bodies[1], "{what} differ");
    }
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body);
    std::io::Read::read_to_end(&mut decoder, &mut all).unwrap();
    all
}

/// What nobody but the vault and the host's memory may hold.
fn secrets(simulator: &Simulator) -> Vec<Vec<u8>> {
    let mut secrets = simulator.access_tokens();
    assert!(!secrets.is_empty(), "there were tokens");
    secrets.push(DEMO_CLIENT_SECRET.to_owned());
    spellings(&secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_and_tokens_are_in_no_answer_no_log_and_no_file() {
    let everything = |setup: harness::server::Setup| setup.set("log.filter", "trace");
    let mut stage = Stage::with(crate::lab::small(), everything).await;
    let connector = stage.connector("contoso").await;
    stage
        .api
        .make(&connector.path("/check"), &json!({}))
        .await
        .unwrap();
    stage.succeed(&connector).await;
    for path in [
        connector.path(""),
        connector.path("/overview"),
        connector.path("/transitions"),
        "/audit?limit=500".into(),
        "/runs".into(),
        "/connector-types".into(),
    ] {
        stage.api.read(&path).await.unwrap();
    }
    let shown = stage.api.read(&connector.path("")).await.unwrap();
    assert_eq!(shown["secrets"][0]["name"], "clientSecret", "{shown:#}");
    let needles = secrets(&stage.simulator);
    let read = |stage: &Stage| {
        let mut read = 0;
        crate::secrets::files(&stage.server.data(), &mut |path, bytes| {
            read += 1;
            assert_clean(&needles, bytes, &path.display().to_string());
        });
        assert!(read > 3, "the databases were there");
    };
    read(&stage);
    stage.server.stop().await.unwrap();
    read(&stage);
    let (log, answers) = (stage.server.log().bytes(), stage.server.answers().bytes());
    assert!(log.len() > 100_000, "the log was on: {} bytes", log.len());
    assert_clean(&needles, &log, "the log");
    assert_clean(&needles, &answers, "an answer");
    stage.start_again().await;
    assert_eq!(stage.succeed(&connector).await["mode"], "incremental");
}
