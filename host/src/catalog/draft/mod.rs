//! Connectors that somebody is about to make: what was answered so far, kept until they are made or discarded.
//!
//! A draft is its owner's alone. Its secrets are in the vault under its identifier, which becomes that of the
//! connector: nothing has to be moved, and asking twice to make it makes it once.

mod create;

pub use create::Review;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::form::SecretChanges;
use super::input::Findings;
use super::question::Tested;
use super::{Catalog, CatalogError, NewProfile, Pin, uuid};
use crate::access::Principal;
use crate::database::{DatabaseError, instant, millis};
use crate::plugin::registry::Wanted;
use crate::vault::SecretNote;

/// How long a draft is kept that nobody changes.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most drafts of one owner.
const MOST: i64 = 50;
/// There is no such draft, or it is somebody else's.
const MISSING: CatalogError = CatalogError::NotFound("draft");

/// A connector that somebody is about to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorDraft {
    /// Identifier, which becomes that of the connector.
    pub id: Uuid,
    /// What was answered so far.
    pub answers: Answers,
    /// Which secrets have a value.
    pub secrets: Vec<SecretNote>,
    /// When it was begun.
    pub created: Timestamp,
    /// When it was changed last.
    pub changed: Timestamp,
}

/// What was answered so far. Nothing of it need be valid yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Answers {
    /// Name of the connector.
    pub name: String,
    /// For people.
    pub description: String,
    /// Name of an installed plugin.
    pub plugin: String,
    /// Which version of it.
    pub version: Pin,
    /// Settings by key, without secrets.
    pub settings: Map<String, Value>,
    /// Names of chosen groups by identifier, as they were when they were chosen.
    pub group_names: BTreeMap<String, String>,
    /// Identifier of the transform map.
    pub map: Option<String>,
    /// The profile, without its map.
    pub profile: Option<NewProfile>,
    /// The last connection test.
    pub tested: Option<LastTest>,
    /// Words for the parts that were filled in and found valid.
    pub done: BTreeSet<String>,
}

/// A connection test of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastTest {
    /// When.
    pub at: Timestamp,
    /// Whether settings or secrets were changed since.
    pub stale: bool,
    /// What was found.
    pub found: Tested,
}

impl Answers {
    /// Takes other settings. A connection test says nothing of them.
    pub fn set_settings(&mut self, settings: Map<String, Value>) {
        if self.settings != settings {
            self.settings = settings;
            self.outdate_test();
        }
    }

    fn outdate_test(&mut self) {
        if let Some(tested) = &mut self.tested {
            tested.stale = true;
        }
    }
}

impl ConnectorDraft {
    /// The version of the plugin that it uses.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted {
            name: self.answers.plugin.clone(),
            version: self.answers.version.0.clone(),
        }
    }

    /// Keys of the secrets that have a value.
    pub(crate) fn secret_keys(&self) -> BTreeSet<String> {
        self.secrets.iter().map(|note| note.name.clone()).collect()
    }
}

