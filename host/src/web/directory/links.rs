//! Which of the platform's groups a group feeds: set and removed on the group's page.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::{Head, group, read};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::directory::MemberKind;
use crate::web::filters;
use crate::web::form::{Form, Mistakes};
use crate::web::link;
use crate::web::page::{Answer, done, page};
use crate::web::shell::{Administers, Shell};

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Fed {
    /// UUIDs, one a line.
    #[serde(rename = "platformGroups")]
    platform_groups: String,
}

pub(super) async fn set(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
    Form(fed): Form<Fed>,
) -> Answer {
    let (_, _, head) = read(&plane, connector, &id, MemberKind::Group).await?;
    let given: Vec<String> = fed
        .platform_groups
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let set = plane.catalog.set_link(&by, connector, &id, &given).await;
    let Err(error) = set else {
        let path = link::group(connector, &id);
        let fed = filters::counted(given.len(), "platform group");
        return done(&path, format!("{} feeds {fed}.", head.name));
    };
    let mistakes = Mistakes::of(named(error.into(), &given))?;
    group::refused(
        shell,
        &plane,
        (connector, &id),
        fed.platform_groups,
        mistakes,
    )
    .await
}

/// The problem, with the words that it is about: the form has one field for all of them.
fn named(mut problem: Problem, given: &[String]) -> Problem {
    for error in &mut problem.errors {
        let index = error.path.strip_prefix("platformGroups[");
        let index = index.and_then(|rest| rest.strip_suffix(']')?.parse::<usize>().ok());
        if let Some(word) = index.and_then(|index| given.get(index)) {
            error.message = format!("“{}”: {}", super::clipped(word, 60), error.message);
        }
        error.path = "platformGroups".into();
    }
    problem
}

#[derive(Template)]
#[template(path = "directory/unlink.html")]
struct Unlink {
    shell: Shell,
    head: Head,
    path: String,
    platform_groups: Vec<String>,
}

pub(super) async fn ask(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
) -> Answer {
    let (_, _, head) = read(&plane, connector, &id, MemberKind::Group).await?;
    let own = (connector, id);
    let mut fed = plane.catalog.fed_by(std::slice::from_ref(&own)).await?;
    let platform_groups = fed.remove(&own);
    page(&Unlink {
        shell,
        head,
        path: link::group(connector, &own.1),
        platform_groups: platform_groups.ok_or_else(|| Problem::not_found("group link"))?,
    })
}

pub(super) async fn remove(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path((connector, id)): Path<(Uuid, String)>,
) -> Answer {
    let (_, _, head) = read(&plane, connector, &id, MemberKind::Group).await?;
    plane.catalog.remove_link(&by, connector, &id).await?;
    let path = link::group(connector, &id);
    done(
        &path,
        format!("{} feeds no platform group any more.", head.name),
    )
}
