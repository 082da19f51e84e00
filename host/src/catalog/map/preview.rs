//! What a map makes of a record.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::compare::{Compared, compared};
use super::rules::{active, located};
use super::{MapId, MapName, RulesDraft, brought, sample};
use crate::catalog::connector::find as find_connector;
use crate::catalog::input::{Findings, is_shallow};
use crate::catalog::{Catalog, CatalogError};
use crate::contract::{Rule, TransformMap};
use crate::plugin::registry::Wanted;

/// Longest sample, in bytes of its JSON.
const SAMPLE_BYTES: usize = 64 << 10;

/// What is to be previewed: a saved map, or rules that are not saved.
#[derive(Debug, Clone)]
pub enum PreviewOf {
    /// The newest version of a map, or another, or it with other rules.
    Map {
        /// The map.
        id: MapId,
        /// Which version.
        version: Option<i64>,
        /// Other rules than its own.
        rules: Option<Vec<Rule>>,
    },
    /// Rules that are not saved.
    Draft(RulesDraft),
}

/// The record that a map is tried with.
#[derive(Debug, Clone)]
pub enum Record {
    /// An example of every field of the source model.
    MadeUp,
    /// This one.
    Given(Map<String, Value>),
    /// A document of a user that a connector's run has stored, read backwards.
    Stored {
        /// The connector.
        connector: Uuid,
        /// The full target document.
        document: Value,
    },
    /// A document of a group that a connector's run has stored, read backwards.
    StoredGroup {
        /// The connector.
        connector: Uuid,
        /// The group's own document: an element of the target's list of groups.
        document: Value,
    },
}

/// Where the record came from that a map was tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SampleOrigin {
    /// It has an example of every field of the source model.
    Generated,
    /// It was given.
    Given,
    /// It was rebuilt from a stored target document, by reading the rules of the map backwards that the
    /// connector's profile uses: what these rules leave out is missing, and what they changed stays changed.
    Rebuilt,
}

/// What a map makes of a record.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Preview {
    /// The source record.
    #[schema(value_type = Object)]
    pub sample: Value,
    /// Where it came from.
    pub origin: SampleOrigin,
    /// The document; absent where the map or the record has problems.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Value>,
    /// What rules that are saved make of the same record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// What rules that are saved make of the record that others are tried with: of a stored object those that the
/// connector's profile uses, else those of the newest version of the map.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Before {
    /// The map.
    pub map: MapName,
    /// Its document.
    #[schema(value_type = Object)]
    pub document: Value,
    /// Values in which the document under the other rules differs.
    pub differences: Vec<Compared>,
}

/// Rules that are saved.
struct Saved {
    map: MapName,
    rules: Vec<Rule>,
}

/// By what rules a connector's documents are made.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesInForce {
    /// The rules in order.
    pub rules: Vec<Rule>,
    /// Path of the list of groups in the target model's documents.
    pub groups_path: Option<String>,
    /// Identifier of the map that has them; absent where it is the plugin's default.
    pub map: Option<String>,
}

impl Catalog {
    /// What a map makes of a record.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] where the rules or the record can't be; [`CatalogError::NotFound`].
    pub async fn preview(&self, of: PreviewOf, record: Record) -> Result<Preview, CatalogError> {
        let (wanted, map, saved) = self.previewed(of).await?;
        let (sample, origin, saved) = match record {
            Record::MadeUp => {
                let description = self.types.description(&wanted).await?;
                let sample = sample::made_up(&description.source_model);
                (sample, SampleOrigin::Generated, saved)
            }
            Record::Given(members) => (Value::Object(members), SampleOrigin::Given, saved),
            Record::Stored {
                connector,
                document,
            } => {
                let saved = self.rules_in_force(connector, &wanted).await?;
                let sample = sample::rebuilt(&document, &saved.rules);
                (sample, SampleOrigin::Rebuilt, Some(saved))
            }
            Record::StoredGroup {
                connector,
                document,
            } => {
                let saved = self.rules_in_force(connector, &wanted).await?;
                let description = self.types.description(&wanted).await?;
                let document = match &description.target_model.groups_path {
                    Some(path) => json!({ path: [document] }),
                    None => document,
                };
                let sample = sample::rebuilt(&document, &saved.rules);
                (sample, SampleOrigin::Rebuilt, Some(saved))
            }
        };
        let text = sample.to_string();
        if text.len() > SAMPLE_BYTES || !is_shallow(&sample) {
            let mut findings = Findings::default();
            findings.add(
                "sample",
                format!("It is longer than {SAMPLE_BYTES} bytes, or nested too deep."),
                "Give a record of the source model.",
            );
            findings.end()?;
        }
        let document = self.types.preview(&wanted, &map, &text).await?;
        let document = document.map_err(|problems| {
            CatalogError::Invalid(problems.into_iter().map(located).collect())
        })?;
        let document = serde_json::from_str(&document)?;
        let before = match saved {
            Some(saved) => self.before(&wanted, &map, saved, &text, &document).await?,
            None => None,
        };
        Ok(Preview {
            sample,
            origin,
            document: Some(document),
            before,
        })
    }

