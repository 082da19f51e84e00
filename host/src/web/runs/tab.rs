//! The parts of a run's page that are lists.

use uuid::Uuid;

use super::asked::{Looked, Show};
use super::held::Found;
use super::summary::Summary;
use crate::api::Plane;
use crate::api::page::{Page, Paging};
use crate::api::problem::Problem;
use crate::directory::{
    ChangeFilter, MembershipChange, PageRequest, Position, Removable, RemovalRecord, RunKey, Total,
    Turn, UnavailableGroup,
};
use crate::journal::{Level, Line};
use crate::web::filters::counted;
use crate::web::link::{Foot, address};
use crate::web::turns;
use crate::work::{Run, Work};

/// Rows of a page.
const ROWS: u32 = 50;
/// Lines of a page of a log.
const LINES: u32 = 100;

/// A way to a part of the page.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) name: &'static str,
    pub(super) count: Option<u64>,
    pub(super) to: String,
    pub(super) is_here: bool,
}

/// What is shown below the head.
pub(super) enum Body {
    /// Counts and the report.
    Summary(Box<Summary>),
    /// What a held run would remove.
    Removals(Removals),
    /// Who joined and left.
    Changes(Changes),
    /// What could not be read.
    Unread(Unread),
    /// The log.
    Log(Log),
}

pub(super) struct Removals {
    pub(super) show: &'static str,
    pub(super) text: String,
    pub(super) rows: Vec<RemovalRecord>,
    pub(super) memberships: bool,
    pub(super) foot: Foot,
}

pub(super) struct Changes {
    pub(super) text: String,
    pub(super) what: Option<Turn>,
    pub(super) rows: Vec<MembershipChange>,
    pub(super) foot: Foot,
}

impl Changes {
    /// Whether only these are shown.
    pub(super) fn only(&self, what: Turn) -> bool {
        self.what == Some(what)
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.what.is_some() || !self.text.is_empty()
    }
}

pub(super) struct Unread {
    pub(super) summary: Box<Summary>,
    pub(super) groups: Vec<UnavailableGroup>,
    pub(super) foot: Foot,
}

pub(super) struct Log {
    pub(super) level: Level,
    pub(super) lines: Vec<Line>,
    pub(super) dropped: u64,
    pub(super) foot: Foot,
}

/// The parts of a run's page that there are.
pub(super) fn tabs(run: &Run, summary: &Summary, held: Option<&Found>, here: Show) -> Vec<Tab> {
    let tab = |name, show: Show, count| Tab {
        name,
        count,
        to: match show {
            Show::Summary if held.is_none() => path(run.id),
            _ => address(&path(run.id), &[("show", show.word())]),
        },
        is_here: here == show,
    };
    let mut tabs = Vec::new();
    for stream in held.iter().flat_map(|found| &found.streams) {
        let name = match stream.show {
            Show::Users => "Users to remove",
            Show::Groups => "Groups to remove",
            _ => "Memberships to remove",
        };
        tabs.push(tab(name, stream.show, Some(stream.removed)));
    }
    let first = if run.state.is_open() {
        "Progress"
    } else {
        "Summary"
    };
    tabs.push(tab(first, Show::Summary, None));
    if run.directory_run.is_some() {
        let count = changed(run);
        tabs.push(tab("Membership changes", Show::Changes, Some(count)));
        let is_partial = run.state == crate::work::RunStatus::Partial;
        if is_partial || !summary.failures.is_empty() || here == Show::Unread {
            tabs.push(tab("Not read", Show::Unread, None));
        }
    }
    tabs.push(tab("Log", Show::Log, None));
    tabs
}

/// How many memberships a run changed.
fn changed(run: &Run) -> u64 {
    run.memberships.added + run.memberships_gone()
}

pub(super) fn path(run: Uuid) -> String {
    format!("/runs/{run}")
}

impl Body {
    pub(super) async fn of(
        plane: &Plane,
        run: &Run,
        summary: Summary,
        show: Show,
        looked: &Looked,
    ) -> Result<Self, Problem> {
        Ok(match show {
            Show::Summary => Self::Summary(Box::new(summary)),
            Show::Users => Self::Removals(removals(plane, run, Removable::Users, looked).await?),
            Show::Groups => Self::Removals(removals(plane, run, Removable::Groups, looked).await?),
            Show::Memberships => {
                Self::Removals(removals(plane, run, Removable::Memberships, looked).await?)
            }
            Show::Changes => Self::Changes(changes(plane, run, looked).await?),
            Show::Unread => Self::Unread(unread(plane, run, summary, looked).await?),
            Show::Log => Self::Log(log(&plane.work, run, looked).await?),
        })
    }
}

fn page_request(looked: &Looked) -> PageRequest {
    PageRequest {
        after: looked.cursor.clone().map(Position::from),
        limit: usize::try_from(ROWS).unwrap_or(PageRequest::MOST),
    }
}

