//! Asking a plugin what it makes of settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalog::input::Findings;
use crate::catalog::{Catalog, CatalogError, form};
use crate::contract::Description;
use crate::plugin::registry::{RegistryError, Wanted};

impl Catalog {
    /// What a plugin declares, where it can be had; whatever is wrong with settings and secrets is found.
    pub(in crate::catalog) async fn examine(
        &self,
        wanted: &Wanted,
        settings: &Map<String, Value>,
        secrets: &BTreeSet<String>,
        findings: &mut Findings,
    ) -> Result<Option<Arc<Description>>, CatalogError> {
        let Some(description) = self.declared(wanted, findings).await? else {
            return Ok(None);
        };
        form::check(&description, settings, secrets, findings);
        if findings.has("settings") {
            // Nothing that a plugin should have to read.
            return Ok(Some(description));
        }
        let settings = form::for_plugin(&description, settings, secrets);
        if let Err(problems) = self.types.connect(wanted, &settings).await? {
            findings.complete(form::located(&description, problems));
        }
        Ok(Some(description))
    }

    /// The page where what must be granted is granted for these settings; none where the plugin knows none, or takes
    /// exception to the settings.
    ///
    /// # Errors
    /// Where the registry fails.
    pub async fn consent(
        &self,
        wanted: &Wanted,
        settings: &Map<String, Value>,
        secrets: &BTreeSet<String>,
    ) -> Result<Option<String>, CatalogError> {
        let mut findings = Findings::default();
        let Some(description) = self.declared(wanted, &mut findings).await? else {
            return Ok(None);
        };
        form::check(&description, settings, secrets, &mut findings);
        if findings.end().is_err() {
            return Ok(None);
        }
        let settings = form::for_plugin(&description, settings, secrets);
        Ok(match self.types.connect(wanted, &settings).await {
            Ok(connection) => connection.ok().and_then(|connection| connection.consent),
            Err(error) => {
                // Whoever saves or tests these settings is told.
                tracing::debug!(%error, "no page for consent");
                None
            }
        })
    }

    /// What a plugin declares; that it can't be had is found.
    pub(in crate::catalog) async fn declared(
        &self,
        wanted: &Wanted,
        findings: &mut Findings,
    ) -> Result<Option<Arc<Description>>, CatalogError> {
        match self.types.description(wanted).await {
            Ok(description) => Ok(Some(description)),
            Err(CatalogError::Plugin(error)) if is_about_plugin(&error) => {
                let path = match wanted.version {
                    Some(_) => "version",
                    None => "plugin",
                };
                findings.add(
                    path,
                    format!("It can't be used: {error}."),
                    "Use a plugin that is installed, approved and active.",
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an error says that a plugin can't be had, and not that the registry has failed.
fn is_about_plugin(error: &RegistryError) -> bool {
    !matches!(
        error,
        RegistryError::Folder { .. } | RegistryError::File { .. }
    )
}
