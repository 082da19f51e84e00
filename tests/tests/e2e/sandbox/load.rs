//! Files that are no plugin, plugins that want too much, and crimes as early as a plugin can commit them.

use std::sync::Arc;

use connector_host::directory::{Mode, RunState};
use connector_host::plugin::{CallError, Plugin, PluginError};
use connector_host::run::{self, Job};
use harness::artefacts;
use serde_json::json;

use super::{Den, bad, engine};

/// A component in the text format, with hooks of the right names and a core module of one's choice.
fn component(version: &str, imports: &str, module: &str) -> Vec<u8> {
    let hooks = [
        "describe", "connect", "check", "discover", "plan", "read", "validate", "preview",
    ];
    let exports: String = hooks
        .iter()
        .map(|hook| format!("(export \"{hook}\" (func $nothing))\n"))
        .collect();
    let text = format!(
        r#"(component
            {imports}
            (core module $m {module} (func (export "nothing")))
            (core instance $i (instantiate $m))
            (func $nothing (canon lift (core func $i "nothing")))
            (instance $hooks {exports})
            (export "connector:plugin/hooks@{version}" (instance $hooks)))"#
    );
    wat::parse_str(text).unwrap()
}

async fn refused(bytes: Vec<u8>) -> PluginError {
    match Plugin::from_bytes(&engine(), bytes, "the file").await {
        Ok(plugin) => panic!("{plugin:?} was loaded"),
        Err(error) => error,
    }
}

/// What the description of a plugin failed with.
async fn description_of(bytes: Vec<u8>) -> CallError {
    match refused(bytes).await {
        PluginError::Description { what, source } => {
            assert_eq!(what, "the file");
            *source
        }
        other => panic!("{other:?}"),
    }
}

/// The hostile plugin with a crime in `describe`.
fn describing(crime: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(artefacts::evil().unwrap()).unwrap();
    let old = format!("{:48}", "describe-crime=none");
    let new = format!("{:48}", format!("describe-crime={crime}"));
    let places: Vec<usize> = (0..bytes.len() - old.len())
        .filter(|at| bytes[*at..].starts_with(old.as_bytes()))
        .collect();
    assert_eq!(places.len(), 1, "the slot is there once");
    bytes[places[0]..places[0] + new.len()].copy_from_slice(new.as_bytes());
    bytes
}

