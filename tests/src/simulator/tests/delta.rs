//! Delta queries: whatever happens, applying what arrives in its order ends at the truth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::consumer::{Consumer, GROUPS, USERS};
use super::*;

#[tokio::test]
async fn rounds_applied_in_order_of_arrival_reproduce_the_truth_for_many_seeds_however_nasty() {
    let (mut repeats, mut idle_pages) = (0, 0);
    for seed in 0..12 {
        let nastiness = [0.0, 0.3, 1.0][seed as usize % 3];
        let mut options = small(nastiness);
        options.tenant = TenantSpec::sized(120, 40, 1_500, seed);
        options.behaviour.delta_page_objects = 25;
        options.behaviour.delta_page_members = 60;
        options.behaviour.reemit_on_restore = seed % 2 == 0;
        let api = Api::start(options).await;
        let mut consumer = Consumer::default();
        consumer.round(&api).await;
        consumer.assert_equals(&api.simulator.truth(), &format!("first round, seed {seed}"));
        for round in 0..10 {
            api.simulator
                .churn(seed * 100 + round, 1 + usize::try_from(round).unwrap() * 12);
            consumer.round(&api).await;
            consumer.assert_equals(
                &api.simulator.truth(),
                &format!("round {round}, seed {seed}"),
            );
        }
        repeats += consumer.repeats;
        idle_pages += consumer.idle_pages;
    }
    assert!(
        repeats > 10 && idle_pages > 10,
        "{repeats} repeats and {idle_pages} empty pages are too polite"
    );
}

#[tokio::test]
async fn changes_made_while_a_first_round_runs_are_in_that_round_or_the_next() {
    let mut options = small(0.5);
    options.behaviour.delta_page_objects = 10;
    let api = Api::start(options).await;
    let mut consumer = Consumer::default();
    for seed in 0..5 {
        let ((), ()) = tokio::join!(consumer.round(&api), async {
            for step in 0..10 {
                api.simulator.churn(seed * 10 + step, 5);
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        });
    }
    consumer.round(&api).await;
    consumer.assert_equals(&api.simulator.truth(), "after the dust settled");
}

#[tokio::test]
async fn a_big_group_comes_in_slices_of_at_most_500_members() {
    let mut options = small(0.0);
    options.tenant = TenantSpec::sized(2_000, 10, 6_000, 3);
    let api = Api::start(options).await;
    let mut pages_of = BTreeMap::new();
    let mut next = Some(GROUPS.to_owned());
    while let Some(url) = next {
        let page = api.get(&url).await.json();
        let mut on_page = 0;
        for entry in page["value"].as_array().unwrap() {
            *pages_of.entry(entry["id"].to_string()).or_insert(0) += 1;
            on_page += entry["members@delta"].as_array().map_or(0, Vec::len);
        }
        assert!(on_page <= 500);
        next = page["@odata.nextLink"].as_str().map(ToOwned::to_owned);
    }
    assert!(pages_of.values().any(|pages| *pages >= 3));
}

#[tokio::test]
async fn a_group_deleted_between_two_of_its_slices_takes_no_members_of_the_next_one_along() {
    let mut options = small(0.0);
    options.behaviour.delta_page_members = 7;
    let api = Api::start(options).await;
    let before = api.simulator.truth();
    let mut given = BTreeSet::new();
    let mut deleted = 0;
    let mut next = Some(GROUPS.to_owned());
    while let Some(url) = next {
        let page = api.get(&url).await.json();
        let entries = page["value"].as_array().unwrap();
        for entry in entries {
            let members = entry["members@delta"].as_array().into_iter().flatten();
            given.extend(members.map(|member| (text(&entry["id"]), text(&member["id"]))));
        }
        if let Some(last) = entries.last().map(|entry| text(&entry["id"])) {
            let came = given.range((last.clone(), String::new())..);
            let came = came.take_while(|(group, _)| *group == last).count();
            if came > 0 && came < members_of(&before, &last).len() && deleted < 5 {
                api.simulator
                    .mutate(&Operation::Delete { id: last })
                    .unwrap();
                deleted += 1;
            }
        }
        next = page["@odata.nextLink"].as_str().map(ToOwned::to_owned);
    }
    assert_eq!(deleted, 5, "groups that were cut");
    let missing: Vec<_> = api
        .simulator
        .truth()
        .memberships
        .into_iter()
        .filter(|m| !given.contains(&(m.group.clone(), m.member.clone())))
        .collect();
    assert_eq!(missing, []);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_group_without_members_has_no_members_property_and_unset_is_not_null() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let (entries, _) = drained(
        &api,
        "/groups/delta?$select=displayName,classification,members",
    )
    .await;
    let mut kinds = BTreeSet::new();
    for entry in &entries {
        assert_eq!(entry.get("@odata.type"), None);
        assert_eq!(entry.get("description"), None, "only what was selected");
        assert_ne!(entry.get("members@delta"), Some(&serde_json::json!([])));
        kinds.insert(match entry.get("classification") {
            None => "absent",
            Some(Value::Null) => "null",
            Some(_) => "set",
        });
    }
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        ["absent", "null", "set"]
    );
    let empty = group_where(&truth, |id, _| members_of(&truth, id).is_empty());
    let filtered = api
        .get(&format!(
            "/groups/delta?$select=id,members&$filter=id eq '{empty}'"
        ))
        .await
        .json();
    assert_eq!(filtered["value"].as_array().unwrap().len(), 1);
    assert_eq!(filtered["value"][0], serde_json::json!({"id": empty}));
}

