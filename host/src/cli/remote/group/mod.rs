//! `connector-host group`: what connectors brought.

mod changes;
mod export;
mod links;
mod user;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use connector_host::run::EXIT_PROCESSED;
use serde_json::Value;

use super::Act;
use super::client::Client;
use super::failure::Failure;
use super::output::{Column, Form, Output};
use super::resolve::{Objects, ambiguous};
use super::text::clean;

pub(super) use changes::instant;

/// Commands about groups.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Find groups by name.
    Find(FindGroups),
    /// Everything about one group.
    Show(One),
    /// Who is in a group.
    Members(Members),
    /// Why somebody is in a group: the chains of groups that lead there.
    Why(Why),
    /// Which of the platform's groups the groups of a connector feed.
    Links(links::Links),
    /// Let a group feed groups of the platform; the connector's next run is a snapshot.
    Link(links::Change),
    /// Let a group feed groups of the platform no more.
    Unlink(links::Change),
    /// Set all links of a connector, in place of those before.
    ImportLinks(links::Import),
    /// Who joined and left groups, newest first.
    Changes(changes::Changes),
    /// Stream a connector's directory, or one group's members.
    Export(export::Export),
    /// Find users, and see which groups they are in.
    #[command(subcommand)]
    User(user::Command),
}

impl Act for Command {
    async fn act(self, client: &Client, output: &mut Output) -> Result<u8> {
        match self {
            Self::Find(command) => {
                let kinds = Some(command.kind.join(",")).filter(|kinds| !kinds.is_empty());
                let find = command.find;
                find.run(Objects::Groups, kinds, client, output).await
            }
            Self::Show(command) => command.run(Objects::Groups, client, output).await,
            Self::Members(command) => command.run(client, output).await,
            Self::Why(command) => command.run(client, output).await,
            Self::Links(command) => command.run(client, output).await,
            Self::Link(command) => command.link(client, output).await,
            Self::Unlink(command) => command.unlink(client, output).await,
            Self::ImportLinks(command) => command.run(client, output).await,
            Self::Changes(command) => command.run(client, output).await,
            Self::Export(command) => command.run(client, output).await,
            Self::User(command) => command.act(client, output).await,
        }
    }
}

/// Which connector's.
#[derive(Debug, Args)]
struct Whose {
    /// Of this connector; of all, or of the only one, where absent.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

impl Whose {
    fn name(&self) -> Option<&str> {
        self.connector.as_deref()
    }
}

/// What to look for.
#[derive(Debug, Args)]
pub(in crate::cli) struct Find {
    /// Text in the name, without regard to case and accents; everything where absent.
    text: Option<String>,
    #[command(flatten)]
    whose: Whose,
    /// Where in the name.
    #[arg(long = "match", value_enum, default_value_t = Match::Substring)]
    how: Match,
    /// Only those that came or changed at this time or later: a date, an instant, or a time ago such as `2h`.
    #[arg(long, value_name = "TIME", value_parser = changes::instant)]
    changed_since: Option<jiff::Timestamp>,
    /// Hidden users too.
    #[arg(long)]
    hidden: bool,
}

/// What to look for among groups.
#[derive(Debug, Args)]
pub(in crate::cli) struct FindGroups {
    #[command(flatten)]
    find: Find,
    /// Only those of these kinds, separated by commas, as `plugin inspect` lists them.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Match {
    /// At its beginning.
    Prefix,
    /// Anywhere.
    Substring,
    /// The whole name.
    Exact,
}

const GROUPS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Kind", "/groupKind"),
    Column::count("Members", "/members"),
    Column::name("Connector", "/connector"),
    Column::text("Id", "/id"),
];

const USERS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::count("Groups", "/groups"),
    Column::text("Hidden", "/hidden"),
    Column::name("Connector", "/connector"),
    Column::text("Id", "/id"),
];

impl Find {
    async fn run(
        self,
        what: Objects,
        kinds: Option<String>,
        client: &Client,
        output: &mut Output,
    ) -> Result<u8> {
        let connector = match self.whose.name() {
            Some(name) => Some(super::resolve::connector(client, name).await?.id),
            None => None,
        };
        let how = match self.how {
            Match::Prefix => "prefix",
            Match::Substring => "substring",
            Match::Exact => "exact",
        };
        let (path, columns) = match what {
            Objects::Groups => ("groups", GROUPS),
            Objects::Users => ("users", USERS),
        };
        let request = client
            .get(&["directory", path])?
            .maybe("connector", connector)
            .query("match", how)
            .maybe("text", self.text)
            .maybe("groupKind", kinds)
            .maybe("changedSince", self.changed_since)
            .flag("hidden", self.hidden);
        output.learn(client, &["connectors"]).await?;
        output.list(request, columns).await
    }
}

