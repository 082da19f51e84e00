//! Crimes of quantity in what a plugin hands over: pages, partitions, log.

use connector_host::contract::{Fault, FaultKind};
use connector_host::directory::RunState;
use connector_host::plugin::CallError;
use serde_json::json;

use super::{Den, bad, fault_of, kind_and_code};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_too_much_is_refused_whole() {
    let den = Den::new().await;
    for (order, expected) in [
        (
            json!({ "crime": "changes", "n": 101 }),
            bad("changes", "101 in one page, at most 100"),
        ),
        (
            json!({ "crime": "members", "n": 1_001 }),
            bad("changes", "more than 1000 members in one page"),
        ),
        (
            json!({ "crime": "page-bytes", "n": 6 }),
            bad("changes", "more than 262144 bytes in one page"),
        ),
        (
            json!({ "crime": "name", "text": "x", "n": 2 << 20 }),
            bad("changes", "more than 262144 bytes in one page"),
        ),
        (
            // Four kilobytes each, made visible as control characters.
            json!({ "crime": "aliased-reasons", "text": "\u{1}", "n": 90_000, "count": 100 }),
            bad("changes", "more than 262144 bytes in one page"),
        ),
        (
            json!({ "crime": "aliased-members", "n": 2_000, "count": 900 }),
            bad("changes", "more than 262144 bytes in one page"),
        ),
        (
            json!({ "crime": "aliased-titles", "n": 90_000, "count": 101 }),
            bad("partitions", "too many in one page"),
        ),
    ] {
        let report = den.run("page", &order).await;
        assert_eq!(report.state, RunState::Failed, "{order}");
        assert_eq!(report.fault, Some(fault_of(expected)), "{order}");
        den.assert_nothing_of("page").await;
    }
    let fault = den
        .fails("page", json!({ "crime": "changes", "n": 5_000 }))
        .await;
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Protocol, "plugin.bad-value")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_text_that_counts_a_million_times_is_copied_no_further_than_a_call_may() {
    let den = Den::new().await;
    // 200 GB by the lengths, 100 KB in the guest.
    for crime in [
        "aliased-names",
        "aliased-members",
        "aliased-reasons",
        "aliased-titles",
    ] {
        let order = json!({ "crime": crime, "n": 100_000, "count": 20_000 });
        let report = den.run("call", &order).await;
        let expected = CallError::Trap(
            "too much data is being copied between the host and the guest: fuel allocated for hostcalls \
             has been exhausted"
                .into(),
        );
        assert_eq!(report.fault, Some(fault_of(expected)), "{crime}");
        assert_eq!(report.state, RunState::Failed, "{crime}");
        den.assert_nothing_of("call").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_pages_end_at_the_limit_and_what_was_stored_before_stays() {
    let den = Den::new().await;
    let report = den.crime("run", json!({ "crime": "pages" })).await;
    let expected = met(
        "plugin.page-limit",
        "the plugin has more than 10 pages of one partition",
    );
    assert_eq!(report.failures[0].fault, expected);
    assert_eq!(
        (report.state, report.failures.len()),
        (RunState::Partial, 1)
    );
    let held = den.held("run").await;
    assert_eq!(held.users.len(), 10);
    assert_eq!(held.cursor, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_partitions_end_at_the_limit() {
    let den = Den::new().await;
    let report = den.crime("run", json!({ "crime": "partitions" })).await;
    let expected = met(
        "plugin.partition-limit",
        "the plugin has more than 20 partitions in one run",
    );
    assert_eq!(report.state, RunState::Partial);
    assert!(!report.failures.is_empty());
    for failure in &report.failures {
        assert_eq!(failure.fault, expected);
    }
    den.assert_nothing_of("run").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_partitions_end_at_their_limit_in_bytes() {
    let den = Den::new().await;
    let order = json!({ "crime": "partitions", "n": 60_000 });
    let report = den.crime("run", order).await;
    assert_eq!(report.state, RunState::Partial);
    let expected = met(
        "plugin.partition-limit",
        "the plugin has more than 100000 bytes of partitions in one run",
    );
    assert_eq!(report.failures[0].fault, expected);
    assert!(report.failures.len() <= 4, "{:?}", report.failures);
    den.assert_nothing_of("run").await;
}

fn met(code: &str, message: &str) -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        code: code.into(),
        message: message.into(),
        remedy: Some("Raise the limit, or report it to the plugin's author.".into()),
        setting: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_names_itself_again_is_read_once() {
    let den = Den::new().await;
    let seen = den
        .sees("again", json!({ "crime": "same-partition", "n": 1_000 }))
        .await;
    assert!(seen.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_failures_are_counted_and_a_hundred_told() {
    let den = Den::new().await;
    let order = json!({ "crime": "failures", "count": 1_000, "text": "x", "n": 10_000 });
    let report = den.crime("failures", order).await;
    assert_eq!(report.state, RunState::Failed);
    assert_eq!((report.failures.len(), report.failures_dropped), (100, 900));
    den.assert_nothing_of("failures").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_log_lines_are_counted_and_twenty_kept() {
    let den = Den::new().await;
    let report = den
        .crime("log", json!({ "crime": "log-lines", "n": 1_000_000 }))
        .await;
    assert_eq!(report.state, RunState::Processed);
    let kept: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let lines: Vec<String> = report.log.into_iter().map(|line| line.text).collect();
    assert_eq!((lines, report.log_dropped), (kept, 999_980));
    den.assert_innocent("log").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_is_one_line_and_moves_nothing_on_the_screen() {
    let den = Den::new().await;
    for (text, shown) in [
        ("good\nERROR forged", "good\\u{a}ERROR forged"),
        ("good\r\u{1b}[2K", "good\\u{d}\\u{1b}[2K"),
        ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("user\u{202e}nimda", "user\\u{202e}nimda"),
        ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
        (
            "\u{61c}\u{2066}\u{e0041}\u{feff}",
            "\\u{61c}\\u{2066}\\u{e0041}\\u{feff}",
        ),
        ("\0", "\\u{0}"),
        ("Zoë 日本", "Zoë 日本"),
    ] {
        let report = den
            .run("log", &json!({ "crime": "log-text", "text": text }))
            .await;
        assert_eq!(report.log.len(), 1);
        assert_eq!(report.log[0].text, shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_of_ten_megabytes_is_cut() {
    let den = Den::new().await;
    for text in ["x", "\u{1b}", "\u{e0041}"] {
        let n = (10 << 20) / text.len();
        let seen = den
            .sees("log", json!({ "crime": "log-text", "text": text, "n": n }))
            .await;
        assert_eq!(seen.len(), 1);
        assert!(seen[0].ends_with('…') && seen[0].len() <= (4 << 10) + '…'.len_utf8());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_what_is_held_of_too_many_traps() {
    let den = Den::new().await;
    let seen = den
        .sees("holds", json!({ "crime": "holds", "n": 10_000 }))
        .await;
    assert_eq!(seen, ["10000 answers"]);
    let fault = den
        .fails("holds-too-many", json!({ "crime": "holds", "n": 10_001 }))
        .await;
    let expected = CallError::Trap("asked what is held of 10001 objects at once".into());
    assert_eq!(fault, fault_of(expected));
}
