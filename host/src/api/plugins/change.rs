//! What an administrator does with plugins, by the API and on the pages, and that it is written down.
//!
//! The registry is no part of the database, so a deed is written down once it is done.

use serde_json::json;

use crate::access::Principal;
use crate::api::problem::Problem;
use crate::audit::{self, Deed, Target};
use crate::catalog::{Connector, ConnectorFilter};
use crate::control_plane::ControlPlane;
use crate::plugin::registry::{Installed, PluginId, RolledBack, Standing};

/// Most connectors of a plugin that are looked at.
const MOST: u32 = 500;

/// Stores a component with its signature. The first approved version of a plugin becomes active by itself.
pub(crate) async fn install(
    plane: &ControlPlane,
    who: &Principal,
    bytes: Vec<u8>,
    signature: Option<String>,
) -> Result<Installed, Problem> {
    let registry = &plane.registry;
    let installed = registry
        .install_bytes("the upload", bytes, signature)
        .await?;
    let id = installed.id.to_string();
    let details = json!({ "asks": installed.asks, "new": installed.new });
    write_down(plane, who, "plugin.install", &id, details).await?;
    Ok(installed)
}

/// Grants a version what it asks for.
pub(crate) async fn approve(
    plane: &ControlPlane,
    who: &Principal,
    id: &PluginId,
) -> Result<(), Problem> {
    let entries = plane.registry.list().await?;
    let asks = entries.into_iter().find(|entry| entry.id == *id);
    plane.registry.approve(id).await?;
    let details = json!({ "granted": asks.map(|entry| entry.asks) });
    write_down(plane, who, "plugin.approve", &id.to_string(), details).await
}

/// Activates a version where that is due: where it is `wanted` or no version is active, and it may run.
pub(crate) async fn settle(
    plane: &ControlPlane,
    who: &Principal,
    id: &PluginId,
    wanted: bool,
) -> Result<Standing, Problem> {
    let entries = plane.registry.list().await?;
    let was_active = entries
        .iter()
        .any(|entry| entry.id == *id && entry.standing == Standing::Active);
    let standing = plane.registry.settle(id, wanted).await?;
    if standing == Standing::Active && !was_active {
        write_down(plane, who, "plugin.activate", &id.to_string(), json!({})).await?;
    }
    Ok(standing)
}

/// Makes a version the one that runs use from now on.
pub(crate) async fn activate(
    plane: &ControlPlane,
    who: &Principal,
    id: &PluginId,
) -> Result<(), Problem> {
    plane.registry.activate(id).await?;
    write_down(plane, who, "plugin.activate", &id.to_string(), json!({})).await
}

/// Goes back to the version that was active before.
pub(crate) async fn roll_back(
    plane: &ControlPlane,
    who: &Principal,
    name: &str,
) -> Result<RolledBack, Problem> {
    let back = plane.registry.roll_back(name).await?;
    let (from, to) = (back.from.to_string(), back.to.to_string());
    let details = json!({ "from": from, "to": to });
    write_down(plane, who, "plugin.rollback", &to, details).await?;
    Ok(back)
}

/// Removes a version that nobody needs.
pub(crate) async fn remove(
    plane: &ControlPlane,
    who: &Principal,
    id: &PluginId,
) -> Result<(), Problem> {
    nobody_needs(plane, id).await?;
    plane.registry.remove(id).await?;
    write_down(plane, who, "plugin.remove", &id.to_string(), json!({})).await
}

/// The connectors of a plugin by name, and how many there are.
pub(crate) async fn connectors_of(
    plane: &ControlPlane,
    plugin: &str,
    most: u32,
) -> Result<(Vec<Connector>, u64), Problem> {
    let of_plugin = ConnectorFilter {
        plugin: Some(plugin.to_owned()),
        ..ConnectorFilter::default()
    };
    Ok(plane.catalog.connectors(&of_plugin, None, most).await?)
}

/// Whether every connector can do without a version: none is pinned to it, and, if it is the only one, none is of
/// this plugin.
pub(crate) async fn nobody_needs(plane: &ControlPlane, id: &PluginId) -> Result<(), Problem> {
    let (connectors, _) = connectors_of(plane, &id.name, MOST).await?;
    let entries = plane.registry.list().await?;
    let only = !entries
        .iter()
        .any(|entry| entry.id.name == id.name && entry.id != *id);
    let needing: Vec<String> = connectors
        .into_iter()
        .filter(|connector| match &connector.version.0 {
            Some(pinned) => *pinned == id.version,
            None => only,
        })
        .map(|connector| connector.name)
        .collect();
    if needing.is_empty() {
        return Ok(());
    }
    Err(Problem::conflict(
        "plugin.in-use",
        format!("These connectors need it: {}.", needing.join(", ")),
    )
    .remedy("Let them use another version, or delete them, first."))
}

async fn write_down(
    plane: &ControlPlane,
    who: &Principal,
    action: &str,
    id: &str,
    details: serde_json::Value,
) -> Result<(), Problem> {
    let name = id.split('@').next().unwrap_or(id);
    let deed = Deed {
        at: plane.clock.now(),
        actor: &who.actor,
        address: who.address,
        action,
        target: Some(Target::new("plugin", id, name)),
        details,
    };
    plane
        .database
        .write(async |connection| audit::record(connection, &deed).await)
        .await?;
    Ok(())
}
