//! `connector-host map versions`, `diff` and `restore`.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use connector_host::run::EXIT_PROCESSED;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Column, Form, Output};
use super::super::text::{clean, plain};
use super::{One, PATH};

const VERSIONS: &[Column] = &[
    Column::count("Version", "/version"),
    Column::time("Made", "/created/at"),
    Column::text("By", "/created/by"),
    Column::count("Rules", "/ruleCount"),
    Column::text("Comment", "/comment"),
];

/// `map versions`.
pub(super) async fn list(one: &One, client: &Client, output: &mut Output) -> Result<u8> {
    let found = one.find(client).await?;
    let request = client.get(&[PATH, &found.id, "versions"])?;
    output.list(request, VERSIONS).await
}

/// Arguments of `map diff`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    #[command(flatten)]
    one: One,
    /// The version before; the one before the other where absent.
    #[arg(value_name = "FROM")]
    from: Option<u64>,
    /// The version after; the newest where absent.
    #[arg(value_name = "TO")]
    to: Option<u64>,
}

impl Diff {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        let newest = found.body.get("version").and_then(Value::as_u64);
        let to = self.to.or(newest).unwrap_or_default();
        let from = self.from.unwrap_or_else(|| to.saturating_sub(1));
        if from == 0 || to == 0 {
            return Err(Failure::input(
                format!("{} has no version before", found.text("name")),
                "See `map versions`.",
            )
            .into());
        }
        let request = client.get(&[PATH, &found.text("id"), "diff"])?;
        let answer = request.query("from", from).query("to", to).send().await?;
        match output.form {
            Form::Json => output.thing(&answer.body)?,
            Form::Table => write(&mut output.console.out, &answer.body)?,
        }
        Ok(EXIT_PROCESSED)
    }
}

/// A line for every rule that is new, gone, changed or elsewhere.
fn write(out: &mut impl Write, diff: &Value) -> std::io::Result<()> {
    let list = |name| {
        diff.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for (name, sign) in [("removed", '-'), ("added", '+')] {
        for placed in list(name) {
            let rule = placed.get("rule").unwrap_or(&Value::Null);
            writeln!(out, "{sign} {}", rule_text(rule))?;
        }
    }
    let text = |entry: &Value, name| plain(entry.get(name).unwrap_or(&Value::Null));
    for changed in list("changed") {
        writeln!(out, "~ {}", text(changed, "target"))?;
        let fields = changed.get("fields").and_then(Value::as_array);
        for field in fields.into_iter().flatten() {
            writeln!(
                out,
                "    {}: {} -> {}",
                text(field, "field"),
                value_text(field.get("before")),
                value_text(field.get("after"))
            )?;
        }
    }
    for moved in list("moved") {
        let place = |name| moved.get(name).and_then(Value::as_u64).map_or(0, |n| n + 1);
        writeln!(
            out,
            "  {} moved from place {} to {}",
            text(moved, "target"),
            place("from"),
            place("to")
        )?;
    }
    out.flush()
}

fn value_text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".into(),
        Some(value) => plain(value),
    }
}

fn rule_text(rule: &Value) -> String {
    let of = |name| plain(rule.get(name).unwrap_or(&Value::Null));
    let mut text = format!("{} -> {}", of("sources"), of("target"));
    for (name, title) in [("functions", "functions"), ("defaultValue", "default")] {
        let value = of(name);
        if !value.is_empty() {
            text = format!("{text}, {title} {value}");
        }
    }
    clean(&text)
}

/// Arguments of `map restore`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Restore {
    #[command(flatten)]
    one: One,
    /// The version whose rules are wanted back.
    #[arg(value_name = "VERSION")]
    version: u64,
    /// About the new version.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
}

impl Restore {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        let version = self.version;
        let request = client.post(&[PATH, &found.text("id"), "restore"])?;
        let request = request.body(json!({"version": version, "comment": self.comment}));
        let answer = request.if_match(found.etag).send().await?;
        let now = plain(answer.body.get("version").unwrap_or(&Value::Null));
        let name = answer.text("name");
        let sentence = format!("{name} is at version {now}, with the rules of {version}");
        output.done(&sentence, &answer.body)
    }
}
