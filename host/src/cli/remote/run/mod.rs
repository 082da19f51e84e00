//! `connector-host run`.

mod removals;
mod summary;
#[cfg(test)]
mod tests;
mod watch;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Act;
use super::client::Client;
use super::failure::Failure;
use super::output::{Column, Form, Output};
use super::pages::Pages;
use super::resolve;
use super::text::clean;

/// Commands about runs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Runs, newest first.
    List(List),
    /// What a run did.
    Show(One),
    /// Run a connector now.
    #[command(after_help = EXIT_CODES)]
    Start(Start),
    /// Follow a run to its end.
    #[command(after_help = EXIT_CODES)]
    Watch(One),
    /// End a run: between two pages, where it goes on.
    Cancel(One),
    /// Carry the removals of a held run out.
    Allow(Decide),
    /// Drop the removals of a held run; the next one finds them again.
    Reject(Decide),
    /// What a held run would remove.
    Removals(removals::Removals),
}

const EXIT_CODES: &str = "\
Exit codes of a run that is watched:
  0  processed
  2  failed: settings, credentials or permissions are wrong
  3  processed in part
  4  held: see `run removals`, then `run allow` or `run reject`
  1  anything else";

/// One run.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// The run's identifier, or a connector for its newest run.
    #[arg(value_name = "RUN|CONNECTOR")]
    run: String,
}

/// Arguments of `run list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// Only of this profile; goes with --connector, unless there is only one connector.
    #[arg(long, value_name = "NAME|ID")]
    profile: Option<String>,
    /// Only in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only of this kind.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Only those that this asked for.
    #[arg(long, value_enum)]
    trigger: Option<Trigger>,
    /// Only those that failed with this code.
    #[arg(long, value_name = "CODE")]
    fault: Option<String>,
    /// Only asked for at this time or later: a date, an instant, or a time ago such as `2h`.
    #[arg(long, value_name = "TIME", value_parser = super::group::instant)]
    since: Option<Timestamp>,
    /// Only asked for before this time.
    #[arg(long, value_name = "TIME", value_parser = super::group::instant)]
    until: Option<Timestamp>,
}

/// Words of the API that are the same here.
macro_rules! words {
    ($name:ident: $($word:ident)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        enum $name {
            $($word),+
        }

        impl $name {
            fn word(self) -> String {
                match self {
                    $(Self::$word => stringify!($word).to_lowercase()),+
                }
            }
        }
    };
}

words!(State: Queued Processing Processed Partial Failed Held Rejected Superseded Cancelled);
words!(Mode: Snapshot Incremental);
words!(Trigger: Schedule Manual Retry);

/// Arguments of `run start`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Start {
    /// The connector.
    #[arg(value_name = "NAME|ID")]
    connector: String,
    /// With this profile; the connector's own choice where absent.
    #[arg(long, value_name = "NAME|ID")]
    profile: Option<String>,
    /// Read everything, instead of what changed.
    #[arg(long)]
    snapshot: bool,
    /// Follow it to its end.
    #[arg(long)]
    watch: bool,
}

/// Arguments of `run allow` and `run reject`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Decide {
    #[command(flatten)]
    one: One,
    /// Why; it is kept with the run and in the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

