//! Approving, activating, rolling back and removing versions.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use semver::Version;

use super::super::filters;
use super::super::form::Mistakes;
use super::super::page::{Answer, again, done, page};
use super::super::shell::{Administers, Shell};
use super::show::ShowPage;
use super::version::Row;
use super::{address, on_page};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::plugins::change;
use crate::api::problem::Problem;
use crate::plugin::registry::{PluginId, Standing};

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/plugins/{name}/{version}/approve", post(approve))
        .route(
            "/plugins/{name}/{version}/activate",
            get(ask_activate).post(activate),
        )
        .route(
            "/plugins/{name}/{version}/remove",
            get(ask_remove).post(remove),
        )
        .route(
            "/plugins/{name}/rollback",
            get(ask_roll_back).post(roll_back),
        )
}

/// A version that the address names.
fn id(name: String, version: &str) -> Result<PluginId, Problem> {
    let version = Version::parse(version).map_err(|_| Problem::not_found("plugin"))?;
    Ok(PluginId { name, version })
}

/// The versions of a plugin, the newest first.
async fn versions(plane: &Plane, name: &str) -> Result<Vec<Row>, Problem> {
    let uses = plane.catalog.plugin_uses().await?;
    let entries = plane.registry.list().await?.into_iter().rev();
    let rows = entries.filter(|entry| entry.id.name == name);
    Ok(rows.map(|entry| Row::new(entry, &uses)).collect())
}

async fn approve(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    let id = id(name, &version)?;
    let approved = async {
        change::approve(&plane, &by, &id).await?;
        change::settle(&plane, &by, &id, false).await
    };
    match approved.await {
        Ok(standing) => {
            let then = match standing {
                Standing::Active => "Runs use it from now on.",
                _ => "Activate it to let runs use it.",
            };
            let what = format!("Approved what {id} asks for. {then}");
            done(&address(&id.name, &id.version), what)
        }
        Err(problem) => {
            let mistakes = Mistakes::of(on_page(problem))?;
            let shown = ShowPage::of(shell, &plane, &id.name, Some(&version)).await?;
            let shown = shown.with(mistakes);
            again(shown.mistakes(), &shown)
        }
    }
}

/// The page that asks before runs use another version.
#[derive(Template)]
#[template(path = "plugins/swap.html")]
struct SwapPage {
    shell: Shell,
    name: String,
    /// Whether it is a way back.
    back: bool,
    from: Option<Row>,
    to: Row,
    mistakes: Mistakes,
}

impl SwapPage {
    /// Whether cursors and checkpoints of the version before are of no use to the new one.
    fn begins_anew(&self) -> bool {
        self.from
            .as_ref()
            .is_some_and(|from| from.entry.checkpoint_version != self.to.entry.checkpoint_version)
    }

    /// Where the form goes.
    fn action(&self) -> String {
        if self.back {
            format!("/plugins/{}/rollback", self.name)
        } else {
            format!("{}/activate", self.to.path())
        }
    }
}

async fn swap_page(shell: Shell, plane: &Plane, id: &PluginId) -> Result<SwapPage, Problem> {
    let mut versions = versions(plane, &id.name).await?;
    let place = versions.iter().position(|row| row.entry.id == *id);
    let place = place.ok_or_else(|| Problem::not_found("plugin"))?;
    let to = versions.remove(place);
    Ok(SwapPage {
        shell,
        name: id.name.clone(),
        back: false,
        from: versions.into_iter().find(Row::is_active),
        to,
        mistakes: Mistakes::default(),
    })
}

async fn ask_activate(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    page(&swap_page(shell, &plane, &id(name, &version)?).await?)
}

async fn activate(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    let id = id(name, &version)?;
    match change::activate(&plane, &by, &id).await {
        Ok(()) => {
            let what =
                format!("{id} is active. Runs under way end with the version they began with.");
            done(&address(&id.name, &id.version), what)
        }
        Err(problem) => {
            let mistakes = Mistakes::of(on_page(problem))?;
            let mut shown = swap_page(shell, &plane, &id).await?;
            shown.mistakes = mistakes;
            again(&shown.mistakes, &shown)
        }
    }
}

/// The page that asks before the version before is used again.
async fn back_page(shell: Shell, plane: &Plane, name: &str) -> Result<SwapPage, Problem> {
    let mut versions = versions(plane, name).await?;
    if versions.is_empty() {
        return Err(Problem::not_found("plugin"));
    }
    let place = versions.iter().position(|row| row.entry.previous);
    let place = place.ok_or_else(|| {
        Problem::conflict(
            "plugin.nothing-before",
            format!("No earlier version of {name} is there to go back to."),
        )
        .remedy("Activate the version that you want instead.")
    })?;
    let to = versions.remove(place);
    Ok(SwapPage {
        shell,
        name: name.to_owned(),
        back: true,
        from: versions.into_iter().find(Row::is_active),
        to,
        mistakes: Mistakes::default(),
    })
}

async fn ask_roll_back(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path(name): Path<String>,
) -> Answer {
    page(&back_page(shell, &plane, &name).await?)
}

async fn roll_back(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path(name): Path<String>,
) -> Answer {
    let back = change::roll_back(&plane, &by, &name).await?;
    let what = format!("{} is active again instead of {}.", back.to, back.from);
    done(&address(&name, &back.to.version), what)
}

/// The page that asks before a version is removed.
#[derive(Template)]
#[template(path = "plugins/remove.html")]
struct RemovePage {
    shell: Shell,
    name: String,
    row: Row,
    /// Whether it is the last one.
    only: bool,
    /// Why it can't be removed.
    mistakes: Mistakes,
}

async fn remove_page(shell: Shell, plane: &Plane, id: &PluginId) -> Result<RemovePage, Problem> {
    let versions = versions(plane, &id.name).await?;
    let only = versions.len() == 1;
    let mut rows = versions.into_iter();
    let row = rows.find(|row| row.entry.id == *id);
    let row = row.ok_or_else(|| Problem::not_found("plugin"))?;
    let refused = if row.is_active() && !only {
        Err(
            Problem::conflict("plugin.in-use", format!("{id} is active: runs use it."))
                .remedy("Activate another version first."),
        )
    } else {
        change::nobody_needs(plane, id).await
    };
    let mistakes = refused.err().map(Mistakes::of).transpose()?;
    Ok(RemovePage {
        shell,
        name: id.name.clone(),
        row,
        only,
        mistakes: mistakes.unwrap_or_default(),
    })
}

async fn ask_remove(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    page(&remove_page(shell, &plane, &id(name, &version)?).await?)
}

async fn remove(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    let id = id(name, &version)?;
    match change::remove(&plane, &by, &id).await {
        Ok(()) => {
            let entries = plane.registry.list().await?;
            let left = entries.iter().any(|entry| entry.id.name == id.name);
            let to = if left {
                format!("/plugins/{}", id.name)
            } else {
                "/plugins".to_owned()
            };
            done(&to, format!("Removed {id}."))
        }
        Err(problem) => {
            let mistakes = Mistakes::of(on_page(problem))?;
            let mut shown = remove_page(shell, &plane, &id).await?;
            shown.mistakes = mistakes;
            again(&shown.mistakes, &shown)
        }
    }
}
