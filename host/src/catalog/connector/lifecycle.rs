//! What becomes of connectors: copied, disabled, paused, deleted.

use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::change::refuse_taken;
use super::read::find;
use super::{CloneConnector, Connector, Data};
use crate::access::Principal;
use crate::audit::Target;
use crate::catalog::input::{Findings, folded};
use crate::catalog::{Catalog, CatalogError, check_revision, uuid};
use crate::database::millis;
use crate::work;
use crate::work::state::{Event, State};

impl Catalog {
    /// Copies a connector with its settings, secrets and profiles. The copy's profiles are inactive, so nothing
    /// runs by itself.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] for a name that can't be or is taken; [`CatalogError::Vault`] where a secret
    /// doesn't open.
    pub async fn clone_connector(
        &self,
        by: &Principal,
        id: Uuid,
        wanted: &CloneConnector,
    ) -> Result<Connector, CatalogError> {
        let mut findings = Findings::default();
        let name = findings.name("name", &wanted.name);
        findings.end()?;
        let copy = Uuid::now_v7();
        self.database
            .write(async |connection| {
                let original = find(connection, id).await?;
                refuse_taken(connection, copy, &name).await?;
                self.copy_rows(connection, by, (id, copy), &name, wanted.links)
                    .await?;
                self.vault.copy(connection, id, copy).await?;
                self.step(connection, by, copy, Event::Created, "it was cloned")
                    .await?;
                let target = Target::new("connector", copy, &name);
                let details = json!({
                    "of": {"id": id, "name": original.name},
                    "links": wanted.links,
                });
                self.note(connection, by, "connector.clone", target, details)
                    .await?;
                Ok::<_, CatalogError>(())
            })
            .await?;
        self.tell();
        self.connector(copy).await
    }

    async fn copy_rows(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        (id, copy): (Uuid, Uuid),
        name: &str,
        links: bool,
    ) -> Result<(), CatalogError> {
        let (id, copy) = (id.to_string(), copy.to_string());
        let now = millis(self.clock.now());
        sqlx::query(
            "INSERT INTO connector (id, revision, name, folded, description, plugin, version, model_name, \
             model_type, settings, paused, created_at, created_by, changed_at, changed_by) \
             SELECT $2, 1, $3, $4, description, plugin, version, model_name, model_type, settings, FALSE, \
             $5, $6, $5, $6 FROM connector WHERE id = $1",
        )
        .bind(&id)
        .bind(&copy)
        .bind(name)
        .bind(folded(name))
        .bind(now)
        .bind(&by.actor.name)
        .execute(&mut *connection)
        .await?;
        let profiles: Vec<String> =
            sqlx::query_scalar("SELECT id FROM profile WHERE connector = $1")
                .bind(&id)
                .fetch_all(&mut *connection)
                .await?;
        for profile in profiles {
            sqlx::query(
                "INSERT INTO profile (id, connector, revision, name, folded, description, map, active, \
                 baseline, schedule, scheduled, scheduled_since, guard, created_at, created_by, changed_at, changed_by) \
                 SELECT $2, $3, 1, name, folded, description, map, FALSE, baseline, schedule, scheduled, \
                 $4, guard, $4, $5, $4, $5 FROM profile WHERE id = $1",
            )
            .bind(profile)
            .bind(Uuid::now_v7().to_string())
            .bind(&copy)
            .bind(now)
            .bind(&by.actor.name)
            .execute(&mut *connection)
            .await?;
        }
        if links {
            sqlx::query(
                "INSERT INTO group_link (connector, source_group, platform_group, at, by) \
                 SELECT $2, source_group, platform_group, $3, $4 FROM group_link WHERE connector = $1",
            )
            .bind(&id)
            .bind(&copy)
            .bind(now)
            .bind(&by.actor.name)
            .execute(connection)
            .await?;
        }
        Ok(())
    }

