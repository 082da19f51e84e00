//! What an administrator configures, checked.

mod catalogue;
mod credential;

pub(crate) use catalogue::catalogue;
pub(crate) use credential::{CERTIFICATE, Credential, SECRET, TOKEN_FILE};

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::contract::{
    Authentication, ClientCredentials, Connection, Problem, Quota, Settings as Document,
};
use crate::graph::url;
use credential::SECRETS;

/// A Microsoft cloud; tokens of one are of no use in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// Value of the setting.
    pub(crate) name: &'static str,
    label: &'static str,
    login: &'static str,
    graph: &'static str,
}

/// Two Microsoft pages name different login hosts for China; the newer one is the default and
/// the other may be set as `loginEndpoint`.
pub(crate) const CLOUDS: [Cloud; 4] = [
    Cloud {
        name: "global",
        label: "Global",
        login: "https://login.microsoftonline.com",
        graph: "https://graph.microsoft.com",
    },
    Cloud {
        name: "us-gov",
        label: "US Government L4 (GCC High)",
        login: "https://login.microsoftonline.us",
        graph: "https://graph.microsoft.us",
    },
    Cloud {
        name: "us-gov-dod",
        label: "US Government L5 (DoD)",
        login: "https://login.microsoftonline.us",
        graph: "https://dod-graph.microsoft.us",
    },
    Cloud {
        name: "china",
        label: "China (21Vianet)",
        login: "https://login.partner.microsoftonline.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
    },
];

const OLDER_CHINA_LOGIN: &str = "https://login.chinacloudapi.cn";

/// Hosts of all clouds.
pub(crate) fn hosts() -> Vec<String> {
    let mut hosts = Vec::new();
    let urls = CLOUDS.iter().flat_map(|cloud| [cloud.login, cloud.graph]);
    for url in urls.chain([OLDER_CHINA_LOGIN]) {
        let host = url.trim_start_matches("https://").to_owned();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Which groups are kept in sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every group of the tenant.
    All,
    /// These, by lower-case id.
    Groups(Vec<String>),
}

impl Scope {
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// What a snapshot of all groups is to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Time.
    Fastest,
    /// Resource units.
    Thrifty,
}

impl Priority {
    /// Value of the setting, and what a form shows.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Fastest, "fastest", "Fastest"),
        (Self::Thrifty, "thrifty", "Thrifty: fewest resource units"),
    ];
}

/// Settings without a problem.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) credential: Credential,
    pub(crate) scope: Scope,
    pub(crate) priority: Priority,
    pub(crate) cloud: Cloud,
    /// Origin of the login endpoint.
    pub(crate) login: String,
    /// Origin of Graph.
    pub(crate) graph: String,
    pub(crate) notification: Option<Value>,
    pub(crate) default_country: Option<String>,
    /// Whether users in none of the synchronised groups are kept.
    pub(crate) keep_users_without_groups: bool,
}

impl Settings {
    pub(crate) fn parse(document: &Document) -> Result<Self, Vec<Problem>> {
        let mut values = match serde_json::from_slice::<Value>(document.values.as_bytes()) {
            Ok(Value::Object(values)) => values,
            _ => {
                return Err(vec![Problem::new(
                    "",
                    "The settings are not a JSON object.",
                    "Give an object with the keys that this plugin describes.",
                )]);
            }
        };
        let mut reader = Reader {
            values: &mut values,
            problems: Vec::new(),
        };
        let settings = reader.settings(&document.secrets);
        match settings {
            Some(settings) if reader.problems.is_empty() => Ok(settings),
            _ => Err(reader.problems),
        }
    }

    /// Where and how the host is to connect.
    ///
    /// The scope is always that of the cloud's own Graph: an endpoint that stands in for Graph,
    /// such as a proxy or a simulator, is not a resource that Entra could issue a token for.
    pub(crate) fn connection(&self) -> Connection {
        let mut origins = vec![self.login.clone(), self.graph.clone()];
        origins.dedup();
        Connection {
            origins,
            authentication: Authentication::ClientCredentials(ClientCredentials {
                token_endpoint: format!("{}/{}/oauth2/v2.0/token", self.login, self.tenant),
                scope: Some(format!("{}/.default", self.cloud.graph)),
                client_id: self.client.clone(),
                proof: self.credential.proof(),
                audience: vec![self.graph.clone()],
            }),
            quota: Some(Quota {
                units: QUOTA_UNITS,
                window_ms: 10_000,
                cost_header: Some(crate::graph::COST_HEADER.to_owned()),
            }),
            // A stand-in for the login endpoint on this machine has no such page.
            consent: Some(self.consent_url()).filter(|page| page.starts_with("https://")),
        }
    }

