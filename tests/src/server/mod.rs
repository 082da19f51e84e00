//! `connector-host serve`, run as its operators run it.

mod api;
mod events;
mod installed;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub use api::{Answer, Api, Credentials, Told};
pub use events::{Event, Events};

use crate::simulator::Simulator;

/// Name of the first administrator.
pub const ADMIN: &str = "admin";
/// Their password.
pub const PASSWORD: &str = "quiet harbour before dawn";
/// How long a server may take to start, to stop, and a run to end.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How a server is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    program: PathBuf,
    plugins: Vec<PathBuf>,
    origins: Vec<String>,
    set: Vec<String>,
}

impl Setup {
    /// A server without plugins that reaches nothing but public addresses.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            plugins: Vec::new(),
            origins: Vec::new(),
            set: Vec::new(),
        }
    }

    /// With this plugin installed, approved and active.
    #[must_use]
    pub fn plugin(mut self, component: &Path) -> Self {
        self.plugins.push(component.to_owned());
        self
    }

    /// Granted this simulator's origin.
    #[must_use]
    pub fn reach(mut self, simulator: &Simulator) -> Self {
        self.origins.push(simulator.base_url());
        self
    }

    /// With this field of the configuration.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl std::fmt::Display) -> Self {
        self.set.push(format!("{field}={value}"));
        self
    }
}

/// A server with its data folder and its key; both go with it.
#[derive(Debug)]
pub struct ServerUnderTest {
    folder: TempDir,
    setup: Setup,
    child: Option<Child>,
    listening: String,
    code: Option<String>,
    log: Told,
    answers: Told,
    admin: Option<String>,
}

/// What a server says of itself when it starts.
#[derive(Debug, Clone, Default)]
struct Greeting {
    url: Option<String>,
    code: Option<String>,
    /// It has closed its output.
    over: bool,
}

impl ServerUnderTest {
    /// A server that listens; nobody is set up yet.
    ///
    /// # Errors
    /// Where it doesn't start.
    pub async fn start(setup: Setup) -> anyhow::Result<Self> {
        let mut server = Self::stopped(setup)?;
        let plugins = server.data().join("plugins");
        match server.setup.plugins.as_slice() {
            [] => {}
            [plugin] => {
                let from = installed::installed(&server.setup.program, plugin).await?;
                installed::copy(&from, &plugins)?;
            }
            [..] => bail!("one plugin can be installed from the beginning"),
        }
        server.start_again().await?;
        Ok(server)
    }