/// `describe` has one second by either clock, and on a busy machine that on the wall is faster.
fn either_clock(error: CallError) -> CallError {
    match error {
        CallError::Wall(1_000) => CallError::Cpu(1_000),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_as_such() {
    let den = Den::new().await;
    let whole = std::fs::read(artefacts::evil().unwrap()).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    den.beside(async {
        for (bytes, expected) in [
            (b"Dear host, please run me.\n".to_vec(), "magic"),
            (Vec::new(), "unexpected end"),
            (
                wat::parse_str("(module)").unwrap(),
                "a wasm module with a component parser",
            ),
            (half, "out of bounds"),
        ] {
            let error = refused(bytes).await;
            let PluginError::NotAComponent { what, reason } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(what, "the file");
            assert!(reason.contains(expected), "{reason}");
            assert!(!reason.contains('\n'), "{reason}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_hooks_is_no_connector() {
    let error = refused(wat::parse_str("(component)").unwrap()).await;
    assert!(
        matches!(&error, PluginError::NotAConnector { what } if what == "the file"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_for_another_major_version_is_told_both_versions() {
    for theirs in ["1.0.0", "0.9.0", "22.0.0"] {
        let error = refused(component(theirs, "", "")).await;
        let PluginError::ContractVersion {
            theirs: told,
            ours,
            major,
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        assert_eq!((told.as_str(), *ours, *major), (theirs, "2.0.0", 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_does_not_give_is_named() {
    let empty = |name: &str| format!(r#"(import "{name}" (instance))"#);
    for import in [
        "evil:spy/eyes@1.0.0",
        "wasi:filesystem/types@0.2.6",
        "wasi:sockets/tcp@0.2.6",
        "wasi:cli/run@0.2.6",
        "wasi:http/incoming-handler@0.2.6",
        "wasi:keyvalue/store@0.2.0",
        "wasi:clocks/wall-clock@0.3.0",
        "connector:plugin/log@3.0.0",
        "connector:plugin/secrets@2.0.0",
        "log",
    ] {
        let error = refused(component("2.0.0", &empty(import), "")).await;
        let PluginError::UnsupportedImport { import: told, .. } = &error else {
            panic!("{import}: {error:?}");
        };
        assert_eq!(told, import);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_sockets_of_a_language_s_library_are_no_way_around() {
    for (file, interface) in [
        (artefacts::evil_with("filesystem"), "wasi:filesystem/"),
        (artefacts::evil_with("sockets"), "wasi:sockets/"),
    ] {
        let error = refused(std::fs::read(file.unwrap()).unwrap()).await;
        let PluginError::UnsupportedImport { import, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(import.starts_with(interface), "{import}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_names_with_wrong_types_do_not_fit() {
    let log = r#"(import "connector:plugin/log@2.0.0" (instance (export "write" (func (param "a" u32)))))"#;
    for (imports, expected) in [("", "expected 1-tuple, found 0-tuple"), (log, "log")] {
        let error = refused(component("2.0.0", imports, "")).await;
        let PluginError::DoesNotFit { what, reason } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(what, "the file");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crime_before_any_hook_is_called_ends_like_any_other() {
    let den = Den::new().await;
    den.beside(async {
        let loops = "(func $s (loop (br 0))) (start $s)";
        let tables =
            "(table 1 funcref) (func $s (loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0))) (start $s)";
        let memories = "(memory 1) (func $s (loop (drop (memory.grow (i32.const 10))) (br 0))) (start $s)";
        let traps = "(func $s unreachable) (start $s)";
        let limit = |what, limit: &str| CallError::Memory {
            what,
            limit: limit.into(),
        };
        for (module, expected) in [
            (loops, CallError::Cpu(1_000)),
            (tables, limit("table", "100000 elements")),
            (memories, limit("memory", "32 MiB")),
            (
                traps,
                CallError::NoInstance("wasm trap: wasm `unreachable` instruction executed".into()),
            ),
        ] {
            let error = description_of(component("2.0.0", "", module)).await;
            assert_eq!(either_clock(error), expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_too_much_from_the_start_is_told_so() {
    for (module, expected) in [
        ("(memory 1024)", "memory"),
        ("(table 10000000 funcref)", "table"),
    ] {
        let error = refused(component("2.0.0", "", module)).await;
        let PluginError::BeyondLimits { reason, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(reason.contains("exceeds the limit"), "{reason}");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_has_a_second_and_no_way_out() {
    let den = Den::new().await;
    let trap = |text: &str| CallError::Trap(text.into());
    den.beside(async {
        for (crime, expected) in [
            ("loop", CallError::Cpu(1_000)),
            ("sleep-for-ever", CallError::Wall(1_000)),
            (
                "grow-vector",
                CallError::Memory {
                    what: "memory",
                    limit: "32 MiB".into(),
                },
            ),
            (
                "panic",
                trap("wasm trap: wasm `unreachable` instruction executed"),
            ),
            ("exit", trap("Exited with i32 exit status 1")),
            ("bad-name", bad("name", "1 to 64 of a-z, 0-9 and -")),
            (
                "bad-version",
                bad("version", "a semantic version such as 1.2.3"),
            ),
            (
                "no-map",
                bad("maps", "at least one transform map, the default"),
            ),
            (
                "bad-host",
                bad("hosts", "an identifier has no spaces, no control characters and none that reorder or hide text"),
            ),
            (
                "many-settings",
                bad("settings", "1001 entries, at most 1000"),
            ),
            (
                "two-kinds",
                bad("group-kinds", "values that differ and have no comma"),
            ),
            (
                "two-choosers",
                bad("settings", "at most one of the kind `groups`"),
            ),
            (
                "bad-default",
                bad(
                    "settings.default-value",
                    "no JSON: EOF while parsing an object at line 1 column 1",
                ),
            ),
        ] {
            let error = description_of(describing(crime)).await;
            match crime {
                "loop" => assert_eq!(either_clock(error), expected),
                _ => assert_eq!(error, expected, "{crime}"),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_says_of_itself_is_made_harmless() {
    let plugin = Plugin::from_bytes(&engine(), describing("odd-labels"), "the file")
        .await
        .unwrap();
    let description = plugin.description();
    assert_eq!(description.vendor, "Good\\u{a}Evil\\u{1b}[2J\\u{202e}");
    assert_eq!(description.summary.len(), 4096 + '…'.len_utf8());
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_has_no_credential() {
    let plugin = Plugin::from_bytes(&engine(), describing("ready"), "the file")
        .await
        .unwrap();
    let seen = &plugin.description().vendor;
    assert!(seen.contains("error: \"denied\""), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_of_another_checkpoint_version_are_not_used() {
    let den = Den::new().await;
    let second = Plugin::from_bytes(&engine(), describing("second"), "the next version")
        .await
        .unwrap();
    let mut modes = Vec::new();
    for plugin in [&den.plugin, &den.plugin, &second, &second] {
        let job = Job {
            plugin: plugin.clone(),
            ..den.job("swapped", &json!({ "crime": "none" }))
        };
        let report = run::run(&job, &den.directory, &den.egress, &Arc::default())
            .await
            .unwrap();
        assert_eq!(report.state, RunState::Processed, "{report:#?}");
        modes.push(report.mode);
    }
    assert_eq!(
        modes,
        [
            Mode::Snapshot,
            Mode::Incremental,
            Mode::Snapshot,
            Mode::Incremental
        ]
    );
}
