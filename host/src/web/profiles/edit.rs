//! A profile: made, changed, switched on and off, deleted.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::Deserialize;
use uuid::Uuid;

use super::super::filters;
use super::super::form::{Form, Mistakes};
use super::super::page::{Answer, again, done, page};
use super::super::sent::Sent;
use super::super::shell::{Administers, Shell};
use super::choices::{MapChoice, map_choices, zones};
use super::form::{ProfileForm, beside_fields};
use super::plan::{Plan, plan};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::known::last_snapshot;
use crate::api::problem::Problem;
use crate::catalog::{CatalogError, Connector, NewProfile, Profile, ProfileChange};

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route(
            "/connectors/{connector}/profiles/new",
            get(new).post(create),
        )
        .route(
            "/connectors/{connector}/profiles/{profile}",
            get(look).post(change),
        )
        .route(
            "/connectors/{connector}/profiles/{profile}/activate",
            post(activate),
        )
        .route(
            "/connectors/{connector}/profiles/{profile}/deactivate",
            post(deactivate),
        )
        .route(
            "/connectors/{connector}/profiles/{profile}/delete",
            get(ask_delete).post(delete),
        )
}

/// A profile that is made or changed.
#[derive(Template)]
#[template(path = "profiles/edit.html")]
struct EditPage {
    shell: Shell,
    connector: Connector,
    /// The profile, where there is one already.
    profile: Option<Profile>,
    address: String,
    form: ProfileForm,
    maps: Vec<MapChoice>,
    zones: Vec<String>,
    /// Whether the browser's zone may be proposed.
    proposes_zone: bool,
    plan: Option<Plan>,
    /// Whether somebody else was faster.
    is_stale: bool,
    mistakes: Mistakes,
}

/// A profile, for those who may only look.
#[derive(Template)]
#[template(path = "profiles/look.html")]
struct LookPage {
    shell: Shell,
    connector: Connector,
    profile: Profile,
    plan: Option<Plan>,
}

async fn new(
    State(plane): State<Plane>,
    Administers { shell, .. }: Administers,
    Path(id): Path<Uuid>,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let form = ProfileForm::proposed(plane.clock.now());
    let mut shown = shown(&plane, shell, connector, None, form).await?;
    shown.proposes_zone = true;
    page(&shown)
}

async fn shown(
    plane: &Plane,
    shell: Shell,
    connector: Connector,
    profile: Option<Profile>,
    form: ProfileForm,
) -> Result<EditPage, Problem> {
    let address = match &profile {
        Some(profile) => format!("/connectors/{}/profiles/{}", connector.id, profile.id),
        None => format!("/connectors/{}/profiles/new", connector.id),
    };
    let mut maps = map_choices(plane, &connector.plugin).await?;
    if !form.map.is_empty() && !maps.iter().any(|map| map.id == form.map) {
        // It stays what it is, though it may be gone.
        let known = profile
            .as_ref()
            .and_then(|profile| profile.map.name.clone());
        maps.push(MapChoice {
            id: form.map.clone(),
            name: known.unwrap_or_else(|| format!("{} (not there)", form.map)),
            read_only: false,
            uses: 0,
        });
    }
    Ok(EditPage {
        plan: planned(plane, &connector, form.read().ok().as_ref()).await?,
        shell,
        connector,
        profile,
        address,
        form,
        maps,
        zones: zones(),
        proposes_zone: false,
        is_stale: false,
        mistakes: Mistakes::default(),
    })
}

async fn planned(
    plane: &Plane,
    connector: &Connector,
    profile: Option<&NewProfile>,
) -> Result<Option<Plan>, Problem> {
    let Some(profile) = profile else {
        return Ok(None);
    };
    let last = last_snapshot(plane, connector.id).await?;
    let plan = plan(plane, &profile.schedule, profile.baseline, last).await?;
    Ok(Some(plan))
}

async fn look(
    State(plane): State<Plane>,
    shell: Shell,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Answer {
    let connector = plane.catalog.connector(connector).await?;
    let profile = plane.catalog.profile(connector.id, id).await?;
    let form = ProfileForm::of(&profile);
    if shell.administers() {
        return page(&shown(&plane, shell, connector, Some(profile), form).await?);
    }
    page(&LookPage {
        plan: planned(&plane, &connector, form.read().ok().as_ref()).await?,
        shell,
        connector,
        profile,
    })
}

async fn create(
    State(plane): State<Plane>,
    Administers { shell, by }: Administers,
    Path(id): Path<Uuid>,
    sent: Sent,
) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let form = ProfileForm::sent(&sent);
    let outcome = match form.read() {
        Ok(_) if sent.action() == "preview" => {
            return page(&shown(&plane, shell, connector, None, form).await?);
        }
        Ok(profile) => plane.catalog.create_profile(&by, id, profile).await,
        Err(errors) => Err(CatalogError::Invalid(unread(errors))),
    };
    match outcome {
        Ok(profile) => done(
            &format!("/connectors/{id}"),
            format!("The profile {} was created.", profile.name),
        ),
        Err(error) => {
            let mistakes = refused(error)?;
            let mut shown = shown(&plane, shell, connector, None, form).await?;
            shown.mistakes = mistakes;
            again(&shown.mistakes, &shown)
        }
    }
}

