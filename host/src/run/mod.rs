//! Runs: from a plan through pages to a directory that equals the source.
//!
//! A run is planned, its partitions are read by many instances at once, every page is stored in one
//! transaction with its checkpoint, and at the end the removals that are proven are weighed by the
//! guard and carried out together with the new cursor. A run that dies at any instant is resumed by the
//! next one for the same connector.

mod begin;
mod connect;
mod guard;
mod patience;
mod progress;
mod read;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;

use crate::contract::{Fault, FaultKind, GroupLink, Opening, TransformMap};
use crate::directory::{
    Cursor, Directory, DirectoryError, Finish, Mode, OpenPartition, PageRequest, Removals, Run,
    RunState, Tally,
};
use crate::egress::{Egress, Usage};
use crate::journal::Level;
use crate::limits::{Guard, Patience};
use crate::plugin::{Plugin, RunRequest, Session};
use crate::settings::Settings;
use crate::telemetry;

pub use connect::{ConnectError, Connected, connect};
pub use progress::{Interrupt, Peaks, Progress, Reading, Traffic};
pub use report::{
    EXIT_CONFIGURATION, EXIT_FAILED, EXIT_HELD, EXIT_PARTIAL, EXIT_PROCESSED, Failure, LimitUse,
    Report, exit_code_of,
};

pub(crate) use report::NOT_BEGUN;

use begin::Begun;
use connect::log_of;
use patience::{Next, Tries};
use read::{Failures, ReadEnd, Reader};

/// What to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of the connector in the directory.
    pub connector: String,
    /// The plugin, with the limits of the connector.
    pub plugin: Plugin,
    /// The connector's settings.
    pub settings: Settings,
    /// The transform map in force.
    pub map: TransformMap,
    /// The platform's groups that feed from the source's.
    pub links: Vec<GroupLink>,
    /// The kind of run that is wanted.
    pub mode: WantedMode,
    /// Whether the mass-change guard lets this run through.
    pub allow_mass_change: bool,
    /// The mass-change guard.
    pub guard: Guard,
    /// How patient the run is.
    pub patience: Patience,
}

/// The kind of run that is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WantedMode {
    /// A snapshot at first, incremental after.
    #[default]
    Auto,
    /// A snapshot.
    Full,
    /// Incremental; a failure where that is not possible yet.
    Incremental,
}

/// Carries out a job and tells what it did. Progress can be watched meanwhile, and the run be
/// [interrupted](Progress::interrupt) through it.
///
/// # Errors
/// Only where the directory fails; everything else is in the report.
pub async fn run(
    job: &Job,
    directory: &Arc<dyn Directory>,
    egress: &Arc<Egress>,
    progress: &Arc<Progress>,
) -> Result<Report, DirectoryError> {
    let span = tracing::info_span!(
        target: telemetry::TARGET,
        "run",
        connector = job.connector,
        plugin = %job.plugin.description().id(),
        mode = tracing::field::Empty,
        state = tracing::field::Empty,
    );
    let outcome = run_untraced(job, directory, egress, progress)
        .instrument(span.clone())
        .await;
    if let Ok(report) = &outcome {
        span.record("mode", tracing::field::debug(report.mode));
        span.record("state", tracing::field::debug(report.state));
    }
    outcome
}

async fn run_untraced(
    job: &Job,
    directory: &Arc<dyn Directory>,
    egress: &Arc<Egress>,
    progress: &Arc<Progress>,
) -> Result<Report, DirectoryError> {
    let started = Instant::now();
    let connected = match connect(&job.plugin, &job.settings, egress).await {
        Ok(connected) => connected,
        Err(error) => {
            let mut report = not_begun(job, error, started);
            // Settings that were good until now can only be wrong for another version.
            report.plugin_at_fault |= report.exit_code() == EXIT_CONFIGURATION
                && begin::has_succeeded(job, directory.as_ref()).await?;
            return Ok(report);
        }
    };
    progress.connected(&connected.session.gateway);
    let connector = directory.connector(&job.connector).await?;
    let journal = progress.journal();
    let session = Session {
        directory: Some((Arc::clone(directory), connector)),
        log: Arc::new(log_of(&job.plugin).telling(Arc::clone(journal))),
        ..connected.session
    };
    let begun = match begin::begin(job, directory.as_ref(), connector).await? {
        Ok(begun) => begun,
        Err(fault) => return Ok(not_begun(job, ConnectError::Fault(fault), started)),
    };
    progress.begun(begun.run.mode, &begun.run.reason);
    journal.note(Level::Info, &beginning(&begun));
    let mut running = Running {
        job,
        directory,
        session,
        progress,
        run: begun.run,
        cursor: begun.cursor,
        note: None,
        failures: Failures::default(),
    };
    let limit = job.plugin.limits().run_ms;
    let deadline = Duration::from_millis(limit);
    // Dropping the work stops every instance; what was stored stays stored.
    let end = tokio::select! {
        biased;
        why = progress.interrupted() => End::Interrupted(why),
        end = tokio::time::timeout(deadline, running.carry_out()) => match end {
            Ok(end) => end?,
            Err(_) => End::Failed(too_long(limit)),
        },
    };
    let ended = running.finish(end).await?;
    Ok(running.report(ended, begun.resumed, started))
}