const COLUMNS: &[Column] = &[
    Column::time("Asked for", "/queued"),
    Column::text("Connector", "/connectorName"),
    Column::text("Profile", "/profileName"),
    Column::made("Mode", |run| {
        let of = |name| run.get(name).and_then(Value::as_str);
        clean(of("mode").or(of("asked")).unwrap_or_default())
    }),
    Column::text("State", "/state"),
    Column::made("Users", |run| summary::changed(run, "users")),
    Column::made("Groups", |run| summary::changed(run, "groups")),
    Column::made("Memberships", |run| summary::changed(run, "memberships")),
    Column::count("Requests", "/requests"),
    Column::made("Took", summary::took),
    Column::text("Id", "/id"),
];

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::List(list) => list.run(client, output).await,
            Self::Show(one) => {
                let id = one.id(client).await?;
                let run = client.get(&["runs", &id])?.send().await?.body;
                match output.form {
                    Form::Json => output.thing(&run)?,
                    Form::Table => summary::details(&mut output.console.out, &run)?,
                }
                Ok(EXIT_PROCESSED)
            }
            Self::Start(start) => start.run(client, output).await,
            Self::Watch(one) => watch::watch(client, &one.id(client).await?, output).await,
            Self::Cancel(one) => {
                let id = one.id(client).await?;
                let run = client.post(&["runs", &id, "cancel"])?.send().await?;
                let sentence = match run.text("state").as_str() {
                    "processing" => "it ends after the page that it is at",
                    _ => "it is cancelled",
                };
                output.done(sentence, &run.body)
            }
            Self::Allow(decide) => {
                let done = "its removals are carried out";
                decide.run("allow", done, client, output).await
            }
            Self::Reject(decide) => {
                let done = "its removals are dropped";
                decide.run("reject", done, client, output).await
            }
            Self::Removals(wanted) => wanted.run(client, output).await,
        }
    }
}

impl One {
    /// Identifier of the run.
    async fn id(&self, client: &Client) -> Result<String, Failure> {
        if Uuid::parse_str(&self.run).is_ok() {
            return Ok(self.run.clone());
        }
        let connector = resolve::connector(client, &self.run).await?;
        let request = client.get(&["runs"])?.query("connector", &connector.id);
        let newest = Pages::new(request, Some(1)).collect().await?;
        let id = newest.first().and_then(|run| run.get("id")?.as_str());
        id.map(str::to_owned).ok_or_else(|| {
            Failure::input(
                format!("{} has had no run yet", clean(&connector.name)),
                "Begin one with `run start`.",
            )
        })
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let mut connector = match &self.connector {
            Some(wanted) => Some(resolve::connector(client, wanted).await?.id),
            None => None,
        };
        let mut profile = None;
        if let Some(wanted) = &self.profile {
            let of = resolve::connector_or_only(client, connector.as_deref()).await?;
            profile = Some(profile_of(client, &of.id, wanted).await?);
            connector = Some(of.id);
        }
        let request = client
            .get(&["runs"])?
            .maybe("connector", connector)
            .maybe("profile", profile)
            .maybe("state", self.state.map(State::word))
            .maybe("mode", self.mode.map(Mode::word))
            .maybe("trigger", self.trigger.map(Trigger::word))
            .maybe("fault", self.fault)
            .maybe("since", self.since)
            .maybe("until", self.until);
        output.list(request, COLUMNS).await
    }
}

async fn profile_of(client: &Client, connector: &str, wanted: &str) -> Result<String, Failure> {
    let path = ["connectors", connector, "profiles"];
    let found = resolve::one_of(client, "profile", &path, wanted).await?;
    Ok(found.id)
}

impl Start {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let connector = resolve::connector(client, &self.connector).await?;
        let mut body = json!({"mode": if self.snapshot { "snapshot" } else { "auto" }});
        if let Some(wanted) = &self.profile {
            let profile = profile_of(client, &connector.id, wanted).await?;
            if let Some(members) = body.as_object_mut() {
                members.insert("profile".into(), profile.into());
            }
        }
        let path = ["connectors", &connector.id, "runs"];
        let run = client.post(&path)?.body(body).send().await?;
        let id = run.text("id");
        if self.watch {
            return watch::watch(client, &id, output).await;
        }
        let sentence = format!("the run is {}: {id}", run.text("state"));
        output.done(&sentence, &run.body)
    }
}

impl Decide {
    async fn run(
        self,
        verdict: &str,
        done: &str,
        client: &Client,
        output: &mut Output,
    ) -> Result<u8> {
        let id = self.one.id(client).await?;
        let body = json!({"verdict": verdict, "reason": self.reason});
        let request = client.post(&["runs", &id, "decision"])?.body(body);
        let answer = request.send().await?;
        output.done(done, &answer.body)
    }
}