async fn change(
    State(plane): State<Plane>,
    Administers { shell, by }: Administers,
    Path((connector, id)): Path<(Uuid, Uuid)>,
    sent: Sent,
) -> Answer {
    let connector = plane.catalog.connector(connector).await?;
    let profile = plane.catalog.profile(connector.id, id).await?;
    let form = ProfileForm::sent(&sent);
    let outcome = match form.read() {
        Ok(_) if sent.action() == "preview" => {
            let shown = shown(&plane, shell, connector, Some(profile), form).await?;
            return page(&shown);
        }
        Ok(new) => {
            let change = ProfileChange {
                name: Some(new.name),
                description: Some(new.description),
                map: new.map,
                active: Some(new.active),
                baseline: Some(new.baseline),
                schedule: Some(new.schedule),
                guard: Some(new.guard),
            };
            let revision = Some(sent.text("revision").parse().unwrap_or(-1));
            let catalog = &plane.catalog;
            catalog
                .change_profile(&by, connector.id, id, revision, change)
                .await
        }
        Err(errors) => Err(CatalogError::Invalid(unread(errors))),
    };
    match outcome {
        Ok(profile) => done(
            &format!("/connectors/{}", connector.id),
            format!("The profile {} was saved.", profile.name),
        ),
        Err(error) => {
            let is_stale = matches!(error, CatalogError::Stale { .. });
            let mistakes = refused(error)?;
            let mut shown = shown(&plane, shell, connector, Some(profile), form).await?;
            shown.mistakes = mistakes;
            shown.is_stale = is_stale;
            again(&shown.mistakes, &shown)
        }
    }
}

/// What of a form can't be read, as the catalog tells what is wrong with a profile.
fn unread(errors: Vec<crate::api::problem::FieldError>) -> Vec<crate::contract::Problem> {
    let problems = errors.into_iter().map(|error| crate::contract::Problem {
        path: error.path,
        message: error.message,
        remedy: error.remedy,
    });
    problems.collect()
}

fn refused(error: CatalogError) -> Result<Mistakes, Problem> {
    let mut problem = Problem::from(error);
    problem.errors = beside_fields(problem.errors);
    Mistakes::of(problem)
}

async fn activate(
    plane: State<Plane>,
    admin: Administers,
    path: Path<(Uuid, Uuid)>,
    form: Form<Back>,
) -> Answer {
    set_active(plane, admin, path, form, true).await
}

async fn deactivate(
    plane: State<Plane>,
    admin: Administers,
    path: Path<(Uuid, Uuid)>,
    form: Form<Back>,
) -> Answer {
    set_active(plane, admin, path, form, false).await
}

/// Which page the button was on.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

async fn set_active(
    State(plane): State<Plane>,
    Administers { by, .. }: Administers,
    Path((connector, id)): Path<(Uuid, Uuid)>,
    Form(Back { back }): Form<Back>,
    active: bool,
) -> Answer {
    let change = ProfileChange {
        active: Some(active),
        ..ProfileChange::default()
    };
    let changed = plane
        .catalog
        .change_profile(&by, connector, id, None, change)
        .await?;
    let to = match back.as_str() {
        "list" => "/profiles".to_owned(),
        "profile" => format!("/connectors/{connector}/profiles/{id}"),
        _ => format!("/connectors/{connector}"),
    };
    let what = match active {
        true => format!("{} is active: it runs by its schedule.", changed.name),
        false => format!("{} is inactive: it runs only when asked.", changed.name),
    };
    done(&to, what)
}

#[derive(Template)]
#[template(path = "profiles/delete.html")]
struct DeletePage {
    shell: Shell,
    connector: Connector,
    profile: Profile,
    /// Whether no other profile is left then.
    is_last: bool,
}

async fn ask_delete(
    State(plane): State<Plane>,
    Administers { shell, .. }: Administers,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Answer {
    let connector = plane.catalog.connector(connector).await?;
    let profile = plane.catalog.profile(connector.id, id).await?;
    let (_, count) = plane.catalog.profiles(connector.id, None, 1).await?;
    page(&DeletePage {
        shell,
        connector,
        profile,
        is_last: count <= 1,
    })
}

async fn delete(
    State(plane): State<Plane>,
    Administers { by, .. }: Administers,
    Path((connector, id)): Path<(Uuid, Uuid)>,
) -> Answer {
    let profile = plane.catalog.profile(connector, id).await?;
    plane
        .catalog
        .delete_profile(&by, connector, id, None)
        .await?;
    done(
        &format!("/connectors/{connector}"),
        format!("The profile {} was deleted.", profile.name),
    )
}
