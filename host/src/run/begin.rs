//! Which run is due: the unfinished one, an incremental one, or a snapshot.

use sha2::{Digest, Sha256};

use super::{Job, WantedMode};
use crate::contract::{Fault, FaultKind};
use crate::directory::{ConnectorKey, Cursor, Directory, DirectoryError, Mode, NewRun, Run};
use crate::plugin::hex;

/// How a job begins.
pub(super) struct Begun {
    pub(super) run: Run,
    pub(super) cursor: Option<Cursor>,
    pub(super) resumed: bool,
}

/// Resumes the connector's unfinished run, or begins one of the kind that is due.
pub(super) async fn begin(
    job: &Job,
    directory: &dyn Directory,
    connector: ConnectorKey,
) -> Result<Result<Begun, Fault>, DirectoryError> {
    let fingerprint = fingerprint(job);
    let cursor = directory.cursor(connector).await?;
    if let Some(run) = directory.unfinished(connector).await? {
        let wanted = match job.mode {
            WantedMode::Auto => true,
            WantedMode::Full => run.mode == Mode::Snapshot,
            WantedMode::Incremental => run.mode == Mode::Incremental,
        };
        if wanted && run.fingerprint == fingerprint {
            return Ok(Ok(Begun {
                run,
                cursor,
                resumed: true,
            }));
        }
    }
    let (mode, reason) = match due(job, cursor.as_ref(), &fingerprint) {
        Ok(due) => due,
        Err(fault) => return Ok(Err(fault)),
    };
    let run = directory
        .begin(NewRun {
            connector,
            mode,
            reason: reason.into(),
            plugin: job.plugin.description().id(),
            fingerprint,
            groups_path: job.plugin.description().target_model.groups_path.clone(),
        })
        .await?;
    Ok(Ok(Begun {
        run,
        cursor,
        resumed: false,
    }))
}

/// The kind of run that is due, and why.
fn due(
    job: &Job,
    cursor: Option<&Cursor>,
    fingerprint: &str,
) -> Result<(Mode, &'static str), Fault> {
    let usable = match cursor {
        _ if !job.plugin.description().incremental => Err("the plugin can't read increments"),
        None => Err("no snapshot has succeeded yet"),
        Some(cursor) if cursor.fingerprint != fingerprint => Err(
            "settings, transform map, links or the plugin's checkpoints changed since the last snapshot",
        ),
        Some(_) => Ok("the last run left a cursor"),
    };
    match (job.mode, usable) {
        (WantedMode::Full, _) => Ok((Mode::Snapshot, "a snapshot was asked for")),
        (WantedMode::Auto | WantedMode::Incremental, Ok(reason)) => Ok((Mode::Incremental, reason)),
        (WantedMode::Auto, Err(reason)) => Ok((Mode::Snapshot, reason)),
        (WantedMode::Incremental, Err(reason)) => Err(Fault {
            kind: FaultKind::Permanent,
            code: "run.no-cursor".into(),
            message: format!("An incremental run is not possible: {reason}."),
            remedy: Some("Run a snapshot first, or leave the choice to mode auto.".into()),
            setting: None,
        }),
    }
}

/// Whether the connector has had a successful run with these very settings, map and links.
pub(super) async fn has_succeeded(
    job: &Job,
    directory: &dyn Directory,
) -> Result<bool, DirectoryError> {
    let connector = directory.connector(&job.connector).await?;
    let cursor = directory.cursor(connector).await?;
    Ok(cursor.is_some_and(|cursor| cursor.fingerprint == fingerprint(job)))
}

/// Hash of everything that makes cursors, checkpoints and documents comparable.
fn fingerprint(job: &Job) -> String {
    let description = job.plugin.description();
    let parts = serde_json::json!([
        description.name,
        description.checkpoint_version,
        job.settings.plugin.values,
        job.map,
        job.links,
    ]);
    let digest = Sha256::digest(parts.to_string().as_bytes());
    hex(digest.get(..16).unwrap_or_default())
}
