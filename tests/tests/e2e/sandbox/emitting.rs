//! Crimes of emitting: too much, or not what the contract says.

use connector_host::contract::FaultKind;
use connector_host::directory::RunState;
use connector_host::plugin::Plugin;
use connector_host::run::WantedMode;
use harness::artefacts;
use serde_json::{Value, json};

use super::{Cell, EVIL, INNOCENT, engine};

/// Crimes that are refused as bad values, with where and why.
async fn are_refused(crimes: &[(Value, &str)]) {
    let cell = Cell::new().await;
    for (crime, message) in crimes {
        let fault = cell.fails(crime.clone()).await;
        assert_eq!(fault.code, "plugin.bad-value", "{crime}: {}", fault.message);
        assert_eq!(fault.kind, FaultKind::Protocol, "{crime}");
        assert_eq!(
            fault.message,
            format!("the plugin returned a bad value: {message}"),
            "{crime}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_large_is_refused_by_what_is_too_large() {
    are_refused(&[
        (
            json!({"crime": "many-changes", "n": 1_001}),
            "changes: 1001 in one page, at most 1000",
        ),
        (
            json!({"crime": "many-members", "n": 1_001}),
            "changes: more than 1000 members in one page",
        ),
        (
            json!({"crime": "huge-document", "n": 300 << 10}),
            "user.document: 307208 bytes, at most 262144",
        ),
        (
            json!({"crime": "huge-documents", "n": 30}),
            "changes: more than 4194304 bytes in one page",
        ),
        (
            json!({"crime": "huge-name", "n": 5 << 20}),
            "changes: more than 4194304 bytes in one page",
        ),
        (
            json!({"crime": "cursor", "n": 1 << 20}),
            "cursor.value: 1048576 bytes, at most 65536",
        ),
        (
            json!({"crime": "checkpoint", "n": 1 << 20}),
            "checkpoint: 1048576 bytes, at most 65536",
        ),
        (
            json!({"crime": "partition-state", "n": 1 << 20}),
            "partitions.state: 1048576 bytes, at most 65536",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_must_be_an_object_that_can_be_read() {
    are_refused(&[
        (
            json!({"crime": "document", "text": "no JSON"}),
            "user.document: no JSON object",
        ),
        (
            json!({"crime": "document", "text": "[1]"}),
            "user.document: no JSON object",
        ),
        (
            json!({"crime": "document", "text": "{\"a\":"}),
            "user.document: no JSON: EOF while parsing a value at line 1 column 5",
        ),
        (
            json!({"crime": "deep-document", "n": 100_000}),
            "user.document: more than 64 levels deep",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_must_be_printable_and_short() {
    const WORDS: &str = "user: an identifier has no spaces, no control characters and none that reorder or hide text";
    are_refused(&[
        (
            json!({"crime": "id", "text": ""}),
            "user: an identifier has 1 to 256 bytes, this has 0",
        ),
        (json!({"crime": "id", "text": "a\nb"}), WORDS),
        (json!({"crime": "id", "text": "a\u{1b}[2Jb"}), WORDS),
        (json!({"crime": "id", "text": "a\u{202e}b"}), WORDS),
        (
            json!({"crime": "huge-id", "n": 10 << 10}),
            "user: an identifier has 1 to 256 bytes, this has 10240",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_identifier_is_looked_at_wherever_it_is() {
    const WORDS: &str = "an identifier has 1 to 256 bytes, this has 0";
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
        "partitions.key",
        "cursor.key",
    ];
    let crimes = fields.map(|field| {
        let crime = json!({"crime": "empty-id", "text": field});
        (crime, format!("{field}: {WORDS}"))
    });
    let crimes: Vec<_> = crimes
        .iter()
        .map(|(crime, message)| (crime.clone(), message.as_str()))
        .collect();
    are_refused(&crimes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_a_stage_that_has_ended_is_refused() {
    are_refused(&[(
        json!({"crime": "late-stage"}),
        "partitions.stage: stage 0 has ended, this is stage 1",
    )])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_string_that_counts_a_thousand_times_is_not_copied_a_thousand_times() {
    let cell = Cell::new().await;
    let fault = cell.fails(json!({"crime": "alias", "n": 1_000})).await;
    assert_eq!(fault.code, "plugin.trap", "{}", fault.message);
    assert!(fault.message.contains("fuel"), "{}", fault.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_without_end_ends_with_its_limit() {
    let cell = Cell::new().await;
    for (crime, code, message) in [
        (
            "endless-pages",
            "plugin.page-limit",
            "the plugin has more than 100 pages of one partition",
        ),
        (
            "endless-partitions",
            "plugin.partition-limit",
            "the plugin has more than 50 partitions in one run",
        ),
    ] {
        let report = cell.commit(json!({ "crime": crime })).await;
        let fault = &report.failures[0].fault;
        assert_eq!(fault.code, code);
        assert_eq!(fault.message, message);
        assert!(
            matches!(report.state, RunState::Partial | RunState::Failed),
            "{report:#?}"
        );
    }
    let fault = cell.fails(json!({"crime": "many-changes", "n": 600})).await;
    assert_eq!(fault.code, "plugin.change-limit");
    assert_eq!(
        fault.message,
        "the plugin has more than 500 changes in one run"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_named_twice_is_read_once() {
    let cell = Cell::new().await;
    let report = cell.commit(json!({"crime": "same-keys"})).await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    assert_eq!(report.tally.partitions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_what_is_not_there_removes_nothing() {
    let cell = Cell::new().await;
    cell.run(EVIL, &json!({})).await;
    assert_eq!(cell.held(EVIL).await, 3);
    let report = cell
        .commit(json!({"crime": "complete-without-members"}))
        .await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    assert_eq!(cell.held(EVIL).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_another_checkpoint_version_are_not_used() {
    let cell = Cell::new().await;
    let mut job = cell.job(INNOCENT, &json!({"baseUrl": "https://allowed.example"}));
    job.mode = WantedMode::Auto;
    let second = artefacts::evil("second").unwrap();
    let second = Plugin::load(&engine().await, &second).await.unwrap();
    let egress = connector_host::egress::Egress::new(Default::default()).unwrap();
    let mut modes = Vec::new();
    for plugin in [&cell.plugin, &cell.plugin, &second, &second] {
        job.plugin = plugin.clone();
        let report = connector_host::run::run(&job, &cell.directory, &egress, &Default::default())
            .await
            .unwrap();
        assert_eq!(report.state, RunState::Processed, "{report:#?}");
        modes.push(serde_json::to_value(report.mode).unwrap());
    }
    assert_eq!(
        modes,
        ["snapshot", "incremental", "snapshot", "incremental"]
    );
}
