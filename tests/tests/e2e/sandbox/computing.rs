//! Crimes of time and memory.

use std::time::Duration;

use connector_host::contract::FaultKind;
use connector_host::directory::Mode;
use connector_host::plugin::{CallError, PluginError, RunRequest};
use connector_host::settings::PluginSettings;
use harness::artefacts;
use serde_json::json;

use super::{Cell, EVIL, PLACES, engine, evil};

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_with_its_cpu_time_in_whatever_hook_it_is() {
    let cell = Cell::new().await;
    for when in ["connect", "plan", "read"] {
        let fault = cell.fails(json!({"crime": "loop", "when": when})).await;
        assert_eq!(fault.code, "plugin.cpu-limit", "{when}");
        assert_eq!(fault.kind, FaultKind::Permanent, "{when}");
        assert_eq!(
            fault.message,
            "the plugin used more than 200 ms of CPU time in one call"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_in_the_hooks_that_no_run_calls() {
    let plugin = evil().await.for_connector(EVIL);
    let values = |hook: &str| json!({"crime": "loop", "when": hook}).to_string();
    let request = |hook: &str| {
        let settings = PluginSettings {
            values: values(hook),
            secrets: Vec::new(),
        };
        let map = plugin.description().maps[0].clone();
        RunRequest::new(&settings, &map, &[], Mode::Snapshot, None)
    };
    let map = |hook: &str| {
        let mut map = plugin.description().maps[0].clone();
        map.name = values(hook);
        map
    };
    let mut sandbox = plugin.open(None).await.unwrap();
    let ended = sandbox.check(&request("check")).await.unwrap_err();
    assert_eq!(ended, CallError::Cpu(200));
    let mut sandbox = plugin.open(None).await.unwrap();
    let ended = sandbox.discover(&request("discover"), None, None).await;
    assert_eq!(ended.unwrap_err(), CallError::Cpu(200));
    let mut sandbox = plugin.open(None).await.unwrap();
    let ended = sandbox.validate(&map("validate")).await.unwrap_err();
    assert_eq!(ended, CallError::Cpu(200));
    let mut sandbox = plugin.open(None).await.unwrap();
    let ended = sandbox.preview(&map("preview"), "{}").await.unwrap_err();
    assert_eq!(ended, CallError::Cpu(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_never_ends_describing_itself_is_refused_when_it_is_loaded() {
    let file = artefacts::evil("endless-description").unwrap();
    let refused = connector_host::plugin::Plugin::load(&engine().await, &file).await;
    let Err(PluginError::Description { source, .. }) = refused else {
        panic!("{refused:?}");
    };
    // Whichever of the two is first on a machine that has other things to do.
    assert!(
        matches!(*source, CallError::Cpu(1_000) | CallError::Wall(1_000)),
        "{source:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_through_the_host_is_counted_like_any_other() {
    let cell = Cell::new().await;
    for crime in ["loop-log", "loop-random", "loop-clock"] {
        let fault = cell.fails(json!({ "crime": crime })).await;
        assert_eq!(fault.code, "plugin.cpu-limit", "{crime}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_in_the_host_ends_with_the_deadline() {
    let cell = Cell::new().await;
    for crime in ["sleep", "naps"] {
        let fault = cell.fails(json!({ "crime": crime })).await;
        assert_eq!(fault.code, "plugin.deadline", "{crime}");
        assert_eq!(fault.kind, FaultKind::Transient, "{crime}");
        assert_eq!(
            fault.message,
            "the plugin's call did not end within 1500 ms"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_ends_with_its_limit_in_large_steps_and_in_small_ones() {
    let cell = Cell::new().await;
    for crime in [
        json!({"crime": "memory", "n": 1 << 20}),
        json!({"crime": "memory", "n": 100}),
        json!({"crime": "grow"}),
    ] {
        let fault = cell.fails(crime.clone()).await;
        assert_eq!(fault.code, "plugin.memory-limit", "{crime}");
        assert_eq!(fault.kind, FaultKind::Permanent, "{crime}");
        assert_eq!(
            fault.message,
            "the plugin wanted more than 16 MiB of memory"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traps_are_told_by_their_name_and_end_only_their_run() {
    let cell = Cell::new().await;
    for (crime, message) in [
        (json!({"crime": "recursion"}), "call stack exhausted"),
        (
            json!({"crime": "unreachable"}),
            "wasm `unreachable` instruction executed",
        ),
        (
            json!({"crime": "panic", "text": "on purpose"}),
            "wasm `unreachable` instruction executed",
        ),
        (
            json!({"crime": "abort"}),
            "wasm `unreachable` instruction executed",
        ),
        (
            json!({"crime": "exit", "n": 0}),
            "Exited with i32 exit status 0",
        ),
        (
            json!({"crime": "exit", "n": 1}),
            "Exited with i32 exit status 1",
        ),
    ] {
        let fault = cell.fails(crime.clone()).await;
        assert_eq!(fault.code, "plugin.trap", "{crime}");
        assert_eq!(fault.kind, FaultKind::Permanent, "{crime}");
        assert!(
            fault.message.contains(message),
            "{crime}: {}",
            fault.message
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_keeps_for_an_instance_is_bounded() {
    let cell = Cell::new().await;
    for (crime, message) in [
        (
            json!({"crime": "hoard-timers", "n": 10_000}),
            "the plugin trapped: resource table has no free keys",
        ),
        (
            json!({"crime": "hoard-headers", "n": 10_000}),
            "the plugin trapped: resource table has no free keys",
        ),
        (
            json!({"crime": "large-headers", "n": 33}),
            "the plugin trapped: total size of fields exceeds limit",
        ),
    ] {
        let fault = cell.fails(crime.clone()).await;
        assert_eq!(fault.code, "plugin.trap", "{crime}");
        assert_eq!(fault.message, message, "{crime}");
    }
    // Of a body that is never sent, the host takes a piece and no more.
    let seen = cell
        .is_prevented(json!({"crime": "hoard-bodies", "n": 100}))
        .await;
    let bytes: usize = seen[0].split(' ').nth(2).unwrap().parse().unwrap();
    assert!(bytes <= 128 << 10, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_emits_nothing_more_and_gives_its_place_back() {
    let cell = Cell::new().await;
    for crime in ["loop", "sleep"] {
        // More often than there are places.
        for _ in 0..2 * PLACES {
            let settings = json!({ "crime": crime });
            let run = cell.run(EVIL, &settings);
            let cancelled = tokio::time::timeout(Duration::from_millis(60), run).await;
            assert!(cancelled.is_err(), "it was under way");
        }
    }
    let seen = cell.is_prevented(json!({"crime": "surroundings"})).await;
    assert_eq!(seen.len(), 4, "there is a place for the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn surroundings_are_empty_and_shouting_is_for_nobody() {
    let cell = Cell::new().await;
    let seen = cell.is_prevented(json!({"crime": "surroundings"})).await;
    assert_eq!(
        seen,
        ["environment 0", "arguments 0", "stdin 0", "clock true"]
    );
    let report = cell.commit(json!({"crime": "shout", "n": 4})).await;
    assert_eq!(report.log[0].text, "nobody listened", "{report:#?}");
}
