//! What is the same at every call of a run, and the way from a call to the code that reads.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::{Fault, Mode, Object, Opening, Page, Partition, Request, Retention};
use crate::graph::transport::Transport;
use crate::graph::walk::hash;
use crate::graph::{Client, url};
use crate::model::{Group, User};
use crate::settings::{Scope, Settings};
use crate::state::{VERSION, Work};
use crate::transform::{Constants, EVENT_TYPE, Map};
use crate::{delta, member_of, members, snapshot, walk};

/// A run: checked settings, compiled map, links.
pub(crate) struct Run<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) map: Map,
    links: BTreeMap<String, &'a [String]>,
    configured: BTreeSet<&'a str>,
    mode: Mode,
}

/// A page without anything.
pub(crate) fn page() -> Page {
    Page {
        changes: Vec::new(),
        checkpoint: None,
        partitions: Vec::new(),
        cursor: Vec::new(),
    }
}

impl<'a> Run<'a> {
    pub(crate) fn new(request: &'a Request, settings: &'a Settings) -> Result<Self, Fault> {
        let constants = Constants {
            event_type: Some(EVENT_TYPE.to_owned()),
            notification: settings.notification.clone(),
            default_country: settings.default_country.clone(),
        };
        let map =
            Map::compile(&request.map, &constants).map_err(|problems| Fault::of_map(&problems))?;
        let links = request
            .links
            .iter()
            .map(|link| {
                (
                    link.group.to_ascii_lowercase(),
                    link.platform_groups.as_slice(),
                )
            })
            .collect();
        let configured = match &settings.scope {
            Scope::All => BTreeSet::new(),
            Scope::Groups(ids) => ids.iter().map(String::as_str).collect(),
        };
        Ok(Self {
            settings,
            map,
            links,
            configured,
            mode: request.mode,
        })
    }

    /// Whether the group is kept in sync.
    pub(crate) fn wants(&self, group: &str) -> bool {
        self.settings.scope.is_all()
            || self
                .configured
                .contains(group.to_ascii_lowercase().as_str())
    }

    /// What becomes of users in none of the synchronised groups.
    pub(crate) fn retention(&self) -> Retention {
        if self.settings.keep_users_without_groups {
            Retention::Keep
        } else {
            Retention::Drop
        }
    }

    /// Whether users come only with the groups that they are in: no listing brings the others, and
    /// the host is not to have them.
    pub(crate) fn users_come_with_groups(&self) -> bool {
        !self.settings.scope.is_all()
            || (self.mode == Mode::Incremental && !self.settings.keep_users_without_groups)
    }

    /// A user as the host is to have it.
    pub(crate) fn user(&self, user: &User<'_>) -> Object {
        Object {
            id: user.id.get().unwrap_or_default().to_owned(),
            name: user.label().to_owned(),
            document: self.map.user_document(user),
            kind: None,
        }
    }

    /// A group as the host is to have it.
    pub(crate) fn group(&self, group: &Group<'_>) -> Object {
        let id = group.id.get().unwrap_or_default();
        let platform_groups = self
            .links
            .get(&id.to_ascii_lowercase())
            .copied()
            .unwrap_or_default();
        Object {
            id: id.to_owned(),
            name: group.label().to_owned(),
            document: self.map.group_document(group, platform_groups),
            kind: group.kind().map(|kind| kind.value().to_owned()),
        }
    }

    /// `$select` for users.
    pub(crate) fn select_users(&self) -> String {
        url::select(&self.map.user_fields())
    }

    /// `$select` for groups.
    pub(crate) fn select_groups(&self) -> String {
        url::select(&self.map.group_fields())
    }

    /// Everything that shaped the documents that were given and the fields that a delta link
    /// follows. When it changes, only a snapshot brings documents of unchanged objects up to date.
    pub(crate) fn made_with(&self) -> String {
        let settings = self.settings;
        let text = format!(
            "{VERSION}\n{}\n{}\n{:?}\n{:?}\n{:?}\n{}\n{:?}\n{:x}",
            settings.tenant,
            settings.graph,
            self.configured,
            settings.notification.as_ref().map(ToString::to_string),
            settings.default_country,
            settings.keep_users_without_groups,
            self.links,
            self.map.fingerprint(),
        );
        format!("{:016x}", hash(&text))
    }
}

/// Opens a run.
pub(crate) fn plan(request: &Request, transport: &mut dyn Transport) -> Result<Opening, Fault> {
    let settings = checked(request)?;
    let run = Run::new(request, &settings)?;
    match request.mode {
        Mode::Snapshot => snapshot::plan(&run, &mut Client::new(transport, &settings)),
        Mode::Incremental => delta::plan(&run, &request.cursor),
    }
}

/// Reads a page.
pub(crate) fn read(
    request: &Request,
    partition: &Partition,
    checkpoint: Option<&str>,
    transport: &mut dyn Transport,
) -> Result<Page, Fault> {
    let settings = checked(request)?;
    let run = Run::new(request, &settings)?;
    let client = &mut Client::new(transport, &settings);
    match Work::parse(&partition.state)? {
        Work::Groups => snapshot::read_groups(&run, client, checkpoint),
        Work::ConfiguredGroups => snapshot::read_configured(&run, client, checkpoint),
        Work::Users => snapshot::users::read(&run, client, checkpoint),
        Work::UserRange(range) => snapshot::users::read_range(&run, client, &range, checkpoint),
        Work::ProveUsers { counted } => snapshot::users::prove(client, counted),
        Work::Members { groups } => {
            members::read_batch(&run, client, partition.stage, &groups, checkpoint)
        }
        Work::MoreMembers { group, link, found } => {
            members::read_more(&run, client, &group, &link, found, checkpoint)
        }
        Work::Changes { of, link, amid } => {
            let changes = delta::Changes {
                of,
                stage: partition.stage,
                amid,
            };
            delta::read(&run, client, changes, &link, checkpoint)
        }
        Work::Walk { of } => walk::read(&run, client, of, checkpoint),
        Work::MemberOf { of, ids } => member_of::read(&run, client, of, &ids),
    }
}

/// The request's settings, or the fault that names what is wrong with them.
pub(crate) fn checked(request: &Request) -> Result<Settings, Fault> {
    Settings::parse(&request.settings).map_err(|problems| Fault::of_settings(&problems))
}
