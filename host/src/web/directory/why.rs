//! Every way by which somebody is in a group.

use askama::Template;
use axum::extract::State;
use uuid::Uuid;

use super::{Head, called, read};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::directory::MemberKind;
use crate::web::filters;
use crate::web::link;
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;

/// Ways that are told.
const MOST: usize = 50;

/// A name, with the page of what has it.
struct Step {
    name: String,
    href: Option<String>,
}

#[derive(Template)]
#[template(path = "directory/why.html")]
struct Why {
    shell: Shell,
    head: Head,
    group: String,
    member: Step,
    ways: Vec<Vec<Step>>,
    more: bool,
}

pub(super) async fn show(
    shell: Shell,
    State(plane): State<Plane>,
    Path((connector, id, member)): Path<(Uuid, String, String)>,
) -> Answer {
    let (key, _, head) = read(&plane, connector, &id, MemberKind::Group).await?;
    let other = plane.directory.object(key, &member).await?;
    let other = other.ok_or_else(|| Problem::not_found("member"))?;
    let why = plane.directory.why(key, &id, &member, MOST).await?;
    let step = |name: &str, id: &str, kind| Step {
        name: called(name, id),
        href: link::member(kind, connector, id),
    };
    let ways = why.paths.iter().map(|path| {
        let groups = path.0.iter();
        groups
            .map(|group| step(&group.name, &group.id, MemberKind::Group))
            .collect()
    });
    page(&Why {
        shell,
        group: link::group(connector, &id),
        member: step(&other.name, &other.id, other.kind),
        ways: ways.collect(),
        more: why.more,
        head,
    })
}
