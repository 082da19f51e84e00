//! A catalog whose plugins are made up.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use semver::Version;

use super::{Catalog, CatalogError, ConnectorType, InstalledVersion, Question, Types};
use crate::access::{Principal, Role};
use crate::audit::{Actor, ActorKind};
use crate::clock::ManualClock;
use crate::contract::{
    Candidate, Candidates, Chapter, CheckLine, CheckOutcome, Choice, DataModel, Description, Field,
    Problem, Rule, Setting, SettingKind, TransformMap,
};
use crate::database::{Database, testing};
use crate::egress::{Authentication, ClientCredentials, Connection, Proof};
use crate::plugin::registry::{RegistryError, Wanted};
use crate::settings::PluginSettings;
use crate::vault::{Key, Vault};

/// What a plugin was asked.
#[derive(Debug, Default)]
pub(crate) struct MadeUp {
    pub(crate) asked: Mutex<Vec<Question>>,
}

/// The name of the made-up plugin.
pub(crate) const PLUGIN: &str = "entra";

fn setting(key: &str, kind: SettingKind, required: bool) -> Setting {
    Setting {
        key: key.into(),
        label: format!("The {key}"),
        kind,
        required,
        help: format!("Where to find the {key}."),
        default_value: None,
    }
}

fn field(path: &str, kind: &str) -> Field {
    Field {
        path: path.into(),
        kind: kind.into(),
        meaning: String::new(),
    }
}

pub(crate) fn rule(target: &str, source: &str) -> Rule {
    Rule {
        target: target.into(),
        sources: vec![source.into()],
        functions: Vec::new(),
        default_value: None,
        note: None,
    }
}

pub(crate) fn description(name: &str) -> Description {
    let choice = |value: &str| Choice {
        value: value.into(),
        label: value.into(),
    };
    let map = |name: &str, rules| TransformMap {
        name: name.into(),
        source_model: "Source".into(),
        target_model: "Target".into(),
        rules,
    };
    Description {
        name: name.into(),
        version: Version::new(1, 0, 0),
        vendor: "Contoso".into(),
        product: "Directory".into(),
        summary: "Brings users.".into(),
        category: "Assets (User Groups)".into(),
        asset_types: Vec::new(),
        finding_types: Vec::new(),
        supported_versions: Vec::new(),
        integration_method: "API (pull)".into(),
        direction: "Inbound".into(),
        incremental: true,
        unsupported: Vec::new(),
        settings: vec![
            setting("tenantId", SettingKind::Text, true),
            setting("clientSecret", SettingKind::Secret, true),
            setting(
                "cloud",
                SettingKind::Choice(vec![choice("global"), choice("china")]),
                false,
            ),
            setting("groups", SettingKind::Groups, false),
            setting("deep", SettingKind::Flag, false),
            setting("notification", SettingKind::Document, false),
            setting("endpoint", SettingKind::Text, false),
        ],
        permissions: Vec::new(),
        guide: vec![Chapter {
            title: "Register the application".into(),
            steps: vec!["Open *Applications* at https://idp.example/apps.".into()],
        }],
        group_kinds: vec![
            Choice {
                value: "team".into(),
                label: "Team".into(),
            },
            Choice {
                value: "list".into(),
                label: "Mailing list".into(),
            },
        ],
        hosts: Vec::new(),
        source_model: DataModel {
            name: "Source".into(),
            fields: vec![
                field("id", "string"),
                field("mail", "string"),
                field("enabled", "boolean"),
                field("groupInfo[].idpGroup", "string"),
            ],
            groups_path: None,
        },
        target_model: DataModel {
            name: "Target".into(),
            fields: vec![
                field("externalId", "string"),
                field("userData.emailId", "string"),
                field("groupInfo[].idpGroup", "string"),
            ],
            groups_path: Some("groupInfo".into()),
        },
        maps: vec![
            map("Default", vec![rule("externalId", "id")]),
            map(
                "With mail",
                vec![rule("externalId", "id"), rule("userData.emailId", "mail")],
            ),
        ],
        checkpoint_version: 1,
    }
}

fn unknown(wanted: &Wanted) -> CatalogError {
    CatalogError::Plugin(RegistryError::Unknown {
        wanted: wanted.to_string(),
        installed: vec![format!("{PLUGIN}@1.0.0")],
    })
}

pub(crate) fn problem(path: &str) -> Problem {
    Problem {
        path: path.into(),
        message: "It is wrong.".into(),
        remedy: "Mend it.".into(),
    }
}

#[async_trait]
impl Types for MadeUp {
    async fn installed(&self) -> Result<Vec<ConnectorType>, CatalogError> {
        let of = |name: &str| ConnectorType {
            name: name.into(),
            active: Some(Version::new(1, 0, 0)),
            versions: vec![InstalledVersion {
                version: Version::new(1, 0, 0),
                standing: "active".into(),
                reason: None,
                contract: "1.0.0".into(),
                signed_by: None,
                installed_at: Timestamp::UNIX_EPOCH,
            }],
            description: Some(Arc::new(description(name))),
            trouble: None,
        };
        Ok(vec![of(PLUGIN), of("scim")])
    }

