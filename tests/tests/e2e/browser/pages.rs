//! Every page that links lead to, and those that none leads to.

use harness::browser::Look;
use harness::server::{ADMIN, PASSWORD, ServerUnderTest};

use super::crawl::crawl;
use super::{chromium, nothing_wrong, showcase, sound};
use crate::server::bare;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_and_accessible_and_fits_a_phone() {
    let Some(chromium) = chromium() else { return };
    let mut showcase = showcase().await;
    let session = showcase.server.sign_in(ADMIN, PASSWORD).await.unwrap();
    let visit = chromium.visit(&showcase.server, &Look::desktop()).await;
    visit.be(session.credentials()).await.unwrap();
    showcase.draft(&visit).await.unwrap();
    let found = crawl(&visit, &session, sound::everything).await;
    super::tell(&format!(
        "{} kinds of pages: {:?}",
        found.pages.len(),
        found.pages
    ));
    let mut faults = found.faults;

    // A page that isn't there, to somebody and to nobody.
    for path in ["/no-such-page", "/connectors/no-such-connector"] {
        visit.open(path).await.unwrap();
        let page = visit.page().await.unwrap();
        assert_eq!(page.status, 404, "{page:?}");
        let wrong = sound::everything(&visit, &page).await.into_iter();
        faults.extend(wrong.map(|fault| format!("  {path}: {fault}")));
    }
    nothing_wrong(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_are_sound_and_accessible_and_fit_a_phone() {
    let Some(chromium) = chromium() else { return };
    let mut server = ServerUnderTest::start(bare()).await.unwrap();
    let visit = chromium.visit(&server, &Look::desktop()).await;
    let mut faults = Vec::new();
    let mut look = async |path: &str, title: &str, status: u16| {
        let page = visit.page().await.unwrap();
        assert!(page.title.starts_with(title), "{page:?}");
        assert_eq!(page.status, status, "{page:?}");
        let wrong = sound::everything(&visit, &page).await.into_iter();
        faults.extend(wrong.map(|fault| format!("  {path}: {fault}")));
    };
    visit.open("/").await.unwrap();
    look("/setup", "Set up", 200).await;
    visit
        .fill("Code from the terminal", "AAAAA-AAAAA")
        .await
        .unwrap();
    visit.fill("Password", PASSWORD).await.unwrap();
    visit.click("Create administrator").await.unwrap();
    visit.see("access.setup-code").await.unwrap();
    look("/setup with a wrong code", "Set up", 422).await;
    server.set_up().await.unwrap();
    visit.open("/sign-in").await.unwrap();
    look("/sign-in", "Sign in", 200).await;
    visit.fill("Name", ADMIN).await.unwrap();
    visit.fill("Password", "not the password").await.unwrap();
    visit.click("Sign in").await.unwrap();
    visit.see("access.").await.unwrap();
    look("/sign-in with a wrong password", "Sign in", 422).await;
    nothing_wrong(&faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_page_is_found() {
    let Some(chromium) = chromium() else { return };
    let server = ServerUnderTest::ready(bare()).await.unwrap();
    let visit = chromium.visit(&server, &Look::desktop()).await;
    visit.open("/sign-in").await.unwrap();
    let spoil = "document.title = '';
        document.querySelector('label[for=name]').remove();
        document.querySelector('main').insertAdjacentHTML('beforeend',
            '<h1 id=name>Twice</h1><p style=\"color: red\">No style here</p><hr>');
        document.querySelector('hr').style.width = '900px';
        const script = document.createElement('script');
        script.textContent = 'alert(1)';
        document.body.append(script);";
    visit.execute(spoil, vec![]).await.unwrap();
    let page = visit.page().await.unwrap();
    let found = sound::everything(&visit, &page).await.join("\n");
    for fault in [
        "the title",
        "not one heading",
        "more than one element is called",
        "console: security",
        "light: label",
        "dark: label",
        "pixels wide on a phone",
    ] {
        assert!(found.contains(fault), "{fault} is not found, but: {found}");
    }
}
