//! Group links of several connectors at once, for lists of groups.

use std::collections::HashMap;

use sqlx::Row;
use uuid::Uuid;

use super::{Catalog, CatalogError, uuid};

/// A group of the source: its connector and its identifier there.
pub type SourceGroup = (Uuid, String);

impl Catalog {
    /// The groups that feed a group of the platform, or any; of one connector or of all.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn linked(
        &self,
        connector: Option<Uuid>,
        platform_group: Option<Uuid>,
    ) -> Result<Vec<SourceGroup>, CatalogError> {
        self.database
            .read(async |connection| {
                sqlx::query(
                    "SELECT DISTINCT connector, source_group FROM group_link \
                     WHERE ($1 IS NULL OR connector = $1) AND ($2 IS NULL OR platform_group = $2)",
                )
                .bind(connector.map(|id| id.to_string()))
                .bind(platform_group.map(|id| id.to_string()))
                .fetch_all(connection)
                .await?
                .iter()
                .map(|row| Ok((uuid(row.try_get(0)?)?, row.try_get(1)?)))
                .collect()
            })
            .await
    }

    /// What these groups feed, sorted; those that feed nothing are missing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn fed_by(
        &self,
        groups: &[SourceGroup],
    ) -> Result<HashMap<SourceGroup, Vec<String>>, CatalogError> {
        if groups.is_empty() {
            return Ok(HashMap::new());
        }
        let given = serde_json::to_string(groups)?;
        self.database
            .read(async |connection| {
                let rows = sqlx::query(
                    "SELECT l.connector, l.source_group, l.platform_group FROM json_each($1) AS given \
                     CROSS JOIN group_link AS l ON l.connector = given.value ->> 0 \
                     AND l.source_group = given.value ->> 1 ORDER BY given.key, l.platform_group",
                )
                .bind(given)
                .fetch_all(connection)
                .await?;
                let mut fed: HashMap<SourceGroup, Vec<String>> = HashMap::new();
                for row in rows {
                    let group = (uuid(row.try_get(0)?)?, row.try_get(1)?);
                    fed.entry(group).or_default().push(row.try_get(2)?);
                }
                Ok(fed)
            })
            .await
    }
}
