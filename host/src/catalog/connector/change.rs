//! Making and changing connectors.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::read::find;
use super::{Connector, ConnectorChange, DataModelName, NewConnector, Pin};
use crate::access::Principal;
use crate::audit::Target;
use crate::catalog::book::Changes;
use crate::catalog::certificate::Certificates;
use crate::catalog::form::SecretChange;
use crate::catalog::input::{Findings, folded};
use crate::catalog::profile::maps_of_other_plugins;
use crate::catalog::{Catalog, CatalogError, check_revision};
use crate::database::millis;
use crate::plugin::registry::Wanted;
use crate::vault::NewSecret;
use crate::work::state::{Event, State};

type Secrets = BTreeMap<String, SecretChange>;

/// A new connector with which nothing is wrong but, perhaps, that its name is taken.
#[derive(Debug)]
pub(in crate::catalog) struct SoundConnector {
    id: Uuid,
    name: String,
    description: String,
    wanted: Wanted,
    data_model: DataModelName,
    settings: Map<String, Value>,
    secrets: Secrets,
    pub(in crate::catalog) certificates: Certificates,
    present: BTreeSet<String>,
}

impl Catalog {
    /// Makes a connector.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem that its form, its plugin or a name that is taken gives.
    pub async fn create_connector(
        &self,
        by: &Principal,
        new: NewConnector,
    ) -> Result<Connector, CatalogError> {
        let mut findings = Findings::default();
        let id = Uuid::now_v7();
        let sound = self
            .examine_connector(id, new, BTreeSet::new(), &mut findings)
            .await?;
        findings.end()?;
        let sound = sound.ok_or(CatalogError::NotFound("connector type"))?;
        self.database
            .write(async |connection| self.insert_connector(connection, by, &sound).await)
            .await?;
        self.tell();
        self.connector(id).await
    }

    /// What is to be kept of a new connector; whatever is wrong with it is found. `kept` are keys of secrets
    /// that are in the vault under its identifier already. None where the plugin can't be had.
    pub(in crate::catalog) async fn examine_connector(
        &self,
        id: Uuid,
        new: NewConnector,
        kept: BTreeSet<String>,
        findings: &mut Findings,
    ) -> Result<Option<SoundConnector>, CatalogError> {
        let name = findings.name("name", &new.name);
        let description = findings.text("description", &new.description);
        let secrets = new.secrets.read(findings);
        let settings = without_nulls(new.settings);
        let wanted = Wanted {
            name: new.plugin,
            version: new.version.0,
        };
        let present = present(kept, &secrets, findings);
        let examined = self.examine(&wanted, &settings, &present, findings).await?;
        let connection = examined
            .as_ref()
            .and_then(|examined| examined.connection.as_ref());
        let certificates = self
            .certificates(connection, id, &secrets, findings)
            .await?;
        let data_model = examined.map(|examined| DataModelName::of(&examined.description));
        if let (Some(meant), Some(declared)) = (&new.data_model, &data_model)
            && meant != declared
        {
            findings.add(
                "dataModel",
                "The plugin brings other data.",
                format!(
                    "Use the model {:?} of type {:?}.",
                    declared.name, declared.kind
                ),
            );
        }
        Ok(data_model.map(|data_model| SoundConnector {
            id,
            name,
            description,
            wanted,
            data_model,
            settings,
            secrets,
            certificates,
            present,
        }))
    }

    /// Keeps a new connector, in the transaction of the caller.
    pub(in crate::catalog) async fn insert_connector(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        new: &SoundConnector,
    ) -> Result<(), CatalogError> {
        let (id, wanted) = (new.id, &new.wanted);
        refuse_taken(connection, id, &new.name).await?;
        sqlx::query(
            "INSERT INTO connector (id, revision, name, folded, description, plugin, version, \
             model_name, model_type, settings, paused, created_at, created_by, changed_at, \
             changed_by) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, $10, $11, $10, $11)",
        )
        .bind(id.to_string())
        .bind(&new.name)
        .bind(folded(&new.name))
        .bind(&new.description)
        .bind(&wanted.name)
        .bind(wanted.version.as_ref().map(ToString::to_string))
        .bind(&new.data_model.name)
        .bind(&new.data_model.kind)
        .bind(serde_json::to_string(&new.settings)?)
        .bind(millis(self.clock.now()))
        .bind(&by.actor.name)
        .execute(&mut *connection)
        .await?;
        self.keep_secrets(connection, by, id, (&new.secrets, &new.certificates))
            .await?;
        self.step(connection, by, id, Event::Created, "it was created")
            .await?;
        let target = Target::new("connector", id, &new.name);
        let details = json!({
            "plugin": wanted.name,
            "version": Pin(wanted.version.clone()),
            "settings": new.settings.keys().collect::<Vec<_>>(),
            "secrets": new.present,
        });
        Ok(self
            .note(connection, by, "connector.create", target, details)
            .await?)
    }

