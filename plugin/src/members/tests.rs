use super::*;
use crate::contract::{Member, Request};
use crate::run;
use crate::script::{
    Answer, G1, G2, GRAPH, Script, batch, error, json, partition, request, request_for, with,
};

fn state(hidden: bool) -> String {
    format!(r#"{{"members":{{"groups":[{{"id":"{G1}","hidden":{hidden}}},{{"id":"{G2}"}}]}}}}"#)
}

fn read_state(
    request: &Request,
    state: &str,
    checkpoint: Option<&str>,
    script: &mut Script,
) -> Result<Page, Fault> {
    let page = run::read(request, &partition(state), checkpoint, script);
    assert!(script.is_spent(), "not everything was asked for");
    page
}

fn read(script: &mut Script) -> Result<Page, Fault> {
    read_state(&request(), &state(false), None, script)
}

fn joined(group: &str, members: &[(&str, MemberKind)]) -> Change {
    let members = members
        .iter()
        .map(|(id, kind)| Member {
            id: (*id).to_owned(),
            kind: *kind,
        })
        .collect();
    Change::MembersAdded(Joined {
        group: group.to_owned(),
        members,
    })
}

fn reason<'a>(page: &'a Page, group: &str) -> &'a str {
    let found = page.changes.iter().find_map(|change| match change {
        Change::MembersUnavailable(unavailable) if unavailable.group == group => {
            Some(unavailable.reason.as_str())
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{group} is not unavailable in {:?}", page.changes))
}

const NONE: (u16, &str) = (200, r#"{"value":[]}"#);

#[test]
fn one_batch_reads_the_first_page_of_each_group() {
    let mut script = Script::new([batch(&[
        (
            200,
            r##"{"value":[{"@odata.type":"#microsoft.graph.user","id":"u"},{"@odata.type":"#microsoft.graph.group","id":"g"},
                {"@odata.type":"#microsoft.graph.device","id":"d"},{"@odata.type":"#microsoft.graph.orgContact","id":"c"},{"id":"x"}]}"##,
        ),
        NONE,
    ])]);
    let page = read(&mut script).unwrap();
    let kinds = [
        ("u", MemberKind::User),
        ("g", MemberKind::Group),
        ("d", MemberKind::Device),
        ("c", MemberKind::Contact),
        ("x", MemberKind::Other),
    ];
    assert_eq!(
        page.changes,
        [
            joined(G1, &kinds),
            Change::MembersComplete(G1.to_owned()),
            Change::MembersComplete(G2.to_owned())
        ]
    );
    assert_eq!(page.checkpoint, None);
    assert_eq!(script.urls(), [format!("{GRAPH}/$batch")]);
    assert_eq!(
        script.batched(0),
        [
            format!("/groups/{G1}/members?$select=id&$top=999"),
            format!("/groups/{G2}/members?$select=id&$top=999")
        ]
    );
    assert_eq!(script.settled, [], "the parts did cost what was estimated");
}

#[test]
fn the_host_learns_what_the_parts_did_cost() {
    let part = |id: u8, cost: &str| {
        format!(
            r#"{{"id":"{id}","status":200,"headers":{{"x-ms-resource-unit":"{cost}"}},"body":{{"value":[]}}}}"#
        )
    };
    let body = format!(r#"{{"responses":[{},{}]}}"#, part(0, "3"), part(1, "4"));
    let mut script = Script::new([json(200, &body)]);
    read(&mut script).unwrap();
    assert_eq!(script.settled, [(4, 7)]);
    let mut script = Script::new([with(200, &[("x-ms-resource-unit", "1")], &body)]);
    read(&mut script).unwrap();
    assert_eq!(
        script.settled,
        [(1, 7)],
        "the host has counted what the batch itself said"
    );
}

#[test]
fn service_principals_are_left_out() {
    let mut script = Script::new([batch(&[
        (
            200,
            r##"{"value":[{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s"}]}"##,
        ),
        NONE,
    ])]);
    let page = read(&mut script).unwrap();
    assert_eq!(
        page.changes,
        [
            Change::MembersComplete(G1.to_owned()),
            Change::MembersComplete(G2.to_owned())
        ]
    );
}

#[test]
fn a_group_with_more_pages_gets_a_partition_and_is_not_complete_yet() {
    let link = format!("{GRAPH}/groups/{G1}/members?$skiptoken=a");
    let body = format!(
        r##"{{"@odata.nextLink":"{link}","value":[{{"@odata.type":"#microsoft.graph.user","id":"u"}}]}}"##
    );
    let mut script = Script::new([batch(&[(200, &body), NONE])]);
    let page = read(&mut script).unwrap();
    assert_eq!(
        page.changes,
        [
            joined(G1, &[("u", MemberKind::User)]),
            Change::MembersComplete(G2.to_owned())
        ]
    );
    assert_eq!(page.partitions.len(), 1);
    assert!(page.partitions[0].state.contains("skiptoken=a"));

    // The rest: an empty page with a link is followed, and only the true end completes.
    let state = page.partitions[0].state.clone();
    let second = format!("{GRAPH}/groups/{G1}/members?$skiptoken=b");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[],"@odata.nextLink":"{second}"}}"#),
    )]);
    let page = read_state(&request(), &state, None, &mut script).unwrap();
    assert_eq!(script.urls(), [link]);
    assert_eq!(page.changes, []);
    let checkpoint = page.checkpoint.unwrap();
    let mut script = Script::new([json(
        200,
        r##"{"value":[{"@odata.type":"#microsoft.graph.user","id":"v"}]}"##,
    )]);
    let page = read_state(&request(), &state, Some(&checkpoint), &mut script).unwrap();
    assert_eq!(script.urls(), [second]);
    assert_eq!(
        page.changes,
        [
            joined(G1, &[("v", MemberKind::User)]),
            Change::MembersComplete(G1.to_owned())
        ]
    );
    assert_eq!(page.checkpoint, None);
}