/// A run that has begun.
struct Running<'a> {
    job: &'a Job,
    directory: &'a Arc<dyn Directory>,
    session: Session,
    progress: &'a Arc<Progress>,
    run: Run,
    cursor: Option<Cursor>,
    note: Option<String>,
    failures: Failures,
}

/// How reading ended.
enum End {
    /// Every partition ended, or was given up.
    Read,
    /// The run can't go on.
    Failed(Fault),
    /// Someone wants it to end.
    Interrupted(Interrupt),
}

/// What is known of a run that has ended.
struct Ended {
    state: RunState,
    fault: Option<Fault>,
    tally: Tally,
    removals: Option<Removals>,
}

impl Running<'_> {
    /// Plans and reads, again as a snapshot where the cursor turns out to be of no use.
    async fn carry_out(&mut self) -> Result<End, DirectoryError> {
        let mut restarts = self.job.patience.restarts;
        loop {
            let request = RunRequest::new(
                &self.job.settings.plugin,
                &self.job.map,
                &self.job.links,
                self.run.mode,
                self.cursor.as_ref(),
            );
            if !self.run.planned {
                match self.plan(&request).await {
                    Ok(opening) => self.keep_plan(opening).await?,
                    Err(fault) if fault.kind == FaultKind::CursorExpired && restarts > 0 => {
                        restarts -= 1;
                        self.restart(&fault.message).await?;
                        continue;
                    }
                    Err(fault) => return Ok(End::Failed(fault)),
                }
            }
            let open = self.directory.open_partitions(self.run.key).await?;
            match self.read(request, open).await? {
                ReadEnd::Done { failures } => {
                    self.failures = failures;
                    return Ok(End::Read);
                }
                ReadEnd::Stop(fault) => return Ok(End::Failed(fault)),
                ReadEnd::Snapshot(fault) if restarts > 0 => {
                    restarts -= 1;
                    self.restart(&fault.message).await?;
                }
                ReadEnd::Snapshot(fault) => return Ok(End::Failed(fault)),
            }
        }
    }

    async fn plan(&self, request: &RunRequest) -> Result<Opening, Fault> {
        let mut tries = Tries::new(&self.job.patience);
        loop {
            let attempt = async {
                let mut instance = self.job.plugin.open(Some(&self.session)).await?;
                let opening = instance.plan(request).await;
                self.progress.called(instance.last_use());
                opening
            };
            let fault = match attempt.await {
                Ok(opening) => return Ok(opening),
                Err(error) => error.into_fault(),
            };
            match tries.after(&fault) {
                Next::Again(wait) => {
                    self.progress.reread();
                    self.note(Level::Warn, &again_in("The plan", wait, &fault));
                    tokio::time::sleep(wait).await;
                }
                Next::Snapshot | Next::Stop | Next::GiveUp => return Err(fault),
            }
        }
    }

    async fn keep_plan(&mut self, opening: Opening) -> Result<(), DirectoryError> {
        self.directory
            .planned(
                self.run.key,
                &opening.partitions,
                opening.drop_unreferenced_users,
            )
            .await?;
        self.run.planned = true;
        self.progress.expect(opening.expected);
        let parts = opening.partitions.len();
        let plural = if parts == 1 { "" } else { "s" };
        let note = opening.note.as_deref().unwrap_or_default();
        let planned = format!("Planned: {parts} part{plural} to begin with. {note}");
        self.note(Level::Info, planned.trim_end());
        self.note = opening.note;
        Ok(())
    }

    async fn restart(&mut self, reason: &str) -> Result<(), DirectoryError> {
        tracing::info!("the run begins anew as a snapshot: {reason}");
        self.run = self
            .directory
            .restart(self.run.key, Mode::Snapshot, reason)
            .await?;
        self.progress.begun(self.run.mode, &self.run.reason);
        self.note(
            Level::Warn,
            &format!("The run begins anew as a snapshot: {reason}"),
        );
        Ok(())
    }

    fn note(&self, level: Level, text: &str) {
        self.progress.journal().note(level, text);
    }

    async fn read(
        &self,
        request: RunRequest,
        open: Vec<OpenPartition>,
    ) -> Result<ReadEnd, DirectoryError> {
        let reader = Reader {
            plugin: self.job.plugin.clone(),
            session: self.session.clone(),
            directory: Arc::clone(self.directory),
            progress: Arc::clone(self.progress),
            patience: self.job.patience.clone(),
            budget: patience::Budget::new(&self.job.patience),
            run: self.run.key,
            request,
        };
        read::read_all(Arc::new(reader), open).await
    }

    /// Weighs the removals and ends the run.
    async fn finish(&self, end: End) -> Result<Ended, DirectoryError> {
        let (state, fault, removals) = match end {
            End::Interrupted(Interrupt::Stop) => {
                self.note(
                    Level::Info,
                    "The host stops; the run goes on when it is started again",
                );
                return self.left_off().await;
            }
            End::Interrupted(Interrupt::Cancel) => (RunState::Cancelled, Some(cancelled()), None),
            End::Failed(fault) => (RunState::Failed, Some(fault), None),
            End::Read if self.nothing_was_read() => {
                let fault = self
                    .failures
                    .kept
                    .first()
                    .map(|failure| failure.fault.clone());
                (RunState::Failed, fault, None)
            }
            End::Read => {
                let assessment = self.directory.assess(self.run.key).await?;
                let held = !self.job.allow_mass_change
                    && guard::holds(&self.job.guard, &assessment.removals);
                if held {
                    (RunState::Held, None, Some(assessment.removals))
                } else if self.failures.is_empty() && assessment.unavailable == 0 {
                    (RunState::Processed, None, None)
                } else {
                    (RunState::Partial, None, None)
                }
            }
        };
        let tally = self
            .directory
            .finish(
                self.run.key,
                Finish {
                    state,
                    remove: matches!(state, RunState::Processed | RunState::Partial),
                    // A group that can't be read must not keep the others from going on; a part of
                    // the work that was given up must be read again.
                    promote_cursor: matches!(
                        state,
                        RunState::Processed | RunState::Partial | RunState::Held
                    ) && self.failures.is_empty(),
                    report: serde_json::json!({
                        "fault": fault,
                        "failures": self.failures.kept,
                        "failuresDropped": self.failures.dropped,
                        "network": self.session.gateway.usage(),
                    }),
                },
            )
            .await?;
        self.note_end(state, fault.as_ref(), removals.as_ref());
        Ok(Ended {
            state,
            fault,
            tally,
            removals,
        })
    }

    fn note_end(&self, state: RunState, fault: Option<&Fault>, removals: Option<&Removals>) {
        let network = self.session.gateway.usage();
        if network.milliseconds_waited() > 0 {
            let text = format!(
                "{} requests, {} resource units; quota and pauses held requests back for {:.1} s",
                network.requests, network.resource_units, network.seconds_waited
            );
            self.note(Level::Info, &text);
        }
        let (level, text) = match (state, fault, removals) {
            (RunState::Held, _, Some(removals)) => (
                Level::Warn,
                format!(
                    "Held: the run would remove {} users, {} groups and {} memberships",
                    removals.users.removed, removals.groups.removed, removals.memberships.removed
                ),
            ),
            (RunState::Cancelled, ..) => (Level::Warn, "Cancelled".to_owned()),
            (_, Some(fault), _) => (Level::Error, format!("Failed: {fault}")),
            (RunState::Partial, ..) => (
                Level::Warn,
                "Ended, but something could not be read".to_owned(),
            ),
            _ => (Level::Info, "Everything was read and stored".to_owned()),
        };
        self.note(level, &text);
    }

    /// What is known of a run that is left as it is, to be resumed.
    async fn left_off(&self) -> Result<Ended, DirectoryError> {
        let run = self.run.key;
        let record = self.directory.run(run).await?;
        let record = record.ok_or(DirectoryError::NoRun(run))?;
        let first = PageRequest::first(PageRequest::MOST);
        Ok(Ended {
            state: RunState::Interrupted,
            fault: None,
            tally: Tally {
                users: record.users,
                groups: record.groups,
                memberships: record.memberships,
                unavailable: self.directory.unavailable(run, &first).await?.items,
                partitions: self.progress.known_partitions().0,
            },
            removals: None,
        })
    }

    /// Whether partitions were given up and no page was stored.
    fn nothing_was_read(&self) -> bool {
        !self.failures.is_empty() && self.progress.read().pages == 0
    }

    fn report(&self, ended: Ended, resumed: bool, started: Instant) -> Report {
        let reading = self.progress.read();
        let network = self.session.gateway.usage();
        let (log, log_dropped) = self.session.log.lines();
        Report {
            connector: self.job.connector.clone(),
            plugin: self.job.plugin.description().id(),
            plugin_at_fault: report::plugin_at_fault(ended.fault.as_ref(), &self.failures.kept),
            state: ended.state,
            mode: self.run.mode,
            reason: self.run.reason.clone(),
            resumed,
            note: self.note.clone(),
            fault: ended.fault,
            problems: Vec::new(),
            tally: ended.tally,
            pages: reading.pages,
            failures: self.failures.kept.clone(),
            failures_dropped: self.failures.dropped,
            guard: ended.removals.is_some().then(|| self.job.guard.clone()),
            removals: ended.removals,
            retries: reading.rereads + network.failed + network.throttled,
            peak_instance_memory: reading.peaks.call.memory,
            limits: report::limit_uses(self.job.plugin.limits(), &reading, &network, log.len()),
            duration_ms: elapsed(started),
            network,
            log,
            log_dropped,
        }
    }
}

