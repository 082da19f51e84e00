//! Finding users and groups together with what administrators configured about them.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::Plane;
use super::super::problem::Problem;
use super::connectors;
use crate::directory::{
    Among, ConnectorKey, Entry, Kind, Match, Page, PageRequest, Search, Sort, Total,
};

/// What to look for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Only those of this connector.
    pub(crate) connector: Option<Uuid>,
    /// In the name.
    pub(crate) text: Option<String>,
    /// Where in the name.
    pub(crate) how: Match,
    /// Only those that changed at this time or later, in Unix milliseconds.
    pub(crate) changed_since: Option<i64>,
    /// Whether hidden users are found too.
    pub(crate) hidden: bool,
    /// Groups of these kinds; of any where it is empty.
    pub(crate) group_kinds: Vec<String>,
    /// Groups by what they feed.
    pub(crate) link: Option<Link>,
    /// In which order they come.
    pub(crate) sort: Sort,
    /// The other way round.
    pub(crate) descending: bool,
}

/// Which of the platform's groups a group feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// At least one.
    Any,
    /// None.
    None,
    /// This one.
    To(Uuid),
}

impl Link {
    /// As it stands in an address: `any`, `none` or the platform group's UUID.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::Any),
            "none" => Some(Self::None),
            id => Uuid::try_parse(id.trim()).ok().map(Self::To),
        }
    }
}

/// A user or group that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Whose it is.
    pub(crate) connector: Uuid,
    /// What the directory knows of it.
    pub(crate) entry: Entry,
    /// The platform's groups that it feeds.
    pub(crate) platform_groups: Vec<String>,
}

/// A page of users or groups.
pub(crate) async fn find(
    plane: &Plane,
    what: Kind,
    wanted: &Wanted,
    page: &PageRequest,
) -> Result<Page<Found>, Problem> {
    let names: HashMap<ConnectorKey, Uuid> = connectors(plane).await?;
    let wants = |id: &Uuid| wanted.connector.is_none_or(|wanted| wanted == *id);
    let among: Vec<ConnectorKey> = names
        .iter()
        .filter_map(|(key, id)| wants(id).then_some(*key))
        .collect();
    if among.is_empty() {
        return Ok(nothing());
    }
    let query = Search {
        text: wanted.text.clone(),
        how: wanted.how,
        changed_since: wanted.changed_since,
        hidden: wanted.hidden,
        group_kinds: wanted.group_kinds.clone(),
        among: linked(plane, wanted, &names).await?,
        sort: wanted.sort,
        descending: wanted.descending,
    };
    let found = plane.directory.search(&among, what, &query, page).await?;
    let connector = |key| names.get(&key).copied().unwrap_or_default();
    let groups: Vec<(Uuid, String)> = match what {
        Kind::Users => Vec::new(),
        Kind::Groups => {
            let entries = found.items.iter();
            entries
                .map(|entry| (connector(entry.connector), entry.id.clone()))
                .collect()
        }
    };
    let mut fed = plane.catalog.fed_by(&groups).await?;
    let items = found.items.into_iter().map(|entry| {
        let connector = connector(entry.connector);
        let platform_groups = fed.remove(&(connector, entry.id.clone()));
        Found {
            connector,
            platform_groups: platform_groups.unwrap_or_default(),
            entry,
        }
    });
    Ok(Page {
        items: items.collect(),
        next: found.next,
        total: found.total,
    })
}

/// The groups that a condition on links leaves.
async fn linked(
    plane: &Plane,
    wanted: &Wanted,
    names: &HashMap<ConnectorKey, Uuid>,
) -> Result<Among, Problem> {
    let Some(link) = wanted.link else {
        return Ok(Among::All);
    };
    let platform_group = match link {
        Link::To(id) => Some(id),
        Link::Any | Link::None => None,
    };
    let keys: HashMap<Uuid, ConnectorKey> = names.iter().map(|(key, id)| (*id, *key)).collect();
    let groups = plane
        .catalog
        .linked(wanted.connector, platform_group)
        .await?
        .into_iter()
        .filter_map(|(connector, group)| Some((*keys.get(&connector)?, group)))
        .collect();
    Ok(match link {
        Link::None => Among::Except(groups),
        Link::Any | Link::To(_) => Among::Only(groups),
    })
}

fn nothing() -> Page<Found> {
    Page {
        items: Vec::new(),
        next: None,
        total: Some(Total {
            count: 0,
            exact: true,
        }),
    }
}