async fn drained(api: &Api, url: &str) -> (Vec<Value>, String) {
    let (mut entries, mut url) = (Vec::new(), url.to_owned());
    loop {
        let page = api.get(&url).await.json();
        entries.extend(page["value"].as_array().unwrap().iter().cloned());
        match page["@odata.nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => {
                return (
                    entries,
                    page["@odata.deltaLink"].as_str().unwrap().to_owned(),
                );
            }
        }
    }
}

fn set(id: &str, name: &str, value: Value) -> Operation {
    Operation::Update {
        id: id.to_owned(),
        properties: Map::from_iter([(name.to_owned(), value)]),
    }
}

#[tokio::test]
async fn only_selected_properties_are_tracked_and_minimal_answers_hold_only_what_changed() {
    let api = Api::small().await;
    let user = api.simulator.truth().users.keys().next().unwrap().clone();
    let (_, link) = drained(&api, "/users/delta?$select=displayName,jobTitle").await;
    api.simulator
        .mutate(&set(&user, "country", "Elsewhere".into()))
        .unwrap();
    let (entries, link) = drained(&api, &link).await;
    assert!(entries.is_empty(), "country is not tracked: {entries:?}");
    api.simulator
        .mutate(&set(&user, "jobTitle", Value::Null))
        .unwrap();
    let (entries, _) = drained(&api, &link).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["jobTitle"], Value::Null);
    assert!(entries[0].get("jobTitle").is_some() && entries[0].get("displayName").is_some());
    let minimal = api
        .try_get(&link, &[("Prefer", "return=minimal")])
        .await
        .unwrap()
        .json();
    assert_eq!(
        minimal["value"],
        serde_json::json!([{"id": user, "jobTitle": null}])
    );
}

#[tokio::test]
async fn deleted_users_are_changed_then_deleted_and_stay_members_until_then() {
    let api = Api::small().await;
    api.simulator
        .edit_behaviour(|behaviour| behaviour.report_hard_deletes = 1.0);
    let truth = api.simulator.truth();
    let edge = truth
        .memberships
        .iter()
        .find(|edge| edge.kind == Kind::User)
        .unwrap()
        .clone();
    let (_, users) = drained(&api, USERS).await;
    let (_, groups) = drained(&api, GROUPS).await;

    api.simulator
        .mutate(&Operation::Delete {
            id: edge.member.clone(),
        })
        .unwrap();
    let (entries, users) = drained(&api, &users).await;
    assert_eq!(
        entries,
        [serde_json::json!({"id": edge.member, "@removed": {"reason": "changed"}})]
    );
    let (entries, groups) = drained(&api, &groups).await;
    assert!(
        entries.is_empty(),
        "groups/delta does not speak of soft deletion"
    );
    assert_eq!(
        api.get(&format!("/users/{}", edge.member)).await.status,
        404
    );
    let listed = api
        .all(&format!("/groups/{}/members?$select=id", edge.group))
        .await;
    assert!(!ids(&listed).contains(&edge.member));

    api.simulator
        .mutate(&Operation::Restore {
            id: edge.member.clone(),
        })
        .unwrap();
    let (entries, users) = drained(&api, &users).await;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].get("@removed").is_none() && entries[0].get("userPrincipalName").is_some());
    let (entries, groups) = drained(&api, &groups).await;
    assert!(
        entries.is_empty(),
        "memberships are not repeated unless that is asked for"
    );
    assert!(api.simulator.truth().memberships.contains(&edge));

    api.simulator
        .mutate(&Operation::Purge {
            id: edge.member.clone(),
        })
        .unwrap();
    let (entries, _) = drained(&api, &users).await;
    assert_eq!(entries[0]["@removed"]["reason"], "deleted");
    let (entries, _) = drained(&api, &groups).await;
    let left = entries
        .iter()
        .find(|entry| entry["id"] == edge.group.as_str())
        .unwrap();
    assert_eq!(left["members@delta"][0]["@removed"]["reason"], "deleted");
}

