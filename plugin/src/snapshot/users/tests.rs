use proptest::prelude::*;

use super::*;
use crate::contract::FaultKind;
use crate::run;
use crate::script::{GRAPH, Script, batch, beginning, error, json, partition, request};

fn read(state: &str, checkpoint: Option<&str>, script: &mut Script) -> Result<Page, Fault> {
    let page = run::read(&request(), &partition(state), checkpoint, script);
    assert!(script.is_spent(), "not everything was asked for");
    page
}

fn keys(page: &Page) -> Vec<(&str, u8)> {
    let partitions = page.partitions.iter();
    partitions.map(|p| (p.key.as_str(), p.stage)).collect()
}

#[test]
fn few_users_or_ones_that_are_not_counted_are_read_in_one_chain() {
    for users in [None, Some(0), Some(1), Some(2 * PAGE)] {
        let size = Size {
            users,
            groups: Some(1_000_000),
        };
        let (partitions, ranges) = partitions(size).unwrap();
        assert_eq!(ranges, 1, "{users:?}");
        assert_eq!(partitions.len(), 1, "no proof is needed");
        assert_eq!(partitions[0].key, "list/users");
    }
}

#[test]
fn a_range_has_two_pages_of_users_and_there_are_sixteen_at_most() {
    for (users, ranges) in [
        (2 * PAGE + 1, 2),
        (4 * PAGE, 2),
        (4 * PAGE + 1, 3),
        (10_000, 6),
        (30_000, 16),
        (100_000, 16),
        (u64::MAX, 16),
    ] {
        assert_eq!(Range::all(Some(users)).len(), ranges, "{users}");
    }
}

#[test]
fn ranges_meet_at_cuts_that_ascend_and_the_outer_ones_are_open() {
    for pages in 1..=40 {
        let ranges = Range::all(Some(pages * PAGE));
        assert_eq!(ranges.first().unwrap().from, None);
        assert_eq!(ranges.last().unwrap().to, None);
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].to, pair[1].from);
            assert!(pair[0].to.is_some(), "{pages} pages");
            assert!(pair[0].from < pair[0].to);
        }
    }
}

proptest! {
    #[test]
    fn no_name_is_left_out(name in "\\PC{0,12}", pages in 1_u64..40) {
        let name = name.to_lowercase();
        let takes = |range: &Range| {
            range.from.as_deref().is_none_or(|from| name.as_str() >= from)
                && range.to.as_deref().is_none_or(|to| name.as_str() <= to)
        };
        prop_assert!(Range::all(Some(pages * PAGE)).iter().any(takes));
    }
}

#[test]
fn a_large_tenant_is_listed_in_ranges_and_then_proven_complete() {
    let mut script = Script::new([beginning("10", "2500")]);
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
            ("list/users/-kb", 0),
            ("list/users/kb-", 0),
            ("prove/users", 1),
            ("changes/groups", 2),
            ("changes/users", 2)
        ]
    );
    assert_eq!(opening.partitions[1].title, "list of users to kb");
    assert_eq!(opening.partitions[2].title, "list of users from kb");
    assert_eq!(
        opening.partitions[3].state,
        r#"{"prove-users":{"counted":2500}}"#
    );
    let note = opening.note.unwrap();
    assert!(note.contains("2 ranges of users"), "{note}");
}

