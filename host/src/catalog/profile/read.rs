//! Reading profiles.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::Profile;
use crate::catalog::connector::find as find_connector;
use crate::catalog::connector::stamp;
use crate::catalog::input::folded;
use crate::catalog::map::{MapId, MapName, brought};
use crate::catalog::{Catalog, CatalogError, uuid};
use crate::database::DatabaseError;
use crate::plugin::registry::Wanted;
use crate::schedule::Schedule;

/// Of a profile.
pub(in crate::catalog) const COLUMNS: &str = "profile.id, profile.connector, profile.revision, profile.name, \
     profile.description, profile.map, profile.active, profile.baseline, profile.schedule, profile.guard, \
     profile.created_at, profile.created_by, profile.changed_at, profile.changed_by";

impl Profile {
    /// Its place in the list, which is by name.
    #[must_use]
    pub fn position(&self) -> String {
        folded(&self.name)
    }
}

impl Catalog {
    /// A profile of a connector.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for either.
    pub async fn profile(&self, connector: Uuid, id: Uuid) -> Result<Profile, CatalogError> {
        let (mut profile, wanted, own) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let wanted = find_connector(connection, connector).await?.wanted();
                let profile = find(connection, connector, id).await?;
                Ok((profile, wanted, own_maps(connection, connector).await?))
            })
            .await?;
        let names = self.map_names(&wanted, own).await;
        profile.map.name = names.get(&profile.map.id).cloned();
        Ok(profile)
    }

    /// Profiles of a connector by name, behind a [`Profile::position`], at most `limit`; and how many there
    /// are.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the connector.
    pub async fn profiles(
        &self,
        connector: Uuid,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Profile>, u64), CatalogError> {
        let (mut profiles, total, wanted, own) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let wanted = find_connector(connection, connector).await?.wanted();
                let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT {COLUMNS} FROM profile WHERE connector = $1 \
                     AND ($2 IS NULL OR folded > $2) ORDER BY folded LIMIT $3"
                )))
                .bind(connector.to_string())
                .bind(after)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
                let profiles = rows.iter().map(profile).collect::<Result<Vec<_>, _>>()?;
                let total = count(connection, connector).await?;
                Ok((
                    profiles,
                    total,
                    wanted,
                    own_maps(connection, connector).await?,
                ))
            })
            .await?;
        let names = self.map_names(&wanted, own).await;
        for profile in &mut profiles {
            profile.map.name = names.get(&profile.map.id).cloned();
        }
        Ok((profiles, total))
    }

    /// Names of maps by identifier: those that a plugin brings, where it can be had, and own ones.
    pub(super) async fn map_names(
        &self,
        wanted: &Wanted,
        mut own: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        // What is missing is shown as such.
        if let Ok(description) = self.types.description(wanted).await {
            let names = brought(&description).map(|(id, map)| (id.to_string(), map.name.clone()));
            own.extend(names);
        }
        own
    }
}

pub(super) async fn find(
    connection: &mut SqliteConnection,
    connector: Uuid,
    id: Uuid,
) -> Result<Profile, CatalogError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM profile WHERE connector = $1 AND id = $2"
    )))
    .bind(connector.to_string())
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(CatalogError::NotFound("profile"))?;
    Ok(profile(&row)?)
}

pub(super) async fn count(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM profile WHERE connector = $1")
        .bind(connector.to_string())
        .fetch_one(connection)
        .await?;
    Ok(count.unsigned_abs())
}

/// Names of the own maps that a connector's profiles use.
async fn own_maps(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<BTreeMap<String, String>, DatabaseError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, name FROM transform_map \
         WHERE id IN (SELECT map FROM profile WHERE connector = $1)",
    )
    .bind(connector.to_string())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Names of a connector's profiles that use a map of another plugin than this one.
pub(in crate::catalog) async fn maps_of_other_plugins(
    connection: &mut SqliteConnection,
    connector: Uuid,
    plugin: &str,
) -> Result<Vec<String>, CatalogError> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT profile.name, profile.map, transform_map.plugin FROM profile \
         LEFT JOIN transform_map ON transform_map.id = profile.map \
         WHERE connector = $1 ORDER BY profile.folded",
    )
    .bind(connector.to_string())
    .fetch_all(connection)
    .await?;
    let others = rows.into_iter().filter_map(|(name, map, own)| {
        let of = match MapId::read(&map) {
            Some(MapId::Default { plugin, .. }) => Some(plugin),
            _ => own,
        };
        (of.as_deref() != Some(plugin)).then_some(name)
    });
    Ok(others.collect())
}

/// A profile out of its [`COLUMNS`], without the name of its map.
pub(in crate::catalog) fn profile(row: &SqliteRow) -> Result<Profile, DatabaseError> {
    let schedule: Schedule = serde_json::from_str(row.try_get("schedule")?)?;
    Ok(Profile {
        id: uuid(row.try_get("id")?)?,
        connector: uuid(row.try_get("connector")?)?,
        revision: row.try_get("revision")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        map: MapName {
            id: row.try_get("map")?,
            name: None,
        },
        active: row.try_get("active")?,
        baseline: serde_json::from_str(row.try_get("baseline")?)?,
        schedule_text: schedule.describe(),
        schedule,
        guard: serde_json::from_str(row.try_get("guard")?)?,
        created: stamp(row, "created_at", "created_by")?,
        changed: stamp(row, "changed_at", "changed_by")?,
    })
}
