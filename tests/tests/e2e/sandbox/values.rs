//! Crimes in single values: documents, identifiers, marks, faults, lines.

use connector_host::contract::{Fault, FaultKind};
use connector_host::directory::RunState;
use connector_host::plugin::CallError;
use connector_host::run::{self, ConnectError};
use serde_json::json;

use super::{Den, bad, fault_of, kind_and_code};

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_no_object_is_refused() {
    let den = Den::new().await;
    let no_object = || bad("user.document", "no JSON object");
    let no_json = |why: &str| bad("user.document", &format!("no JSON: {why}"));
    for (document, expected) in [
        ("", no_object()),
        ("no JSON at all", no_object()),
        ("[{}]", no_object()),
        ("null", no_object()),
        ("\"{}\"", no_object()),
        (
            "{",
            no_json("EOF while parsing an object at line 1 column 1"),
        ),
        ("{} {}", no_json("trailing characters at line 1 column 4")),
        (
            "{\"a\":1,}",
            no_json("key must be a string at line 1 column 8"),
        ),
        ("{a:1}", no_json("key must be a string at line 1 column 2")),
        ("{\"a\":NaN}", no_json("expected value at line 1 column 6")),
        ("\u{feff}{}", no_object()),
    ] {
        let report = den
            .run(
                "document",
                &json!({ "crime": "document", "document": document }),
            )
            .await;
        assert_eq!(report.fault, Some(fault_of(expected)), "{document}");
        den.assert_nothing_of("document").await;
    }
    let fault = den
        .fails("document", json!({ "crime": "document", "document": "[]" }))
        .await;
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Protocol, "plugin.bad-value")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_too_large_or_too_deep_is_refused() {
    let den = Den::new().await;
    for (crime, n, reason) in [
        ("document-bytes", 300 << 10, "307208 bytes, at most 262144"),
        ("document-depth", 100_000, "nested deeper than 64 levels"),
        ("document-depth", 64, "nested deeper than 64 levels"),
    ] {
        let fault = den
            .fails("document", json!({ "crime": crime, "n": n }))
            .await;
        assert_eq!(fault, fault_of(bad("user.document", reason)), "{crime} {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_as_deep_as_may_be_can_be_read_again() {
    let den = Den::new().await;
    let report = den
        .crime("document", json!({ "crime": "document-depth", "n": 63 }))
        .await;
    assert_eq!(report.state, RunState::Processed);
    assert_eq!(den.held("document").await.users.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_a_key_twice_is_one_object_to_all_who_read_it() {
    let den = Den::new().await;
    let order = json!({ "crime": "document", "document": r#"{"id":"first","id":"last"}"# });
    let report = den.crime("document", order).await;
    assert_eq!(report.state, RunState::Processed);
    assert_eq!(den.held("document").await.users.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_is_printable_and_short_wherever_it_stands() {
    let den = Den::new().await;
    let long = "x".repeat(10 << 10);
    let odd =
        "an identifier has no spaces, no control characters and none that reorder or hide text";
    let ids = [
        ("", "an identifier has 1 to 256 bytes, this has 0"),
        (&*long, "an identifier has 1 to 256 bytes, this has 10240"),
        ("a\nb", odd),
        ("a\0b", odd),
        ("\u{1b}[2J", odd),
        ("a b", odd),
        ("a\u{2028}b", odd),
        ("resu\u{202e}nimda", odd),
    ];
    let fields = [
        "user",
        "group",
        "user-removed.id",
        "group-removed",
        "members-added.group",
        "members-added.id",
        "members-removed.group",
        "members-removed.id",
        "members-complete",
        "members-unavailable.group",
    ];
    den.beside(async {
        for field in fields {
            for (id, reason) in ids {
                let order = json!({ "crime": "id", "kind": field, "id": id });
                let report = den.run("id", &order).await;
                assert_eq!(report.fault, Some(fault_of(bad(field, reason))), "{order}");
                assert_eq!(report.state, RunState::Failed, "{order}");
            }
        }
    })
    .await;
    den.assert_nothing_of("id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_was_not_declared_ends_the_partition_and_names_the_field() {
    let den = Den::new().await;
    for (crime, kind, field, told) in [
        ("group-kind", "mob", "group.kind", "mob"),
        ("group-kind", "", "group.kind", ""),
        ("group-kind", "gang\n", "group.kind", "gang"),
        // Users have none, not even one that groups have.
        ("user-kind", "gang", "user.kind", "gang"),
    ] {
        let fault = den
            .fails("kind", json!({ "crime": crime, "kind": kind }))
            .await;
        assert_eq!(
            kind_and_code(&fault),
            (FaultKind::Protocol, "plugin.bad-value")
        );
        let message = &fault.message;
        assert!(
            message.contains(field) && message.contains(told),
            "{message}"
        );
        assert!(!message.contains('\n'), "{message:?}");
    }
    den.assert_nothing_of("kind").await;
    let report = den
        .crime("kind", json!({ "crime": "group-kind", "kind": "gang" }))
        .await;
    assert_eq!(report.state, RunState::Processed);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_short_and_keys_are_identifiers() {
    let den = Den::new().await;
    let long = "1048576 bytes, at most 65536";
    let n = 1 << 20;
    for (order, expected) in [
        (
            json!({ "crime": "checkpoint", "n": n }),
            bad("checkpoint", long),
        ),
        (
            json!({ "crime": "cursor", "n": n }),
            bad("cursor.value", long),
        ),
        (
            json!({ "crime": "cursor", "id": "a\nb" }),
            bad(
                "cursor.key",
                "an identifier has no spaces, no control characters and none that reorder or hide text",
            ),
        ),
        (
            json!({ "crime": "partition-state", "when": "plan", "n": n }),
            bad("partitions.state", long),
        ),
        (
            json!({ "crime": "partition-key", "when": "plan", "text": "" }),
            bad(
                "partitions.key",
                "an identifier has 1 to 256 bytes, this has 0",
            ),
        ),
        (
            json!({ "crime": "earlier-stage" }),
            bad("partitions.stage", "stage 0 has ended, this is stage 1"),
        ),
    ] {
        let fault = den.fails("marks", order.clone()).await;
        assert_eq!(fault, fault_of(expected), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_in_odd_places_do_no_harm() {
    let den = Den::new().await;
    let report = den.crime("proofs", json!({ "crime": "odd-proofs" })).await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    let held = den.held("proofs").await;
    assert_eq!((held.users.len(), held.groups, held.memberships), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_shown_harmless_and_short() {
    let den = Den::new().await;
    let text = "lost\n\u{1b}[31mERROR\u{202e}";
    let shown = "lost\\u{a}\\u{1b}[31mERROR\\u{202e}";
    for when in ["plan", "read"] {
        let order = json!({ "crime": "fault", "when": when, "text": text });
        let expected = Fault {
            kind: FaultKind::Permanent,
            code: shown.into(),
            message: shown.into(),
            remedy: Some(shown.into()),
            setting: Some(shown.into()),
        };
        assert_eq!(den.fails("fault", order).await, expected);
    }
    let order = json!({ "crime": "fault", "text": "\u{1b}", "n": 4 << 20 });
    let fault = den.fails("fault", order).await;
    assert!(fault.message.len() <= 4096 + 3 && fault.message.ends_with('…'));
    assert!(fault.code.len() <= 1024 + 3 && fault.code.ends_with('…'));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_makes_a_run_wait_or_begin_anew_for_ever() {
    let den = Den::new().await;
    for (kind, when, retries, expected) in [
        ("throttled", "read", 5, FaultKind::Throttled(Some(u64::MAX))),
        ("throttled", "plan", 5, FaultKind::Throttled(Some(u64::MAX))),
        ("transient", "read", 2, FaultKind::Transient),
        ("cursor-expired", "read", 0, FaultKind::CursorExpired),
        ("cursor-expired", "plan", 0, FaultKind::CursorExpired),
        ("configuration", "read", 0, FaultKind::Configuration),
    ] {
        let order = json!({ "crime": "fault", "kind": kind, "when": when, "text": "x" });
        let report = den.run("patience", &order).await;
        assert_eq!(report.state, RunState::Failed, "{order}");
        assert_eq!(report.fault.unwrap().kind, expected, "{order}");
        assert_eq!(report.retries, retries, "{order}");
        den.assert_nothing_of("patience").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_connection_test_shows_is_harmless_and_short() {
    let den = Den::new().await;
    let order = json!({
        "crime": "check-lines", "when": "check", "n": 5_000, "text": "fine\n\u{1b}[2J\u{202e}",
    });
    let session = den.session("check", &order).await;
    let mut instance = den.instance("check", Some(&session)).await;
    let lines = instance.check(&den.request(&order)).await.unwrap();
    assert_eq!(lines.len(), 1_000);
    let shown = "fine\\u{a}\\u{1b}[2J\\u{202e}";
    assert_eq!((&*lines[0].item, &*lines[0].seen), (shown, shown));
    assert_eq!(lines[0].remedy.as_deref(), Some(shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problems_of_settings_are_shown_harmless_and_few() {
    let den = Den::new().await;
    let order =
        json!({ "crime": "problems", "when": "connect", "n": 5_000, "text": "wrong\n\u{9b}" });
    let report = den.crime("problems", order).await;
    assert_eq!(report.state, RunState::Failed);
    assert_eq!(report.problems.len(), 1_000);
    assert_eq!(report.problems[0].message, "wrong\\u{a}\\u{9b}");
    den.assert_nothing_of("problems").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_to_choose_from_come_in_bounded_pages() {
    let den = Den::new().await;
    for (order, expected) in [
        (
            json!({ "count": 1_001 }),
            bad("groups", "1001 entries, at most 1000"),
        ),
        (
            json!({ "id": "a\nb" }),
            bad(
                "groups.id",
                "an identifier has no spaces, no control characters and none that reorder or hide text",
            ),
        ),
        (
            json!({ "n": 1 << 20 }),
            bad("next", "1048576 bytes, at most 65536"),
        ),
    ] {
        let mut instance = den.instance("discover", None).await;
        let request = den.request(&order);
        let error = instance.discover(&request, None, None).await.unwrap_err();
        assert_eq!(error, expected);
    }
    // A page that always names a next one is one call each: who asks decides how often.
    let order = json!({ "n": 3, "text": "a\nb\u{1b}" });
    let mut instance = den.instance("discover", None).await;
    let request = den.request(&order);
    for _ in 0..3 {
        let page = instance
            .discover(&request, None, Some("xxx"))
            .await
            .unwrap();
        assert_eq!(page.next.as_deref(), Some("xxx"));
        assert_eq!(page.groups[0].name, "a b ");
        assert_eq!(page.groups[0].detail, "a\\u{a}b\\u{1b}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_credential_before_there_is_a_connection() {
    let den = Den::new().await;
    let order = json!({ "crime": "ready", "when": "connect" });
    let report = den.crime("ready", order).await;
    assert_eq!(report.problems.len(), 1);
    let seen = &report.problems[0].message;
    assert!(
        seen.contains("error: \"denied\"") && seen.contains("this call may not use the network"),
        "{seen}"
    );
    den.assert_nothing_of("ready").await;
    // Within a run it is told of a credential, and nothing of its value.
    let seen = den.sees("ready", json!({ "crime": "ready" })).await;
    assert_eq!(seen, ["Ok(Grant { roles: [], expires-in: 4294967295 })"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_secret_is_an_identifier_of_an_existing_one() {
    let den = Den::new().await;
    let order = json!({ "secretSetting": "tok\nen\u{1b}[2J" });
    let refused = run::connect(&den.plugin, &den.settings(&order), &den.egress).await;
    let Err(ConnectError::Fault(fault)) = refused else {
        panic!("{refused:?}");
    };
    let odd =
        "an identifier has no spaces, no control characters and none that reorder or hide text";
    assert_eq!(fault, fault_of(bad("bearer", odd)));
    let report = den.crime("key", json!({ "secretSetting": "other" })).await;
    let fault = report.fault.unwrap();
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Configuration, "egress.denied")
    );
    assert_eq!(fault.message, "the secret setting `other` has no value");
    den.assert_nothing_of("key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_or_a_name_is_one_line() {
    let den = Den::new().await;
    let order = json!({ "crime": "partition-title", "when": "plan", "text": "a\nb".repeat(1_000) });
    assert_eq!(den.crime("title", order).await.state, RunState::Processed);
    let order = json!({ "crime": "name", "text": "a\nb\u{1b}[2J" });
    den.crime("name", order).await;
    assert_eq!(den.held("name").await.users[0]["name"], "a b [2J");
    let error = CallError::Trap("unused".into());
    assert_eq!(fault_of(error).code, "plugin.trap");
}
