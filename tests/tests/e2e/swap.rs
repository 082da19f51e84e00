//! Another version of the plugin goes active while the house stands.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connector_host::directory::{Mode, RunState};
use connector_host::plugin::registry::{PluginPolicy, Standing};
use connector_host::run::WantedMode;
use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use harness::{artefacts, host};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::lab::{Lab, small};
use crate::registry::{Installation, id};

const NAME: &str = "entra-directory-sync";
const SWAPS: usize = 50;
const VERSIONS: [&str; 4] = ["0.1.1", "0.1.2", "0.1.3", "0.1.4"];

#[tokio::test(flavor = "multi_thread")]
async fn fifty_swaps_under_load_lose_no_run_and_every_run_ends_on_the_version_it_began_with() {
    let installation = Arc::new(Installation::with_first(PluginPolicy::default()).await);
    for version in VERSIONS {
        let file = installation.write("next.wasm", &installation.version(version));
        installation.registry.install(&file, None).await.unwrap();
    }
    let swapped = Arc::new(AtomicBool::new(false));
    let mut connectors = tokio::task::JoinSet::new();
    for seed in 0..3 {
        let (installation, swapped) = (Arc::clone(&installation), Arc::clone(&swapped));
        connectors.spawn(async move {
            let lab = Lab::new(SimulatorOptions {
                tenant: TenantSpec::sized(60, 20, 300, seed),
                ..SimulatorOptions::default()
            })
            .await;
            lab.simulator.set_latency(5, 10);
            let mut versions = BTreeSet::new();
            let mut runs = 0;
            loop {
                // Looked at first, so that one run begins after the last swap.
                let last = swapped.load(Ordering::SeqCst);
                let plugin = installation
                    .registry
                    .resolve(&NAME.parse().unwrap())
                    .await
                    .unwrap();
                let report = lab.sync_with(&plugin, WantedMode::Auto).await;
                assert_eq!(report.state, RunState::Processed, "{report:#?}");
                assert_eq!(report.plugin, plugin.description().id());
                let mode = if runs == 0 {
                    Mode::Snapshot
                } else {
                    Mode::Incremental
                };
                assert_eq!(report.mode, mode, "cursors of the other version are good");
                versions.insert(report.plugin.clone());
                runs += 1;
                if last {
                    lab.assert_equals_tenant("after the last swap").await;
                    return (runs, versions, report.plugin);
                }
                lab.simulator.churn(seed + runs, 10);
            }
        });
    }
    let mut active = String::new();
    for swap in 0..SWAPS {
        let version = VERSIONS[swap % VERSIONS.len()];
        installation.registry.activate(&id(version)).await.unwrap();
        active = format!("{NAME}@{version}");
        let now = installation
            .registry
            .resolve(&NAME.parse().unwrap())
            .await
            .unwrap();
        assert_eq!(now.description().id(), active, "the next run uses it");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    swapped.store(true, Ordering::SeqCst);
    let mut seen = BTreeSet::new();
    while let Some(ended) = connectors.join_next().await {
        let (runs, versions, last) = ended.unwrap();
        assert!(runs > 1, "it ran all the time");
        assert_eq!(last, active);
        seen.extend(versions);
    }
    assert!(seen.len() > 1, "runs were spread over versions: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_under_way_ends_on_its_version_although_that_is_rolled_back_and_removed() {
    let installation = Installation::with_first(PluginPolicy::default()).await;
    let registry = &installation.registry;
    let file = installation.write("next.wasm", &installation.version("0.1.1"));
    registry.install(&file, None).await.unwrap();
    registry.activate(&id("0.1.1")).await.unwrap();
    let lab = Lab::new(small()).await;
    lab.simulator.set_latency(100, 0);
    let plugin = registry.resolve(&NAME.parse().unwrap()).await.unwrap();
    let (report, ()) = tokio::join!(lab.sync_with(&plugin, WantedMode::Auto), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        registry.roll_back(NAME).await.unwrap();
        registry.remove(&id("0.1.1")).await.unwrap();
    });
    assert_eq!(report.state, RunState::Processed, "{report:#?}");
    assert_eq!(report.plugin, "entra-directory-sync@0.1.1");
    lab.assert_equals_tenant("after its version was removed")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_first_runs_fail_gives_way_by_itself() {
    let installation = Installation::with_first(PluginPolicy {
        rollback_after: 2,
        ..PluginPolicy::default()
    })
    .await;
    let registry = &installation.registry;
    let file = installation.write("broken.wasm", &installation.broken("0.1.1"));
    registry.install(&file, None).await.unwrap();
    registry.activate(&id("0.1.1")).await.unwrap();
    let lab = Lab::new(small()).await;
    let mut states = Vec::new();
    for _ in 0..3 {
        let plugin = registry.resolve(&NAME.parse().unwrap()).await.unwrap();
        let report = lab.sync_with(&plugin, WantedMode::Auto).await;
        registry.ran(&plugin, report.plugin_at_fault).await.unwrap();
        states.push((report.plugin, report.state));
    }
    let broken = ("entra-directory-sync@0.1.1".to_owned(), RunState::Failed);
    let good = ("entra-directory-sync@0.1.0".to_owned(), RunState::Processed);
    assert_eq!(states, [broken.clone(), broken, good]);
    lab.assert_equals_tenant("after the roll-back").await;
    let entries = registry.list().await.unwrap();
    assert_eq!(
        entries[1].standing,
        Standing::Withdrawn("its first 2 runs failed".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_plugins_fault_does_not_count_against_it() {
    let lab = Lab::new(small()).await;
    let mut wrong = Lab::new(small()).await;
    wrong.settings["clientSecret"] = "not it".into();
    let report = wrong.sync(WantedMode::Auto).await;
    assert_eq!(
        (report.state, report.plugin_at_fault),
        (RunState::Failed, false)
    );
    wrong.settings["tenantId"] = "not a tenant".into();
    let report = wrong.sync(WantedMode::Auto).await;
    assert_eq!(
        (report.state, report.plugin_at_fault),
        (RunState::Failed, false)
    );
    let report = lab.succeed().await;
    assert!(!report.plugin_at_fault);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_dropped_into_the_folder_of_a_running_host_is_used_by_its_next_run() {
    let installation = Installation::with_first(PluginPolicy::default()).await;
    let simulator = Simulator::start(small()).unwrap();
    let mut workplace = host::Workplace::new(
        &simulator,
        artefacts::tested_host().unwrap(),
        std::path::Path::new(NAME),
    )
    .unwrap();
    workplace.install_into(installation.root());
    let mut running = workplace
        .sync()
        .args(["--every", "200ms", "--report", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = reports
            .next_line()
            .await
            .unwrap()
            .expect("it goes on running");
        let report: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(report["state"], "processed", "{report:#}");
        report["plugin"].as_str().unwrap().to_owned()
    };
    assert_eq!(next().await, "entra-directory-sync@0.1.0");
    std::fs::write(
        installation.root().join("new.wasm"),
        installation.version("0.1.1"),
    )
    .unwrap();
    while next().await == "entra-directory-sync@0.1.0" {}
    assert_eq!(next().await, "entra-directory-sync@0.1.1");
    running.kill().await.unwrap();
}