    /// Changes a connector. A change that changes nothing leaves its revision as it is.
    ///
    /// # Errors
    /// As [`Catalog::create_connector`]; [`CatalogError::Conflict`] where the plugin can't be another.
    pub async fn change_connector(
        &self,
        by: &Principal,
        id: Uuid,
        revision: Option<i64>,
        change: ConnectorChange,
    ) -> Result<Connector, CatalogError> {
        let before = self.connector(id).await?;
        check_revision(revision, before.revision)?;
        let mut findings = Findings::default();
        let secrets = change.secrets.read(&mut findings);
        let mut after = before.clone();
        if let Some(name) = change.name {
            after.name = findings.name("name", &name);
        }
        if let Some(description) = change.description {
            after.description = findings.text("description", &description);
        }
        if let Some(plugin) = change.plugin {
            after.plugin = plugin;
        }
        if let Some(version) = change.version {
            after.version = version;
        }
        for (key, value) in change.settings.unwrap_or_default() {
            match value {
                Value::Null => after.settings.remove(&key),
                value => after.settings.insert(key, value),
            };
        }
        let kept = before.secrets.iter().map(|note| note.name.clone());
        let present = present(kept.collect(), &secrets, &mut findings);
        let only_notes = secrets
            .values()
            .all(|change| matches!(change, SecretChange::Note { .. }));
        let same = after.wanted() == before.wanted() && after.settings == before.settings;
        // Without a new secret there is none.
        let mut certificates = Certificates::new();
        if !same || !only_notes {
            let wanted = after.wanted();
            let examined = self
                .examine(&wanted, &after.settings, &present, &mut findings)
                .await?;
            if let Some(examined) = examined {
                after.data_model = DataModelName::of(&examined.description);
                let connection = examined.connection.as_ref();
                certificates = self
                    .certificates(connection, id, &secrets, &mut findings)
                    .await?;
            }
        }
        findings.end()?;
        let changes = changes(&before, &after, &secrets);
        if changes.is_empty() {
            return Ok(before);
        }
        self.database
            .write(async |connection| {
                // What was validated is what is changed.
                let now = find(connection, id).await?;
                check_revision(Some(before.revision), now.revision)?;
                if after.plugin != before.plugin {
                    refuse_other_plugin(connection, &now, &after.plugin).await?;
                }
                refuse_taken(connection, id, &after.name).await?;
                self.update(connection, by, &after).await?;
                self.keep_secrets(connection, by, id, (&secrets, &certificates))
                    .await?;
                let target = Target::new("connector", id, &after.name);
                let details = json!({ "changes": changes });
                self.note(connection, by, "connector.change", target, details)
                    .await?;
                Ok::<_, CatalogError>(())
            })
            .await?;
        self.tell();
        self.connector(id).await
    }