impl Catalog {
    /// The drafts of a user, the one that was changed last first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn drafts(&self, owner: Uuid) -> Result<Vec<ConnectorDraft>, CatalogError> {
        self.clear_drafts().await?;
        self.database
            .read(async |connection| {
                let rows = sqlx::query(
                    "SELECT * FROM draft WHERE owner = $1 ORDER BY changed_at DESC, id DESC",
                )
                .bind(owner.to_string())
                .fetch_all(&mut *connection)
                .await?;
                let mut drafts = Vec::with_capacity(rows.len());
                for row in &rows {
                    drafts.push(self.read_draft(connection, row).await?);
                }
                Ok(drafts)
            })
            .await
    }

    /// A draft of a user.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], also where it is somebody else's.
    pub async fn draft(&self, owner: Uuid, id: Uuid) -> Result<ConnectorDraft, CatalogError> {
        self.database
            .read(async |connection| self.find_draft(connection, owner, id).await)
            .await
    }

    /// Begins a draft.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] where the user has too many.
    pub async fn begin_draft(&self, owner: Uuid, answers: &Answers) -> Result<Uuid, CatalogError> {
        self.clear_drafts().await?;
        let id = Uuid::now_v7();
        self.database
            .write(async |connection| {
                let count: i64 = sqlx::query_scalar("SELECT count(*) FROM draft WHERE owner = $1")
                    .bind(owner.to_string())
                    .fetch_one(&mut *connection)
                    .await?;
                if count >= MOST {
                    return Err(CatalogError::conflict(
                        "draft.too-many",
                        format!("You have {MOST} unfinished connectors already."),
                        "Finish or discard one first.",
                    ));
                }
                sqlx::query(
                    "INSERT INTO draft (id, owner, answers, created_at, changed_at) \
                     VALUES ($1, $2, $3, $4, $4)",
                )
                .bind(id.to_string())
                .bind(owner.to_string())
                .bind(serde_json::to_string(answers)?)
                .bind(millis(self.clock.now()))
                .execute(connection)
                .await?;
                Ok(id)
            })
            .await
    }

    /// Changes a draft and its secrets, and gives it as it is then. What `change` does is done to what is kept
    /// at that moment, so that two pages of one draft don't undo each other's answers.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Invalid`] for secrets that can't be kept.
    pub async fn change_draft(
        &self,
        by: &Principal,
        (owner, id): (Uuid, Uuid),
        secrets: SecretChanges,
        change: impl FnOnce(&mut Answers),
    ) -> Result<ConnectorDraft, CatalogError> {
        let mut findings = Findings::default();
        let secrets = secrets.read(&mut findings);
        findings.end()?;
        let certificates = self
            .certificates(None, id, &secrets, &mut Findings::default())
            .await?;
        self.database
            .write(async |connection| {
                let before = self.find_draft(connection, owner, id).await?;
                let mut answers = before.answers.clone();
                change(&mut answers);
                if answers.version != before.answers.version || !secrets.is_empty() {
                    answers.outdate_test();
                }
                sqlx::query("UPDATE draft SET answers = $2, changed_at = $3 WHERE id = $1")
                    .bind(id.to_string())
                    .bind(serde_json::to_string(&answers)?)
                    .bind(millis(self.clock.now()))
                    .execute(&mut *connection)
                    .await?;
                self.keep_secrets(connection, by, id, (&secrets, &certificates))
                    .await?;
                self.find_draft(connection, owner, id).await
            })
            .await
    }

    /// Forgets a draft and its secrets.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn discard_draft(&self, owner: Uuid, id: Uuid) -> Result<(), CatalogError> {
        self.database
            .write(async |connection| {
                self.find_draft(connection, owner, id).await?;
                self.vault.forget(&mut *connection, id, None).await?;
                Ok(delete_draft(connection, id).await?)
            })
            .await
    }

    /// Forgets drafts that nobody has changed for long, whosever they are.
    async fn clear_drafts(&self) -> Result<(), CatalogError> {
        let before = millis(self.clock.now() - KEPT);
        let old: Vec<String> = self
            .database
            .read::<_, CatalogError>(async |connection| {
                let old = sqlx::query_scalar("SELECT id FROM draft WHERE changed_at < $1");
                Ok(old.bind(before).fetch_all(connection).await?)
            })
            .await?;
        if old.is_empty() {
            return Ok(());
        }
        self.database
            .write(async |connection| {
                for id in old {
                    let id = uuid(&id)?;
                    self.vault.forget(&mut *connection, id, None).await?;
                    delete_draft(&mut *connection, id).await?;
                }
                Ok(())
            })
            .await
    }

    async fn find_draft(
        &self,
        connection: &mut SqliteConnection,
        owner: Uuid,
        id: Uuid,
    ) -> Result<ConnectorDraft, CatalogError> {
        let row = sqlx::query("SELECT * FROM draft WHERE id = $1 AND owner = $2")
            .bind(id.to_string())
            .bind(owner.to_string())
            .fetch_optional(&mut *connection)
            .await?
            .ok_or(MISSING)?;
        self.read_draft(connection, &row).await
    }

    async fn read_draft(
        &self,
        connection: &mut SqliteConnection,
        row: &SqliteRow,
    ) -> Result<ConnectorDraft, CatalogError> {
        let id = uuid(row.try_get("id")?)?;
        let answers: &str = row.try_get("answers")?;
        Ok(ConnectorDraft {
            id,
            answers: serde_json::from_str(answers)?,
            secrets: self.vault.notes(connection, id).await?,
            created: instant(row.try_get("created_at")?)?,
            changed: instant(row.try_get("changed_at")?)?,
        })
    }
}

async fn delete_draft(connection: &mut SqliteConnection, id: Uuid) -> Result<(), DatabaseError> {
    sqlx::query("DELETE FROM draft WHERE id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
