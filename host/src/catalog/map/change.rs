//! Making and changing own maps.

use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::read::{find, uses};
use super::rules::{RulesDraft, active};
use super::{CloneMap, MapChange, MapDetail, MapId, NewMap};
use crate::access::Principal;
use crate::audit::Target;
use crate::catalog::book::Changes;
use crate::catalog::input::{Findings, folded};
use crate::catalog::{Catalog, CatalogError, check_revision};
use crate::contract::{Rule, TransformMap};
use crate::database::millis;
use crate::plugin::registry::Wanted;

/// Most own maps.
const MOST: i64 = 2_000;

/// A new map, as far as it is known to be in order.
struct Sound<'a> {
    plugin: &'a Wanted,
    map: TransformMap,
    comment: String,
    origin: serde_json::Value,
}

impl Catalog {
    /// Makes a map.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem that its form, its plugin or a name that is taken gives.
    pub async fn create_map(&self, by: &Principal, new: NewMap) -> Result<MapDetail, CatalogError> {
        let mut findings = Findings::default();
        let name = findings.name("name", &new.name);
        let comment = findings.text("comment", &new.comment);
        let plugin = active(&new.plugin);
        let rules = match new.rules {
            Some(rules) => rules,
            None => {
                let mut unusable = Findings::default();
                let description = self.declared(&plugin, &mut unusable).await?;
                let first = description.and_then(|description| description.maps.first().cloned());
                first.map(|map| map.rules).unwrap_or_default()
            }
        };
        let draft = RulesDraft {
            plugin: new.plugin,
            source_model: new.source_model,
            target_model: new.target_model,
            rules,
        };
        let map = self.examine_rules(draft, &mut findings).await?;
        findings.end()?;
        let map = map.ok_or(CatalogError::NotFound("connector type"))?;
        let sound = Sound {
            plugin: &plugin,
            map: TransformMap { name, ..map },
            comment,
            origin: json!({ "plugin": plugin.name }),
        };
        self.keep_map(by, "transform-map.create", sound).await
    }

    /// Copies a version of a map, also of one that a plugin brings.
    ///
    /// # Errors
    /// As [`Catalog::create_map`], and [`CatalogError::NotFound`].
    pub async fn clone_map(
        &self,
        by: &Principal,
        id: &MapId,
        wanted: CloneMap,
    ) -> Result<MapDetail, CatalogError> {
        let mut findings = Findings::default();
        let name = findings.name("name", &wanted.name);
        let comment = findings.text("comment", &wanted.comment);
        let (plugin, mut map) = self.map_and_plugin(id).await?;
        if let Some(version) = wanted.version {
            map.rules = self.map_version(id, version).await?.rules;
        }
        self.examine_map(&plugin, &map, &mut findings).await?;
        findings.end()?;
        let sound = Sound {
            plugin: &plugin,
            map: TransformMap { name, ..map },
            comment,
            origin: json!({ "of": id.to_string(), "version": wanted.version }),
        };
        self.keep_map(by, "transform-map.clone", sound).await
    }

    async fn keep_map(
        &self,
        by: &Principal,
        action: &str,
        sound: Sound<'_>,
    ) -> Result<MapDetail, CatalogError> {
        let Sound {
            plugin,
            map,
            comment,
            origin,
        } = sound;
        let id = Uuid::now_v7();
        self.database
            .write(async |connection| {
                refuse_taken(connection, id, &plugin.name, &map.name).await?;
                let count: i64 = sqlx::query_scalar("SELECT count(*) FROM transform_map")
                    .fetch_one(&mut *connection)
                    .await?;
                if count >= MOST {
                    return Err(CatalogError::conflict(
                        "transform-map.too-many",
                        format!("There are {MOST} own maps already."),
                        "Delete one first.",
                    ));
                }
                sqlx::query(
                    "INSERT INTO transform_map (id, revision, name, folded, plugin, source_model, \
                     target_model, version, created_at, created_by, changed_at, changed_by) \
                     VALUES ($1, 1, $2, $3, $4, $5, $6, 1, $7, $8, $7, $8)",
                )
                .bind(id.to_string())
                .bind(&map.name)
                .bind(folded(&map.name))
                .bind(&plugin.name)
                .bind(&map.source_model)
                .bind(&map.target_model)
                .bind(millis(self.clock.now()))
                .bind(&by.actor.name)
                .execute(&mut *connection)
                .await?;
                self.keep_rules(connection, by, id, 1, &map.rules, &comment)
                    .await?;
                let target = Target::new("transform-map", id, &map.name);
                self.note(connection, by, action, target, origin).await?;
                Ok(())
            })
            .await?;
        self.tell();
        self.map(&MapId::Own(id)).await
    }