#[test]
fn what_cannot_be_read_of_a_group_is_unavailable_and_never_empty() {
    for (part, said) in [
        (
            (
                403,
                r#"{"error":{"code":"Authorization_RequestDenied","message":"no"}}"#,
            ),
            "GroupMember.Read.All",
        ),
        (
            (
                404,
                r#"{"error":{"code":"Request_ResourceNotFound","message":"gone"}}"#,
            ),
            "Request_ResourceNotFound",
        ),
        ((404, r#""bm90IGhlcmU=""#), "404"),
        (
            (
                400,
                r#"{"error":{"code":"Request_BadRequest","message":"m"}}"#,
            ),
            "Request_BadRequest",
        ),
        (
            (
                200,
                r#"{"value":[],"@odata.nextLink":"https://evil.example/x"}"#,
            ),
            "evil.example",
        ),
    ] {
        let mut script = Script::new([batch(&[part, NONE])]);
        let page = read(&mut script).unwrap();
        assert!(reason(&page, G1).contains(said), "{}", reason(&page, G1));
        assert_eq!(
            page.changes.last(),
            Some(&Change::MembersComplete(G2.to_owned()))
        );
        assert_eq!(page.checkpoint, None);
    }
}

#[test]
fn a_spoilt_part_is_asked_for_again_a_few_times_and_then_unavailable() {
    for part in [
        (200, r#""PGh0bWw+""#),
        (200, r#"{"value":7}"#),
        (200, r#"{"value":null}"#),
        (200, r#"{"values":[]}"#),
        (
            200,
            r##"{"value":[{"@odata.type":"#microsoft.graph.user"}]}"##,
        ),
        (500, r#"{"error":{"code":"x","message":"m"}}"#),
        (503, "null"),
    ] {
        let mut script = Script::new([batch(&[part, NONE])]);
        let mut page = read(&mut script).unwrap();
        assert_eq!(
            page.changes,
            [Change::MembersComplete(G2.to_owned())],
            "{part:?}"
        );
        let mut rounds = 1;
        while let Some(checkpoint) = page.checkpoint {
            let mut script = Script::new([batch(&[part])]);
            page = read_state(&request(), &state(false), Some(&checkpoint), &mut script).unwrap();
            assert_eq!(script.batched(0).len(), 1, "only what is left");
            assert_eq!(script.waits.len(), 1);
            rounds += 1;
        }
        assert_eq!(rounds, ROUNDS);
        reason(&page, G1);
    }
}

#[test]
fn a_part_that_is_missing_from_the_answer_is_asked_for_again() {
    let mut script = Script::new([batch(&[NONE])]);
    let page = read(&mut script).unwrap();
    assert_eq!(page.changes, [Change::MembersComplete(G1.to_owned())]);
    assert!(page.checkpoint.unwrap().contains(G2));
}

#[test]
fn a_throttled_part_waits_for_the_longest_retry_after_and_goes_into_a_later_batch() {
    let body = r#"{"responses":[
        {"id":"0","status":429,"headers":{"Retry-After":"2.128"},"body":{}},
        {"id":"1","status":200,"body":{"value":[]}}]}"#;
    let mut script = Script::new([json(200, body)]);
    let page = read(&mut script).unwrap();
    assert_eq!(page.changes, [Change::MembersComplete(G2.to_owned())]);
    let checkpoint = page.checkpoint.unwrap();
    let mut script = Script::new([batch(&[NONE])]);
    let page = read_state(&request(), &state(false), Some(&checkpoint), &mut script).unwrap();
    assert_eq!(script.waits, [Duration::from_millis(2_128)]);
    assert_eq!(page.changes, [Change::MembersComplete(G1.to_owned())]);
    assert_eq!(page.checkpoint, None);
}

#[test]
fn a_batch_that_is_throttled_as_a_whole_is_left_to_the_host() {
    let body = r#"{"responses":[
        {"id":"0","status":429,"headers":{"retry-after":"3"},"body":{}},
        {"id":"1","status":429,"headers":{"retry-after":"7"},"body":{}}]}"#;
    let mut script = Script::new([json(200, body)]);
    assert_eq!(
        read(&mut script).unwrap_err().kind,
        FaultKind::Throttled(Some(7_000))
    );
}

#[test]
fn a_token_that_ended_within_a_batch_is_renewed() {
    let mut script = Script::new([batch(&[
        (401, r#"{"error":{"code":"InvalidAuthenticationToken"}}"#),
        NONE,
    ])]);
    let page = read(&mut script).unwrap();
    assert_eq!(script.renewed, 1);
    assert!(page.checkpoint.unwrap().contains(G1));
}

#[test]
fn a_batch_that_stays_unreadable_names_each_of_its_groups() {
    let spoilt = || with(200, &[("content-type", "text/html")], "<html>");
    let mut script = Script::new([spoilt(), spoilt(), spoilt(), spoilt()]);
    let page = read(&mut script).unwrap();
    assert_eq!(page.changes.len(), 2);
    reason(&page, G1);
    reason(&page, G2);
}

#[test]
fn a_batch_that_the_host_can_mend_is_a_fault() {
    let mut script = Script::new([
        Answer::Broken,
        Answer::Broken,
        Answer::Broken,
        Answer::Broken,
    ]);
    assert_eq!(read(&mut script).unwrap_err().kind, FaultKind::Transient);
}

#[test]
fn an_empty_answer_from_a_group_with_hidden_members_proves_nothing() {
    for roles in [&[][..], &["GroupMember.Read.All"]] {
        let mut script = Script::new([batch(&[NONE, NONE])]).granting(roles);
        let page = read_state(&request(), &state(true), None, &mut script).unwrap();
        assert!(reason(&page, G1).contains("Member.Read.Hidden"));
        assert_eq!(
            page.changes.last(),
            Some(&Change::MembersComplete(G2.to_owned()))
        );
    }
}

#[test]
fn an_empty_answer_counts_where_hidden_members_may_be_read() {
    let mut script = Script::new([batch(&[NONE, NONE])]).granting(&["Member.Read.Hidden"]);
    let page = read_state(&request(), &state(true), None, &mut script).unwrap();
    assert_eq!(page.changes[0], Change::MembersComplete(G1.to_owned()));
}

#[test]
fn hidden_members_that_show_on_a_later_page_count() {
    for (found, complete) in [(true, true), (false, false)] {
        let state = format!(
            r#"{{"more-members":{{"group":{{"id":"{G1}","hidden":true}},"link":"{GRAPH}/groups/{G1}/members?$skiptoken=a","found":{found}}}}}"#
        );
        let mut script = Script::new([json(200, r#"{"value":[]}"#)]);
        let page = read_state(&request(), &state, None, &mut script).unwrap();
        assert_eq!(
            page.changes == [Change::MembersComplete(G1.to_owned())],
            complete
        );
    }
}

fn more() -> String {
    format!(
        r#"{{"more-members":{{"group":{{"id":"{G1}"}},"link":"{GRAPH}/groups/{G1}/members?$skiptoken=a","found":true}}}}"#
    )
}

#[test]
fn an_expired_page_link_starts_the_group_again_within_bounds() {
    let mut checkpoint = None;
    for round in 0..5 {
        let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
        let page = read_state(&request(), &more(), checkpoint.as_deref(), &mut script).unwrap();
        assert_eq!(page.changes, []);
        let expected = if round == 0 {
            "$skiptoken=a"
        } else {
            "/members?$select=id&$top=999"
        };
        assert!(script.urls()[0].ends_with(expected), "{}", script.urls()[0]);
        checkpoint = Some(page.checkpoint.unwrap());
    }
    let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
    let page = read_state(&request(), &more(), checkpoint.as_deref(), &mut script).unwrap();
    assert!(reason(&page, G1).contains("started again"));
    assert_eq!(page.checkpoint, None);
}

#[test]
fn a_big_groups_trouble_is_that_groups_alone() {
    for answer in [
        error(403, "Authorization_RequestDenied"),
        error(404, "Request_ResourceNotFound"),
        json(200, r#"{"value":{}}"#),
        json(
            200,
            &format!(
                r#"{{"value":[],"@odata.nextLink":"{GRAPH}/groups/{G1}/members?$skiptoken=a"}}"#
            ),
        ),
        json(
            200,
            r#"{"value":[],"@odata.nextLink":"https://evil.example/"}"#,
        ),
    ] {
        let mut script = Script::new([answer]);
        let page = read_state(&request(), &more(), None, &mut script).unwrap();
        reason(&page, G1);
        assert_eq!(page.checkpoint, None);
    }
}

#[test]
fn a_link_in_an_error_is_never_followed() {
    let trap = format!(r#"{{"error":{{"code":"x"}},"@odata.nextLink":"{GRAPH}/trap"}}"#);
    let mut script = Script::new([json(503, &trap), json(200, r#"{"value":[]}"#)]);
    let page = read_state(&request(), &more(), None, &mut script).unwrap();
    assert!(
        script
            .urls()
            .iter()
            .all(|url| url.ends_with("$skiptoken=a"))
    );
    assert_eq!(page.changes, [Change::MembersComplete(G1.to_owned())]);
}

#[test]
fn with_configured_groups_members_come_with_their_details() {
    let request = request_for(&format!(r#"["{G1}","{G2}"]"#));
    let mut script = Script::new([batch(&[
        (
            200,
            r##"{"value":[
              {"@odata.type":"#microsoft.graph.user","id":"u","displayName":"Ada","userPrincipalName":"a@x","mail":"a@y"},
              {"@odata.type":"#microsoft.graph.user","id":"limited","displayName":null},
              {"@odata.type":"#microsoft.graph.group","id":"g","displayName":"Nested"}]}"##,
        ),
        NONE,
    ])]);
    let page = read_state(&request, &state(false), None, &mut script).unwrap();
    let Change::User(user) = &page.changes[0] else {
        panic!()
    };
    assert_eq!((user.id.as_str(), user.name.as_str()), ("u", "Ada"));
    assert!(user.document.contains("a@y"));
    assert_eq!(
        page.changes[1],
        joined(
            G1,
            &[
                ("u", MemberKind::User),
                ("limited", MemberKind::User),
                ("g", MemberKind::Group)
            ]
        )
    );
    assert!(
        script.batched(0)[0].contains("members?$select=id,displayName,userPrincipalName,givenName")
    );
    assert_eq!(
        script.logged.len(),
        1,
        "a member without details is told of"
    );
}

#[test]
fn partitions_are_named_by_their_content() {
    let request = request();
    let settings = run::checked(&request).unwrap();
    let run = Run::new(&request, &settings).unwrap();
    let group = |number: usize| GroupRef {
        id: format!("{number}"),
        hidden: number == 3,
    };
    let made = partitions(&run, (0..45).map(group).collect(), 0).unwrap();
    let titles: Vec<&str> = made
        .iter()
        .map(|partition| partition.title.as_str())
        .collect();
    assert_eq!(
        titles,
        [
            "members of 20 groups",
            "members of 20 groups",
            "members of 5 groups"
        ]
    );
    let again = partitions(&run, (0..45).map(group).collect(), 0).unwrap();
    assert_eq!(made, again);
    let shifted = partitions(&run, (0..46).map(group).collect(), 0).unwrap();
    assert_eq!(made[0].key, shifted[0].key);
    assert_ne!(made[2].key, shifted[2].key);
    assert!(made.iter().all(|partition| partition.state.len() < 4096));
}

#[test]
fn a_state_or_checkpoint_that_is_garbage_is_a_permanent_fault() {
    for state in ["", "{}", "[]", "7", "\"nothing\"", r#"{"members":7}"#] {
        let mut script = Script::new([]);
        assert_eq!(
            read_state(&request(), state, None, &mut script)
                .unwrap_err()
                .kind,
            FaultKind::Permanent,
            "{state}"
        );
    }
    for checkpoint in ["", "[]", "{\"groups\":7}"] {
        let mut script = Script::new([]);
        let fault =
            read_state(&request(), &state(false), Some(checkpoint), &mut script).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Permanent, "{checkpoint}");
    }
}

#[test]
fn a_group_that_could_not_be_read_is_read_by_the_next_run_after_the_changes() {
    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"no"}}"#;
    let mut script = Script::new([batch(&[(403, denied), NONE])]);
    let page = read(&mut script).unwrap();
    assert_eq!(page.cursor.len(), 1, "only the one that could not be read");

    let mut next = request();
    next.mode = crate::contract::Mode::Incremental;
    next.cursor = page.cursor;
    for of in ["groups", "users"] {
        let link = format!("{GRAPH}/{of}/delta?$deltatoken=t");
        let state = format!(r#"{{"changes":{{"of":"{of}","link":"{link}"}}}}"#);
        let last = format!(r#"{{"value":[],"@odata.deltaLink":"{link}"}}"#);
        let mut script = Script::new([json(200, &last)]);
        let page = read_state(&request(), &state, None, &mut script).unwrap();
        next.cursor.extend(page.cursor);
    }
    let mut script = Script::new([]);
    let opening = run::plan(&next, &mut script).unwrap();
    let catching_up = opening.partitions.last().unwrap();
    assert_eq!((opening.partitions.len(), catching_up.stage), (3, 1));
    let mut script = Script::new([batch(&[NONE])]);
    let page = run::read(&next, catching_up, None, &mut script).unwrap();
    assert_eq!(page.changes, [Change::MembersComplete(G1.to_owned())]);
    assert_eq!(page.cursor, []);
}

#[test]
fn a_group_that_is_caught_up_on_brings_the_details_of_its_members() {
    let mut late = request();
    late.mode = crate::contract::Mode::Incremental;
    let member = r##"{"value":[{"@odata.type":"#microsoft.graph.user","id":"u","displayName":"U","userPrincipalName":"u@x"}]}"##;
    let mut script = Script::new([batch(&[(200, member), NONE])]);
    let page = read_state(&late, &state(false), None, &mut script).unwrap();
    assert!(
        matches!(&page.changes[0], Change::User(user) if user.id == "u"),
        "{:?}",
        page.changes
    );
}

#[test]
fn a_group_that_is_gone_from_the_source_and_from_the_host_is_forgotten() {
    let missing = r#"{"error":{"code":"Request_ResourceNotFound","message":"gone"}}"#;
    let mut script = Script::new([batch(&[(404, missing), (404, missing)])]).lacking(&[G1]);
    let page = read(&mut script).unwrap();
    let [Change::MembersUnavailable(unavailable)] = page.changes.as_slice() else {
        panic!("{:?}", page.changes)
    };
    assert_eq!(unavailable.group, G2);
}
