use super::*;
use crate::contract::Request;
use crate::script::{
    G1, G2, GRAPH, Script, batch, beginning, error, json, latest, request, request_for, with,
};
use crate::settings::Settings;

const DENIED: &str = r#"{"error":{"code":"Authorization_RequestDenied","message":"m"}}"#;
const UNSUPPORTED: &str = r#"{"error":{"code":"Request_BadRequest","message":"no $count here"}}"#;

fn started(request: &Request, script: &mut Script) -> Result<Start, Fault> {
    let settings = Settings::parse(&request.settings).unwrap();
    let run = Run::new(request, &settings).unwrap();
    let start = start(&run, &mut Client::new(script, &settings));
    assert!(script.is_spent(), "not everything was asked for");
    start
}

#[test]
fn tokens_and_sizes_are_asked_for_in_one_request_before_anything_else() {
    let mut script = Script::new([beginning("200", "2000")]);
    let start = started(&request(), &mut script).unwrap();
    assert_eq!(
        script.batched(0),
        [
            "/groups/delta?$select=id,displayName,visibility,groupTypes,securityEnabled,mailEnabled,classification,uniqueName,members&$deltatoken=latest",
            "/users/delta?$select=id,displayName,userPrincipalName,givenName,surname,mail,streetAddress,country,jobTitle,preferredLanguage&$deltatoken=latest",
            "/groups/$count",
            "/users/$count",
        ]
    );
    let eventual = serde_json::json!({"ConsistencyLevel": "eventual"});
    let null = serde_json::Value::Null;
    assert_eq!(
        script.batched_headers(0),
        [null.clone(), null, eventual.clone(), eventual]
    );
    assert!(start.groups.ends_with("t-groups") && start.users.ends_with("t-users"));
    assert_eq!(
        start.size,
        Size {
            groups: Some(200),
            users: Some(2_000)
        }
    );
}

