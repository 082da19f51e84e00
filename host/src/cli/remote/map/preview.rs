//! `connector-host map preview`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use connector_host::run::EXIT_PROCESSED;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Form, Output};
use super::super::resolve::Objects;
use super::super::text::json_lines;
use super::{One, PATH, rules};

/// Arguments of the command.
#[derive(Debug, Args)]
pub(in crate::cli) struct Preview {
    #[command(flatten)]
    one: One,
    /// With this version's rules, instead of the newest.
    #[arg(long, value_name = "N", conflicts_with = "rules")]
    version: Option<u64>,
    /// With the rules of this file, which are not kept.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// A file with the source record; one that is made up, with every field, where absent.
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// A user whom a connector brought, read backwards into a source record.
    #[arg(long, value_name = "NAME|ID", conflicts_with = "sample")]
    user: Option<String>,
    /// The connector of --user.
    #[arg(long, value_name = "NAME|ID", requires = "user")]
    connector: Option<String>,
}

impl Preview {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.find(client).await?;
        let mut body = Map::new();
        if let Some(version) = self.version {
            body.insert("version".into(), version.into());
        }
        if let Some(file) = &self.rules {
            body.insert("rules".into(), rules::read(file)?);
        }
        if let Some(file) = &self.sample {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the sample file {}", file.display()))?;
            let sample: Value = serde_json::from_str(&text).map_err(|error| {
                let message = format!("the sample file {}: {error}", file.display());
                Failure::input(
                    message,
                    "Write a record of the source model as a JSON object.",
                )
            })?;
            body.insert("sample".into(), sample);
        }
        if let Some(user) = &self.user {
            let user = Objects::Users
                .find(client, self.connector.as_deref(), user)
                .await?;
            let record = json!({"connector": user.connector, "user": user.object.id});
            body.insert("record".into(), record);
        }
        let request = client.post(&[PATH, &found.id, "preview"])?;
        let answer = request.body(body.into()).send().await?.body;
        match output.form {
            Form::Json => output.thing(&answer)?,
            Form::Table => {
                let out = &mut output.console.out;
                if answer.get("origin").and_then(Value::as_str) == Some("rebuilt") {
                    writeln!(
                        out,
                        "The directory keeps documents, not records: this record is the user's document, read backwards.\n"
                    )?;
                }
                for (title, pointer) in [
                    ("Record", "/sample"),
                    ("Document", "/document"),
                    ("Document that is stored now", "/stored/document"),
                ] {
                    if let Some(value) = answer.pointer(pointer) {
                        writeln!(out, "{title}\n{}\n", json_lines(value))?;
                    }
                }
                out.flush()?;
            }
        }
        Ok(EXIT_PROCESSED)
    }
}