/// One user or group.
#[derive(Debug, Args)]
pub(in crate::cli) struct One {
    /// Its name or identifier.
    #[arg(value_name = "NAME|ID")]
    wanted: String,
    #[command(flatten)]
    whose: Whose,
}

impl One {
    async fn run(self, what: Objects, client: &Client, output: &mut Output) -> Result<u8> {
        let found = what.find(client, self.whose.name(), &self.wanted).await?;
        let path = match what {
            Objects::Groups => "groups",
            Objects::Users => "users",
        };
        let path = ["connectors", &found.connector, path, &found.object.id];
        let answer = client.get(&path)?.send().await?;
        output.thing(&answer.body)?;
        Ok(EXIT_PROCESSED)
    }
}

/// How far memberships reach.
#[derive(Debug, Args)]
struct Reach {
    /// Through nested groups as well.
    #[arg(long)]
    effective: bool,
    /// Only those in whose names this is.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// Arguments of `group members`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Members {
    /// The group.
    #[arg(value_name = "NAME|ID")]
    group: String,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    reach: Reach,
}

const MEMBERS: &[Column] = &[
    Column::text("Name", "/name"),
    Column::text("Kind", "/kind"),
    Column::made("Path", |member| {
        chain(member.get("path").unwrap_or(&Value::Null))
    }),
    Column::text("Id", "/id"),
];

/// Names of groups that lead from one to the next.
fn chain(path: &Value) -> String {
    let names: Vec<String> = path
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| {
            let text = |name| group.get(name).and_then(Value::as_str).unwrap_or_default();
            match text("name") {
                "" => clean(text("id")),
                name => clean(name),
            }
        })
        .collect();
    names.join(" > ")
}

impl Members {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let found = Objects::Groups
            .find(client, self.whose.name(), &self.group)
            .await?;
        let path = [
            "connectors",
            &found.connector,
            "groups",
            &found.object.id,
            "members",
        ];
        let request = client
            .get(&path)?
            .flag("effective", self.reach.effective)
            .maybe("text", self.reach.text);
        output.list(request, MEMBERS).await
    }
}

/// Arguments of `group why`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Why {
    /// The group.
    #[arg(value_name = "GROUP")]
    group: String,
    /// The member: a user or a group.
    #[arg(value_name = "MEMBER")]
    member: String,
    #[command(flatten)]
    whose: Whose,
}

impl Why {
    async fn run(self, client: &Client, output: &mut Output) -> Result<u8> {
        let group = Objects::Groups
            .find(client, self.whose.name(), &self.group)
            .await?;
        let (id, name) = self.member(client, &group.connector).await?;
        let path = [
            "connectors",
            &group.connector,
            "groups",
            &group.object.id,
            "members",
            &id,
        ];
        let answer = client.get(&path)?.send().await?.body;
        if output.form == Form::Json {
            output.thing(&answer)?;
            return Ok(EXIT_PROCESSED);
        }
        let chains = answer.get("paths").and_then(Value::as_array);
        let chains = chains.map(Vec::as_slice).unwrap_or_default();
        if chains.is_empty() {
            output.line(&format!("{name} is no member of {}", group.object.name))?;
        }
        for path in chains {
            output.line(&format!("{} > {name}", chain(path)))?;
        }
        if answer.get("more") == Some(&Value::Bool(true)) {
            output.note("there are more chains")?;
        }
        Ok(EXIT_PROCESSED)
    }

    /// Identifier and name of the member, which may be a user or a group, or of another kind.
    async fn member(&self, client: &Client, connector: &str) -> Result<(String, String), Failure> {
        let mut found = Vec::new();
        for what in [Objects::Users, Objects::Groups] {
            found.extend(what.of_name(client, Some(connector), &self.member).await?);
        }
        match found.as_slice() {
            [one] => Ok((one.object.id.clone(), one.object.name.clone())),
            [] => Ok((self.member.clone(), self.member.clone())),
            several => Err(ambiguous(
                "member",
                &self.member,
                several.iter().map(|one| &one.object),
            )),
        }
    }
}
