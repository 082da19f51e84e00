//! Nobody is shown what they may not do, and nobody does it.

use harness::browser::{Browser, Look, Page};
use harness::server::{ADMIN, Api, PASSWORD};
use harness::showcase::COLLEAGUES;
use http::Method;
use serde::Deserialize;

use super::crawl::crawl;
use super::{chromium, nothing_wrong, showcase};

/// What the last part of a page's path is where it changes something that only administrators may.
const CHANGES: [&str; 4] = ["new", "edit", "clone", "delete"];

/// How a form was answered.
#[derive(Debug, Deserialize)]
struct Sent {
    form: String,
    status: u16,
}

/// Sends every form of the open page, by every button of it, as it stands.
async fn send(browser: &Browser) -> Vec<String> {
    let sent = browser
        .execute_async(include_str!("forms.js"), vec![])
        .await;
    let sent: Vec<Sent> = serde_json::from_value(sent.unwrap()).unwrap();
    let refused = sent
        .iter()
        .filter(|sent| matches!(sent.status, 401 | 403 | 404 | 405 | 500..));
    refused
        .map(|sent| format!("{} answers {}", sent.form, sent.status))
        .collect()
}

/// How a page is answered, and whether it says that the role is too low.
async fn asked(session: &Api, path: &str) -> (u16, bool) {
    let accept = [("accept", "text/html")];
    let answer = session
        .call(Method::GET, path, &accept, None)
        .await
        .unwrap();
    (
        answer.status.as_u16(),
        answer.text().contains("access.role"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_shown_what_it_may_do_and_nothing_else() {
    let Some(chromium) = chromium() else { return };
    let showcase = showcase().await;
    let server = &showcase.server;
    let visit = chromium.visit(server, &Look::desktop()).await;
    let admin = server.sign_in(ADMIN, PASSWORD).await.unwrap();
    visit.be(admin.credentials()).await.unwrap();
    let all = crawl(&visit, &admin, async |_: &Browser, _: &Page| Vec::new()).await;
    let mut faults = all.faults;
    for (role, name) in COLLEAGUES {
        let session = server.sign_in(name, PASSWORD).await.unwrap();
        visit.be(session.credentials()).await.unwrap();
        let found = crawl(&visit, &session, async |browser: &Browser, _: &Page| {
            let refused = send(browser).await;
            // One may have signed out everywhere.
            if session.get("/session").await.unwrap().status == 401 {
                let again = server.sign_in(name, PASSWORD).await.unwrap();
                browser.be(again.credentials()).await.unwrap();
            }
            refused
        });
        let found = found.await;
        let told = |fault: &String| format!("as {role}:{fault}");
        faults.extend(found.faults.iter().map(told));

        let session = server.sign_in(name, PASSWORD).await.unwrap();
        visit.be(session.credentials()).await.unwrap();
        for path in all.pages.iter().filter(|path| !found.pages.contains(path)) {
            let plain = path.split('?').next().unwrap_or_default();
            let changes = CHANGES
                .iter()
                .any(|last| plain.ends_with(&format!("/{last}")));
            match asked(&session, path).await {
                (403, true) => {}
                // Whose token it is, others don't learn.
                (404, _) if plain.starts_with("/settings/tokens/") => {}
                (200..400, _) if !(changes && role == "viewer") => {
                    visit.open(path).await.unwrap();
                    let refused = send(&visit).await;
                    faults.extend(
                        refused
                            .iter()
                            .map(|fault| format!("as {role}: {path}: {fault}")),
                    );
                }
                (status, _) => faults.push(format!("as {role}: {path} answers {status}")),
            }
        }
    }
    nothing_wrong(&faults);
}
