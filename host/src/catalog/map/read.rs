//! Reading transform maps.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::rules::active;
use super::{MapDetail, MapId, MapRecord, MapUse, brought};
use crate::catalog::connector::stamp;
use crate::catalog::input::folded;
use crate::catalog::{Catalog, CatalogError, uuid};
use crate::contract::{Description, Rule, TransformMap};
use crate::database::DatabaseError;
use crate::plugin::registry::Wanted;

/// There is no such map.
pub(super) const MISSING: CatalogError = CatalogError::NotFound("transform map");

/// Which maps are listed: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct MapFilter {
    /// This is somewhere in the name, without regard to case.
    pub name: Option<String>,
    /// Of this plugin.
    pub plugin: Option<String>,
}

/// Of a map.
const COLUMNS: &str = "id, revision, name, plugin, source_model, target_model, version, created_at, \
     created_by, changed_at, changed_by";

impl MapRecord {
    /// Its place in the list: those that plugins bring come first, then own ones, each by name.
    #[must_use]
    pub fn position(&self) -> (bool, String, String) {
        (!self.read_only, folded(&self.name), self.id.clone())
    }

    fn used(&mut self, by: Vec<MapUse>) {
        self.uses = u64::try_from(by.len()).unwrap_or(u64::MAX);
        self.used_by = by;
    }
}

impl Catalog {
    /// Maps behind a [`MapRecord::position`], at most `limit`; and how many there are.
    ///
    /// # Errors
    /// Where the database or the registry fails.
    pub async fn maps(
        &self,
        filter: &MapFilter,
        after: Option<&(bool, String, String)>,
        limit: u32,
    ) -> Result<(Vec<MapRecord>, u64), CatalogError> {
        let mut maps = Vec::new();
        for plugin in self.types.installed().await? {
            if let Some(description) = &plugin.description {
                maps.extend(
                    brought(description).map(|(id, map)| default_record(description, &id, map)),
                );
            }
        }
        let own = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT {COLUMNS} FROM transform_map"
                )))
                .fetch_all(connection)
                .await?;
                Ok(rows.iter().map(own_record).collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        maps.extend(own);
        let name = filter.name.as_deref().map(folded);
        maps.retain(|map| {
            name.as_ref()
                .is_none_or(|name| folded(&map.name).contains(name))
                && filter
                    .plugin
                    .as_ref()
                    .is_none_or(|plugin| map.plugin == *plugin)
        });
        let total = u64::try_from(maps.len()).unwrap_or(u64::MAX);
        maps.sort_by_cached_key(MapRecord::position);
        if let Some(after) = after {
            maps.retain(|map| map.position() > *after);
        }
        maps.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        self.database
            .read::<_, CatalogError>(async |connection| {
                for map in &mut maps {
                    map.used(uses(connection, &map.id).await?);
                }
                Ok(())
            })
            .await?;
        Ok((maps, total))
    }

    /// A map with its rules.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn map(&self, id: &MapId) -> Result<MapDetail, CatalogError> {
        let text = id.to_string();
        let (mut map, rules) = match id {
            MapId::Default { plugin, .. } => self.default_map_of(plugin, id).await?,
            MapId::Own(_) => {
                self.database
                    .read(async |connection| {
                        let map = find(connection, id).await?;
                        let (_, newest) = newest(connection, id).await?.ok_or(MISSING)?;
                        Ok::<_, CatalogError>((map, newest.rules))
                    })
                    .await?
            }
        };
        let used_by = self
            .database
            .read::<_, CatalogError>(async |connection| uses(connection, &text).await)
            .await?;
        map.used(used_by);
        Ok(MapDetail { map, rules })
    }

    async fn default_map_of(
        &self,
        plugin: &str,
        id: &MapId,
    ) -> Result<(MapRecord, Vec<Rule>), CatalogError> {
        let types = self.types.installed().await?;
        let of_plugin = types.iter().find(|installed| installed.name == plugin);
        let description = of_plugin.and_then(|installed| installed.description.as_deref());
        let description = description.ok_or(MISSING)?;
        let (_, map) = brought(description)
            .find(|(own, _)| own == id)
            .ok_or(MISSING)?;
        Ok((default_record(description, id, map), map.rules.clone()))
    }

    /// The newest version of a map, for a plugin.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] also where the map is one of another plugin.
    pub(in crate::catalog) async fn map_for(
        &self,
        id: &MapId,
        wanted: &Wanted,
    ) -> Result<TransformMap, CatalogError> {
        match id {
            MapId::Default { plugin, .. } if *plugin != wanted.name => Err(MISSING),
            MapId::Default { .. } => {
                let description = self.types.description(wanted).await?;
                let found = brought(&description).find(|(own, _)| own == id);
                found.map(|(_, map)| map.clone()).ok_or(MISSING)
            }
            MapId::Own(_) => {
                let (plugin, map) = self
                    .database
                    .read(async |connection| newest(connection, id).await)
                    .await?
                    .ok_or(MISSING)?;
                (plugin == wanted.name).then_some(map).ok_or(MISSING)
            }
        }
    }

    /// The newest version of a map, and the active version of its plugin.
    pub(super) async fn map_and_plugin(
        &self,
        id: &MapId,
    ) -> Result<(Wanted, TransformMap), CatalogError> {
        let MapDetail { map, rules, .. } = self.map(id).await?;
        let wanted = active(&map.plugin);
        let map = TransformMap {
            name: map.name,
            source_model: map.source_model,
            target_model: map.target_model,
            rules,
        };
        Ok((wanted, map))
    }
}

