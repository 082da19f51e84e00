//! What the directory knows of what was configured.

use jiff::Timestamp;
use uuid::Uuid;

use super::Plane;
use super::directory::key_of;
use super::problem::Problem;
use crate::directory::{Mode, PageRequest, RunFilter, RunState};

/// Pages of runs in which the last snapshot is looked for.
const MOST_PAGES: usize = 10;

/// When the last snapshot of a connector began that succeeded, wholly or in part.
pub(crate) async fn last_snapshot(
    plane: &Plane,
    connector: Uuid,
) -> Result<Option<Timestamp>, Problem> {
    let Some(key) = key_of(plane, connector).await? else {
        return Ok(None);
    };
    let filter = RunFilter {
        connectors: vec![key],
        state: None,
    };
    let mut wanted = PageRequest::first(PageRequest::MOST);
    for _ in 0..MOST_PAGES {
        let page = plane.directory.runs(&filter, &wanted).await?;
        let snapshot = page.items.iter().find(|run| {
            run.mode == Mode::Snapshot
                && matches!(run.state, RunState::Processed | RunState::Partial)
        });
        if let Some(run) = snapshot {
            return Ok(Timestamp::from_millisecond(run.started).ok());
        }
        match page.next {
            Some(next) => wanted = wanted.next(next),
            None => break,
        }
    }
    Ok(None)
}
