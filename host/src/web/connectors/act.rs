//! What is done with a connector by a press of a button.

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use uuid::Uuid;

use super::page_of;
use crate::access::local_path;
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::problem::Problem;
use crate::api::runs::caller;
use crate::catalog::{Connector, Profile};
use crate::web::form::Form;
use crate::web::link::address;
use crate::web::page::{Answer, done, go, page};
use crate::web::shell::{Administers, Operates, Shell};
use crate::work::{AskedMode, WorkError};

/// Profiles that may be chosen from.
const MOST_PROFILES: u32 = 100;

/// What to run.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    mode: AskedMode,
    profile: Option<Uuid>,
    #[serde(default)]
    back: String,
}

#[derive(Template)]
#[template(path = "connectors/run.html")]
struct ChoosePage {
    shell: Shell,
    connector: Connector,
    profiles: Vec<Profile>,
    snapshot: bool,
}

/// Asks which profile of a connector is to be run.
pub(super) async fn choose(
    Operates { shell, .. }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let (profiles, _) = plane.catalog.profiles(id, None, MOST_PROFILES).await?;
    page(&ChoosePage {
        shell,
        connector,
        profiles,
        snapshot: wanted.mode == AskedMode::Snapshot,
    })
}

/// Runs a connector now. Where it has several profiles and none is named, it is asked for.
pub(super) async fn run(
    Operates { by, .. }: Operates,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(wanted): Form<Wanted>,
) -> Answer {
    if wanted.profile.is_none() && plane.catalog.profiles(id, None, 1).await?.1 > 1 {
        let mode = match wanted.mode {
            AskedMode::Auto => "",
            AskedMode::Snapshot => "snapshot",
        };
        return go(&address(&format!("{}/run", page_of(id)), &[("mode", mode)]));
    }
    let begun = plane
        .work
        .run_now(id, wanted.profile, wanted.mode, caller(&by))
        .await;
    match begun {
        Ok(run) => done(
            &back_to(&wanted.back, id),
            format!(
                "{} was queued to run with {}.",
                run.connector_name, run.profile_name
            ),
        ),
        Err(WorkError::Open(run)) => done(
            &format!("/runs/{}", run.id),
            "Nothing was queued: this run of the connector waits or goes on already.",
        ),
        Err(WorkError::NoProfile) => Err(Problem::conflict(
            "connector.no-profile",
            "The connector has no such profile, and runs only with one.",
        )
        .remedy("Add a profile to it, then run it.")),
        Err(error) => Err(error.into()),
    }
}

/// Where somebody came from.
#[derive(Debug, Deserialize)]
pub(super) struct Origin {
    #[serde(default)]
    back: String,
}

/// The page that a form names, or the connector's.
fn back_to(back: &str, id: Uuid) -> String {
    match back {
        "" => page_of(id),
        back => local_path(Some(back)).to_owned(),
    }
}

/// Ignores schedules.
pub(super) async fn pause(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(origin): Form<Origin>,
) -> Answer {
    let name = plane.catalog.pause_connector(&by, id, true).await?.name;
    let said = format!("{name} is paused: its schedules are ignored until it is resumed.");
    done(&back_to(&origin.back, id), said)
}

/// Heeds schedules again.
pub(super) async fn resume(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(origin): Form<Origin>,
) -> Answer {
    let name = plane.catalog.pause_connector(&by, id, false).await?.name;
    let said = format!("{name} is resumed: its schedules count again.");
    done(&back_to(&origin.back, id), said)
}

/// Lets a connector run again.
pub(super) async fn enable(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(origin): Form<Origin>,
) -> Answer {
    let name = plane.catalog.enable_connector(&by, id).await?.name;
    done(&back_to(&origin.back, id), format!("{name} is enabled."))
}

/// Lets nothing of a connector run.
pub(super) async fn disable(
    Administers { by, .. }: Administers,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(origin): Form<Origin>,
) -> Answer {
    let name = plane.catalog.disable_connector(&by, id).await?.name;
    let said = format!("{name} is disabled: nothing of it runs until it is enabled.");
    done(&back_to(&origin.back, id), said)
}