/// A map's record, without its rules.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    id: &MapId,
) -> Result<MapRecord, CatalogError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM transform_map WHERE id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(MISSING)?;
    Ok(own_record(&row)?)
}

/// Profiles that use a map, by name.
pub(super) async fn uses(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Vec<MapUse>, CatalogError> {
    let rows = sqlx::query(
        "SELECT profile.id, profile.name, connector.id AS connector, connector.name AS connector_name \
         FROM profile JOIN connector ON connector.id = profile.connector WHERE map = $1 \
         ORDER BY connector.folded, profile.folded",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    let uses = rows.iter().map(|row| {
        Ok(MapUse {
            profile: uuid(row.try_get("id")?)?,
            profile_name: row.try_get("name")?,
            connector: uuid(row.try_get("connector")?)?,
            connector_name: row.try_get("connector_name")?,
        })
    });
    Ok(uses.collect::<Result<_, DatabaseError>>()?)
}

/// The plugin and the newest version of an own map.
async fn newest(
    connection: &mut SqliteConnection,
    id: &MapId,
) -> Result<Option<(String, TransformMap)>, CatalogError> {
    let row = sqlx::query(
        "SELECT name, plugin, source_model, target_model, rules FROM transform_map \
         JOIN transform_map_version AS newest ON newest.map = id AND newest.version = transform_map.version \
         WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let map = TransformMap {
        name: row.try_get("name")?,
        source_model: row.try_get("source_model")?,
        target_model: row.try_get("target_model")?,
        rules: serde_json::from_str(row.try_get("rules")?)?,
    };
    Ok(Some((row.try_get("plugin")?, map)))
}

fn default_record(description: &Description, id: &MapId, map: &TransformMap) -> MapRecord {
    MapRecord {
        id: id.to_string(),
        name: map.name.clone(),
        plugin: description.name.clone(),
        source_model: map.source_model.clone(),
        target_model: map.target_model.clone(),
        read_only: true,
        revision: 0,
        version: 0,
        uses: 0,
        used_by: Vec::new(),
        created: None,
        changed: None,
    }
}

fn own_record(row: &SqliteRow) -> Result<MapRecord, DatabaseError> {
    Ok(MapRecord {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        plugin: row.try_get("plugin")?,
        source_model: row.try_get("source_model")?,
        target_model: row.try_get("target_model")?,
        read_only: false,
        revision: row.try_get("revision")?,
        version: row.try_get("version")?,
        uses: 0,
        used_by: Vec::new(),
        created: Some(stamp(row, "created_at", "created_by")?),
        changed: Some(stamp(row, "changed_at", "changed_by")?),
    })
}
