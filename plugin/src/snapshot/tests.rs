use super::*;
use crate::contract::{Mode, Request, Retention, TransformMap};
use crate::run;
use crate::script::{
    G1, G2, GRAPH, Script, batch, beginning, error, json, latest, partition, request, request_for,
};
use crate::transform::maps;

fn read(
    request: &Request,
    state: &str,
    checkpoint: Option<&str>,
    script: &mut Script,
) -> Result<Page, Fault> {
    let page = run::read(request, &partition(state), checkpoint, script);
    assert!(script.is_spent(), "not everything was asked for");
    page
}

#[test]
fn a_snapshot_of_everything_lists_groups_and_users_and_then_takes_in_what_changed() {
    let mut script = Script::new([beginning("200", "1500")]);
    let opening = run::plan(&request(), &mut script).unwrap();
    let keys: Vec<(&str, u8)> = opening
        .partitions
        .iter()
        .map(|p| (p.key.as_str(), p.stage))
        .collect();
    assert_eq!(
        keys,
        [
            ("list/groups", 0),
            ("list/users", 0),
            ("changes/groups", 2),
            ("changes/users", 2)
        ]
    );
    assert!(opening.partitions[2].state.contains("t-groups"));
    assert!(opening.partitions[3].state.contains("t-users"));
    assert_eq!(opening.unreferenced_users, Retention::Drop);
}

