//! What an app may see.

use serde_json::json;

use super::*;

#[tokio::test]
async fn each_call_needs_one_of_its_permissions() {
    let api = Api::small().await;
    let group = group_where(&api.simulator.truth(), |_, _| true);
    let members = format!("/groups/{group}/members");
    let cases: [(&str, &[&str], &[&str]); 4] = [
        (
            "GroupMember.Read.All",
            &["/groups", "/groups/delta", &members],
            &["/users", "/users/delta"],
        ),
        (
            "User.Read.All",
            &["/users", "/users/delta"],
            &["/groups", "/groups/delta", &members],
        ),
        (
            "User.ReadBasic.All",
            &["/users"],
            &["/users/delta", "/groups"],
        ),
        (
            "Directory.Read.All",
            &[
                "/users",
                "/users/delta",
                "/groups",
                "/groups/delta",
                &members,
            ],
            &[],
        ),
    ];
    for (permission, allowed, denied) in cases {
        api.simulator.set_permissions([permission]);
        for path in allowed {
            assert_eq!(api.get(path).await.status, 200, "{permission} for {path}");
        }
        for path in denied {
            let answer = api.get(path).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "Authorization_RequestDenied"),
                "{permission} for {path}"
            );
        }
    }
}

#[tokio::test]
async fn looking_up_ids_in_bulk_needs_the_wide_permission() {
    let api = Api::small().await;
    let user = api.simulator.truth().users.keys().next().unwrap().clone();
    let body = json!({"ids": [user], "types": ["user"]});
    assert_eq!(
        api.post("/v1.0/directoryObjects/getByIds", body.clone())
            .await
            .status,
        403
    );
    api.simulator.set_permissions(["Directory.Read.All"]);
    let found = api
        .post("/v1.0/directoryObjects/getByIds?$select=id", body)
        .await;
    assert_eq!(
        found.json()["value"],
        json!([{"@odata.type": "#microsoft.graph.user", "id": user}])
    );
}

#[tokio::test]
async fn members_of_a_type_that_the_app_may_not_read_have_an_id_and_nothing_else() {
    let api = Api::small().await;
    api.simulator.set_permissions(["GroupMember.Read.All"]);
    let truth = api.simulator.truth();
    let edge = truth
        .memberships
        .iter()
        .find(|edge| edge.kind == Kind::User && truth.users.contains_key(&edge.member))
        .unwrap();
    let members = api
        .all(&format!(
            "/groups/{}/members?$select=id,displayName,mail",
            edge.group
        ))
        .await;
    let member = members
        .iter()
        .find(|member| member["id"] == edge.member.as_str())
        .unwrap();
    assert_eq!(
        *member,
        json!({"@odata.type": "#microsoft.graph.user", "id": edge.member, "displayName": null, "mail": null})
    );
}

#[tokio::test]
async fn hidden_members_are_an_empty_list_or_a_403_without_the_permission() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let hidden = group_where(&truth, |id, group| {
        group["visibility"] == "HiddenMembership" && !members_of(&truth, id).is_empty()
    });
    let url = format!("/groups/{hidden}/members?$select=id");
    assert!(
        !api.get(&url).await.json()["value"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    api.simulator
        .set_permissions(["GroupMember.Read.All", "User.Read.All"]);
    let empty = api.get(&url).await;
    assert_eq!(
        (empty.status, empty.json()["value"].clone()),
        (200, json!([]))
    );
    let delta = api
        .get(&format!(
            "/groups/delta?$select=members&$filter=id eq '{hidden}'"
        ))
        .await
        .json();
    assert!(delta["value"][0].get("members@delta").is_none());
    api.simulator
        .edit_behaviour(|behaviour| behaviour.hidden_members = HiddenMembers::Forbidden);
    assert_eq!(api.get(&url).await.status, 403);
}

#[tokio::test]
async fn without_any_permission_there_is_a_token_and_403_everywhere() {
    let mut options = small(0.0);
    options.app.permissions.clear();
    let api = Api::start(options).await;
    assert_eq!(api.get("/groups").await.status, 403);
}
