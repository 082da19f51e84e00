//! The directory: users, groups and direct memberships that connectors brought, with the runs
//! that brought them.
//!
//! Additions and updates are stored page by page. Removals, explicit ones and those that a
//! completeness proof implies, are only *staged* while a run goes on; [`Directory::assess`]
//! tells what they come to and [`Directory::finish`] carries them out or leaves them. So a run
//! that is held, or that dies, has removed nothing. What a held one would remove waits for
//! [`Directory::decide`].

mod change;
mod position;
mod reader;
mod sqlite;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use change::{Change, Member, MemberKind, Object, Removal, Stream};
pub use position::Position;
pub use reader::{
    Among, ChangeFilter, ConnectorRecord, Decided, DirectoryReader, Entry, GroupRecord, KeptBack,
    Kind, Match, MemberRecord, MembershipChange, MembershipPath, Moment, ObjectRecord, ObjectState,
    Page, PageRequest, Removable, RemovalReason, RemovalRecord, RunFilter, RunRecord, Search, Sort,
    StoreSize, Total, Turn, Verdict, Why,
};
pub use sqlite::Sqlite;

/// Opens the store that a `--database` value names: a path of a SQLite file, which is created where it
/// doesn't exist, or a `sqlite:` URL.
///
/// # Errors
/// Where the file can't be opened, is no database, or was written by a newer version.
pub async fn open(database: &str) -> Result<Box<dyn Directory>, DirectoryError> {
    Ok(Box::new(Sqlite::open(database).await?))
}

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The `--database` value can't be used.
    #[error("the database {database:?} can't be opened: {reason}")]
    Open {
        /// What was given, without any password.
        database: String,
        /// Why.
        reason: String,
    },
    /// A statement failed.
    #[error("the directory store failed while it {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// The run isn't going on, so nothing can be added to it.
    #[error("run {} has ended", .0.0)]
    Ended(RunKey),
    /// There is no such run.
    #[error("there is no run {}", .0.0)]
    NoRun(RunKey),
    /// A decision was made over a run that doesn't wait for one, or not any more.
    #[error("run {} does not wait for a decision: {}", .0.key.0, became(.0))]
    NotHeld(Box<RunRecord>),
    /// There is no such connector, or it was forgotten.
    #[error("there is no connector {}", .0.0)]
    NoConnector(ConnectorKey),
    /// No copy was made.
    #[error("the directory store can't be copied to {}: {reason}", to.display())]
    Backup {
        /// Where to.
        to: PathBuf,
        /// Why.
        reason: String,
    },
    /// A page was asked for after a position that this listing didn't give.
    #[error("the listing has no such position; begin with its first page")]
    Position,
    /// The store holds something that this version didn't write.
    #[error("the directory store holds something unexpected: {0}")]
    Corrupt(String),
}

/// What became of a run, for people.
fn became(run: &RunRecord) -> String {
    match (&run.decision, run.state) {
        (Some(Decided { verdict, actor, .. }), _) => {
            let done = match verdict {
                Verdict::Allow => "allowed",
                Verdict::Reject => "rejected",
            };
            format!("{actor} has {done} it")
        }
        (None, RunState::Processing) => "it still goes on".into(),
        (None, RunState::Superseded) => "a newer run has taken its place".into(),
        (None, _) => "it was never held".into(),
    }
}

/// Identifies a connector in the store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub struct ConnectorKey(pub i64);

/// Identifies a run in the store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub struct RunKey(pub i64);

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything, with proof of completeness.
    Snapshot,
    /// What changed since the cursor.
    Incremental,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Incremental => "incremental",
        }
    }
}

/// How a run ended, or that it hasn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It goes on, or its process died: then it can be resumed.
    Processing,
    /// Everything was read.
    Processed,
    /// It ended, but something could not be read.
    Partial,
    /// The mass-change guard keeps its removals back, until someone decides or the connector's next run begins.
    Held,
    /// It was held, and an administrator refused its removals.
    Rejected,
    /// It was held, and the connector's next run began before anyone had decided.
    Superseded,
    /// It ended with a fault.
    Failed,
    /// Someone ended it before it was done: the next run begins anew.
    Cancelled,
    /// Its process was asked to stop. Only in reports: in the store the run goes on, and can be resumed.
    Interrupted,
}

