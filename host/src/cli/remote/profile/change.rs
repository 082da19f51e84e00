//! `connector-host profile create`, `change` and `preview`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::output::{Column, Output};
use super::super::{resolve, schedule};
use super::guard::{self, Threshold};
use super::{One, Whose};

/// When a profile runs.
#[derive(Debug, Args)]
struct When {
    /// When it runs, such as 'every 15 minutes', 'daily at 02:00' or 'cron 0 2 * * 1-5'; see below.
    #[arg(long, value_name = "TEXT", conflicts_with = "schedule_file")]
    schedule: Option<String>,
    /// A file with the schedule as the API has it, a JSON object.
    #[arg(long, value_name = "FILE")]
    schedule_file: Option<PathBuf>,
    /// IANA name of the time zone of its times, such as Europe/Berlin; UTC where none was set before.
    #[arg(long)]
    zone: Option<String>,
    /// Delay each run by up to so many seconds, so that many profiles don't begin at once.
    #[arg(long, value_name = "SECONDS")]
    jitter: Option<u32>,
    /// How often a run is a snapshot: the first of each period.
    #[arg(long, value_enum)]
    baseline: Option<Baseline>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Baseline {
    /// No run but the very first.
    Never,
    /// Each day.
    Daily,
    /// Each week, from Monday.
    Weekly,
    /// Each month.
    Monthly,
}

/// What a profile is made of.
#[derive(Debug, Args)]
struct Content {
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The transform map.
    #[arg(long, value_name = "NAME|ID")]
    map: Option<String>,
    #[command(flatten)]
    when: When,
    /// What a run may remove without being held: PERCENT[,COUNT] of users, groups and memberships each, or of one
    /// of them with users=, groups= or memberships= before it. Held is what is beyond both.
    #[arg(long, value_name = "[STREAM=]PERCENT[,COUNT]")]
    guard: Vec<Threshold>,
}

/// Arguments of `profile create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Name, unique in its connector without regard to case.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    content: Content,
    /// Don't let its schedule count yet.
    #[arg(long)]
    inactive: bool,
}

/// Arguments of `profile change`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    #[command(flatten)]
    one: One,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    content: Content,
}

/// Arguments of `profile preview`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Preview {
    /// The profile; only the schedule that is given where absent.
    #[arg(value_name = "NAME|ID")]
    profile: Option<String>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    when: When,
}

impl Create {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut body = self.content.members(client, None).await?;
        body.insert("name".into(), self.name.clone().into());
        if self.inactive {
            body.insert("active".into(), false.into());
        }
        let connector = self.whose.read(client).await?;
        let path = ["connectors", &connector.id, "profiles"];
        let made = client.post(&path)?.body(body.into()).send().await?.body;
        let text = made.get("scheduleText").and_then(Value::as_str);
        let runs = text.unwrap_or("when asked");
        output.done(&format!("{} is made: it runs {runs}", self.name), &made)
    }
}

impl Change {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let (connector, found) = self.one.read(client).await?;
        let mut body = self.content.members(client, Some(&found.body)).await?;
        if let Some(name) = self.name {
            body.insert("name".into(), name.into());
        }
        if body.is_empty() {
            return Err(Failure::input(
                "nothing is to be changed",
                "Name what is to be changed, such as --schedule 'daily at 02:00'.",
            )
            .into());
        }
        let path = ["connectors", &connector.id, "profiles", &found.text("id")];
        let request = client.patch(&path)?.body(body.into());
        let answer = request.if_match(found.etag).send().await?;
        output.done(&format!("{} is changed", answer.text("name")), &answer.body)
    }
}