    /// Lets a connector run again. One that is enabled stays so.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn enable_connector(
        &self,
        by: &Principal,
        id: Uuid,
    ) -> Result<Connector, CatalogError> {
        self.turn(by, id, "connector.enable", async |connection, connector| {
            if !connector.disabled {
                return Ok(false);
            }
            self.step(connection, by, id, Event::Enabled, "it was enabled")
                .await?;
            self.restart_schedules(connection, id).await?;
            self.settle(connection, by, id, "a profile's schedule will run it")
                .await?;
            Ok(true)
        })
        .await
    }

    /// Lets nothing run any more. One that is disabled stays so.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] while a run goes on.
    pub async fn disable_connector(
        &self,
        by: &Principal,
        id: Uuid,
    ) -> Result<Connector, CatalogError> {
        self.turn(
            by,
            id,
            "connector.disable",
            async |connection, connector| {
                if connector.disabled {
                    return Ok(false);
                }
                self.step(connection, by, id, Event::Disabled, "it was disabled")
                    .await?;
                Ok(true)
            },
        )
        .await
    }

    /// Ignores schedules from now on, or no longer. It still runs when asked.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn pause_connector(
        &self,
        by: &Principal,
        id: Uuid,
        paused: bool,
    ) -> Result<Connector, CatalogError> {
        let (action, cause) = match paused {
            true => ("connector.pause", "it was paused"),
            false => ("connector.resume", "it was resumed"),
        };
        self.turn(by, id, action, async |connection, connector| {
            if connector.paused == paused {
                return Ok(false);
            }
            sqlx::query("UPDATE connector SET paused = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(paused)
                .execute(&mut *connection)
                .await?;
            self.restart_schedules(connection, id).await?;
            self.settle(connection, by, id, cause).await?;
            Ok(true)
        })
        .await
    }

    /// What came due while nothing ran by itself is not made up for.
    async fn restart_schedules(
        &self,
        connection: &mut SqliteConnection,
        connector: Uuid,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE profile SET scheduled_since = $2 WHERE connector = $1")
            .bind(connector.to_string())
            .bind(millis(self.clock.now()))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Does something to a connector that tells whether it did anything; then that is a change.
    async fn turn(
        &self,
        by: &Principal,
        id: Uuid,
        action: &str,
        work: impl AsyncFnOnce(&mut SqliteConnection, &Connector) -> Result<bool, CatalogError>,
    ) -> Result<Connector, CatalogError> {
        let did = self
            .database
            .write(async |connection| {
                let connector = find(connection, id).await?;
                if !work(connection, &connector).await? {
                    return Ok(false);
                }
                sqlx::query(
                    "UPDATE connector SET revision = revision + 1, changed_at = $2, changed_by = $3 \
                     WHERE id = $1",
                )
                .bind(id.to_string())
                .bind(millis(self.clock.now()))
                .bind(&by.actor.name)
                .execute(&mut *connection)
                .await?;
                let target = Target::new("connector", id, &connector.name);
                self.note(connection, by, action, target, json!({})).await?;
                Ok::<_, CatalogError>(true)
            })
            .await?;
        if did {
            self.tell();
        }
        self.connector(id).await
    }

    /// Deletes a connector with its secrets, profiles and links. With [`Data::Remove`] it is among
    /// [`Catalog::leftovers`] from then on.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] while a run goes on.
    pub async fn delete_connector(
        &self,
        by: &Principal,
        id: Uuid,
        revision: Option<i64>,
        data: Data,
    ) -> Result<(), CatalogError> {
        self.database
            .write(async |connection| {
                let connector = find(connection, id).await?;
                check_revision(revision, connector.revision)?;
                if connector.state == State::Processing || work::is_open(connection, id).await? {
                    return Err(CatalogError::conflict(
                        "connector.running",
                        "A run of this connector waits or goes on, so it can't be deleted.",
                        "Wait until the run has ended, or cancel it.",
                    ));
                }
                // Profiles and links go with it.
                sqlx::query("DELETE FROM connector WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                self.vault.forget(connection, id, None).await?;
                work::forget_connector(connection, id).await?;
                if data == Data::Remove {
                    sqlx::query("INSERT OR REPLACE INTO leftover (connector, at) VALUES ($1, $2)")
                        .bind(id.to_string())
                        .bind(millis(self.clock.now()))
                        .execute(&mut *connection)
                        .await?;
                }
                let target = Target::new("connector", id, &connector.name);
                let details = json!({ "data": data });
                self.note(connection, by, "connector.delete", target, details)
                    .await?;
                Ok(())
            })
            .await?;
        self.tell();
        Ok(())
    }

    /// Deleted connectors whose users, groups and memberships are still to be removed from the directory
    /// store. Whoever removes them says so with [`Catalog::cleared`]; until then they are told again, also
    /// after a restart.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn leftovers(&self) -> Result<Vec<Uuid>, CatalogError> {
        let ids: Vec<String> = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let ids =
                    sqlx::query_scalar("SELECT connector FROM leftover ORDER BY at, connector")
                        .fetch_all(connection)
                        .await?;
                Ok(ids)
            })
            .await?;
        Ok(ids.iter().map(|id| uuid(id)).collect::<Result<_, _>>()?)
    }

    /// The data of a deleted connector is removed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn cleared(&self, connector: Uuid) -> Result<(), CatalogError> {
        self.database
            .write::<_, CatalogError>(async |connection| {
                sqlx::query("DELETE FROM leftover WHERE connector = $1")
                    .bind(connector.to_string())
                    .execute(connection)
                    .await?;
                Ok(())
            })
            .await
    }
}
