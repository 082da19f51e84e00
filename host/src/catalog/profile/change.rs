//! Making and changing profiles.

use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::read::{count, find};
use super::{NewProfile, Profile, ProfileChange};
use crate::access::Principal;
use crate::audit::Target;
use crate::catalog::book::Changes;
use crate::catalog::connector::{Connector, Stamp, find as find_connector};
use crate::catalog::input::{Findings, folded};
use crate::catalog::map::{MapId, MapName, brought};
use crate::catalog::{Catalog, CatalogError, check_revision};
use crate::database::millis;
use crate::limits::{Guard, Threshold};
use crate::plugin::registry::Wanted;
use crate::schedule::{Rhythm, Schedule};

/// Most profiles of a connector.
const MOST: u64 = 100;

impl Catalog {
    /// Makes a profile.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem, [`CatalogError::NotFound`] for the connector.
    pub async fn create_profile(
        &self,
        by: &Principal,
        connector: Uuid,
        new: NewProfile,
    ) -> Result<Profile, CatalogError> {
        let wanted = self.owner(connector).await?.wanted();
        let mut findings = Findings::default();
        let profile = self
            .examine_profile(by, (connector, &wanted), new, &mut findings)
            .await?;
        findings.end()?;
        self.database
            .write(async |connection| {
                self.insert_profile(connection, by, &profile, &wanted.name)
                    .await
            })
            .await?;
        self.tell();
        self.profile(connector, profile.id).await
    }

    /// The profile that is to be made, for a connector of this plugin; whatever is wrong with it is found.
    pub(in crate::catalog) async fn examine_profile(
        &self,
        by: &Principal,
        (connector, wanted): (Uuid, &Wanted),
        new: NewProfile,
        findings: &mut Findings,
    ) -> Result<Profile, CatalogError> {
        let map = match new.map {
            Some(map) => self.known_map(wanted, &map, findings).await?,
            None => self.default_map(wanted).await?,
        };
        let stamp = Stamp {
            at: self.clock.now(),
            by: by.actor.name.clone(),
        };
        let profile = Profile {
            id: Uuid::now_v7(),
            connector,
            revision: 1,
            name: findings.name("name", &new.name),
            description: findings.text("description", &new.description),
            map: MapName {
                id: map,
                name: None,
            },
            active: new.active,
            baseline: new.baseline,
            schedule_text: String::new(),
            schedule: new.schedule,
            guard: new.guard,
            created: stamp.clone(),
            changed: stamp,
        };
        check_rhythm(&profile, findings);
        Ok(profile)
    }

    /// Keeps a new profile of a connector of this plugin, in the transaction of the caller.
    pub(in crate::catalog) async fn insert_profile(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        profile: &Profile,
        plugin: &str,
    ) -> Result<(), CatalogError> {
        let connector = profile.connector;
        refuse(connection, profile, plugin).await?;
        if count(connection, connector).await? >= MOST {
            return Err(CatalogError::conflict(
                "profile.too-many",
                format!("The connector has {MOST} profiles already."),
                "Delete one first.",
            ));
        }
        insert(connection, profile).await?;
        let target = Target::new("profile", profile.id, &profile.name);
        let details = json!({
            "connector": connector,
            "map": profile.map.id,
            "active": profile.active,
            "baseline": profile.baseline,
            "schedule": profile.schedule,
            "guard": profile.guard,
        });
        self.note(connection, by, "profile.create", target, details)
            .await?;
        self.settle(connection, by, connector, "a profile was created")
            .await
    }