    /// What saved rules make of a sample; nothing where the plugin no longer takes them.
    async fn before(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
        saved: Saved,
        sample: &str,
        after: &Value,
    ) -> Result<Option<Before>, CatalogError> {
        let map = TransformMap {
            rules: saved.rules,
            ..map.clone()
        };
        let Ok(document) = self.types.preview(wanted, &map, sample).await? else {
            return Ok(None);
        };
        let document = serde_json::from_str(&document)?;
        let mut differences = compared(&document, after);
        differences.retain(Compared::differs);
        Ok(Some(Before {
            map: saved.map,
            document,
            differences,
        }))
    }

    async fn previewed(
        &self,
        of: PreviewOf,
    ) -> Result<(Wanted, TransformMap, Option<Saved>), CatalogError> {
        let mut findings = Findings::default();
        let (wanted, map, saved) = match of {
            PreviewOf::Draft(draft) => {
                let wanted = active(&draft.plugin);
                let map = self.examine_rules(draft, &mut findings).await?;
                (wanted, map, None)
            }
            PreviewOf::Map { id, version, rules } => {
                let (wanted, mut map) = self.map_and_plugin(&id).await?;
                let saved = (version.is_some() || rules.is_some()).then(|| Saved {
                    map: MapName {
                        id: id.to_string(),
                        name: Some(map.name.clone()),
                    },
                    rules: map.rules.clone(),
                });
                if let Some(version) = version {
                    map.rules = self.map_version(&id, version).await?.rules;
                }
                if let Some(rules) = rules {
                    map.rules = rules;
                    self.examine_map(&wanted, &map, &mut findings).await?;
                }
                (wanted, Some(map), saved)
            }
        };
        findings.end()?;
        let map = map.ok_or(CatalogError::NotFound("connector type"))?;
        Ok((wanted, map, saved))
    }

    /// By what rules the documents of a connector are made.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the connector, [`CatalogError::Plugin`] where its plugin can't be had.
    pub async fn rules_of(&self, connector: Uuid) -> Result<RulesInForce, CatalogError> {
        let (wanted, map) = self.map_in_force(connector).await?;
        let description = self.types.description(&wanted).await?;
        Ok(RulesInForce {
            rules: self.saved_rules(&wanted, map.as_deref()).await?.rules,
            groups_path: description.target_model.groups_path.clone(),
            map,
        })
    }

    async fn rules_in_force(
        &self,
        connector: Uuid,
        previewed: &Wanted,
    ) -> Result<Saved, CatalogError> {
        let (wanted, map) = self.map_in_force(connector).await?;
        if wanted.name != previewed.name {
            let mut findings = Findings::default();
            findings.add(
                "record.connector",
                format!(
                    "Its records are those of {}, and the map is for {}.",
                    wanted.name, previewed.name
                ),
                "Use a record of a connector of the map's plugin.",
            );
            findings.end()?;
        }
        self.saved_rules(&wanted, map.as_deref()).await
    }

    /// The plugin and the map by which a connector's documents are made: the map of its first active profile, else
    /// of its first profile, else none.
    async fn map_in_force(
        &self,
        connector: Uuid,
    ) -> Result<(Wanted, Option<String>), CatalogError> {
        self.database
            .read(async |connection| {
                let wanted = find_connector(connection, connector).await?.wanted();
                let map = sqlx::query_scalar(
                    "SELECT map FROM profile WHERE connector = $1 ORDER BY active DESC, folded LIMIT 1",
                )
                .bind(connector.to_string())
                .fetch_optional(connection)
                .await?;
                Ok((wanted, map))
            })
            .await
    }

    /// The rules of a map, or of the plugin's default where there is none.
    async fn saved_rules(&self, wanted: &Wanted, map: Option<&str>) -> Result<Saved, CatalogError> {
        let (id, map) = match map.and_then(MapId::read) {
            Some(id) => {
                let map = self.map_for(&id, wanted).await?;
                (id, map)
            }
            None => {
                let description = self.types.description(wanted).await?;
                let first = brought(&description).next();
                let first = first.map(|(id, map)| (id, map.clone()));
                first.ok_or(CatalogError::NotFound("transform map"))?
            }
        };
        Ok(Saved {
            map: MapName {
                id: id.to_string(),
                name: Some(map.name),
            },
            rules: map.rules,
        })
    }
}
