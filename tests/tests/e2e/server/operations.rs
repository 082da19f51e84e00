//! What an operator does: copies and restores, keeps the key, and reads the metrics.

use std::collections::BTreeMap;

use harness::server::ServerUnderTest;
use harness::simulator::DEMO_CLIENT_SECRET;

use super::kit::{Connector, Stage, equals_tenant, text};
use crate::secrets::{assert_clean, files, spellings};

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_a_data_folder_is_neither_served_nor_readable() {
    let mut stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.server.stop().await.unwrap();
    let needles = spellings(&[DEMO_CLIENT_SECRET.to_owned()]);
    files(&stage.server.data(), &mut |path, bytes| {
        assert_clean(&needles, bytes, &path.display().to_string());
    });

    let kept = stage.server.key().with_extension("kept");
    std::fs::rename(stage.server.key(), &kept).unwrap();
    let refused = stage.server.start_again().await.unwrap_err().to_string();
    assert!(refused.contains("vault.key"), "it names the key: {refused}");
    assert!(!stage.server.key().exists(), "no other key was made");

    let other = Stage::new().await;
    std::fs::copy(other.server.key(), stage.server.key()).unwrap();
    let refused = stage.server.start_again().await.unwrap_err().to_string();
    assert!(refused.contains("not the one"), "{refused}");

    std::fs::rename(&kept, stage.server.key()).unwrap();
    stage.start_again().await;
    stage.succeed(&connector).await;
}

/// A copy of a server in a folder of its own, made while it serves.
async fn copied(stage: &Stage) -> ServerUnderTest {
    let copy = ServerUnderTest::stopped(super::entra(&stage.simulator)).unwrap();
    let backup = copy.key().with_file_name("backup");
    let run = async |command: &mut tokio::process::Command| {
        let output = command.output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        [output.stdout, output.stderr].concat()
    };
    let mut command = stage.server.command(&["backup"]);
    run(command
        .arg(&backup)
        .arg("--data-dir")
        .arg(stage.server.data()))
    .await;
    let key = std::fs::read(stage.server.key()).unwrap();
    let mut needles = spellings(&[DEMO_CLIENT_SECRET.to_owned()]);
    needles.push(key.trim_ascii().to_vec());
    let mut count = 0;
    files(&backup, &mut |path, bytes| {
        count += 1;
        assert_clean(&needles, bytes, &path.display().to_string());
    });
    assert!(count > 2, "{count} files");
    let mut command = copy.command(&["restore"]);
    run(command.arg(&backup).arg("--data-dir").arg(copy.data())).await;
    std::fs::copy(stage.server.key(), copy.key()).unwrap();
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_busy_server_starts_elsewhere_with_the_same_connectors_and_groups() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    stage.succeed(&connector).await;
    stage.simulator.churn(3, 60);
    stage.simulator.set_latency(40, 0);
    let run = connector.start(&stage.api).await;
    let mut copy = copied(&stage).await;
    stage.server.ended(&run).await.unwrap();
    stage.simulator.set_latency(0, 0);

    copy.start_again().await.unwrap();
    assert_eq!(copy.code(), None, "the administrator is in the backup");
    let api = stage.api.with(stage.api.credentials().clone());
    let copied = copy.anonymous().unwrap().with(api.credentials().clone());
    let names = copied.all("/connectors").await.unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["id"], connector.id.as_str());
    // The run that was under way belongs to the server that it was copied from, or goes on here: either way
    // the next one makes the copy equal to the tenant.
    let run = caught_up(&copy, &copied, &connector).await;
    let run = copied.read(&format!("/runs/{run}")).await.unwrap();
    assert_eq!(run["state"], "processed", "{run:#}");
    let equal = equals_tenant(&copied, &connector.id, &stage.simulator).await;
    equal.assert("in the copy");
}

/// A run of the copy that began after whatever was left open in it had ended.
async fn caught_up(
    copy: &ServerUnderTest,
    api: &harness::server::Api,
    connector: &Connector,
) -> String {
    let what = "nothing is open in the copy";
    let path = connector.path("/overview");
    let idle = copy.eventually(what, async || {
        let open = api.read(&path).await?.get("open").is_some();
        Ok((!open).then_some(()))
    });
    idle.await.unwrap();
    let run = connector.start(api).await;
    let path = format!("/runs/{run}");
    let ended = copy.eventually("the run ends", async || {
        let run = api.read(&path).await?;
        Ok(run.get("ended").is_some().then_some(()))
    });
    ended.await.unwrap();
    run
}

/// Every series of the text format with its number.
fn series(text: &str) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let number: f64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(
            series.insert(name.to_owned(), number).is_none(),
            "{line} twice"
        );
    }
    series
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_the_runs_and_of_what_is_held() {
    let stage = Stage::new().await;
    let connector = stage.connector("contoso").await;
    let first = stage.succeed(&connector).await;
    stage.simulator.churn(4, 20);
    let second = stage.succeed(&connector).await;
    let metrics = async |api: &harness::server::Api| {
        api.call(http::Method::GET, "/metrics", &[], None)
            .await
            .unwrap()
    };
    assert_eq!(
        metrics(&stage.server.anonymous().unwrap()).await.status,
        401
    );
    let viewer = stage.server.role("viewer").await.unwrap();
    let told = metrics(&viewer).await;
    assert_eq!(told.status, 200);
    let text_of_metrics = told.text();
    let series = series(&text_of_metrics);
    let of = |name: &str| {
        let label = [&connector.id, "contoso"].map(|id| format!("connector=\"{id}\""));
        let found = series.iter().filter(|(series, _)| {
            series.split('{').next() == Some(name) && label.iter().any(|l| series.contains(l))
        });
        found.map(|(_, number)| *number).sum::<f64>()
    };
    assert_eq!(of("connector_runs_total"), 2.0, "{text_of_metrics}");
    let requests = [&first, &second].map(|run| run["requests"].as_f64().unwrap());
    assert_eq!(of("connector_requests_total"), requests.iter().sum::<f64>());
    let truth = stage.simulator.truth();
    let held = series
        .iter()
        .find(|(name, _)| name.starts_with("connector_held{") && name.contains("users"));
    assert_eq!(
        held.map(|(_, n)| *n),
        Some(truth.grouped_users().len() as f64),
        "{text_of_metrics}"
    );
    assert_eq!(text(&second["mode"]), "incremental");
}
