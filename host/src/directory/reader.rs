//! Reading the directory: searches, listings and explanations, a page at a time.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ConnectorKey, DirectoryError, MemberKind, Mode, Named, Position, RunKey, RunState, StreamTally,
    UnavailableGroup,
};

/// Which page of a listing is wanted.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// Where it begins; at the very beginning where there is none.
    pub after: Option<Position>,
    /// The most records that it has, from 1 to [`PageRequest::MOST`]; others are taken for the nearest of these.
    pub limit: usize,
}

impl PageRequest {
    /// The largest page.
    pub const MOST: usize = 1000;

    /// The first page.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The page after one that told where it ends.
    #[must_use]
    pub fn next(&self, position: Position) -> Self {
        Self {
            after: Some(position),
            limit: self.limit,
        }
    }
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// Its records, in the listing's order.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Position>,
    /// How many records all pages have together; only on a first page or where the store keeps it, and only where
    /// counting them is cheap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
}

/// A count that stops somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// How many were counted.
    pub count: u64,
    /// Whether that is all of them; else there are more.
    pub exact: bool,
}

impl Total {
    /// Where counting stops, if each record has to be looked at.
    pub const MOST: u64 = 10_000;
}

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Users.
    Users,
    /// Groups.
    Groups,
}

/// Which objects a search finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// In the name, without regard to case, accents and repeated white space; all objects without it.
    pub text: Option<String>,
    /// Where in the name.
    pub how: Match,
    /// Only objects that came, changed or were hidden in a run that ended at this time (Unix milliseconds)
    /// or later, or that goes on.
    pub changed_since: Option<i64>,
    /// Whether hidden users are found too.
    pub hidden: bool,
    /// Only groups of these kinds; of any, and of none, where it is empty. Users have none.
    pub group_kinds: Vec<String>,
    /// Which of all objects.
    pub among: Among,
    /// In which order they come.
    pub sort: Sort,
    /// The other way round.
    pub descending: bool,
}

/// Which of all objects a search looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Among {
    /// All.
    #[default]
    All,
    /// Those of these identifiers.
    Only(Vec<(ConnectorKey, String)>),
    /// All but those of these identifiers.
    Except(Vec<(ConnectorKey, String)>),
}

/// In which order a search gives what it finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// Groups by the number of their direct members, users by the number of groups that they are directly in: see
    /// [`Entry::links`].
    Members,
    /// By the run that changed them last, see [`ObjectRecord::changed`].
    Changed,
    /// By the run that brought them, see [`ObjectRecord::since`].
    Since,
    /// Groups by their kind; users, who have none, by name.
    GroupKind,
}

/// Where in a name a text must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    /// At its beginning.
    #[default]
    Prefix,
    /// Anywhere.
    Substring,
    /// It is the whole name.
    Exact,
}

/// What a search finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Whose object it is.
    pub connector: ConnectorKey,
    /// Identifier at the source.
    pub id: String,
    /// Label.
    pub name: String,
    /// Of a group: one of the kinds that its plugin declares, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_kind: Option<String>,
    /// Whether it is a hidden user.
    pub hidden: bool,
    /// For a group its direct members, for a user the groups that it is directly in; hidden users are not
    /// counted and in none. While a run goes on, a user's may lag behind.
    pub links: u64,
    /// When it came into sight; absent where that was before the store kept it.
    pub since: Option<Moment>,
    /// When its name, its document or its state changed last; absent where that was before the store kept it.
    pub changed: Option<Moment>,
}

/// Everything about a user or group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRecord {
    /// Whose object it is.
    pub connector: ConnectorKey,
    /// Identifier at the source.
    pub id: String,
    /// What it is; for an object that is only mentioned, what the mention says.
    pub kind: MemberKind,
    /// Where it stands.
    pub state: ObjectState,
    /// Label; empty where only the identifier is known.
    pub name: String,
    /// Of a group: one of the kinds that its plugin declares, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_kind: Option<String>,
    /// Its document in the target model.
    #[schema(value_type = Option<Object>)]
    pub document: Option<serde_json::Value>,
    /// For a user that is present: the full target document, its own with those of the groups that it is
    /// directly in, as [`super::Export::Documents`] has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub target_document: Option<serde_json::Value>,
    /// When it came into sight; absent where that was before the store kept it.
    pub since: Option<Moment>,
    /// When its name, its document or its state changed last; absent where that was before the store kept
    /// it.
    pub changed: Option<Moment>,
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ObjectState {
    /// Only named as a group or member.
    Mentioned,
    /// It has a name and a document.
    Present,
    /// A user out of sight, kept for its return.
    Hidden,
    /// Removed; only history names it.
    Gone,
}

