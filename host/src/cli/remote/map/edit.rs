//! `connector-host map edit` and `validate`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_PROCESSED};
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Column, Output};
use super::super::text::json_lines;
use super::{One, PATH, rules};

/// Arguments of `map edit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Edit {
    #[command(flatten)]
    one: One,
    /// A file with the rules: a JSON list, or an object with `rules`. In the editor where absent.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Another name; without a file only this is changed.
    #[arg(long)]
    name: Option<String>,
    /// About the new version.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

impl Edit {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = self.one.read(client).await?;
        if found.body.get("readOnly") == Some(&Value::Bool(true)) {
            return Err(Failure::input(
                format!(
                    "{} comes with its plugin and can't be changed",
                    found.text("name")
                ),
                "Copy it with `map clone`, and change the copy.",
            )
            .into());
        }
        let before = found.body.get("rules").cloned().unwrap_or_default();
        let mut kept = None;
        let after = match (&self.file, &self.name) {
            (Some(file), _) => Some(rules::read(file)?),
            (None, Some(_)) => None,
            (None, None) => {
                let text = json_lines(&before);
                let draft = Draft::new(&text)?;
                let text = draft.edited(output)?;
                let place = draft.keep()?;
                let parsed = rules::parse(&text, &place.display().to_string())?;
                kept = Some(place);
                Some(parsed)
            }
        };
        let mut body = Map::new();
        if let Some(after) = after.filter(|after| *after != before) {
            body.insert("rules".into(), after);
            body.insert("comment".into(), self.comment.unwrap_or_default().into());
        }
        if let Some(name) = self.name {
            body.insert("name".into(), name.into());
        }
        if body.is_empty() {
            forget(kept.as_deref());
            output.note("nothing was changed")?;
            return Ok(EXIT_PROCESSED);
        }
        let request = client.patch(&[PATH, &found.text("id")])?;
        let request = request.body(body.into()).if_match(found.etag);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(failure) => {
                if let Some(place) = &kept {
                    output.note(&format!("what was written is in {}", place.display()))?;
                }
                return Err(failure.into());
            }
        };
        forget(kept.as_deref());
        let version = answer.body.get("version").and_then(Value::as_u64);
        let name = answer.text("name");
        let sentence = match version {
            Some(version) => format!("{name} is at version {version}"),
            None => format!("{name} is changed"),
        };
        output.done(&sentence, &answer.body)
    }
}

fn forget(file: Option<&Path>) {
    if let Some(file) = file {
        // It is in the folder for such files anyway.
        let _ = std::fs::remove_file(file);
    }
}

/// A text in an editor.
struct Draft(tempfile::NamedTempFile);

impl Draft {
    fn new(text: &str) -> Result<Self> {
        let mut file = tempfile::Builder::new()
            .prefix("connector-map-")
            .suffix(".json")
            .tempfile()
            .context("a file for the editor")?;
        writeln!(file, "{text}")?;
        file.flush()?;
        Ok(Self(file))
    }

    /// What it is when the editor has ended.
    fn edited(&self, output: &Output) -> Result<String> {
        if !output.console.interactive {
            return Err(Failure::input(
                "there is no terminal for an editor",
                "Name a file with the rules.",
            )
            .into());
        }
        let editor = ["VISUAL", "EDITOR"]
            .into_iter()
            .find_map(|name| {
                std::env::var(name)
                    .ok()
                    .filter(|value| !value.trim().is_empty())
            })
            .unwrap_or_else(|| "vi".into());
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or("vi");
        let status = std::process::Command::new(program)
            .args(words)
            .arg(self.0.path())
            .status()
            .with_context(|| format!("the editor {program}; set EDITOR to another"))?;
        if !status.success() {
            bail!("the editor {program} failed; nothing was changed");
        }
        Ok(std::fs::read_to_string(self.0.path())?)
    }

    /// Keeps the file, so that what was written isn't lost where the server refuses it.
    fn keep(self) -> Result<PathBuf> {
        Ok(self.0.keep()?.1)
    }
}

/// Arguments of `map validate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Validate {
    /// A file with rules: a JSON list, or an object with `rules`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name of the plugin that they are for.
    #[arg(long)]
    plugin: String,
}

const PROBLEMS: &[Column] = &[
    Column::text("Path", "/path"),
    Column::text("Problem", "/message"),
    Column::text("Remedy", "/remedy"),
];

impl Validate {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let body = json!({"plugin": self.plugin, "rules": rules::read(&self.file)?});
        let request = client.post(&[PATH, "validate"])?.body(body);
        let answer = request.send().await?.body;
        let problems = answer.get("problems").and_then(Value::as_array);
        let problems = problems.map(Vec::as_slice).unwrap_or_default();
        if problems.is_empty() {
            return output.done("nothing is wrong", &Value::Null);
        }
        output.whole(problems, PROBLEMS)?;
        Ok(EXIT_CONFIGURATION)
    }
}
