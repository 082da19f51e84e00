//! The command line, as the README shows it.

use harness::simulator::SYNC_PERMISSIONS;
use harness::{artefacts, host};
use serde_json::{Value, json};

use crate::lab::started;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_reports_in_json_what_it_did() {
    let (simulator, workplace) = started();
    let output = workplace
        .sync()
        .args(["--report", "json"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "silence in a pipe");
    let report = host::report(&output).unwrap();
    let truth = simulator.truth();
    assert_eq!(report["state"], "processed");
    assert_eq!(report["mode"], "snapshot");
    assert_eq!(report["users"]["added"], truth.grouped_users().len());
    assert_eq!(report["groups"]["added"], truth.groups.len());
    assert_eq!(report["users"]["complete"], true);
    for key in [
        "network",
        "retries",
        "partitions",
        "peakInstanceMemory",
        "durationMs",
    ] {
        assert!(!report[key].is_null(), "no {key} in {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_come_from_the_configuration_and_are_shown_beside_their_use() {
    let (_simulator, workplace) = started();
    let config = workplace.path("host.toml");
    let with = async |command: &mut tokio::process::Command| {
        let output = command.arg("--config").arg(&config).output().await.unwrap();
        (output.status.code().unwrap(), output)
    };
    std::fs::write(
        &config,
        "[limits.all]\nmemory = 33554432\n[limits.connectors.default]\nrequests = 500\n",
    )
    .unwrap();
    let (code, output) = with(workplace.sync().args(["--report", "json"])).await;
    assert_eq!(code, 0, "{}", text(&output.stderr));
    let report = host::report(&output).unwrap();
    let uses = |limit: &str| {
        let limits = report["limits"].as_array().unwrap();
        let found = limits.iter().find(|one| one["limit"] == limit).unwrap();
        let number = |field: &str| found[field].as_u64().unwrap();
        (number("used"), number("allowed"))
    };
    assert_eq!(
        uses("requests"),
        (report["network"]["attempts"].as_u64().unwrap(), 500)
    );
    assert!(matches!(uses("memory"), (1.., 33_554_432)), "{report:#}");
    assert!(uses("totalChanges").0 > 100, "{report:#}");

    let mut inspect = workplace.command("plugin");
    inspect.arg("inspect").arg(artefacts::component().unwrap());
    let (_, output) = with(&mut inspect).await;
    let shown = text(&output.stdout);
    assert!(shown.contains("33,554,432"), "the memory: {shown}");

    std::fs::write(&config, "[limits.connectors.default]\nrequests = 3\n").unwrap();
    let (code, output) = with(workplace.sync().args(["--mode", "full"])).await;
    assert_ne!(code, 0);
    let shown = text(&output.stdout);
    assert!(shown.contains("near its limit: requests"), "{shown}");

    std::fs::write(&config, "[limits.all]\nmemroy = 1\n").unwrap();
    let (code, output) = with(&mut workplace.sync()).await;
    assert_eq!(code, 2);
    assert!(text(&output.stderr).contains("memroy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_comes_from_a_file_or_the_environment() {
    let (simulator, workplace) = started();
    let mut settings = host::settings(&simulator);
    let secret = settings["clientSecret"].take();
    workplace.settings(&settings).unwrap();
    let secret = secret.as_str().unwrap();
    let output = workplace
        .sync()
        .env("ENTRA_SECRET", secret)
        .args(["--secret", "clientSecret=env:ENTRA_SECRET"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    std::fs::write(workplace.path("secret"), format!("{secret}\n")).unwrap();
    let output = workplace
        .sync()
        .arg("--secret")
        .arg(format!(
            "clientSecret=file:{}",
            workplace.path("secret").display()
        ))
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_has_a_line_for_each_permission_with_its_remedy() {
    let (simulator, workplace) = started();
    let output = workplace.check().output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("FAILED"));

    simulator.set_permissions(
        SYNC_PERMISSIONS
            .into_iter()
            .filter(|p| *p != "User.Read.All"),
    );
    let output = workplace.check().arg("--json").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&Value> = lines.iter().filter(|l| l["outcome"] == "failed").collect();
    assert!(
        failed
            .iter()
            .any(|l| l.to_string().contains("User.Read.All")),
        "{lines:#?}"
    );
    assert!(
        failed.iter().all(|l| l["remedy"].is_string()),
        "{failed:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_tells_everything_that_the_plugin_declares() {
    let (_simulator, workplace) = started();
    let plugin = artefacts::component().unwrap();
    let output = workplace
        .command("plugin")
        .arg("inspect")
        .arg(plugin)
        .arg("--json")
        .output()
        .await
        .unwrap();
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all["description"]["name"], "entra-directory-sync");
    assert_eq!(
        all["description"]["maps"][0]["rules"]
            .as_array()
            .unwrap()
            .len(),
        21
    );
    assert_eq!(all["file"]["contract"], "2.0.0");
    let output = workplace
        .command("plugin")
        .arg("inspect")
        .arg(plugin)
        .output()
        .await
        .unwrap();
    let table = text(&output.stdout);
    for word in [
        "GroupMember.Read.All",
        "graph.microsoft.com",
        "userData.userDetails.emailId",
    ] {
        assert!(table.contains(word), "no {word} in\n{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_component_is_refused_in_words() {
    let (_simulator, workplace) = started();
    std::fs::write(workplace.path("not.wasm"), "hello").unwrap();
    let output = workplace
        .command("plugin")
        .arg("inspect")
        .arg(workplace.path("not.wasm"))
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("no WebAssembly component"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_a_json_document_a_line() {
    let (_simulator, workplace) = started();
    workplace.sync().output().await.unwrap();
    for (what, keys) in [
        ("users", &["id", "name", "document"][..]),
        ("groups", &["id", "name", "document"]),
        ("memberships", &["group", "member", "kind"]),
        (
            "documents",
            &["identityProviderId", "userData", "groupInfo"],
        ),
    ] {
        let records = workplace
            .export(what, &["--format", "ndjson"])
            .await
            .unwrap();
        assert!(!records.is_empty(), "{what}");
        for key in keys {
            assert!(records[0].get(key).is_some(), "no {key} in {}", records[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_into_one_database_do_not_meet() {
    let (simulator, workplace) = started();
    simulator.set_latency(200, 0);
    let first = workplace.sync().spawn().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let second = workplace.sync().output().await.unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another process"),
        "{}",
        text(&second.stderr)
    );
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn help_documents_the_exit_codes() {
    let (_simulator, workplace) = started();
    let output = workplace.command("--help").output().await.unwrap();
    for line in [
        "0  processed",
        "2  settings",
        "3  processed in part",
        "4  held",
    ] {
        assert!(text(&output.stdout).contains(line));
    }
}

async fn sync_with_map(workplace: &host::Workplace, map: &str) -> std::process::Output {
    let file = workplace.path("map.json");
    std::fs::write(&file, map).unwrap();
    let mut sync = workplace.sync();
    sync.arg("--map").arg(file).output().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_from_a_file_is_used_and_a_wrong_one_is_refused_by_path() {
    let (_simulator, workplace) = started();
    let map = json!({
        "name": "short", "sourceModel": "Identity Provider group", "targetModel": "Qualys Group",
        "rules": [
            {"target": "identityProviderId", "sources": ["id"]},
            {"target": "userData.userDetails.emailId", "sources": ["mail"], "functions": ["lower"]},
            {"target": "groupInfo[].idpGroup", "sources": ["groupInfo[].idpGroup"]}
        ]
    });
    let output = sync_with_map(&workplace, &map.to_string()).await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let documents = workplace.export("documents", &[]).await.unwrap();
    assert!(
        documents[0]["userData"]["userDetails"]
            .get("displayName")
            .is_none()
    );

    let wrong = map.to_string().replace("\"mail\"", "\"shoeSize\"");
    let output = sync_with_map(&workplace, &wrong).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("rules[1]"),
        "{}",
        text(&output.stderr)
    );
}
