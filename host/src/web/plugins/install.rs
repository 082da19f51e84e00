//! Installing a component that somebody uploads.

use askama::Template;
use axum::Router;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::routing::get;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, done, page};
use super::super::shell::{Administers, Shell};
use super::super::size::size;
use super::{address, on_page};
use crate::api::Plane;
use crate::api::plugins::change;
use crate::api::problem::{FieldError, Problem};
use crate::plugin::registry::{Installed, MOST_COMPONENT_BYTES, Standing};

/// Bytes of an upload beside its component.
const MOST_BESIDE: usize = 64 * 1024;

pub(super) fn routes() -> Router<Plane> {
    let component = usize::try_from(MOST_COMPONENT_BYTES).unwrap_or(usize::MAX);
    let most = component.saturating_add(MOST_BESIDE);
    let form = get(form).post(install).layer(DefaultBodyLimit::max(most));
    Router::new().route("/plugins/new", form)
}

#[derive(Template)]
#[template(path = "plugins/new.html")]
struct InstallPage {
    shell: Shell,
    /// Whether only signed plugins are let in.
    signed_only: bool,
    /// How many keys are trusted.
    keys: usize,
    most: String,
    mistakes: Mistakes,
}

impl InstallPage {
    fn new(shell: Shell, plane: &Plane) -> Self {
        let policy = &plane.config.plugins;
        Self {
            shell,
            signed_only: policy.require_signature,
            keys: policy.trusted_keys.len(),
            most: size(MOST_COMPONENT_BYTES),
            mistakes: Mistakes::default(),
        }
    }
}

async fn form(Administers { shell, .. }: Administers, State(plane): State<Plane>) -> Answer {
    page(&InstallPage::new(shell, &plane))
}

/// What was uploaded.
#[derive(Default)]
struct Upload {
    component: Vec<u8>,
    signature: Option<String>,
}

async fn install(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    request: Request,
) -> Answer {
    let installed = async {
        let upload = upload(request).await?;
        let mut installed =
            change::install(&plane, &by, upload.component, upload.signature).await?;
        installed.standing = change::settle(&plane, &by, &installed.id, false).await?;
        Ok(installed)
    };
    match installed.await {
        Ok(installed) => {
            let id = &installed.id;
            done(&address(&id.name, &id.version), said(&installed))
        }
        Err(problem) => {
            let mut shown = InstallPage::new(shell, &plane);
            shown.mistakes = Mistakes::of(on_page(problem))?;
            again(&shown.mistakes, &shown)
        }
    }
}

/// What became of an upload, and what comes next.
fn said(installed: &Installed) -> String {
    let id = &installed.id;
    if !installed.new {
        return format!("{id} was installed already, with the very same content.");
    }
    match installed.standing {
        Standing::Active => format!("Installed {id}. Runs use it from now on."),
        Standing::Waiting(_) => {
            format!("Installed {id}. Look at what it asks for, and approve it to let it run.")
        }
        Standing::Ready | Standing::Withdrawn(_) => {
            format!("Installed {id}. Activate it to let runs use it.")
        }
    }
}

async fn upload(request: Request) -> Result<Upload, Problem> {
    let parts = Multipart::from_request(request, &()).await;
    let mut parts = parts.map_err(|error| unreadable(error.status(), &error.body_text()))?;
    let mut upload = Upload::default();
    while let Some(part) = parts.next_field().await.map_err(|error| broken(&error))? {
        match part.name() {
            Some("component") => upload.component = bytes(part).await?,
            Some("signature") => upload.signature = signature(bytes(part).await?)?,
            _ => {}
        }
    }
    if upload.component.is_empty() {
        return Err(Problem::invalid([FieldError {
            path: "component".into(),
            message: "No file was chosen, or it is empty.".into(),
            remedy: "Choose the .wasm file of the plugin.".into(),
        }]));
    }
    let most = usize::try_from(MOST_COMPONENT_BYTES).unwrap_or(usize::MAX);
    if upload.component.len() > most {
        return Err(too_large());
    }
    Ok(upload)
}

async fn bytes(part: Field<'_>) -> Result<Vec<u8>, Problem> {
    let bytes = part.bytes().await.map_err(|error| broken(&error))?;
    Ok(bytes.into())
}

/// The text of a signature; a field without a file is none.
fn signature(bytes: Vec<u8>) -> Result<Option<String>, Problem> {
    if bytes.is_empty() {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|_| {
        Problem::invalid([FieldError {
            path: "signature".into(),
            message: "The file is no text.".into(),
            remedy: "Choose the .minisig file that minisign wrote.".into(),
        }])
    })
}

fn broken(error: &MultipartError) -> Problem {
    unreadable(error.status(), &error.body_text())
}

fn unreadable(status: StatusCode, reason: &str) -> Problem {
    tracing::debug!("an upload was not read: {reason}");
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.form",
        "The upload did not arrive whole.",
    )
    .remedy("Choose the files again, and send them once more.")
}

fn too_large() -> Problem {
    let most = size(MOST_COMPONENT_BYTES);
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request.too-large",
        format!("The component is larger than {most}."),
    )
    .remedy("Build it for release, which makes it smaller.")
}
