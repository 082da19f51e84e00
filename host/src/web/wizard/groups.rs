//! Which groups are synced: all, or some that are looked for at the source.

use std::collections::BTreeSet;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::link::address;
use super::super::page::{Answer, again, go, page};
use super::super::sent::Sent;
use super::super::settings_form::{ALL, beside_fields, group_choice, items};
use super::super::shell::Shell;
use super::steps::{Author, Frame, Step, mark};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::{FieldError, Problem};
use crate::catalog::ConnectorDraft;
use crate::contract::{self, Candidates, Description, Setting};

/// Longest search text, and longest place of a page, in bytes.
const QUERY_BYTES: usize = 2 << 10;

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/connectors/new/{draft}/groups", get(form).post(save))
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    pub(super) search: String,
    /// Where the page of the source begins.
    #[serde(default)]
    pub(super) page: String,
}

impl Search {
    /// What names are to begin with.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.search.trim()).filter(|text| !text.is_empty())
    }

    /// Where the page of the source begins.
    pub(super) fn place(&self) -> Option<&str> {
        Some(self.page.trim()).filter(|text| !text.is_empty())
    }

    pub(super) fn is_too_long(&self) -> bool {
        self.search.len() > QUERY_BYTES || self.page.len() > QUERY_BYTES
    }
}

/// A group that was chosen.
struct Chosen {
    id: String,
    /// As it was when it was chosen; empty where only the identifier was given.
    name: String,
}

/// A group to choose.
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) detail: String,
    /// What is sent for it: identifier and name.
    pub(super) value: String,
    pub(super) is_chosen: bool,
}

impl Candidate {
    fn new(group: contract::Candidate, chosen: &BTreeSet<&str>) -> Self {
        Self {
            value: pick(&group.id, &group.name),
            is_chosen: chosen.contains(group.id.as_str()),
            id: group.id,
            name: group.name,
            detail: group.detail,
        }
    }
}

/// What is sent for a group that is chosen.
pub(super) fn pick(id: &str, name: &str) -> String {
    Value::from(vec![id, name]).to_string()
}

/// What the source said.
#[derive(Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// What leads to more.
    pub(super) next: Option<String>,
    pub(super) problem: Option<Problem>,
}

impl Found {
    /// Of an answer, in which `next` is where its next page begins; that the source doesn't answer is told in the place
    /// of the answer.
    pub(super) fn of(
        answer: Result<Candidates, Problem>,
        chosen: &BTreeSet<&str>,
    ) -> Result<Self, Problem> {
        match answer {
            Ok(found) => Ok(Self {
                candidates: found
                    .groups
                    .into_iter()
                    .map(|group| Candidate::new(group, chosen))
                    .collect(),
                next: found.next,
                problem: None,
            }),
            Err(problem) if problem.status < 500 => Ok(Self {
                problem: Some(problem),
                ..Self::default()
            }),
            Err(problem) => Err(problem),
        }
    }
}

#[derive(Template)]
#[template(path = "wizard/groups.html")]
struct GroupsPage {
    shell: Shell,
    frame: Frame,
    /// Where the form is sent to.
    address: String,
    authentication: String,
    path: String,
    setting: Setting,
    all: bool,
    chosen: Vec<Chosen>,
    search: String,
    found: Found,
    mistakes: Mistakes,
}

async fn form(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    Query(search): Query<Search>,
) -> Answer {
    let (draft, description) = author.work(&plane, id).await?;
    let shown = shown(&plane, author, &draft, &description, search).await?;
    page(&shown)
}

async fn shown(
    plane: &Plane,
    author: Author,
    draft: &ConnectorDraft,
    description: &Description,
    search: Search,
) -> Result<GroupsPage, Problem> {
    let setting = choice(description)?;
    let value = draft.answers.settings.get(&setting.key);
    let chosen = chosen(draft, value);
    let found = find(plane, draft, &chosen, &search).await?;
    Ok(GroupsPage {
        shell: author.shell,
        frame: Frame::new(draft, description, Step::Groups),
        address: Step::Groups.address(draft.id),
        authentication: Step::Authentication.address(draft.id),
        path: format!("settings.{}", setting.key),
        setting: setting.clone(),
        all: !value.is_some_and(Value::is_array),
        chosen,
        search: search.search,
        found,
        mistakes: Mistakes::default(),
    })
}

fn choice(description: &Description) -> Result<&Setting, Problem> {
    group_choice(description).ok_or_else(|| Problem::not_found("step"))
}

