//! One object with everything that is known of it.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::super::document;
use super::super::fault::Result;
use super::super::names::{State, decode_kind};
use crate::directory::{ConnectorKey, MemberKind, Moment, ObjectRecord, ObjectState, RunKey};

type Row = (
    i64,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

pub(super) async fn object(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    id: &str,
) -> Result<Option<ObjectRecord>> {
    let row: Option<Row> = sqlx::query_as(include_str!("object.sql"))
        .bind(connector.0)
        .bind(id)
        .fetch_optional(&mut *view)
        .await?;
    let Some((key, kind, state, name, text, since, changed, group_kind)) = row else {
        return Ok(None);
    };
    let (kind, state) = (decode_kind(kind)?, State::decode(state)?);
    let target = match &text {
        Some(text) if kind == MemberKind::User && state == State::Present => {
            Some(target_document(view, connector, key, text).await?)
        }
        _ => None,
    };
    let runs: Vec<i64> = [since, changed].into_iter().flatten().collect();
    let moments = moments(view, &runs).await?;
    let moment = |run: Option<i64>| run.and_then(|run| moments.get(&run).copied());
    Ok(Some(ObjectRecord {
        connector,
        id: id.to_owned(),
        kind,
        state: match state {
            State::Mentioned => ObjectState::Mentioned,
            State::Present => ObjectState::Present,
            State::Hidden => ObjectState::Hidden,
            State::Gone => ObjectState::Gone,
        },
        name: name.unwrap_or_default(),
        group_kind: group_kind.filter(|kind| !kind.is_empty()),
        document: text.as_deref().map(serde_json::from_str).transpose()?,
        target_document: target.as_deref().map(serde_json::from_str).transpose()?,
        since: moment(since),
        changed: moment(changed),
    }))
}

/// A user's own document with those of its groups.
async fn target_document(
    view: &mut SqliteConnection,
    connector: ConnectorKey,
    user: i64,
    own: &str,
) -> Result<String> {
    let path: Option<String> =
        sqlx::query_scalar("SELECT groups_path FROM connector WHERE key = $1")
            .bind(connector.0)
            .fetch_one(&mut *view)
            .await?;
    let Some(path) = path else {
        return Ok(own.to_owned());
    };
    let groups: Vec<(i64, String)> = sqlx::query_as(include_str!("../groups_of_users.sql"))
        .bind(serde_json::to_string(&[user])?)
        .fetch_all(view)
        .await?;
    let list: Vec<String> = groups.into_iter().map(|(_, document)| document).collect();
    document::join(own, &path, &format!("[{}]", list.join(",")))
}

/// Runs as times.
pub(super) async fn moments(
    view: &mut SqliteConnection,
    runs: &[i64],
) -> Result<HashMap<i64, Moment>> {
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, i64)> = sqlx::query_as(include_str!("moments.sql"))
        .bind(serde_json::to_string(runs)?)
        .fetch_all(view)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(run, at)| {
            let moment = Moment {
                run: RunKey(run),
                at,
            };
            (run, moment)
        })
        .collect())
}
