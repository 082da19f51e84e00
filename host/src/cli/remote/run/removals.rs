//! `connector-host run removals`.

use std::io::Write;

use anyhow::Result;
use clap::{Args, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use indicatif::HumanCount;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Column, Form, Output};
use super::super::text::plain;
use super::One;

const COLUMNS: &[Column] = &[
    Column::text("Kind", "/kind"),
    Column::text("Name", "/name"),
    Column::text("Id", "/id"),
];

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Removals {
    #[command(flatten)]
    one: One,
    /// List all of these, and not only the first of each.
    #[arg(long, value_enum)]
    what: Option<Stream>,
    /// Only those in whose names this is.
    #[arg(long, value_name = "TEXT", requires = "what")]
    text: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stream {
    Users,
    Groups,
    Memberships,
}

const ALL: &[Column] = &[
    Column::text("Name", "/object/name"),
    Column::text("Kind", "/kind"),
    Column::text("Group", "/group/name"),
    Column::text("Why", "/why"),
    Column::text("Id", "/object/id"),
];

impl Removals {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let Some(what) = self.what else {
            return show(&self.one, client, output).await;
        };
        let what = match what {
            Stream::Users => "users",
            Stream::Groups => "groups",
            Stream::Memberships => "memberships",
        };
        let id = self.one.id(client).await?;
        let request = client
            .get(&["runs", &id, "removals"])?
            .query("what", what)
            .maybe("text", self.text);
        output.list(request, ALL).await
    }
}

/// What a held run would remove: how much of how much, and the first of them by name, as its report tells.
async fn show(one: &One, client: &Client, output: &mut Output) -> Result<u8> {
    let id = one.id(client).await?;
    let run = client.get(&["runs", &id])?.send().await?.body;
    let Some(removals) = run.pointer("/report/removals") else {
        return Err(Failure::input(
            format!("run {id} keeps no removals back"),
            "Only held runs do; `run list --state held` lists them.",
        )
        .into());
    };
    if output.form == Form::Json {
        output.thing(removals)?;
        return Ok(EXIT_PROCESSED);
    }
    for stream in ["users", "groups", "memberships"] {
        let of = |name| removals.get(stream).and_then(|of| of.get(name)?.as_u64());
        let (removed, held) = (of("removed").unwrap_or(0), of("held").unwrap_or(0));
        writeln!(
            output.console.out,
            "{} of {} {stream} ({})",
            HumanCount(removed),
            HumanCount(held),
            percent(removed, held)
        )?;
    }
    let mut named = Vec::new();
    for (list, kind) in [("groups", "group"), ("users", "user")] {
        let sample = removals.get("sample").and_then(|sample| sample.get(list));
        for one in sample.and_then(Value::as_array).into_iter().flatten() {
            let text = |name| one.get(name).cloned().unwrap_or_default();
            named.push(json!({"kind": kind, "name": text("name"), "id": text("id")}));
        }
    }
    let memberships = removals.pointer("/sample/memberships");
    for one in memberships.and_then(Value::as_array).into_iter().flatten() {
        let of = |name| plain(one.get(name).unwrap_or(&Value::Null));
        let name = format!("{} in {}", of("member"), of("group"));
        named.push(json!({"kind": "membership", "name": name}));
    }
    if !named.is_empty() {
        writeln!(output.console.out)?;
        output.whole(&named, COLUMNS)?;
    }
    output.note("the first of each are named; --what lists all of one kind")?;
    Ok(EXIT_PROCESSED)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage to show")]
fn percent(removed: u64, held: u64) -> String {
    format!("{:.1} %", 100.0 * removed as f64 / held.max(1) as f64)
}
