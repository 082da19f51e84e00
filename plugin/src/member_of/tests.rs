use super::*;
use crate::contract::Request;
use crate::run;
use crate::script::{G1, G2, Script, batch, json, partition, request, request_for};

const U1: &str = "bbbbbbbb-0000-0000-0000-000000000001";
const U2: &str = "bbbbbbbb-0000-0000-0000-000000000002";

fn state(of: &str, ids: &[&str]) -> String {
    serde_json::json!({"member-of": {"of": of, "ids": ids}}).to_string()
}

fn groups(ids: &[&str]) -> String {
    let objects: Vec<String> = ids
        .iter()
        .map(|id| format!(r##"{{"@odata.type":"#microsoft.graph.group","id":"{id}"}}"##))
        .collect();
    format!(r#"{{"value":[{}]}}"#, objects.join(","))
}

fn read(request: &Request, of: &str, ids: &[&str], script: &mut Script) -> Page {
    let page = run::read(request, &partition(&state(of, ids)), None, script).unwrap();
    assert!(script.is_spent(), "not everything was asked for");
    page
}

fn joined(page: &Page) -> Vec<String> {
    page.changes
        .iter()
        .map(|change| match change {
            Change::MembersAdded(joined) => {
                let members: Vec<&str> = joined.members.iter().map(|m| m.id.as_str()).collect();
                format!("{} +{}", joined.group, members.join(","))
            }
            Change::User(user) => format!("user {}", user.id),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn arrived_users_get_the_memberships_that_the_changes_to_groups_do_not_tell() {
    let mut script = Script::new([batch(&[(200, &groups(&[G1, G2])), (200, &groups(&[G2]))])]);
    let page = read(&request(), "users", &[U1, U2], &mut script);
    assert_eq!(
        joined(&page),
        [format!("{G1} +{U1}"), format!("{G2} +{U1},{U2}")]
    );
    assert!(script.batched(0)[0].starts_with(&format!("/users/{U1}/memberOf?")));
}

#[test]
fn an_arrival_that_is_gone_again_is_passed_over() {
    let missing = r#"{"error":{"code":"Request_ResourceNotFound","message":"gone"}}"#;
    let mut script = Script::new([batch(&[(404, missing), (200, &groups(&[G1]))])]);
    let page = read(&request(), "users", &[U1, U2], &mut script);
    assert_eq!(joined(&page), [format!("{G1} +{U2}")]);
}

#[test]
fn roles_and_administrative_units_are_no_groups() {
    let roles = r##"{"value":[{"@odata.type":"#microsoft.graph.directoryRole","id":"r"}]}"##;
    let mut script = Script::new([batch(&[(200, roles)])]);
    let page = read(&request(), "users", &[U1], &mut script);
    assert_eq!(joined(&page), [""; 0]);
}

#[test]
fn of_configured_groups_only_these_and_their_users_are_kept() {
    let user = format!(
        r#"{{"value":[{{"id":"{U1}","displayName":"Megan","userPrincipalName":"megan@contoso.example"}}]}}"#
    );
    let mut script = Script::new([
        batch(&[(200, &groups(&[G1, G2])), (200, &groups(&[G2]))]),
        batch(&[(200, &user)]),
    ]);
    let configured = request_for(&format!(r#"["{G1}"]"#));
    let page = read(&configured, "users", &[U1, U2], &mut script);
    assert_eq!(joined(&page), [format!("user {U1}"), format!("{G1} +{U1}")]);
}

#[test]
fn a_long_list_of_groups_is_followed_to_its_end() {
    let first = format!(
        r##"{{"value":[{{"@odata.type":"#microsoft.graph.group","id":"{G1}"}}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users/{U1}/memberOf?$skiptoken=x"}}"##
    );
    let mut script = Script::new([batch(&[(200, &first)]), json(200, &groups(&[G2]))]);
    let page = read(&request(), "users", &[U1], &mut script);
    assert_eq!(
        joined(&page),
        [format!("{G1} +{U1}"), format!("{G2} +{U1}")]
    );
}

#[test]
fn it_is_read_in_a_stage_after_the_changes_that_told_of_it() {
    let partitions = partitions(Of::Users, 1, &[U1]).unwrap();
    assert_eq!(partitions[0].stage, 2);
}
