//! The page of a connector.

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use uuid::Uuid;

use super::concern::{self, Concern};
use super::course;
use super::setting::{self, SecretShown, Shown};
use crate::api::Plane;
use crate::api::extract::Path;
use crate::api::problem::Problem;
use crate::api::runs::holdings;
use crate::catalog::{Connector, ConnectorType, Profile};
use crate::web::chart::Charts;
use crate::web::filters;
use crate::web::filters::{grouped, span};
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;
use crate::work::state::State as Standing;
use crate::work::{
    Brought, Changed, Holdings, NextRun, Overview, Run, RunFilter, RunProgress, WorkError,
};

/// The newest runs that are listed.
const NEWEST: usize = 10;
/// Profiles that are listed.
const PROFILES: u32 = 50;

#[derive(Template)]
#[template(path = "connectors/one.html")]
struct ConnectorPage {
    shell: Shell,
    connector: Connector,
    of: Option<ConnectorType>,
    overview: Overview,
    holdings: Holdings,
    progress: Option<RunProgress>,
    concerns: Vec<Concern>,
    steps: [Step; 4],
    charts: Charts,
    /// The newest ones.
    runs: Vec<Run>,
    profiles: Vec<Profile>,
    settings: Vec<Shown>,
    secrets: Vec<SecretShown>,
}

/// A step of a connector's path.
struct Step {
    state: Standing,
    at: Option<Timestamp>,
    here: bool,
}

impl ConnectorPage {
    /// The next run of a profile by itself.
    fn next_of(&self, profile: &Profile) -> Option<&NextRun> {
        let scheduled = self.overview.scheduled.iter();
        scheduled
            .into_iter()
            .find(|next| next.profile == Some(profile.id))
    }

    fn streams(&self, progress: &RunProgress) -> [(&'static str, Brought); 3] {
        [
            ("Users", progress.users),
            ("Groups", progress.groups),
            ("Memberships", progress.memberships),
        ]
    }

    fn changes(&self, run: &Run) -> [(&'static str, Changed); 3] {
        [
            ("Users", run.users),
            ("Groups", run.groups),
            ("Memberships", run.memberships),
        ]
    }

    fn is_none(&self, changed: &Changed) -> bool {
        *changed == Changed::default()
    }

    /// How fast the run that goes on is, and what holds it back.
    fn pace(&self, progress: &RunProgress) -> String {
        let rate = grouped(progress.rate.round() as i64);
        let mut said = format!(
            "{} so far, {rate} records a second",
            span(progress.elapsed_ms)
        );
        let traffic = &progress.traffic;
        if traffic.resource_units > 0 {
            said += &format!(", {} resource units", grouped(traffic.resource_units));
        }
        if let Some(wait) = traffic.waits_for_ms.filter(|_| traffic.waiting > 0) {
            said += &format!("; throttled, resuming in {}", span(wait));
        }
        said
    }

    /// Whether it can be run now.
    fn can_run(&self) -> bool {
        !self.connector.disabled && self.overview.open.is_none() && !self.profiles.is_empty()
    }

    /// How old the cursor is, in one unit.
    fn token_age(&self) -> String {
        let Some(token) = &self.overview.token else {
            return "none".into();
        };
        let seconds = token.age_seconds.max(0);
        match seconds {
            0..3_600 => format!("{} min", seconds / 60),
            3_600..86_400 => format!("{} h", seconds / 3_600),
            _ => format!("{} d", seconds / 86_400),
        }
    }
}

/// Shows a connector.
pub(super) async fn one(shell: Shell, State(plane): State<Plane>, Path(id): Path<Uuid>) -> Answer {
    let connector = plane.catalog.connector(id).await?;
    let overview = plane.work.overview(&[id]).await?.pop();
    let overview = overview.ok_or(Problem::not_found("connector"))?;
    let types = plane.catalog.types().installed().await?;
    let of = types.into_iter().find(|of| of.name == connector.plugin);
    let (profiles, _) = plane.catalog.profiles(id, None, PROFILES).await?;
    let mut runs = newest_runs(&plane, id).await?;
    let charts = course::charts(&runs);
    runs.truncate(NEWEST);
    let open = overview.open.as_ref();
    let (settings, secrets) = setting::shown(&connector, of.as_ref());
    page(&ConnectorPage {
        shell,
        holdings: holdings(&plane, id).await?,
        progress: open.and_then(|run| plane.work.progress(run.id)),
        concerns: concerns(&connector, &overview, &profiles),
        steps: steps(&connector, &overview),
        charts,
        runs,
        profiles,
        settings,
        secrets,
        of,
        overview,
        connector,
    })
}

async fn newest_runs(plane: &Plane, connector: Uuid) -> Result<Vec<Run>, WorkError> {
    let filter = RunFilter {
        connector: Some(connector),
        ..RunFilter::default()
    };
    plane.work.runs(&filter, None, course::RUNS).await
}

fn concerns(connector: &Connector, overview: &Overview, profiles: &[Profile]) -> Vec<Concern> {
    let mut concerns = concern::of(connector, overview);
    if profiles.is_empty() {
        concerns.push(Concern {
            bad: false,
            message: "The connector has no profile, and runs only with one.".into(),
            remedy: "A profile says when it runs, and with which transform map.".into(),
            code: String::new(),
            link: None,
        });
    }
    concerns
}

/// The usual path, with where the connector is in it. At its end is what the last run came to.
fn steps(connector: &Connector, overview: &Overview) -> [Step; 4] {
    let reached = |state: Standing| {
        let reached = overview.reached.iter();
        let mut reached = reached.filter(|standing| standing.state == state);
        reached.next().map(|standing| standing.since)
    };
    let ends = [Standing::Processed, Standing::Failed, Standing::Held];
    let end = ends
        .into_iter()
        .filter(|state| reached(*state).is_some())
        .max_by_key(|state| reached(*state))
        .unwrap_or(Standing::Processed);
    [
        Standing::Registered,
        Standing::Scheduled,
        Standing::Processing,
        end,
    ]
    .map(|state| {
        let at = match state {
            Standing::Registered => reached(state).or(Some(connector.created.at)),
            state => reached(state),
        };
        Step {
            state,
            at,
            here: connector.state == state,
        }
    })
}