/// What a run starts with.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Whose run it is.
    pub connector: ConnectorKey,
    /// Its kind.
    pub mode: Mode,
    /// Why it is of this kind, for the report.
    pub reason: String,
    /// `name@version` of the plugin.
    pub plugin: String,
    /// Hash of everything that makes cursors and checkpoints comparable: settings, map, version of
    /// the plugin's checkpoints.
    pub fingerprint: String,
    /// Path of the list of groups in the target model's documents, names joined with `.`; absent where
    /// documents have none. Kept with the connector, for [`Export::Documents`].
    pub groups_path: Option<String>,
}

/// A run as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its key.
    pub key: RunKey,
    /// Whose run it is.
    pub connector: ConnectorKey,
    /// Its kind; changes when an incremental run becomes a snapshot.
    pub mode: Mode,
    /// Why it is of this kind.
    pub reason: String,
    /// `name@version` of the plugin.
    pub plugin: String,
    /// See [`NewRun::fingerprint`].
    pub fingerprint: String,
    /// Where it stands.
    pub state: RunState,
    /// Unix milliseconds.
    pub started: i64,
    /// Whether its plan is stored; if not, it must be planned (again).
    pub planned: bool,
    /// Whether users whom no membership reaches at its end are dropped.
    pub drop_unreferenced_users: bool,
    /// See [`Committed::needs_snapshot`]; true from that page on until the run begins anew.
    pub needs_snapshot: bool,
}

/// A unit of work that is read page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Unique in a run.
    pub key: String,
    /// Stages run one after another.
    pub stage: u8,
    /// For progress and reports.
    pub title: String,
    /// The plugin's, opaque.
    pub state: String,
}

/// A partition with how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPartition {
    /// The partition.
    pub partition: Partition,
    /// That of the last stored page.
    pub checkpoint: Option<String>,
}

/// A piece of a cursor, by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CursorPart {
    /// Names the piece.
    pub key: String,
    /// The plugin's, opaque.
    pub value: String,
}

/// Where the next incremental run of a connector starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Its pieces, sorted by key.
    pub parts: Vec<CursorPart>,
    /// [`NewRun::fingerprint`] of the run that left it.
    pub fingerprint: String,
    /// Unix milliseconds of that run's start.
    pub taken: i64,
}

/// One page of a partition, stored in one transaction with its checkpoint.
#[derive(Debug, Clone)]
pub struct PageCommit {
    /// Key of the partition.
    pub partition: String,
    /// Applied in this order.
    pub changes: Vec<Change>,
    /// Where the partition goes on; `None` ends it.
    pub checkpoint: Option<String>,
    /// More partitions. Those that the run has already are ignored.
    pub partitions: Vec<Partition>,
    /// Pieces of the next cursor, current when the run succeeds.
    pub cursor: Vec<CursorPart>,
}

/// How a page was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Those of the page's partitions that are new to the run.
    pub partitions: Vec<Partition>,
    /// A user came back, by an incremental run, whom an earlier sweep had found gone: memberships of
    /// the time between are unknown, so only a snapshot can be right. It may be another page of the run, stored along
    /// with this one, that says so.
    pub needs_snapshot: bool,
}

/// Counts of one stream in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamTally {
    /// Records given by the plugin, repeats included.
    pub seen: u64,
    /// New ones.
    pub added: u64,
    /// Those whose name or document changed. Always 0 for memberships.
    pub updated: u64,
    /// Those removed, or, in a held run, kept back.
    pub removed: u64,
    /// Whether the stream is proven complete: in a snapshot by the plugin, in an incremental run by
    /// all its partitions having ended.
    pub complete: bool,
}

/// Counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tally {
    /// Users.
    pub users: StreamTally,
    /// Groups.
    pub groups: StreamTally,
    /// Direct memberships.
    pub memberships: StreamTally,
    /// Groups whose members could not be read, with the reason, in the order in which they came.
    pub unavailable: Vec<UnavailableGroup>,
    /// How many partitions the run had.
    pub partitions: u64,
}

/// A group whose members could not be read in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnavailableGroup {
    /// Its identifier.
    pub id: String,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Why.
    pub reason: String,
}

/// How much a run would remove, beside how much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removals {
    /// Users, hidden ones not counted twice.
    pub users: Removed,
    /// Groups.
    pub groups: Removed,
    /// Direct memberships, including those that go with their group or member.
    pub memberships: Removed,
    /// Names of the first of them, at most [`Removals::SAMPLE`] of each.
    pub sample: RemovalSample,
}

impl Removals {
    /// How many removals of a kind are named.
    pub const SAMPLE: usize = 100;
}

/// What [`Directory::assess`] finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// What finishing the run with its removals would take away.
    pub removals: Removals,
    /// How many groups' members could not be read.
    pub unavailable: u64,
}

/// A count of removals beside the count of what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// How many would go.
    pub removed: u64,
    /// How many are held, before the removal.
    pub held: u64,
}

/// Some of what would be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovalSample {
    /// Users.
    pub users: Vec<Named>,
    /// Groups.
    pub groups: Vec<Named>,
    /// Memberships.
    pub memberships: Vec<MembershipRecord>,
}

/// An object with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// Its identifier.
    pub id: String,
    /// Its label; empty where only the identifier is known.
    pub name: String,
}

/// A direct or effective membership.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct MembershipRecord {
    /// Identifier of the group.
    pub group: String,
    /// Identifier of the member.
    pub member: String,
    /// What the member is.
    pub kind: MemberKind,
}

/// How to end a run.
#[derive(Debug, Clone)]
pub struct Finish {
    /// How it ended.
    pub state: RunState,
    /// Whether the staged removals are carried out.
    pub remove: bool,
    /// Whether the run's cursor becomes the connector's; in a held run, once its removals are allowed.
    pub promote_cursor: bool,
    /// JSON to keep with the run: its fault, its use of resources.
    pub report: serde_json::Value,
}

/// A decision over a held run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What is decided.
    pub verdict: Verdict,
    /// Who decides, to be kept with the run.
    pub actor: String,
    /// Why, to be kept with the run.
    pub reason: String,
}

/// What [`Directory::export`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// `{"id","name","document"}` for each user that is not hidden.
    Users,
    /// `{"id","name","groupKind","document"}` for each group; without `groupKind` where its kind isn't known.
    Groups,
    /// [`MembershipRecord`]s. Hidden users are left out.
    Memberships {
        /// Members through nested groups as well; a group is never its own member.
        effective: bool,
    },
    /// For each user the full target document: its own with the documents of its groups in a
    /// list.
    Documents {
        /// Groups that a user is in through nested groups as well.
        effective: bool,
    },
}

/// Where users, groups, memberships and runs are kept.
///
/// Methods are atomic: each is one transaction. Many may be called at the same time.
#[async_trait]
pub trait Directory: DirectoryReader {
    /// The connector of this name, made where there is none.
    async fn connector(&self, name: &str) -> Result<ConnectorKey, DirectoryError>;

    /// Where the connector's next incremental run starts.
    async fn cursor(&self, connector: ConnectorKey) -> Result<Option<Cursor>, DirectoryError>;

    /// The connector's run that neither ended nor was given up, if there is one.
    async fn unfinished(&self, connector: ConnectorKey) -> Result<Option<Run>, DirectoryError>;

    /// Begins a run. An unfinished one of the same connector is given up: it ends as failed. A held one is
    /// superseded: what it kept back is dropped, and can't be decided over any more.
    ///
    /// Fails with [`DirectoryError::NoConnector`] where the connector was forgotten.
    async fn begin(&self, run: NewRun) -> Result<Run, DirectoryError>;