#[test]
fn users_without_groups_are_kept_only_where_the_settings_say_so() {
    let both = || batch(&[(200, &latest("groups")), (200, &latest("users"))]);
    let all = (r#""all""#.to_owned(), beginning("200", "1500"));
    for (scope, answer) in [all, (format!(r#"["{G1}"]"#), both())] {
        let mut request = request_for(&scope);
        request.settings.values =
            request
                .settings
                .values
                .replacen('{', r#"{"keepUsersWithoutGroups":true,"#, 1);
        let mut script = Script::new([answer]);
        let opening = run::plan(&request, &mut script).unwrap();
        assert_eq!(opening.unreferenced_users, Retention::Keep, "{scope}");
    }
}

#[test]
fn progress_and_report_know_how_much_there_is() {
    let mut script = Script::new([beginning("200", "2000")]);
    let opening = run::plan(&request(), &mut script).unwrap();
    let expected = opening.expected;
    assert_eq!(
        (expected.groups, expected.users, expected.members),
        (Some(200), Some(2_000), None)
    );
    let note = opening.note.unwrap();
    assert!(note.contains("groups (200) and users (2000)"), "{note}");
}

#[test]
fn configured_groups_are_read_without_listing_users() {
    let mut script = Script::new([batch(&[(200, &latest("groups")), (200, &latest("users"))])]);
    let opening = run::plan(&request_for(&format!(r#"["{G1}","{G2}"]"#)), &mut script).unwrap();
    let keys: Vec<&str> = opening.partitions.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["list/groups", "changes/groups", "changes/users"]);
    assert_eq!(opening.unreferenced_users, Retention::Drop);
    assert_eq!(
        (opening.expected.groups, opening.expected.users),
        (Some(2), None)
    );
}

#[test]
fn a_refused_credential_shows_before_the_first_request() {
    let mut script = Script::new([]).refusing(401, "invalid_client", "AADSTS7000215: wrong");
    let fault = run::plan(&request(), &mut script).unwrap_err();
    assert_eq!(
        (fault.kind, fault.setting.as_deref()),
        (FaultKind::Authentication, Some("clientSecret"))
    );
}

#[test]
fn wrong_settings_and_maps_stop_a_run_before_any_request() {
    let mut wrong = request();
    wrong.settings.values = "{}".to_owned();
    let fault = run::plan(&wrong, &mut Script::new([])).unwrap_err();
    assert_eq!(
        (fault.kind, fault.setting.as_deref()),
        (FaultKind::Configuration, Some("tenantId"))
    );
    let mut wrong = request();
    wrong.map = TransformMap {
        rules: Vec::new(),
        ..maps::plain()
    };
    assert_eq!(
        run::plan(&wrong, &mut Script::new([])).unwrap_err().code,
        "map.invalid"
    );
}

#[test]
fn a_page_of_groups_names_partitions_for_their_members_and_goes_on() {
    let next = format!("{GRAPH}/groups?$skiptoken=a");
    let groups: Vec<String> = (0..25)
        .map(|n| {
            format!(
                r#"{{"id":"g{n}","displayName":"Group {n}","visibility":"{}"}}"#,
                if n == 0 { "Hiddenmembership" } else { "Public" }
            )
        })
        .collect();
    let body = format!(
        r#"{{"@odata.nextLink":"{next}","value":[{}]}}"#,
        groups.join(",")
    );
    let mut script = Script::new([json(200, &body)]);
    let page = read(&request(), "\"groups\"", None, &mut script).unwrap();
    assert_eq!(
        script.urls(),
        [format!(
            "{GRAPH}/groups?$select=id,displayName,visibility,groupTypes,securityEnabled,mailEnabled,classification,uniqueName&$top=999"
        )]
    );
    assert_eq!(page.changes.len(), 25, "no stream-complete yet");
    assert_eq!(page.partitions.len(), 2);
    assert!(
        page.partitions[0]
            .state
            .contains(r#"{"id":"g0","hidden":true}"#),
        "{}",
        page.partitions[0].state
    );

    // An empty last page completes the listing.
    let mut script = Script::new([json(200, r#"{"value":[]}"#)]);
    let page = read(
        &request(),
        "\"groups\"",
        page.checkpoint.as_deref(),
        &mut script,
    )
    .unwrap();
    assert_eq!(script.urls(), [next]);
    assert_eq!(page.changes, [Change::StreamComplete(Stream::Groups)]);
    assert_eq!((page.checkpoint, page.partitions.len()), (None, 0));
}

#[test]
fn a_linked_group_carries_the_platforms_groups() {
    let mut request = request();
    request.links = vec![crate::contract::GroupLink {
        group: "G1".to_owned(),
        platform_groups: vec!["p".to_owned()],
    }];
    let mut script = Script::new([json(
        200,
        r#"{"value":[{"id":"g1","displayName":"A"},{"id":"g2","displayName":"B"}]}"#,
    )]);
    let page = read(&request, "\"groups\"", None, &mut script).unwrap();
    let documents: Vec<bool> = page
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Group(group) => Some(group.document.contains(r#""qualysGroupUUID":["p"]"#)),
            _ => None,
        })
        .collect();
    assert_eq!(documents, [true, false]);
}

#[test]
fn an_empty_page_of_users_with_a_link_is_followed() {
    let next = format!("{GRAPH}/users?$skiptoken=a");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#),
    )]);
    let page = read(&request(), "\"users\"", None, &mut script).unwrap();
    assert_eq!(page.changes, []);
    let mut script = Script::new([json(
        200,
        r#"{"value":[{"id":"u","displayName":"Ada","userPrincipalName":"a@x"}]}"#,
    )]);
    let page = read(
        &request(),
        "\"users\"",
        page.checkpoint.as_deref(),
        &mut script,
    )
    .unwrap();
    assert_eq!(page.changes.len(), 2);
    assert_eq!(page.changes[1], Change::StreamComplete(Stream::Users));
}

#[test]
fn a_listing_that_can_not_be_read_is_a_fault_and_proves_nothing() {
    for (state, answer, kind) in [
        (
            "\"groups\"",
            error(403, "Authorization_RequestDenied"),
            FaultKind::Permission,
        ),
        (
            "\"users\"",
            error(403, "Authorization_RequestDenied"),
            FaultKind::Permission,
        ),
        (
            "\"groups\"",
            error(404, "Request_ResourceNotFound"),
            FaultKind::Protocol,
        ),
        (
            "\"users\"",
            error(400, "Request_UnsupportedQuery"),
            FaultKind::Protocol,
        ),
        ("\"groups\"", json(200, "{}"), FaultKind::Protocol),
        (
            "\"groups\"",
            json(200, r#"{"value":null}"#),
            FaultKind::Protocol,
        ),
        (
            "\"users\"",
            json(200, r#"{"value":{"id":"u"}}"#),
            FaultKind::Protocol,
        ),
        (
            "\"users\"",
            json(200, r#"{"value":[{"displayName":"no id"}]}"#),
            FaultKind::Protocol,
        ),
        (
            "\"users\"",
            json(200, r#"{"value":[{"id":"u"},}"#),
            FaultKind::Transient,
        ),
        (
            "\"users\"",
            json(
                200,
                r#"{"value":[],"@odata.nextLink":"https://evil.example/"}"#,
            ),
            FaultKind::Protocol,
        ),
    ] {
        let mut script = Script::new([answer]);
        assert_eq!(
            read(&request(), state, None, &mut script).unwrap_err().kind,
            kind
        );
    }
}

#[test]
fn an_expired_page_link_starts_the_listing_again_within_bounds() {
    let mut checkpoint = None;
    for code in [
        "Directory_ExpiredPageToken",
        "DirectoryPageTokenNotFoundException",
        "directory_expiredpagetoken",
    ] {
        let mut script = Script::new([error(400, code)]);
        let page = read(&request(), "\"users\"", checkpoint.as_deref(), &mut script).unwrap();
        assert_eq!(page.changes, []);
        assert!(script.urls()[0].contains("$top=999"), "from the beginning");
        checkpoint = Some(page.checkpoint.unwrap());
    }
    for _ in 0..2 {
        let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
        checkpoint = read(&request(), "\"users\"", checkpoint.as_deref(), &mut script)
            .unwrap()
            .checkpoint;
    }
    let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
    let fault = read(&request(), "\"users\"", checkpoint.as_deref(), &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Protocol);
}

#[test]
fn a_link_that_was_seen_before_is_a_protocol_fault() {
    let page_to = |token: &str| {
        json(
            200,
            &format!(r#"{{"value":[],"@odata.nextLink":"{GRAPH}/users?$skiptoken={token}"}}"#),
        )
    };
    let mut checkpoint = None;
    for token in ["a", "b", "c"] {
        let mut script = Script::new([page_to(token)]);
        checkpoint = read(&request(), "\"users\"", checkpoint.as_deref(), &mut script)
            .unwrap()
            .checkpoint;
    }
    let mut script = Script::new([page_to("a")]);
    assert_eq!(
        read(&request(), "\"users\"", checkpoint.as_deref(), &mut script)
            .unwrap_err()
            .code,
        "graph.loop"
    );
}

const MISSING: (u16, &str) = (
    404,
    r#"{"error":{"code":"Request_ResourceNotFound","message":"m"}}"#,
);

fn configured(parts: &[(u16, &str)], checkpoint: Option<&str>) -> (Result<Page, Fault>, Script) {
    let request = request_for(&format!(r#"["{G1}","{G2}"]"#));
    let mut script = Script::new([batch(parts)]);
    let page = read(&request, "\"configured-groups\"", checkpoint, &mut script);
    (page, script)
}

fn group(id: &str) -> String {
    format!(r#"{{"id":"{id}","displayName":"Group","visibility":null}}"#)
}

#[test]
fn a_configured_group_that_is_proven_gone_does_not_keep_the_rest_from_being_complete() {
    let one = group(G1);
    let (page, script) = configured(&[(200, &one), MISSING], None);
    let page = page.unwrap();
    assert!(
        matches!(&page.changes[..], [Change::Group(object), Change::StreamComplete(Stream::Groups)] if object.id == G1)
    );
    assert_eq!(page.partitions.len(), 1);
    assert_eq!(page.checkpoint, None);
    assert!(script.logged[0].contains(G2));
    assert!(script.batched(0)[0].starts_with(&format!("/groups/{G1}?$select=id,")));
}

#[test]
fn a_configured_group_that_can_not_be_read_leaves_the_list_incomplete() {
    for (part, kind) in [
        (
            (
                403,
                r#"{"error":{"code":"Authorization_RequestDenied","message":"m"}}"#,
            ),
            FaultKind::Permission,
        ),
        ((404, r#""cHJveHk=""#), FaultKind::Protocol),
        (
            (404, r#"{"error":{"code":"UnknownError","message":""}}"#),
            FaultKind::Protocol,
        ),
        (
            (
                400,
                r#"{"error":{"code":"Request_BadRequest","message":""}}"#,
            ),
            FaultKind::Protocol,
        ),
    ] {
        let one = group(G1);
        let (page, _) = configured(&[(200, &one), part], None);
        let page = page.unwrap();
        assert_eq!(
            page.changes.len(),
            1,
            "the other group is read all the same"
        );
        assert_eq!(page.partitions.len(), 1);
        // The end of the partition is the fault that names the group.
        let request = request_for(&format!(r#"["{G1}","{G2}"]"#));
        let fault = read(
            &request,
            "\"configured-groups\"",
            page.checkpoint.as_deref(),
            &mut Script::new([]),
        )
        .unwrap_err();
        assert_eq!(fault.kind, kind);
        assert!(fault.message.contains(G2), "{}", fault.message);
    }
}

#[test]
fn troubles_with_configured_groups_are_repeated_and_never_taken_for_absence() {
    let one = group(G1);
    let two = group(G2);
    let (page, _) = configured(&[(200, &one), (503, "null")], None);
    let page = page.unwrap();
    assert_eq!(page.changes.len(), 1);
    let (page, script) = configured(&[(200, &two)], page.checkpoint.as_deref());
    assert_eq!(script.batched(0).len(), 1);
    assert_eq!(
        page.unwrap().changes.last(),
        Some(&Change::StreamComplete(Stream::Groups))
    );

    let mut checkpoint = None;
    let fault = loop {
        let parts: &[(u16, &str)] = if checkpoint.is_none() {
            &[(200, &one), (500, "null")]
        } else {
            &[(500, "null")]
        };
        match configured(parts, checkpoint.as_deref()).0 {
            Ok(page) => checkpoint = page.checkpoint,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.kind, FaultKind::Transient);
    let (throttled, _) = configured(&[(429, "null"), (429, "null")], None);
    assert_eq!(throttled.unwrap_err().kind, FaultKind::Throttled(None));
}

#[test]
fn many_configured_groups_are_read_twenty_at_a_time() {
    let ids: Vec<String> = (0..45)
        .map(|n| format!("aaaaaaaa-0000-0000-0000-{n:012}"))
        .collect();
    let request = request_for(&serde_json::to_string(&ids).unwrap());
    let mut checkpoint = None;
    let mut sizes = Vec::new();
    let mut completed = false;
    for chunk in ids.chunks(20) {
        let bodies: Vec<String> = chunk.iter().map(|id| group(id)).collect();
        let parts: Vec<(u16, &str)> = bodies.iter().map(|body| (200, body.as_str())).collect();
        let mut script = Script::new([batch(&parts)]);
        let page = read(
            &request,
            "\"configured-groups\"",
            checkpoint.as_deref(),
            &mut script,
        )
        .unwrap();
        sizes.push(script.batched(0).len());
        completed = page.changes.last() == Some(&Change::StreamComplete(Stream::Groups));
        assert!(
            page.partitions
                .iter()
                .all(|partition| partition.title == "members of 5 groups")
        );
        checkpoint = page.checkpoint;
    }
    assert_eq!(sizes, [20, 20, 5]);
    assert!(completed && checkpoint.is_none());
}

#[test]
fn a_snapshot_does_not_look_at_the_cursor() {
    let mut request = request();
    request.mode = Mode::Snapshot;
    request.cursor = vec![CursorPart {
        key: "groups".to_owned(),
        value: "garbage".to_owned(),
    }];
    let mut script = Script::new([beginning("1", "1")]);
    assert!(run::plan(&request, &mut script).is_ok());
}