#[test]
fn a_range_is_asked_for_by_the_operators_that_are_documented() {
    let select = "$select=id,displayName,userPrincipalName,givenName,surname,mail,streetAddress,country,jobTitle,preferredLanguage";
    for (range, filter) in [
        (r#"{"to":"ar"}"#, "userPrincipalName%20le%20'ar'"),
        (
            r#"{"from":"ar","to":"bs"}"#,
            "userPrincipalName%20ge%20'ar'%20and%20userPrincipalName%20le%20'bs'",
        ),
        (r#"{"from":"vb"}"#, "userPrincipalName%20ge%20'vb'"),
    ] {
        let mut script = Script::new([json(200, r#"{"value":[]}"#)]);
        read(&format!(r#"{{"user-range":{range}}}"#), None, &mut script).unwrap();
        assert_eq!(
            script.urls(),
            [format!("{GRAPH}/users?{select}&$filter={filter}&$top=999")]
        );
    }
}

const RANGE: &str = r#"{"user-range":{"from":"ar","to":"bs"}}"#;

#[test]
fn a_range_goes_on_to_its_last_page_and_completes_nothing_by_itself() {
    let next = format!("{GRAPH}/users?$skiptoken=a");
    let mut script = Script::new([json(
        200,
        &format!(r#"{{"value":[{{"id":"u"}}],"@odata.nextLink":"{next}"}}"#),
    )]);
    let page = read(RANGE, None, &mut script).unwrap();
    assert!(matches!(&page.changes[..], [Change::User(user)] if user.id == "u"));
    let mut script = Script::new([json(200, r#"{"value":[{"id":"v"}]}"#)]);
    let page = read(RANGE, page.checkpoint.as_deref(), &mut script).unwrap();
    assert_eq!(script.urls(), [next]);
    assert!(matches!(&page.changes[..], [Change::User(user)] if user.id == "v"));
    assert_eq!((page.checkpoint, page.partitions.len()), (None, 0));
}

#[test]
fn a_tenant_that_refuses_ranges_is_read_in_one_chain() {
    for (status, code) in [
        (400, "Request_UnsupportedQuery"),
        (400, "Request_BadRequest"),
        (501, "NotImplemented"),
    ] {
        let mut script = Script::new([error(status, code)]);
        let page = read(RANGE, None, &mut script).unwrap();
        assert_eq!(keys(&page), [("list/users", 0)]);
        assert_eq!((page.changes, page.checkpoint), (Vec::new(), None));
        assert!(script.logged[0].contains(code), "{:?}", script.logged);
    }
    for (status, code, kind) in [
        (403, "Authorization_RequestDenied", FaultKind::Permission),
        (404, "Request_ResourceNotFound", FaultKind::Protocol),
    ] {
        let mut script = Script::new([error(status, code)]);
        assert_eq!(read(RANGE, None, &mut script).unwrap_err().kind, kind);
    }
}

#[test]
fn a_range_whose_link_expires_starts_again_and_is_not_taken_for_refused() {
    let mut script = Script::new([error(400, "Directory_ExpiredPageToken")]);
    let page = read(RANGE, None, &mut script).unwrap();
    assert!(page.checkpoint.is_some() && page.partitions.is_empty());
}

fn proof(count: (u16, &str), seen: u64) -> (Page, Script) {
    let mut script = Script::new([batch(&[count])]);
    script.seen = seen;
    let page = read(r#"{"prove-users":{"counted":2500}}"#, None, &mut script).unwrap();
    assert_eq!(page.checkpoint, None);
    (page, script)
}

#[test]
fn users_are_complete_when_as_many_came_as_the_tenant_counted_then_and_counts_now() {
    for (now, seen) in [
        ("2500", 2_500),
        ("2500", 2_501),
        ("2490", 2_500),
        ("2510", 2_510),
    ] {
        let (page, script) = proof((200, now), seen);
        assert_eq!(page.changes, [Change::StreamComplete(Stream::Users)]);
        assert!(page.partitions.is_empty());
        assert!(script.logged[0].contains("All users are there"));
        assert_eq!(script.batched(0), ["/users/$count"]);
    }
}

#[test]
fn fewer_users_than_in_either_count_are_no_proof_and_all_are_read_in_one_chain() {
    // As many users that came as users that a filter left out make up for them in one count, not in both.
    for (now, seen) in [
        ("2500", 2_499),
        ("2510", 2_500),
        ("2490", 2_490),
        ("2490", 0),
    ] {
        let (page, script) = proof((200, now), seen);
        assert_eq!(page.changes, []);
        assert_eq!(keys(&page), [("list/users", 1)], "{now}, {seen}");
        assert!(script.logged[0].contains("in one chain"));
    }
}

#[test]
fn without_a_count_there_is_no_proof() {
    let refused = r#"{"error":{"code":"Request_BadRequest","message":"no $count here"}}"#;
    let (page, _) = proof((400, refused), 2_500);
    assert_eq!(page.changes, []);
    assert_eq!(keys(&page), [("list/users", 1)]);
}