    /// Changes a map; other rules make a new version. A change that changes nothing leaves its revision as it
    /// is.
    ///
    /// # Errors
    /// As [`Catalog::create_map`]; [`CatalogError::Conflict`] for a map that a plugin brings.
    pub async fn change_map(
        &self,
        by: &Principal,
        id: &MapId,
        revision: Option<i64>,
        change: MapChange,
    ) -> Result<MapDetail, CatalogError> {
        let own = own(id)?;
        let before = self.map(id).await?;
        check_revision(revision, before.map.revision)?;
        let mut findings = Findings::default();
        let name = match change.name {
            Some(name) => findings.name("name", &name),
            None => before.map.name.clone(),
        };
        let comment = findings.text("comment", &change.comment);
        let rules = change.rules.filter(|rules| *rules != before.rules);
        if let Some(rules) = &rules {
            let draft = RulesDraft {
                plugin: before.map.plugin.clone(),
                source_model: Some(before.map.source_model.clone()),
                target_model: Some(before.map.target_model.clone()),
                rules: rules.clone(),
            };
            self.examine_rules(draft, &mut findings).await?;
        }
        findings.end()?;
        let version = before.map.version + i64::from(rules.is_some());
        let mut changes = Changes::default();
        changes.field("name", &before.map.name, &name);
        changes.field("version", &before.map.version, &version);
        if changes.is_empty() {
            return Ok(before);
        }
        self.database
            .write::<_, CatalogError>(async |connection| {
                // What was validated is what is changed.
                let now = find(connection, id).await?;
                check_revision(Some(before.map.revision), now.revision)?;
                refuse_taken(connection, own, &now.plugin, &name).await?;
                sqlx::query(
                    "UPDATE transform_map SET revision = revision + 1, name = $2, folded = $3, \
                     version = $4, changed_at = $5, changed_by = $6 WHERE id = $1",
                )
                .bind(own.to_string())
                .bind(&name)
                .bind(folded(&name))
                .bind(version)
                .bind(millis(self.clock.now()))
                .bind(&by.actor.name)
                .execute(&mut *connection)
                .await?;
                if let Some(rules) = &rules {
                    self.keep_rules(connection, by, own, version, rules, &comment)
                        .await?;
                }
                let target = Target::new("transform-map", own, &name);
                let details = json!({ "changes": changes, "comment": comment });
                self.note(connection, by, "transform-map.change", target, details)
                    .await?;
                Ok(())
            })
            .await?;
        self.tell();
        self.map(id).await
    }

    /// Makes the rules of an earlier version those of a new one.
    ///
    /// # Errors
    /// As [`Catalog::change_map`], and [`CatalogError::NotFound`] for the version.
    pub async fn restore_map(
        &self,
        by: &Principal,
        id: &MapId,
        revision: Option<i64>,
        version: i64,
        comment: String,
    ) -> Result<MapDetail, CatalogError> {
        own(id)?;
        let rules = self.map_version(id, version).await?.rules;
        let comment = match comment.trim() {
            "" => format!("Version {version} again"),
            _ => comment,
        };
        let change = MapChange {
            name: None,
            rules: Some(rules),
            comment,
        };
        self.change_map(by, id, revision, change).await
    }

    /// Deletes a map with all its versions.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] names the profiles that use it; also for a map that a plugin brings.
    pub async fn delete_map(
        &self,
        by: &Principal,
        id: &MapId,
        revision: Option<i64>,
    ) -> Result<(), CatalogError> {
        let own = own(id)?;
        self.database
            .write(async |connection| {
                let map = find(connection, id).await?;
                check_revision(revision, map.revision)?;
                let uses = uses(connection, &map.id).await?;
                if !uses.is_empty() {
                    let names = uses
                        .iter()
                        .map(|of| format!("{} of {}", of.profile_name, of.connector_name));
                    let names: Vec<String> = names.take(20).collect();
                    return Err(CatalogError::conflict(
                        "transform-map.in-use",
                        format!(
                            "{} profiles use this map: {}.",
                            uses.len(),
                            names.join(", ")
                        ),
                        "Give these profiles another map first.",
                    ));
                }
                sqlx::query("DELETE FROM transform_map WHERE id = $1")
                    .bind(own.to_string())
                    .execute(&mut *connection)
                    .await?;
                let target = Target::new("transform-map", own, &map.name);
                self.note(connection, by, "transform-map.delete", target, json!({}))
                    .await?;
                Ok(())
            })
            .await?;
        self.tell();
        Ok(())
    }

    async fn keep_rules(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        map: Uuid,
        version: i64,
        rules: &[Rule],
        comment: &str,
    ) -> Result<(), CatalogError> {
        sqlx::query(
            "INSERT INTO transform_map_version (map, version, rules, comment, at, by) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(map.to_string())
        .bind(version)
        .bind(serde_json::to_string(rules)?)
        .bind(comment)
        .bind(millis(self.clock.now()))
        .bind(&by.actor.name)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// The UUID of an own map.
fn own(id: &MapId) -> Result<Uuid, CatalogError> {
    match id {
        MapId::Own(id) => Ok(*id),
        MapId::Default { .. } => Err(CatalogError::conflict(
            "transform-map.read-only",
            "The map is part of its plugin.",
            "Clone it, and change the copy.",
        )),
    }
}

async fn refuse_taken(
    connection: &mut SqliteConnection,
    id: Uuid,
    plugin: &str,
    name: &str,
) -> Result<(), CatalogError> {
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM transform_map WHERE plugin = $1 AND folded = $2 AND id <> $3)",
    )
    .bind(plugin)
    .bind(folded(name))
    .bind(id.to_string())
    .fetch_one(connection)
    .await?;
    let mut findings = Findings::default();
    if taken {
        findings.add(
            "name",
            "Another map of this plugin has this name.",
            "Give another name.",
        );
    }
    findings.end()
}
