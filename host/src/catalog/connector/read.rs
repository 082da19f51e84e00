//! Reading connectors.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::{Connector, DataModelName, Pin, Stamp, warning};
use crate::catalog::input::folded;
use crate::catalog::{Catalog, CatalogError, uuid};
use crate::database::{DatabaseError, instant};
use crate::work::state::State;

/// Which connectors are listed: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct ConnectorFilter {
    /// This is somewhere in the name, without regard to case.
    pub name: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// Of this plugin.
    pub plugin: Option<String>,
}

/// Of a connector with its standing.
const COLUMNS: &str = "id, revision, name, description, plugin, version, model_name, model_type, settings, \
     paused, created_at, created_by, changed_at, changed_by, state, since \
     FROM connector JOIN standing ON standing.connector = connector.id";

impl Connector {
    /// Its place in the list, which is by name.
    #[must_use]
    pub fn position(&self) -> String {
        folded(&self.name)
    }
}

impl Catalog {
    /// A connector.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn connector(&self, id: Uuid) -> Result<Connector, CatalogError> {
        let (mut connector, maps) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let mut connector = find(connection, id).await?;
                connector.secrets = self.vault.notes(connection, id).await?;
                let mut maps = active_maps(connection, Some(id)).await?;
                Ok((connector, maps.remove(&id).unwrap_or_default()))
            })
            .await?;
        let types = self.types.installed().await?;
        connector.warnings = warning::of(&connector, &types, &maps, self.clock.now());
        Ok(connector)
    }

    /// Identifiers and names of all connectors, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn connector_names(&self) -> Result<Vec<(Uuid, String)>, CatalogError> {
        self.database
            .read(async |connection| {
                sqlx::query("SELECT id, name FROM connector ORDER BY folded")
                    .fetch_all(connection)
                    .await?
                    .iter()
                    .map(|row| Ok((uuid(row.try_get(0)?)?, row.try_get(1)?)))
                    .collect()
            })
            .await
    }

    /// Connectors by name, behind a [`Connector::position`], at most `limit`; and how many there are.
    ///
    /// # Errors
    /// Where the database or the registry fails.
    pub async fn connectors(
        &self,
        filter: &ConnectorFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Connector>, u64), CatalogError> {
        let (mut connectors, maps, total) = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let mut connectors = list(connection, filter, after, limit).await?;
                for connector in &mut connectors {
                    connector.secrets = self.vault.notes(connection, connector.id).await?;
                }
                let maps = active_maps(connection, None).await?;
                let total = count(connection, filter).await?;
                Ok((connectors, maps, total))
            })
            .await?;
        let types = self.types.installed().await?;
        let (now, none) = (self.clock.now(), BTreeSet::new());
        for connector in &mut connectors {
            let maps = maps.get(&connector.id).unwrap_or(&none);
            connector.warnings = warning::of(connector, &types, maps, now);
        }
        Ok((connectors, total))
    }
}

/// How many connectors use a plugin in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginUse {
    /// Name of the plugin.
    pub plugin: String,
    /// The version that they use.
    pub version: Pin,
    /// How many they are.
    pub connectors: u64,
}

impl Catalog {
    /// How many connectors use which plugins.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn plugin_uses(&self) -> Result<Vec<PluginUse>, CatalogError> {
        self.database
            .read::<_, CatalogError>(async |connection| {
                let rows = sqlx::query(
                    "SELECT plugin, version, count(*) AS connectors FROM connector \
                     GROUP BY plugin, version ORDER BY plugin, version",
                )
                .fetch_all(connection)
                .await?;
                let uses: Result<_, DatabaseError> = rows.iter().map(plugin_use).collect();
                Ok(uses?)
            })
            .await
    }
}

fn plugin_use(row: &SqliteRow) -> Result<PluginUse, DatabaseError> {
    let connectors: i64 = row.try_get("connectors")?;
    Ok(PluginUse {
        plugin: row.try_get("plugin")?,
        version: pin(row)?,
        connectors: connectors.unsigned_abs(),
    })
}

fn pin(row: &SqliteRow) -> Result<Pin, DatabaseError> {
    let version: Option<&str> = row.try_get("version")?;
    let version = version
        .map(|text| {
            semver::Version::parse(text)
                .map_err(|error| DatabaseError::Corrupt(format!("the version {text:?}: {error}")))
        })
        .transpose()?;
    Ok(Pin(version))
}

/// A connector without its secrets and warnings.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    id: Uuid,
) -> Result<Connector, CatalogError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} WHERE id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?
    .ok_or(CatalogError::NotFound("connector"))?;
    Ok(connector(&row)?)
}

/// Conditions of a filter, as parameters 1 to 3.
const FILTER: &str = "($1 IS NULL OR instr(folded, $1) > 0) AND ($2 IS NULL OR state = $2) \
     AND ($3 IS NULL OR plugin = $3)";

async fn list(
    connection: &mut SqliteConnection,
    filter: &ConnectorFilter,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Connector>, DatabaseError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} WHERE {FILTER} AND ($4 IS NULL OR folded > $4) ORDER BY folded LIMIT $5"
    )))
    .bind(filter.name.as_deref().map(folded))
    .bind(filter.state.map(State::word))
    .bind(&filter.plugin)
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?
    .iter()
    .map(connector)
    .collect()
}

async fn count(
    connection: &mut SqliteConnection,
    filter: &ConnectorFilter,
) -> Result<u64, DatabaseError> {
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT count(*) FROM connector JOIN standing ON standing.connector = connector.id WHERE {FILTER}"
    )))
    .bind(filter.name.as_deref().map(folded))
    .bind(filter.state.map(State::word))
    .bind(&filter.plugin)
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// Maps of active profiles, of one connector or of all.
async fn active_maps(
    connection: &mut SqliteConnection,
    connector: Option<Uuid>,
) -> Result<BTreeMap<Uuid, BTreeSet<String>>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT connector, map FROM profile WHERE active AND ($1 IS NULL OR connector = $1)",
    )
    .bind(connector.map(|id| id.to_string()))
    .fetch_all(connection)
    .await?;
    let mut maps: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        maps.entry(uuid(row.try_get("connector")?)?)
            .or_default()
            .insert(row.try_get("map")?);
    }
    Ok(maps)
}

fn connector(row: &SqliteRow) -> Result<Connector, DatabaseError> {
    let state = State::of(row.try_get("state")?)?;
    Ok(Connector {
        id: uuid(row.try_get("id")?)?,
        revision: row.try_get("revision")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        plugin: row.try_get("plugin")?,
        version: pin(row)?,
        data_model: DataModelName {
            name: row.try_get("model_name")?,
            kind: row.try_get("model_type")?,
        },
        settings: serde_json::from_str(row.try_get("settings")?)?,
        secrets: Vec::new(),
        state,
        since: instant(row.try_get("since")?)?,
        disabled: state == State::Disabled,
        paused: row.try_get("paused")?,
        created: stamp(row, "created_at", "created_by")?,
        changed: stamp(row, "changed_at", "changed_by")?,
        warnings: Vec::new(),
    })
}

/// Two columns that tell when and by whom.
pub(crate) fn stamp(row: &SqliteRow, at: &str, by: &str) -> Result<Stamp, DatabaseError> {
    Ok(Stamp {
        at: instant(row.try_get(at)?)?,
        by: row.try_get(by)?,
    })
}