    async fn update(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        connector: &Connector,
    ) -> Result<(), CatalogError> {
        sqlx::query(
            "UPDATE connector SET revision = revision + 1, name = $2, folded = $3, description = $4, \
             plugin = $5, version = $6, model_name = $7, model_type = $8, settings = $9, \
             changed_at = $10, changed_by = $11 WHERE id = $1",
        )
        .bind(connector.id.to_string())
        .bind(&connector.name)
        .bind(folded(&connector.name))
        .bind(&connector.description)
        .bind(&connector.plugin)
        .bind(connector.version.0.as_ref().map(ToString::to_string))
        .bind(&connector.data_model.name)
        .bind(&connector.data_model.kind)
        .bind(serde_json::to_string(&connector.settings)?)
        .bind(millis(self.clock.now()))
        .bind(&by.actor.name)
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(in crate::catalog) async fn keep_secrets(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        connector: Uuid,
        (secrets, certificates): (&Secrets, &Certificates),
    ) -> Result<(), CatalogError> {
        for (name, change) in secrets {
            match change {
                SecretChange::Forget => {
                    self.vault
                        .forget(&mut *connection, connector, Some(name))
                        .await?;
                }
                SecretChange::Set { secret, expires_on } => {
                    let new = NewSecret {
                        owner: connector,
                        name,
                        secret,
                        expires_on: *expires_on,
                        actor: &by.actor,
                        at: self.clock.now(),
                    };
                    self.vault.set(&mut *connection, &new).await?;
                }
                SecretChange::Note { expires_on } => {
                    self.vault
                        .note_expiry(&mut *connection, connector, name, *expires_on)
                        .await?;
                }
            }
        }
        for (name, facts) in certificates {
            self.vault
                .note_certificate(&mut *connection, connector, name, facts)
                .await?;
        }
        Ok(())
    }
}

fn without_nulls(settings: Map<String, Value>) -> Map<String, Value> {
    settings
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// Keys of the secrets that have a value after a change.
pub(in crate::catalog) fn present(
    mut kept: BTreeSet<String>,
    changes: &Secrets,
    findings: &mut Findings,
) -> BTreeSet<String> {
    for (key, change) in changes {
        match change {
            SecretChange::Forget => {
                kept.remove(key);
            }
            SecretChange::Set { .. } => {
                kept.insert(key.clone());
            }
            SecretChange::Note { .. } if !kept.contains(key) => findings.add(
                format!("secrets.{key}"),
                "It has no value yet that could expire.",
                "Give `value` too.",
            ),
            SecretChange::Note { .. } => {}
        }
    }
    kept
}

fn changes(before: &Connector, after: &Connector, secrets: &Secrets) -> Changes {
    let mut changes = Changes::default();
    changes.field("name", &before.name, &after.name);
    changes.field("description", &before.description, &after.description);
    changes.field("plugin", &before.plugin, &after.plugin);
    changes.field("version", &before.version, &after.version);
    changes.field("dataModel", &before.data_model, &after.data_model);
    changes.members("settings", &before.settings, &after.settings);
    for (name, change) in secrets {
        let known = before.secrets.iter().find(|note| note.name == *name);
        let path = format!("secrets.{name}");
        match change {
            SecretChange::Forget if known.is_some() => changes.word(path, "forgotten"),
            SecretChange::Forget => {}
            SecretChange::Set { .. } => changes.word(path, "set"),
            SecretChange::Note { expires_on } => {
                let before = known.and_then(|note| note.expires_on);
                changes.field(format!("{path}.expiresOn"), &before, expires_on);
            }
        }
    }
    changes
}

/// Refuses a name that another connector has.
pub(in crate::catalog) async fn refuse_taken(
    connection: &mut SqliteConnection,
    id: Uuid,
    name: &str,
) -> Result<(), CatalogError> {
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM connector WHERE folded = $1 AND id <> $2)",
    )
    .bind(folded(name))
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    let mut findings = Findings::default();
    if taken {
        findings.add(
            "name",
            "Another connector has this name.",
            "Give another name.",
        );
    }
    findings.end()
}

async fn refuse_other_plugin(
    connection: &mut SqliteConnection,
    connector: &Connector,
    plugin: &str,
) -> Result<(), CatalogError> {
    if connector.state == State::Processing {
        return Err(CatalogError::conflict(
            "connector.running",
            "A run of this connector goes on, so it keeps its plugin.",
            "Wait until the run has ended, or cancel it.",
        ));
    }
    let profiles = maps_of_other_plugins(connection, connector.id, plugin).await?;
    if profiles.is_empty() {
        return Ok(());
    }
    Err(CatalogError::conflict(
        "connector.maps-of-plugin",
        format!(
            "These profiles use transform maps of {}: {}.",
            connector.plugin,
            profiles.join(", ")
        ),
        "Delete these profiles first; another plugin needs other maps.",
    ))
}