fn chosen(draft: &ConnectorDraft, value: Option<&Value>) -> Vec<Chosen> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    let ids = items.filter_map(Value::as_str);
    ids.map(|id| Chosen {
        id: id.to_owned(),
        name: draft
            .answers
            .group_names
            .get(id)
            .cloned()
            .unwrap_or_default(),
    })
    .collect()
}

/// Asks the source.
async fn find(
    plane: &Plane,
    draft: &ConnectorDraft,
    chosen: &[Chosen],
    search: &Search,
) -> Result<Found, Problem> {
    let not_asked = |what| Err(Problem::conflict("wizard.authentication", what));
    let answer = if !draft.answers.done.contains(Step::Authentication.word()) {
        not_asked("Groups can be looked for once settings and secrets are in order.")
    } else if search.is_too_long() {
        not_asked("What is looked for is too long.")
    } else {
        let asked = plane
            .catalog
            .discover_draft(draft, search.name(), search.place());
        asked.await.map_err(Problem::from)
    };
    let ids: BTreeSet<&str> = chosen.iter().map(|group| group.id.as_str()).collect();
    let mut found = Found::of(answer, &ids)?;
    found.next = found.next.map(|page| {
        let parameters = [("search", search.search.as_str()), ("page", page.as_str())];
        address(&Step::Groups.address(draft.id), &parameters)
    });
    Ok(found)
}

async fn save(
    State(plane): State<Plane>,
    author: Author,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let (draft, description) = author.work(&plane, id).await?;
    let setting = choice(&description)?.clone();
    let key = setting.key.clone();
    let removed = sent.text("remove");
    let added = added(&sent);
    // Whoever ticks a group or removes one means some, and not all.
    let is_all = sent.text("scope") == ALL && sent.action() == "save" && added.is_empty();
    let draft = author
        .change(&plane, draft.id, |answers| {
            let kept = answers.settings.get(&key).and_then(Value::as_array);
            let mut ids: Vec<String> = kept
                .into_iter()
                .flatten()
                .filter_map(|id| id.as_str().map(str::to_owned))
                .filter(|id| *id != removed)
                .collect();
            for (id, name) in added {
                if !ids.contains(&id) {
                    ids.push(id.clone());
                }
                if !name.is_empty() {
                    answers.group_names.insert(id, name);
                }
            }
            answers.group_names.retain(|id, _| ids.contains(id));
            let value = if is_all { ALL.into() } else { ids.into() };
            answers.settings.insert(key, value);
            mark(answers, Step::Groups, false);
        })
        .await?;
    let search = Search {
        search: sent.text("search").to_owned(),
        page: String::new(),
    };
    let here = Step::Groups.address(id);
    if sent.action() != "save" {
        return go(&address(&here, &[("search", &search.search)]));
    }
    let none_chosen = draft.answers.settings.get(&setting.key) == Some(&Value::Array(Vec::new()));
    let problem = match plane.catalog.check_settings(&draft).await {
        Err(error) => about(&setting, &beside_fields(error.into())),
        Ok(()) if none_chosen => Some(Problem::invalid([FieldError {
            path: format!("settings.{}", setting.key),
            message: "No group is chosen.".into(),
            remedy: "Choose one, or sync all of them.".into(),
        }])),
        Ok(()) => None,
    };
    let Some(mistakes) = problem.map(Mistakes::of).transpose()? else {
        author.mark(&plane, id, Step::Groups, true).await?;
        return go(&Frame::new(&draft, &description, Step::Groups).next);
    };
    let mut shown = shown(&plane, author, &draft, &description, search).await?;
    shown.mistakes = mistakes;
    again(&shown.mistakes, &shown)
}

/// Groups that were ticked, and those whose identifiers were written.
pub(super) fn added(sent: &Sent) -> Vec<(String, String)> {
    let ticked = sent.all("add").filter_map(|value| {
        let (id, name): (String, String) = serde_json::from_str(value).ok()?;
        Some((id, name))
    });
    let written = items(sent.text("ids"));
    let written = written.as_array().cloned().unwrap_or_default();
    let written = written
        .into_iter()
        .filter_map(|id| Some((id.as_str()?.to_owned(), String::new())));
    ticked.chain(written).collect()
}

/// The part of a problem that this step can mend; the rest is another step's.
pub(super) fn about(setting: &Setting, problem: &Problem) -> Option<Problem> {
    let path = format!("settings.{}", setting.key);
    let errors = problem.errors.iter().filter(|error| error.path == path);
    let own: Vec<FieldError> = errors.cloned().collect();
    (!own.is_empty()).then(|| Problem::invalid(own))
}
