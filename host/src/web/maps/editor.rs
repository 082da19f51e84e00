//! A map: its rules to look at, or to change.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};

use super::draft::{Action, Draft, Pairs, placed};
use super::fields::Models;
use super::rows::{Row, rows};
use super::trial::{Outcome, Trial, Wish};
use super::{
    Administers, Answer, Form, Mistakes, Operates, Problem, Shell, again, done, filters, found, go,
    page,
};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::FieldError;
use crate::catalog::{MapChange, MapId, MapRecord, PreviewOf, RulesDraft, SampleOrigin, Stamp};
use crate::contract::Rule;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/maps/{id}", get(look).post(edit))
        .route("/maps/{id}/preview", post(attempt).get(back))
}

/// A map that isn't changed here.
#[derive(Template)]
#[template(path = "maps/map.html")]
struct MapPage {
    shell: Shell,
    map: MapRecord,
    rules: Vec<Rule>,
    models: Models,
    /// Only for those who may try rules.
    trial: Option<Trial>,
}

/// A map that is changed.
#[derive(Template)]
#[template(path = "maps/editor.html")]
struct EditorPage {
    shell: Shell,
    map: MapRecord,
    draft: Draft,
    rows: Vec<Row>,
    /// What is wrong with the rules as a whole.
    about_all: Vec<FieldError>,
    models: Models,
    /// What the plugin says about functions.
    functions: Option<String>,
    trial: Trial,
    /// Whether something was changed.
    unsaved: bool,
    /// Why it wasn't kept.
    mistakes: Mistakes,
    conflict: Option<Conflict>,
}

/// Somebody else was faster.
#[derive(Debug)]
struct Conflict {
    changed: Option<Stamp>,
    /// The version that this form was made from.
    from: i64,
}

impl EditorPage {
    /// How many rules are wrong.
    fn wrong(&self) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| !row.errors.is_empty()).count()
    }

    /// Whether the rules could be kept.
    fn is_sound(&self) -> bool {
        self.wrong() == 0 && self.about_all.is_empty()
    }
}

async fn look(shell: Shell, State(plane): State<Plane>, Path(id): Path<String>) -> Answer {
    let (id, detail) = found(&plane, &id).await?;
    if !detail.map.read_only && shell.administers() {
        let draft = Draft {
            name: detail.map.name.clone(),
            revision: detail.map.revision,
            version: detail.map.version,
            rules: detail.rules,
            ..Draft::default()
        };
        return page(&editor(&plane, shell, &id, draft, None).await?);
    }
    page(&read_only(&plane, shell, &id, Wish::default()).await?)
}

async fn back(_: Shell, Path(id): Path<String>) -> Answer {
    go(&format!("/maps/{id}"))
}

async fn attempt(
    Operates { shell, .. }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Answer {
    let (id, _) = found(&plane, &id).await?;
    let (draft, _) = Draft::read(pairs);
    page(&read_only(&plane, shell, &id, draft.wish).await?)
}

async fn read_only(
    plane: &Plane,
    shell: Shell,
    id: &MapId,
    wish: Wish,
) -> Result<MapPage, Problem> {
    let detail = plane.catalog.map(id).await?;
    let trial = match shell.operates() {
        true => {
            let of = PreviewOf::Map {
                id: id.clone(),
                version: None,
                rules: None,
            };
            Some(Trial::of(plane, &detail.map, of, wish).await?)
        }
        false => None,
    };
    Ok(MapPage {
        models: Models::of(plane, &detail.map, &detail.rules).await?,
        shell,
        map: detail.map,
        rules: detail.rules,
        trial,
    })
}

async fn edit(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Answer {
    let (id, before) = found(&plane, &id).await?;
    let (mut draft, action) = Draft::read(pairs);
    let here = draft.apply(action);
    let revision = match action {
        Action::Save => draft.revision,
        Action::Overwrite(revision) => revision,
        _ => return page(&editor(&plane, shell, &id, draft, here).await?),
    };
    let (rules, places) = draft.said();
    let change = MapChange {
        name: Some(draft.name.clone()),
        rules: Some(rules),
        comment: draft.comment.clone(),
    };
    let kept = plane
        .catalog
        .change_map(&by, &id, Some(revision), change)
        .await;
    let mut problem = match kept {
        Ok(after) => {
            let map = after.map;
            let told = if map.version != before.map.version {
                format!("{} is saved as version {}.", map.name, map.version)
            } else if map.revision != before.map.revision {
                format!("The map is named {} now.", map.name)
            } else {
                "Nothing was changed.".to_owned()
            };
            return done(&map.address(), told);
        }
        Err(error) => Problem::from(error),
    };
    problem.errors = problem
        .errors
        .into_iter()
        .map(|error| located(error, &places))
        .collect();
    let stale = problem.code == "request.changed-meanwhile";
    let mut shown = editor(&plane, shell, &id, draft, None).await?;
    shown.conflict = stale.then(|| Conflict {
        changed: shown.map.changed.clone(),
        from: shown.draft.version,
    });
    shown.mistakes = Mistakes::of(problem)?;
    again(&shown.mistakes, &shown)
}

/// A mistake at the place that its rule has in the form.
fn located(error: FieldError, places: &[usize]) -> FieldError {
    let problem = crate::contract::Problem {
        path: error.path,
        message: error.message,
        remedy: error.remedy,
    };
    placed(problem, places).into()
}

/// The editor with a draft; what is wrong with it is told, and what it makes of a record.
async fn editor(
    plane: &Plane,
    shell: Shell,
    id: &MapId,
    draft: Draft,
    here: Option<usize>,
) -> Result<EditorPage, Problem> {
    let saved = plane.catalog.map(id).await?;
    let (rules, places) = draft.said();
    let judged = RulesDraft {
        plugin: saved.map.plugin.clone(),
        source_model: Some(saved.map.source_model.clone()),
        target_model: Some(saved.map.target_model.clone()),
        rules: rules.clone(),
    };
    let problems = plane.catalog.validate_rules(judged).await?;
    let problems: Vec<FieldError> = problems
        .into_iter()
        .map(|problem| placed(problem, &places).into())
        .collect();
    let (about_rules, about_all): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|error: &FieldError| super::draft::place(&error.path).is_some());
    let unsaved = rules != saved.rules || draft.name.trim() != saved.map.name;
    let of = PreviewOf::Map {
        id: id.clone(),
        version: None,
        rules: Some(rules.clone()),
    };
    // A plugin that can't be asked was told of above.
    let functions = plane.catalog.known_functions(&saved.map.plugin).await;
    Ok(EditorPage {
        shell,
        rows: rows(&draft.rules, &about_rules, here),
        about_all,
        models: Models::of(plane, &saved.map, &rules).await?,
        functions: functions.ok().flatten(),
        trial: Trial::of(plane, &saved.map, of, draft.wish.clone()).await?,
        unsaved,
        map: saved.map,
        draft,
        mistakes: Mistakes::default(),
        conflict: None,
    })
}
