//! Finding groups and users over HTTP.

use axum::http::header;
use serde_json::{Value, json};
use uuid::Uuid;

use super::catalog::Desk;
use crate::api::testing::brought::{group, group_of, joined, user};

/// Three groups that came by two runs, and three users.
async fn contoso() -> (Desk, Uuid) {
    let desk = Desk::new().await;
    let path = desk.connector().await;
    let connector = path.rsplit('/').next().unwrap().parse().unwrap();
    let first = vec![
        group("g1", "Finance"),
        group("g2", "Alle Zürich"),
        user("a", "Ada"),
        user("b", "Bob"),
        user("c", "Cid"),
        joined("g2", &["a", "b", "c"]),
        joined("g1", &["a"]),
    ];
    desk.host.bring(connector, first).await;
    let second = vec![
        group("g3", "EMEA"),
        user("a", "Ada L."),
        joined("g3", &["a", "b"]),
    ];
    desk.host.bring(connector, second).await;
    let fed = json!({"platformGroups": ["11111111-1111-1111-1111-111111111111"]});
    let set = desk
        .ask("PUT", &format!("{path}/group-links/g1"), Some(&fed))
        .await;
    assert_eq!(set.status, 200);
    (desk, connector)
}

async fn found(desk: &Desk, query: &str) -> Vec<String> {
    let answer = desk.ask("GET", &format!("/directory/{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let items = answer.json()["items"].as_array().cloned().unwrap();
    let ids = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned());
    ids.collect()
}

#[tokio::test]
async fn groups_come_in_the_order_that_is_asked_for() {
    let (desk, _) = contoso().await;
    for (query, expected) in [
        ("", ["g2", "g3", "g1"]),
        ("?order=desc", ["g1", "g3", "g2"]),
        ("?sort=members", ["g1", "g3", "g2"]),
        ("?sort=members&order=desc", ["g2", "g3", "g1"]),
        ("?sort=since&order=desc", ["g3", "g2", "g1"]),
        ("?sort=changed", ["g1", "g2", "g3"]),
    ] {
        assert_eq!(
            found(&desk, &format!("groups{query}")).await,
            expected,
            "{query}"
        );
    }
    assert_eq!(
        found(&desk, "users?sort=changed&order=desc").await,
        ["a", "c", "b"]
    );
    let refused = desk.ask("GET", "/directory/users?sort=members", None).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn groups_are_found_by_what_they_feed() {
    let (desk, _) = contoso().await;
    for (query, expected) in [
        ("any", &["g1"][..]),
        ("none", &["g2", "g3"]),
        ("11111111-1111-1111-1111-111111111111", &["g1"]),
        ("22222222-2222-2222-2222-222222222222", &[]),
    ] {
        assert_eq!(
            found(&desk, &format!("groups?link={query}")).await,
            expected
        );
    }
    let refused = desk.ask("GET", "/directory/groups?link=some", None).await;
    assert_eq!(refused.code(), "request.link");
    let all = desk.ask("GET", "/directory/groups?link=none", None).await;
    assert_eq!(all.json()["total"], 2);
    let item = &desk
        .ask("GET", "/directory/groups?link=any", None)
        .await
        .json()["items"][0];
    assert_eq!(
        item["platformGroups"][0],
        "11111111-1111-1111-1111-111111111111"
    );
    assert!(item["changed"]["at"].is_string(), "{item}");
}

#[tokio::test]
async fn groups_are_found_sorted_and_told_by_their_kind() {
    let desk = Desk::new().await;
    let path = desk.connector().await;
    let connector: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    let changes = vec![
        group_of("team", "g1", "Finance"),
        group_of("list", "g2", "EMEA"),
        group("g3", "Sales"),
        group_of("team", "g4", "Board"),
        user("a", "Ada"),
        user("b", "Grace"),
        joined("g1", &["a", "b"]),
        joined("g2", &["b"]),
    ];
    desk.host.bring(connector, changes).await;
    for (query, expected) in [
        ("groups?groupKind=team", &["g4", "g1"][..]),
        ("groups?groupKind=list", &["g2"]),
        ("groups?groupKind=list,team&text=f", &["g1"]),
        ("groups?groupKind=none-such", &[]),
        ("groups?sort=kind", &["g3", "g2", "g1", "g4"]),
        ("groups?sort=kind&order=desc", &["g4", "g1", "g2", "g3"]),
        ("users?sort=groups&order=desc", &["b", "a"]),
    ] {
        assert_eq!(found(&desk, query).await, expected, "{query}");
    }
    let listed = desk
        .ask("GET", "/directory/groups?groupKind=team", None)
        .await;
    let listed = listed.json();
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["items"][0]["groupKind"], "team");
    let one = desk.ask("GET", &format!("/connectors/{connector}/groups/g2"), None);
    assert_eq!(one.await.json()["groupKind"], "list");
    let path = "/directory/groups/export?format=ndjson&groupKind=list";
    let file = desk.ask("GET", path, None).await;
    assert!(file.text().contains(r#""groupKind":"list""#));
    assert_eq!(file.text().lines().count(), 1);
    // Another kind alone is a change.
    desk.host
        .bring(connector, vec![group_of("list", "g1", "Finance")])
        .await;
    assert_eq!(found(&desk, "groups?groupKind=list").await, ["g2", "g1"]);
    let everything = format!("/connectors/{connector}/export?what=groups");
    let everything = desk.ask("GET", &everything, None).await;
    assert!(
        everything
            .text()
            .contains(r#""name":"Finance","groupKind":"list""#)
    );
}

#[tokio::test]
async fn changes_of_a_run_are_counted_by_what_and_by_name() {
    let (desk, connector) = contoso().await;
    let path = format!("/connectors/{connector}/changes");
    let all = desk.ask("GET", &path, None).await.json();
    let items = all["items"].as_array().unwrap().len();
    assert_eq!(all["total"].as_u64(), Some(items as u64));
    let joined = desk
        .ask("GET", &format!("{path}?what=joined&limit=1"), None)
        .await;
    let left = desk
        .ask("GET", &format!("{path}?what=left&limit=1"), None)
        .await;
    let total = |answer: Value| answer["total"].as_u64().unwrap();
    assert_eq!(total(joined.json()) + total(left.json()), items as u64);
    let named = desk
        .ask("GET", &format!("{path}?text=emea&limit=1"), None)
        .await
        .json();
    let of_all = all["items"].as_array().unwrap().iter().filter(|change| {
        ["group", "member"]
            .iter()
            .any(|side| change[side]["name"] == "EMEA")
    });
    assert_eq!(named["total"].as_u64(), Some(of_all.count() as u64));
}

#[tokio::test]
async fn pages_of_every_order_have_each_group_once() {
    let desk = Desk::new().await;
    let path = desk.connector().await;
    let connector: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    for n in 0..12 {
        // Many are equal in what they are sorted by.
        let id = format!("g{n}");
        let changes = vec![
            group(&id, ["Finance", "EMEA"][n % 2]),
            joined(&id, &["a", "b"][..n % 3]),
        ];
        desk.host.bring(connector, changes).await;
    }
    for sort in ["name", "members", "changed", "since"] {
        for order in ["asc", "desc"] {
            let query = format!("/directory/groups?limit=5&sort={sort}&order={order}");
            let mut seen: Vec<String> = Vec::new();
            let mut next = String::new();
            loop {
                let page = desk
                    .ask("GET", &format!("{query}{next}"), None)
                    .await
                    .json();
                let items = page["items"].as_array().cloned().unwrap();
                seen.extend(
                    items
                        .iter()
                        .map(|item| item["id"].as_str().unwrap().to_owned()),
                );
                match page["next"].as_str() {
                    Some(cursor) => next = format!("&cursor={cursor}"),
                    None => break,
                }
            }
            assert_eq!(seen.len(), 12, "{sort} {order}");
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 12, "{sort} {order}: none twice");
            let other = desk
                .ask(
                    "GET",
                    &format!("/directory/groups?sort=name&order=asc{next}"),
                    None,
                )
                .await;
            let fits = (sort, order) == ("name", "asc");
            assert_eq!(other.status == 200, fits, "{sort} {order}");
        }
    }
}

#[tokio::test]
async fn what_is_found_is_exported_as_it_is_listed() {
    let (desk, connector) = contoso().await;
    let csv = desk
        .ask(
            "GET",
            "/directory/groups/export?sort=members&order=desc",
            None,
        )
        .await;
    let expected = format!(
        "connector,id,name,members,platformGroups,groupKind\r\n{connector},g2,Alle Zürich,3,,\r\n{connector},g3,EMEA,2,,\r\n\
         {connector},g1,Finance,1,11111111-1111-1111-1111-111111111111,\r\n"
    );
    assert_eq!(csv.text(), expected);
    assert_eq!(
        csv.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"groups.csv\""
    );
    let users = desk
        .ask("GET", "/directory/users/export?format=ndjson&text=b", None)
        .await;
    let user: Value = serde_json::from_str(users.text().trim()).unwrap();
    assert_eq!(
        (user["id"].as_str(), user["groups"].as_u64()),
        (Some("b"), Some(2))
    );
    let path = format!("/connectors/{connector}/groups/g2/export?effective=true");
    let members = desk.ask("GET", &path, None).await;
    let name = members.headers[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert!(
        name.contains("filename=\"Alle Z_rich - effective members.csv\""),
        "{name}"
    );
}