/// What is looked for, if anything is.
fn text(looked: &Looked) -> Option<String> {
    let text = looked.text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// How many there are, as far as that is known.
fn told(total: Option<Total>, shown: usize, noun: &str) -> String {
    match total {
        Some(Total { count, exact: true }) => counted(count, noun),
        Some(Total { count, .. }) => format!("More than {}", counted(count, noun)),
        None => format!("{shown} shown"),
    }
}

async fn removals(
    plane: &Plane,
    run: &Run,
    what: Removable,
    looked: &Looked,
) -> Result<Removals, Problem> {
    let (show, noun) = match what {
        Removable::Users => (Show::Users, "user"),
        Removable::Groups => (Show::Groups, "group"),
        Removable::Memberships => (Show::Memberships, "membership"),
    };
    let wanted = text(looked);
    let (rows, next, total) = match run.directory_run {
        Some(key) => {
            let request = page_request(looked);
            let page = plane
                .directory
                .removals(RunKey(key), what, wanted.as_deref(), &request)
                .await?;
            (page.items, page.next, page.total)
        }
        None => (Vec::new(), None, None),
    };
    let wanted = wanted.unwrap_or_default();
    Ok(Removals {
        show: show.word(),
        memberships: what == Removable::Memberships,
        foot: Foot::new(
            told(total, rows.len(), noun),
            &path(run.id),
            &[("show", show.word()), ("text", &wanted)],
            looked.cursor.as_deref(),
            next.as_ref().map(Position::as_str),
        ),
        text: wanted,
        rows,
    })
}

async fn changes(plane: &Plane, run: &Run, looked: &Looked) -> Result<Changes, Problem> {
    let directory = &plane.directory;
    let wanted = text(looked);
    let connector = directory.find(&run.connector.to_string()).await?;
    let (rows, next, count) = match (connector, run.directory_run) {
        (Some(connector), Some(key)) => {
            let filter = ChangeFilter {
                run: Some(RunKey(key)),
                what: looked.what,
                text: wanted.clone(),
                ..ChangeFilter::default()
            };
            let page = directory
                .membership_changes(connector, &filter, &page_request(looked))
                .await?;
            let count = match (&wanted, looked.what) {
                // Counted when it was done, however many they are.
                (None, what) => {
                    let of = |turn, count| what.is_none_or(|what| what == turn).then_some(count);
                    turns::exactly(
                        of(Turn::Joined, run.memberships.added),
                        of(Turn::Left, run.memberships_gone()),
                    )
                }
                _ => turns::counted(plane, connector, &filter).await?,
            };
            (page.items, page.next, count)
        }
        _ => (Vec::new(), None, String::new()),
    };
    let count = match count {
        none if none.is_empty() => format!("{} shown", rows.len()),
        count => count,
    };
    let wanted = wanted.unwrap_or_default();
    let what = match looked.what {
        Some(Turn::Joined) => "joined",
        Some(Turn::Left) => "left",
        None => "",
    };
    Ok(Changes {
        what: looked.what,
        foot: Foot::new(
            count,
            &path(run.id),
            &[
                ("show", Show::Changes.word()),
                ("text", &wanted),
                ("what", what),
            ],
            looked.cursor.as_deref(),
            next.as_ref().map(Position::as_str),
        ),
        text: wanted,
        rows,
    })
}

async fn unread(
    plane: &Plane,
    run: &Run,
    summary: Summary,
    looked: &Looked,
) -> Result<Unread, Problem> {
    let (groups, next, count) = match run.directory_run {
        Some(key) => {
            let (key, directory) = (RunKey(key), &plane.directory);
            let page = directory.unavailable(key, &page_request(looked)).await?;
            let count = directory.run(key).await?.map(|record| record.unavailable);
            (page.items, page.next, count)
        }
        None => (Vec::new(), None, None),
    };
    Ok(Unread {
        summary: Box::new(summary),
        foot: Foot::new(
            counted(count.unwrap_or_default(), "group"),
            &path(run.id),
            &[("show", Show::Unread.word())],
            looked.cursor.as_deref(),
            next.as_ref().map(Position::as_str),
        ),
        groups,
    })
}

async fn log(work: &Work, run: &Run, looked: &Looked) -> Result<Log, Problem> {
    let level = looked.level.unwrap_or_default();
    let paging = Paging {
        limit: None,
        cursor: looked.cursor.clone(),
    };
    let log = work
        .log(run.id, level, paging.position()?, LINES + 1)
        .await?;
    let page = Page::of(log.lines, LINES, |line| line.position);
    Ok(Log {
        level,
        dropped: log.dropped,
        foot: Foot::new(
            counted(log.total, "line"),
            &path(run.id),
            &[("show", Show::Log.word()), ("level", level.word())],
            looked.cursor.as_deref(),
            page.next.as_deref(),
        ),
        lines: page.items,
    })
}
