//! `cargo screenshots`: pictures of the main pages, on a desk and on a phone, light and dark.

#![expect(clippy::print_stdout, reason = "it says what it does on a terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use harness::artefacts;
use harness::browser::{Browser, Chromium, DESKTOP, Look, PHONE, Theme};
use harness::server::{ADMIN, PASSWORD};
use harness::showcase::Showcase;
use harness::simulator::TenantSpec;

/// Name of the picture, and the page; names in braces are those of the showcase.
const PAGES: [(&str, &str); 10] = [
    ("connectors", "/connectors"),
    ("wizard", "/connectors/new/{draft}/authentication"),
    ("connector", "/connectors/{connector}"),
    ("run", "/runs/{run}"),
    ("held-run", "/runs/{held}"),
    ("groups", "/groups"),
    ("group", "/groups/{connector}/{group}?show=effective"),
    ("map", "/maps/{map}"),
    ("plugins", "/plugins"),
    ("settings", "/settings"),
];

/// Bytes of a picture, above which it is told.
const HEAVY: usize = 150_000;
/// How long scripts have to show times and to begin to listen.
const SETTLES: Duration = Duration::from_millis(300);

/// Takes pictures of a server with a simulated tenant.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where they are put
    #[arg(default_value = "host/screenshots")]
    folder: PathBuf,
    /// Only pages with this in their name
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo screenshots` ends with a `--` already; one more does no harm.
    let given = std::env::args_os().enumerate();
    let given = given.filter(|(place, argument)| *place != 1 || argument != "--");
    match take(&Arguments::parse_from(given.map(|(_, argument)| argument))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("no pictures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn take(arguments: &Arguments) -> anyhow::Result<()> {
    let chromium = Chromium::start().await?;
    println!("Building the plugin and the host …");
    let (plugin, program) = (artefacts::component()?, artefacts::host(false)?);
    println!("Making a tenant and a history …");
    let size = TenantSpec::sized(2_400, 320, 18_000, 7);
    let mut showcase = Showcase::start(program, plugin, size).await?;
    std::fs::create_dir_all(&arguments.folder)?;
    let session = showcase.server.sign_in(ADMIN, PASSWORD).await?;
    let browser = chromium
        .visit(showcase.server.url(), &Look::desktop())
        .await?;
    browser.be(session.credentials()).await?;
    showcase.draft(&browser).await?;
    let mut missing = 0;
    for (window, size) in [("desktop", DESKTOP), ("phone", PHONE)] {
        for theme in [Theme::Light, Theme::Dark] {
            let look = Look::desktop().size(size).theme(theme);
            let browser = chromium.visit(showcase.server.url(), &look).await?;
            browser.be(session.credentials()).await?;
            for (name, template) in PAGES
                .iter()
                .filter(|(name, _)| name.contains(&arguments.only))
            {
                let Some(path) = showcase.path(template) else {
                    println!("{name}: left out, {template} isn't there");
                    missing += 1;
                    continue;
                };
                let file = format!("{name}-{window}-{}.png", theme.name());
                let file = arguments.folder.join(file);
                let taken = picture(&browser, &path, &file).await;
                missing += usize::from(!taken.with_context(|| path.clone())?);
            }
        }
    }
    println!("{missing} pictures could not be taken");
    showcase.server.stop().await?;
    Ok(())
}

/// Takes one, unless there is no such page.
async fn picture(browser: &Browser, path: &str, file: &Path) -> anyhow::Result<bool> {
    browser.open(path).await?;
    let page = browser.page().await?;
    if page.status >= 400 {
        println!(
            "{}: left out, {path} answers {}",
            file.display(),
            page.status
        );
        return Ok(false);
    }
    tokio::time::sleep(SETTLES).await;
    let picture = browser.screenshot().await?;
    std::fs::write(file, &picture)?;
    let heavy = if picture.len() > HEAVY {
        ", which is much"
    } else {
        ""
    };
    println!("{}: {} bytes{heavy}", file.display(), picture.len());
    Ok(true)
}
