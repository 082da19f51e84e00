//! What is wrong with a draft, what its source says to it, and making its connector.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{ConnectorDraft, delete_draft};
use crate::access::Principal;
use crate::catalog::connector::{NewConnector, SoundConnector, refuse_taken};
use crate::catalog::input::Findings;
use crate::catalog::profile::Profile;
use crate::catalog::question::{Base, Draft, Tested};
use crate::catalog::{Answers, Catalog, CatalogError, Connector, NewProfile, SecretChanges};
use crate::contract::{Candidates, Problem};
use crate::egress::CertificateFacts;
use crate::plugin::registry::Wanted;

/// What a draft would become.
#[derive(Debug)]
pub struct Review {
    /// Everything that keeps it from becoming a connector with a profile; paths of the profile's fields begin with
    /// `profile`.
    pub problems: Vec<Problem>,
    /// What is known of the certificates among its secrets, by key; nothing while the plugin or the
    /// profile is missing.
    pub certificates: BTreeMap<String, CertificateFacts>,
}

impl Catalog {
    /// Whether name, description and plugin of a connector can be what was answered.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem.
    pub async fn check_basics(&self, answers: &Answers) -> Result<(), CatalogError> {
        let mut findings = Findings::default();
        let name = findings.name("name", &answers.name);
        findings.text("description", &answers.description);
        let wanted = Wanted {
            name: answers.plugin.clone(),
            version: answers.version.0.clone(),
        };
        self.declared(&wanted, &mut findings).await?;
        let taken = self
            .database
            .read(async |connection| refuse_taken(connection, Uuid::nil(), &name).await)
            .await;
        found(taken, None, &mut findings)?;
        findings.end()
    }

    /// Whether settings and secrets of a draft can be what was answered; the source isn't asked.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem.
    pub async fn check_settings(&self, draft: &ConnectorDraft) -> Result<(), CatalogError> {
        let mut findings = Findings::default();
        let settings = &draft.answers.settings;
        let examined = self
            .examine(
                &draft.wanted(),
                settings,
                &draft.secret_keys(),
                &mut findings,
            )
            .await?;
        let connection = examined.and_then(|examined| examined.connection);
        let changes = BTreeMap::new();
        self.certificates(connection.as_ref(), draft.id, &changes, &mut findings)
            .await?;
        findings.end()
    }

    /// Whether a profile can be made like this for a connector of a plugin.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem.
    pub async fn check_profile(
        &self,
        by: &Principal,
        wanted: &Wanted,
        profile: NewProfile,
    ) -> Result<(), CatalogError> {
        let mut findings = Findings::default();
        self.examine_profile(by, (Uuid::nil(), wanted), profile, &mut findings)
            .await?;
        findings.end()
    }

    /// The connection test of a draft.
    ///
    /// # Errors
    /// As [`Catalog::test`].
    pub async fn test_draft(&self, draft: &ConnectorDraft) -> Result<Tested, CatalogError> {
        let base = self.base_of(draft).await?;
        let asked = self.question_on(base, Draft::default()).await?;
        self.tested(asked).await
    }

    /// Groups of a draft's source.
    ///
    /// # Errors
    /// As [`Catalog::discover`].
    pub async fn discover_draft(
        &self,
        draft: &ConnectorDraft,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError> {
        let base = self.base_of(draft).await?;
        let asked = self.question_on(base, Draft::default()).await?;
        self.found(asked, name, page).await
    }

    async fn base_of(&self, draft: &ConnectorDraft) -> Result<Base, CatalogError> {
        let secrets = self
            .database
            .read(async |connection| self.vault.reveal(connection, draft.id).await)
            .await?;
        Ok(Base {
            connector: String::new(),
            wanted: Some(draft.wanted()),
            settings: draft.answers.settings.clone(),
            secrets,
        })
    }

    /// What a draft would become.
    ///
    /// # Errors
    /// Where the database or the registry fails.
    pub async fn review_draft(
        &self,
        by: &Principal,
        draft: &ConnectorDraft,
    ) -> Result<Review, CatalogError> {
        let mut findings = Findings::default();
        let sound = self.examine_draft(by, draft, &mut findings).await?;
        let name = &draft.answers.name;
        let taken = self
            .database
            .read(async |connection| refuse_taken(connection, draft.id, name.trim()).await)
            .await;
        found(taken, None, &mut findings)?;
        Ok(Review {
            problems: findings.into_problems(),
            certificates: sound
                .map(|(connector, _)| connector.certificates)
                .unwrap_or_default(),
        })
    }

    async fn examine_draft(
        &self,
        by: &Principal,
        draft: &ConnectorDraft,
        findings: &mut Findings,
    ) -> Result<Option<(SoundConnector, Profile)>, CatalogError> {
        let answers = &draft.answers;
        let new = NewConnector {
            name: answers.name.clone(),
            description: answers.description.clone(),
            plugin: answers.plugin.clone(),
            version: answers.version.clone(),
            data_model: None,
            settings: answers.settings.clone(),
            secrets: SecretChanges::default(),
        };
        let connector = self
            .examine_connector(draft.id, new, draft.secret_keys(), findings)
            .await?;
        let (Some(connector), Some(profile)) = (connector, answers.profile.clone()) else {
            if answers.profile.is_none() {
                findings.add("profile", "It is missing.", "Say when the connector runs.");
            }
            return Ok(None);
        };
        let profile = NewProfile {
            map: answers.map.clone(),
            ..profile
        };
        let mut of_profile = Findings::default();
        let profile = self
            .examine_profile(by, (draft.id, &draft.wanted()), profile, &mut of_profile)
            .await?;
        findings.under("profile", of_profile.into_problems());
        Ok(Some((connector, profile)))
    }

    /// Makes the connector of a draft and its profile, both or neither, and forgets the draft.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem, [`CatalogError::NotFound`].
    pub async fn create_from_draft(
        &self,
        by: &Principal,
        owner: Uuid,
        id: Uuid,
    ) -> Result<Connector, CatalogError> {
        let draft = self.draft(owner, id).await?;
        let mut findings = Findings::default();
        let sound = self.examine_draft(by, &draft, &mut findings).await?;
        findings.end()?;
        let (connector, profile) = sound.ok_or(CatalogError::NotFound("connector type"))?;
        self.database
            .write(async |connection| {
                let now = self.find_draft(connection, owner, id).await?;
                if now.answers != draft.answers || now.secrets != draft.secrets {
                    return Err(CatalogError::conflict(
                        "draft.changed-meanwhile",
                        "The draft was changed meanwhile, in another window.",
                        "Look at it again, then create the connector.",
                    ));
                }
                delete_draft(&mut *connection, id).await?;
                self.insert_connector(connection, by, &connector).await?;
                let plugin = &draft.answers.plugin;
                let made = self.insert_profile(connection, by, &profile, plugin).await;
                let mut findings = Findings::default();
                found(made, Some("profile"), &mut findings)?;
                findings.end()
            })
            .await?;
        self.tell();
        self.connector(id).await
    }
}

/// Adds the problems of an outcome, below a field, to others.
fn found(
    outcome: Result<(), CatalogError>,
    field: Option<&str>,
    findings: &mut Findings,
) -> Result<(), CatalogError> {
    match (outcome, field) {
        (Err(CatalogError::Invalid(problems)), Some(field)) => findings.under(field, problems),
        (Err(CatalogError::Invalid(problems)), None) => findings.all(problems),
        (outcome, _) => return outcome,
    }
    Ok(())
}
