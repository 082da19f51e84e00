//! How transform maps are named in paths and profiles.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::contract::{Description, TransformMap};

/// Identifier of a transform map: `default.PLUGIN.NAME` for one that a plugin brings, a UUID for an own one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapId {
    /// Brought by a plugin.
    Default {
        /// Name of the plugin.
        plugin: String,
        /// Name of the map in lower case, of letters, digits and `-` only.
        slug: String,
    },
    /// An administrator's.
    Own(Uuid),
}

/// Marks the identifiers of maps that plugins bring.
const PREFIX: &str = "default.";

impl MapId {
    /// The map of this identifier; none where it can't be one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return Uuid::try_parse(text).ok().map(Self::Own);
        };
        let (plugin, slug) = rest.split_once('.')?;
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        (is_word(plugin) && is_word(slug)).then(|| Self::Default {
            plugin: plugin.to_owned(),
            slug: slug.to_owned(),
        })
    }
}

impl std::fmt::Display for MapId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default { plugin, slug } => write!(f, "{PREFIX}{plugin}.{slug}"),
            Self::Own(id) => id.fmt(f),
        }
    }
}

/// The maps that a plugin brings, with their identifiers; the first is the default.
pub(in crate::catalog) fn brought(
    description: &Description,
) -> impl Iterator<Item = (MapId, &TransformMap)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    description.maps.iter().map(move |map| {
        let mut slug = slug(&map.name);
        let count = seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count > 1 {
            slug = format!("{slug}-{count}");
        }
        let id = MapId::Default {
            plugin: description.name.clone(),
            slug,
        };
        (id, map)
    })
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    match slug {
        "" => "map".to_owned(),
        slug => slug.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_as_it_is_written() {
        for text in [
            "default.entra-directory-sync.platform-defaults",
            "0190d5a0-0000-7000-8000-000000000000",
        ] {
            assert_eq!(MapId::read(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "default",
            "default.a",
            "default.a.B",
            "default.a.b.c",
            "x",
        ] {
            assert_eq!(MapId::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_becomes_a_word_for_paths() {
        assert_eq!(slug("Platform defaults"), "platform-defaults");
        assert_eq!(slug(" ¡Olé! (2) "), "ol-2");
        assert_eq!(slug("名前"), "map");
    }
}
