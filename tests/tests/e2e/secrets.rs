//! The client secret and the token stay in the host: they are looked for everywhere else.

use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use connector_host::egress::{Egress, NetworkOptions, Secrets};
use connector_host::limits::Limits;
use connector_host::plugin::{Engine, Plugin};
use connector_host::run::{self, WantedMode};
use connector_host::settings::Settings;
use harness::simulator::DEMO_CLIENT_SECRET;
use harness::{artefacts, host};

use crate::lab::{Lab, nasty, small, started};

/// What must not be found: secrets as they are and as they may be written.
pub(crate) fn spellings(secrets: &[String]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for secret in secrets {
        all.push(secret.clone());
        all.push(STANDARD.encode(secret));
        all.push(URL_SAFE_NO_PAD.encode(secret));
        all.push(secret.chars().rev().collect());
        all.push(secret.bytes().map(|b| format!("{b:02x}")).collect());
        // The parts of a token that nobody could guess.
        all.extend(
            secret
                .rsplit_once('.')
                .map(|(_, signature)| signature.into()),
        );
    }
    all.into_iter().map(String::into_bytes).collect()
}

fn found<'a>(needles: &'a [Vec<u8>], haystack: &[u8]) -> Option<&'a [u8]> {
    needles
        .iter()
        .find(|needle| memchr::memmem::find(haystack, needle).is_some())
        .map(Vec::as_slice)
}

pub(crate) fn assert_clean(needles: &[Vec<u8>], haystack: &[u8], where_: &str) {
    if let Some(needle) = found(needles, haystack) {
        panic!(
            "{:?} was found in {where_}",
            String::from_utf8_lossy(needle)
        );
    }
}

/// What an observer saw of all instances.
#[derive(Default)]
struct Seen {
    memories: usize,
    bytes: usize,
    leaks: Vec<String>,
    /// Something that plugins do know, to show that the search finds what is there.
    known: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_linear_memory_of_any_instance_ever_holds_the_secret_or_a_token() {
    let lab = Arc::new(Lab::new(nasty(3)).await);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let observer = {
        let (seen, lab) = (Arc::clone(&seen), Arc::clone(&lab));
        move |memory: &[u8]| {
            let mut secrets = lab.simulator.access_tokens();
            secrets.push(DEMO_CLIENT_SECRET.to_owned());
            let tenant = lab.simulator.tenant_id().as_bytes().to_vec();
            let mut seen = seen.lock().unwrap();
            seen.memories += 1;
            seen.bytes += memory.len();
            seen.known |= found(&[tenant], memory).is_some();
            if let Some(needle) = found(&spellings(&secrets), memory) {
                seen.leaks.push(String::from_utf8_lossy(needle).into());
            }
        }
    };
    let engine =
        Engine::observed(Limits::default(), Some(&host::cache()), Arc::new(observer)).unwrap();
    let plugin = Plugin::load(&engine, artefacts::component().unwrap())
        .await
        .unwrap();
    // A snapshot and increments, each with a token of its own.
    for round in 0..3 {
        let report = lab.sync_with(&plugin, WantedMode::Auto).await;
        assert!(report.network.requests > 0);
        lab.simulator.churn(round, 20);
    }
    assert_eq!(lab.simulator.access_tokens().len(), 3);
    let seen = seen.lock().unwrap();
    assert!(seen.memories > 20, "{} memories", seen.memories);
    assert!(seen.bytes > 10 << 20, "{} bytes", seen.bytes);
    assert!(seen.known, "the search finds what plugins do know");
    assert_eq!(seen.leaks, [] as [String; 0]);
}

/// Reads every file under a folder.
pub(crate) fn files(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), each);
        } else {
            each(&entry.path(), &std::fs::read(entry.path()).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_printed_logged_stored_or_exported_holds_the_secret_or_a_token() {
    let (simulator, workplace) = started();
    let mut settings = host::settings(&simulator);
    settings.as_object_mut().unwrap().remove("clientSecret");
    workplace.settings(&settings).unwrap();
    let secret = ["--secret", "clientSecret=env:SECRET"];
    let mut told = Vec::new();
    for (command, more) in [
        (workplace.check(), &["--json"][..]),
        (workplace.sync(), &["--report", "json"]),
        (workplace.sync(), &["--report", "text", "--mode", "full"]),
    ] {
        let mut command = command;
        let output = command
            .args(secret)
            .args(more)
            // The most talkative log that there is, of every crate.
            .env("CONNECTOR_LOG", "trace")
            .env("SECRET", DEMO_CLIENT_SECRET)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.len() > 10_000, "the log was on");
        told.extend(output.stdout);
        told.extend(output.stderr);
    }
    for what in ["users", "groups", "memberships", "documents"] {
        for record in workplace.export(what, &[]).await.unwrap() {
            told.extend(record.to_string().into_bytes());
        }
    }
    let mut secrets = simulator.access_tokens();
    assert!(!secrets.is_empty());
    secrets.push(DEMO_CLIENT_SECRET.to_owned());
    let needles = spellings(&secrets);
    assert_clean(&needles, &told, "what was told");
    let mut read = 0;
    files(&workplace.path(""), &mut |path, bytes| {
        read += 1;
        assert_clean(&needles, bytes, &path.display().to_string());
    });
    assert!(read > 1, "the database was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_debug_forms_of_everything_that_holds_a_secret_do_not_show_it() {
    let lab = Lab::new(small()).await;
    let plugin = crate::lab::plugin().await;
    let settings = Settings::split(
        &lab.settings.to_string(),
        Secrets::new(),
        plugin.description(),
    )
    .unwrap();
    let egress = Egress::new(NetworkOptions {
        allow_origins: vec![lab.simulator.base_url().parse().unwrap()],
        ..NetworkOptions::default()
    })
    .unwrap();
    let connected = run::connect(&plugin, &settings, &egress).await.unwrap();
    connected.session.gateway.ready().await.unwrap();
    let shown = format!(
        "{settings:#?} {egress:#?} {connected:#?} {:#?}",
        connected.session.gateway
    );
    let mut secrets = lab.simulator.access_tokens();
    secrets.push(DEMO_CLIENT_SECRET.to_owned());
    assert_clean(&spellings(&secrets), shown.as_bytes(), "a debug form");
}
