//! What work asks of the catalogue.

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Catalog, CatalogError};
use crate::contract::{Fault, FaultKind};
use crate::work::{Assignment, Assignments, Chosen, JobParts, NotChosen};

#[async_trait]
impl Assignments for Catalog {
    async fn scheduled(&self) -> Result<Vec<Assignment>, Fault> {
        let profiles = Self::scheduled(self).await.map_err(fault)?;
        let assigned = profiles.into_iter().map(|profile| Assignment {
            connector: profile.connector,
            connector_name: profile.connector_name,
            profile: profile.profile,
            profile_name: profile.profile_name,
            schedule: profile.schedule,
            baseline: profile.baseline,
            since: profile.since,
        });
        Ok(assigned.collect())
    }

    async fn choose(&self, connector: Uuid, wanted: Option<Uuid>) -> Result<Chosen, NotChosen> {
        let chosen = self.choose_profile(connector, wanted).await;
        chosen.map_err(|error| match error {
            CatalogError::NotFound("connector") => NotChosen::NoConnector,
            CatalogError::NotFound(_) => NotChosen::NoProfile,
            error => NotChosen::Refused(fault(error)),
        })
    }

    async fn job(&self, profile: Uuid) -> Result<JobParts, Fault> {
        let plan = self.run_plan(profile).await.map_err(fault)?;
        Ok(JobParts {
            connector: plan.connector,
            connector_name: plan.connector_name,
            profile: plan.profile,
            profile_name: plan.profile_name,
            wanted: plan.wanted,
            settings: plan.settings,
            secrets: plan.secrets,
            map: plan.map,
            links: plan.links,
            guard: plan.guard,
        })
    }

    fn changed(&self) -> watch::Receiver<u64> {
        Self::changed(self)
    }
}

impl Catalog {
    /// The profile for a run by hand: the wanted one, else the first active one, else the only one.
    async fn choose_profile(
        &self,
        connector: Uuid,
        wanted: Option<Uuid>,
    ) -> Result<Chosen, CatalogError> {
        let name = self.connector(connector).await?.name;
        let profile = match wanted {
            Some(profile) => self.profile(connector, profile).await?,
            None => self.first_profile(connector).await?,
        };
        Ok(Chosen {
            connector_name: name,
            profile: profile.id,
            profile_name: profile.name,
        })
    }

    async fn first_profile(&self, connector: Uuid) -> Result<super::Profile, CatalogError> {
        const MOST: u32 = 500;
        let (profiles, _) = self.profiles(connector, None, MOST).await?;
        let only = profiles.len() == 1;
        let mut candidates = profiles.into_iter();
        let chosen = candidates.find(|profile| profile.active || only);
        chosen.ok_or_else(|| {
            CatalogError::conflict(
                "profile.not-chosen",
                "The connector has no active profile, so it isn't clear which one the run should use.",
                "Activate a profile, or name the one to use.",
            )
        })
    }
}

/// Why a run can't have what it needs, for its report.
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
            "plugin.not-usable".into(),
            "Look at the installed plugins; install, approve or activate a version.",
        ),
        CatalogError::Vault(_) => (
            FaultKind::Configuration,
            "vault.closed".into(),
            "Give the server the key that the secrets were sealed with, or set the secrets anew.",
        ),
        CatalogError::Conflict { code, remedy, .. } => {
            (FaultKind::Configuration, (*code).to_owned(), *remedy)
        }
        CatalogError::Invalid(_) | CatalogError::Stale { .. } | CatalogError::Database(_) => (
            FaultKind::Transient,
            "catalog.failed".into(),
            "Try again; the server's log tells why it failed.",
        ),
    };
    Fault {
        kind,
        code,
        message: format!("{}.", error.to_string().trim_end_matches('.')),
        remedy: Some(remedy.into()),
        setting: None,
    }
}