    async fn description(&self, wanted: &Wanted) -> Result<Arc<Description>, CatalogError> {
        let is_there = [PLUGIN, "scim"].contains(&wanted.name.as_str())
            && wanted
                .version
                .as_ref()
                .is_none_or(|version| *version == Version::new(1, 0, 0));
        match is_there {
            true => Ok(Arc::new(description(&wanted.name))),
            false => Err(unknown(wanted)),
        }
    }

    async fn connect(
        &self,
        wanted: &Wanted,
        settings: &PluginSettings,
    ) -> Result<Result<Connection, Vec<Problem>>, CatalogError> {
        self.description(wanted).await?;
        assert!(!settings.values.contains("clientSecret"), "{settings:?}");
        let values: serde_json::Value = serde_json::from_str(&settings.values).unwrap();
        if values["tenantId"] == "common" {
            return Ok(Err(vec![problem("tenantId")]));
        }
        if values["groups"][0] == "not a group" {
            return Ok(Err(vec![problem("groups[0]")]));
        }
        let origin = values["endpoint"].as_str().unwrap_or("https://idp.example");
        Ok(Ok(Connection {
            origins: vec![origin.into()],
            authentication: Authentication::ClientCredentials(ClientCredentials {
                token_endpoint: format!("{origin}/{}/token", values["tenantId"]),
                scope: None,
                client_id: "client".into(),
                proof: Proof::ClientSecret("clientSecret".into()),
                audience: vec![origin.into()],
            }),
            quota: None,
            consent: Some(format!(
                "https://idp.example/{}/consent",
                values["tenantId"].as_str().unwrap_or_default()
            )),
        }))
    }

    async fn check(
        &self,
        question: &Question,
        _: &TransformMap,
    ) -> Result<Vec<CheckLine>, CatalogError> {
        self.asked.lock().unwrap().push(question.clone());
        Ok(vec![CheckLine {
            item: "credential".into(),
            outcome: CheckOutcome::Passed,
            seen: "a token".into(),
            remedy: None,
        }])
    }

    async fn discover(
        &self,
        question: &Question,
        name: Option<&str>,
        page: Option<&str>,
    ) -> Result<Candidates, CatalogError> {
        self.asked.lock().unwrap().push(question.clone());
        let name = format!("{}{}", name.unwrap_or_default(), page.unwrap_or_default());
        Ok(Candidates {
            groups: vec![Candidate {
                id: "g".into(),
                name,
                detail: String::new(),
            }],
            next: page.is_none().then(|| "more".to_owned()),
        })
    }

    async fn validate(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
    ) -> Result<Vec<Problem>, CatalogError> {
        let known = self.description(wanted).await?.target_model.clone();
        let wrong = map
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| !known.fields.iter().any(|field| field.path == rule.target));
        Ok(wrong
            .map(|(index, _)| problem(&format!("rules[{index}].target")))
            .collect())
    }

    async fn preview(
        &self,
        wanted: &Wanted,
        map: &TransformMap,
        sample: &str,
    ) -> Result<Result<String, Vec<Problem>>, CatalogError> {
        let problems = self.validate(wanted, map).await?;
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let sample: serde_json::Value = serde_json::from_str(sample).unwrap();
        let given: serde_json::Map<String, serde_json::Value> = map
            .rules
            .iter()
            .filter_map(|rule| {
                Some((
                    rule.target.clone(),
                    sample.get(rule.sources.first()?)?.clone(),
                ))
            })
            .collect();
        Ok(Ok(serde_json::Value::Object(given).to_string()))
    }
}

/// A catalog in a database of its own.
pub(crate) struct Bench {
    pub(crate) catalog: Catalog,
    pub(crate) database: Database,
    pub(crate) types: Arc<MadeUp>,
    pub(crate) clock: ManualClock,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let (database, folder) = testing::empty().await;
        let vault = Arc::new(Vault::new(Key::generate()));
        let types = Arc::<MadeUp>::default();
        let clock = ManualClock::new("2027-05-01T12:00:00Z".parse().unwrap());
        let catalog = Catalog::new(
            database.clone(),
            vault,
            types.clone(),
            Arc::new(clock.clone()),
        );
        Self {
            catalog,
            database,
            types,
            clock,
            _folder: folder,
        }
    }

    /// The connector `Contoso`.
    pub(crate) async fn connector(&self) -> super::Connector {
        self.named("Contoso").await.unwrap()
    }

    pub(crate) async fn named(&self, name: &str) -> Result<super::Connector, CatalogError> {
        let new = serde_json::json!({
            "name": name,
            "plugin": PLUGIN,
            "settings": {"tenantId": "contoso.example"},
            "secrets": {"clientSecret": {"value": "hunter2", "expiresOn": "2028-01-01"}},
        });
        let new = serde_json::from_value(new).unwrap();
        self.catalog.create_connector(&admin(), new).await
    }
}

pub(crate) fn admin() -> Principal {
    principal(Role::Admin)
}

pub(crate) fn principal(role: Role) -> Principal {
    Principal {
        actor: Actor {
            kind: ActorKind::User,
            id: Some("u1".into()),
            name: "Ada".into(),
        },
        role,
        address: None,
    }
}

/// The paths of an error's problems.
pub(crate) fn paths(error: CatalogError) -> Vec<String> {
    match error {
        CatalogError::Invalid(problems) => problems.into_iter().map(|p| p.path).collect(),
        error => panic!("{error:?}"),
    }
}
