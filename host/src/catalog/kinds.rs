//! The kinds of groups that connectors bring, as their plugins call them.

use std::sync::Arc;

use sqlx::Row;
use uuid::Uuid;

use super::{Catalog, CatalogError, uuid};
use crate::contract::{Choice, Description};

/// What plugins declare about kinds of groups, by connector.
#[derive(Debug, Clone, Default)]
pub struct GroupKinds(Vec<(Uuid, Arc<Description>)>);

impl GroupKinds {
    /// What people see of a kind of a connector's group; the kind as it is kept where the plugin knows no such kind,
    /// such as one of another version.
    #[must_use]
    pub fn label(&self, connector: Uuid, kind: &str) -> String {
        let own = self.0.iter().filter(|(id, _)| *id == connector);
        let mut kinds = own.flat_map(|(_, description)| &description.group_kinds);
        let known = kinds.find(|known| known.value == kind);
        known.map_or(kind, |known| &known.label).to_owned()
    }

    /// Every kind that groups of a connector, or of any, may be of, in the order of its plugin.
    #[must_use]
    pub fn choices(&self, connector: Option<Uuid>) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        let of = self
            .0
            .iter()
            .filter(|(id, _)| connector.is_none_or(|connector| connector == *id));
        for kind in of.flat_map(|(_, description)| &description.group_kinds) {
            if !choices.iter().any(|known| known.value == kind.value) {
                choices.push(kind.clone());
            }
        }
        choices
    }
}

impl Catalog {
    /// The kinds of groups that each connector's plugin declares; those of a plugin that can't be had are left out.
    ///
    /// # Errors
    /// Where the database or the registry fails.
    pub async fn group_kinds(&self) -> Result<GroupKinds, CatalogError> {
        let connectors: Vec<(Uuid, String)> = self
            .database
            .read::<_, CatalogError>(async |connection| {
                sqlx::query("SELECT id, plugin FROM connector ORDER BY folded")
                    .fetch_all(connection)
                    .await?
                    .iter()
                    .map(|row| Ok((uuid(row.try_get(0)?)?, row.try_get(1)?)))
                    .collect()
            })
            .await?;
        let types = self.types.installed().await?;
        let described = connectors.into_iter().filter_map(|(id, plugin)| {
            let of = types.iter().find(|of| of.name == plugin)?;
            Some((id, of.description.clone()?))
        });
        Ok(GroupKinds(described.collect()))
    }
}
