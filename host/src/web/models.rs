//! `/models`: the records that plugins read and make, field by field.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::page::{Answer, page};
use super::shell::Shell;
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::Problem as Refusal;
use crate::catalog::{DataModelRecord, FieldRecord, RulesDraft, Side};
use crate::contract::Problem;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/models", get(list))
        .route("/models/{id}", get(read))
}

impl Side {
    /// What is done with records of it.
    fn words(self) -> &'static str {
        match self {
            Self::Source => "source model",
            Self::Target => "target model",
        }
    }
}

#[derive(Template)]
#[template(path = "maps/models.html")]
struct ListPage {
    shell: Shell,
    models: Vec<DataModelRecord>,
}

async fn list(shell: Shell, State(plane): State<Plane>) -> Answer {
    let mut models = plane.catalog.data_models().await?;
    models.sort_by(|one, other| one.id.cmp(&other.id));
    page(&ListPage { shell, models })
}

#[derive(Template)]
#[template(path = "maps/model.html")]
struct ModelPage {
    shell: Shell,
    model: DataModelRecord,
    text: String,
    kind: String,
    /// The JSON types that its fields have.
    kinds: Vec<String>,
    /// How many fields it has, in words.
    count: String,
    /// Those that are shown.
    fields: Vec<FieldRecord>,
    /// Of a target model: what the plugin misses in a map without any rule.
    needs: Vec<Problem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    text: String,
    kind: String,
}

async fn read(
    shell: Shell,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let models = plane.catalog.data_models().await?;
    let found = models.into_iter().find(|model| model.id == id);
    let mut model = found.ok_or_else(|| Refusal::not_found("data-model"))?;
    let needs = match model.side {
        Side::Target => needs(&plane, &model.plugin).await?,
        Side::Source => Vec::new(),
    };
    let all = std::mem::take(&mut model.fields);
    let mut kinds: Vec<String> = all.iter().map(|field| field.field.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    let count = match all.len() {
        1 => "1 field".to_owned(),
        count => format!("{count} fields"),
    };
    let text = wanted.text.trim().to_lowercase();
    let is_wanted = |field: &FieldRecord| {
        let field = &field.field;
        (wanted.kind.is_empty() || field.kind == wanted.kind)
            && (field.path.to_lowercase().contains(&text)
                || field.meaning.to_lowercase().contains(&text))
    };
    page(&ModelPage {
        shell,
        fields: all.into_iter().filter(is_wanted).collect(),
        model,
        text: wanted.text,
        kind: wanted.kind,
        kinds,
        count,
        needs,
    })
}

/// What a plugin misses in a map without any rule.
async fn needs(plane: &Plane, plugin: &str) -> Result<Vec<Problem>, Refusal> {
    let nothing = RulesDraft {
        plugin: plugin.to_owned(),
        source_model: None,
        target_model: None,
        rules: Vec::new(),
    };
    let mut problems = plane.catalog.validate_rules(nothing).await?;
    // Others are about the plugin, which then has no rules either.
    problems.retain(|problem| problem.path == "rules");
    Ok(problems)
}