    /// Changes a profile. A change that changes nothing leaves its revision as it is.
    ///
    /// # Errors
    /// As [`Catalog::create_profile`].
    pub async fn change_profile(
        &self,
        by: &Principal,
        connector: Uuid,
        id: Uuid,
        revision: Option<i64>,
        change: ProfileChange,
    ) -> Result<Profile, CatalogError> {
        let owner = self.owner(connector).await?;
        let before = self.profile(connector, id).await?;
        check_revision(revision, before.revision)?;
        let mut findings = Findings::default();
        let mut after = before.clone();
        if let Some(name) = change.name {
            after.name = findings.name("name", &name);
        }
        if let Some(description) = change.description {
            after.description = findings.text("description", &description);
        }
        if let Some(map) = change.map {
            after.map.id = self.known_map(&owner.wanted(), &map, &mut findings).await?;
        }
        after.active = change.active.unwrap_or(before.active);
        after.baseline = change.baseline.unwrap_or(before.baseline);
        after.schedule = change.schedule.unwrap_or_else(|| before.schedule.clone());
        after.guard = change.guard.unwrap_or_else(|| before.guard.clone());
        check_rhythm(&after, &mut findings);
        findings.end()?;
        let changes = changes(&before, &after);
        if changes.is_empty() {
            return Ok(before);
        }
        let begins_anew = after.schedule != before.schedule || (after.active && !before.active);
        after.changed = Stamp {
            at: self.clock.now(),
            by: by.actor.name.clone(),
        };
        self.database
            .write(async |connection| {
                // What was validated is what is changed.
                let now = find(connection, connector, id).await?;
                check_revision(Some(before.revision), now.revision)?;
                refuse(connection, &after, &owner.plugin).await?;
                update(connection, &after, begins_anew).await?;
                let details = json!({ "connector": connector, "changes": changes });
                let target = Target::new("profile", id, &after.name);
                self.note(connection, by, "profile.change", target, details)
                    .await?;
                self.settle(connection, by, connector, "a profile was changed")
                    .await
            })
            .await?;
        self.tell();
        self.profile(connector, id).await
    }

    /// Deletes a profile. A run of it that goes on is not stopped.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::Stale`].
    pub async fn delete_profile(
        &self,
        by: &Principal,
        connector: Uuid,
        id: Uuid,
        revision: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.database
            .write(async |connection| {
                let profile = find(connection, connector, id).await?;
                check_revision(revision, profile.revision)?;
                sqlx::query("DELETE FROM profile WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *connection)
                    .await?;
                let target = Target::new("profile", id, &profile.name);
                let details = json!({ "connector": connector });
                self.note(connection, by, "profile.delete", target, details)
                    .await?;
                self.settle(connection, by, connector, "a profile was deleted")
                    .await
            })
            .await?;
        self.tell();
        Ok(())
    }

    async fn owner(&self, connector: Uuid) -> Result<Connector, CatalogError> {
        self.database
            .read(async |connection| find_connector(connection, connector).await)
            .await
    }

    /// The identifier of a map that a connector can use.
    async fn known_map(
        &self,
        wanted: &Wanted,
        map: &str,
        findings: &mut Findings,
    ) -> Result<String, CatalogError> {
        let found = match MapId::read(map) {
            Some(id) => match self.map_for(&id, wanted).await {
                Ok(_) => return Ok(id.to_string()),
                Err(error) => error,
            },
            None => CatalogError::NotFound("transform map"),
        };
        match found {
            CatalogError::NotFound(_) => findings.add(
                "map",
                format!("{} has no such transform map.", wanted.name),
                "Use the identifier of one of its maps.",
            ),
            CatalogError::Plugin(error) => findings.add(
                "map",
                format!("Its plugin can't be used: {error}."),
                "Install, approve and activate the plugin first.",
            ),
            error => return Err(error),
        }
        Ok(String::new())
    }

    async fn default_map(&self, wanted: &Wanted) -> Result<String, CatalogError> {
        let description = self.types.description(wanted).await?;
        let first = brought(&description).next().map(|(id, _)| id.to_string());
        first.ok_or(CatalogError::NotFound("transform map"))
    }
}

fn check_rhythm(profile: &Profile, findings: &mut Findings) {
    findings.under("schedule", profile.schedule.check());
    check_guard(&profile.guard, findings);
}

fn check_guard(guard: &Guard, findings: &mut Findings) {
    let Guard {
        users,
        groups,
        memberships,
    } = guard;
    for (stream, threshold) in [
        ("users", users),
        ("groups", groups),
        ("memberships", memberships),
    ] {
        let Threshold { share, .. } = threshold;
        if !(0.0..=1.0).contains(share) {
            findings.add(
                format!("guard.{stream}.share"),
                format!("{share} is no share."),
                "Give a number from 0 to 1, such as 0.2 for a fifth.",
            );
        }
    }
}

fn changes(before: &Profile, after: &Profile) -> Changes {
    let mut changes = Changes::default();
    changes.field("name", &before.name, &after.name);
    changes.field("description", &before.description, &after.description);
    changes.field("map", &before.map.id, &after.map.id);
    changes.field("active", &before.active, &after.active);
    changes.field("baseline", &before.baseline, &after.baseline);
    changes.field("schedule", &before.schedule, &after.schedule);
    changes.field("guard", &before.guard, &after.guard);
    changes
}

/// Refuses what only the transaction can know: that the name is taken, or that the connector or the map went
/// meanwhile.
async fn refuse(
    connection: &mut SqliteConnection,
    profile: &Profile,
    plugin: &str,
) -> Result<(), CatalogError> {
    let now = find_connector(connection, profile.connector).await?;
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM profile WHERE connector = $1 AND folded = $2 AND id <> $3)",
    )
    .bind(profile.connector.to_string())
    .bind(folded(&profile.name))
    .bind(profile.id.to_string())
    .fetch_one(&mut *connection)
    .await?;
    let mut findings = Findings::default();
    if taken {
        findings.add(
            "name",
            "Another profile of this connector has this name.",
            "Give another name.",
        );
    }
    let map_is_there = match MapId::read(&profile.map.id) {
        Some(MapId::Own(id)) => {
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM transform_map WHERE id = $1)")
                .bind(id.to_string())
                .fetch_one(connection)
                .await?
        }
        _ => true,
    };
    if !map_is_there || now.plugin != plugin {
        findings.add(
            "map",
            "It was deleted meanwhile, or the connector got another plugin.",
            "Use another map.",
        );
    }
    findings.end()
}

