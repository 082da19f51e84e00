//! The program as an operator meets it: `serve`, `config`, `backup` and `restore`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program, without what the machine's environment would configure.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_connector-host"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONNECTOR_") {
            command.env_remove(name);
        }
    }
    // Not a key of the machine's user.
    command.env("CONNECTOR_VAULT_KEY_ENV", "TEST_VAULT_KEY");
    command.env("TEST_VAULT_KEY", format!("{}=", "A".repeat(43)));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server at work; it is ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().unwrap();
        let mut arguments = vec!["serve", "--data-dir", data, "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        let mut child = program(&arguments)
            // A pool that is quick to make.
            .env("CONNECTOR_LIMITS_ALL_IN_FLIGHT", "2")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut first)
            .unwrap();
        let address = first
            .trim()
            .strip_prefix("Listening at http://")
            .unwrap_or_else(|| panic!("{first:?}"))
            .trim_end_matches('/')
            .to_owned();
        Self { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ends it in order; gives its exit code and its log.
    fn stop(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_answers_keeps_others_out_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--set", "log.format=json"]);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz").contains("\"ready\""));
    let unknown = server.get("/api/v1/plugins");
    assert!(unknown.starts_with("HTTP/1.1 401") && unknown.contains("access.setup-required"));

    let second = run(&["serve", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    let why = text(&second.stderr);
    assert!(
        why.contains("another server works with") && why.contains("--data-dir"),
        "{why}"
    );

    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let stopping = log.lines().find(|line| line.contains("stopping")).unwrap();
    let line: Value = serde_json::from_str(stopping).unwrap();
    assert_eq!(line["level"], "INFO");
    assert!(line["message"].as_str().unwrap().contains("stopping"));
}

#[test]
fn a_backup_of_a_server_at_work_starts_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
    let (data_name, kept_name) = (data.to_str().unwrap(), kept.to_str().unwrap());
    let server = Server::start(&data, &[]);
    let made = run(&["backup", "--data-dir", data_name, kept_name]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("The key of the vault is not in it"));
    let over = run(&["restore", "--data-dir", data_name, kept_name]);
    assert_eq!(over.status.code(), Some(1));
    assert!(text(&over.stderr).contains("is not empty"));
    drop(server);

    let elsewhere = folder.path().join("elsewhere");
    let restored = run(&[
        "restore",
        "--data-dir",
        elsewhere.to_str().unwrap(),
        kept_name,
    ]);
    assert_eq!(
        restored.status.code(),
        Some(0),
        "{}",
        text(&restored.stderr)
    );
    assert!(text(&restored.stdout).contains("give it the key of the vault"));
    let server = Server::start(&elsewhere, &[]);
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_configuration_is_shown_with_where_each_value_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let example = run(&["config", "example"]);
    std::fs::write(
        &file,
        [
            example.stdout.as_slice(),
            b"[limits.connectors.contoso]\nrequests = 5\n",
        ]
        .concat(),
    )
    .unwrap();
    let shown = program(&["config", "check", "--set", "runs.concurrent=2"])
        .arg("--config")
        .arg(&file)
        .env("CONNECTOR_SERVER_LISTEN", "127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    // In a pipe it is JSON.
    let values: Vec<Value> = serde_json::from_slice(&shown.stdout).unwrap();
    let of = |path: &str| {
        let value = values.iter().find(|value| value["path"] == path).unwrap();
        (value["value"].clone(), value["given"]["from"].clone())
    };
    assert_eq!(
        of("server.listen"),
        ("127.0.0.1:9".into(), "environment".into())
    );
    assert_eq!(of("runs.concurrent"), (2.into(), "flag".into()));
    assert_eq!(
        of("limits.connectors.contoso.requests"),
        (5.into(), "file".into())
    );
    assert_eq!(of("runs.keepDays"), (90.into(), "default".into()));
}

#[test]
fn mistakes_are_all_told_with_an_exit_code_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[server]\nlisten = \"x\"\nlisen = 5\n").unwrap();
    let file = file.to_str().unwrap();
    let checked = run(&["config", "check", "--config", file]);
    assert_eq!(checked.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let lines: Vec<_> = told["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mistake| mistake["given"]["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.contains(&2) && lines.contains(&3));
    let served = run(&["serve", "--config", file]);
    assert_eq!(served.status.code(), Some(2));
    assert!(text(&served.stderr).contains("line 2: server.listen"));
}

#[test]
fn plain_http_beyond_the_machine_is_refused_by_check_and_serve_alike() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let beyond = ["--data-dir", data, "--set", "server.listen=0.0.0.0:0"];
    for command in [&["serve"][..], &["config", "check"]] {
        let refused = run(&[command, &beyond[..]].concat());
        assert_eq!(refused.status.code(), Some(2));
        let told = text(&refused.stderr) + &text(&refused.stdout);
        assert!(told.contains("--insecure-http"), "{told}");
    }
}
