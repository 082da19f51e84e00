//! Trying rules before they are saved: every problem of them, and what they make of a record.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::directory::key_of;
use super::super::extract::{Json, Operator, Path};
use super::super::problem::{FieldError, Problem};
use super::map_id;
use crate::catalog::{Preview, PreviewOf, Record, RulesDraft};
use crate::contract::Rule;
use crate::directory::{Kind, MemberKind};

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(validate))
        .routes(routes!(preview_draft))
        .routes(routes!(preview))
}

/// What is wrong with rules.
#[derive(Debug, Serialize, ToSchema)]
struct Judged {
    /// Whether they could be saved.
    valid: bool,
    /// Every problem, such as of `rules[3].target`.
    problems: Vec<FieldError>,
}

/// Tell every problem of rules without saving them.
#[utoipa::path(
    post, path = "/transform-maps/validate", tag = "transform maps",
    request_body = RulesDraft,
    responses((status = 200, description = "Their problems", body = Judged)),
    security(("token" = ["operator"]))
)]
async fn validate(
    _: Operator,
    State(plane): State<Plane>,
    Json(draft): Json<RulesDraft>,
) -> Result<axum::Json<Judged>, Problem> {
    let problems = plane.catalog.validate_rules(draft).await?;
    Ok(axum::Json(Judged {
        valid: problems.is_empty(),
        problems: problems.into_iter().map(FieldError::from).collect(),
    }))
}

/// A user or group whose stored document stands for a record.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// A connector of the map's plugin.
    connector: Uuid,
    /// Identifier of a user at the source.
    #[serde(default)]
    user: Option<String>,
    /// Identifier of a group at the source; either this or a user.
    #[serde(default)]
    group: Option<String>,
}

/// What a map is tried with: a sample, a stored user or group, or else a record made up from the source model.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// Which version of the map; the newest where absent.
    #[serde(default)]
    version: Option<i64>,
    /// Other rules than those that are saved.
    #[serde(default)]
    rules: Option<Vec<Rule>>,
    /// A record of the source model.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    sample: Option<Map<String, Value>>,
    /// A user or group whose stored document stands for a record.
    #[serde(default)]
    record: Option<Stored>,
}

/// Rules that aren't saved, and what they are tried with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftTrial {
    /// The rules.
    draft: RulesDraft,
    /// A record of the source model.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    sample: Option<Map<String, Value>>,
    /// A user or group whose stored document stands for a record.
    #[serde(default)]
    record: Option<Stored>,
}

/// What a map makes of a record.
#[derive(Debug, Serialize, ToSchema)]
struct Tried {
    /// The record and the document.
    #[serde(flatten)]
    preview: Preview,
    /// Of a stored user or group: what is stored now, to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<StoredDocument>,
}

/// A user or group as the directory has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StoredDocument {
    /// Its name.
    pub(crate) name: String,
    /// Its target document; of a user with those of its groups.
    #[schema(value_type = Object)]
    pub(crate) document: Value,
}

/// Show what a transform map makes of a record.
///
/// The directory keeps what maps made of source records, not these records: for a stored user or group, the
/// record is rebuilt by reading the rules in force backwards, and the answer says so. What these rules make of
/// it is given too, with every difference.
#[utoipa::path(
    post, path = "/transform-maps/{map}/preview", tag = "transform maps",
    params(("map" = String, Path, description = "Identifier of the map")),
    request_body = Trial,
    responses((status = 200, description = "The record and the document", body = Tried)),
    security(("token" = ["operator"]))
)]
async fn preview(
    _: Operator,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Json(trial): Json<Trial>,
) -> Result<axum::Json<Tried>, Problem> {
    let of = PreviewOf::Map {
        id: map_id(&id)?,
        version: trial.version,
        rules: trial.rules,
    };
    attempt(&plane, of, trial.sample, trial.record).await
}

/// Show what rules that aren't saved make of a record.
#[utoipa::path(
    post, path = "/transform-maps/preview", tag = "transform maps",
    request_body = DraftTrial,
    responses((status = 200, description = "The record and the document", body = Tried)),
    security(("token" = ["operator"]))
)]
async fn preview_draft(
    _: Operator,
    State(plane): State<Plane>,
    Json(trial): Json<DraftTrial>,
) -> Result<axum::Json<Tried>, Problem> {
    let of = PreviewOf::Draft(trial.draft);
    attempt(&plane, of, trial.sample, trial.record).await
}

async fn attempt(
    plane: &Plane,
    of: PreviewOf,
    sample: Option<Map<String, Value>>,
    stored: Option<Stored>,
) -> Result<axum::Json<Tried>, Problem> {
    let (record, stored) = match (sample, stored) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid([FieldError {
                path: "record".into(),
                message: "There is a sample already.".into(),
                remedy: "Give either a sample or a stored user.".into(),
            }]));
        }
        (Some(sample), None) => (Record::Given(sample), None),
        (None, None) => (Record::MadeUp, None),
        (None, Some(wanted)) => {
            let (kind, id, field) = match (&wanted.user, &wanted.group) {
                (Some(user), None) => (Kind::Users, user, "record.user"),
                (None, Some(group)) => (Kind::Groups, group, "record.group"),
                _ => {
                    return Err(Problem::invalid([FieldError {
                        path: "record".into(),
                        message: "It names neither or both of a user and a group.".into(),
                        remedy: "Give either `user` or `group`.".into(),
                    }]));
                }
            };
            let stored = stored_document(plane, wanted.connector, kind, id).await?;
            let stored = stored.ok_or_else(|| {
                Problem::invalid([FieldError {
                    path: field.into(),
                    message: "The directory has no such object of this connector.".into(),
                    remedy: "Give the identifier of one that a run has brought.".into(),
                }])
            })?;
            let record = stored.record(wanted.connector, kind);
            (record, Some(stored))
        }
    };
    let preview = plane.catalog.preview(of, record).await?;
    Ok(axum::Json(Tried { preview, stored }))
}

impl StoredDocument {
    /// The record that is tried in its place.
    pub(crate) fn record(&self, connector: Uuid, kind: Kind) -> Record {
        let document = self.document.clone();
        match kind {
            Kind::Users => Record::Stored {
                connector,
                document,
            },
            Kind::Groups => Record::StoredGroup {
                connector,
                document,
            },
        }
    }
}

/// What the directory has stored of a user or group.
pub(crate) async fn stored_document(
    plane: &Plane,
    connector: Uuid,
    kind: Kind,
    id: &str,
) -> Result<Option<StoredDocument>, Problem> {
    let object = match key_of(plane, connector).await? {
        Some(key) => plane.directory.object(key, id).await?,
        None => None,
    };
    let Some(object) = object else {
        return Ok(None);
    };
    let document = match (kind, object.kind) {
        (Kind::Users, MemberKind::User) => object.target_document,
        (Kind::Groups, MemberKind::Group) => object.document,
        _ => None,
    };
    Ok(document.map(|document| StoredDocument {
        name: object.name,
        document,
    }))
}
