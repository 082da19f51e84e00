//! Signing in without a client secret: by certificate and by a federated token.

use std::path::Path;

use connector_host::egress::{Egress, NetworkOptions};
use connector_host::run;
use connector_host::settings::Settings;
use harness::identity::{Age, Key, of_pem};
use harness::simulator::{FederatedCredential, Simulator, usual_audience};
use harness::{artefacts, host};
use serde_json::{Value, json};

use crate::lab::{Lab, plugin, small, started};
use crate::secrets::{assert_clean, files, spellings};

const PASSWORD: &str = "correct~horse~battery~staple";
const ISSUER: &str = "https://issuer.contoso.example/";
const SUBJECT: &str = "system:serviceaccount:sync:connector";

/// A certificate that the app knows; its secret works no more.
fn register(simulator: &Simulator) -> String {
    let certificate = Key::first().certificate("directory-sync", -1, 100).unwrap();
    let registered = certificate.clone();
    simulator.edit_app(|app| {
        app.client_secret = "replaced~by.a-certificate".into();
        app.certificates = vec![registered];
    });
    certificate
}

/// Settings with this in the place of the client secret.
fn with(simulator: &Simulator, members: &Value) -> Value {
    let mut settings = host::settings(simulator);
    let all = settings.as_object_mut().unwrap();
    all.remove("clientSecret");
    all.extend(members.as_object().unwrap().clone());
    settings
}

/// A token of the identity provider whose key this is.
fn token(key: &Key, change: impl FnOnce(&mut Value)) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut claims = json!({
        "iss": ISSUER, "sub": SUBJECT, "aud": [usual_audience()],
        "iat": now, "nbf": now, "exp": now + 3600,
    });
    change(&mut claims);
    key.jwt(&json!({"alg": "RS256", "typ": "JWT", "kid": "1"}), &claims)
        .unwrap()
}

fn trust(simulator: &Simulator, key: &Key) {
    let federated = vec![FederatedCredential {
        issuer: ISSUER.into(),
        subject: SUBJECT.into(),
        audience: usual_audience(),
        key: key.public_pem().unwrap(),
    }];
    simulator.edit_app(|app| {
        app.client_secret = "replaced~by.a-federated.token".into();
        app.federated = federated;
    });
}

