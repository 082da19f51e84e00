//! `/groups` and `/users`: finding them by name.

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{PAGE, called, counted, moment, request};
use crate::api::Plane;
use crate::api::directory::{Found, Link, Wanted, find};
use crate::api::extract::Query;
use crate::api::problem::{FieldError, Problem};
use crate::catalog::GroupKinds;
use crate::contract::Choice;
use crate::database::millis;
use crate::directory::{Kind, Match, MemberKind, PageRequest, Sort};
use crate::web::filters;
use crate::web::form::midnight;
use crate::web::link::{self, Foot, address};
use crate::web::page::{Answer, page};
use crate::web::shell::Shell;

/// What the address of a list says. Forms send fields that are empty.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    text: String,
    /// `substring`, or at the beginning.
    #[serde(rename = "match")]
    how: String,
    connector: String,
    /// `any` or `none`.
    link: String,
    /// UUID of a platform group.
    platform: String,
    /// A kind of group.
    kind: String,
    /// A day.
    since: String,
    /// Anything: hidden ones too.
    hidden: String,
    sort: String,
    /// `desc`, or ascending.
    order: String,
    cursor: Option<String>,
}

/// A column of the list.
struct Column {
    title: &'static str,
    numeric: bool,
    /// What `aria-sort` says; empty where the list is sorted otherwise.
    sorted: &'static str,
    /// Where the list is sorted by it; empty where it can't be.
    href: String,
}

struct Row {
    href: String,
    name: String,
    connector: String,
    /// What people call its kind; empty where it isn't known.
    kind: String,
    links: u64,
    hidden: bool,
    platform_groups: Vec<String>,
    since: Option<Timestamp>,
    changed: Option<Timestamp>,
}

/// Why a list has no rows.
enum Empty {
    /// There is no connector.
    Unconfigured,
    /// No run has brought anything.
    Unsynced,
    /// Nothing is as wanted: where to look for the text anywhere in names, and where everything is listed.
    Nothing {
        anywhere: Option<String>,
        everything: &'static str,
    },
}

#[derive(Template)]
#[template(path = "directory/list.html")]
struct List {
    shell: Shell,
    /// Groups, or else users.
    groups: bool,
    path: &'static str,
    asked: Asked,
    mistakes: Vec<FieldError>,
    connectors: Vec<(String, String)>,
    /// Kinds of groups to choose from.
    kinds: Vec<Choice>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    foot: Foot,
    empty: Option<Empty>,
    csv: String,
    ndjson: String,
}

pub(super) async fn groups(
    shell: Shell,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
) -> Answer {
    list(shell, &plane, asked, Kind::Groups).await
}

pub(super) async fn users(
    shell: Shell,
    State(plane): State<Plane>,
    Query(asked): Query<Asked>,
) -> Answer {
    list(shell, &plane, asked, Kind::Users).await
}

async fn list(shell: Shell, plane: &Plane, asked: Asked, what: Kind) -> Answer {
    let groups = what == Kind::Groups;
    let path = if groups { "/groups" } else { "/users" };
    let (wanted, mistakes) = asked.wanted(groups);
    let connectors = plane.catalog.connector_names().await?;
    let wants = request(asked.cursor.as_ref());
    let found = find(plane, what, &wanted, &wants).await?;
    let total = match found.total {
        // Only the first page tells it.
        None => {
            find(plane, what, &wanted, &PageRequest::first(1))
                .await?
                .total
        }
        total => total,
    };
    let parameters = asked.parameters();
    let noun = if groups { "group" } else { "user" };
    let next = found.next.as_ref().map(|next| next.as_str());
    let foot = Foot::new(
        counted(total, noun),
        path,
        &parameters,
        asked.cursor.as_deref(),
        next,
    );
    let kinds = match groups {
        true => plane.catalog.group_kinds().await?,
        false => GroupKinds::default(),
    };
    let rows = rows(found.items, &connectors, &kinds, what)?;
    let kinds = kinds.choices(wanted.connector);
    let empty = match (&rows.first(), connectors.is_empty()) {
        (Some(_), _) => None,
        (None, true) => Some(Empty::Unconfigured),
        (None, false) if !asked.narrows() => Some(Empty::Unsynced),
        _ => Some(Empty::Nothing {
            anywhere: asked.anywhere(path),
            everything: path,
        }),
    };
    let export = |format| asked.export(path, &wanted, format);
    let (csv, ndjson) = (export("csv"), export("ndjson"));
    page(&List {
        shell,
        groups,
        path,
        mistakes,
        connectors: connectors
            .into_iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect(),
        columns: columns(&asked, path, &wanted, groups, !kinds.is_empty()),
        kinds,
        rows,
        foot,
        empty,
        csv,
        ndjson,
        asked,
    })
}

