//! Data models: the records that plugins read and emit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::map::brought;
use super::{Catalog, CatalogError};
use crate::contract::{DataModel, Description, Field};

/// Which end of a transform map a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The records that a plugin reads.
    Source,
    /// The records that it emits.
    Target,
}

/// A data model of an installed plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataModelRecord {
    /// Identifier: `PLUGIN.source` or `PLUGIN.target`.
    pub id: String,
    /// The plugin.
    pub plugin: String,
    /// Version of the plugin that declares it so.
    pub plugin_version: String,
    /// Whether it is read or emitted.
    pub side: Side,
    /// Its name, by which transform maps name it.
    pub name: String,
    /// Of a target model: path of the list of a user's groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_path: Option<String>,
    /// Every field.
    pub fields: Vec<FieldRecord>,
}

/// A field of a data model, and what the plugin itself does with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldRecord {
    /// The field.
    #[serde(flatten)]
    pub field: Field,
    /// Rules of the plugin's maps that read or give it.
    pub rules: Vec<FieldUse>,
}

/// A rule of a map that a plugin brings, as one of its fields sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldUse {
    /// Identifier of the map.
    pub map: String,
    /// Name of the map.
    pub map_name: String,
    /// Place of the rule, counted from 0.
    pub index: usize,
    /// The fields at its other end: targets of a source, sources of a target.
    pub fields: Vec<String>,
}

impl Catalog {
    /// The models of every installed plugin that declares something, by plugin.
    ///
    /// # Errors
    /// Where the registry fails.
    pub async fn data_models(&self) -> Result<Vec<DataModelRecord>, CatalogError> {
        let types = self.types.installed().await?;
        let descriptions = types.iter().filter_map(|of| of.description.as_deref());
        Ok(descriptions
            .flat_map(|description| {
                [
                    record(description, Side::Source, &description.source_model),
                    record(description, Side::Target, &description.target_model),
                ]
            })
            .collect())
    }
}

fn record(description: &Description, side: Side, model: &DataModel) -> DataModelRecord {
    let word = match side {
        Side::Source => "source",
        Side::Target => "target",
    };
    DataModelRecord {
        id: format!("{}.{word}", description.name),
        plugin: description.name.clone(),
        plugin_version: description.version.to_string(),
        side,
        name: model.name.clone(),
        groups_path: model.groups_path.clone(),
        fields: model
            .fields
            .iter()
            .map(|field| FieldRecord {
                field: field.clone(),
                rules: uses(description, side, &field.path),
            })
            .collect(),
    }
}

/// Rules of a plugin's own maps about a field.
fn uses(description: &Description, side: Side, path: &str) -> Vec<FieldUse> {
    let mut uses = Vec::new();
    for (id, map) in brought(description) {
        for (index, rule) in map.rules.iter().enumerate() {
            let fields = match side {
                Side::Source if rule.sources.iter().any(|source| source == path) => {
                    vec![rule.target.clone()]
                }
                Side::Target if rule.target == path => rule.sources.clone(),
                _ => continue,
            };
            uses.push(FieldUse {
                map: id.to_string(),
                map_name: map.name.clone(),
                index,
                fields,
            });
        }
    }
    uses
}
