//! A stub server, and commands run against it.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use clap::Parser;
use secrecy::SecretString;

use super::output::Console;
use crate::cli::{Arguments, exit_code};

/// What a command did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: u8,
    pub(super) out: String,
    /// Standard error: notes, then the error.
    pub(super) err: String,
}

/// A server on this machine that ends with the test.
pub(super) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// Runs a command with a token; nobody can be asked.
pub(super) async fn run(server: &str, words: &[&str]) -> Ran {
    run_as(server, words, Some("cht_secret"), None).await
}

/// Runs a command; `answer` is typed in where somebody can be asked.
pub(super) async fn run_as(
    server: &str,
    words: &[&str],
    token: Option<&str>,
    answer: Option<&str>,
) -> Ran {
    let all = ["connector-host"]
        .into_iter()
        .chain(words.iter().copied())
        .chain(["--server", server]);
    let arguments = Arguments::try_parse_from(all).unwrap();
    let out = Shared::default();
    let err = Shared::default();
    let console = Console {
        out: Box::new(out.clone()),
        notes: Box::new(err.clone()),
        input: Box::new(Cursor::new(answer.unwrap_or_default().as_bytes().to_vec())),
        interactive: answer.is_some(),
        drawing: false,
    };
    let crate::cli::Command::Remote(command) = arguments.command else {
        panic!("{words:?} is no command against a server");
    };
    let token = token.map(SecretString::from);
    let outcome = command.run_with(token, console).await;
    let (code, error) = match outcome {
        Ok(code) => (code, String::new()),
        Err(error) => (exit_code(&error), format!("error: {error:#}\n")),
    };
    Ran {
        code,
        out: out.text(),
        err: err.text() + &error,
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