/// A run, as the time of something that it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// The run.
    pub run: RunKey,
    /// Unix milliseconds of its end, or of its beginning while it goes on.
    pub at: i64,
}

/// A direct or effective member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberRecord {
    /// Identifier at the source.
    pub id: String,
    /// Label; empty where only the identifier is known.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
    /// A shortest chain by which it is a member.
    pub path: MembershipPath,
}

/// A group that an object is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupRecord {
    /// Identifier at the source.
    pub id: String,
    /// Label.
    pub name: String,
    /// A shortest chain from this group to the object.
    pub path: MembershipPath,
}

/// Groups, each of which has the next one as a direct member, and the last of which has the member.
///
/// The first is the group that was asked about, so a direct membership has a path of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct MembershipPath(pub Vec<Named>);

/// Why an object is a member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The chains, shortest first; in none is a group named twice. Empty: it is no member.
    pub paths: Vec<MembershipPath>,
    /// Whether there are, or may be, more.
    pub more: bool,
}

/// Which membership changes are wanted: those that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Made by this run.
    pub run: Option<RunKey>,
    /// Of the group of this identifier.
    pub group: Option<String>,
    /// Of the member of this identifier.
    pub member: Option<String>,
    /// Of runs that ended at this time (Unix milliseconds) or later, or that go on.
    pub since: Option<i64>,
    /// Only joins, or only leaves.
    pub what: Option<Turn>,
    /// This is in the name of the group or the member, as [`Match::Substring`].
    pub text: Option<String>,
}

/// Someone joined or left a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipChange {
    /// Which of the two.
    pub what: Turn,
    /// The group; its name is empty where it is unknown or forgotten.
    pub group: Named,
    /// The member; its name is empty where it is unknown or forgotten.
    pub member: Named,
    /// What the member is.
    pub kind: MemberKind,
    /// The run that did it.
    pub when: Moment,
}

/// Whether someone joined or left.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Turn {
    /// Became a direct member.
    Joined,
    /// Is a direct member no more.
    Left,
}

/// A connector, and how much of it is visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectorRecord {
    /// Its key.
    pub key: ConnectorKey,
    /// Its name.
    pub name: String,
    /// Users, without hidden ones.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Direct memberships, without those of hidden users.
    pub memberships: u64,
    /// Unix milliseconds of the start of the run that left the cursor; absent where there is no cursor.
    pub cursor_taken: Option<i64>,
}

/// Which runs are listed: those that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of these connectors; of all where it is empty.
    pub connectors: Vec<ConnectorKey>,
    /// In this state.
    pub state: Option<RunState>,
}

/// A run, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Its key.
    pub key: RunKey,
    /// Whose run it is.
    pub connector: ConnectorKey,
    /// Its kind.
    pub mode: Mode,
    /// Why it is of this kind.
    pub reason: String,
    /// `name@version` of the plugin.
    pub plugin: String,
    /// Where it stands.
    pub state: RunState,
    /// Unix milliseconds.
    pub started: i64,
    /// Unix milliseconds; absent while it goes on.
    pub ended: Option<i64>,
    /// Users. While a held run waits, `removed` counts what is kept back; where that was rejected or
    /// superseded, it is 0.
    pub users: StreamTally,
    /// Groups; `removed` as for users.
    pub groups: StreamTally,
    /// Direct memberships; `removed` as for users.
    pub memberships: StreamTally,
    /// How many partitions it had; 0 while it goes on.
    pub partitions: u64,
    /// How many groups' members could not be read.
    pub unavailable: u64,
    /// What the guard kept back: of a held run, and of one that was rejected or superseded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_back: Option<KeptBack>,
    /// What an administrator decided about a held run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decided>,
    /// Whether its report and the list of its unavailable groups were dropped for their age.
    pub pruned: bool,
}

/// How much the mass-change guard kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptBack {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Direct memberships.
    pub memberships: u64,
}

/// A decision about a held run, with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// What was decided.
    pub verdict: Verdict,
    /// Who decided.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Unix milliseconds.
    pub at: i64,
}

/// What may be decided about a held run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Its removals are carried out.
    Allow,
    /// They are not; the next run finds them again.
    Reject,
}

/// What is listed of a held run's removals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Removable {
    /// Users.
    Users,
    /// Groups.
    Groups,
    /// Direct memberships.
    Memberships,
}

/// Something that a held run would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovalRecord {
    /// The user, group or member.
    pub object: Named,
    /// What it is.
    pub kind: MemberKind,
    /// For a membership: the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named>,
    /// Why it would go.
    pub why: RemovalReason,
}

/// Why something would be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum RemovalReason {
    /// The source says that the user is deleted but can be restored: it would be hidden.
    Hidden,
    /// The source says so.
    Removed,
    /// A complete listing didn't have it.
    NotListed,
    /// No membership reaches the user any more.
    Unreferenced,
    /// The membership goes with its group or its member.
    WithObject,
}

