use super::*;
use crate::contract::{Mode, Request};
use crate::graph::batch;
use crate::run;
use crate::script::{self, G1, G2, GRAPH, Script, error, json, partition, request, request_for};

fn state(of: &str) -> String {
    format!(r#"{{"changes":{{"of":"{of}","link":"{GRAPH}/{of}/delta?$deltatoken=t"}}}}"#)
}

fn read(
    request: &Request,
    of: &str,
    checkpoint: Option<&str>,
    script: &mut Script,
) -> Result<Page, Fault> {
    let page = run::read(request, &partition(&state(of)), checkpoint, script);
    assert!(script.is_spent(), "not everything was asked for");
    page
}

/// A last page with these entries.
fn last(entries: &str) -> script::Answer {
    json(
        200,
        &format!(r#"{{"value":[{entries}],"@odata.deltaLink":"{GRAPH}/x/delta?$deltatoken=n"}}"#),
    )
}

fn changes(of: &str, entries: &str) -> Vec<Change> {
    read(&request(), of, None, &mut Script::new([last(entries)]))
        .unwrap()
        .changes
}

/// Changes in short.
fn told(changes: &[Change]) -> Vec<String> {
    let joined = |joined: &Joined| {
        joined
            .members
            .iter()
            .map(|m| m.id.as_str())
            .collect::<Vec<_>>()
            .join(",")
    };
    changes
        .iter()
        .map(|change| match change {
            Change::User(object) => format!("user {} {}", object.id, object.name),
            Change::Group(object) => format!("group {} {}", object.id, object.name),
            Change::UserRemoved(removed) => {
                format!("user-removed {} {:?}", removed.id, removed.removal)
            }
            Change::GroupRemoved(id) => format!("group-removed {id}"),
            Change::MembersAdded(added) => format!("{} +{}", added.group, joined(added)),
            Change::MembersRemoved(left) => format!("{} -{}", left.group, left.members.join(",")),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The cursor that a run leaves behind.
fn cursor(request: &Request) -> Vec<CursorPart> {
    let mut parts = Vec::new();
    for of in ["groups", "users"] {
        parts.extend(
            read(request, of, None, &mut Script::new([last("")]))
                .unwrap()
                .cursor,
        );
    }
    parts
}

fn incremental(mut request: Request, cursor: Vec<CursorPart>) -> Request {
    request.mode = Mode::Incremental;
    request.cursor = cursor;
    request
}

#[test]
fn a_run_in_which_nothing_changed_is_two_requests() {
    let request = incremental(request(), cursor(&request()));
    let mut script = Script::new([last(""), last("")]);
    let opening = run::plan(&request, &mut script).unwrap();
    assert!(script.requests.is_empty(), "opening the run costs nothing");
    assert_eq!(
        opening
            .partitions
            .iter()
            .map(|p| p.stage)
            .collect::<Vec<_>>(),
        [0, 0]
    );
    for partition in &opening.partitions {
        let page = run::read(&request, partition, None, &mut script).unwrap();
        assert_eq!(
            (page.changes.len(), page.checkpoint, page.cursor.len()),
            (0, None, 1)
        );
    }
    assert_eq!(
        script.urls(),
        vec![format!("{GRAPH}/x/delta?$deltatoken=n"); 2],
        "the links are used whole"
    );
}

#[test]
fn a_cursor_without_one_of_its_pieces_is_expired() {
    let full = cursor(&request());
    for broken in [
        vec![],
        vec![full[0].clone()],
        vec![full[1].clone()],
        vec![
            full[0].clone(),
            CursorPart {
                key: "users".to_owned(),
                value: "{}".to_owned(),
            },
        ],
    ] {
        let request = incremental(request(), broken);
        assert_eq!(
            run::plan(&request, &mut Script::new([])).unwrap_err().kind,
            FaultKind::CursorExpired
        );
    }
}

/// Keeps users without groups.
fn keep_all(request: &mut Request) {
    let values = &mut request.settings.values;
    *values = values.replacen('{', r#"{"keepUsersWithoutGroups":true,"#, 1);
}

#[test]
fn a_change_of_what_shapes_documents_starts_a_snapshot() {
    let full = cursor(&request());
    let mut noted = incremental(request(), full.clone());
    noted.map.name = "other name".to_owned();
    assert!(run::plan(&noted, &mut Script::new([])).is_ok());
    let changed: [fn(&mut Request); 5] = [
        keep_all,
        |request| request.map = crate::transform::maps::filled(),
        |request| request.settings = request_for(&format!(r#"["{G1}"]"#)).settings,
        |request| {
            request.links = vec![crate::contract::GroupLink {
                group: G1.to_owned(),
                platform_groups: vec!["p".to_owned()],
            }];
        },
        |request| {
            request.settings.values = request
                .settings
                .values
                .replace('{', r#"{"notification":{"a":1},"#)
        },
    ];
    for change in changed {
        let mut request = incremental(request(), full.clone());
        change(&mut request);
        let fault = run::plan(&request, &mut Script::new([])).unwrap_err();
        assert_eq!(
            (fault.kind, fault.code.as_str()),
            (FaultKind::CursorExpired, "cursor.changed")
        );
    }
}

#[test]
fn the_order_of_configured_groups_is_no_change() {
    let one = request_for(&format!(r#"["{G1}","{G2}"]"#));
    let other = request_for(&format!(r#"["{G2}","{G1}"]"#));
    let request = incremental(other, cursor(&one));
    assert!(run::plan(&request, &mut Script::new([])).is_ok());
}

#[test]
fn members_are_split_into_those_who_joined_and_those_who_left_in_order() {
    let entries = r##"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[
        {"@odata.type":"#microsoft.graph.user","id":"a"},
        {"@odata.type":"#microsoft.graph.group","id":"b"},
        {"@odata.type":"#microsoft.graph.user","id":"c","@removed":{"reason":"deleted"}},
        {"@odata.type":"#microsoft.graph.user","id":"a","@removed":{"reason":"changed"}},
        {"@odata.type":"#microsoft.graph.user","id":"c"}]}"##;
    assert_eq!(
        told(&changes("groups", entries)),
        ["group g G", "g +a,b", "g -c,a", "g +c"]
    );
}

#[test]
fn slices_repeats_and_any_order_are_applied_as_they_arrive() {
    let entries = r##"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]},
        {"id":"h","displayName":"H","securityEnabled":true,"mailEnabled":false},
        {"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[{"@odata.type":"#microsoft.graph.user","id":"b"}]},
        {"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]},
        {"id":"h","@removed":{"reason":"deleted"}},
        {"id":"h","displayName":"H again","securityEnabled":true,"mailEnabled":false}"##;
    assert_eq!(
        told(&changes("groups", entries)),
        [
            "group g G",
            "g +a",
            "group h H",
            "group g G",
            "g +b",
            "group g G",
            "g +a",
            "group-removed h",
            "group h H again"
        ]
    );
}

#[test]
fn a_group_without_members_in_a_page_says_nothing_about_its_members() {
    assert_eq!(
        told(&changes(
            "groups",
            r#"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false},{"id":"h","displayName":"H","securityEnabled":true,"mailEnabled":false,"members@delta":[]}"#
        )),
        ["group g G", "group h H"]
    );
}

#[test]
fn service_principals_are_left_out_of_changes_too() {
    let entries = r##"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[
        {"@odata.type":"#microsoft.graph.servicePrincipal","id":"s"},
        {"@odata.type":"#microsoft.graph.servicePrincipal","id":"t","@removed":{"reason":"deleted"}}]}"##;
    assert_eq!(told(&changes("groups", entries)), ["group g G"]);
}

#[test]
fn a_group_is_removed_for_either_reason_and_in_any_round() {
    let entries =
        r#"{"id":"g","@removed":{"reason":"changed"}},{"id":"h","@removed":{"reason":"deleted"}}"#;
    assert_eq!(
        told(&changes("groups", entries)),
        ["group-removed g", "group-removed h"]
    );
}

#[test]
fn users_are_removed_softly_or_for_good_and_restored_as_new() {
    let entries = r#"{"id":"u","@removed":{"reason":"changed"}},{"id":"v","@removed":{"reason":"deleted"}},
        {"id":"u","displayName":"Ada","userPrincipalName":"a@x"}"#;
    assert_eq!(
        told(&changes("users", entries)),
        [
            "user-removed u Removal::Soft",
            "user-removed v Removal::Hard",
            "user u Ada"
        ]
    );
}

#[test]
fn a_cleared_property_leaves_the_document() {
    let of = |entry: &str| match changes("users", entry).remove(0) {
        Change::User(object) => object.document,
        other => panic!("{other:?}"),
    };
    let with = of(r#"{"id":"u","displayName":"A","userPrincipalName":"a@x","jobTitle":"T"}"#);
    let cleared = of(r#"{"id":"u","displayName":"A","userPrincipalName":"a@x","jobTitle":null}"#);
    let never = of(r#"{"id":"u","displayName":"A","userPrincipalName":"a@x"}"#);
    assert!(with.contains("title"));
    assert_eq!(cleared, never);
}

#[test]
fn stubs_of_users_are_looked_up_in_bulk_before_they_are_mapped() {
    let stubs: Vec<String> = (0..17).map(|n| format!(r#"{{"id":"u{n:02}"}}"#)).collect();
    let found = r#"{"value":[{"id":"u00","displayName":"Ada","userPrincipalName":"a@x"}]}"#;
    let mut script = Script::new([
        last(&stubs.join(",")),
        script::batch(&[(200, found), (200, r#"{"value":[]}"#)]),
    ]);
    let page = read(&request(), "users", None, &mut script).unwrap();
    assert_eq!(
        told(&page.changes),
        ["user u00 Ada"],
        "those that are not there are skipped"
    );
    let paths = script.batched(1);
    assert_eq!(paths.len(), 2, "fifteen and two");
    assert!(
        paths[0].starts_with("/users?$filter=id%20in%20('u00','u01',"),
        "{}",
        paths[0]
    );
    assert!(paths[0].contains("&$select=id,displayName,"));
}

#[test]
fn stubs_of_groups_are_looked_up_and_keep_their_members() {
    let entries = r##"{"id":"g","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]},
        {"id":"h","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]}"##;
    let gone = r#"{"error":{"code":"Request_ResourceNotFound","message":"m"}}"#;
    let mut script = Script::new([
        last(entries),
        script::batch(&[
            (
                200,
                r#"{"id":"g","displayName":"Whole","securityEnabled":true,"mailEnabled":false}"#,
            ),
            (404, gone),
        ]),
    ]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    assert_eq!(told(&page.changes), ["group g Whole", "g +a"]);
}

#[test]
fn a_lookup_that_fails_is_a_fault_and_not_an_absence() {
    for (part, kind) in [
        (
            (
                403,
                r#"{"error":{"code":"Authorization_RequestDenied","message":"m"}}"#,
            ),
            FaultKind::Permission,
        ),
        ((404, r#""cHJveHk=""#), FaultKind::Protocol),
    ] {
        let mut script = Script::new([last(r#"{"id":"g"}"#), script::batch(&[part])]);
        assert_eq!(
            read(&request(), "groups", None, &mut script)
                .unwrap_err()
                .kind,
            kind
        );
    }
    let mut answers = vec![last(r#"{"id":"u"}"#)];
    answers.extend((0..5).map(|_| script::batch(&[(503, "null")])));
    let mut script = Script::new(answers);
    assert_eq!(
        read(&request(), "users", None, &mut script)
            .unwrap_err()
            .kind,
        FaultKind::Transient
    );
}

#[test]
fn a_throttled_lookup_is_repeated_for_what_is_left() {
    let mut script = Script::new([
        last(r#"{"id":"g"},{"id":"h"}"#),
        script::batch(&[
            (
                200,
                r#"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false}"#,
            ),
            (429, "null"),
        ]),
        script::batch(&[(
            200,
            r#"{"id":"h","displayName":"H","securityEnabled":true,"mailEnabled":false}"#,
        )]),
    ]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    assert_eq!(told(&page.changes), ["group g G", "group h H"]);
    assert_eq!(script.batched(2).len(), 1);
    assert_eq!(script.waits.len(), 1);
}

#[test]
fn more_stubs_than_a_batch_takes_are_looked_up_in_several() {
    let stubs: Vec<String> = (0..45).map(|n| format!(r#"{{"id":"g{n:02}"}}"#)).collect();
    let answer = |from: usize, to: usize| {
        let bodies: Vec<String> = (from..to)
            .map(|n| format!(r#"{{"id":"g{n:02}","displayName":"G","securityEnabled":true,"mailEnabled":false}}"#))
            .collect();
        let parts: Vec<(u16, &str)> = bodies.iter().map(|body| (200, body.as_str())).collect();
        script::batch(&parts)
    };
    let mut script = Script::new([
        last(&stubs.join(",")),
        answer(0, 20),
        answer(20, 40),
        answer(40, 45),
    ]);
    assert_eq!(
        read(&request(), "groups", None, &mut script)
            .unwrap()
            .changes
            .len(),
        45
    );
    assert_eq!(batch::MOST, 20);
}

#[test]
fn only_configured_groups_count_and_newcomers_bring_their_details() {
    let request = request_for(&format!(r#"["{G1}"]"#));
    let entries = format!(
        r##"{{"id":"{G2}","displayName":"Other","securityEnabled":true,"mailEnabled":false,"members@delta":[{{"@odata.type":"#microsoft.graph.user","id":"x"}}]}},
        {{"id":"{G2}"}},{{"id":"{G2}","@removed":{{"reason":"deleted"}}}},
        {{"id":"{G1}","displayName":"Mine","securityEnabled":true,"mailEnabled":false,"members@delta":[
            {{"@odata.type":"#microsoft.graph.user","id":"a"}},{{"@odata.type":"#microsoft.graph.user","id":"b"}},
            {{"@odata.type":"#microsoft.graph.group","id":"n"}},
            {{"@odata.type":"#microsoft.graph.user","id":"c","@removed":{{"reason":"deleted"}}}}]}}"##
    );
    let found = r#"{"value":[{"id":"a","displayName":"Ada","userPrincipalName":"a@x"}]}"#;
    let mut script =
        Script::new([last(&entries), script::batch(&[(200, found)])]).lacking(&["a", "b"]);
    let page = read(&request, "groups", None, &mut script).unwrap();
    assert_eq!(
        told(&page.changes),
        [
            format!("group {G1} Mine"),
            "user a Ada".to_owned(),
            format!("{G1} +a,n"),
            format!("{G1} -c")
        ]
    );
    assert!(script.batched(1)[0].contains("('a','b')"));
}

#[test]
fn a_newcomer_whom_nobody_can_see_is_in_the_deleted_items_and_no_member() {
    let entries = r##"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[
        {"@odata.type":"#microsoft.graph.user","id":"a"},{"@odata.type":"#microsoft.graph.user","id":"b"}]}"##;
    let mut script =
        Script::new([last(entries), script::batch(&[(200, r#"{"value":[]}"#)])]).lacking(&["b"]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    assert_eq!(told(&page.changes), ["group g G", "g +a"]);
}

#[test]
fn whatever_arrives_and_is_not_held_is_asked_for_its_groups_in_a_later_stage() {
    let user = r#"{"id":"u","displayName":"U","userPrincipalName":"u@x"}"#;
    let removed = r#"{"id":"r","@removed":{"reason":"changed"}}"#;
    let held = r#"{"id":"h","displayName":"H","userPrincipalName":"h@x"}"#;
    let entries = format!("{user},{removed},{held},{user}");
    let mut script = Script::new([last(&entries)]).lacking(&["u", "r"]);
    let page = read(&request(), "users", None, &mut script).unwrap();
    let [partition] = page.partitions.as_slice() else {
        panic!("{:?}", page.partitions)
    };
    assert_eq!(partition.stage, 1);
    assert_eq!(
        Work::parse(&partition.state).unwrap(),
        Work::MemberOf {
            of: Of::Users,
            ids: vec!["u".to_owned()]
        }
    );
    let mut script = Script::new([last(
        r#"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false}"#,
    )])
    .lacking(&["g"]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    assert_eq!(page.partitions.len(), 1);
}

#[test]
fn with_configured_groups_users_who_are_not_held_are_only_asked_for_their_groups() {
    let entries = r#"{"id":"u","displayName":"U","userPrincipalName":"u@x"}"#;
    let mut script = Script::new([last(entries)]).lacking(&["u"]);
    let page = read(
        &request_for(&format!(r#"["{G1}"]"#)),
        "users",
        None,
        &mut script,
    )
    .unwrap();
    assert_eq!(told(&page.changes), [""; 0]);
    assert_eq!(page.partitions.len(), 1);
}

#[test]
fn with_all_groups_users_who_are_not_held_are_only_asked_for_their_groups_unless_all_are_kept() {
    let entries = r#"{"id":"u","displayName":"U","userPrincipalName":"u@x"}"#;
    for (keep, expected) in [(false, vec![]), (true, vec!["user u U"])] {
        let mut request = incremental(request(), Vec::new());
        if keep {
            keep_all(&mut request);
        }
        let mut script = Script::new([last(entries)]).lacking(&["u"]);
        let page = read(&request, "users", None, &mut script).unwrap();
        assert_eq!(told(&page.changes), expected);
        assert_eq!(page.partitions.len(), 1);
    }
}

#[test]
fn with_all_groups_newcomers_are_known_already() {
    let entries = r##"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]}"##;
    assert_eq!(told(&changes("groups", entries)), ["group g G", "g +a"]);
}

#[test]
fn an_empty_page_with_a_link_is_followed_and_a_last_page_gives_the_cursor() {
    let next = format!("{GRAPH}/groups/delta?$skiptoken=a");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#),
    )]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    assert_eq!(page.cursor, []);
    let mut script = Script::new([last(
        r#"{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false}"#,
    )]);
    let page = read(
        &request(),
        "groups",
        page.checkpoint.as_deref(),
        &mut script,
    )
    .unwrap();
    assert_eq!(script.urls(), [next]);
    assert_eq!(page.cursor.len(), 1);
    assert_eq!(page.cursor[0].key, "groups");
    assert!(page.cursor[0].value.contains("$deltatoken=n"));
    assert_eq!(page.checkpoint, None);
}

#[test]
fn a_page_with_both_links_or_neither_or_without_a_list_is_a_protocol_fault() {
    for body in [
        r#"{"value":[]}"#.to_owned(),
        format!(r#"{{"value":[],"@odata.nextLink":"{GRAPH}/a","@odata.deltaLink":"{GRAPH}/b"}}"#),
        format!(r#"{{"@odata.deltaLink":"{GRAPH}/b"}}"#),
        format!(r#"{{"value":{{}},"@odata.deltaLink":"{GRAPH}/b"}}"#),
        format!(r#"{{"value":null,"@odata.deltaLink":"{GRAPH}/b"}}"#),
        format!(r#"{{"value":[{{"displayName":"no id"}}],"@odata.deltaLink":"{GRAPH}/b"}}"#),
        r#"{"value":[],"@odata.deltaLink":"https://evil.example/"}"#.to_owned(),
        r#"{"value":[],"@odata.nextLink":"https://evil.example/"}"#.to_owned(),
    ] {
        for of in ["groups", "users"] {
            let fault =
                read(&request(), of, None, &mut Script::new([json(200, &body)])).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Protocol, "{of} {body}");
        }
    }
    let odd = format!(
        r#"{{"value":[{{"id":"g","displayName":"G","securityEnabled":true,"mailEnabled":false,"members@delta":{{}}}}],"@odata.deltaLink":"{GRAPH}/b"}}"#
    );
    assert_eq!(
        read(
            &request(),
            "groups",
            None,
            &mut Script::new([json(200, &odd)])
        )
        .unwrap_err()
        .kind,
        FaultKind::Protocol
    );
}

#[test]
fn a_loop_of_links_is_a_protocol_fault() {
    let link = format!("{GRAPH}/groups/delta?$deltatoken=t");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[],"@odata.nextLink":"{link}"}}"#),
    )]);
    assert_eq!(
        read(&request(), "groups", None, &mut script)
            .unwrap_err()
            .code,
        "graph.loop"
    );
}

#[test]
fn an_expired_token_asks_for_a_snapshot_in_every_spelling() {
    for answer in [
        script::with(410, &[("location", "https://evil.example/")], "<html>"),
        json(410, "{}"),
        error(400, "syncStateNotFound"),
        error(404, "SyncStateNotFound"),
        error(400, "resyncRequired"),
        error(400, "resyncApplyDifferences"),
        error(404, "ResyncUploadDifferences"),
        error(400, "Directory_ExpiredPageToken"),
    ] {
        let fault = read(&request(), "users", None, &mut Script::new([answer])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::CursorExpired);
    }
}

#[test]
fn any_other_400_does_not_start_a_snapshot() {
    for (status, code, kind) in [
        (400, "Request_BadRequest", FaultKind::Protocol),
        (404, "UnknownError", FaultKind::Protocol),
        (403, "Authorization_RequestDenied", FaultKind::Permission),
    ] {
        let fault = read(
            &request(),
            "groups",
            None,
            &mut Script::new([error(status, code)]),
        )
        .unwrap_err();
        assert_eq!((fault.kind, fault.code), (kind, format!("graph.{code}")));
    }
}

#[test]
fn an_expired_page_link_in_mid_round_starts_the_round_again() {
    let next = format!("{GRAPH}/users/delta?$skiptoken=a");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#),
    )]);
    let page = read(&request(), "users", None, &mut script).unwrap();
    let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
    let page = read(&request(), "users", page.checkpoint.as_deref(), &mut script).unwrap();
    let mut script = Script::new([last("")]);
    read(&request(), "users", page.checkpoint.as_deref(), &mut script).unwrap();
    assert_eq!(
        script.urls(),
        [format!("{GRAPH}/users/delta?$deltatoken=t")]
    );
}

#[test]
fn a_change_and_a_stub_that_was_looked_up_tell_the_kind_of_the_group() {
    let entries = r#"{"id":"g","displayName":"G","groupTypes":["Unified"],"securityEnabled":false,"mailEnabled":true},
        {"id":"h"}"#;
    let whole = r#"{"id":"h","displayName":"H","groupTypes":["DynamicMembership"],"securityEnabled":true,"mailEnabled":false}"#;
    let mut script = Script::new([last(entries), script::batch(&[(200, whole)])]);
    let page = read(&request(), "groups", None, &mut script).unwrap();
    let kinds = page.changes.iter().filter_map(|change| match change {
        Change::Group(group) => group.kind.as_deref(),
        _ => None,
    });
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        ["microsoft365", "security-dynamic"]
    );
}
