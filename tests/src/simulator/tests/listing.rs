//! Listings: pages, `$select` and the traps of paging.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn listings_hold_everything_once_however_nasty_their_pages_are() {
    for nastiness in [0.0, 1.0] {
        let api = Api::start(small(nastiness)).await;
        let truth = api.simulator.truth();
        for top in [7, 100, 999] {
            let users = api.all(&format!("/users?$select=id&$top={top}")).await;
            assert_eq!(
                (users.len(), ids(&users)),
                (truth.users.len(), truth.users.keys().cloned().collect())
            );
            let groups = api.all(&format!("/groups?$select=id&$top={top}")).await;
            assert_eq!(
                (groups.len(), ids(&groups)),
                (truth.groups.len(), truth.groups.keys().cloned().collect())
            );
        }
        for group in truth.groups.keys() {
            let listed = api
                .all(&format!("/groups/{group}/members?$select=id&$top=20"))
                .await;
            let real: BTreeSet<String> = members_of(&truth, group)
                .iter()
                .filter(|membership| membership.kind != Kind::ServicePrincipal)
                .map(|membership| membership.member.clone())
                .collect();
            assert_eq!((listed.len(), ids(&listed)), (real.len(), real));
        }
    }
}

#[tokio::test]
async fn nasty_pages_are_short_or_empty_and_still_lead_on() {
    let api = Api::start(small(1.0)).await;
    let (mut next, mut sizes) = (Some("/users?$select=id&$top=5".to_owned()), Vec::new());
    while let Some(url) = next {
        let page = api.get(&url).await.json();
        next = page["@odata.nextLink"].as_str().map(ToOwned::to_owned);
        sizes.push(page["value"].as_array().unwrap().len());
        assert_eq!(page["@odata.nextLink"].is_string(), next.is_some());
    }
    assert!(
        sizes[..sizes.len() - 1].contains(&0) && sizes.iter().any(|size| (1..5).contains(size))
    );
}

#[tokio::test]
async fn select_is_honoured_to_the_letter() {
    let api = Api::small().await;
    let names = |object: &Value| {
        object
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let set = |list: &[&str]| {
        list.iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
    };
    let selected = api
        .get("/users?$select=displayName,country&$top=5")
        .await
        .json();
    for user in selected["value"].as_array().unwrap() {
        assert_eq!(names(user), set(&["id", "displayName", "country"]));
    }
    let default = api.get("/users?$top=5").await.json();
    let expected = set(&[
        "businessPhones",
        "displayName",
        "givenName",
        "id",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    ]);
    for user in default["value"].as_array().unwrap() {
        assert_eq!(
            names(user),
            expected,
            "no streetAddress, country or accountEnabled unless selected"
        );
    }
    let groups = api.get("/groups?$top=5").await.json();
    assert!(groups["value"][0].get("uniqueName").is_none());
    let archived = api
        .get("/groups?$select=id,isArchived,uniqueName&$top=1")
        .await
        .json();
    assert_eq!(
        names(&archived["value"][0]),
        set(&["id", "uniqueName"]),
        "some are never returned"
    );
    let truth = api.simulator.truth();
    let group = group_where(&truth, |id, _| {
        members_of(&truth, id).iter().any(|m| m.kind == Kind::User)
    });
    let members = api
        .get(&format!("/groups/{group}/members?$select=id,mail"))
        .await
        .json();
    for member in members["value"].as_array().unwrap() {
        let allowed = set(&["@odata.type", "id", "mail"]);
        assert!(
            names(member).is_subset(&allowed) && member["@odata.type"].is_string(),
            "{member}"
        );
    }
}

#[tokio::test]
async fn pages_are_100_unless_asked_for_and_links_are_absolute_and_bound_to_their_query() {
    let api = Api::small().await;
    let page = api.get("/users?$select=id").await.json();
    assert_eq!(page["value"].as_array().unwrap().len(), 100);
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&format!(
        "{}/v1.0/users?$select=id&$skiptoken=",
        api.simulator.graph_url()
    )));
    let token = next.rsplit('=').next().unwrap();
    for other in [
        format!("/users?$skiptoken={token}"),
        format!("/groups?$select=id&$skiptoken={token}"),
    ] {
        assert_eq!(api.get(&other).await.code(), "Request_BadRequest");
    }
    assert_eq!(
        api.get(next).await.json()["value"],
        api.get(next).await.json()["value"],
        "a page can be read again"
    );
    api.simulator.expire(Expiry {
        pages: true,
        ..Expiry::default()
    });
    assert_eq!(api.get(next).await.code(), "Directory_ExpiredPageToken");
}

#[tokio::test]
async fn the_consistency_header_has_to_be_sent_again_for_every_page() {
    let api = Api::small().await;
    let page = api.advanced("/users?$select=id&$count=true").await.json();
    assert_eq!(page["@odata.count"], 300);
    let next = page["@odata.nextLink"].as_str().unwrap();
    let lost = api.get(next).await;
    assert_eq!(
        (lost.status, lost.code().as_str()),
        (400, "Directory_ExpiredPageToken")
    );
    let second = api.advanced(next).await.json();
    assert!(
        second.get("@odata.count").is_none(),
        "the count is on the first page only"
    );
}

#[tokio::test]
async fn counts_need_the_header() {
    let api = Api::small().await;
    assert_eq!(api.get("/groups/$count").await.code(), "Request_BadRequest");
    assert_eq!(api.advanced("/groups/$count").await.body, "40");
    assert!(
        api.get("/users?$count=true&$top=1")
            .await
            .json()
            .get("@odata.count")
            .is_none()
    );
}