/// How a run begins, for its journal.
fn beginning(begun: &Begun) -> String {
    let mode = match begun.run.mode {
        Mode::Snapshot => "snapshot",
        Mode::Incremental => "incremental run",
    };
    let (reason, plugin) = (&begun.run.reason, &begun.run.plugin);
    if begun.resumed {
        format!("Goes on with the {mode} that was left off, with {plugin}")
    } else {
        format!("Begins a {mode} with {plugin}: {reason}")
    }
}

/// That a piece of work is tried again, for the journal.
fn again_in(what: &str, wait: Duration, fault: &Fault) -> String {
    format!(
        "{what} is tried again in {:.1} s: {fault}",
        wait.as_secs_f64()
    )
}

fn too_long(limit: u64) -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        code: "run.deadline".into(),
        message: format!("The run did not end within {limit} ms."),
        remedy: Some(
            "Raise the limit `runMs`, or look at the report for what it waited for.".into(),
        ),
        setting: None,
    }
}

fn cancelled() -> Fault {
    Fault {
        kind: FaultKind::Permanent,
        code: "run.cancelled".into(),
        message: "The run was cancelled. What it had added is kept, nothing was removed.".into(),
        remedy: Some("The next run begins anew.".into()),
        setting: None,
    }
}

fn elapsed(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The report of a job that stored nothing and asked the source nothing.
fn not_begun(job: &Job, error: ConnectError, started: Instant) -> Report {
    let (fault, problems) = match error {
        ConnectError::Problems(problems) => (None, problems),
        ConnectError::Fault(fault) => (Some(fault), Vec::new()),
    };
    Report {
        connector: job.connector.clone(),
        plugin: job.plugin.description().id(),
        plugin_at_fault: report::plugin_at_fault(fault.as_ref(), &[]),
        state: RunState::Failed,
        mode: match job.mode {
            WantedMode::Incremental => Mode::Incremental,
            WantedMode::Auto | WantedMode::Full => Mode::Snapshot,
        },
        reason: NOT_BEGUN.into(),
        resumed: false,
        note: None,
        fault,
        problems,
        tally: Tally::default(),
        pages: 0,
        failures: Vec::new(),
        failures_dropped: 0,
        removals: None,
        guard: None,
        network: Usage::default(),
        retries: 0,
        peak_instance_memory: 0,
        limits: Vec::new(),
        duration_ms: elapsed(started),
        log: Vec::new(),
        log_dropped: 0,
    }
}
