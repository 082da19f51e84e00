//! Asking a plugin what it makes of settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalog::input::Findings;
use crate::catalog::{Catalog, CatalogError, form};
use crate::contract::Description;
use crate::egress::Connection;
use crate::plugin::registry::{RegistryError, Wanted};

/// What a plugin makes of settings.
#[derive(Debug)]
pub(in crate::catalog) struct Examined {
    pub(in crate::catalog) description: Arc<Description>,
    pub(in crate::catalog) connection: Option<Connection>,
}

impl Catalog {
    /// What a plugin declares, where it can be had, and where it would connect, where nothing is wrong; whatever is
    /// wrong with settings and secrets is found.
    pub(in crate::catalog) async fn examine(
        &self,
        wanted: &Wanted,
        settings: &Map<String, Value>,
        secrets: &BTreeSet<String>,
        findings: &mut Findings,
    ) -> Result<Option<Examined>, CatalogError> {
        let Some(description) = self.declared(wanted, findings).await? else {
            return Ok(None);
        };
        form::check(&description, settings, secrets, findings);
        if findings.has("settings") {
            // Nothing that a plugin should have to read.
            return Ok(Some(Examined {
                description,
                connection: None,
            }));
        }
        let settings = form::for_plugin(&description, settings, secrets);
        let connected = self.types.connect(wanted, &settings).await?;
        let connection = connected
            .map_err(|problems| findings.complete(form::located(&description, problems)))
            .ok();
        Ok(Some(Examined {
            description,
            connection,
        }))
    }

    /// The page where what must be granted is granted for these settings; none where the plugin knows none, or
    /// anything is wrong, of which whoever saves or tests the settings is told.
    pub async fn consent(
        &self,
        wanted: &Wanted,
        settings: &Map<String, Value>,
        secrets: &BTreeSet<String>,
    ) -> Option<String> {
        let mut findings = Findings::default();
        let examined = self
            .examine(wanted, settings, secrets, &mut findings)
            .await
            .inspect_err(|error| tracing::debug!(%error, "no page for consent"))
            .ok()??;
        findings.end().ok()?;
        examined.connection?.consent
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