    /// Where an administrator of the tenant consents to the application's permissions.
    pub(crate) fn consent_url(&self) -> String {
        format!(
            "{}/{}/adminconsent?client_id={}",
            self.login, self.tenant, self.client
        )
    }
}

/// Resource units that an application gets from a tenant of more than 500 users in ten
/// seconds. Smaller tenants get 3,500 or 5,000, but their whole directory costs less than one
/// window, and a 429 closes the window for everybody if it should not.
const QUOTA_UNITS: u32 = 8_000;

const KEYS: [&str; 11] = [
    "tenantId",
    "clientId",
    TOKEN_FILE,
    "groups",
    "keepUsersWithoutGroups",
    "snapshotStrategy",
    "cloud",
    "loginEndpoint",
    "graphEndpoint",
    "notification",
    "defaultCountry",
];

struct Reader<'a> {
    values: &'a mut Map<String, Value>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Problem::new(path, message, remedy));
    }

    fn settings(&mut self, secrets: &[String]) -> Option<Settings> {
        self.unknown_keys();
        let tenant = self.tenant();
        let client = self.client();
        let credential = self.credential(secrets);
        let scope = self.groups();
        let priority = self.priority();
        let cloud = self.cloud();
        let login = self.endpoint("loginEndpoint", cloud.map(|c| c.login));
        let graph = self.endpoint("graphEndpoint", cloud.map(|c| c.graph));
        let notification = self.notification();
        let default_country = self.text("defaultCountry");
        let keep_users_without_groups = self.flag("keepUsersWithoutGroups");
        Some(Settings {
            tenant: tenant?,
            client: client?,
            credential: credential?,
            scope: scope?,
            priority: priority?,
            cloud: cloud?,
            login: login?,
            graph: graph?,
            notification,
            default_country,
            keep_users_without_groups: keep_users_without_groups?,
        })
    }

    fn unknown_keys(&mut self) {
        let unknown: Vec<String> = self
            .values
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()))
            .cloned()
            .collect();
        for key in unknown {
            if SECRETS.contains(&key.as_str()) {
                self.problem(
                    key,
                    "A secret is among the plain settings.",
                    "Give it to the host as a secret; it must never reach the plugin.",
                );
            } else {
                let remedy = format!("Remove it, or use one of: {}.", KEYS.join(", "));
                self.problem(key, "There is no such setting.", remedy);
            }
        }
    }

    /// A trimmed text; `None` where it is absent, null or wrong.
    fn text(&mut self, key: &str) -> Option<String> {
        match self.values.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Some(Value::String(_)) => {
                self.problem(
                    key,
                    "It is blank.",
                    "Give a value or leave the setting out.",
                );
                None
            }
            Some(_) => {
                self.problem(key, "It is not a text.", "Give a JSON string.");
                None
            }
        }
    }

    /// Absent and null are `false`.
    fn flag(&mut self, key: &str) -> Option<bool> {
        match self.values.get(key) {
            None | Some(Value::Null) => Some(false),
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => {
                self.problem(
                    key,
                    "It is neither `true` nor `false`.",
                    "Give a JSON boolean, or leave the setting out.",
                );
                None
            }
        }
    }

    fn required(&mut self, key: &str, remedy: &str) -> Option<String> {
        if matches!(self.values.get(key), None | Some(Value::Null)) {
            self.problem(key, "It is missing.", remedy);
            return None;
        }
        self.text(key)
    }

    fn tenant(&mut self) -> Option<String> {
        const KEY: &str = "tenantId";
        const REMEDY: &str = "Copy `Directory (tenant) ID` from the application's overview in the Entra admin center.";
        let tenant = self.required(KEY, REMEDY)?.to_ascii_lowercase();
        if ["common", "organizations", "consumers"].contains(&tenant.as_str()) {
            self.problem(
                KEY,
                format!("`{tenant}` stands for many tenants; an application signs in to one."),
                REMEDY,
            );
            return None;
        }
        if is_guid(&tenant) || is_domain(&tenant) {
            return Some(tenant);
        }
        self.problem(KEY, "It is neither a GUID nor a domain name.", REMEDY);
        None
    }

    fn client(&mut self) -> Option<String> {
        const KEY: &str = "clientId";
        const REMEDY: &str = "Copy `Application (client) ID` from the application's overview in the Entra admin center.";
        let client = self.required(KEY, REMEDY)?.to_ascii_lowercase();
        if is_guid(&client) {
            return Some(client);
        }
        let message = if client.contains('~') || client.len() == 40 {
            "It looks like a client secret. Anyone who saw it should be assumed to know it."
        } else {
            "It is not a GUID."
        };
        self.problem(KEY, message, REMEDY);
        None
    }

    fn groups(&mut self) -> Option<Scope> {
        const KEY: &str = "groups";
        let entries = match self.values.get(KEY) {
            None | Some(Value::Null) => return Some(Scope::All),
            Some(Value::String(word)) if word == "all" => return Some(Scope::All),
            Some(Value::Array(entries)) => entries.clone(),
            Some(_) => {
                self.problem(
                    KEY,
                    "It is neither a list nor the word `all`.",
                    "Give a list of group object ids, or \"all\".",
                );
                return None;
            }
        };
        if entries.is_empty() {
            self.problem(KEY, "The list is empty.", "Name a group, or give \"all\".");
            return None;
        }
        let before = self.problems.len();
        let mut seen = BTreeSet::new();
        let mut ids = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("{KEY}[{index}]");
            let id = entry
                .as_str()
                .map(|id| id.trim().to_ascii_lowercase())
                .unwrap_or_default();
            if !is_guid(&id) {
                self.problem(
                    path,
                    "It is not the object id of a group.",
                    "Copy `Object ID` from the group's overview, not its name or address.",
                );
            } else if !seen.insert(id.clone()) {
                self.problem(path, "The group is in the list already.", "Remove it here.");
            } else {
                ids.push(id);
            }
        }
        (self.problems.len() == before).then_some(Scope::Groups(ids))
    }

    fn priority(&mut self) -> Option<Priority> {
        let all = Priority::ALL.map(|(priority, name, _)| (name, priority));
        self.one_of("snapshotStrategy", all, "There is no such strategy.")
    }

    fn cloud(&mut self) -> Option<Cloud> {
        let all = CLOUDS.map(|cloud| (cloud.name, cloud));
        self.one_of("cloud", all, "There is no such cloud.")
    }

    /// The choice of a name; the first where none is given.
    fn one_of<T: Copy, const N: usize>(
        &mut self,
        key: &str,
        all: [(&str, T); N],
        unknown: &str,
    ) -> Option<T> {
        if matches!(self.values.get(key), None | Some(Value::Null)) {
            return all.first().map(|(_, usual)| *usual);
        }
        let given = self.text(key)?;
        let found = all.iter().find(|(name, _)| *name == given);
        if found.is_none() {
            let names = all.map(|(name, _)| name).join(", ");
            self.problem(key, unknown, format!("Use one of: {names}."));
        }
        found.map(|(_, choice)| *choice)
    }

    fn endpoint(&mut self, key: &str, default: Option<&str>) -> Option<String> {
        if matches!(self.values.get(key), None | Some(Value::Null)) {
            return default.map(str::to_owned);
        }
        let text = self.text(key)?;
        let bare = text.strip_suffix('/').unwrap_or(&text);
        match url::origin(bare) {
            Some(origin) if origin.len() >= bare.len() || is_default_port(bare, &origin) => {
                Some(origin)
            }
            _ => {
                self.problem(
                    key,
                    "It is not an origin.",
                    "Give scheme and host, and a port if need be, without a path: `https://graph.microsoft.com`.",
                );
                None
            }
        }
    }

    fn notification(&mut self) -> Option<Value> {
        match self.values.remove("notification") {
            None | Some(Value::Null) => None,
            Some(object @ Value::Object(_)) => Some(object),
            Some(_) => {
                self.problem(
                    "notification",
                    "It is not a JSON object.",
                    "Give an object; it is copied to `notification` of every source record.",
                );
                None
            }
        }
    }
}

fn is_default_port(text: &str, origin: &str) -> bool {
    text.to_ascii_lowercase()
        .strip_prefix(origin)
        .is_some_and(|rest| rest == ":443" || rest == ":80")
}

/// `8-4-4-4-12` hexadecimal digits, without braces.
pub(crate) fn is_guid(text: &str) -> bool {
    let mut groups = text.split('-');
    let shaped = [8, 4, 4, 4, 12].iter().all(|length| {
        groups.next().is_some_and(|group| {
            group.len() == *length && group.bytes().all(|b| b.is_ascii_hexdigit())
        })
    });
    shaped && groups.next().is_none()
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
        && !text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests;
