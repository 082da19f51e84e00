//! What every page must be, whatever it shows.

use harness::browser::{Browser, DESKTOP, Look, PHONE, Page, Theme};

use super::axe;

/// Bytes of HTML at most, without compression.
const HEAVIEST: usize = 100_000;

/// What is wrong with a page's answer and text.
pub(super) fn text(page: &Page) -> Vec<String> {
    let mut faults = Vec::new();
    if page.title.trim_start_matches([' ', '·']) != page.title || page.title.is_empty() {
        faults.push(format!("the title is {:?}", page.title));
    }
    if page.headings.len() != 1 || page.headings.iter().any(String::is_empty) {
        faults.push(format!("not one heading, but {:?}", page.headings));
    }
    if page.bytes > HEAVIEST {
        faults.push(format!("{} bytes of HTML", page.bytes));
    }
    if !page.twice.is_empty() {
        faults.push(format!("more than one element is called {:?}", page.twice));
    }
    faults
}

/// What makes the open page wider than a phone.
pub(super) async fn phone(browser: &Browser, look: Look) -> Vec<String> {
    browser.look(&look.size(PHONE)).await.unwrap();
    let page = browser.page().await.unwrap();
    let wide = (page.needs > page.width).then(|| {
        let culprits = page.wide.join("\n      ");
        let (needs, width) = (page.needs, page.width);
        format!("{needs} pixels wide on a phone of {width}:\n      {culprits}")
    });
    wide.into_iter().collect()
}

/// Everything that is wrong with the open page, in both themes and sizes; afterwards it is on a desk and light again.
pub(super) async fn everything(browser: &Browser, page: &Page) -> Vec<String> {
    let mut faults = text(page);
    let complaints = browser.complaints().await.unwrap();
    faults.extend(
        complaints
            .into_iter()
            .map(|told| format!("console: {told}")),
    );
    let size = |size| Look::desktop().size(size);
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        browser.look(&size(DESKTOP).theme(theme)).await.unwrap();
        let broken = axe::violations(browser).await.into_iter();
        faults.extend(broken.map(|told| format!("{name}: {told}")));
    }
    faults.extend(phone(browser, Look::desktop()).await);
    let broken = axe::violations(browser).await.into_iter();
    faults.extend(broken.map(|told| format!("on a phone: {told}")));
    browser.look(&Look::desktop()).await.unwrap();
    faults
}
