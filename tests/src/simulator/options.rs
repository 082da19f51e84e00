//! What a simulator can be told: the tenant's size, the app and its rights, and how nasty to be.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Tenant id that is used when none is given.
pub const DEMO_TENANT_ID: &str = "8f2c1d34-5b7a-4c0e-9d61-3a7be0c4f512";
/// Client id that is used when none is given.
pub const DEMO_CLIENT_ID: &str = "2b9e4a70-16cd-4f38-8a53-c0d7e91b6f24";
/// Client secret that is used when none is given.
pub const DEMO_CLIENT_SECRET: &str = "demo~Secret.Value-of_the-simulated-app";
/// The *id* of that secret: administrators often paste this instead of the value.
pub const DEMO_SECRET_ID: &str = "d41c7f0b-93ae-4d25-b8f6-5e0a1c72d983";

/// The permissions that a directory sync needs; what an app has when nothing else is said.
pub const SYNC_PERMISSIONS: [&str; 3] = [
    "GroupMember.Read.All",
    "User.Read.All",
    "Member.Read.Hidden",
];

/// Size and seed of a synthetic tenant. Equal specs make equal tenants, ids included.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantSpec {
    /// Live users, guests included. A few soft-deleted ones come on top.
    pub users: usize,
    /// Live groups of all types. A soft-deleted one comes on top in all but tiny tenants.
    pub groups: usize,
    /// Direct memberships of all kinds, as nearly as users and groups allow.
    pub memberships: usize,
    /// Devices that can be members; `None` for one in ten users.
    pub devices: Option<usize>,
    /// Organisational contacts; `None` for one in fifty users.
    pub contacts: Option<usize>,
    /// Service principals; `None` for one in ten groups.
    pub service_principals: Option<usize>,
    /// Seed of everything.
    pub seed: u64,
}

impl Default for TenantSpec {
    fn default() -> Self {
        Self {
            users: 1_000,
            groups: 100,
            memberships: 10_000,
            devices: None,
            contacts: None,
            service_principals: None,
            seed: 1,
        }
    }
}

impl TenantSpec {
    /// A tenant of the given size with the usual share of devices, contacts and service principals.
    #[must_use]
    pub fn sized(users: usize, groups: usize, memberships: usize, seed: u64) -> Self {
        Self {
            users,
            groups,
            memberships,
            seed,
            ..Self::default()
        }
    }
}

/// The app registration whose credentials the token endpoint knows.
#[derive(Clone, Debug)]
pub struct AppRegistration {
    /// Application (client) id.
    pub client_id: String,
    /// Secret value.
    pub client_secret: String,
    /// Secret id, which is *not* accepted as a secret.
    pub secret_id: String,
    /// The secret has run out: AADSTS7000222 instead of a token.
    pub secret_expired: bool,
    /// A client assertion that is accepted in place of the secret; `None` refuses all assertions.
    pub assertion: Option<String>,
    /// Granted application permissions.
    pub permissions: BTreeSet<String>,
}

impl Default for AppRegistration {
    fn default() -> Self {
        Self {
            client_id: DEMO_CLIENT_ID.to_owned(),
            client_secret: DEMO_CLIENT_SECRET.to_owned(),
            secret_id: DEMO_SECRET_ID.to_owned(),
            secret_expired: false,
            assertion: None,
            permissions: SYNC_PERMISSIONS.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Resource-unit quota of one app in one tenant, per ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quota {
    /// Nothing is throttled.
    #[default]
    Off,
    /// Tenants of fewer than 50 users: 3,500.
    S,
    /// 50 to 500 users: 5,000.
    M,
    /// More than 500 users: 8,000.
    L,
    /// Any other number, so that tests need not make thousands of calls.
    Custom(u32),
}

impl Quota {
    /// Units in ten seconds, or `None` for no limit.
    #[must_use]
    pub fn units(self) -> Option<u32> {
        match self {
            Self::Off => None,
            Self::S => Some(3_500),
            Self::M => Some(5_000),
            Self::L => Some(8_000),
            Self::Custom(units) => Some(units),
        }
    }
}

impl std::str::FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "s" => Ok(Self::S),
            "m" => Ok(Self::M),
            "l" => Ok(Self::L),
            other => other
                .parse()
                .map(Self::Custom)
                .map_err(|_| format!("`{text}` is none of off, s, m, l or a number")),
        }
    }
}

/// Whether throttled answers name a waiting time. Graph usually does; clients must manage without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryAfter {
    /// Whole seconds, always.
    #[default]
    Always,
    /// Fractions of a second, as in the documentation's own sample.
    Fractional,
    /// Never.
    Never,
    /// Any of the three from one answer to the next.
    Mixed,
}

