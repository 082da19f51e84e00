//! Follows every link, so that new pages are looked at without being named anywhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use harness::browser::{Browser, Page};
use harness::server::Api;
use http::Method;

/// Pages that are opened at most, one of each kind.
const PAGES: usize = 100;
/// Kinds of one path that differ in the query only, at most.
const QUERIES: usize = 6;
/// Links of a kind that are asked for, of which but one is opened.
const SAMPLES: usize = 6;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Crawl {
    /// Path and query of a page of every kind.
    pub(super) pages: Vec<String>,
    /// What is wrong: with links, and by what was looked at on each page.
    pub(super) faults: Vec<String>,
}

/// A link that is still to be followed.
struct Lead {
    from: String,
    text: String,
    path: String,
    file: bool,
}

/// Follows links from the start. Every kind of page is opened in the browser once, and looked at by `look`; of further
/// links of a kind some are asked for by `session`, which is who the browser is.
pub(super) async fn crawl(
    browser: &Browser,
    session: &Api,
    mut look: impl AsyncFnMut(&Browser, &Page) -> Vec<String>,
) -> Crawl {
    let mut crawl = Crawl::default();
    let mut leads = VecDeque::from([Lead {
        from: "the address bar".into(),
        text: "/".into(),
        path: "/".into(),
        file: false,
    }]);
    let mut followed = BTreeSet::new();
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut queries: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(lead) = leads.pop_front() {
        if !followed.insert(lead.path.clone()) {
            continue;
        }
        let kind = Kind::of(&lead.path);
        let count = kinds.entry(kind.clone()).or_default();
        *count += 1;
        let (first, sampled) = (*count == 1, *count <= SAMPLES);
        let is_page = !lead.file
            && !["/api/", "/assets/", "/metrics"]
                .iter()
                .any(|p| lead.path.starts_with(p));
        if !first || !is_page {
            if sampled {
                let accept = [("accept", "text/html")];
                let answer = session.begin(Method::GET, &lead.path, &accept, None);
                crawl.lead(&lead, answer.await.unwrap().0);
            }
            continue;
        }
        let variants = queries.entry(kind.path.clone()).or_default();
        *variants += 1;
        if *variants > QUERIES || crawl.pages.len() == PAGES {
            continue;
        }
        browser.open(&lead.path).await.unwrap();
        let page = browser.page().await.unwrap();
        if !crawl.lead(&lead, page.status) {
            // So that its complaints aren't the next page's.
            browser.complaints().await.unwrap();
            continue;
        }
        followed.insert(page.path.clone());
        kinds.entry(Kind::of(&page.path)).or_insert(1);
        let faults = look(browser, &page).await;
        let told = faults
            .iter()
            .map(|fault| format!("  {}: {fault}", page.path));
        crawl.faults.extend(told);
        let lost = page.links.iter().filter(|link| link.lost);
        let lost =
            lost.map(|link| format!("  {}: {:?} leads nowhere on the page", page.path, link.text));
        crawl.faults.extend(lost);
        for link in page.links.iter().filter(|link| !link.external) {
            leads.push_back(Lead {
                from: page.path.clone(),
                text: link.text.clone(),
                path: local(&link.href),
                file: link.file,
            });
        }
        crawl.pages.push(page.path);
    }
    crawl
}

impl Crawl {
    /// Whether a link leads to something; where it doesn't, that is a fault.
    fn lead(&mut self, lead: &Lead, status: u16) -> bool {
        let Lead {
            from, text, path, ..
        } = lead;
        if status < 400 {
            return true;
        }
        self.faults.push(format!(
            "  {from}: the link {text:?} is broken: {path} answers {status}"
        ));
        false
    }
}

/// Path and query of an address of the server.
fn local(href: &str) -> String {
    let (_, rest) = href.split_once("//").unwrap_or(("", href));
    rest.find('/')
        .map_or_else(|| "/".into(), |at| rest[at..].to_owned())
}

/// What pages have in common that show different things in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    path: String,
    query: Vec<String>,
}

impl Kind {
    /// Of a path and query: identifiers count for nothing, and of what is asked for only words do.
    fn of(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts = path.split('/');
        let parts: Vec<_> = parts
            .map(|part| if is_word(part) { part } else { "{}" })
            .collect();
        let mut query: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if !is_word(value) => format!("{name}={{}}"),
                _ => pair.to_owned(),
            })
            .collect();
        query.sort();
        Self {
            path: parts.join("/"),
            query,
        }
    }
}

fn is_word(part: &str) -> bool {
    part.len() <= 40 && part.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[test]
fn pages_of_a_kind_differ_in_identifiers_only() {
    let same = |a: &str, b: &str| Kind::of(a) == Kind::of(b);
    assert!(same("/runs/018f-1", "/runs/018f-2"));
    assert!(same("/groups?cursor=A1", "/groups?cursor=B2"));
    assert!(same("/groups?a=b&c=d", "/groups?c=d&a=b"));
    assert!(!same("/groups/1?tab=direct", "/groups/1?tab=effective"));
    assert!(!same("/runs", "/runs/018f-1"));
    assert_eq!(local("http://127.0.0.1:1/runs?a=b"), "/runs?a=b");
    assert_eq!(local("http://127.0.0.1:1"), "/");
}