fn is_scheduled(schedule: &Schedule) -> bool {
    !matches!(schedule.rhythm, Rhythm::Manual {})
}

async fn insert(connection: &mut SqliteConnection, profile: &Profile) -> Result<(), CatalogError> {
    sqlx::query(
        "INSERT INTO profile (id, connector, revision, name, folded, description, map, active, baseline, \
         schedule, scheduled, scheduled_since, guard, created_at, created_by, changed_at, changed_by) \
         VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $13, $11, $13)",
    )
    .bind(profile.id.to_string())
    .bind(profile.connector.to_string())
    .bind(&profile.name)
    .bind(folded(&profile.name))
    .bind(&profile.description)
    .bind(&profile.map.id)
    .bind(profile.active)
    .bind(serde_json::to_string(&profile.baseline)?)
    .bind(serde_json::to_string(&profile.schedule)?)
    .bind(is_scheduled(&profile.schedule))
    .bind(millis(profile.created.at))
    .bind(serde_json::to_string(&profile.guard)?)
    .bind(&profile.created.by)
    .execute(connection)
    .await?;
    Ok(())
}

async fn update(
    connection: &mut SqliteConnection,
    profile: &Profile,
    begins_anew: bool,
) -> Result<(), CatalogError> {
    sqlx::query(
        "UPDATE profile SET revision = revision + 1, name = $2, folded = $3, description = $4, map = $5, \
         active = $6, baseline = $7, schedule = $8, scheduled = $9, \
         scheduled_since = CASE WHEN $10 THEN $11 ELSE scheduled_since END, guard = $12, \
         changed_at = $11, changed_by = $13 WHERE id = $1",
    )
    .bind(profile.id.to_string())
    .bind(&profile.name)
    .bind(folded(&profile.name))
    .bind(&profile.description)
    .bind(&profile.map.id)
    .bind(profile.active)
    .bind(serde_json::to_string(&profile.baseline)?)
    .bind(serde_json::to_string(&profile.schedule)?)
    .bind(is_scheduled(&profile.schedule))
    .bind(begins_anew)
    .bind(millis(profile.changed.at))
    .bind(serde_json::to_string(&profile.guard)?)
    .bind(&profile.changed.by)
    .execute(connection)
    .await?;
    Ok(())
}