fn rows(
    found: Vec<Found>,
    connectors: &[(Uuid, String)],
    kinds: &GroupKinds,
    what: Kind,
) -> Result<Vec<Row>, Problem> {
    let kind = match what {
        Kind::Groups => MemberKind::Group,
        Kind::Users => MemberKind::User,
    };
    let row = |found: Found| {
        let entry = found.entry;
        let connector = connectors.iter().find(|(id, _)| *id == found.connector);
        Ok(Row {
            href: link::member(kind, found.connector, &entry.id).unwrap_or_default(),
            name: called(&entry.name, &entry.id),
            connector: connector.map_or_else(String::new, |(_, name)| name.clone()),
            kind: entry
                .group_kind
                .map_or_else(String::new, |kind| kinds.label(found.connector, &kind)),
            links: entry.links,
            hidden: entry.hidden,
            platform_groups: found.platform_groups,
            since: moment(entry.since)?,
            changed: moment(entry.changed)?,
        })
    };
    found.into_iter().take(PAGE).map(row).collect()
}

fn columns(asked: &Asked, path: &str, wanted: &Wanted, groups: bool, kinds: bool) -> Vec<Column> {
    let of = |title, sort: Option<(Sort, &'static str, bool)>, numeric| {
        let Some((sort, word, newest_first)) = sort else {
            let (sorted, href) = ("", String::new());
            return Column {
                title,
                numeric,
                sorted,
                href,
            };
        };
        let current = wanted.sort == sort;
        let descending = if current {
            !wanted.descending
        } else {
            newest_first
        };
        Column {
            title,
            numeric,
            sorted: match (current, wanted.descending) {
                (false, _) => "",
                (true, false) => "ascending",
                (true, true) => "descending",
            },
            href: asked.sorted(path, word, descending),
        }
    };
    let name = of("Name", Some((Sort::Name, "name", false)), false);
    let connector = of("Connector", None, false);
    let changed = of("Changed", Some((Sort::Changed, "changed", true)), false);
    let since = of("Since", Some((Sort::Since, "since", true)), false);
    if groups {
        let members = of(
            "Direct members",
            Some((Sort::Members, "members", true)),
            true,
        );
        let linked = of("Platform groups", None, false);
        let kind = kinds.then(|| of("Kind", Some((Sort::GroupKind, "kind", false)), false));
        let first = [name, connector].into_iter().chain(kind);
        first.chain([members, linked, changed, since]).collect()
    } else {
        let links = of("Direct groups", Some((Sort::Members, "groups", true)), true);
        vec![name, connector, links, changed, since]
    }
}

