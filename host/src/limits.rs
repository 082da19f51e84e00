//! Every limit in one place: what a plugin may use, and how patient a run is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::{Field, Section};

/// Declares [`Limits`] and [`Overrides`] from one list, so that a limit has its name, its meaning and its
/// default in one place.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr;)+) => {
        /// What a plugin may use. Everything has a default; nothing is unlimited.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Some of the [`Limits`], to be put over others.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
        pub struct Overrides {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )+
        }

        impl From<Limits> for Overrides {
            fn from(limits: Limits) -> Self {
                Self { $($name: Some(limits.$name),)+ }
            }
        }

        /// What is told of the limits for all plugins.
        pub(crate) const SECTION: Section = Section {
            path: "limits.all",
            about: "What plugins may use.",
            fields: &[
                $(Field {
                    name: stringify!($name),
                    help: concat!($($doc, "\n",)+),
                    example: None,
                },)+
            ],
        };

        impl Overrides {
            /// These, and `limits` where nothing is said.
            #[must_use]
            pub fn over(&self, limits: &Limits) -> Limits {
                Limits { $($name: self.$name.unwrap_or(limits.$name),)+ }
            }
        }
    };
}

limits! {
    /// Linear memory of one instance, in bytes, all its memories together.
    memory: usize = 64 << 20;
    /// Elements of one table.
    table_elements: usize = 100_000;
    /// CPU time of one call, in milliseconds.
    cpu_ms: u64 = 10_000;
    /// Wall-clock time of one call, in milliseconds; time spent waiting for the vendor's quota included.
    wall_ms: u64 = 300_000;
    /// Wall-clock time of one run, in milliseconds.
    run_ms: u64 = 24 * 3_600_000;
    /// Wall-clock and CPU time of `describe`, in milliseconds.
    describe_ms: u64 = 1_000;
    /// Bytes that one call may hand over in strings and lists, in either direction.
    call_bytes: usize = 128 << 20;
    /// Handles that one instance may hold to what the host keeps for it: requests, headers, bodies, timers.
    handles: usize = 1_000;
    /// Partitions that are read at the same time, each by an instance of its own.
    in_flight: usize = 32;
    /// Requests of one run, refused ones included.
    requests: u64 = 10_000_000;
    /// Requests of one run that are on their way at the same time; others wait.
    in_flight_requests: usize = 64;
    /// Requests of one instance that are on their way or wait at the same time; others are not taken on.
    instance_requests: usize = 16;
    /// Bytes of one set of headers, of a request or a response.
    header_bytes: usize = 32 << 10;
    /// Bytes of one request's body.
    request_bytes: usize = 1 << 20;
    /// Bytes of one response, after decompression.
    response_bytes: u64 = 32 << 20;
    /// Bytes of all responses of a run, after decompression.
    total_response_bytes: u64 = 1 << 40;
    /// Changes in one page.
    page_changes: usize = 20_000;
    /// Members in one page.
    page_members: usize = 100_000;
    /// Bytes that one page emits: identifiers, names, documents, states.
    page_bytes: usize = 32 << 20;
    /// Changes of one run; a member that joins or leaves is one.
    total_changes: u64 = 1_000_000_000;
    /// Bytes that all pages of a run emit.
    total_bytes: u64 = 1 << 40;
    /// Bytes of one document.
    document_bytes: usize = 256 << 10;
    /// Bytes of a checkpoint, a cursor piece or a partition's state.
    state_bytes: usize = 64 << 10;
    /// Partitions of one run.
    partitions: u64 = 1_000_000;
    /// Bytes of one run's partitions: keys, titles, states. The host holds those that wait in memory.
    partition_bytes: u64 = 256 << 20;
    /// Pages of one partition.
    pages: u64 = 1_000_000;
    /// Log lines of one run that are kept.
    log_lines: usize = 1_000;
    /// Bytes of one log line that are kept.
    log_line_bytes: usize = 4 << 10;
}

