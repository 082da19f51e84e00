//! `/plugins`: which versions of which plugins are installed, and which of them runs use.

pub(crate) mod change;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Plane;
use super::extract::{Admin, Path, Query, Viewer};
use super::page::Page;
use super::problem::Problem;
use crate::plugin::registry::{Entry, Installed, MOST_COMPONENT_BYTES, PluginId, Standing};

/// Carries the signature of an upload: what minisign writes into a file, in base64.
const SIGNATURE: &str = "x-plugin-signature";
const COMPONENT: &str = "application/wasm";

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(list, install))
        .routes(routes!(inspect, remove))
        .routes(routes!(approve))
        .routes(routes!(activate))
        .routes(routes!(roll_back))
}

/// List every installed version and where it stands, by name, the oldest first.
#[utoipa::path(
    get, path = "/plugins", tag = "plugins",
    responses((status = 200, description = "Installed versions, all on one page", body = Page<Entry>)),
    security(("token" = ["viewer"]))
)]
async fn list(_: Viewer, State(plane): State<Plane>) -> Result<Json<Page<Entry>>, Problem> {
    let items = plane.registry.list().await?;
    let total = Some(items.len() as u64);
    Ok(Json(Page {
        items,
        next: None,
        total,
    }))
}

/// What to do with an upload beyond installing it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Then {
    /// Grant what it asks for.
    #[serde(default)]
    approve: bool,
    /// Make it the version that runs use. The first approved version of a plugin is made so anyway.
    #[serde(default)]
    activate: bool,
}

/// Install a component: it is checked, describes itself in a sandbox, and is stored. Runs use it once it is
/// approved and active.
#[utoipa::path(
    post, path = "/plugins", tag = "plugins",
    params(
        Then,
        ("X-Plugin-Signature" = Option<String>, Header, description = "Its signature by minisign: the content of the .minisig file in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "A component built for wasm32-wasip2, of at most 64 MiB"),
    responses(
        (status = 201, description = "It is installed", body = Installed),
        (status = 200, description = "The very same was installed already", body = Installed),
    ),
    security(("token" = ["admin"]))
)]
async fn install(
    Admin(who): Admin,
    State(plane): State<Plane>,
    Query(then): Query<Then>,
    request: Request,
) -> Result<Response, Problem> {
    let signature = signature(request.headers())?;
    let bytes = component(request).await?;
    let mut installed = change::install(&plane, &who, bytes, signature).await?;
    let id = installed.id.clone();
    if then.approve {
        change::approve(&plane, &who, &id).await?;
    }
    installed.standing = change::settle(&plane, &who, &id, then.activate).await?;
    let status = if installed.new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = [(header::LOCATION, format!("/api/v1/plugins/{id}"))];
    Ok((status, location, Json(installed)).into_response())
}

/// Everything that a version declares, and what it may use.
#[derive(Debug, Serialize, ToSchema)]
struct Inspected {
    /// The version and where it stands.
    #[serde(flatten)]
    entry: Entry,
    /// What it says of itself: settings, permissions, hosts, data models, maps.
    #[schema(value_type = Object)]
    description: serde_json::Value,
    /// Interfaces that it imports; nothing else is within its reach.
    imports: Vec<String>,
    /// The limits in force, by name.
    #[schema(value_type = Object)]
    limits: serde_json::Value,
}

/// Look at a version: what it declares, and what it may use.
#[utoipa::path(
    get, path = "/plugins/{plugin}", tag = "plugins",
    params(("plugin" = String, Path, description = "NAME@VERSION")),
    responses((status = 200, description = "The version", body = Inspected)),
    security(("token" = ["viewer"]))
)]
async fn inspect(
    _: Viewer,
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
) -> Result<Json<Inspected>, Problem> {
    let (entry, plugin) = plane.registry.inspect(&version(&plugin)?).await?;
    let json = |value: Result<_, serde_json::Error>| value.map_err(|e| Problem::internal(&e));
    Ok(Json(Inspected {
        entry,
        description: json(serde_json::to_value(plugin.description()))?,
        imports: plugin.facts().imports.clone(),
        limits: json(serde_json::to_value(plugin.limits()))?,
    }))
}

