//! What is wrong with a configuration, and where a value comes from.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

/// Where a value was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "from")]
pub enum Given {
    /// Nowhere.
    #[default]
    Default,
    /// In the file.
    File {
        /// The file.
        #[schema(value_type = String)]
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// In the environment.
    Environment {
        /// The variable.
        variable: String,
    },
    /// On the command line.
    Flag {
        /// The flag.
        flag: String,
    },
}

impl std::fmt::Display for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{} line {line}", file.display()),
            Self::Environment { variable } => f.write_str(variable),
            Self::Flag { flag } => f.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mistake {
    /// Where it was given.
    pub given: Given,
    /// The field, such as `server.listen`; empty where the file can't be understood at all.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.given != Given::Default {
            write!(f, "{}: ", self.given)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration {path} can't be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Everything that is wrong in it.
    #[error("the configuration can't be used:\n{}", lines(.0))]
    Mistakes(Vec<Mistake>),
}

impl ConfigError {
    /// Everything that is wrong, an unreadable file among it.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        match self {
            Self::Mistakes(mistakes) => mistakes.clone(),
            Self::Unreadable { .. } => vec![Mistake {
                given: Given::Default,
                path: String::new(),
                message: self.to_string(),
                remedy: "Name a file that this user can read.".into(),
            }],
        }
    }
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