/// The operator's limits: for all plugins, for some by name, for some connectors by name. The narrower
/// wins, limit by limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitPolicy {
    /// For every plugin.
    pub all: Overrides,
    /// By the plugin's name.
    pub plugins: BTreeMap<String, Overrides>,
    /// By the connector's name.
    pub connectors: BTreeMap<String, Overrides>,
}

/// A limit that can't be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{limit}` of {owner} is {value}: {reason}")]
pub struct LimitError {
    /// Its name.
    pub limit: String,
    /// Whose it is.
    pub owner: String,
    /// Its value.
    pub value: u64,
    /// What is wrong with it and what is possible.
    pub reason: &'static str,
}

impl From<Limits> for LimitPolicy {
    /// These limits for every plugin.
    fn from(limits: Limits) -> Self {
        Self {
            all: Overrides::from(limits),
            ..Self::default()
        }
    }
}

impl LimitPolicy {
    /// The limits of a plugin of which nothing is known yet.
    #[must_use]
    pub fn of_any(&self) -> Limits {
        self.all.over(&Limits::default())
    }

    /// The limits of a plugin, where no connector is known.
    #[must_use]
    pub fn of_plugin(&self, plugin: &str) -> Limits {
        let all = self.of_any();
        match self.plugins.get(plugin) {
            Some(overrides) => overrides.over(&all),
            None => all,
        }
    }

    /// The limits of a plugin that works for a connector.
    #[must_use]
    pub fn of_connector(&self, plugin: &str, connector: &str) -> Limits {
        let limits = self.of_plugin(plugin);
        match self.connectors.get(connector) {
            Some(overrides) => overrides.over(&limits),
            None => limits,
        }
    }

    /// The first limit that can't be kept.
    ///
    /// # Errors
    /// [`LimitError`] names it.
    pub fn check(&self) -> Result<(), LimitError> {
        for (owner, overrides) in self.owners() {
            let serde_json::Value::Object(given) =
                serde_json::to_value(overrides).unwrap_or_default()
            else {
                continue;
            };
            for (limit, value) in given {
                let value = value.as_u64().unwrap_or(u64::MAX);
                let reason = match limit.as_str() {
                    "logLines" => continue,
                    _ if value == 0 => "nothing could run; give at least 1",
                    "memory" if value > MOST_MEMORY => "at most 4294967296 bytes can be given",
                    "inFlight" if value > MOST_IN_FLIGHT => "at most 1000 are possible",
                    _ => continue,
                };
                return Err(LimitError {
                    limit,
                    owner,
                    value,
                    reason,
                });
            }
        }
        Ok(())
    }

    fn owners(&self) -> impl Iterator<Item = (String, &Overrides)> {
        let plugins = self.plugins.iter().map(|(name, o)| ("plugin", name, o));
        let connectors = self
            .connectors
            .iter()
            .map(|(name, o)| ("connector", name, o));
        std::iter::once(("all plugins".to_owned(), &self.all)).chain(
            plugins
                .chain(connectors)
                .map(|(kind, name, o)| (format!("the {kind} {name}"), o)),
        )
    }

    /// What a pool must hold so that no plugin's limits are beyond it: the largest of each.
    pub(crate) fn ceiling(&self) -> Ceiling {
        let all = self.of_any();
        let narrower = self.plugins.values().chain(self.connectors.values());
        let mut ceiling = Ceiling {
            memory: all.memory,
            table_elements: all.table_elements,
            in_flight: all.in_flight,
        };
        for overrides in narrower {
            let limits = overrides.over(&all);
            ceiling.memory = ceiling.memory.max(limits.memory);
            ceiling.table_elements = ceiling.table_elements.max(limits.table_elements);
            ceiling.in_flight = ceiling.in_flight.max(limits.in_flight);
        }
        ceiling
    }
}

/// Most linear memory that 32-bit WebAssembly can address.
const MOST_MEMORY: u64 = 1 << 32;
/// Most partitions that are ever read at once.
const MOST_IN_FLIGHT: u64 = 1_000;

/// What a pool reserves for each instance, and for how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ceiling {
    pub(crate) memory: usize,
    pub(crate) table_elements: usize,
    pub(crate) in_flight: usize,
}