/// How much room the store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreSize {
    /// Bytes of the database file.
    pub database: u64,
    /// Bytes of the log beside it.
    pub log: u64,
    /// Bytes of the database file that are free for what comes.
    pub free: u64,
}

/// Reads what the directory holds.
///
/// Each method sees one state of the store. An unknown connector, object or run is one that has nothing,
/// or `None`; it is no error. Listings that say *by name* are in the order of the names without case and
/// accents; what has no name comes last. Every method with a page fails with [`DirectoryError::Position`]
/// where that isn't one of its own.
#[async_trait]
pub trait DirectoryReader: Send + Sync + 'static {
    /// Users or groups in the order of [`Search::sort`], of these connectors, or of all where there are none.
    async fn search(
        &self,
        connectors: &[ConnectorKey],
        what: Kind,
        query: &Search,
        page: &PageRequest,
    ) -> Result<Page<Entry>, DirectoryError>;

    /// Whether there is, or was, a user, group or other member of this identifier.
    async fn knows(&self, connector: ConnectorKey, id: &str) -> Result<bool, DirectoryError>;

    /// The user, group or other member of this identifier, also where it is hidden or gone.
    async fn object(
        &self,
        connector: ConnectorKey,
        id: &str,
    ) -> Result<Option<ObjectRecord>, DirectoryError>;

    /// A group's members by name, direct ones or, if `effective`, those through nested groups as well,
    /// among them these groups. Hidden users are left out, and a group is never its own member. `text`
    /// is looked for in names as [`Match::Substring`].
    async fn members(
        &self,
        connector: ConnectorKey,
        group: &str,
        effective: bool,
        text: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<MemberRecord>, DirectoryError>;

    /// How many direct members a group and the groups nested in it have together, counted up to `most`: what its
    /// effective members are read from.
    async fn weight(
        &self,
        connector: ConnectorKey,
        group: &str,
        most: u64,
    ) -> Result<Total, DirectoryError>;

    /// The groups by name that an object is in, directly or, if `effective`, through nested groups as
    /// well. A hidden user is in none. `text` is looked for in names as [`Match::Substring`]. While a run
    /// goes on, what it adds may be missing for some seconds.
    async fn groups_of(
        &self,
        connector: ConnectorKey,
        object: &str,
        effective: bool,
        text: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<GroupRecord>, DirectoryError>;

    /// By which chains of groups an object is a member of a group, at most `limit` of them. While a run goes
    /// on, what it adds may be missing for some seconds.
    async fn why(
        &self,
        connector: ConnectorKey,
        group: &str,
        member: &str,
        limit: usize,
    ) -> Result<Why, DirectoryError>;

    /// Who joined and left which groups, newest run first. Of objects themselves the store keeps no history
    /// but [`ObjectRecord::since`] and [`ObjectRecord::changed`].
    async fn membership_changes(
        &self,
        connector: ConnectorKey,
        filter: &ChangeFilter,
        page: &PageRequest,
    ) -> Result<Page<MembershipChange>, DirectoryError>;

    /// Every connector by name.
    async fn connectors(&self) -> Result<Vec<ConnectorRecord>, DirectoryError>;

    /// The connector of this name, if there is one.
    async fn find(&self, name: &str) -> Result<Option<ConnectorKey>, DirectoryError>;

    /// One connector with its counts.
    async fn counts(
        &self,
        connector: ConnectorKey,
    ) -> Result<Option<ConnectorRecord>, DirectoryError>;

    /// Runs, newest first.
    async fn runs(
        &self,
        filter: &RunFilter,
        page: &PageRequest,
    ) -> Result<Page<RunRecord>, DirectoryError>;

    /// A run.
    async fn run(&self, run: RunKey) -> Result<Option<RunRecord>, DirectoryError>;

    /// What [`super::Finish::report`] was, until it is pruned.
    async fn report(&self, run: RunKey) -> Result<Option<serde_json::Value>, DirectoryError>;

    /// Groups whose members a run could not read, in the order in which they came.
    async fn unavailable(
        &self,
        run: RunKey,
        page: &PageRequest,
    ) -> Result<Page<UnavailableGroup>, DirectoryError>;

    /// What a held run would remove: users and groups by name; memberships by group and member, in the
    /// store's own order. `text` is looked for in names as [`Match::Substring`], of a membership in both.
    /// Nothing where the run isn't held.
    async fn removals(
        &self,
        run: RunKey,
        what: Removable,
        text: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<RemovalRecord>, DirectoryError>;

    /// How much room the store takes.
    async fn store_size(&self) -> Result<StoreSize, DirectoryError>;
}
