//! Who joined and left, run by run.

use jiff::Timestamp;
use uuid::Uuid;

use super::{called, request};
use crate::api::Plane;
use crate::api::problem::Problem;
use crate::database::instant;
use crate::directory::{ChangeFilter, ConnectorKey, MemberKind, MembershipChange, Turn};
use crate::web::link::{self, Foot};
use crate::web::turns;

/// What one run did.
pub(super) struct Turns {
    pub(super) at: Timestamp,
    /// The page of the run, where it is still known.
    pub(super) run: Option<Uuid>,
    pub(super) changes: Vec<Change>,
}

/// Somebody joined or left.
pub(super) struct Change {
    pub(super) joined: bool,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) href: Option<String>,
}

/// A page of changes, newest first.
pub(super) struct Timeline {
    pub(super) runs: Vec<Turns>,
    pub(super) foot: Foot,
    /// Whether members of a group are told, or else groups of a member.
    pub(super) of_group: bool,
}

/// The changes of a group, or of a member.
pub(super) async fn timeline(
    plane: &Plane,
    (key, connector): (ConnectorKey, Uuid),
    id: &str,
    of_group: bool,
    (path, cursor): (&str, Option<&String>),
) -> Result<Timeline, Problem> {
    let id = Some(id.to_owned());
    let filter = ChangeFilter {
        group: id.clone().filter(|_| of_group),
        member: id.filter(|_| !of_group),
        ..ChangeFilter::default()
    };
    let page = plane
        .directory
        .membership_changes(key, &filter, &request(cursor))
        .await?;
    let mut keys: Vec<i64> = page.items.iter().map(|change| change.when.run.0).collect();
    keys.dedup();
    let known = plane.work.runs_in_directory(connector, &keys).await?;
    let mut runs: Vec<(i64, Turns)> = Vec::new();
    for change in page.items {
        let (run, at) = (change.when.run.0, instant(change.when.at)?);
        if runs
            .last()
            .is_none_or(|(last, turns)| *last != run || turns.at != at)
        {
            let turns = Turns {
                at,
                run: known.get(&run).copied(),
                changes: Vec::new(),
            };
            runs.push((run, turns));
        }
        if let Some((_, turns)) = runs.last_mut() {
            turns.changes.push(told(change, connector, of_group));
        }
    }
    let next = page.next.as_ref().map(|next| next.as_str());
    let parameters = [("show", "changes")];
    let count = turns::counted(plane, key, &filter).await?;
    let foot = Foot::new(count, path, &parameters, cursor.map(String::as_str), next);
    Ok(Timeline {
        runs: runs.into_iter().map(|(_, turns)| turns).collect(),
        foot,
        of_group,
    })
}

fn told(change: MembershipChange, connector: Uuid, of_group: bool) -> Change {
    let (other, of) = if of_group {
        (change.member, change.kind)
    } else {
        (change.group, MemberKind::Group)
    };
    Change {
        joined: change.what == Turn::Joined,
        name: called(&other.name, &other.id),
        kind: of.word(),
        href: link::member(of, connector, &other.id),
        id: other.id,
    }
}
