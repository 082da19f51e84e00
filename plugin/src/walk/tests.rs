use super::*;
use crate::contract::Mode;
use crate::run;
use crate::script::{self, GRAPH, Script, batch, error, json, partition, request};

fn read(of: &str, checkpoint: Option<&str>, script: &mut Script) -> Result<Page, Fault> {
    let state = format!(r#"{{"walk":{{"of":"{of}"}}}}"#);
    let page = run::read(&request(), &partition(&state), checkpoint, script);
    assert!(script.is_spent(), "not everything was asked for");
    page
}

/// A page with these entries that another follows.
fn first(entries: &str) -> script::Answer {
    json(
        200,
        &format!(r#"{{"value":[{entries}],"@odata.nextLink":"{GRAPH}/x/delta?$skiptoken=2"}}"#),
    )
}

/// The last page.
fn last(entries: &str) -> script::Answer {
    json(
        200,
        &format!(r#"{{"value":[{entries}],"@odata.deltaLink":"{GRAPH}/x/delta?$deltatoken=n"}}"#),
    )
}

/// Changes in short.
fn told(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| match change {
            Change::User(object) => format!("user {}", object.id),
            Change::Group(object) => format!("group {}", object.id),
            Change::UserRemoved(removed) => format!("gone {} {:?}", removed.id, removed.removal),
            Change::GroupRemoved(id) => format!("gone {id}"),
            Change::MembersAdded(added) => {
                let ids: Vec<&str> = added.members.iter().map(|m| m.id.as_str()).collect();
                format!("{} +{}", added.group, ids.join(","))
            }
            Change::MembersRemoved(left) => format!("{} -{}", left.group, left.members.join(",")),
            Change::StreamComplete(stream) => format!("all {stream:?}"),
            other => panic!("{other:?}"),
        })
        .collect()
}

const USER: &str = r##"{"@odata.type":"#microsoft.graph.user","id":"u1"}"##;

fn hidden_group(members: &str) -> String {
    format!(
        r#"{{"id":"h","displayName":"Hidden","securityEnabled":true,"mailEnabled":false,"visibility":"HiddenMembership"{members}}}"#
    )
}

#[test]
fn a_page_gives_groups_slices_of_members_and_removals_in_the_order_of_arrival() {
    let entries = format!(
        r##"{{"id":"a","displayName":"A","securityEnabled":true,"mailEnabled":false,"members@delta":[{USER},
            {{"@odata.type":"#microsoft.graph.servicePrincipal","id":"s"}},
            {{"@odata.type":"#microsoft.graph.user","id":"u2","@removed":{{"reason":"deleted"}}}}]}},
        {{"id":"b","displayName":"B","securityEnabled":true,"mailEnabled":false}},
        {{"id":"b","@removed":{{"reason":"changed"}}}},
        {{"id":"a","displayName":"A","securityEnabled":true,"mailEnabled":false,"members@delta":[{{"@odata.type":"#microsoft.graph.group","id":"b"}}]}}"##
    );
    let mut script = Script::new([first(&entries)]);
    let page = read("groups", None, &mut script).unwrap();
    assert_eq!(
        told(&page.changes),
        [
            "group a", "a +u1", "a -u2", "group b", "gone b", "group a", "a +b"
        ]
    );
    assert!(page.checkpoint.is_some() && page.cursor.is_empty() && page.partitions.is_empty());
    assert_eq!(
        script.urls(),
        [format!(
            "{GRAPH}/groups/delta?$select=id,displayName,visibility,groupTypes,securityEnabled,mailEnabled,classification,uniqueName,members"
        )],
        "no token is asked for before, and nobody is looked up"
    );
}

#[test]
fn the_end_of_the_round_of_groups_proves_groups_and_members_and_leaves_the_cursor() {
    let page = read("groups", None, &mut Script::new([last("")])).unwrap();
    assert_eq!(
        told(&page.changes),
        ["all Stream::Groups", "all Stream::Members"]
    );
    assert_eq!(page.checkpoint, None);
    assert_eq!(page.cursor[0].key, "groups");
    assert!(page.cursor[0].value.contains("$deltatoken=n"));
}

#[test]
fn the_round_of_users_gives_them_and_who_was_deleted_and_proves_users_alone() {
    let entries = r#"{"id":"a","displayName":"A","userPrincipalName":"a@contoso.example"},
        {"id":"b","@removed":{"reason":"changed"}},{"id":"c","@removed":{"reason":"deleted"}}"#;
    let page = read("users", None, &mut Script::new([last(entries)])).unwrap();
    assert_eq!(
        told(&page.changes),
        [
            "user a",
            "gone b Removal::Soft",
            "gone c Removal::Hard",
            "all Stream::Users"
        ]
    );
    assert!(page.partitions.is_empty(), "nobody is asked for groups");
    assert_eq!(page.cursor[0].key, "users");
}

#[test]
fn a_round_goes_on_from_the_link_of_the_last_stored_page() {
    let before = read("groups", None, &mut Script::new([first("")])).unwrap();
    let mut script = Script::new([last("")]);
    read("groups", before.checkpoint.as_deref(), &mut script).unwrap();
    assert_eq!(script.urls(), [format!("{GRAPH}/x/delta?$skiptoken=2")]);
}

