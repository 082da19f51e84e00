//! Group links.

use serde_json::json;
use uuid::Uuid;

use super::{last_deed, read};
use crate::catalog::testing::{Bench, admin, paths};
use crate::catalog::{CatalogError, LinkFilter, LinkRecord};

fn platform(digit: u8) -> String {
    format!("11111111-1111-1111-1111-11111111111{digit}")
}

async fn all(bench: &Bench, connector: Uuid) -> Vec<LinkRecord> {
    let any = LinkFilter::default();
    let found = bench.catalog.links(connector, &any, None, 100).await;
    found.unwrap().0
}

#[tokio::test]
async fn a_link_is_set_sorted_and_without_repeats() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let given = [
        platform(2),
        platform(1).to_uppercase(),
        format!(" {} ", platform(2)),
    ];
    bench
        .catalog
        .set_link(&admin(), id, "g1", &given)
        .await
        .unwrap();
    let [link] = all(&bench, id).await.try_into().unwrap();
    assert_eq!(link.platform_groups, [platform(1), platform(2)]);
    assert_eq!(link.changed.by, "Ada");
    let deed = last_deed(&bench).await;
    assert_eq!(deed.action, "group-link.set");
    assert_eq!(deed.details["links"][0]["before"], json!(null));
    bench
        .catalog
        .set_link(&admin(), id, "g1", &[platform(3)])
        .await
        .unwrap();
    assert_eq!(all(&bench, id).await[0].platform_groups, [platform(3)]);
}

#[tokio::test]
async fn what_is_no_link_is_refused_by_its_place() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let set = async |group: &str, groups: &[String]| {
        let outcome = bench.catalog.set_link(&admin(), id, group, groups).await;
        paths(outcome.unwrap_err())
    };
    assert_eq!(set("", &[platform(1)]).await, ["group"]);
    assert_eq!(set("a\u{0}b", &[platform(1)]).await, ["group"]);
    assert_eq!(set("g", &[]).await, ["platformGroups"]);
    assert_eq!(set("g", &vec![platform(1); 101]).await, ["platformGroups"]);
    assert_eq!(
        set("g", &[platform(1), "nope".into()]).await,
        ["platformGroups[1]"]
    );
    let links = read(json!([
        {"group": "g", "platformGroups": [platform(1)]},
        {"group": "g", "platformGroups": ["x"]},
    ]));
    let error = bench.catalog.replace_links(&admin(), id, links).await;
    assert_eq!(
        paths(error.unwrap_err()),
        ["[1].platformGroups[0]", "[1].group"]
    );
    let nowhere = bench
        .catalog
        .set_link(&admin(), Uuid::nil(), "g", &[platform(1)])
        .await;
    assert!(matches!(nowhere, Err(CatalogError::NotFound("connector"))));
}

#[tokio::test]
async fn an_import_replaces_the_whole_list() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    for group in ["old", "kept"] {
        bench
            .catalog
            .set_link(&admin(), id, group, &[platform(1)])
            .await
            .unwrap();
    }
    let links = read(json!([
        {"group": "new", "platformGroups": [platform(2)]},
        {"group": "kept", "platformGroups": [platform(1)]},
    ]));
    bench
        .catalog
        .replace_links(&admin(), id, links)
        .await
        .unwrap();
    let groups: Vec<String> = all(&bench, id).await.into_iter().map(|l| l.group).collect();
    assert_eq!(groups, ["kept", "new"]);
    assert_eq!(last_deed(&bench).await.details["count"], 2);
}

#[tokio::test]
async fn links_are_found_by_platform_group_a_page_at_a_time() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    for (group, digit) in [("a", 1), ("b", 2), ("c", 1)] {
        bench
            .catalog
            .set_link(&admin(), id, group, &[platform(digit), platform(9)])
            .await
            .unwrap();
    }
    let filter = LinkFilter {
        group: None,
        platform_group: Some(platform(1).parse().unwrap()),
    };
    let (links, total) = bench
        .catalog
        .links(id, &filter, Some("a"), 9)
        .await
        .unwrap();
    assert_eq!((links.len(), total), (1, 2));
    assert_eq!(links[0].group, "c");
    assert_eq!(links[0].platform_groups, [platform(1), platform(9)]);
}

#[tokio::test]
async fn a_removed_link_is_gone_and_can_not_be_removed_again() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    bench
        .catalog
        .set_link(&admin(), id, "g", &[platform(1)])
        .await
        .unwrap();
    bench.catalog.remove_link(&admin(), id, "g").await.unwrap();
    let again = bench.catalog.remove_link(&admin(), id, "g").await;
    assert!(matches!(again, Err(CatalogError::NotFound("group link"))));
}
