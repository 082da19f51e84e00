//! Logs of runs: what is told while a run goes on, kept with it.
//!
//! What a run tells is first in its [`Journal`], in memory; it is written down every few seconds, so that a
//! process that dies takes little with it, and with the end of the run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::core::Core;
use super::error::WorkError;
use super::outcome;
use super::record::Run;
use super::{Outcome, Work, store};
use crate::journal::{Journal, Level, Line, MOST_BYTES, MOST_LINES};

/// How often the logs of runs that go on are written down.
const WRITE: Duration = Duration::from_secs(5);

/// A part of a run's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Lines, the newest first.
    pub lines: Vec<Line>,
    /// How many lines there are of this level or above.
    pub total: u64,
    /// How many older ones were dropped, of any level.
    pub dropped: u64,
}

impl Work {
    /// The newest lines of a run's log before a position, at most `limit`, of this level or above.
    ///
    /// # Errors
    /// [`WorkError::NoRun`].
    pub async fn log(
        &self,
        run: Uuid,
        least: Level,
        before: Option<i64>,
        limit: u32,
    ) -> Result<LogPage, WorkError> {
        let core = &self.core;
        core.read_run(run).await?;
        // First what isn't written down: a line that is written down meanwhile is found twice, not never.
        let news = core
            .journal(run)
            .map(|journal| journal.news())
            .unwrap_or_default();
        let (written, dropped) = core
            .database
            .read(async |connection| store::log::read(connection, run).await)
            .await?;
        let all: BTreeMap<i64, Line> = written
            .into_iter()
            .chain(news.lines)
            .map(|line| (line.position, line))
            .collect();
        let mut lines: VecDeque<Line> = all.into_values().collect();
        let mut dropped = dropped + news.lost;
        let mut bytes: usize = lines.iter().map(|line| line.text.len()).sum();
        while lines.len() > MOST_LINES || bytes > MOST_BYTES {
            let Some(oldest) = lines.pop_front() else {
                break;
            };
            bytes -= oldest.text.len();
            dropped += 1;
        }
        lines.retain(|line| line.level >= least);
        let total = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let older = lines.into_iter().rev();
        let older = older.filter(|line| before.is_none_or(|before| line.position < before));
        Ok(LogPage {
            lines: older
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .collect(),
            total,
            dropped,
        })
    }
}

impl Core {
    /// The journal of a run that goes on in this process.
    pub(super) fn journal(&self, run: Uuid) -> Option<Arc<Journal>> {
        let running = self.running();
        let live = running.get(&run)?;
        Some(Arc::clone(live.progress.journal()))
    }

    /// Writes the logs of runs that go on down, again and again.
    pub(super) async fn write_logs(&self) {
        loop {
            tokio::time::sleep(WRITE).await;
            let runs: Vec<Uuid> = self.running().keys().copied().collect();
            for run in runs {
                self.write_log(run).await;
            }
        }
    }

    /// Writes what is new in the log of a run down. Where that fails, a later time does it.
    pub(super) async fn write_log(&self, run: Uuid) {
        let Some(journal) = self.journal(run) else {
            return;
        };
        let news = journal.news();
        if news.lines.is_empty() && news.lost == 0 {
            return;
        }
        let written = self
            .database
            .write(async |connection| store::log::add(connection, run, &news).await)
            .await;
        match written {
            Ok(()) => journal.stored(&news),
            Err(error) => tracing::warn!("the log of run {run} could not be written: {error}"),
        }
    }

    /// Tells the journal of a run that it begins.
    pub(super) fn note_beginning(&self, run: &Run) {
        if let Some(journal) = self.journal(run.id).filter(|_| run.attempts > 1) {
            journal.note(Level::Info, &format!("Attempt {} begins", run.attempts));
        }
    }

    /// Tells the journal of a run how it ended, where no report did.
    pub(super) fn note_outcome(&self, run: &Run, outcome: &Outcome) {
        let Some(journal) = self.journal(run.id) else {
            return;
        };
        match outcome {
            Outcome::Ended { report, .. } if report.has_begun() => {}
            Outcome::Ended { report, .. } => {
                let fault = report.fault.clone();
                let fault = fault.unwrap_or_else(|| outcome::problems_fault(&report.problems));
                journal.note(Level::Error, &format!("The run could not begin: {fault}"));
            }
            Outcome::Failed { fault, .. } => {
                journal.note(Level::Error, &format!("The run failed: {fault}"));
            }
            Outcome::Cancelled => journal.note(Level::Warn, "Cancelled"),
            Outcome::Interrupted => {
                let text = "The host stops; the run goes on when it is started again";
                journal.note(Level::Info, text);
            }
        }
    }
}