#[test]
fn a_count_may_be_a_number_a_text_or_base64() {
    for (body, count) in [
        ("12", Some(12)),
        (r#""12""#, Some(12)),
        (r#""\ufeff12\r\n""#, Some(12)),
        (r#""MTI=""#, Some(12)),
        (r#""MTI""#, Some(12)),
        (r#""MTIzNA==""#, Some(1_234)),
        ("0", Some(0)),
        ("-1", None),
        ("1.5", None),
        (r#""many""#, None),
        (r#""""#, None),
        ("null", None),
        ("[12]", None),
        (r#"{"value":12}"#, None),
    ] {
        let parts = batch(&[
            (200, &latest("groups")),
            (200, &latest("users")),
            (200, "7"),
            (200, body),
        ]);
        // What is no number may have been spoilt on the way: it is asked for again.
        let asked_again = count.is_none() && !body.starts_with('{');
        let more = (1..ROUNDS)
            .filter(|_| asked_again)
            .map(|_| batch(&[(200, body)]));
        let mut script = Script::new(std::iter::once(parts).chain(more));
        let start = started(&request(), &mut script).unwrap();
        assert_eq!(start.size.users, count, "{body}");
        assert_eq!(start.size.groups, Some(7));
    }
}

#[test]
fn a_tenant_that_does_not_count_is_read_all_the_same() {
    let mut script = Script::new([batch(&[
        (200, &latest("groups")),
        (200, &latest("users")),
        (400, UNSUPPORTED),
        (403, DENIED),
    ])]);
    let start = started(&request(), &mut script).unwrap();
    assert_eq!(start.size, Size::default());
    assert!(
        script.logged[0].contains("how many groups"),
        "{:?}",
        script.logged
    );
}

#[test]
fn a_missing_permission_shows_when_the_run_is_opened() {
    let mut script = Script::new([batch(&[
        (200, &latest("groups")),
        (403, DENIED),
        (403, DENIED),
        (403, DENIED),
    ])]);
    let fault = started(&request(), &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permission);
    assert!(fault.message.contains("User.Read.All"));
}

#[test]
fn what_is_not_answered_is_asked_again_alone() {
    let mut script = Script::new([
        batch(&[
            (503, "null"),
            (200, &latest("users")),
            (429, "null"),
            (200, "5"),
        ]),
        batch(&[(200, &latest("groups")), (200, "6")]),
    ]);
    let start = started(&request(), &mut script).unwrap();
    assert_eq!(script.batched(1).len(), 2);
    assert_eq!((start.size.groups, start.size.users), (Some(6), Some(5)));
    assert!(start.groups.ends_with("t-groups"));
}

#[test]
fn a_count_that_stays_away_is_not_waited_for_and_a_token_is_a_fault() {
    let counts_only = || batch(&[(503, "null")]);
    let mut script = Script::new(
        std::iter::once(batch(&[
            (200, &latest("groups")),
            (200, &latest("users")),
            (503, "null"),
            (200, "5"),
        ]))
        .chain((1..ROUNDS).map(|_| counts_only())),
    );
    let start = started(&request(), &mut script).unwrap();
    assert_eq!((start.size.groups, start.size.users), (None, Some(5)));

    for (status, kind) in [
        (503, FaultKind::Transient),
        (429, FaultKind::Throttled(None)),
    ] {
        let first = batch(&[
            (status, "null"),
            (200, &latest("users")),
            (200, "5"),
            (200, "5"),
        ]);
        let others = (1..ROUNDS).map(|_| batch(&[(status, "null")]));
        let mut script = Script::new(std::iter::once(first).chain(others));
        assert_eq!(started(&request(), &mut script).unwrap_err().kind, kind);
    }
}

#[test]
fn a_token_that_is_some_pages_on_is_followed() {
    let next = format!(r#"{{"value":[],"@odata.nextLink":"{GRAPH}/users/delta?$skiptoken=a"}}"#);
    let mut script = Script::new([
        batch(&[
            (200, &latest("groups")),
            (200, &next),
            (200, "1"),
            (200, "1"),
        ]),
        json(200, &latest("users")),
    ]);
    let start = started(&request(), &mut script).unwrap();
    assert!(start.users.ends_with("t-users"));
    assert!(script.urls()[1].ends_with("$skiptoken=a"));
}

#[test]
fn no_token_or_one_of_another_origin_is_a_protocol_fault() {
    for body in [
        r#"{"value":[]}"#.to_owned(),
        r#"{"value":[],"@odata.deltaLink":"https://evil.example/"}"#.to_owned(),
        format!(r#"{{"value":[],"@odata.deltaLink":"{GRAPH}/a","@odata.nextLink":"{GRAPH}/b"}}"#),
    ] {
        let mut script = Script::new([batch(&[
            (200, &body),
            (200, &latest("users")),
            (200, "1"),
            (200, "1"),
        ])]);
        assert_eq!(
            started(&request(), &mut script).unwrap_err().kind,
            FaultKind::Protocol,
            "{body}"
        );
    }
    let endless =
        format!(r#"{{"value":[],"@odata.nextLink":"{GRAPH}/groups/delta?$skiptoken=a"}}"#);
    let first = batch(&[
        (200, &endless),
        (200, &latest("users")),
        (200, "1"),
        (200, "1"),
    ]);
    let mut script =
        Script::new(std::iter::once(first).chain((1..TOKEN_PAGES).map(|_| json(200, &endless))));
    assert_eq!(
        started(&request(), &mut script).unwrap_err().code,
        "graph.no-token"
    );
}

#[test]
fn a_batch_that_is_refused_as_a_whole_is_judged_like_any_answer() {
    let mut script = Script::new([error(403, "Authorization_RequestDenied")]);
    let fault = started(&request(), &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Permission);
    let long = [("retry-after", "120"), ("content-type", "application/json")];
    let mut script = Script::new([with(429, &long, "{}")]);
    let fault = started(&request(), &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Throttled(Some(120_000)));
}

#[test]
fn configured_groups_are_the_only_ones_whose_changes_are_followed_and_nothing_is_counted() {
    let mut script = Script::new([batch(&[(200, &latest("groups")), (200, &latest("users"))])]);
    started(&request_for(&format!(r#"["{G1}","{G2}"]"#)), &mut script).unwrap();
    let paths = script.batched(0);
    assert!(
        paths[0].contains(&format!(
            "&$filter=id%20eq%20'{G1}'%20or%20id%20eq%20'{G2}'&$deltatoken=latest"
        )),
        "{}",
        paths[0]
    );
    assert!(paths.len() == 2 && !paths[1].contains("$filter"));
}

#[test]
fn more_groups_than_a_filter_takes_are_followed_without_one() {
    let ids: Vec<String> = (0..51)
        .map(|n| format!("\"aaaaaaaa-0000-0000-0000-{n:012}\""))
        .collect();
    let mut script = Script::new([batch(&[(200, &latest("groups")), (200, &latest("users"))])]);
    started(&request_for(&format!("[{}]", ids.join(","))), &mut script).unwrap();
    assert!(!script.batched(0)[0].contains("$filter"));
}
