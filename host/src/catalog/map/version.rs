//! Versions of own maps, which never change.

use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::diff::{MapDiff, diff};
use super::read::find;
use super::{MapId, Stamp};
use crate::catalog::connector::stamp;
use crate::catalog::{Catalog, CatalogError};
use crate::contract::Rule;
use crate::database::DatabaseError;

/// There is no such version.
const MISSING: CatalogError = CatalogError::NotFound("version of the transform map");

/// A version of a map, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapVersion {
    /// Its number, counted from 1.
    pub version: i64,
    /// What its author said about it.
    pub comment: String,
    /// How many rules it has.
    pub rule_count: u64,
    /// Its making.
    pub created: Stamp,
}

/// A version of a map with its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MapVersionDetail {
    /// The version.
    #[serde(flatten)]
    pub version: MapVersion,
    /// Its rules.
    pub rules: Vec<Rule>,
}

impl Catalog {
    /// Versions of an own map, newest first, before one, at most `limit`. A map that a plugin brings has none.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn map_versions(
        &self,
        id: &MapId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MapVersion>, CatalogError> {
        if let MapId::Default { .. } = id {
            self.map(id).await?;
            return Ok(Vec::new());
        }
        self.database
            .read(async |connection| {
                find(connection, id).await?;
                let rows = sqlx::query(
                    "SELECT version, comment, json_array_length(rules) AS rule_count, at, by \
                     FROM transform_map_version WHERE map = $1 AND ($2 IS NULL OR version < $2) \
                     ORDER BY version DESC LIMIT $3",
                )
                .bind(id.to_string())
                .bind(before)
                .bind(limit)
                .fetch_all(connection)
                .await?;
                Ok(rows.iter().map(version).collect::<Result<_, _>>()?)
            })
            .await
    }

    /// A version of an own map.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the map or the version.
    pub async fn map_version(
        &self,
        id: &MapId,
        number: i64,
    ) -> Result<MapVersionDetail, CatalogError> {
        if let MapId::Default { .. } = id {
            return Err(MISSING);
        }
        self.database
            .read(async |connection| {
                find(connection, id).await?;
                let row = sqlx::query(
                    "SELECT version, comment, json_array_length(rules) AS rule_count, at, by, rules \
                     FROM transform_map_version WHERE map = $1 AND version = $2",
                )
                .bind(id.to_string())
                .bind(number)
                .fetch_optional(connection)
                .await?
                .ok_or(MISSING)?;
                Ok(MapVersionDetail {
                    version: version(&row)?,
                    rules: serde_json::from_str(row.try_get("rules")?)?,
                })
            })
            .await
    }

    /// What changed from one version of an own map to another.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the map or one of the versions.
    pub async fn map_diff(&self, id: &MapId, from: i64, to: i64) -> Result<MapDiff, CatalogError> {
        let before = self.map_version(id, from).await?;
        let after = self.map_version(id, to).await?;
        Ok(MapDiff {
            from,
            to,
            ..diff(&before.rules, &after.rules)
        })
    }
}

fn version(row: &SqliteRow) -> Result<MapVersion, DatabaseError> {
    let rule_count: i64 = row.try_get("rule_count")?;
    Ok(MapVersion {
        version: row.try_get("version")?,
        comment: row.try_get("comment")?,
        rule_count: rule_count.unsigned_abs(),
        created: stamp(row, "at", "by")?,
    })
}
