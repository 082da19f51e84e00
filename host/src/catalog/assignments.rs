//! The catalog as what work knows of it.

use async_trait::async_trait;
use sqlx::Row;
use tokio::sync::watch;
use uuid::Uuid;

use super::connector::find as find_connector;
use super::{Catalog, CatalogError, uuid};
use crate::causes::with_causes;
use crate::contract::{Fault, FaultKind};
use crate::work::{Assignment, Assignments, Chosen, JobParts, NotChosen};

#[async_trait]
impl Assignments for Catalog {
    async fn scheduled(&self) -> Result<Vec<Assignment>, Fault> {
        Self::scheduled(self).await.map_err(fault)
    }

    /// Without a wanted profile, the first active one by name, or the first one where none is active.
    async fn choose(&self, connector: Uuid, wanted: Option<Uuid>) -> Result<Chosen, NotChosen> {
        let chosen = self.database.read::<_, CatalogError>(async |connection| {
            let connector = find_connector(connection, connector).await?;
            let row = sqlx::query(
                "SELECT id, name FROM profile WHERE connector = $1 AND ($2 IS NULL OR id = $2) \
                 ORDER BY active DESC, folded LIMIT 1",
            )
            .bind(connector.id.to_string())
            .bind(wanted.map(|id| id.to_string()))
            .fetch_optional(connection)
            .await?
            .ok_or(CatalogError::NotFound("profile"))?;
            Ok(Chosen {
                connector_name: connector.name,
                profile: uuid(row.try_get("id")?)?,
                profile_name: row.try_get("name")?,
            })
        });
        chosen.await.map_err(|error| match error {
            CatalogError::NotFound("connector") => NotChosen::NoConnector,
            CatalogError::NotFound(_) => NotChosen::NoProfile,
            other => NotChosen::Refused(fault(other)),
        })
    }

    async fn job(&self, profile: Uuid) -> Result<JobParts, Fault> {
        self.run_plan(profile).await.map_err(fault)
    }

    fn changed(&self) -> watch::Receiver<u64> {
        Self::changed(self)
    }
}

/// Why a run can't have what it needs.
fn fault(error: CatalogError) -> Fault {
    let (kind, code, remedy) = match &error {
        CatalogError::Fault(fault) => return fault.clone(),
        CatalogError::NotFound(what) => (
            FaultKind::Configuration,
            format!("{what}.not-found"),
            "Look at the connector's profiles.",
        ),
        CatalogError::Plugin(_) => (
            FaultKind::Configuration,
            "plugin.unavailable".to_owned(),
            "Install and activate the plugin, then run it again.",
        ),
        CatalogError::Vault(_) => (
            FaultKind::Configuration,
            "vault.closed".to_owned(),
            "Start the host with the right key, or set the secret again.",
        ),
        _ => (
            FaultKind::Transient,
            "catalog.failed".to_owned(),
            "Look at the host's log.",
        ),
    };
    Fault {
        kind,
        code,
        message: format!("{}.", with_causes(&error).trim_end_matches('.')),
        remedy: Some(remedy.into()),
        setting: None,
    }
}
