//! The profiles of all connectors.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use utoipa::ToSchema;

use super::Profile;
use super::read::{COLUMNS, profile};
use crate::catalog::input::folded;
use crate::catalog::{Catalog, CatalogError};
use crate::database::DatabaseError;
use crate::plugin::registry::Wanted;

/// Which profiles are listed: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct ProfileFilter {
    /// This is somewhere in the name of the profile or of its connector, without regard to case.
    pub text: Option<String>,
    /// Only active ones, or only others.
    pub active: Option<bool>,
}

/// A profile in the list of all.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedProfile {
    /// The profile.
    #[serde(flatten)]
    pub profile: Profile,
    /// Name of its connector.
    pub connector_name: String,
    /// Whether its schedule is ignored because its connector is disabled or paused.
    pub suspended: bool,
    /// When it runs next by its schedule, delay included; absent where it doesn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next: Option<Timestamp>,
}

impl ListedProfile {
    /// Its place in the list, which is by name of the connector, then of the profile.
    #[must_use]
    pub fn position(&self) -> (String, String) {
        (folded(&self.connector_name), folded(&self.profile.name))
    }
}

impl Catalog {
    /// Profiles of all connectors behind a [`ListedProfile::position`], at most `limit`; and how many there
    /// are.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn all_profiles(
        &self,
        filter: &ProfileFilter,
        after: Option<&(String, String)>,
        limit: u32,
    ) -> Result<(Vec<ListedProfile>, u64), CatalogError> {
        const MATCHING: &str = "FROM profile JOIN connector ON connector.id = profile.connector \
             JOIN standing ON standing.connector = connector.id \
             WHERE ($1 IS NULL OR instr(profile.folded, $1) OR instr(connector.folded, $1)) \
             AND ($2 IS NULL OR active = $2)";
        let text = filter.text.as_deref().map(folded);
        let (rows, total, own) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT {COLUMNS}, connector.name AS connector_name, plugin, version, \
                     paused OR state = 'disabled' AS suspended {MATCHING} \
                     AND ($3 IS NULL OR (connector.folded, profile.folded) > ($3, $4)) \
                     ORDER BY connector.folded, profile.folded LIMIT $5"
                )))
                .bind(&text)
                .bind(filter.active)
                .bind(after.map(|(connector, _)| connector))
                .bind(after.map(|(_, profile)| profile))
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?;
                let total: i64 =
                    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) {MATCHING}")))
                        .bind(&text)
                        .bind(filter.active)
                        .fetch_one(&mut *connection)
                        .await?;
                let own: Vec<(String, String)> = sqlx::query_as(
                    "SELECT id, name FROM transform_map WHERE id IN (SELECT map FROM profile)",
                )
                .fetch_all(connection)
                .await?;
                Ok((rows, total.unsigned_abs(), own))
            })
            .await?;
        let own: BTreeMap<String, String> = own.into_iter().collect();
        let mut names: HashMap<(String, Option<String>), BTreeMap<String, String>> = HashMap::new();
        let mut listed = Vec::with_capacity(rows.len());
        for row in &rows {
            let (mut of_row, plugin, version) = self.listed(row)?;
            let key = (plugin, version);
            if !names.contains_key(&key) {
                let wanted = wanted(&key)?;
                let known = self.map_names(&wanted, own.clone()).await;
                names.insert(key.clone(), known);
            }
            let known = names.get(&key);
            of_row.profile.map.name =
                known.and_then(|known| known.get(&of_row.profile.map.id).cloned());
            listed.push(of_row);
        }
        Ok((listed, total))
    }

    /// A row with the plugin and its version, without the name of its map.
    fn listed(
        &self,
        row: &SqliteRow,
    ) -> Result<(ListedProfile, String, Option<String>), DatabaseError> {
        let profile = profile(row)?;
        let suspended: bool = row.try_get("suspended")?;
        let next = match profile.active && !suspended {
            true => {
                let seed = profile.id.to_string();
                profile.schedule.wake(self.clock.now(), &seed)
            }
            false => None,
        };
        let listed = ListedProfile {
            profile,
            connector_name: row.try_get("connector_name")?,
            suspended,
            next,
        };
        Ok((listed, row.try_get("plugin")?, row.try_get("version")?))
    }
}

fn wanted((name, version): &(String, Option<String>)) -> Result<Wanted, DatabaseError> {
    let version = version.as_deref().map(str::parse).transpose();
    Ok(Wanted {
        name: name.clone(),
        version: version.map_err(|_| DatabaseError::Corrupt("a version of a plugin".into()))?,
    })
}
