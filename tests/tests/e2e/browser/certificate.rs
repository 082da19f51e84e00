//! A connector that signs in by certificate, from the first step of its creation to a run.

use harness::browser::Look;
use harness::identity::{Age, Key};
use harness::server::{ADMIN, PASSWORD};

use super::axe::accessible;
use super::{chromium, fill_connection};
use crate::server::by_certificate;

const OF_FILE: &str = "correct~horse~battery~staple";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_chosen_as_a_file_signs_a_new_connector_in() {
    let Some(chromium) = chromium() else { return };
    let (stage, certificate) = by_certificate().await;
    let folder = tempfile::tempdir().unwrap();
    let pfx = folder.path().join("client.pfx");
    let content = Key::first().pfx(&certificate, OF_FILE, Age::New);
    std::fs::write(&pfx, content.unwrap()).unwrap();
    let pem = folder.path().join("client.pem");
    std::fs::write(&pem, Key::first().pem().unwrap() + &certificate).unwrap();

    let page = chromium.visit(&stage.server, &Look::desktop()).await;
    let session = stage.server.sign_in(ADMIN, PASSWORD).await.unwrap();
    page.be(session.credentials()).await.unwrap();
    page.open("/connectors/new").await.unwrap();
    page.fill("Name", "Contoso").await.unwrap();
    page.click("Save and continue").await.unwrap();
    page.see("With a certificate in place of the secret")
        .await
        .unwrap();
    fill_connection(&page, &stage.simulator).await;
    page.attach("From a file", &pfx).await.unwrap();
    page.fill("Password of the certificate", OF_FILE)
        .await
        .unwrap();
    page.click("Test connection").await.unwrap();
    page.see("Passed").await.unwrap();
    page.see("CN=directory-sync, thumbprint").await.unwrap();
    accessible(&page).await;

    // Another file takes its place; this one needs no password.
    page.click("Replace").await.unwrap();
    page.attach("From a file", &pem).await.unwrap();
    page.click("Save and continue").await.unwrap();
    page.see("Which groups are synced").await.unwrap();
    for _ in ["groups", "map"] {
        page.click("Save and continue").await.unwrap();
    }
    page.fill("Name of the profile", "Nightly").await.unwrap();
    page.click("Save and continue").await.unwrap();
    page.see("CN=directory-sync, thumbprint").await.unwrap();
    page.click("Create connector").await.unwrap();
    page.arrive("/connectors/").await.unwrap();
    page.see("CN=directory-sync, thumbprint").await.unwrap();
    page.within("main .head").click("Run now").await.unwrap();
    page.see("(snapshot, processed)").await.unwrap();
    page.no_complaints().await.unwrap();
}
