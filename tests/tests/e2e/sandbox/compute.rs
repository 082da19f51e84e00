//! Crimes against CPU and clock, and traps of every kind.

use std::time::Duration;

use connector_host::contract::FaultKind;
use connector_host::directory::{Partition, RunState};
use connector_host::plugin::CallError;
use serde_json::json;

use super::{Den, fault_of, kind_and_code};

const CPU: CallError = CallError::Cpu(200);
const WALL: CallError = CallError::Wall(1_000);

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_in_every_hook() {
    let den = Den::new().await;
    den.beside(async {
        for hook in ["connect", "check", "discover", "plan", "read"] {
            let order = json!({ "crime": "loop", "when": hook });
            let request = den.request(&order);
            let mut instance = den.instance("cpu", None).await;
            let error = match hook {
                "connect" => instance
                    .connect(&den.settings(&order).plugin)
                    .await
                    .unwrap_err(),
                "check" => instance.check(&request).await.unwrap_err(),
                "discover" => instance.discover(&request, None, None).await.unwrap_err(),
                "plan" => instance.plan(&request).await.unwrap_err(),
                _ => instance
                    .read(&request, &partition(), None)
                    .await
                    .unwrap_err(),
            };
            assert_eq!(error, CPU, "{hook}");
        }
        let mut map = den.plugin.description().maps[0].clone();
        map.name = "loop".into();
        let mut instance = den.instance("cpu", None).await;
        assert_eq!(instance.validate(&map).await.unwrap_err(), CPU);
        let mut instance = den.instance("cpu", None).await;
        assert_eq!(instance.preview(&map, "{}").await.unwrap_err(), CPU);
    })
    .await;
}

fn partition() -> Partition {
    Partition {
        key: "1".into(),
        stage: 0,
        title: String::new(),
        state: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_gives_its_partition_up_and_a_host_call_in_it_is_no_way_around() {
    let den = Den::new().await;
    for crime in ["loop", "loop-log", "loop-random", "loop-clock"] {
        let report = den.run("cpu", &json!({ "crime": crime })).await;
        assert_eq!(report.state, RunState::Failed, "{crime}");
        assert_eq!(report.fault.as_ref(), Some(&fault_of(CPU)), "{crime}");
        assert_eq!(report.failures.len(), 1, "{crime}");
        den.assert_nothing_of("cpu").await;
    }
    let fault = den.fails("cpu", json!({ "crime": "loop" })).await;
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Permanent, "plugin.cpu-limit")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_in_connect_or_plan_ends_the_run_before_anything_is_read() {
    let den = Den::new().await;
    for when in ["connect", "plan"] {
        let fault = den
            .run("cpu", &json!({ "crime": "loop", "when": when }))
            .await
            .fault;
        assert_eq!(fault, Some(fault_of(CPU)), "{when}");
        den.assert_nothing_of("cpu").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_ever_meets_the_wall_clock() {
    let den = Den::new().await;
    let never = den.server.url("/never");
    den.beside(async {
        for order in [
            json!({ "crime": "sleep-for-ever" }),
            json!({ "crime": "sleep-for-years" }),
            json!({ "crime": "sleep-shortly" }),
            json!({ "crime": "fetch", "target": never }),
        ] {
            let session = den.session("wall", &order).await;
            let mut instance = den.instance("wall", Some(&session)).await;
            let error = instance
                .read(&den.request(&order), &partition(), None)
                .await
                .unwrap_err();
            assert_eq!(error, WALL, "{order}");
        }
    })
    .await;
    let report = den.run("wall", &json!({ "crime": "sleep-for-ever" })).await;
    assert_eq!(report.state, RunState::Failed);
    let fault = report.fault.unwrap();
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Transient, "plugin.deadline")
    );
    // It was tried again, as patience has it, and given up.
    assert_eq!(report.retries, 2);
    den.assert_nothing_of("wall").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_end_meets_its_own_deadline() {
    let den = Den::new().await;
    let fault = den
        .fails("hurried", json!({ "crime": "sleep-for-ever" }))
        .await;
    assert_eq!(
        kind_and_code(&fault),
        (FaultKind::Permanent, "run.deadline")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trap_tells_what_it_was() {
    let den = Den::new().await;
    for (crime, n, trap) in [
        (
            "unreachable",
            0,
            "wasm trap: wasm `unreachable` instruction executed",
        ),
        (
            "panic",
            0,
            "wasm trap: wasm `unreachable` instruction executed",
        ),
        (
            "abort",
            0,
            "wasm trap: wasm `unreachable` instruction executed",
        ),
        ("recurse", 0, "wasm trap: call stack exhausted"),
        (
            "recurse-with-frames",
            0,
            "wasm trap: out of bounds memory access",
        ),
        ("exit", 0, "Exited with i32 exit status 0"),
        ("exit", 1, "Exited with i32 exit status 1"),
    ] {
        let report = den.run("trap", &json!({ "crime": crime, "n": n })).await;
        let expected = fault_of(CallError::Trap(trap.into()));
        assert_eq!(report.fault.as_ref(), Some(&expected), "{crime} {n}");
        assert_eq!(report.state, RunState::Failed, "{crime} {n}");
        // What a panic says goes nowhere.
        assert_eq!(report.log, [], "{crime} {n}");
        den.assert_nothing_of("trap").await;
    }
    let fault = den.fails("trap", json!({ "crime": "panic" })).await;
    assert_eq!(kind_and_code(&fault), (FaultKind::Permanent, "plugin.trap"));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_clock_and_nothing_else_of_the_machine() {
    let den = Den::new().await;
    let seen = den.sees("around", json!({ "crime": "look-around" })).await;
    assert_eq!(
        seen,
        [
            "environment []",
            "arguments []",
            "directory None",
            "stdin closed true",
            "clock true",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_one_connector_leave_another_connector_of_the_same_plugin_alone() {
    let den = Den::new().await;
    let order = json!({ "crime": "sleep-shortly" });
    let mut instance = den.instance("cpu", None).await;
    let (request, partition) = (den.request(&order), partition());
    // Waiting is no computing: this connector's 200 ms of CPU last.
    let read = instance.read(&request, &partition, None);
    let waited = tokio::time::timeout(Duration::from_millis(1_500), read).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(den.plugin.for_connector("cpu").limits().cpu_ms, 200);
    assert_eq!(den.plugin.for_connector("wall").limits().cpu_ms, 800);
    assert_eq!(den.plugin.limits().cpu_ms, 10_000);
}