/// How patient a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Patience {
    /// How often a page is read again after a transient fault before its partition is given up.
    pub transient_retries: u32,
    /// First wait after a transient fault, in milliseconds; doubles each time.
    pub transient_wait_ms: u64,
    /// How often in a row a page may be throttled before its partition is given up.
    pub throttled_retries: u32,
    /// Longest wait of any kind, in milliseconds.
    pub longest_wait_ms: u64,
    /// How often one run may begin anew as a snapshot because its cursor was of no use.
    pub restarts: u32,
    /// How many pages a run may read again after transient faults, over all its partitions, whatever it has read.
    pub spare_retries: u64,
    /// How many more for each hundred pages that it has read.
    pub retry_percent: u64,
    /// Milliseconds without a single page after which being throttled ends the run.
    pub stalled_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            transient_retries: 5,
            transient_wait_ms: 1_000,
            throttled_retries: 30,
            longest_wait_ms: 600_000,
            restarts: 2,
            spare_retries: 100,
            retry_percent: 20,
            // Longer than the longest pause that a source may ask for.
            stalled_ms: 7_200_000,
        }
    }
}

/// When the mass-change guard holds a run: where it would remove more of the users, the groups or the
/// memberships than their threshold lets through.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Guard {
    /// For users.
    pub users: Threshold,
    /// For groups.
    pub groups: Threshold,
    /// For direct memberships.
    pub memberships: Threshold,
}

/// How much of one stream a run may remove: it is held where that is more than `share` *and* more than
/// `count`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Threshold {
    /// Share of what is held, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
    /// Count up to which nothing is ever held.
    pub count: u64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self {
            share: 0.2,
            count: 50,
        }
    }
}

impl Guard {
    /// The same share for users, groups and memberships, with the default counts.
    #[must_use]
    pub fn of_share(share: f64) -> Self {
        let threshold = Threshold {
            share,
            ..Threshold::default()
        };
        Self {
            users: threshold,
            groups: threshold,
            memberships: threshold,
        }
    }
}

impl Limits {
    /// The deadline of one call.
    pub(crate) fn wall(&self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes: usize) -> Overrides {
        Overrides {
            memory: Some(bytes),
            ..Overrides::default()
        }
    }

    #[test]
    fn the_narrower_limit_wins_and_the_others_stay() {
        let policy = LimitPolicy {
            all: Overrides {
                cpu_ms: Some(77),
                ..memory(1 << 20)
            },
            plugins: [("entra".to_owned(), memory(2 << 20))].into(),
            connectors: [("contoso".to_owned(), memory(3 << 20))].into(),
        };
        assert_eq!(policy.of_plugin("other").memory, 1 << 20);
        assert_eq!(policy.of_plugin("entra").memory, 2 << 20);
        assert_eq!(policy.of_connector("entra", "fabrikam").memory, 2 << 20);
        assert_eq!(policy.of_connector("entra", "contoso").memory, 3 << 20);
        assert_eq!(policy.of_connector("entra", "contoso").cpu_ms, 77);
        assert_eq!(policy.ceiling().memory, 3 << 20);
    }

    #[test]
    fn a_limit_that_lets_nothing_run_is_refused_by_name() {
        let policy = LimitPolicy {
            connectors: [("contoso".to_owned(), memory(0))].into(),
            ..LimitPolicy::default()
        };
        assert_eq!(
            policy.check().unwrap_err().to_string(),
            "the limit `memory` of the connector contoso is 0: nothing could run; give at least 1"
        );
        let no_log = Overrides {
            log_lines: Some(0),
            ..Overrides::default()
        };
        assert_eq!(
            LimitPolicy {
                all: no_log,
                ..LimitPolicy::default()
            }
            .check(),
            Ok(())
        );
    }

    #[test]
    fn an_unknown_limit_is_refused() {
        let error = serde_json::from_str::<Overrides>(r#"{"memroy": 1}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `memroy`"),
            "{error}"
        );
    }
}