#[tokio::test]
async fn groups_are_deleted_by_their_type_and_come_back_with_their_members() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let unified = |group: &Value| {
        group["groupTypes"]
            .as_array()
            .unwrap()
            .contains(&"Unified".into())
    };
    let security = group_where(&truth, |_, group| !unified(group));
    let modern = group_where(&truth, |id, group| {
        unified(group) && members_of(&truth, id).len() > 3
    });
    let (_, link) = drained(&api, GROUPS).await;
    for id in [&security, &modern] {
        api.simulator
            .mutate(&Operation::Delete { id: id.clone() })
            .unwrap();
    }
    let (entries, link) = drained(&api, &link).await;
    let reason = |id: &str| {
        entries.iter().find(|entry| entry["id"] == id).unwrap()["@removed"]["reason"].clone()
    };
    assert_eq!(
        (reason(&security), reason(&modern)),
        ("deleted".into(), "changed".into())
    );
    assert!(
        api.simulator
            .mutate(&Operation::Restore { id: security })
            .is_err()
    );
    api.simulator
        .mutate(&Operation::Restore { id: modern.clone() })
        .unwrap();
    let (entries, _) = drained(&api, &link).await;
    assert_eq!(
        entries[0]["members@delta"].as_array().unwrap().len(),
        members_of(&truth, &modern).len()
    );
}

#[tokio::test]
async fn service_principals_are_in_delta_and_not_in_listings() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let edge = truth
        .memberships
        .iter()
        .find(|edge| edge.kind == Kind::ServicePrincipal)
        .unwrap();
    let listed = api.all(&format!("/groups/{}/members", edge.group)).await;
    assert!(!ids(&listed).contains(&edge.member));
    let (entries, _) = drained(
        &api,
        &format!(
            "/groups/delta?$select=members&$filter=id eq '{}'",
            edge.group
        ),
    )
    .await;
    let members: Vec<&Value> = entries
        .iter()
        .flat_map(|entry| entry["members@delta"].as_array().unwrap())
        .collect();
    let shown = members
        .iter()
        .find(|member| member["id"] == edge.member.as_str())
        .unwrap();
    assert_eq!(shown["@odata.type"], "#microsoft.graph.servicePrincipal");
}

#[tokio::test]
async fn latest_gives_a_link_and_no_objects() {
    let api = Api::small().await;
    let page = api
        .get("/groups/delta?$deltatoken=latest&$select=displayName,members")
        .await
        .json();
    assert_eq!(page["value"], serde_json::json!([]));
    let link = page["@odata.deltaLink"].as_str().unwrap().to_owned();
    assert!(drained(&api, &link).await.0.is_empty());
    let group = group_where(&api.simulator.truth(), |_, _| true);
    api.simulator
        .mutate(&set(&group, "displayName", "Renamed".into()))
        .unwrap();
    assert_eq!(drained(&api, &link).await.0.len(), 1);
}

#[tokio::test]
async fn options_that_delta_does_not_know_are_ignored_or_refused_as_documented() {
    let api = Api::small().await;
    let page = api
        .get("/groups/delta?$select=displayName&$top=1")
        .await
        .json();
    assert!(
        page["value"].as_array().unwrap().len() > 1,
        "$top is silently ignored"
    );
    for wrong in [
        "$expand=members",
        "$orderby=displayName",
        "$filter=displayName eq 'x'",
        "$search=%22displayName:x%22",
    ] {
        let answer = api.get(&format!("/groups/delta?{wrong}")).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "Request_UnsupportedQuery"),
            "{wrong}"
        );
    }
    let by_default = api.get("/groups/delta").await.json();
    assert!(
        by_default["value"]
            .as_array()
            .unwrap()
            .iter()
            .any(|group| group.get("members@delta").is_some())
    );
    let without = api.get("/groups/delta?$select=displayName").await.json();
    assert!(
        without["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|group| group.get("members@delta").is_none())
    );
}

