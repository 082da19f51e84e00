//! Whether the server lives, whether it is ready, and what it counts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::holdings::Holdings;
use crate::api::extract::Viewer;
use crate::api::problem::{FieldError, Problem};
use crate::control_plane::{self, ControlPlane};
use crate::directory::ConnectorKey;
use crate::lock;
use crate::metrics::{CONTENT_TYPE, Gauges, Sampler};

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Health, told to whoever asks.
pub(super) fn routes(plane: &Arc<ControlPlane>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(Alive { status: "alive" })))
        .route("/readyz", get(ready))
        .with_state(Arc::clone(plane))
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

/// What is checked, and what went wrong.
pub(super) type Check = (&'static str, Result<(), String>);

/// Whether the server can do its work: every check by name.
async fn ready(State(plane): State<Arc<ControlPlane>>) -> Response {
    let checks = checks(&plane).await;
    let failed: Vec<FieldError> = checks
        .iter()
        .filter_map(|(name, outcome)| {
            let reason = outcome.as_ref().err()?;
            tracing::warn!("not ready: {name}: {reason}");
            Some(FieldError {
                path: (*name).into(),
                // Whoever asks isn't known, so the reason is for the log.
                message: "This check failed.".into(),
                remedy: "The server's log tells why.".into(),
            })
        })
        .collect();
    if failed.is_empty() {
        let names: Vec<&str> = checks.iter().map(|(name, _)| *name).collect();
        let body = serde_json::json!({ "status": "ready", "checks": names });
        return Json(body).into_response();
    }
    let mut problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server.not-ready",
        "The server can't do its work now.",
    );
    problem.errors = failed;
    problem.into_response()
}

pub(super) async fn checks(plane: &ControlPlane) -> Vec<Check> {
    let database = async {
        let one: Result<i64, sqlx::Error> = plane
            .database
            .read(async |connection| sqlx::query_scalar("SELECT 1").fetch_one(connection).await)
            .await;
        one.map(drop).map_err(|error| error.to_string())
    };
    let directory = async {
        let none = plane.directory.cursor(ConnectorKey(0)).await;
        none.map(drop).map_err(|error| error.to_string())
    };
    let folder = async {
        let folder = plane.data_dir.clone();
        let written = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder).map(drop));
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    let plugins = async {
        let list = plane.registry.list().await;
        list.map(drop).map_err(|error| error.to_string())
    };
    let (database, directory, folder, plugins) = tokio::join!(
        patiently(database),
        patiently(directory),
        patiently(folder),
        patiently(plugins)
    );
    let stopping = plane.shutdown.is_cancelled();
    let running = if stopping {
        Err("the server was told to stop".into())
    } else {
        Ok(())
    };
    vec![
        ("control-database", database),
        ("directory", directory),
        ("data-folder", folder),
        ("plugins", plugins),
        ("running", running),
    ]
}

async fn patiently(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

/// What is counted, for whoever is signed in.
pub(super) async fn metrics_for_viewers(
    _: Viewer,
    State(plane): State<Arc<ControlPlane>>,
) -> Response {
    metrics(State(plane)).await
}

/// What is counted.
pub(super) async fn metrics(State(plane): State<Arc<ControlPlane>>) -> Response {
    let text = plane.metrics.text().await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Reads what the server itself knows whenever somebody asks for metrics.
pub(super) fn sample(plane: &Arc<ControlPlane>) {
    let sizes = Sizes {
        engine: plane.engine.clone(),
        control: control_plane::control_database(&plane.data_dir),
        directory: lock::file_of(&plane.directory_database),
        plugins: control_plane::plugins_folder(&plane.data_dir),
    };
    plane.metrics.sample_with(Arc::new(sizes));
    plane.metrics.sample_with(Arc::new(Holdings::of(plane)));
}

struct Sizes {
    engine: crate::plugin::Engine,
    control: PathBuf,
    directory: Option<PathBuf>,
    plugins: PathBuf,
}

#[async_trait]
impl Sampler for Sizes {
    async fn sample(&self, gauges: &Gauges) {
        gauges.instances_in_use(self.engine.instances().0);
        let (control, directory) = (self.control.clone(), self.directory.clone());
        let plugins = self.plugins.clone();
        let sizes = tokio::task::spawn_blocking(move || {
            let directory = directory.map(|file| database_size(&file));
            (database_size(&control), directory, folder_size(&plugins))
        });
        let Ok((control, directory, plugins)) = sizes.await else {
            return;
        };
        gauges.store("control", control);
        gauges.store("plugins", plugins);
        if let Some(directory) = directory {
            gauges.store("directory", directory);
        }
    }
}

/// A SQLite file with its log.
fn database_size(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    file_size(file) + file_size(Path::new(&log))
}

fn file_size(file: &Path) -> u64 {
    file.metadata().map_or(0, |file| file.len())
}

fn folder_size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => folder_size(&entry.path()),
            Ok(kind) if kind.is_file() => file_size(&entry.path()),
            _ => 0,
        })
        .sum()
}
