//! `/maps`: transform maps, from the list to the editor of their rules.

mod copy;
mod draft;
mod editor;
mod fields;
mod list;
mod rows;
mod trial;
mod versions;

use askama::filters::Safe;
use axum::Router;

use super::filters;
use super::form::{Form, Mistakes};
use super::link::Foot;
use super::page::{Answer, again, done, go, page};
use super::shell::{Administers, Operates, Shell};
use crate::api::Plane;
use crate::api::problem::Problem;
use crate::catalog::{MapDetail, MapId, MapRecord, Stamp};

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .merge(list::routes())
        .merge(editor::routes())
        .merge(copy::routes())
        .merge(versions::routes())
}

/// The map of an identifier in a path.
async fn found(plane: &Plane, id: &str) -> Result<(MapId, MapDetail), Problem> {
    let id = crate::api::transform_maps::map_id(id)?;
    let map = plane.catalog.map(&id).await?;
    Ok((id, map))
}

/// A map of which there are versions.
async fn found_own(plane: &Plane, id: &str) -> Result<(MapId, MapRecord), Problem> {
    let (id, detail) = found(plane, id).await?;
    match id {
        MapId::Own(_) => Ok((id, detail.map)),
        MapId::Default { .. } => Err(Problem::not_found("version of the transform map")),
    }
}

impl MapRecord {
    /// Its page.
    fn address(&self) -> String {
        format!("/maps/{}", self.id)
    }
}

impl Stamp {
    /// How long ago it was.
    fn ago(&self, shell: &Shell) -> Safe<String> {
        Safe(filters::relative(self.at, shell.now))
    }
}

/// A path that may be broken behind its dots and brackets, where it is too long for a line.
pub(super) fn breakable(path: &str) -> Safe<String> {
    let safe = filters::escaped(path);
    Safe(safe.replace('.', ".<wbr>").replace(']', "]<wbr>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_breaks_between_its_names_and_stays_text() {
        let text = breakable("groupInfo[].<b>").0;
        assert_eq!(text, "groupInfo[]<wbr>.<wbr>&lt;b&gt;");
    }
}
