//! An administrator's first day, in a browser: one chapter after the other, each a function that leaves the browser
//! where the next one begins.

use harness::browser::Look;
use harness::server::{ADMIN, PASSWORD, ServerUnderTest};
use harness::simulator::Simulator;

use super::axe::accessible;
use super::{Visit, chromium};
use crate::lab::small;
use crate::server::entra;

/// Who and what the story is about.
struct Story {
    browser: Visit,
    server: ServerUnderTest,
    _tenant: Simulator,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_first_day() {
    let Some(chromium) = chromium() else { return };
    let tenant = Simulator::start(small()).unwrap();
    let server = ServerUnderTest::start(entra(&tenant)).await.unwrap();
    let story = Story {
        browser: chromium.visit(&server, &Look::desktop()).await,
        server,
        _tenant: tenant,
    };
    story.becomes_the_first_administrator().await;
    story.signs_out().await;
    story.is_refused_with_a_wrong_password().await;
    story.signs_in().await;
    story.browser.no_complaints().await.unwrap();
}

impl Story {
    async fn becomes_the_first_administrator(&self) {
        let page = &self.browser;
        page.open("/").await.unwrap();
        page.see("Make the first administrator").await.unwrap();
        accessible(page).await;
        let code = self.server.code().unwrap();
        page.fill("Code from the terminal", code).await.unwrap();
        page.fill("Name", ADMIN).await.unwrap();
        page.fill("Password", PASSWORD).await.unwrap();
        page.click("Create administrator").await.unwrap();
        page.arrive("/connectors").await.unwrap();
    }

    async fn signs_out(&self) {
        let page = &self.browser;
        page.click(ADMIN).await.unwrap();
        page.click("Sign out").await.unwrap();
        page.arrive("/sign-in").await.unwrap();
        page.open("/connectors").await.unwrap();
        page.arrive("/sign-in?back=%2Fconnectors").await.unwrap();
    }

    async fn is_refused_with_a_wrong_password(&self) {
        let page = &self.browser;
        page.fill("Name", ADMIN).await.unwrap();
        page.fill("Password", "loud harbour after dusk")
            .await
            .unwrap();
        page.click("Sign in").await.unwrap();
        page.see("access.wrong-password").await.unwrap();
        accessible(page).await;
    }

    async fn signs_in(&self) {
        let page = &self.browser;
        page.fill("Password", PASSWORD).await.unwrap();
        page.press("\u{e007}").await.unwrap();
        page.arrive("/connectors").await.unwrap();
    }
}