impl Content {
    /// The members of the request's document that are given; a profile that is changed gives what must be taken
    /// along.
    async fn members(&self, client: &Client, before: Option<&Value>) -> Result<Map<String, Value>> {
        let mut members = Map::new();
        if let Some(description) = &self.description {
            members.insert("description".into(), description.clone().into());
        }
        if let Some(map) = &self.map {
            let all = resolve::listed(client.get(&["transform-maps"])?).await?;
            let found = resolve::pick("map", map, all)?;
            members.insert("map".into(), found.id.into());
        }
        if let Some(schedule) = self.when.schedule(before)? {
            members.insert("schedule".into(), schedule);
        }
        if let Some(baseline) = self.when.baseline {
            members.insert("baseline".into(), baseline.word().into());
        }
        if !self.guard.is_empty() {
            let before = before.and_then(|before| before.get("guard"));
            members.insert("guard".into(), guard::with(before, &self.guard));
        }
        Ok(members)
    }
}

impl Baseline {
    fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

impl When {
    /// The schedule that is given, or that of the profile before with what is given of it; none where nothing is.
    fn schedule(&self, before: Option<&Value>) -> Result<Option<Value>> {
        let before = before.and_then(|before| before.get("schedule"));
        let mut schedule = if let Some(file) = &self.schedule_file {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("the schedule file {}", file.display()))?;
            serde_json::from_str(&text).map_err(|error| {
                let message = format!("the schedule file {}: {error}", file.display());
                Failure::input(message, "Write it as {\"zone\": …, \"rhythm\": …}.")
            })?
        } else if let Some(text) = &self.schedule {
            let kept = before.and_then(|before| before.get("zone")?.as_str());
            let zone = self.zone.as_deref().or(kept).unwrap_or("UTC");
            let said = schedule::parse(text, zone, Timestamp::now())
                .map_err(|wrong| Failure::input(format!("--schedule: {wrong}"), schedule::FORMS))?;
            serde_json::to_value(said)?
        } else if self.zone.is_some() || self.jitter.is_some() {
            before.cloned().ok_or_else(|| {
                Failure::input(
                    "--zone and --jitter go with a schedule",
                    "Give --schedule as well.",
                )
            })?
        } else {
            return Ok(None);
        };
        if let Some(members) = schedule.as_object_mut() {
            if let Some(zone) = &self.zone {
                members.insert("zone".into(), zone.clone().into());
            }
            if let Some(jitter) = self.jitter {
                members.insert("jitterSeconds".into(), jitter.into());
            } else if self.schedule.is_some()
                && let Some(jitter) = before.and_then(|before| before.get("jitterSeconds"))
            {
                members.insert("jitterSeconds".into(), jitter.clone());
            }
        }
        Ok(Some(schedule))
    }
}

const RUNS: &[Column] = &[
    Column::text("When", "/local"),
    Column::text("Mode", "/mode"),
];
/// Runs that are shown.
const COUNT: usize = 10;

impl Preview {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let before = match &self.profile {
            Some(profile) => {
                let one = One {
                    profile: profile.clone(),
                    whose: self.whose,
                };
                Some(one.read(client).await?.1.body)
            }
            None => None,
        };
        let kept = |name: &str| before.as_ref().and_then(|before| before.get(name)).cloned();
        let schedule = self.when.schedule(before.as_ref())?;
        let schedule = schedule.or_else(|| kept("schedule")).ok_or_else(|| {
            Failure::input(
                "neither a profile nor a schedule is given",
                "Name a profile, or say when with --schedule.",
            )
        })?;
        let baseline = self.when.baseline.map(|baseline| baseline.word().into());
        let mut body = json!({ "schedule": schedule });
        if let Some(members) = body.as_object_mut() {
            members.extend(
                baseline
                    .or_else(|| kept("baseline"))
                    .map(|b| ("baseline".into(), b)),
            );
            members.extend(kept("id").map(|id| ("profile".into(), id)));
            members.insert("count".into(), json!(COUNT));
        }
        let request = client.post(&["schedule-preview"])?.body(body);
        let answer = request.send().await?.body;
        let runs = answer.get("runs").and_then(Value::as_array);
        let runs = runs.map(Vec::as_slice).unwrap_or_default();
        if runs.is_empty() {
            output.note("it never runs by itself")?;
        }
        output.whole(runs, RUNS)?;
        Ok(EXIT_PROCESSED)
    }
}