#[test]
fn an_expired_link_begins_the_snapshot_anew_and_not_only_the_round() {
    let before = read("groups", None, &mut Script::new([first("")])).unwrap();
    for answer in [
        error(400, "Directory_ExpiredPageToken"),
        error(400, "syncStateNotFound"),
        error(404, "resyncApplyDifferences"),
        error(410, "anything"),
    ] {
        let mut script = Script::new([answer]);
        let fault = read("groups", before.checkpoint.as_deref(), &mut script).unwrap_err();
        assert_eq!(fault.kind, FaultKind::CursorExpired);
        assert!(fault.message.contains("begin anew"), "{}", fault.message);
    }
}

#[test]
fn a_tenant_that_refuses_the_first_round_is_told_of_the_setting() {
    let mut script = Script::new([error(400, "Request_UnsupportedQuery")]);
    let fault = read("groups", None, &mut script).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Protocol);
    assert_eq!(fault.setting.as_deref(), Some("snapshotStrategy"));
    assert!(fault.remedy.unwrap().contains("`fastest`"));
}

#[test]
fn a_page_that_does_not_say_whether_more_follows_proves_nothing() {
    for links in [
        "",
        r#","@odata.nextLink":"https://graph.microsoft.com/a","@odata.deltaLink":"https://graph.microsoft.com/b""#,
    ] {
        let body = format!(r#"{{"value":[]{links}}}"#);
        for of in ["groups", "users"] {
            let fault = read(of, None, &mut Script::new([json(200, &body)])).unwrap_err();
            assert_eq!(fault.code, "graph.links");
        }
    }
}

#[test]
fn a_group_that_hides_its_members_is_asked_for_them() {
    let members = format!(r#","members@delta":[{USER}]"#);
    let without = &["GroupMember.Read.All", "User.Read.All"][..];
    let with = &[
        "GroupMember.Read.All",
        "User.Read.All",
        "Member.Read.Hidden",
    ][..];
    for (roles, members, asked) in [
        (without, "", 1),
        (without, members.as_str(), 1),
        // What shows some members shows them all; none may mean that it shows none.
        (with, members.as_str(), 0),
        (with, "", 1),
    ] {
        let mut script = Script::new([first(&hidden_group(members))]).granting(roles);
        let page = read("groups", None, &mut script).unwrap();
        assert_eq!(page.partitions.len(), asked, "{roles:?} {members}");
    }
}

#[test]
fn hidden_members_that_do_not_show_are_unavailable() {
    let page = read("groups", None, &mut Script::new([first(&hidden_group(""))]));
    let partition = page.unwrap().partitions.remove(0);
    let mut script = Script::new([batch(&[(200, r#"{"value":[]}"#)])]);
    let page = run::read(&request(), &partition, None, &mut script).unwrap();
    assert!(matches!(&page.changes[..], [Change::MembersUnavailable(of)] if of.group == "h"));
    assert_eq!(page.cursor[0].key, "unread/h");
}

#[test]
fn entries_without_details_are_looked_up_and_passed_over_where_they_are_gone() {
    let entries = r#"{"id":"a"},{"id":"b"}"#;
    let whole = r#"{"id":"a","displayName":"A","securityEnabled":true,"mailEnabled":false}"#;
    let gone = r#"{"error":{"code":"Request_ResourceNotFound","message":"m"}}"#;
    let mut script = Script::new([first(entries), batch(&[(200, whole), (404, gone)])]);
    let page = read("groups", None, &mut script).unwrap();
    assert_eq!(told(&page.changes), ["group a"]);
    // Whether it hides its members isn't known.
    assert_eq!(page.partitions.len(), 1);
}

#[test]
fn the_first_changes_after_a_walk_ask_whoever_changed_for_their_groups() {
    let mut cursor = Vec::new();
    for of in ["groups", "users"] {
        cursor.extend(read(of, None, &mut Script::new([last("")])).unwrap().cursor);
    }
    let mut request = request();
    request.mode = Mode::Incremental;
    request.cursor = cursor;
    let opening = run::plan(&request, &mut Script::new([])).unwrap();
    let user = r#"{"id":"a","displayName":"A","userPrincipalName":"a@contoso.example"}"#;
    let group = r#"{"id":"b","displayName":"B","securityEnabled":true,"mailEnabled":false}"#;
    for (partition, entry) in opening.partitions.iter().zip([group, user]) {
        let page = run::read(&request, partition, None, &mut Script::new([last(entry)])).unwrap();
        assert_eq!(
            page.partitions.len(),
            1,
            "they are held, and asked all the same"
        );
        assert!(page.partitions[0].key.starts_with("member-of/"));
        // The next run begins where this one ends.
        request.cursor.retain(|part| part.key != page.cursor[0].key);
        request.cursor.extend(page.cursor);
    }
    let opening = run::plan(&request, &mut Script::new([])).unwrap();
    for (partition, entry) in opening.partitions.iter().zip([group, user]) {
        let page = run::read(&request, partition, None, &mut Script::new([last(entry)])).unwrap();
        assert!(page.partitions.is_empty());
    }
}
