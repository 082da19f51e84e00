//! `connector-host connector create` and `change`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use connector_host::settings::SecretSource;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::Output;
use super::One;
use crate::cli::Mistakes;

/// What a connector is configured with.
#[derive(Debug, Args)]
struct Content {
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Version of the plugin: `latest`, or a certain one.
    #[arg(long)]
    version: Option<String>,
    /// A file with settings: a JSON object, as `connector types NAME` lists them.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A setting. true, false, null and what begins with [, { or " is JSON; anything else is text. Wins over the
    /// file.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, Value)>,
    /// A secret setting and where to read it: KEY=env:VARIABLE or KEY=file:PATH.
    #[arg(long = "secret", value_name = "KEY=SOURCE")]
    secrets: Vec<SecretSource>,
    /// The day on which a secret expires, to be warned before: KEY=2027-05-31.
    #[arg(long = "secret-expires", value_name = "KEY=DATE", value_parser = expiry)]
    expiries: Vec<(String, String)>,
}

/// Arguments of `connector create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Name, unique without regard to case.
    #[arg(long)]
    name: String,
    /// Name of an installed plugin.
    #[arg(long)]
    plugin: String,
    #[command(flatten)]
    content: Content,
}

/// Arguments of `connector change`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    #[command(flatten)]
    one: One,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another plugin.
    #[arg(long)]
    plugin: Option<String>,
    #[command(flatten)]
    content: Content,
    /// Forget a secret.
    #[arg(long, value_name = "KEY")]
    forget_secret: Vec<String>,
}

impl Create {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut body = self.content.members()?;
        body.insert("name".into(), self.name.clone().into());
        body.insert("plugin".into(), self.plugin.into());
        let request = client.post(&["connectors"])?.body(body.into());
        let made = request.send().await?;
        let sentence = format!("{} is made: {}", self.name, made.text("id"));
        output.done(&sentence, &made.body)
    }
}

impl Change {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut body = self.content.members()?;
        for (member, value) in [("name", self.name), ("plugin", self.plugin)] {
            if let Some(value) = value {
                body.insert(member.into(), value.into());
            }
        }
        if !self.forget_secret.is_empty() {
            let secrets = body.entry("secrets").or_insert_with(|| json!({}));
            if let Some(secrets) = secrets.as_object_mut() {
                let forgotten = self.forget_secret.into_iter();
                secrets.extend(forgotten.map(|key| (key, Value::Null)));
            }
        }
        if body.is_empty() {
            return Err(Failure::input(
                "nothing is to be changed",
                "Name what is to be changed, such as --set KEY=VALUE.",
            )
            .into());
        }
        let found = self.one.read(client).await?;
        let request = client.patch(&["connectors", &found.text("id")])?;
        let answer = request
            .body(body.into())
            .if_match(found.etag)
            .send()
            .await?;
        output.done(&format!("{} is changed", answer.text("name")), &answer.body)
    }
}

impl Content {
    /// The members of the request's document that are given.
    fn members(&self) -> Result<Map<String, Value>> {
        let mut members = Map::new();
        if let Some(description) = &self.description {
            members.insert("description".into(), description.clone().into());
        }
        if let Some(version) = &self.version {
            members.insert("version".into(), version.clone().into());
        }
        let settings = self.settings()?;
        if !settings.is_empty() {
            members.insert("settings".into(), settings.into());
        }
        let secrets = self.secrets()?;
        if !secrets.is_empty() {
            members.insert("secrets".into(), secrets.into());
        }
        Ok(members)
    }

    fn settings(&self) -> Result<Map<String, Value>> {
        let mut settings = match &self.settings {
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("the settings file {}", file.display()))?;
                serde_json::from_str(&text).map_err(|error| {
                    // The parser's message quotes nothing of the document, only where it broke.
                    Failure::input(
                        format!(
                            "the settings file {} is no JSON object: {error}",
                            file.display()
                        ),
                        "Write settings as {\"key\": value, …}.",
                    )
                })?
            }
            None => Map::new(),
        };
        settings.extend(self.set.iter().cloned());
        Ok(settings)
    }

    fn secrets(&self) -> Result<Map<String, Value>> {
        let mut secrets = Map::new();
        let mut problems = Vec::new();
        for source in &self.secrets {
            match source.read() {
                Ok((key, secret)) => {
                    secrets.insert(key, json!({ "value": secret.expose_secret() }));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(Mistakes(problems).into());
        }
        for (key, date) in &self.expiries {
            let secret = secrets.entry(key.clone()).or_insert_with(|| json!({}));
            if let Some(secret) = secret.as_object_mut() {
                secret.insert("expiresOn".into(), date.clone().into());
            }
        }
        Ok(secrets)
    }
}

fn assignment(text: &str) -> Result<(String, Value), String> {
    let form = "write KEY=VALUE, such as tenantId=contoso.com or groups=[\"a\",\"b\"]";
    let (key, value) = text.split_once('=').ok_or(form)?;
    if key.is_empty() {
        return Err(form.into());
    }
    let is_json = matches!(value, "true" | "false" | "null") || value.starts_with(['[', '{', '"']);
    let value = if is_json {
        serde_json::from_str(value).map_err(|error| format!("{key} begins like JSON: {error}"))?
    } else {
        value.into()
    };
    Ok((key.into(), value))
}

fn expiry(text: &str) -> Result<(String, String), String> {
    let (key, date) = text.split_once('=').ok_or("write KEY=2027-05-31")?;
    let date: jiff::civil::Date = date.parse().map_err(|_| "write KEY=2027-05-31")?;
    Ok((key.into(), date.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_text_unless_it_looks_like_json() {
        for (text, value) in [
            ("a=true", json!(true)),
            ("a=null", Value::Null),
            ("a=[\"x\"]", json!(["x"])),
            ("a={\"b\":1}", json!({"b": 1})),
            ("a=\"true\"", json!("true")),
            ("a=12345", json!("12345")),
            ("a=x=y", json!("x=y")),
            ("a=", json!("")),
        ] {
            assert_eq!(assignment(text).unwrap().1, value, "{text}");
        }
        for wrong in ["a", "=b", "a=[x"] {
            assert!(assignment(wrong).is_err(), "{wrong}");
        }
    }
}