    /// Stores a run's plan: its first partitions, and whether it drops unreferenced users.
    async fn planned(
        &self,
        run: RunKey,
        partitions: &[Partition],
        drop_unreferenced_users: bool,
    ) -> Result<(), DirectoryError>;

    /// Begins the run anew in another mode: partitions, cursor pieces, staged removals and proofs are
    /// dropped, what was stored stays but no longer counts as seen.
    async fn restart(&self, run: RunKey, mode: Mode, reason: &str) -> Result<Run, DirectoryError>;

    /// The partitions that have not ended, by stage and then in the order in which they came.
    async fn open_partitions(&self, run: RunKey) -> Result<Vec<OpenPartition>, DirectoryError>;

    /// Stores a page.
    async fn commit(&self, run: RunKey, page: PageCommit) -> Result<Committed, DirectoryError>;

    /// For each identifier, whether a user or group of it is held and not hidden, and the run that left the cursor,
    /// an earlier one, or the one that goes on brought it into sight. What came in between, the next run hears of
    /// again, as an arrival like the first time.
    async fn holds(
        &self,
        connector: ConnectorKey,
        ids: &[String],
    ) -> Result<Vec<bool>, DirectoryError>;

    /// How many different objects of a stream the connector's run that goes on has stored so far, those included
    /// that it removes again; 0 where none goes on, and of members.
    async fn seen(&self, connector: ConnectorKey, stream: Stream) -> Result<u64, DirectoryError>;

    /// Turns the proofs of completeness into staged removals and counts all staged removals.
    async fn assess(&self, run: RunKey) -> Result<Assessment, DirectoryError>;

    /// Ends the run. What a held one would remove, its cursor and its proofs wait for a
    /// [decision](Self::decide) or for the connector's next run, whichever comes first.
    async fn finish(&self, run: RunKey, finish: Finish) -> Result<Tally, DirectoryError>;

    /// Decides over a held run. If it is allowed, exactly what [`DirectoryReader::removals`] lists is removed,
    /// the cursor goes on if no part of the work was given up, and the run is processed or partial. If it is
    /// rejected, all that is dropped: the next run begins where this one did, finds the removals again, and is
    /// held again.
    ///
    /// Fails with [`DirectoryError::NotHeld`] where the run doesn't wait for a decision.
    async fn decide(&self, run: RunKey, decision: Decision) -> Result<RunRecord, DirectoryError>;

    /// Removes everything that is kept of a connector, its runs and history too. From the beginning of the call
    /// on it is not to be found, and its name is free for another. The rest takes a while, in which others
    /// write as usual; where the process dies meanwhile, whoever opens the store next goes on with it. The
    /// file gets no smaller, but has room for others.
    async fn forget(&self, connector: ConnectorKey) -> Result<(), DirectoryError>;

    /// Copies the store, as it is at one moment, to a file that there isn't yet, and has the copy checked. Others
    /// write meanwhile as usual.
    async fn backup(&self, to: &Path) -> Result<(), DirectoryError>;

    /// Drops the reports and the lists of unavailable groups of runs that ended before a time in Unix
    /// milliseconds, but for the last `keep_last` runs of each connector and held ones. The runs themselves stay,
    /// for history names them. Returns of how many runs something was dropped.
    async fn prune(&self, before: i64, keep_last: u32) -> Result<u64, DirectoryError>;

    /// Streams JSON texts, one a record, ordered by the store's own keys. Nothing is held in memory
    /// but a page.
    fn export(
        &self,
        connector: ConnectorKey,
        what: Export,
    ) -> BoxStream<'static, Result<String, DirectoryError>>;

    /// Ends the store after what is being written: nothing but its file is left then, and what is asked afterwards
    /// fails. Whoever still reads is waited for a while. Without it nothing is lost; the next start takes longer.
    async fn close(&self);
}