/// What an app without `Member.Read.Hidden` gets for the members of a hidden group. Undocumented, so both exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenMembers {
    /// 200 with no members: what makes an empty answer prove nothing.
    #[default]
    Empty,
    /// 403.
    Forbidden,
}

/// The ways in which Graph was seen to say that a delta token is of no use any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExpirySpelling {
    /// 400 `syncStateNotFound`: what identity resources answer.
    #[default]
    BadRequestSyncStateNotFound,
    /// 410 with a `Location` header and an empty body.
    GoneWithLocation,
    /// 410 with code `SyncStateNotFound`.
    GoneSyncStateNotFound,
    /// 400 `resyncRequired`.
    BadRequestResyncRequired,
    /// 404 `resyncApplyDifferences`.
    NotFoundApplyDifferences,
    /// 400 `ResyncUploadDifferences`.
    BadRequestUploadDifferences,
}

/// One unpleasantness that the documentation allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trick {
    /// Pages without entries but with a link.
    EmptyPages,
    /// Pages that end early.
    ShortPages,
    /// An entry more than once on a delta page.
    Repeats,
    /// Changes of an earlier round once more.
    Replays,
    /// Entries of a delta page in any order.
    Shuffles,
    /// `@removed` of what was deleted before the first round.
    EarlyRemovals,
}

/// How the simulator behaves where Graph's behaviour varies or is not documented.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Behaviour {
    /// 0 is a polite service, 1 an unpleasant one: short and empty pages, repeats, replays, shuffles, early removals.
    pub nastiness: f64,
    /// Played at each opportunity, whatever the nastiness.
    pub tricks: Vec<Trick>,
    /// Objects on a delta page at most.
    pub delta_page_objects: usize,
    /// Entries of `members@delta` on a page at most, over all its groups.
    pub delta_page_members: usize,
    /// A restored user's memberships appear in groups/delta again. Undocumented; off by default.
    pub reemit_on_restore: bool,
    /// Soft-deleted members appear in `members@delta` as if they were live, because their memberships persist.
    pub delta_shows_soft_deleted_members: bool,
    /// Share of the memberships of hard-deleted objects that groups/delta reports as removed.
    pub report_hard_deletes: f64,
    /// Answer for hidden memberships without the permission.
    pub hidden_members: HiddenMembers,
    /// Listings can be filtered by `ge` and `le`, as documented for some properties; else they are refused.
    pub range_filters: bool,
    /// Spelling of an expired delta token.
    pub expiry_spelling: ExpirySpelling,
    /// Seconds for which a delta link works.
    pub delta_token_lifetime: u64,
    /// Seconds for which an access token works.
    pub access_token_lifetime: u64,
    /// How throttled answers name the waiting time.
    pub retry_after: RetryAfter,
    /// Milliseconds that each request takes.
    pub latency_ms: u64,
    /// Up to this many milliseconds more, at random.
    pub latency_jitter_ms: u64,
    /// Compress bodies of 1 KiB or more for clients that accept gzip. Costs both sides CPU; off on loopback.
    pub gzip: bool,
}

impl Behaviour {
    /// How probable a trick is where full nastiness would play it with this probability.
    pub(crate) fn odds(&self, trick: Trick, at_worst: f64) -> f64 {
        if self.tricks.contains(&trick) {
            1.0
        } else {
            self.nastiness * at_worst
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            nastiness: 0.0,
            tricks: Vec::new(),
            delta_page_objects: 200,
            delta_page_members: 500,
            reemit_on_restore: false,
            delta_shows_soft_deleted_members: true,
            report_hard_deletes: 0.5,
            hidden_members: HiddenMembers::default(),
            range_filters: true,
            expiry_spelling: ExpirySpelling::default(),
            delta_token_lifetime: 7 * 24 * 3600,
            access_token_lifetime: 3_600,
            retry_after: RetryAfter::default(),
            latency_ms: 0,
            latency_jitter_ms: 0,
            gzip: false,
        }
    }
}

/// Everything that starts a simulator.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Address to listen on; port 0 takes a free one.
    pub listen: std::net::SocketAddr,
    /// Serve https with a certificate of a CA made for this run.
    pub tls: bool,
    /// Origin that links are built from, when clients come through another name; else the request's own.
    pub public_base: Option<String>,
    /// Id of the tenant.
    pub tenant_id: String,
    /// The tenant to make.
    pub tenant: TenantSpec,
    /// The app that signs in.
    pub app: AppRegistration,
    /// How to behave.
    pub behaviour: Behaviour,
    /// Quota of the app in the tenant.
    pub quota: Quota,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: false,
            public_base: None,
            tenant_id: DEMO_TENANT_ID.to_owned(),
            tenant: TenantSpec::default(),
            app: AppRegistration::default(),
            behaviour: Behaviour::default(),
            quota: Quota::default(),
        }
    }
}
