//! Following a run by its events.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use connector_host::run::EXIT_FAILED;
use eventsource_stream::Eventsource;
use indicatif::HumanCount;
use reqwest::StatusCode;
use serde_json::Value;
use tokio_stream::StreamExt;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Form, Output};
use super::super::text::{clean, json_line};
use super::summary::{exit_code, is_open, lines};
use crate::cli::progress::{Count, Streams};

/// Silence after which a stream is taken for dead. The server breaks every silence after 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// How often in a row a stream is sought in vain.
const ATTEMPTS: u32 = 10;
/// First wait between two attempts; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Follows a run to its end, and tells how it ended. A stream that breaks off is taken up again.
pub(super) async fn watch(client: &Client, id: &str, output: &mut Output) -> Result<u8> {
    let mut view = View::new(output);
    let ended = tokio::select! {
        ended = follow(client, id, &mut view) => ended,
        _ = tokio::signal::ctrl_c() => {
            view.clear();
            let hint = format!("the run goes on; `run watch {id}` comes back to it, `run cancel {id}` ends it");
            view.output.note(&hint)?;
            return Ok(EXIT_FAILED);
        }
    };
    view.clear();
    let run = ended?;
    if view.output.form == Form::Table {
        lines(&mut view.output.console.out, &run)?;
    }
    Ok(exit_code(&run))
}

async fn follow(client: &Client, id: &str, view: &mut View<'_>) -> Result<Value> {
    let mut last = None;
    let mut failed = 0;
    loop {
        match read(client, id, &mut last, &mut failed, view).await {
            Ok(Some(run)) => return Ok(run),
            Ok(None) => failed += 1,
            Err(error) => {
                failed += 1;
                if !is_passing(&error) || failed >= ATTEMPTS {
                    return Err(error);
                }
                tracing::info!("the events of run {id}: {error:#}");
            }
        }
        if failed >= ATTEMPTS {
            return Err(Failure::connection(
                format!("the events of run {id} break off again and again"),
                "See what is between this machine and the server; `run show` tells how the run stands.",
            )
            .into());
        }
        let pause = PAUSE.saturating_mul(1 << failed.saturating_sub(1).min(8));
        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
    }
}

/// Whether it may go well the next time.
fn is_passing(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Connection { .. }) => true,
        Some(Failure::Refused(problem)) => problem.status >= 500 || problem.status == 429,
        _ => false,
    }
}

/// One stream of events: the run, if it ended.
async fn read(
    client: &Client,
    id: &str,
    last: &mut Option<String>,
    failed: &mut u32,
    view: &mut View<'_>,
) -> Result<Option<Value>> {
    let request = client
        .get(&["runs", id, "events"])?
        .after_event(last.clone());
    let response = request.stream("text/event-stream").await?;
    if response.status() == StatusCode::NO_CONTENT {
        let run = client.get(&["runs", id])?.send().await?.body;
        return Ok(Some(run));
    }
    let bytes = response.bytes_stream().timeout(SILENCE);
    let mut events = Box::pin(bytes.map(|piece| match piece {
        Ok(piece) => piece.map_err(|error| error.to_string()),
        Err(silence) => Err(silence.to_string()),
    }))
    .eventsource();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::info!("the events of run {id}: {error}");
                return Ok(None);
            }
        };
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        *failed = 0;
        if !event.id.is_empty() {
            *last = Some(event.id);
        }
        if let Some(run) = view.take(&event.event, &data)? {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// How events are shown.
struct View<'o> {
    output: &'o mut Output,
    bars: Option<Streams>,
    /// What was told last.
    told: String,
}

impl<'o> View<'o> {
    fn new(output: &'o mut Output) -> Self {
        let drawing = output.form == Form::Table && output.console.drawing;
        Self {
            output,
            bars: drawing.then(Streams::draw),
            told: String::new(),
        }
    }

    fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.clear();
        }
    }

    /// Shows an event; gives the run back if it has ended.
    fn take(&mut self, name: &str, data: &Value) -> Result<Option<Value>> {
        let first = |list: &str| data.get(list).and_then(|list| list.get(0));
        let (run, progress) = match name {
            "state" => (first("runs"), first("progress")),
            "run" => (data.get("run"), None),
            "progress" => (None, data.get("progress")),
            // Newer servers may tell more.
            _ => return Ok(None),
        };
        if self.output.form == Form::Json {
            writeln!(self.output.console.out, "{}", json_line(data))?;
            self.output.console.out.flush()?;
        } else {
            let open = run.filter(|run| is_open(run));
            if let Some(state) = open.and_then(|run| run.get("state")?.as_str()) {
                self.line(clean(state))?;
            }
            if let Some(progress) = progress {
                self.progress(progress)?;
            }
        }
        Ok(run.filter(|run| !is_open(run)).cloned())
    }

    fn progress(&mut self, progress: &Value) -> Result<()> {
        let counts = ["users", "groups", "memberships", "partitions"].map(|stream| -> Count {
            let of = |name| progress.get(stream).and_then(|one| one.get(name)?.as_u64());
            (of("done").unwrap_or_default(), of("expected"))
        });
        if let Some(bars) = &self.bars {
            bars.set(counts);
            return Ok(());
        }
        let [users, groups, memberships, partitions] = counts.map(|(done, expected)| {
            let done = HumanCount(done);
            expected.map_or_else(
                || done.to_string(),
                |all| format!("{done}/{}", HumanCount(all)),
            )
        });
        self.line(format!(
            "{users} users, {groups} groups, {memberships} memberships, {partitions} partitions"
        ))
    }

    /// A line, unless it says nothing new.
    fn line(&mut self, line: String) -> Result<()> {
        if self.bars.is_none() && self.told != line {
            self.output.note(&line)?;
            self.told = line;
        }
        Ok(())
    }
}
