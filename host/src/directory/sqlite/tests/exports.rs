//! What is exported.

use Mode::{Incremental, Snapshot};

use super::*;

#[tokio::test]
async fn effective_members_come_through_nested_groups_and_cycles_end() {
    let fixture = Fixture::new().await;
    let changes = vec![
        group("g1"),
        group("g2"),
        group("g3"),
        user("a"),
        user("b"),
        user("hidden"),
        joined("g1", &["g2", "g4"]),
        joined("g2", &["g3", "a", "hidden"]),
        joined("g3", &["g1", "b"]),
        joined("g4", &["c"]),
    ];
    fixture.run(Snapshot, changes).await;
    fixture.run(Incremental, vec![soft("hidden")]).await;
    let of = |group: &str, members: &[&str]| -> Vec<String> {
        members
            .iter()
            .map(|member| format!("{group}>{member}"))
            .collect()
    };
    let expected = [
        of("g1", &["a", "b", "g2", "g3", "g4"]),
        of("g2", &["a", "b", "g1", "g3", "g4"]),
        of("g3", &["a", "b", "g1", "g2", "g4"]),
    ];
    assert_eq!(fixture.memberships(true).await, expected.concat());

    let documents = |effective| fixture.export(Export::Documents { effective });
    let list = |ids: &[&str]| {
        let documents: Vec<String> = ids.iter().map(|id| object(id).document).collect();
        documents.join(",")
    };
    let joined = |id: &str, ids: &[&str]| {
        format!(
            r#"{{"externalId":"{id}","info":{{"groups":[{}]}}}}"#,
            list(ids)
        )
    };
    assert_eq!(
        documents(false).await,
        [joined("a", &["g2"]), joined("b", &["g3"])]
    );
    let all = ["g1", "g2", "g3"];
    assert_eq!(
        documents(true).await,
        [joined("a", &all), joined("b", &all)]
    );
}

#[tokio::test]
async fn a_user_without_groups_has_an_empty_list() {
    let fixture = Fixture::new().await;
    let document = "{\n  \"info\": {\"groups\": 7, \"n\": 1.10}\n}".to_owned();
    let odd = Object {
        document,
        ..object("a")
    };
    fixture.run(Snapshot, vec![Change::User(odd)]).await;
    assert_eq!(
        fixture.export(Export::Documents { effective: false }).await,
        [r#"{   "info": {"groups": [], "n": 1.10} }"#]
    );
    assert_eq!(
        fixture.export(Export::Users).await,
        [r#"{"id":"a","name":"Name of a","document":{   "info": {"groups": 7, "n": 1.10} }}"#]
    );
}

#[tokio::test]
async fn documents_are_whole_in_the_middle_of_a_first_run() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![user("a"), group("g1"), joined("g1", &["a"])])
        .await;
    let documents = fixture.export(Export::Documents { effective: false }).await;
    assert_eq!(
        documents,
        [r#"{"externalId":"a","info":{"groups":[{"externalId":"g1"}]}}"#]
    );
}

#[tokio::test]
async fn without_a_place_for_groups_a_document_is_the_users_own() {
    let fixture = Fixture::new().await;
    let run = fixture
        .store
        .begin(NewRun {
            connector: fixture.connector,
            mode: Snapshot,
            reason: String::new(),
            plugin: String::new(),
            fingerprint: String::new(),
            groups_path: None,
        })
        .await
        .unwrap();
    fixture
        .store
        .planned(run.key, &[partition("all", 0)], false)
        .await
        .unwrap();
    fixture
        .commit(run.key, vec![user("a"), group("g1"), joined("g1", &["a"])])
        .await;
    let documents = fixture.export(Export::Documents { effective: false }).await;
    assert_eq!(documents, [r#"{"externalId":"a"}"#]);
}
