//! chromedriver and its Chromium, as processes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::devtools;
use super::look::Look;
use super::{Browser, DESKTOP};

/// How long chromedriver and Chromium may take to start.
const STARTS: Duration = Duration::from_secs(60);

/// The names that Chromium goes by.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Runs a command until standard input ends, as it does when whoever holds the other end is gone for whatever reason;
/// then ends it and removes the folder, into which Chromium may write for a moment: it hangs on a pipe of chromedriver's,
/// and ends with it.
const UNTIL_ALONE: &str = r#"folder=$1; shift
"$@" & driver=$!
cat > /dev/null
kill "$driver" 2> /dev/null; wait "$driver" 2> /dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$folder" 2> /dev/null; sleep 0.2
  [ -e "$folder" ] || exit 0
done"#;

/// A browser of its own, which ends when this is dropped or the process ends.
#[derive(Debug)]
pub struct Chromium {
    client: Client,
    _driver: Driver,
}

impl Chromium {
    /// Starts chromedriver on a free port, and Chromium by it with a profile of its own.
    ///
    /// # Errors
    /// Where one of them isn't installed or doesn't start.
    pub async fn start() -> anyhow::Result<Self> {
        let program = CHROMIUM.into_iter().find_map(installed);
        let program = program.context("chromium isn't installed")?;
        let driver = installed("chromedriver").context("chromedriver isn't installed")?;
        let started = tokio::task::spawn_blocking(move || Driver::start(&driver));
        let started = tokio::time::timeout(STARTS, started).await;
        let driver = started.context("chromedriver says nothing")???;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        if let Value::Object(capabilities) = capabilities(&program, driver.folder.path()) {
            builder.capabilities(capabilities);
        }
        let connected = tokio::time::timeout(STARTS, builder.connect(&driver.url)).await;
        let client = match connected.context("Chromium doesn't start") {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => bail!("Chromium doesn't start: {error}\n{}", driver.log()),
            Err(error) => bail!("{error}\n{}", driver.log()),
        };
        Ok(Self {
            client,
            _driver: driver,
        })
    }

    /// A fresh visit of the server at this address. There is one at a time: what was open before is gone.
    ///
    /// # Errors
    /// Where the browser doesn't do it.
    pub async fn visit(&self, origin: &str, look: &Look) -> anyhow::Result<Browser> {
        let browser = Browser {
            client: self.client.clone(),
            origin: origin.trim_end_matches('/').to_owned(),
            part: "body".to_owned(),
        };
        self.client.goto("about:blank").await?;
        devtools::call(&self.client, "Network.clearBrowserCookies", json!({})).await?;
        browser.look(look).await?;
        devtools::console(&self.client).await?;
        Ok(browser)
    }
}

fn capabilities(program: &Path, folder: &Path) -> Value {
    let (width, height) = DESKTOP;
    json!({
        // What is told of the console, violations of the policy of content included.
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": {
            "binary": program,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                // Then it ends with chromedriver, however that ends.
                "--remote-debugging-pipe",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--no-first-run",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                "--lang=en-GB",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={}", folder.join("profile").display()),
            ],
        },
    })
}

/// Where a program is.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|place| place.is_file())
}

/// chromedriver, with a folder for its log, the profile and whatever Chromium leaves.
#[derive(Debug)]
struct Driver {
    watch: Child,
    url: String,
    folder: TempDir,
}

impl Driver {
    fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("connector-browser-")
            .tempdir()?;
        let mut watch = Command::new("sh")
            .args(["-c", UNTIL_ALONE, "sh"])
            .arg(folder.path())
            .arg(program)
            .arg("--port=0")
            .arg(format!("--log-path={}", log(folder.path()).display()))
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            // What ends the process by a signal to its group must leave it time to clear up.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = watch.stdout.take().context("its output is piped")?;
        let mut driver = Self {
            watch,
            url: String::new(),
            folder,
        };
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        while driver.url.is_empty() {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                bail!("chromedriver ended:\n{}", driver.log());
            }
            let port = line.trim().trim_end_matches('.');
            if let Some((_, port)) = port.rsplit_once("successfully on port ") {
                driver.url = format!("http://127.0.0.1:{port}");
            }
        }
        // It must be able to say more.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(driver)
    }

    /// The end of what it wrote down.
    fn log(&self) -> String {
        let written = std::fs::read_to_string(log(self.folder.path())).unwrap_or_default();
        let lines: Vec<_> = written.lines().rev().take(30).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(mut alive) = self.watch.stdin.take() {
            let _ = alive.flush();
        }
        let _ = self.watch.wait();
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("chromedriver.log")
}
