//! Names where the API wants identifiers.

use serde_json::Value;
use uuid::Uuid;

use super::client::{Client, Request};
use super::failure::Failure;
use super::pages::Pages;
use super::text::clean;

/// How many candidates are named.
const CANDIDATES: usize = 10;

/// What a name or identifier stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Identifier.
    pub(super) id: String,
    /// Name, as it is written there.
    pub(super) name: String,
}

/// The connector of a name or identifier.
pub(super) async fn connector(client: &Client, wanted: &str) -> Result<Named, Failure> {
    one_of(client, "connector", &["connectors"], wanted).await
}

/// The connector that is meant: the one that is named, or the only one.
pub(super) async fn connector_or_only(
    client: &Client,
    wanted: Option<&str>,
) -> Result<Named, Failure> {
    if let Some(wanted) = wanted {
        return connector(client, wanted).await;
    }
    let all = listed(client.get(&["connectors"])?).await?;
    match all.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::input(
            "there is no connector yet",
            "Make one with `connector create`.",
        )),
        several => Err(Failure::input(
            format!("there are {} connectors: {}", several.len(), names(several)),
            "Say which one is meant with --connector.",
        )),
    }
}

/// Something of a list of things with an `id` and a `name`, all of which is small enough to be read.
pub(super) async fn one_of(
    client: &Client,
    what: &str,
    path: &[&str],
    wanted: &str,
) -> Result<Named, Failure> {
    if Uuid::parse_str(wanted).is_ok() {
        let mut path = path.to_vec();
        path.push(wanted);
        let found = client.get(&path)?.send().await?.body;
        return named(&found).ok_or_else(|| no_such(what, wanted, &[]));
    }
    pick(what, wanted, listed(client.get(path)?).await?)
}

/// The entry of this name: as it is written, or else without regard to case.
pub(super) fn pick(what: &str, wanted: &str, all: Vec<Named>) -> Result<Named, Failure> {
    if let Some(found) = all.iter().find(|one| one.id == wanted) {
        return Ok(found.clone());
    }
    let folded = wanted.to_lowercase();
    let same = |one: &&Named| one.name == wanted;
    let alike = |one: &&Named| one.name.to_lowercase() == folded;
    let mut found: Vec<&Named> = all.iter().filter(same).collect();
    if found.is_empty() {
        found = all.iter().filter(alike).collect();
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(no_such(what, wanted, &all)),
        several => Err(ambiguous(what, wanted, several.iter().copied())),
    }
}

/// Everything of a list.
pub(super) async fn listed(request: Request) -> Result<Vec<Named>, Failure> {
    let all = Pages::new(request, None).collect().await?;
    Ok(all.iter().filter_map(named).collect())
}

fn named(entry: &Value) -> Option<Named> {
    let text = |name: &str| entry.get(name)?.as_str().map(str::to_owned);
    Some(Named {
        id: text("id")?,
        name: text("name").unwrap_or_default(),
    })
}

/// Users or groups of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objects {
    Users,
    Groups,
}

/// A user or group with its connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Identifier of the connector.
    pub(super) connector: String,
    /// What it is, by name and identifier.
    pub(super) object: Named,
}

impl Objects {
    fn word(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Groups => "group",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Groups => "groups",
        }
    }

    /// The object of an exact name or identifier, in one connector or, without one, in any.
    pub(super) async fn find(
        self,
        client: &Client,
        connector: Option<&str>,
        wanted: &str,
    ) -> Result<Object, Failure> {
        let connector = match connector {
            Some(connector) => Some(self::connector(client, connector).await?),
            None => None,
        };
        let among = connector.as_ref().map(|connector| connector.id.as_str());
        let found = self.of_name(client, among, wanted).await?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => {
                let connector = match connector {
                    Some(connector) => connector,
                    None => connector_or_only(client, None).await?,
                };
                self.of_id(client, &connector, wanted).await
            }
            several => Err(ambiguous(
                self.word(),
                wanted,
                several.iter().map(|one| &one.object),
            )),
        }
    }

    /// Those of a name: as it is written, or else without regard to case and accents.
    pub(super) async fn of_name(
        self,
        client: &Client,
        connector: Option<&str>,
        wanted: &str,
    ) -> Result<Vec<Object>, Failure> {
        // Without a text a search finds everything.
        if wanted.trim().is_empty() {
            return Err(Failure::input(
                format!("the name of the {} is empty", self.word()),
                "Give a name or an identifier.",
            ));
        }
        let request = client
            .get(&["directory", self.path()])?
            .maybe("connector", connector)
            .query("text", wanted)
            .query("match", "exact");
        // One more would say nothing new.
        let found = Pages::new(request, Some(100)).collect().await?;
        let found: Vec<Object> = found
            .iter()
            .filter_map(|entry| {
                Some(Object {
                    connector: entry.get("connector")?.as_str()?.to_owned(),
                    object: named(entry)?,
                })
            })
            .collect();
        let same: Vec<Object> = found
            .iter()
            .filter(|one| one.object.name == wanted)
            .cloned()
            .collect();
        Ok(if same.is_empty() { found } else { same })
    }

    /// The one of an identifier.
    pub(super) async fn of_id(
        self,
        client: &Client,
        connector: &Named,
        wanted: &str,
    ) -> Result<Object, Failure> {
        let path = ["connectors", &connector.id, self.path(), wanted];
        let found = client.get(&path)?.send().await;
        match found {
            Ok(answer) => Ok(Object {
                connector: connector.id.clone(),
                object: named(&answer.body).ok_or_else(|| no_such(self.word(), wanted, &[]))?,
            }),
            Err(failure) if failure.is_not_found() => Err(Failure::input(
                format!(
                    "{} has no {} of the name or identifier {}",
                    clean(&connector.name),
                    self.word(),
                    clean(wanted)
                ),
                format!("Look for it with `{} TEXT`.", self.search()),
            )),
            Err(failure) => Err(failure),
        }
    }

    fn search(self) -> &'static str {
        match self {
            Self::Users => "group user find",
            Self::Groups => "group find",
        }
    }
}

pub(super) fn ambiguous<'a>(
    what: &str,
    wanted: &str,
    several: impl IntoIterator<Item = &'a Named>,
) -> Failure {
    let lines: Vec<String> = several
        .into_iter()
        .take(CANDIDATES)
        .map(|one| format!("{}  {}", clean(&one.id), clean(&one.name)))
        .collect();
    Failure::input(
        format!("more than one {what} has the name {}", clean(wanted)),
        format!(
            "Give the identifier of one of these:\n  {}",
            lines.join("\n  ")
        ),
    )
}

fn no_such(what: &str, wanted: &str, all: &[Named]) -> Failure {
    let remedy = if all.is_empty() {
        format!("See `{what} list`.")
    } else {
        format!("There is {}.", names(all))
    };
    Failure::input(
        format!(
            "there is no {what} of the name or identifier {}",
            clean(wanted)
        ),
        remedy,
    )
}

/// Some names, for a message.
fn names(all: &[Named]) -> String {
    let mut list: Vec<String> = all
        .iter()
        .take(CANDIDATES)
        .map(|one| clean(&one.name))
        .collect();
    if all.len() > CANDIDATES {
        list.push("…".into());
    }
    list.join(", ")
}