/// Where a version stands after a change.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedPlugin {
    /// The version.
    id: String,
    /// Where it stands.
    standing: Standing,
}

/// Grant a version the hosts and permissions that it asks for.
#[utoipa::path(
    post, path = "/plugins/{plugin}/approve", tag = "plugins",
    params(("plugin" = String, Path, description = "NAME@VERSION")),
    responses((status = 200, description = "It may be activated; the first approved version of a plugin is active", body = ChangedPlugin)),
    security(("token" = ["admin"]))
)]
async fn approve(
    Admin(who): Admin,
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
) -> Result<Json<ChangedPlugin>, Problem> {
    let id = version(&plugin)?;
    change::approve(&plane, &who, &id).await?;
    let standing = change::settle(&plane, &who, &id, false).await?;
    Ok(Json(ChangedPlugin {
        id: plugin,
        standing,
    }))
}

/// Make a version the one that runs use from now on. Runs under way end on the version that they began with.
#[utoipa::path(
    post, path = "/plugins/{plugin}/activate", tag = "plugins",
    params(("plugin" = String, Path, description = "NAME@VERSION")),
    responses((status = 200, description = "It is active", body = ChangedPlugin)),
    security(("token" = ["admin"]))
)]
async fn activate(
    Admin(who): Admin,
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
) -> Result<Json<ChangedPlugin>, Problem> {
    change::activate(&plane, &who, &version(&plugin)?).await?;
    Ok(Json(ChangedPlugin {
        id: plugin,
        standing: Standing::Active,
    }))
}

/// What became of a plugin's versions.
#[derive(Debug, Serialize, ToSchema)]
struct Back {
    /// The version that was given up.
    from: String,
    /// The one that is active instead.
    to: String,
}

/// Go back to the version that was active before.
#[utoipa::path(
    post, path = "/plugins/{plugin}/rollback", tag = "plugins",
    params(("plugin" = String, Path, description = "NAME")),
    responses((status = 200, description = "The version before is active", body = Back)),
    security(("token" = ["admin"]))
)]
async fn roll_back(
    Admin(who): Admin,
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
) -> Result<Json<Back>, Problem> {
    let back = change::roll_back(&plane, &who, &plugin).await?;
    Ok(Json(Back {
        from: back.from.to_string(),
        to: back.to.to_string(),
    }))
}

/// Remove a version. The active one of several can't be removed, nor one that a connector needs. Runs under way end
/// well.
#[utoipa::path(
    delete, path = "/plugins/{plugin}", tag = "plugins",
    params(("plugin" = String, Path, description = "NAME@VERSION")),
    responses((status = 204, description = "It is gone")),
    security(("token" = ["admin"]))
)]
async fn remove(
    Admin(who): Admin,
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
) -> Result<StatusCode, Problem> {
    change::remove(&plane, &who, &version(&plugin)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A version by its name; one that can't be read names none.
fn version(text: &str) -> Result<PluginId, Problem> {
    text.parse().map_err(|_| {
        Problem::not_found("plugin").remedy("Name a version as NAME@VERSION; the list has them.")
    })
}

/// The text of an upload's signature.
fn signature(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(SIGNATURE) else {
        return Ok(None);
    };
    let text = STANDARD
        .decode(value.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "plugin.signature-form",
            "The signature can't be read.",
        )
        .remedy("Send the content of the .minisig file in base64.")
    })
}

/// The component in a request's body.
async fn component(request: Request) -> Result<Vec<u8>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind.as_bytes() != COMPONENT.as_bytes()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "request.media-type",
            "The body is not declared to be a component.",
        )
        .remedy("Send the file itself with `Content-Type: application/wasm`."));
    }
    let most = usize::try_from(MOST_COMPONENT_BYTES).unwrap_or(usize::MAX);
    let whole = axum::body::to_bytes(request.into_body(), most).await;
    whole.map(Vec::from).map_err(|error| {
        tracing::debug!("an upload was not read: {error}");
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request.too-large",
            "The component is larger than 64 MiB, or did not arrive whole.",
        )
        .remedy("Build it for release, or send it again.")
    })
}

#[cfg(test)]
mod tests;
