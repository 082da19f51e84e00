//! A connector's settings, split so that secrets never travel with the rest.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::contract::{Description, Problem, SettingKind};
use crate::egress::Secrets;

/// What a plugin may know of the settings: everything but the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSettings {
    /// JSON object by key, keys sorted.
    pub values: String,
    /// Keys of the secrets that have a value, sorted.
    pub secrets: Vec<String>,
}

/// A connector's settings with its secrets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the plugin may know.
    pub plugin: PluginSettings,
    /// What only the gateway may know. Its debug form shows nothing.
    pub secrets: Secrets,
}

impl Settings {
    /// Splits a settings document by what the plugin declares as secret. `given` are secrets from
    /// elsewhere, which win over those in the document.
    ///
    /// # Errors
    /// Every problem of the document's form; its meaning is for the plugin to judge.
    pub fn split(
        document: &str,
        given: Secrets,
        description: &Description,
    ) -> Result<Self, Vec<Problem>> {
        let mut values: Map<String, Value> = serde_json::from_str(document).map_err(|error| {
            // The parser's message quotes nothing of the document, only where it broke.
            vec![problem(
                "settings",
                format!("the settings are no JSON object: {error}"),
                "Write them as {\"key\": value, …}.",
            )]
        })?;
        let mut problems = Vec::new();
        let mut secrets = Secrets::new();
        for setting in &description.settings {
            if setting.kind != SettingKind::Secret {
                continue;
            }
            match values.remove(&setting.key) {
                None | Some(Value::Null) => {}
                Some(Value::String(secret)) if !secret.trim().is_empty() => {
                    secrets.insert(setting.key.clone(), SecretString::from(secret));
                }
                Some(_) => problems.push(problem(
                    &setting.key,
                    format!("{} is not a text with something in it", setting.label),
                    "Give the secret as a JSON string, or leave it out and use --secret.",
                )),
            }
        }
        for (key, secret) in given {
            let declared = description
                .settings
                .iter()
                .any(|s| s.key == key && s.kind == SettingKind::Secret);
            if declared {
                secrets.insert(key, secret);
            } else {
                let names = secret_names(description);
                problems.push(problem(
                    &key,
                    format!("{} has no secret setting {key:?}", description.name),
                    &format!("Its secret settings are: {names}."),
                ));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            plugin: PluginSettings {
                values: Value::Object(values).to_string(),
                secrets: secrets.keys().cloned().collect(),
            },
            secrets,
        })
    }
}

fn secret_names(description: &Description) -> String {
    let names: Vec<&str> = description
        .settings
        .iter()
        .filter(|s| s.kind == SettingKind::Secret)
        .map(|s| s.key.as_str())
        .collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

fn problem(path: &str, message: String, remedy: &str) -> Problem {
    Problem {
        path: path.into(),
        message,
        remedy: remedy.into(),
    }
}

/// Where a secret is to be read from: `KEY=env:VARIABLE` or `KEY=file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    key: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Environment(String),
    File(String),
}

impl std::str::FromStr for SecretSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write KEY=env:VARIABLE or KEY=file:PATH; a secret itself never belongs on a command line";
        let (key, place) = text.split_once('=').ok_or(form)?;
        let place = match place.split_once(':') {
            Some(("env", variable)) if !variable.is_empty() => Place::Environment(variable.into()),
            Some(("file", path)) if !path.is_empty() => Place::File(path.into()),
            // What was given is not repeated: it may be the secret.
            _ => return Err(form.into()),
        };
        if key.is_empty() {
            return Err(form.into());
        }
        Ok(Self {
            key: key.into(),
            place,
        })
    }
}

impl SecretSource {
    /// Reads the secret; one line break at its end is dropped. A file that is no text, such as a PFX file, is taken
    /// in base64.
    ///
    /// # Errors
    /// A problem that names the setting and the place.
    pub fn read(&self) -> Result<(String, SecretString), Problem> {
        let (text, place) = match &self.place {
            Place::Environment(variable) => (
                std::env::var(variable).map_err(|error| error.to_string()),
                format!("the environment variable {variable}"),
            ),
            Place::File(path) => (
                std::fs::read(Path::new(path))
                    .map(|bytes| match String::from_utf8(bytes) {
                        Ok(text) => text,
                        Err(no_text) => STANDARD.encode(no_text.as_bytes()),
                    })
                    .map_err(|error| error.to_string()),
                format!("the file {path}"),
            ),
        };
        let refuse = |reason: &str| Problem {
            path: self.key.clone(),
            message: format!("{} can't be read from {place}: {reason}", self.key),
            remedy: "Put the secret there, or name another place with --secret.".into(),
        };
        let text = text.map_err(|reason| refuse(&reason))?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok((self.key.clone(), SecretString::from(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_given_on_the_command_line_is_refused_without_being_repeated() {
        let error = "clientSecret=hunter2".parse::<SecretSource>().unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("env:"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_text_is_a_secret_in_base64() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.pfx");
        std::fs::write(&file, [0x30, 0x82, 0xff, 0x0a]).unwrap();
        let source: SecretSource = format!("certificate=file:{}", file.display())
            .parse()
            .unwrap();
        let (key, secret) = source.read().unwrap();
        assert_eq!(key, "certificate");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&secret), "MIL/Cg==");
    }

    #[test]
    fn a_secret_source_names_its_key_and_its_place() {
        let source: SecretSource = "clientSecret=file:/run/secret".parse().unwrap();
        assert_eq!(source.key, "clientSecret");
        assert_eq!(source.place, Place::File("/run/secret".into()));
    }
}
