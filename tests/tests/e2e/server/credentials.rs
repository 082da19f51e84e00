//! Certificates in the place of a client secret, over the API, the command line and the pages.

use harness::identity::{Age, Key};
use harness::server::{ADMIN, Credentials, PASSWORD as OF_ADMIN};
use serde_json::{Value, json};

use super::kit::{Stage, document, text};
use crate::secrets::{assert_clean, files, spellings};

const PASSWORD: &str = "correct~horse~battery~staple";

/// A stage whose app knows a certificate and no secret.
pub(crate) async fn by_certificate() -> (Stage, String) {
    let stage = Stage::new().await;
    let certificate = Key::first().certificate("directory-sync", -1, 20).unwrap();
    let registered = certificate.clone();
    stage.simulator.edit_app(|app| {
        app.client_secret = "replaced~by.a-certificate".into();
        app.certificates = vec![registered];
    });
    (stage, certificate)
}

fn note<'a>(connector: &'a Value, name: &str) -> &'a Value {
    let notes = connector["secrets"].as_array().unwrap();
    notes.iter().find(|note| note["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_judged_when_it_is_set_and_its_end_is_known_from_then_on() {
    let (stage, certificate) = by_certificate().await;
    let mut wanted = document(&stage.simulator, "contoso");
    let encrypted = Key::first().encrypted_pem(PASSWORD).unwrap() + &certificate;
    for (secrets, path) in [
        (
            json!({ "clientCertificate": { "value": encrypted } }),
            "secrets.clientCertificatePassword",
        ),
        (
            json!({
                "clientCertificate": { "value": encrypted },
                "clientCertificatePassword": { "value": "wrong~password" },
            }),
            "secrets.clientCertificatePassword",
        ),
        (
            json!({ "clientCertificate": { "value": certificate } }),
            "secrets.clientCertificate",
        ),
        (json!({}), "secrets.clientSecret"),
    ] {
        wanted["secrets"] = secrets;
        let refused = stage.api.post("/connectors", &wanted).await.unwrap();
        let problem = refused.expect(422).unwrap();
        assert_eq!(problem["errors"][0]["path"], path, "{problem:#}");
        assert!(!problem["errors"][0]["remedy"].as_str().unwrap().is_empty());
    }
    wanted["secrets"] = json!({
        "clientCertificate": { "value": encrypted },
        "clientCertificatePassword": { "value": PASSWORD },
    });
    let made = stage.api.make("/connectors", &wanted).await.unwrap();
    let path = format!("/connectors/{}", text(&made["id"]));
    let known = stage.api.read(&path).await.unwrap();
    let of = note(&known, "clientCertificate");
    assert_eq!(of["certificate"]["subject"], "CN=directory-sync");
    assert_eq!(text(&of["certificate"]["thumbprint"]).len(), 40);
    let end = text(&of["certificate"]["notAfter"]);
    assert!(end.starts_with(&text(&of["expiresOn"])), "{of:#}");
    let warnings = known["warnings"].to_string();
    assert!(
        warnings.contains("secret.expires-soon") && warnings.contains("The certificate is valid"),
        "{known:#}"
    );
    let tested = stage.api.make(&format!("{path}/check"), &json!({})).await;
    let tested = tested.unwrap();
    assert_eq!(tested["passed"], true, "{tested:#}");
    assert_eq!(tested["lines"][0]["item"], "certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_takes_a_pfx_file_and_a_run_signs_in_by_it() {
    let (stage, certificate) = by_certificate().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.pfx");
    let pfx = Key::first().pfx(&certificate, PASSWORD, Age::New).unwrap();
    std::fs::write(&file, pfx).unwrap();
    let settings = document(&stage.simulator, "")["settings"].clone();
    let document = folder.path().join("settings.json");
    std::fs::write(&document, settings.to_string()).unwrap();
    let output = stage
        .server
        .command(&["connector", "create", "--name", "contoso", "--json"])
        .args([
            "--plugin",
            "entra-directory-sync",
            "--server",
            stage.server.url(),
        ])
        .arg("--settings")
        .arg(&document)
        .arg("--secret")
        .arg(format!("clientCertificate=file:{}", file.display()))
        .args(["--secret", "clientCertificatePassword=env:OF_FILE"])
        .env("OF_FILE", PASSWORD)
        .env("CONNECTOR_TOKEN", stage.api.token())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        note(&made, "clientCertificate")["certificate"]["subject"],
        "CN=directory-sync"
    );
    let profiles = format!("/connectors/{}/profiles", text(&made["id"]));
    let profile = json!({ "name": "by hand" });
    let profile = stage.api.make(&profiles, &profile).await.unwrap();
    let connector = super::kit::Connector {
        id: text(&made["id"]),
        profile: text(&profile["id"]),
    };
    stage.succeed(&connector).await;
    stage
        .assert_equals_tenant(&connector, "by certificate")
        .await;
    // The key and its password are sealed, and in no answer and no line of the log.
    let key = Key::first().pem().unwrap();
    let mut secrets: Vec<String> = key
        .lines()
        .filter(|line| line.len() == 64)
        .map(str::to_owned)
        .collect();
    secrets.push(PASSWORD.to_owned());
    let needles = spellings(&secrets);
    assert_clean(&needles, &stage.server.answers().bytes(), "an answer");
    assert_clean(&needles, &stage.server.log().bytes(), "the log");
    files(&stage.server.data(), &mut |path, bytes| {
        assert_clean(&needles, bytes, &path.display().to_string());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_puts_a_certificate_in_the_place_of_a_secret_and_shows_its_thumbprint() {
    let (stage, certificate) = by_certificate().await;
    let connector = stage.connector("contoso").await;
    let session = stage.server.sign_in(ADMIN, OF_ADMIN).await.unwrap();
    let Credentials::Session { cookie, csrf } = session.credentials().clone() else {
        panic!("a session");
    };
    let address = format!("/connectors/{}/edit", connector.id);
    let form = session.call(http::Method::GET, &address, &[], None).await;
    let form = form.unwrap().text();
    assert!(
        form.contains(r#"data-fills="secrets.clientCertificate""#),
        "{form}"
    );
    assert!(!form.contains("clientCertificatePassword.expiresOn"));
    let saved = stage
        .api
        .read(&format!("/connectors/{}", connector.id))
        .await
        .unwrap();
    // A field of one line drops line breaks.
    let pem = (Key::first().pem().unwrap() + &certificate).replace('\n', "");
    let revision = saved["revision"].to_string();
    let csrf = csrf.unwrap_or_default();
    let mut fields = vec![
        ("csrf", csrf.as_str()),
        ("revision", revision.as_str()),
        ("name", "contoso"),
        ("version", "latest"),
        ("settings.groups", "all"),
        ("secrets.clientSecret.forget", "on"),
        ("secrets.clientCertificate", pem.as_str()),
    ];
    let settings: Vec<(String, String)> =
        ["tenantId", "clientId", "loginEndpoint", "graphEndpoint"]
            .map(|key| (format!("settings.{key}"), text(&saved["settings"][key])))
            .into();
    fields.extend(
        settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    // Another test of the process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = client
        .post(format!("{}{address}", stage.server.url()))
        .header("cookie", &cookie)
        .header("x-csrf-token", &csrf)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let said = answer.text().await.unwrap();
    assert_eq!(status, 303, "{said}");
    let saved = stage
        .api
        .read(&format!("/connectors/{}", connector.id))
        .await
        .unwrap();
    let names: Vec<&Value> = saved["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| &note["name"])
        .collect();
    assert_eq!(names, ["clientCertificate"]);
    let thumbprint = text(&note(&saved, "clientCertificate")["certificate"]["thumbprint"]);
    for address in [format!("/connectors/{}", connector.id), address] {
        let page = session.call(http::Method::GET, &address, &[], None).await;
        let page = page.unwrap().text();
        assert!(page.contains(&thumbprint), "{page}");
        assert!(page.contains("CN=directory-sync"));
    }
    stage.succeed(&connector).await;
}
