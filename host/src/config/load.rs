//! Layers: defaults, under the file, under the environment, under the command line.
//!
//! Each value is tried by itself before all are put together, so that every mistake is told at once, with its
//! line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::mistake::{ConfigError, Given, Mistake};
use super::section::variable;
use super::{Config, SECTIONS, fields};

/// The variable that wins over `log.filter`, for every command.
const LOG: &str = "CONNECTOR_LOG";

/// Where a configuration comes from.
///
/// ```
/// use connector_host::config::Sources;
///
/// let loaded = Sources::default()
///     .text("[server]\nlisten = '127.0.0.1:9000'")
///     .environment([("CONNECTOR_SERVER_LISTEN".into(), "127.0.0.1:9001".into())])
///     .load()?;
/// assert_eq!(loaded.config.server.listen.port(), 9001);
/// # Ok::<(), connector_host::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Sources {
    file: Option<(PathBuf, String)>,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String, String)>,
}

/// A configuration, and where each of its values comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// Where it was given, by path; what isn't named is a default.
    pub(super) given: BTreeMap<String, Given>,
}

impl Sources {
    /// With this file.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn file(mut self, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        self.file = Some((path.to_owned(), text));
        Ok(self)
    }

    /// With this text in place of a file.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.file = Some(("configuration".into(), text.to_owned()));
        self
    }

    /// With these variables; those of other programs are left alone.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// With the variables of this process.
    #[must_use]
    pub fn process_environment(self) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: Vec<_> = std::env::vars_os().filter_map(text).collect();
        self.environment(variables)
    }

    /// With a value from the command line.
    #[must_use]
    pub fn flag(mut self, flag: &str, path: &str, value: impl Into<String>) -> Self {
        self.flags.push((flag.into(), path.into(), value.into()));
        self
    }

    /// The configuration in force.
    ///
    /// # Errors
    /// [`ConfigError::Mistakes`], all of them.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let mut layers = Layers::default();
        if let Some((path, text)) = &self.file {
            layers.add_file(path, text);
        }
        layers.add_environment(&self.environment);
        for (flag, path, value) in &self.flags {
            let given = Given::Flag { flag: flag.clone() };
            layers.add_text(given, path, value);
        }
        layers.end()
    }
}

impl From<Config> for Loaded {
    /// A configuration of which nobody knows where it was given.
    fn from(config: Config) -> Self {
        Self {
            config,
            given: BTreeMap::new(),
        }
    }
}

impl Loaded {
    /// A mistake about a field that is only one together with others.
    #[must_use]
    pub fn mistake(&self, path: &str, message: &str) -> Mistake {
        Mistake {
            given: self.given.get(path).cloned().unwrap_or_default(),
            path: path.into(),
            message: message.into(),
            remedy: String::new(),
        }
    }
}

/// What was given so far.
#[derive(Default)]
struct Layers {
    values: toml::Table,
    given: BTreeMap<String, Given>,
    mistakes: Vec<Mistake>,
}

impl Layers {
    fn add_file(&mut self, path: &Path, text: &str) {
        let given = |span: Option<Range<usize>>| Given::File {
            file: path.to_owned(),
            line: line_of(text, span.map_or(0, |span| span.start)),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            self.mistakes.push(Mistake {
                given: given(error.span()),
                path: String::new(),
                message: error.message().to_owned(),
                remedy: "Write it as `connector-host config example` does.".into(),
            });
        }
        if !errors.is_empty() {
            return;
        }
        let mut leaves = Vec::new();
        collect(table.get_ref(), &mut Vec::new(), &mut leaves);
        for leaf in leaves {
            self.add(given(Some(leaf.key)), leaf.path, leaf.value);
        }
    }

