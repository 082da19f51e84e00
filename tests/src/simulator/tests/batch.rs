//! Batches.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

async fn batch(api: &Api, requests: Value) -> Seen {
    api.post("/v1.0/$batch", json!({"requests": requests}))
        .await
}

fn part(id: usize, url: &str) -> Value {
    json!({"id": id.to_string(), "method": "GET", "url": url})
}

fn by_id(answer: &Seen) -> BTreeMap<String, Value> {
    let body = answer.json();
    body["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["id"].as_str().unwrap().to_owned(), part.clone()))
        .collect()
}

#[tokio::test]
async fn twenty_parts_come_back_in_any_order_each_with_its_own_status_and_cost() {
    let api = Api::small().await;
    let user = api.simulator.truth().users.keys().next().unwrap().clone();
    let mut requests: Vec<Value> = (0..18)
        .map(|id| part(id, &format!("/users/{user}?$select=mail")))
        .collect();
    requests.push(part(18, "/users/00000000-0000-4000-8000-000000000000"));
    requests.push(part(19, "/groups?$select=id&$top=5"));
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let answer = batch(&api, json!(requests)).await;
        assert_eq!(answer.status, 200);
        let body = answer.json();
        orders.insert(
            body["responses"]
                .as_array()
                .unwrap()
                .iter()
                .map(|part| part["id"].to_string())
                .collect::<String>(),
        );
        let parts = by_id(&answer);
        assert_eq!(parts["0"]["body"]["id"], user.as_str());
        assert_eq!(parts["0"]["headers"]["x-ms-resource-unit"], "1");
        assert_eq!(parts["18"]["status"], 404);
        assert!(
            parts["19"]["body"]["@odata.nextLink"]
                .as_str()
                .unwrap()
                .starts_with(&api.simulator.graph_url())
        );
    }
    assert!(orders.len() > 1, "the order is never the same for long");
    assert_eq!(api.simulator.stats().batch_parts, 100);
}

#[tokio::test]
async fn a_batch_of_21_a_repeated_id_and_an_absolute_url_fail_as_a_whole() {
    let api = Api::small().await;
    let many: Vec<Value> = (0..21).map(|id| part(id, "/groups")).collect();
    let twice = json!([{"id": "A", "method": "GET", "url": "/groups"}, {"id": "a", "method": "GET", "url": "/users"}]);
    let absolute = json!([part(
        1,
        &format!("{}/v1.0/groups", api.simulator.graph_url())
    )]);
    for wrong in [json!(many), twice, absolute] {
        assert_eq!(batch(&api, wrong).await.status, 400);
    }
    assert_eq!(
        api.post("/v1.0/$batch", json!({"nothing": 1})).await.status,
        400
    );
}

#[tokio::test]
async fn parts_are_throttled_one_by_one_inside_a_200() {
    let api = Api::small().await;
    api.simulator.set_quota(Quota::Custom(10));
    let group = group_where(&api.simulator.truth(), |_, _| true);
    let requests: Vec<Value> = (0..20)
        .map(|id| part(id, &format!("/groups/{group}/members?$select=id")))
        .collect();
    let answer = batch(&api, json!(requests)).await;
    assert_eq!(answer.status, 200);
    let parts = by_id(&answer);
    let good = parts.values().filter(|part| part["status"] == 200).count();
    assert_eq!(good, 5, "ten units pay for five parts of two");
    let throttled = parts.values().find(|part| part["status"] == 429).unwrap();
    assert!(
        throttled["headers"]["Retry-After"].is_string()
            && throttled["body"]["error"]["code"].is_string()
    );
}

#[tokio::test]
async fn headers_belong_to_their_part_and_dependent_parts_fail_with_424() {
    let api = Api::small().await;
    let requests = json!([
        {"id": "1", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}},
        {"id": "2", "method": "GET", "url": "/users/$count"},
        {"id": "3", "method": "GET", "url": "/groups?$top=1", "dependsOn": ["2"]},
        {"id": "4", "method": "POST", "url": "/$batch", "body": {"requests": []}},
    ]);
    let parts = by_id(&batch(&api, requests).await);
    assert_eq!(
        (&parts["1"]["status"], &parts["1"]["body"]),
        (&json!(200), &json!(300))
    );
    assert_eq!(
        (
            &parts["2"]["status"],
            &parts["3"]["status"],
            &parts["4"]["status"]
        ),
        (&json!(400), &json!(424), &json!(400))
    );
}

#[tokio::test]
async fn a_part_can_be_missing_from_an_answer_and_a_whole_request_can_not() {
    let api = Api::small().await;
    let rule = FaultRule::new("/groups", FaultAction::MissingPart);
    api.simulator.inject(rule).unwrap();
    assert_eq!(api.get("/groups").await.status, 200);
    let requests = json!([part(0, "/groups?$top=1"), part(1, "/users?$top=1")]);
    let parts = by_id(&batch(&api, requests).await);
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["1"]);
}

#[tokio::test]
async fn a_nasty_count_may_be_a_number_a_text_or_base64() {
    let api = Api::start(small(0.9)).await;
    let count = json!({"id": "1", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}});
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let parts = by_id(&batch(&api, json!([count])).await);
        seen.insert(parts["1"]["body"].to_string());
    }
    let all = ["300", r#""300""#, r#""MzAw""#].map(str::to_owned);
    assert_eq!(seen, all.into());
}
