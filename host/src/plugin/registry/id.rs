//! How plugins are named.

use semver::Version;
use serde::Serialize;

/// A version of a plugin: `name@version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginId {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
}

/// A plugin that is wanted: `name` for the active version, `name@version` for that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its version, if it must be a certain one.
    pub version: Option<Version>,
}

impl std::fmt::Display for PluginId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Serialize for PluginId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl std::str::FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("write NAME or NAME@VERSION".into());
        }
        let version = version
            .map(|version| {
                Version::parse(version)
                    .map_err(|error| format!("{version:?} is no version: {error}"))
            })
            .transpose()?;
        Ok(Self {
            name: name.into(),
            version,
        })
    }
}

impl std::str::FromStr for PluginId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Wanted { name, version } = text.parse()?;
        let version = version.ok_or_else(|| format!("write {name}@VERSION"))?;
        Ok(Self { name, version })
    }
}

impl From<PluginId> for Wanted {
    fn from(id: PluginId) -> Self {
        Self {
            name: id.name,
            version: Some(id.version),
        }
    }
}