    fn add_environment(&mut self, variables: &[(String, String)]) {
        let mut known: BTreeMap<String, String> =
            fields().map(|(path, _)| (variable(&path), path)).collect();
        known.insert(LOG.into(), "log.filter".into());
        let mut variables: Vec<_> = variables.iter().collect();
        variables.sort();
        // The short name comes last, so that it wins.
        variables.sort_by_key(|(name, _)| name == LOG);
        for (name, value) in variables {
            let given = Given::Environment {
                variable: name.clone(),
            };
            match known.get(name) {
                _ if value.is_empty() => {}
                Some(path) => self.add_text(given, path, value),
                None if is_ours(name) => self.mistakes.push(Mistake {
                    given,
                    path: String::new(),
                    message: "there is no field of this name".into(),
                    remedy: "`connector-host config check` lists the variable of every field."
                        .into(),
                }),
                None => {}
            }
        }
    }

    /// A value as text: a number or the like if the field takes one, else the text itself, else a list.
    fn add_text(&mut self, given: Given, path: &str, text: &str) {
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        let literal = ValueDeserializer::parse(text)
            .ok()
            .and_then(|value| toml::Value::deserialize(value).ok());
        let list = text
            .split(',')
            .map(|item| toml::Value::from(item.trim()))
            .collect::<Vec<_>>();
        let plain = toml::Value::from(text);
        let candidates = literal.into_iter().chain([plain.clone(), list.into()]);
        let fitting = candidates
            .into_iter()
            .find(|value| fits(&keys, value).is_ok());
        self.add(given, keys, fitting.unwrap_or(plain));
    }

    /// Takes a value, if its field is there and takes it.
    fn add(&mut self, given: Given, keys: Vec<String>, value: toml::Value) {
        let path = keys.join(".");
        if let Err(message) = fits(&keys, &value) {
            let help = fields().find(|(known, _)| *known == path);
            self.mistakes.push(Mistake {
                given,
                path,
                message,
                remedy: help.map_or_else(String::new, |(_, field)| field.sentence()),
            });
            return;
        }
        put(&mut self.values, &keys, value);
        self.given.insert(path, given);
    }

    fn end(mut self) -> Result<Loaded, ConfigError> {
        let config: Config = match toml::Value::Table(self.values).try_into() {
            Ok(config) => config,
            Err(error) => {
                self.mistakes.push(Mistake {
                    given: Given::Default,
                    path: String::new(),
                    message: error.message().to_owned(),
                    remedy: String::new(),
                });
                Config::default()
            }
        };
        for (path, message, remedy) in config.contradictions() {
            self.mistakes.push(Mistake {
                given: self.given.get(&path).cloned().unwrap_or_default(),
                path,
                message,
                remedy: remedy.into(),
            });
        }
        if self.mistakes.is_empty() {
            Ok(Loaded {
                config,
                given: self.given,
            })
        } else {
            Err(ConfigError::Mistakes(self.mistakes))
        }
    }
}

/// A value in the file.
struct Leaf {
    path: Vec<String>,
    key: Range<usize>,
    value: toml::Value,
}

/// Everything in a table that is no table, and empty tables, so that their names are looked at too.
fn collect(table: &DeTable<'_>, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => collect(inner, path, leaves),
            _ => leaves.extend(plain(value).map(|value| Leaf {
                path: path.clone(),
                key: key.span(),
                value,
            })),
        }
        path.pop();
    }
}

fn plain(value: &Spanned<DeValue<'_>>) -> Option<toml::Value> {
    toml::Value::deserialize(ValueDeserializer::from(value.clone())).ok()
}

/// Whether a configuration with nothing but this value can be read.
fn fits(keys: &[String], value: &toml::Value) -> Result<(), String> {
    let mut alone = toml::Table::new();
    put(&mut alone, keys, value.clone());
    match toml::Value::Table(alone).try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().to_owned()),
    }
}

fn put(table: &mut toml::Table, keys: &[String], value: toml::Value) {
    match keys {
        [] => {}
        [key] => {
            // A table that was given empty must not take away what is in it already.
            if !(value.is_table() && table.contains_key(key)) {
                table.insert(key.clone(), value);
            }
        }
        [key, rest @ ..] => {
            let inner = table
                .entry(key.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Whether a variable can only be meant for this program's configuration.
fn is_ours(name: &str) -> bool {
    SECTIONS.iter().any(|section| {
        let prefix = format!("{}_", variable(section.path));
        name.starts_with(&prefix)
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