fn egress(simulator: &Simulator, folder: &Path) -> std::sync::Arc<Egress> {
    Egress::new(NetworkOptions {
        allow_origins: vec![simulator.base_url().parse().unwrap()],
        token_folders: vec![folder.to_owned()],
        ..NetworkOptions::default()
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_sign_in_by_a_certificate_in_pem() {
    let mut lab = Lab::new(small()).await;
    let pem = Key::first().pem().unwrap() + &register(&lab.simulator);
    lab.settings = with(&lab.simulator, &json!({ "clientCertificate": pem }));
    lab.succeed().await;
    lab.assert_equals_tenant("a snapshot").await;
    lab.simulator.churn(1, 30);
    lab.succeed().await;
    lab.assert_equals_tenant("an increment").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_token_is_read_anew_whenever_a_token_is_asked_for() {
    let lab = Lab::new(small()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let settings = with(&lab.simulator, &json!({ "federatedTokenFile": file }));
    let plugin = plugin().await;
    let split = Settings::split(
        &settings.to_string(),
        std::collections::BTreeMap::new(),
        plugin.description(),
    );
    trust(&lab.simulator, Key::first());
    lab.simulator
        .edit_behaviour(|behaviour| behaviour.access_token_lifetime = 3);
    std::fs::write(&file, token(Key::first(), |_| {})).unwrap();
    let egress = egress(&lab.simulator, folder.path());
    let connected = run::connect(&plugin, &split.unwrap(), &egress).await;
    let gateway = connected.unwrap().session.gateway;
    gateway.ready().await.unwrap();
    // The file is replaced, and the token of before is trusted no more.
    std::fs::write(&file, token(Key::second(), |_| {})).unwrap();
    trust(&lab.simulator, Key::second());
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    gateway.ready().await.unwrap();
    assert_eq!(lab.simulator.access_tokens().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_signs_in_by_a_federated_token() {
    let mut lab = Lab::new(small()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, token(Key::first(), |_| {}) + "\n").unwrap();
    trust(&lab.simulator, Key::first());
    lab.settings = with(&lab.simulator, &json!({ "federatedTokenFile": file }));
    lab.egress = egress(&lab.simulator, folder.path());
    lab.succeed().await;
    lab.assert_equals_tenant("a snapshot").await;
}

/// Runs `sync` with settings and a folder of tokens, and gives its exit code and what it told.
async fn told(
    simulator: &Simulator,
    workplace: &host::Workplace,
    members: &Value,
    more: &[&str],
) -> (i32, String) {
    workplace.settings(&with(simulator, members)).unwrap();
    let output = workplace.sync().args(more).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_is_told_and_nothing_is_stored() {
    let (simulator, workplace) = started();
    let good = register(&simulator);
    let key = Key::first().pem().unwrap();
    let stranger = Key::first().certificate("stranger", -1, 100).unwrap();
    let expired = Key::first().certificate("old", -9, -2).unwrap();
    for (members, words) in [
        (
            json!({ "clientCertificate": key.clone() + &stranger }),
            &["AADSTS700027", "thumbprint"][..],
        ),
        (
            json!({ "clientCertificate": good }),
            &["no private key", "cat client.key"],
        ),
        (
            json!({ "clientCertificate": key.clone() + &expired }),
            &["was valid until"],
        ),
        (
            json!({ "clientCertificate": Key::second().pem().unwrap() + &good }),
            &["doesn't belong to its certificate"],
        ),
        (
            json!({
                "clientCertificate": Key::first().encrypted_pem(PASSWORD).unwrap() + &good,
                "clientCertificatePassword": "wrong~password",
            }),
            &["clientCertificatePassword", "password doesn't open it"],
        ),
        (
            json!({ "clientCertificate": key.clone() + &good, "clientSecret": "s" }),
            &["more than one credential"],
        ),
        (
            json!({}),
            &["no credential", "clientCertificate", "federatedTokenFile"],
        ),
    ] {
        let (code, told) = told(&simulator, &workplace, &members, &[]).await;
        assert_eq!(code, 2, "{told}");
        for word in words {
            assert!(told.contains(word), "no {word:?} in: {told}");
        }
        let stored = workplace.export("users", &[]).await;
        assert_eq!(stored.map_or(0, |users| users.len()), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_federated_token_is_told() {
    let (simulator, workplace) = started();
    trust(&simulator, Key::first());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let members = json!({ "federatedTokenFile": file });
    let allowed = ["--token-folder", folder.path().to_str().unwrap()];
    std::fs::write(&file, token(Key::first(), |_| {})).unwrap();
    let (code, said) = told(&simulator, &workplace, &members, &[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("--token-folder") && said.contains("tokenFolders"),
        "{said}"
    );
    let elsewhere = json!({ "federatedTokenFile": "/etc/passwd" });
    let (code, said) = told(&simulator, &workplace, &elsewhere, &allowed).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("doesn't lie in a folder"), "{said}");
    let other = |claim: &'static str| token(Key::first(), |claims| claims[claim] = json!("other"));
    let expired = |claims: &mut Value| {
        claims["nbf"] = json!(1_700_000_000);
        claims["exp"] = json!(1_700_003_600);
    };
    for (token, words) in [
        (other("iss"), &["AADSTS700211", "Issuer"][..]),
        (other("sub"), &["AADSTS700213", "Subject identifier"]),
        (
            other("aud"),
            &["AADSTS700212", "api://AzureADTokenExchange"],
        ),
        (token(Key::second(), |_| {}), &["AADSTS50013"]),
        (token(Key::first(), expired), &["AADSTS700024", "clock"]),
        (
            "no token".into(),
            &["doesn't hold a token", "federatedTokenFile"],
        ),
    ] {
        std::fs::write(&file, &token).unwrap();
        let (code, said) = told(&simulator, &workplace, &members, &allowed).await;
        assert_eq!(code, 2, "{said}");
        for word in words {
            assert!(said.contains(word), "no {word:?} in: {said}");
        }
        assert!(!said.contains(&token), "the token was told: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pfx_file_passes_the_check_which_tells_its_certificate() {
    let (simulator, workplace) = started();
    let certificate = Key::first().certificate("directory-sync", -1, 20).unwrap();
    let registered = certificate.clone();
    simulator.edit_app(|app| app.certificates = vec![registered]);
    workplace.settings(&with(&simulator, &json!({}))).unwrap();
    for age in [Age::New, Age::Old] {
        let file = workplace.path("client.pfx");
        std::fs::write(
            &file,
            Key::first().pfx(&certificate, PASSWORD, age).unwrap(),
        )
        .unwrap();
        let output = workplace
            .check()
            .arg("--secret")
            .arg(format!("clientCertificate=file:{}", file.display()))
            .args(["--secret", "clientCertificatePassword=env:PASSWORD"])
            .env("PASSWORD", PASSWORD)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert!(
            told.contains("certificate: CN=directory-sync, thumbprint "),
            "{told}"
        );
        assert!(told.contains("It ends in"), "{told}");
        assert!(told.contains("credential: Signed in"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_key_its_password_or_a_federated_token_is_printed_logged_or_stored() {
    let (simulator, workplace) = started();
    let certificate = register(&simulator);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let federated = token(Key::first(), |_| {});
    std::fs::write(&file, &federated).unwrap();
    let secret_settings = json!({
        "clientCertificate": Key::first().encrypted_pem(PASSWORD).unwrap() + &certificate,
        "clientCertificatePassword": PASSWORD,
    });
    let outside = folder.path().join("settings.json");
    let mut printed = Vec::new();
    for members in [secret_settings, json!({ "federatedTokenFile": file })] {
        if members.get("federatedTokenFile").is_some() {
            trust(&simulator, Key::first());
        }
        let settings = with(&simulator, &members);
        std::fs::write(&outside, settings.to_string()).unwrap();
        std::fs::remove_file(workplace.path("settings.json")).ok();
        let mut command = workplace.command("sync");
        let output = command
            .arg("--database")
            .arg(workplace.path("directory.sqlite"))
            .arg("--plugin")
            .arg(artefacts::component().unwrap())
            .arg("--settings")
            .arg(&outside)
            .args(["--allow-origin", &simulator.base_url(), "--report", "json"])
            .arg("--token-folder")
            .arg(folder.path())
            .env("CONNECTOR_LOG", "trace")
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{:?}", host::report(&output));
        assert!(output.stderr.len() > 10_000, "the log was on");
        printed.extend(output.stdout);
        printed.extend(output.stderr);
    }
    let mut secrets = simulator.access_tokens();
    assert_eq!(secrets.len(), 2);
    secrets.extend([PASSWORD.to_owned(), federated]);
    let key = Key::first().pem().unwrap();
    secrets.extend(
        key.lines()
            .filter(|line| line.len() == 64)
            .map(str::to_owned),
    );
    let mut needles = spellings(&secrets);
    needles.push(of_pem(&key).unwrap()[100..140].to_vec());
    assert_clean(&needles, &printed, "what was told");
    let mut read = 0;
    files(&workplace.path(""), &mut |path, bytes| {
        read += 1;
        assert_clean(&needles, bytes, &path.display().to_string());
    });
    assert!(read > 0, "the database was there");
}
