//! Crimes of telling: the log, faults, labels, questions.

use connector_host::directory::{Mode, RunState};
use connector_host::egress::Egress;
use connector_host::plugin::RunRequest;
use connector_host::run;
use serde_json::json;

use super::{Cell, EVIL, HURRIED};

#[tokio::test(flavor = "multi_thread")]
async fn a_million_log_lines_are_counted_and_not_kept() {
    let cell = Cell::new().await;
    let report = cell
        .commit(json!({"crime": "log", "n": 100_000, "text": "noise"}))
        .await;
    assert_eq!(report.log.len(), 10);
    assert_eq!(report.log_dropped, 100_000 - 10);
    let lines = report
        .limits
        .iter()
        .find(|l| l.limit == "logLines")
        .unwrap();
    assert_eq!((lines.used, lines.allowed), (10, 10));
    let fault = cell.fails(json!({"crime": "loop-log"})).await;
    assert_eq!(
        fault.code, "plugin.cpu-limit",
        "a million lines take their time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_can_not_pass_for_another_nor_command_a_terminal() {
    let cell = Cell::new().await;
    let text = "one\nERROR forged\r\u{1b}[2J\u{202e}gnp\u{9b}2J\u{0}";
    let seen = cell
        .is_prevented(json!({"crime": "log", "n": 1, "text": text}))
        .await;
    assert_eq!(
        seen,
        ["one\\u{a}ERROR forged\\u{d}\\u{1b}[2J\\u{202e}gnp\\u{9b}2J\\u{0}"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_of_megabytes_is_cut() {
    let cell = Cell::new().await;
    let seen = cell
        .is_prevented(json!({"crime": "log-long", "n": 4 << 20}))
        .await;
    assert_eq!(seen[0].chars().count(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faults_words_are_harmless_and_short() {
    let cell = Cell::new().await;
    let fault = cell
        .fails(json!({"crime": "fault", "text": "\u{1b}[2Jyour password:\n"}))
        .await;
    for text in [&fault.code, &fault.message, fault.remedy.as_ref().unwrap()] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    let fault = cell.fails(json!({"crime": "fault", "n": 1 << 20})).await;
    for (text, most) in [(&fault.code, 1_100), (&fault.message, 4_200)] {
        assert!(text.len() <= most, "{} bytes", text.len());
    }
    let fault = cell
        .fails(json!({"crime": "fault", "text": "plugin.trap"}))
        .await;
    assert_eq!(
        fault.code, "claimed.plugin.trap",
        "the host's own codes are its own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_not_make_its_run_wait_for_ever() {
    let cell = Cell::new().await;
    let fault = cell
        .fails(json!({"crime": "throttled", "text": "slow"}))
        .await;
    assert_eq!(fault.code, "slow");
    let report = cell.run(HURRIED, &json!({"crime": "sleep"})).await;
    assert_eq!(report.state, RunState::Failed);
    assert_eq!(report.fault.unwrap().code, "run.deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_check_and_names_to_choose_from_are_harmless() {
    let cell = Cell::new().await;
    let job = cell.job(
        EVIL,
        &json!({"baseUrl": "https://allowed.example", "text": "a\u{1b}[2J\nb"}),
    );
    let egress = Egress::new(Default::default()).unwrap();
    let session = run::connect(&job.plugin, &job.settings, &egress)
        .await
        .unwrap()
        .session;
    let request = RunRequest::new(&job.settings.plugin, &job.map, &[], Mode::Snapshot, None);
    let mut sandbox = job.plugin.open(Some(&session)).await.unwrap();
    let lines = sandbox.check(&request).await.unwrap();
    assert!(!lines[0].seen.contains(char::is_control), "{lines:?}");
    let found = sandbox.discover(&request, None, None).await.unwrap();
    assert!(
        !found.groups[0].name.contains(char::is_control),
        "{found:?}"
    );
    assert_eq!(found.next.as_deref(), Some("again"));
    let job = cell.job(
        EVIL,
        &json!({"baseUrl": "https://allowed.example", "n": 1 << 20}),
    );
    let request = RunRequest::new(&job.settings.plugin, &job.map, &[], Mode::Snapshot, None);
    let refused = sandbox.discover(&request, None, None).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the plugin returned a bad value: next: 1048581 bytes, at most 65536"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_too_many_objects_is_a_trap() {
    let cell = Cell::new().await;
    let seen = cell
        .is_prevented(json!({"crime": "holds", "n": 10_000}))
        .await;
    assert_eq!(seen, ["10000"]);
    let fault = cell.fails(json!({"crime": "holds", "n": 10_001})).await;
    assert_eq!(fault.code, "plugin.trap");
    assert_eq!(
        fault.message,
        "the plugin trapped: asked what is held of 10001 objects at once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_without_network_gets_no_credential() {
    let cell = Cell::new().await;
    // It breaks down if it is told anything but `denied`.
    let report = cell
        .commit(
            json!({"crime": "credential", "when": "connect", "token": "a-token-of-some-length"}),
        )
        .await;
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
}
