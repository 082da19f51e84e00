use super::*;
use crate::contract::{Opening, Request};
use crate::run;
use crate::script::{self, GRAPH, Script, batch, beginning, error, json, request};

/// A first page of so many groups.
fn page(groups: usize) -> script::Answer {
    let groups: Vec<String> = (0..groups)
        .map(|n| format!(r#"{{"id":"g{n}","displayName":"Group {n}"}}"#))
        .collect();
    json(
        200,
        &format!(
            r#"{{"value":[{}],"@odata.nextLink":"{GRAPH}/groups/delta?$skiptoken=2"}}"#,
            groups.join(",")
        ),
    )
}

fn thrifty() -> Request {
    let mut request = request();
    request.settings.values =
        request
            .settings
            .values
            .replacen('{', r#"{"snapshotStrategy":"thrifty","#, 1);
    request
}

fn planned(request: &Request, script: &mut Script) -> (Opening, String) {
    let mut opening = run::plan(request, script).unwrap();
    assert!(script.is_spent(), "not everything was asked for");
    let note = opening.note.take().unwrap();
    (opening, note)
}

fn keys(opening: &Opening) -> Vec<&str> {
    opening.partitions.iter().map(|p| p.key.as_str()).collect()
}

/// Whether groups are listed, and changes drained at the end.
fn is_fan_out(opening: &Opening) -> bool {
    let keys = keys(opening);
    keys.first() == Some(&"list/groups") && keys.last() == Some(&"changes/users")
}

const WALK: [&str; 2] = ["walk/groups", "walk/users"];

#[test]
fn what_the_quota_does_not_hold_back_is_fanned_out_without_looking() {
    let mut script = Script::new([beginning("1000", "2000")]);
    let (opening, note) = planned(&request(), &mut script);
    assert!(is_fan_out(&opening));
    assert!(
        note.contains("Fan-out: at least 2,011 resource units and about 2 s, which the quota of 8,000 in 10 s does not hold back"),
        "{note}"
    );
}

#[test]
fn many_small_groups_are_walked_where_the_first_page_says_that_this_is_faster() {
    let latency = Duration::from_millis(300);
    let mut script = Script::new([beginning("50000", "1000"), page(200)]).taking(latency);
    let (opening, note) = planned(&request(), &mut script);
    assert_eq!(keys(&opening), WALK);
    assert_eq!(
        note,
        "All groups (50000) and users (1000) are read. Delta walk: about 255 resource units instead of 100,059, about 75 s instead of 125 s, as the quota would hold fan-out back."
    );
    assert_eq!(opening.expected.groups, Some(50_000));
}

#[test]
fn large_groups_make_thin_pages_and_are_fanned_out() {
    let latency = Duration::from_millis(300);
    let mut script = Script::new([beginning("50000", "1000"), page(5)]).taking(latency);
    let (opening, note) = planned(&request(), &mut script);
    assert!(is_fan_out(&opening));
    assert!(
        note.contains("about 100,059 resource units instead of 10,005, about 125 s instead of 3,000 s, as it is the faster way"),
        "{note}"
    );
}

#[test]
fn a_slow_service_is_fanned_out() {
    let mut script =
        Script::new([beginning("50000", "1000"), page(200)]).taking(Duration::from_secs(2));
    let (opening, _) = planned(&request(), &mut script);
    assert!(is_fan_out(&opening));
}

#[test]
fn no_page_is_looked_at_where_users_alone_would_take_a_walk_too_long() {
    let mut script = Script::new([beginning("5000", "1000000")]);
    let (opening, note) = planned(&request(), &mut script);
    assert!(is_fan_out(&opening));
    assert!(note.contains("instead of 5,025"), "{note}");
}

#[test]
fn a_tenant_that_refuses_the_first_round_is_fanned_out_and_the_report_says_why() {
    for (answer, why) in [
        (
            error(400, "Request_UnsupportedQuery"),
            "refused its first page (400 Request_UnsupportedQuery",
        ),
        (page(0), "its first page was empty"),
    ] {
        let mut script = Script::new([beginning("50000", "1000"), answer]);
        let (opening, note) = planned(&request(), &mut script);
        assert!(is_fan_out(&opening));
        assert!(note.contains(why), "{note}");
    }
}

#[test]
fn a_tenant_that_does_not_tell_its_size_is_fanned_out_unless_it_is_to_be_thrifty() {
    let refused = r#"{"error":{"code":"Request_BadRequest","message":"no $count here"}}"#;
    let tokens = [script::latest("groups"), script::latest("users")];
    let mut script = Script::new([batch(&[
        (200, &tokens[0]),
        (200, &tokens[1]),
        (400, refused),
        (400, refused),
    ])]);
    let (opening, note) = planned(&request(), &mut script);
    assert!(is_fan_out(&opening));
    assert!(note.contains("does not tell its size"), "{note}");

    let mut script = Script::new([batch(&[(400, refused), (400, refused)])]);
    let (opening, _) = planned(&thrifty(), &mut script);
    assert_eq!(keys(&opening), WALK);
}

#[test]
fn a_thrifty_connector_asks_for_no_token_and_looks_at_no_page() {
    let mut script = Script::new([batch(&[(200, "10000"), (200, "1000")])]);
    let (opening, note) = planned(&thrifty(), &mut script);
    assert_eq!(keys(&opening), WALK);
    assert_eq!(script.batched(0), ["/groups/$count", "/users/$count"]);
    assert!(
        note.ends_with("Delta walk: about 55 resource units instead of 20,019, about 17 s instead of 25 s, as the connector is to be thrifty; pages full of members make it more."),
        "{note}"
    );
}

#[test]
fn many_users_to_a_group_are_cheaper_to_list_even_for_a_thrifty_connector() {
    let counts = batch(&[(200, "10"), (200, "100000")]);
    let mut script = Script::new([counts, beginning("10", "100000")]);
    let (opening, note) = planned(&thrifty(), &mut script);
    assert!(is_fan_out(&opening));
    assert!(note.contains("many users to a group"), "{note}");
}

#[test]
fn a_missing_permission_is_no_reason_to_choose() {
    let denied = error(403, "Authorization_RequestDenied");
    let mut script = Script::new([beginning("50000", "1000"), denied]);
    let fault = run::plan(&request(), &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permission);
}
