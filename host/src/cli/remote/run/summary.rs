//! A run as text.

use std::io::{self, Write};
use std::time::Duration;

use connector_host::run::{
    EXIT_CONFIGURATION, EXIT_FAILED, EXIT_HELD, EXIT_PARTIAL, EXIT_PROCESSED,
};
use indicatif::{HumanCount, HumanDuration};
use serde_json::Value;

use super::super::connector::fault_lines;
use super::super::text::clean;

/// How many entries of a list are written; the JSON form has all.
const ENTRIES: usize = 10;

/// The exit code of a command that followed a run to its end.
pub(super) fn exit_code(run: &Value) -> u8 {
    let text = |pointer| run.pointer(pointer).and_then(Value::as_str);
    match text("/state") {
        Some("processed") => EXIT_PROCESSED,
        Some("partial") => EXIT_PARTIAL,
        Some("held") => EXIT_HELD,
        _ => match text("/fault/kind") {
            Some("configuration" | "authentication" | "permission") => EXIT_CONFIGURATION,
            _ => EXIT_FAILED,
        },
    }
}

/// Whether a run waits or goes on.
pub(super) fn is_open(run: &Value) -> bool {
    let state = run.get("state").and_then(Value::as_str);
    matches!(state, Some("queued" | "processing"))
}

/// What became of a stream: `+12 ~3 -1`.
pub(super) fn changed(run: &Value, stream: &str) -> String {
    let parts = [("added", '+'), ("updated", '~'), ("removed", '-')].map(|(name, sign)| {
        let count = run
            .get(stream)
            .and_then(|stream| stream.get(name)?.as_u64());
        match count.unwrap_or_default() {
            0 => String::new(),
            count => format!("{sign}{}", HumanCount(count)),
        }
    });
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ")
}

/// How long it took.
pub(super) fn took(run: &Value) -> String {
    let took = run.get("durationMs").and_then(Value::as_u64);
    match took.unwrap_or_default() {
        0 => String::new(),
        short if short < 60_000 => format!("{:.1} s", Duration::from_millis(short).as_secs_f64()),
        long => HumanDuration(Duration::from_millis(long)).to_string(),
    }
}

/// A run in a few lines: how it stands, what it changed, why it failed.
pub(super) fn lines(out: &mut impl Write, run: &Value) -> io::Result<()> {
    let text = |name| clean(run.get(name).and_then(Value::as_str).unwrap_or_default());
    let mode = match text("mode") {
        mode if mode.is_empty() => "run".to_owned(),
        mode => mode,
    };
    write!(
        out,
        "{}: {mode} of {} with {}",
        text("state"),
        text("connectorName"),
        text("profileName")
    )?;
    match took(run) {
        took if took.is_empty() => writeln!(out)?,
        took => writeln!(out, ", {took}")?,
    }
    let streams = ["users", "groups", "memberships"].map(|stream| (stream, changed(run, stream)));
    for (stream, changed) in streams.iter().filter(|(_, changed)| !changed.is_empty()) {
        writeln!(out, "  {stream:12} {changed}")?;
    }
    if let Some(fault) = run.get("fault") {
        fault_lines(out, fault)?;
    }
    let id = text("id");
    if text("state") == "held" && run.get("decision").is_none() {
        writeln!(
            out,
            "  Nothing was removed yet: what counts as removed above is kept back.\n  \
             See `run removals {id}`, then `run allow {id} --reason …` or `run reject {id} --reason …`."
        )?;
    }
    if let Some(at) = run.get("retryAt").and_then(Value::as_str) {
        let at = super::super::text::time(at);
        writeln!(out, "  It will be tried again at {at}.")?;
    }
    out.flush()
}

/// A run with what its report tells.
pub(super) fn details(out: &mut impl Write, run: &Value) -> io::Result<()> {
    lines(out, run)?;
    let text = |pointer| {
        let text = run.pointer(pointer).and_then(Value::as_str);
        clean(text.unwrap_or_default())
    };
    for (title, pointer) in [
        ("id", "/id"),
        ("plugin", "/plugin"),
        ("because", "/reason"),
        ("asked by", "/actor/name"),
        ("asked for", "/queued"),
        ("began", "/started"),
        ("ended", "/ended"),
        ("decided by", "/decision/actor/name"),
        ("verdict", "/decision/verdict"),
        ("reason", "/decision/reason"),
        ("superseded by", "/supersededBy"),
    ] {
        let text = text(pointer);
        if !text.is_empty() {
            writeln!(out, "  {title:14} {}", super::super::text::time(&text))?;
        }
    }
    let list = |pointer| run.pointer(pointer).and_then(Value::as_array);
    if let Some(failures) = list("/report/failures") {
        for failure in failures.iter().take(ENTRIES) {
            let partition = failure.get("partition").and_then(Value::as_str);
            writeln!(out, "not read: {}", clean(partition.unwrap_or_default()))?;
            fault_lines(out, failure.get("fault").unwrap_or(&Value::Null))?;
        }
        more(out, failures.len(), "parts that were not read")?;
    }
    if let Some(groups) = list("/report/unavailable") {
        for group in groups.iter().take(ENTRIES) {
            let text = |name| clean(group.get(name).and_then(Value::as_str).unwrap_or_default());
            writeln!(
                out,
                "members kept, not read: {} ({}): {}",
                text("name"),
                text("id"),
                text("reason")
            )?;
        }
        more(out, groups.len(), "groups")?;
    }
    out.flush()
}

fn more(out: &mut impl Write, all: usize, what: &str) -> io::Result<()> {
    match all.checked_sub(ENTRIES) {
        Some(more) if more > 0 => writeln!(out, "… and {more} more {what}; see --json"),
        _ => Ok(()),
    }
}
