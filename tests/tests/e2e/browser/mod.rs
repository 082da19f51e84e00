//! The pages in a real browser, as an administrator has one.
//!
//! All tests share one Chromium and take turns; each visit of it starts without cookies. Where Chromium or chromedriver
//! isn't installed, the tests say so and pass, unless `CI_REQUIRE_RUNTIMES` is `1`.

mod axe;
mod certificate;
mod crawl;
mod pages;
mod roles;
mod scriptless;
mod sound;
mod story;

use std::io::Write as _;
use std::ops::Deref;
use std::sync::OnceLock;

use anyhow::Context as _;
use harness::artefacts;
use harness::browser::{Browser, Chromium, Look};
use harness::host;
use harness::server::ServerUnderTest;
use harness::showcase::Showcase;
use harness::simulator::{Simulator, TenantSpec};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard};

use crate::runtimes::once;

/// The browser of all tests.
struct Shared {
    turn: Mutex<()>,
    chromium: Chromium,
    /// What speaks with it must outlive the test that began.
    _runtime: Runtime,
}

/// The browser, where there is one.
fn chromium() -> Option<&'static Shared> {
    static STARTED: OnceLock<Option<Shared>> = OnceLock::new();
    once(&STARTED, "Chromium", || {
        let start = || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            let chromium = runtime.block_on(Chromium::start())?;
            anyhow::Ok((chromium, runtime))
        };
        // A test's thread can't wait for another runtime.
        let started = std::thread::spawn(start).join();
        let started = started.ok().context("the browser panicked")?;
        let (chromium, runtime) = started?;
        Ok(Shared {
            turn: Mutex::new(()),
            chromium,
            _runtime: runtime,
        })
    })
}

/// A visit during which nobody else uses the browser.
struct Visit {
    browser: Browser,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Visit {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Shared {
    /// Waits for one's turn, and begins a visit of the server.
    async fn visit(&'static self, server: &ServerUnderTest, look: &Look) -> Visit {
        let turn = self.turn.lock().await;
        let browser = self.chromium.visit(server.url(), look).await.unwrap();
        Visit {
            browser,
            _turn: turn,
        }
    }
}

/// A server with something of everything that pages show.
async fn showcase() -> Showcase {
    let program = artefacts::tested_host().unwrap();
    let plugin = artefacts::component().unwrap();
    let size = TenantSpec::sized(300, 60, 1_500, 11);
    Showcase::start(program, plugin, size).await.unwrap()
}

/// Fills in which tenant a connector is to, by whom, and where it is.
async fn fill_connection(page: &Browser, tenant: &Simulator) {
    let settings = host::settings(tenant);
    for (label, key) in [
        ("Directory (tenant) ID", "tenantId"),
        ("Application (client) ID", "clientId"),
        ("Login endpoint", "loginEndpoint"),
        ("Graph endpoint", "graphEndpoint"),
    ] {
        let value = settings[key].as_str().unwrap();
        page.fill(label, value).await.unwrap();
    }
}

/// Fails with everything that was found.
fn nothing_wrong(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Says something that passing tests must say too.
fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "{what}");
}
