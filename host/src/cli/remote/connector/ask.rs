//! `connector-host connector check`, `discover` and `types`.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_PROCESSED};
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::output::{Column, Form, Output};
use super::super::resolve;
use super::super::text::clean;
use super::One;

/// The connection test.
pub(super) async fn check(one: &One, client: &Client, output: &mut Output) -> Result<u8> {
    let found = resolve::connector(client, &one.connector).await?;
    let request = client.post(&["connectors", &found.id, "check"])?;
    let tested = request.send().await?.body;
    let passed = tested.get("passed") == Some(&Value::Bool(true));
    let code = if passed {
        EXIT_PROCESSED
    } else {
        EXIT_CONFIGURATION
    };
    if output.form == Form::Json {
        output.thing(&tested)?;
        return Ok(code);
    }
    let out = &mut output.console.out;
    let lines = tested.get("lines").and_then(Value::as_array);
    for line in lines.into_iter().flatten() {
        let text = |name| clean(line.get(name).and_then(Value::as_str).unwrap_or_default());
        let outcome = match text("outcome") {
            failed if failed == "failed" => "FAILED".to_owned(),
            outcome => outcome,
        };
        writeln!(out, "{outcome:8} {}: {}", text("item"), text("seen"))?;
        if line.get("remedy").is_some() {
            writeln!(out, "         {}", text("remedy"))?;
        }
    }
    if let Some(fault) = tested.get("fault") {
        fault_lines(out, fault)?;
    }
    out.flush()?;
    Ok(code)
}

/// A fault: what happened, what to do, the code to search for.
pub(in crate::cli::remote) fn fault_lines(
    out: &mut impl Write,
    fault: &Value,
) -> std::io::Result<()> {
    let text = |name| clean(fault.get(name).and_then(Value::as_str).unwrap_or_default());
    writeln!(out, "  {} [{}]", text("message"), text("code"))?;
    if fault.get("remedy").is_some() {
        writeln!(out, "  {}", text("remedy"))?;
    }
    Ok(())
}

/// Arguments of `connector discover`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Discover {
    #[command(flatten)]
    one: One,
    /// Only groups whose names begin with this.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

const GROUPS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Detail", "/detail"),
    Column::text("Id", "/id"),
];

impl Discover {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = resolve::connector(client, &self.one.connector).await?;
        let mut groups = Vec::new();
        let mut page: Option<String> = None;
        // The source's pages have sizes of their own.
        loop {
            let search = json!({"name": self.name, "page": page});
            let request = client.post(&["connectors", &found.id, "discover"])?;
            let mut body = request.body(search).send().await?.body;
            if let Some(Value::Array(mut some)) = body.get_mut("items").map(Value::take) {
                groups.append(&mut some);
            }
            page = body.get("next").and_then(Value::as_str).map(str::to_owned);
            let enough = output.most.is_some_and(|most| groups.len() >= most);
            if page.is_none() || enough {
                break;
            }
        }
        let more = page.is_some() || output.most.is_some_and(|most| groups.len() > most);
        groups.truncate(output.most.unwrap_or(usize::MAX));
        output.whole(&groups, GROUPS)?;
        if more {
            output.note("there are more; --all for all, --limit for another number")?;
        }
        Ok(EXIT_PROCESSED)
    }
}

/// Arguments of `connector types`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Types {
    /// Everything that this one declares.
    #[arg(value_name = "PLUGIN")]
    plugin: Option<String>,
}

const TYPES: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Active", "/active"),
    Column::text("Vendor", "/description/vendor"),
    Column::text("Product", "/description/product"),
    Column::text("Category", "/description/category"),
    Column::text("Trouble", "/trouble"),
];

const SETTINGS: &[Column] = &[
    Column::text("Setting", "/key"),
    Column::made("Kind", |setting| match setting.get("kind") {
        Some(Value::Object(kind)) => {
            let choices = kind.values().filter_map(Value::as_array).flatten();
            let values = choices.filter_map(|choice| choice.get("value")?.as_str());
            clean(&values.collect::<Vec<_>>().join(" | "))
        }
        Some(Value::String(kind)) => clean(kind),
        _ => String::new(),
    }),
    Column::text("Required", "/required"),
    Column::text("Help", "/help"),
];

const PERMISSIONS: &[Column] = &[
    Column::text("Permission", "/name"),
    Column::text("Required", "/required"),
    Column::text("Why", "/reason"),
];

impl Types {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let Some(plugin) = &self.plugin else {
            let request = client.get(&["connector-types"])?;
            return output.list(request, TYPES).await;
        };
        let answer = client.get(&["connector-types", plugin])?.send().await?;
        let mut of = answer.body;
        if output.form == Form::Json {
            output.thing(&of)?;
            return Ok(EXIT_PROCESSED);
        }
        let mut description = of
            .get_mut("description")
            .map(Value::take)
            .unwrap_or_default();
        let mut list = |name: &str| match description.get_mut(name).map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let (settings, permissions) = (list("settings"), list("permissions"));
        output.thing(&of)?;
        output.line("")?;
        output.whole(&settings, SETTINGS)?;
        output.line("")?;
        output.whole(&permissions, PERMISSIONS)?;
        Ok(EXIT_PROCESSED)
    }
}