impl Asked {
    /// What is looked for, and what of it can't be read.
    fn wanted(&self, groups: bool) -> (Wanted, Vec<FieldError>) {
        let mut mistakes = Vec::new();
        let mut mistake = |path: &str, message: &str, remedy: &str| {
            mistakes.push(FieldError {
                path: path.into(),
                message: message.into(),
                remedy: remedy.into(),
            });
        };
        let connector = Uuid::try_parse(&self.connector).ok();
        let mut link = Link::read(&self.link).filter(|_| groups && !self.link.is_empty());
        if groups && !self.platform.trim().is_empty() {
            match Uuid::try_parse(self.platform.trim()) {
                Ok(id) => link = Some(Link::To(id)),
                Err(_) => mistake(
                    "platform",
                    "It is no UUID.",
                    "Copy the platform group's UUID.",
                ),
            }
        }
        let mut changed_since = None;
        if !self.since.is_empty() {
            match midnight(&self.since, 0) {
                Some(midnight) => changed_since = Some(millis(midnight)),
                None => mistake("since", "It is no day.", "Write it like 2026-03-01."),
            }
        }
        let sort = match self.sort.as_str() {
            "members" if groups => Sort::Members,
            "groups" if !groups => Sort::Members,
            "kind" if groups => Sort::GroupKind,
            "changed" => Sort::Changed,
            "since" => Sort::Since,
            _ => Sort::Name,
        };
        let wanted = Wanted {
            connector,
            text: Some(self.text.clone()).filter(|text| !text.trim().is_empty()),
            how: match self.how.as_str() {
                "substring" => Match::Substring,
                _ => Match::Prefix,
            },
            changed_since,
            hidden: !groups && !self.hidden.is_empty(),
            group_kinds: Some(self.kind.clone())
                .filter(|kind| groups && !kind.is_empty())
                .into_iter()
                .collect(),
            link,
            sort,
            descending: self.order == "desc",
        };
        (wanted, mistakes)
    }

    /// Whether not everything is looked for.
    fn narrows(&self) -> bool {
        [
            &self.text,
            &self.connector,
            &self.link,
            &self.platform,
            &self.kind,
            &self.since,
        ]
        .iter()
        .any(|field| !field.trim().is_empty())
    }

    /// Everything that the address says but the place.
    fn parameters(&self) -> Vec<(&str, &str)> {
        vec![
            ("text", &self.text),
            ("match", &self.how),
            ("connector", &self.connector),
            ("link", &self.link),
            ("platform", &self.platform),
            ("kind", &self.kind),
            ("since", &self.since),
            ("hidden", &self.hidden),
            ("sort", &self.sort),
            ("order", &self.order),
        ]
    }

    fn sorted(&self, path: &str, sort: &str, descending: bool) -> String {
        let sorted = Self {
            sort: sort.to_owned(),
            order: if descending {
                "desc".to_owned()
            } else {
                String::new()
            },
            ..self.clone()
        };
        address(path, &sorted.parameters())
    }

    /// Where the text is looked for anywhere in names, unless it is already.
    fn anywhere(&self, path: &str) -> Option<String> {
        let elsewhere = !self.text.trim().is_empty() && self.how != "substring";
        elsewhere.then(|| {
            let anywhere = Self {
                how: "substring".to_owned(),
                ..self.clone()
            };
            address(path, &anywhere.parameters())
        })
    }

    /// Where the API gives all of what is found.
    fn export(&self, path: &str, wanted: &Wanted, format: &str) -> String {
        let since = wanted
            .changed_since
            .and_then(|at| Timestamp::from_millisecond(at).ok());
        let since = since.map_or_else(String::new, |at| at.to_string());
        let link = match wanted.link {
            Some(Link::Any) => "any".to_owned(),
            Some(Link::None) => "none".to_owned(),
            Some(Link::To(id)) => id.to_string(),
            None => String::new(),
        };
        let connector = wanted
            .connector
            .map_or_else(String::new, |id| id.to_string());
        let hidden = if wanted.hidden { "true" } else { "" };
        let path = format!("/api/v1/directory{path}/export");
        let parameters = [
            ("format", format),
            ("text", &self.text),
            ("match", &self.how),
            ("connector", &connector),
            ("link", &link),
            ("groupKind", &self.kind),
            ("changedSince", &since),
            ("hidden", hidden),
            ("sort", &self.sort),
            ("order", &self.order),
        ];
        address(&path, &parameters)
    }
}
