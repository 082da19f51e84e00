//! Crimes against memory: the guest's own, and the host's by way of what it keeps for a guest.

use connector_host::contract::FaultKind;
use connector_host::directory::RunState;
use connector_host::plugin::CallError;
use serde_json::json;

use super::{Den, fault_of, kind_and_code};

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kilobytes.unwrap_or_default() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_ends_at_the_limit_however_it_is_asked_for() {
    let den = Den::new().await;
    let limit = || CallError::Memory {
        what: "memory",
        limit: "8 MiB".into(),
    };
    for order in [
        json!({ "crime": "grow-vector" }),
        json!({ "crime": "grow-slowly" }),
        json!({ "crime": "grow-memory", "n": 60_000 }),
        json!({ "crime": "grow-memory", "n": 128 }),
    ] {
        let report = den.run("memory", &order).await;
        assert_eq!(report.fault, Some(fault_of(limit())), "{order}");
        assert_eq!(report.state, RunState::Failed, "{order}");
        assert!(report.peak_instance_memory <= 8 << 20, "{order}");
        den.assert_nothing_of("memory").await;
    }
    let fault = den.fails("memory", json!({ "crime": "grow-vector" })).await;
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Permanent, "plugin.memory-limit")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_within_the_limit_is_given() {
    let den = Den::new().await;
    den.sees("memory", json!({ "crime": "grow-memory", "n": 32 }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_keeps_a_bounded_number_of_things_for_a_guest() {
    let den = Den::new().await;
    for crime in ["hoard-pollables", "hoard-fields", "hoard-bodies"] {
        let report = den
            .run("hoard", &json!({ "crime": crime, "n": 100_000 }))
            .await;
        let full = CallError::Trap("resource table has no free keys".into());
        assert_eq!(report.fault, Some(fault_of(full)), "{crime}");
        assert_eq!(report.state, RunState::Failed, "{crime}");
        den.assert_nothing_of("hoard").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_a_trap() {
    let den = Den::new().await;
    let fault = den
        .fails("hoard", json!({ "crime": "endless-headers" }))
        .await;
    let expected = CallError::Trap("total size of fields exceeds limit".into());
    assert_eq!(fault, fault_of(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_keeps_for_a_guest_is_no_more_than_an_instance_has() {
    let den = Den::new().await;
    let before = resident();
    // As many as can be, with the resources that a call has anyway.
    for (crime, what) in [("hoard-fields", "fields"), ("hoard-bodies", "requests")] {
        let seen = den.sees("hoard", json!({ "crime": crime, "n": 900 })).await;
        let words: Vec<&str> = seen[0].split(' ').collect();
        assert_eq!(words[..3], ["900", what, "of"], "{seen:?}");
        let bytes: usize = words[3].parse().unwrap();
        assert!(bytes > 0 && bytes <= 32 << 20, "{seen:?}");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 1 << 30, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_to_the_standard_streams_goes_nowhere() {
    let den = Den::new().await;
    let before = resident();
    den.sees(
        "streams",
        json!({ "crime": "standard-streams", "n": 64 << 20 }),
    )
    .await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 1 << 30, "{grown} bytes");
    // A gigabyte is only a matter of CPU.
    let report = den
        .run("cpu", &json!({ "crime": "standard-streams", "n": 1 << 30 }))
        .await;
    assert_eq!(report.fault, Some(fault_of(CallError::Cpu(200))));
    assert_eq!(report.log, []);
    den.assert_nothing_of("cpu").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_given_in_small_portions() {
    let den = Den::new().await;
    let fault = den
        .fails("random", json!({ "crime": "random", "n": 1 << 20 }))
        .await;
    assert_eq!(kind_and_code(&fault), (FaultKind::Permanent, "plugin.trap"));
    assert_eq!(
        fault.message,
        "the plugin trapped: requested len 1048576 exceeds limit 65536"
    );
}
