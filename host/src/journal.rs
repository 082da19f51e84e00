//! What is told of a run: the plugin's messages, and what the host met and decided while it went on.
//!
//! Bounded, because a plugin decides how much it says: the newest lines are kept, and how many older ones were
//! dropped is counted. Whoever keeps a run's log for good takes what is new from time to time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::plugin::harmless;

/// The most lines that are kept of a run.
pub const MOST_LINES: usize = 500;
/// The most bytes that their texts have together.
pub const MOST_BYTES: usize = 64 << 10;
/// The most bytes of one line.
const LONGEST_LINE: usize = 4 << 10;

/// How much a line matters.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the plugin's author.
    #[default]
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// Every level, the least important first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The plugin.
    Plugin,
    /// The host.
    Host,
}

impl Source {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Host => "host",
        }
    }
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
// The audit log has lines of its own.
#[schema(as = RunLogLine)]
pub struct Line {
    /// Its place: Unix microseconds, made to differ from those of other lines of the run.
    #[serde(skip)]
    pub position: i64,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// Who says it.
    pub source: Source,
    /// Its text, without control characters.
    pub text: String,
}

/// The newest lines of one run.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    bytes: usize,
    last: i64,
    /// Up to here somebody keeps the lines for good.
    stored: i64,
    /// Lines that were dropped before anybody had kept them.
    lost: u64,
    /// When what is said only now and then was said last.
    said: HashMap<&'static str, Instant>,
}

/// What nobody keeps for good yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Lines, the oldest first.
    pub lines: Vec<Line>,
    /// How many were dropped before these.
    pub lost: u64,
}

impl Journal {
    /// Keeps a line of the host.
    pub fn note(&self, level: Level, text: &str) {
        self.keep(Source::Host, level, text);
    }

    /// Keeps a line of the host, where none of this topic was kept in the time before.
    pub fn note_seldom(
        &self,
        topic: &'static str,
        every: Duration,
        level: Level,
        text: impl FnOnce() -> String,
    ) {
        {
            let (mut kept, now) = (self.kept(), Instant::now());
            let last = kept.said.get(topic);
            if last.is_some_and(|last| now.duration_since(*last) < every) {
                return;
            }
            kept.said.insert(topic, now);
        }
        self.note(level, &text());
    }

    /// Keeps a line of the plugin.
    pub(crate) fn plugin(&self, level: Level, text: &str) {
        self.keep(Source::Plugin, level, text);
    }

    fn keep(&self, source: Source, level: Level, text: &str) {
        let (now, text) = (Timestamp::now(), harmless(text, LONGEST_LINE));
        let mut kept = self.kept();
        let position = now.as_microsecond().max(kept.last + 1);
        // As exact as it is kept.
        let at = Timestamp::from_microsecond(position).unwrap_or(now);
        kept.last = position;
        kept.bytes += text.len();
        kept.lines.push_back(Line {
            position,
            at,
            level,
            source,
            text,
        });
        while kept.lines.len() > MOST_LINES || kept.bytes > MOST_BYTES {
            let Some(oldest) = kept.lines.pop_front() else {
                break;
            };
            kept.bytes -= oldest.text.len();
            if oldest.position > kept.stored {
                kept.lost += 1;
            }
        }
    }

    /// What nobody keeps for good yet.
    #[must_use]
    pub fn news(&self) -> News {
        let kept = self.kept();
        let new = kept.lines.iter().filter(|line| line.position > kept.stored);
        News {
            lines: new.cloned().collect(),
            lost: kept.lost,
        }
    }

    /// Somebody keeps these for good now.
    pub fn stored(&self, news: &News) {
        let mut kept = self.kept();
        if let Some(last) = news.lines.last() {
            kept.stored = kept.stored.max(last.position);
        }
        kept.lost = kept.lost.saturating_sub(news.lost);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_the_others_counted() {
        let journal = Journal::default();
        for n in 0..MOST_LINES + 3 {
            journal.note(Level::Info, &n.to_string());
        }
        let news = journal.news();
        assert_eq!((news.lines.len(), news.lost), (MOST_LINES, 3));
        assert_eq!(news.lines[0].text, "3");
        let positions: Vec<_> = news.lines.iter().map(|line| line.position).collect();
        assert!(positions.is_sorted_by(|a, b| a < b), "all differ");
    }

    #[test]
    fn long_lines_drop_more_of_those_before() {
        let journal = Journal::default();
        for _ in 0..40 {
            journal.plugin(Level::Debug, &"a".repeat(100_000));
        }
        let news = journal.news();
        let bytes: usize = news.lines.iter().map(|line| line.text.len()).sum();
        assert!(bytes <= MOST_BYTES && news.lines.len() == 15, "{bytes}");
        assert_eq!(news.lost, 25);
    }

    #[test]
    fn what_is_kept_for_good_is_no_news_and_never_lost() {
        let journal = Journal::default();
        journal.note(Level::Warn, "one");
        let news = journal.news();
        journal.note(Level::Warn, "two");
        journal.stored(&news);
        let texts: Vec<_> = journal.news().lines.into_iter().map(|l| l.text).collect();
        assert_eq!(texts, ["two"]);
        journal.stored(&journal.news());
        for _ in 0..MOST_LINES {
            journal.note(Level::Info, "more");
        }
        assert_eq!(journal.news().lost, 0);
    }

    #[test]
    fn what_happens_all_the_time_is_said_now_and_then() {
        let journal = Journal::default();
        for _ in 0..3 {
            journal.note_seldom("a", Duration::from_secs(60), Level::Info, || "again".into());
        }
        assert_eq!(journal.news().lines.len(), 1);
    }

    #[test]
    fn a_line_is_one_line() {
        let journal = Journal::default();
        journal.plugin(Level::Info, "one\nERROR two");
        assert_eq!(journal.news().lines[0].text, "one\\u{a}ERROR two");
    }
}