    /// A server that is not started yet, with an empty folder.
    ///
    /// # Errors
    /// Where the folder can't be made.
    pub fn stopped(setup: Setup) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            setup,
            child: None,
            listening: String::new(),
            code: None,
            log: Told::default(),
            answers: Told::default(),
            admin: None,
        })
    }

    /// A server with an administrator.
    ///
    /// # Errors
    /// Where it doesn't start or can't be set up.
    pub async fn ready(setup: Setup) -> anyhow::Result<Self> {
        let mut server = Self::start(setup).await?;
        server.set_up().await?;
        Ok(server)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file with the vault's key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("vault.key")
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.listening
    }

    /// The code for the first administrator, where the server printed one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What it wrote on its outputs since it was made, over all its starts.
    #[must_use]
    pub fn log(&self) -> &Told {
        &self.log
    }

    /// What it answered.
    #[must_use]
    pub fn answers(&self) -> &Told {
        &self.answers
    }

    /// Changes how the next start is configured.
    pub fn configure(&mut self, change: impl FnOnce(Setup) -> Setup) {
        self.setup = change(self.setup.clone());
    }

    /// The program with a command, with what every command of this server needs.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.setup.program);
        command
            .args(arguments)
            // Nothing of whoever runs the tests.
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // What ends whoever runs it must not reach it: it is ended in order, or killed.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// The command with which it is served.
    #[must_use]
    pub fn serve(&self) -> Command {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(self.data());
        let key = format!("vault.keyFile={}", self.key().display());
        command.args(["--set", &key]);
        if !self.setup.origins.is_empty() {
            let origins = self.setup.origins.join(",");
            command.args(["--set", &format!("network.allowOrigins={origins}")]);
        }
        for field in &self.setup.set {
            command.args(["--set", field]);
        }
        command
    }

    /// Starts it on the folder that it has, and waits until it answers.
    ///
    /// # Errors
    /// Where it doesn't start; the error has what it wrote.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.child.is_none(), "the server runs already");
        let before = self.log.bytes().len();
        let mut child = self
            .serve()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (told, mut greeting) = watch::channel(Greeting::default());
        let stdout = child.stdout.take().context("its output is piped")?;
        let stderr = child.stderr.take().context("its errors are piped")?;
        tokio::spawn(listen(stdout, self.log.clone(), told));
        tokio::spawn(copy(stderr, self.log.clone()));
        let said = async {
            greeting
                .wait_for(|greeting| greeting.url.is_some() || greeting.over)
                .await
                .map(|greeting| greeting.clone())
        };
        let said = tokio::time::timeout(PATIENCE, said).await;
        let said = said.context("the server says nothing")??;
        let Some(url) = said.url else {
            let status = child.wait().await?;
            // What it wrote last may still be on its way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let log = self.log.bytes();
            let log = String::from_utf8_lossy(log.get(before..).unwrap_or_default()).into_owned();
            bail!("the server ended with {status}: {log}");
        };
        self.child = Some(child);
        self.listening = url.trim_end_matches('/').to_owned();
        // It comes right after the address.
        tokio::time::timeout(PATIENCE, async {
            while self.get("/healthz").await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .context("the server doesn't answer")?;
        self.code.clone_from(&greeting.borrow().code);
        Ok(())
    }

    /// Makes the first administrator and a token of theirs.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn set_up(&mut self) -> anyhow::Result<()> {
        let code = self.code.clone().context("the server printed a code")?;
        let body = json!({ "code": code, "name": ADMIN, "password": PASSWORD });
        let answer = self.anonymous()?.post("/setup", &body).await?;
        let session = self.anonymous()?.with(session(&answer)?);
        self.admin = Some(token(&session, "admin").await?);
        Ok(())
    }

    /// The API to nobody in particular.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn anonymous(&self) -> anyhow::Result<Api> {
        Api::new(&self.listening, self.answers.clone())
    }

    /// The API to the administrator, by token.
    ///
    /// # Errors
    /// Where there is none yet.
    pub fn admin(&self) -> anyhow::Result<Api> {
        let token = self.admin.clone().context("an administrator is set up")?;
        Ok(self.anonymous()?.with(Credentials::Token(token)))
    }

    /// The API by a token of this role.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn role(&self, role: &str) -> anyhow::Result<Api> {
        let token = token(&self.admin()?, role).await?;
        Ok(self.anonymous()?.with(Credentials::Token(token)))
    }

    /// The API by a session of this user.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn sign_in(&self, name: &str, password: &str) -> anyhow::Result<Api> {
        let body = json!({ "name": name, "password": password });
        let answer = self.anonymous()?.post("/session", &body).await?;
        Ok(self.anonymous()?.with(session(&answer)?))
    }

    /// Something outside of the API, to nobody.
    ///
    /// # Errors
    /// Where no whole answer comes.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let api = self.anonymous()?;
        api.call(http::Method::GET, path, &[], None).await
    }

    /// Waits until a run has ended, and gives it with its report.
    ///
    /// # Errors
    /// Where it doesn't end, or can't be read.
    pub async fn ended(&self, run: &str) -> anyhow::Result<Value> {
        let api = self.admin()?;
        let path = format!("/runs/{run}");
        self.eventually(&format!("run {run} ends"), async || {
            let run = api.read(&path).await?;
            let open = ["queued", "processing"].map(Value::from);
            Ok(run
                .get("state")
                .is_some_and(|state| !open.contains(state))
                .then_some(run))
        })
        .await
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Errors
    /// Where there is none for long; the error says what was waited for.
    pub async fn eventually<T>(
        &self,
        what: &str,
        mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let asking = async {
            loop {
                if let Some(found) = ask().await? {
                    return anyhow::Ok(found);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, asking).await {
            Ok(found) => found,
            Err(_) => bail!("waited in vain until {what}; the log:\n{}", self.log.text()),
        }
    }

    /// Kills it, as a power failure would.
    ///
    /// # Errors
    /// Where it doesn't run.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the server runs")?;
        child.kill().await?;
        Ok(())
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// Where it doesn't run, or doesn't stop.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().context("the server runs")?;
        let id = child.id().context("the server still runs")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has a number")?;
        kill_process(pid, Signal::TERM)?;
        let status = tokio::time::timeout(PATIENCE, child.wait()).await;
        Ok(status.context("the server doesn't stop")??)
    }
}

/// The session that an answer begins.
fn session(answer: &Answer) -> anyhow::Result<Credentials> {
    let body = answer.success()?;
    let csrf = body.get("csrfToken").and_then(Value::as_str);
    let cookie = answer.header("set-cookie").split(';').next();
    Ok(Credentials::Session {
        cookie: cookie.context("a session has a cookie")?.to_owned(),
        csrf: Some(csrf.context("a session has a token")?.to_owned()),
    })
}

async fn token(maker: &Api, role: &str) -> anyhow::Result<String> {
    let made = maker
        .make("/tokens", &json!({ "name": role, "role": role }))
        .await?;
    let token = made.get("token").and_then(Value::as_str);
    Ok(token.context("a token is shown once")?.to_owned())
}

/// Reads what a server says at its start, and everything after that.
async fn listen(output: impl AsyncRead + Unpin, log: Told, told: watch::Sender<Greeting>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.add(line.as_bytes());
        log.add(b"\n");
        told.send_modify(|greeting| {
            if let Some(url) = line.strip_prefix("Listening at ") {
                greeting.url = Some(url.to_owned());
            }
            if let Some((_, code)) = line.split_once("works once: ") {
                greeting.code = Some(code.to_owned());
            }
        });
    }
    told.send_modify(|greeting| greeting.over = true);
}

async fn copy(mut output: impl AsyncRead + Unpin, log: Told) {
    let mut buffer = [0; 8_192];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        log.add(buffer.get(..count).unwrap_or_default());
    }
}