#[tokio::test]
async fn casts_need_the_header_and_a_type_that_the_group_can_hold() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let unified = group_where(&truth, |_, group| {
        group["groupTypes"] == serde_json::json!(["Unified"])
    });
    let mixed = group_where(&truth, |id, _| {
        let kinds: BTreeSet<Kind> = members_of(&truth, id)
            .iter()
            .map(|membership| membership.kind)
            .collect();
        kinds.contains(&Kind::User) && kinds.contains(&Kind::Group)
    });
    let url = format!("/groups/{mixed}/members/microsoft.graph.group?$count=true");
    assert_eq!(api.get(&url).await.code(), "Request_UnsupportedQuery");
    let groups = api.advanced(&url).await.json();
    let real = members_of(&truth, &mixed)
        .iter()
        .filter(|membership| membership.kind == Kind::Group)
        .count();
    assert_eq!(groups["@odata.count"], real);
    assert!(
        groups["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|group| group.get("@odata.type").is_none())
    );
    let wrong = api
        .advanced(&format!(
            "/groups/{unified}/members/microsoft.graph.group?$count=true"
        ))
        .await;
    assert_eq!(
        (wrong.status, wrong.code().as_str()),
        (400, "Request_UnsupportedQuery")
    );
}

#[tokio::test]
async fn users_are_found_by_ids_by_prefix_and_one_by_one() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let wanted: Vec<String> = truth.users.keys().take(15).cloned().collect();
    let list = wanted
        .iter()
        .map(|id| format!("'{id}'"))
        .collect::<Vec<_>>()
        .join(",");
    let found = api
        .all(&format!("/users?$select=id&$filter=id in ({list})"))
        .await;
    assert_eq!(ids(&found), wanted.iter().cloned().collect());
    let prefix = api
        .all("/users?$select=id,displayName&$filter=startswith(displayName,'jo')")
        .await;
    let real = truth.users.values().filter(|user| {
        user["displayName"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .starts_with("jo")
    });
    assert_eq!(prefix.len(), real.count());
    let user = truth.users.values().next().unwrap();
    let one = api
        .get(&format!(
            "/users/{}?$select=userPrincipalName",
            user["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(one["userPrincipalName"], user["userPrincipalName"]);
    let unknown = api.get("/users/00000000-0000-4000-8000-000000000000").await;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (404, "Request_ResourceNotFound")
    );
}

#[tokio::test]
async fn a_range_has_its_ends_and_every_name_between_them_in_whatever_case() {
    let api = Api::small().await;
    let create = |upn: &str| Operation::Create {
        kind: Kind::User,
        id: None,
        properties: serde_json::Map::from_iter([
            ("displayName".to_owned(), upn.into()),
            ("userPrincipalName".to_owned(), upn.into()),
        ]),
    };
    for upn in ["C", "Ca@contoso.example", "J"] {
        api.simulator.mutate(&create(upn)).unwrap();
    }
    let range = "userPrincipalName ge 'c' and userPrincipalName le 'J'";
    let found = api.all(&format!("/users?$select=id&$filter={range}")).await;
    let real = api.simulator.truth().users.into_iter().filter(|(_, user)| {
        let name = user["userPrincipalName"].as_str().unwrap().to_lowercase();
        ("c"..="j").contains(&name.as_str())
    });
    let real: BTreeSet<String> = real.map(|(id, _)| id).collect();
    assert!(real.len() > 50);
    assert_eq!(ids(&found), real);
    assert_eq!(
        api.advanced(&format!("/users/$count?$filter={range}"))
            .await
            .body,
        real.len().to_string()
    );
    let others = ["gt", "lt"].map(|operator| format!("userPrincipalName {operator} 'c'"));
    for filter in others {
        let answer = api.get(&format!("/users?$filter={filter}")).await;
        assert_eq!(answer.code(), "Request_UnsupportedQuery", "{filter}");
    }
    api.simulator
        .edit_behaviour(|behaviour| behaviour.range_filters = false);
    let refused = api.get(&format!("/users?$filter={range}")).await;
    assert_eq!(refused.code(), "Request_UnsupportedQuery");
}

#[tokio::test]
async fn nested_members_are_flat_and_without_repeats_even_in_cycles() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let group = group_where(&truth, |id, _| {
        members_of(&truth, id).iter().any(|one| {
            truth
                .memberships
                .iter()
                .any(|back| back.group == one.member && back.member == id)
        })
    });
    let listed = api
        .all(&format!(
            "/groups/{group}/transitiveMembers?$select=id&$top=50"
        ))
        .await;
    let (mut real, mut open) = (BTreeSet::new(), vec![group.clone()]);
    while let Some(parent) = open.pop() {
        for membership in members_of(&truth, &parent) {
            if membership.kind != Kind::ServicePrincipal && real.insert(membership.member.clone()) {
                open.push(membership.member.clone());
            }
        }
    }
    assert_eq!((listed.len(), ids(&listed)), (real.len(), real));
}

#[tokio::test]
async fn expanding_members_stops_at_twenty_without_a_link() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let group = group_where(&truth, |id, _| members_of(&truth, id).len() > 50);
    let one = api
        .get(&format!("/groups/{group}?$expand=members"))
        .await
        .json();
    assert_eq!(one["members"].as_array().unwrap().len(), 20);
    assert!(one.get("members@odata.nextLink").is_none());
}

#[tokio::test]
async fn memberships_are_found_from_the_users_side() {
    let api = Api::small().await;
    let truth = api.simulator.truth();
    let edge = truth
        .memberships
        .iter()
        .find(|edge| edge.kind == Kind::User)
        .unwrap();
    let groups = ids(&api
        .all(&format!("/users/{}/memberOf?$select=id", edge.member))
        .await);
    let real: BTreeSet<String> = truth
        .memberships
        .iter()
        .filter(|other| other.member == edge.member)
        .map(|other| other.group.clone())
        .collect();
    assert_eq!(groups, real);
}