#[tokio::test]
async fn tokens_end_after_seven_days_or_on_demand_in_the_spelling_that_is_set() {
    use ExpirySpelling::{
        BadRequestResyncRequired, BadRequestSyncStateNotFound, BadRequestUploadDifferences,
        GoneSyncStateNotFound, GoneWithLocation, NotFoundApplyDifferences,
    };
    let api = Api::small().await;
    for (spelling, status, code) in [
        (BadRequestSyncStateNotFound, 400, "syncStateNotFound"),
        (GoneSyncStateNotFound, 410, "SyncStateNotFound"),
        (BadRequestResyncRequired, 400, "resyncRequired"),
        (NotFoundApplyDifferences, 404, "resyncApplyDifferences"),
        (BadRequestUploadDifferences, 400, "ResyncUploadDifferences"),
    ] {
        let (_, link) = drained(&api, USERS).await;
        api.simulator.expire(Expiry {
            spelling: Some(spelling),
            ..Expiry::default()
        });
        let answer = api.get(&link).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let (_, link) = drained(&api, GROUPS).await;
    api.simulator.expire(Expiry {
        spelling: Some(GoneWithLocation),
        ..Expiry::default()
    });
    let gone = api.get(&link).await;
    assert_eq!((gone.status, gone.body.len()), (410, 0));
    assert_eq!(
        api.get(gone.header("location").unwrap()).await.status,
        200,
        "leads to an initial query"
    );

    let (_, link) = drained(&api, USERS).await;
    api.simulator
        .edit_behaviour(|behaviour| behaviour.access_token_lifetime = 10_000_000);
    let mut api = api;
    api.token = api.sign_in(&form(DEMO_CLIENT_SECRET)).await.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    api.simulator.advance_clock(6 * 24 * 3600);
    assert_eq!(api.get(&link).await.status, 200);
    api.simulator.advance_clock(2 * 24 * 3600);
    assert_eq!(api.get(&link).await.status, 410);
}

#[tokio::test]
async fn a_spoilt_or_foreign_token_is_a_mistake_and_no_expiry() {
    let api = Api::small().await;
    let (_, link) = drained(&api, USERS).await;
    for wrong in [
        format!("{link}x"),
        link.replace("/users/", "/groups/"),
        "/users/delta?$deltatoken=abc".to_owned(),
    ] {
        let answer = api.get(&wrong).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "Request_BadRequest")
        );
    }
    let page = api.get("/users/delta?$select=id").await.json();
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("{next}&$select=mail")).await.code(),
        "Request_UnsupportedQuery"
    );
    assert_eq!(
        api.get(&format!("{link}&$select=mail")).await.status,
        200,
        "what is tracked may change"
    );
}

#[tokio::test]
async fn removed_objects_can_be_in_the_first_round() {
    let api = Api::start(small(1.0)).await;
    let (entries, _) = drained(&api, USERS).await;
    assert!(
        entries
            .iter()
            .any(|entry| entry["@removed"]["reason"] == "changed")
    );
}

#[tokio::test]
async fn a_later_round_may_replay_known_changes_but_never_old_values() {
    let api = Api::start(small(1.0)).await;
    let (_, mut link) = drained(&api, USERS).await;
    let mut replayed = 0;
    for round in 0..20 {
        api.simulator.churn(round, 30);
        link = drained(&api, &link).await.1;
        let truth = api.simulator.truth();
        let (entries, next) = drained(&api, &link).await;
        replayed += entries.len();
        for entry in entries
            .iter()
            .filter(|entry| entry.get("@removed").is_none())
        {
            assert_eq!(
                entry["displayName"],
                truth.users[entry["id"].as_str().unwrap()]["displayName"]
            );
        }
        link = next;
    }
    assert!(
        replayed > 0,
        "nothing happened between the two rounds, so all of these are replays"
    );
}

#[tokio::test]
async fn a_trick_is_played_at_each_opportunity_and_no_other_is() {
    let api = Api::small().await;
    api.simulator
        .edit_behaviour(|b| b.tricks = vec![Trick::EmptyPages]);
    let first = api.get("/users/delta?$select=displayName").await.json();
    assert_eq!(first["value"], json!([]));
    assert!(first["@odata.nextLink"].is_string());
    let start = "/users/delta?$select=displayName";
    let (entries, link) = drained(&api, start).await;
    let users = api.simulator.truth().users.len();
    assert_eq!(entries.len(), users, "no repeats, no early removals");
    api.simulator
        .edit_behaviour(|b| b.tricks = vec![Trick::Replays]);
    api.simulator.churn(1, 40);
    let (changes, link) = drained(&api, &link).await;
    assert!(!changes.is_empty());
    let (again, _) = drained(&api, &link).await;
    assert!(!again.is_empty(), "the same once more");
}
