//! Everything that will be made, and making it.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::filters;
use super::super::page::{Answer, done, page};
use super::super::profiles::{Plan, plan};
use super::super::settings_form::{ALL, group_choice};
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step};
use super::tested::Shown;
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::catalog::{CatalogError, ConnectorDraft, MapId, NewProfile};
use crate::contract::{self, Description, SettingKind};
use crate::egress::CertificateFacts;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/new/{draft}/review", get(look).post(create))
}

/// Chosen groups that are named; the others are counted.
const NAMED_GROUPS: usize = 20;

/// A setting or a secret, as it will be.
struct Line {
    label: String,
    value: String,
    /// Whether it stands for itself because nothing was entered.
    is_usual: bool,
}

/// What keeps the connector from being made, with the step that mends it.
struct Obstacle {
    step: Step,
    address: String,
    problem: contract::Problem,
}

#[derive(Template)]
#[template(path = "wizard/review.html")]
struct ReviewPage {
    shell: Shell,
    frame: Frame,
    draft: ConnectorDraft,
    description: std::sync::Arc<Description>,
    lines: Vec<Line>,
    /// What the plugin calls its groups; none where it lets nobody choose.
    groups_label: Option<String>,
    groups: Vec<String>,
    other_groups: usize,
    map: String,
    profile: Option<NewProfile>,
    plan: Option<Plan>,
    tested: Option<Shown>,
    obstacles: Vec<Obstacle>,
    /// What went wrong when it was to be made.
    refused: Option<Problem>,
}

impl ReviewPage {
    /// Address of a step.
    fn at(&self, word: &str) -> String {
        format!("/connectors/new/{}/{word}", self.draft.id)
    }
}

async fn look(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    page(&shown(&plane, author, id, None).await?)
}

async fn shown(
    plane: &Plane,
    author: Author,
    id: Uuid,
    refused: Option<Problem>,
) -> Result<ReviewPage, Problem> {
    let (draft, description) = author.work(plane, id).await?;
    let review = plane.catalog.review_draft(&author.by, &draft).await?;
    let answers = draft.answers.clone();
    let profile = answers.profile.clone();
    let plan = match &profile {
        Some(profile) if profile.schedule.check().is_empty() => {
            Some(plan(plane, &profile.schedule, profile.baseline, None).await?)
        }
        _ => None,
    };
    let choice = group_choice(&description);
    let (groups, other_groups) = groups(&draft, &description);
    let obstacles = review.problems.into_iter().map(|problem| {
        let step = match choice {
            Some(choice)
                if problem
                    .path
                    .starts_with(&format!("settings.{}", choice.key)) =>
            {
                Step::Groups
            }
            _ => Step::of_field(&problem.path),
        };
        Obstacle {
            address: step.address(id),
            step,
            problem,
        }
    });
    Ok(ReviewPage {
        frame: Frame::new(&draft, &description, Step::Review),
        shell: author.shell,
        lines: lines(&draft, &description, &review.certificates),
        groups_label: choice.map(|setting| setting.label.clone()),
        groups,
        other_groups,
        map: map_name(plane, &draft, &description).await,
        profile,
        plan,
        tested: answers.tested.map(|test| Shown::new(test, &description)),
        obstacles: obstacles.collect(),
        refused,
        draft,
        description,
    })
}

/// Settings and secrets, but for the choice of groups.
fn lines(
    draft: &ConnectorDraft,
    description: &Description,
    certificates: &BTreeMap<String, CertificateFacts>,
) -> Vec<Line> {
    let but = group_choice(description).map(|setting| &setting.key);
    let settings = description.settings.iter();
    let shown = settings.filter(|setting| Some(&setting.key) != but);
    shown
        .map(|setting| {
            let (value, is_usual) = match &setting.kind {
                SettingKind::Secret => {
                    let note = draft.secrets.iter().find(|note| note.name == setting.key);
                    let until = note.map(|note| note.expires_on);
                    match (until, certificates.get(&setting.key)) {
                        (Some(_), Some(certificate)) => (certificate.to_string(), false),
                        (Some(Some(day)), None) => (format!("set, valid until {day}"), false),
                        (Some(None), None) => ("set".to_owned(), false),
                        (None, _) => ("not set".to_owned(), true),
                    }
                }
                kind => value(kind, &setting.key, &draft.answers.settings, setting),
            };
            Line {
                label: setting.label.clone(),
                value,
                is_usual,
            }
        })
        .collect()
}

fn value(
    kind: &SettingKind,
    key: &str,
    settings: &Map<String, Value>,
    setting: &contract::Setting,
) -> (String, bool) {
    let usual = setting.default_value.as_deref();
    let usual: Option<Value> = usual.and_then(|text| serde_json::from_str(text).ok());
    let given = settings.get(key);
    let value = given.or(usual.as_ref());
    let text = match (kind, value) {
        (_, None) => "not set".to_owned(),
        (SettingKind::Choice(choices), Some(Value::String(word))) => {
            let choice = choices.iter().find(|choice| choice.value == *word);
            choice.map_or_else(|| word.clone(), |choice| choice.label.clone())
        }
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(Value::Bool(on))) => if *on { "yes" } else { "no" }.to_owned(),
        (_, Some(value)) => value.to_string(),
    };
    (text, given.is_none())
}

/// Names of the chosen groups, and how many more there are; none where all are synced.
fn groups(draft: &ConnectorDraft, description: &Description) -> (Vec<String>, usize) {
    let key = group_choice(description).map(|setting| setting.key.as_str());
    let value = key.and_then(|key| draft.answers.settings.get(key));
    let items: Vec<&str> = match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(word)) if word != ALL => vec![word],
        _ => Vec::new(),
    };
    let names = &draft.answers.group_names;
    let named = items.iter().take(NAMED_GROUPS).map(|id| {
        let name = names.get(*id);
        name.cloned().unwrap_or_else(|| (*id).to_owned())
    });
    (named.collect(), items.len().saturating_sub(NAMED_GROUPS))
}

async fn map_name(plane: &Plane, draft: &ConnectorDraft, description: &Description) -> String {
    let chosen = draft.answers.map.as_deref();
    let Some(chosen) = chosen else {
        let first = description.maps.first();
        return first.map(|map| map.name.clone()).unwrap_or_default();
    };
    let detail = match MapId::read(chosen) {
        Some(map) => plane.catalog.map(&map).await.ok(),
        None => None,
    };
    // What is gone is among the obstacles.
    detail.map_or_else(|| chosen.to_owned(), |detail| detail.map.name)
}

async fn create(State(plane): State<Plane>, author: Author, Path(id): Path<Uuid>) -> Answer {
    let made = plane
        .catalog
        .create_from_draft(&author.by, author.owner, id)
        .await;
    let connector = match made {
        Ok(connector) => connector,
        Err(CatalogError::NotFound("draft")) => {
            // Pressed twice: the draft became this connector.
            match plane.catalog.connector(id).await {
                Ok(connector) => connector,
                Err(_) => return Err(Problem::not_found("draft")),
            }
        }
        Err(error) => {
            let refused = Problem::from(error);
            if refused.status >= 500 {
                return Err(refused);
            }
            let status = StatusCode::from_u16(refused.status);
            let status = status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            // What is wrong with fields is told by the page by itself.
            let refused = Some(refused).filter(|refused| refused.errors.is_empty());
            let shown = shown(&plane, author, id, refused).await?;
            return Ok((status, page(&shown)?).into_response());
        }
    };
    done(
        &format!("/connectors/{}", connector.id),
        format!("{} was created with its profile.", connector.name),
    )
}
