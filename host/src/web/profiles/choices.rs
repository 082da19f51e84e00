//! What a profile is chosen from: transform maps and time zones.

use jiff::tz;

use crate::api::Plane;
use crate::api::problem::Problem;
use crate::catalog::MapFilter;

/// Maps that are offered; who has more names them by their identifier.
const MOST_MAPS: u32 = 200;

/// Names of time zones, for people to choose from.
pub(in crate::web) fn zones() -> Vec<String> {
    let names = tz::db().available().map(|name| name.to_string());
    let places = |name: &String| {
        name == "UTC"
            || (name.contains('/')
                && !["Etc/", "posix/", "right/"]
                    .iter()
                    .any(|odd| name.starts_with(odd)))
    };
    names.filter(places).collect()
}

/// A transform map to choose.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::web) struct MapChoice {
    pub(in crate::web) id: String,
    pub(in crate::web) name: String,
    /// Whether the plugin brings it.
    pub(in crate::web) read_only: bool,
    pub(in crate::web) uses: u64,
}

/// Transform maps for a plugin, those that it brings first.
pub(in crate::web) async fn map_choices(
    plane: &Plane,
    plugin: &str,
) -> Result<Vec<MapChoice>, Problem> {
    let filter = MapFilter {
        name: None,
        plugin: Some(plugin.to_owned()),
    };
    let (maps, _) = plane.catalog.maps(&filter, None, MOST_MAPS).await?;
    let choices = maps.into_iter().map(|map| MapChoice {
        id: map.id,
        name: map.name,
        read_only: map.read_only,
        uses: map.uses,
    });
    Ok(choices.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_places() {
        let zones = zones();
        assert!(zones.iter().any(|zone| zone == "Europe/Berlin"));
        assert!(zones.iter().any(|zone| zone == "UTC"));
        assert!(!zones.iter().any(|zone| zone.starts_with("posix/")));
    }
}
