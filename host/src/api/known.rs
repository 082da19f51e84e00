//! What the directory knows of what was configured.

use jiff::Timestamp;
use uuid::Uuid;

use super::ControlPlane;
use super::problem::Problem;
use crate::directory::{ConnectorKey, Mode, PageRequest, RunFilter, RunState};

/// Pages of runs in which the last snapshot is looked for.
const MOST_PAGES: usize = 10;

/// The key of a connector in the directory, once a run of it has begun.
pub(super) async fn key(
    plane: &ControlPlane,
    connector: Uuid,
) -> Result<Option<ConnectorKey>, Problem> {
    let name = connector.to_string();
    let connectors = plane.directory.connectors().await?;
    let known = connectors.into_iter().find(|known| known.name == name);
    Ok(known.map(|known| known.key))
}

/// When the last snapshot of a connector began that succeeded, wholly or in part.
pub(super) async fn last_snapshot(
    plane: &ControlPlane,
    connector: Uuid,
) -> Result<Option<Timestamp>, Problem> {
    let Some(key) = key(plane, connector).await? else {
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
