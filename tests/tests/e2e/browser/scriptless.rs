//! Everything works without scripts.

use harness::browser::{Browser, Look, Page};
use harness::server::{ADMIN, PASSWORD};

use super::crawl::crawl;
use super::{chromium, nothing_wrong, showcase, sound};

#[tokio::test(flavor = "multi_thread")]
async fn one_signs_in_and_reaches_every_page_without_scripts() {
    let Some(chromium) = chromium() else { return };
    let showcase = showcase().await;
    let look = Look::desktop().without_scripts();
    let visit = chromium.visit(&showcase.server, &look).await;
    visit.open("/sign-in?back=/settings").await.unwrap();
    let script =
        "return performance.getEntriesByType('resource').map((one) => one.name).join(' ');";
    let loaded = visit.execute(script, vec![]).await.unwrap().to_string();
    assert!(loaded.contains("style.css"), "{loaded}");
    // The first module is loaded ahead; what it imports only where it runs.
    assert!(!loaded.contains("live.js"), "scripts are off: {loaded}");
    visit.fill("Name", ADMIN).await.unwrap();
    visit.fill("Password", PASSWORD).await.unwrap();
    visit.click("Sign in").await.unwrap();
    visit.arrive("/settings").await.unwrap();

    let session = showcase.server.sign_in(ADMIN, PASSWORD).await.unwrap();
    let found = crawl(&visit, &session, async |browser: &Browser, page: &Page| {
        let mut faults = sound::text(page);
        let phone = Look::phone().without_scripts();
        faults.extend(sound::phone(browser, phone).await);
        browser
            .look(&Look::desktop().without_scripts())
            .await
            .unwrap();
        faults
    });
    let found = found.await;
    nothing_wrong(&found.faults);

    if let Some(path) = found.pages.first() {
        visit.open(path).await.unwrap();
        visit.click(ADMIN).await.unwrap();
        visit.click("Sign out").await.unwrap();
        visit.arrive("/sign-in").await.unwrap();
    }
}
