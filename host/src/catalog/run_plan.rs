//! What runs need to know of what was configured.

use sqlx::Row;
use uuid::Uuid;

use super::connector::find as find_connector;
use super::map::MapId;
use super::profile::{COLUMNS, profile};
use super::{Catalog, CatalogError, link, uuid};
use crate::contract::{Rule, TransformMap};
use crate::database::instant;
use crate::work::{Assignment, JobParts};

impl Catalog {
    /// Active profiles with a schedule, of connectors that are neither disabled nor paused.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn scheduled(&self) -> Result<Vec<Assignment>, CatalogError> {
        self.database
            .read(async |connection| {
                sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT {COLUMNS}, profile.scheduled_since, connector.name AS connector_name \
                     FROM profile JOIN connector ON connector.id = profile.connector \
                     JOIN standing ON standing.connector = connector.id \
                     WHERE active AND scheduled AND NOT paused AND state <> 'disabled' \
                     ORDER BY connector.folded, profile.folded"
                )))
                .fetch_all(connection)
                .await?
                .iter()
                .map(|row| {
                    let profile = profile(row)?;
                    Ok(Assignment {
                        connector: profile.connector,
                        connector_name: row.try_get("connector_name")?,
                        profile: profile.id,
                        profile_name: profile.name,
                        schedule: profile.schedule,
                        baseline: profile.baseline,
                        since: instant(row.try_get("scheduled_since")?)?,
                    })
                })
                .collect()
            })
            .await
    }

    /// What a run of a profile is made of now, also of one that is inactive. Whether its connector may run is
    /// for [`crate::work::state`] to say.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the profile or its map; [`CatalogError::Vault`] where a secret doesn't
    /// open; [`CatalogError::Plugin`] where the plugin that brings the map can't be had.
    pub async fn run_plan(&self, id: Uuid) -> Result<JobParts, CatalogError> {
        let (profile, connector, secrets, links) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let row = sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT {COLUMNS} FROM profile WHERE id = $1"
                )))
                .bind(id.to_string())
                .fetch_optional(&mut *connection)
                .await?
                .ok_or(CatalogError::NotFound("profile"))?;
                let profile = profile(&row)?;
                let connector = find_connector(connection, profile.connector).await?;
                let secrets = self.vault.reveal(connection, connector.id).await?;
                let links = link::all(connection, connector.id).await?;
                Ok((profile, connector, secrets, links))
            })
            .await?;
        let wanted = connector.wanted();
        let map = MapId::read(&profile.map.id).ok_or(CatalogError::NotFound("transform map"))?;
        let map = bare(&map, self.map_for(&map, &wanted).await?);
        Ok(JobParts {
            connector: connector.id,
            connector_name: connector.name,
            profile: profile.id,
            profile_name: profile.name,
            wanted,
            settings: serde_json::to_string(&connector.settings)?,
            secrets,
            map,
            links,
            guard: profile.guard,
        })
    }

    /// The connector of a profile.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn connector_of(&self, profile: Uuid) -> Result<Uuid, CatalogError> {
        let connector: Option<String> = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let connector = sqlx::query_scalar("SELECT connector FROM profile WHERE id = $1")
                    .bind(profile.to_string())
                    .fetch_optional(connection)
                    .await?;
                Ok(connector)
            })
            .await?;
        let connector = connector.ok_or(CatalogError::NotFound("profile"))?;
        Ok(uuid(&connector)?)
    }
}

/// A map without what is only for people.
fn bare(id: &MapId, map: TransformMap) -> TransformMap {
    let rules = map.rules.into_iter();
    TransformMap {
        name: id.to_string(),
        rules: rules.map(|rule| Rule { note: None, ..rule }).collect(),
        ..map
    }
}
