//! The stage on which work is tested: fakes for what surrounds it.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::audit::Actor;
use crate::clock::{Clock, ManualClock};
use crate::contract::{Fault, FaultKind, TransformMap};
use crate::database::Database;
use crate::directory::{Mode, RunState, Tally, Verdict};
use crate::egress::Usage;
use crate::limits::Guard;
use crate::run::Report;
use crate::schedule::{Baseline, Schedule};
use crate::work::state::{self, Event, State, Step};
use crate::work::{
    Assignment, Assignments, Caller, Chosen, DecideError, Executor, JobParts, NotChosen, Order,
    Outcome, Run, RunDecision, RunPolicy, RunStatus, Work, WorkError, Workshop,
};

/// Who asks, in tests.
pub(super) fn caller() -> Caller<'static> {
    static ADMIN: LazyLock<Actor> = LazyLock::new(Actor::system);
    Caller {
        actor: &ADMIN,
        address: None,
    }
}

pub(super) fn fault(kind: FaultKind) -> Fault {
    Fault {
        kind,
        code: "test.fault".into(),
        message: "A fault on purpose.".into(),
        remedy: None,
        setting: None,
    }
}

pub(super) fn report(state: RunState, mode: Mode) -> Report {
    Report {
        connector: "test".into(),
        plugin: "test@1.0.0".into(),
        plugin_at_fault: false,
        state,
        mode,
        reason: "a test".into(),
        resumed: false,
        note: None,
        fault: None,
        problems: Vec::new(),
        tally: Tally::default(),
        failures: Vec::new(),
        failures_dropped: 0,
        removals: None,
        network: Usage::default(),
        retries: 0,
        pages: 0,
        peak_instance_memory: 0,
        limits: Vec::new(),
        duration_ms: 7,
        log: Vec::new(),
        log_dropped: 0,
    }
}

/// What the executor does with a run.
pub(super) enum Act {
    /// It ends at once like this.
    End(RunState),
    /// It fails at once.
    Fail(Fault),
    /// It waits for the gate, and heeds signals.
    Wait,
    /// It never ends, and heeds nothing.
    Hang,
    /// It panics.
    Panic,
}

/// A beginning of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Began {
    pub(super) run: Uuid,
    pub(super) connector: Uuid,
    pub(super) asked: crate::work::AskedMode,
}

/// An executor by a script; without one, runs are processed at once.
#[derive(Default)]
pub(super) struct Script {
    acts: Mutex<VecDeque<Act>>,
    pub(super) began: Mutex<Vec<Began>>,
    at_work: Mutex<BTreeMap<Uuid, usize>>,
    pub(super) most_at_once: AtomicUsize,
    pub(super) overlaps: AtomicUsize,
    gate: Option<Semaphore>,
    pub(super) decisions: Mutex<Vec<(i64, Verdict)>>,
    pub(super) refuses: Mutex<Option<DecideError>>,
    pub(super) pruned: AtomicUsize,
}

impl Script {
    fn enter(&self, connector: Uuid) {
        let mut at_work = self.at_work.lock().unwrap();
        let own = at_work.entry(connector).or_default();
        *own += 1;
        if *own > 1 {
            self.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        let now = at_work.values().sum();
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self, connector: Uuid) {
        *self.at_work.lock().unwrap().get_mut(&connector).unwrap() -= 1;
    }

    async fn act(&self, act: Option<Act>, order: &Order) -> Outcome {
        let mode = match order.asked {
            crate::work::AskedMode::Snapshot => Mode::Snapshot,
            crate::work::AskedMode::Auto => Mode::Incremental,
        };
        let ended = |state| Outcome::Ended {
            report: Box::new(report(state, mode)),
            directory_run: Some(7),
        };
        match act.unwrap_or(Act::End(RunState::Processed)) {
            Act::End(state) => ended(state),
            Act::Fail(fault) => Outcome::Failed {
                fault,
                problems: Vec::new(),
            },
            Act::Wait => tokio::select! {
                biased;
                () = order.signals.stop.cancelled() => Outcome::Interrupted,
                () = order.signals.cancel.cancelled() => ended(RunState::Cancelled),
                pass = self.gate.as_ref().unwrap().acquire() => {
                    pass.unwrap().forget();
                    ended(RunState::Processed)
                }
            },
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
        }
    }
}

/// Leaves also where a run is broken off.
struct AtWork<'a>(&'a Script, Uuid);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

#[async_trait]
impl Executor for Script {
    async fn execute(&self, order: Order) -> Outcome {
        let act = self.acts.lock().unwrap().pop_front();
        self.began.lock().unwrap().push(Began {
            run: order.run,
            connector: order.parts.connector,
            asked: order.asked,
        });
        self.enter(order.parts.connector);
        let _at_work = AtWork(self, order.parts.connector);
        // Time for others to run into this one.
        tokio::task::yield_now().await;
        self.act(act, &order).await
    }

    async fn decide(
        &self,
        directory_run: i64,
        decision: &RunDecision,
    ) -> Result<RunStatus, DecideError> {
        if let Some(error) = self.refuses.lock().unwrap().take() {
            return Err(error);
        }
        self.decisions
            .lock()
            .unwrap()
            .push((directory_run, decision.verdict));
        Ok(match decision.verdict {
            Verdict::Allow => RunStatus::Processed,
            Verdict::Reject => RunStatus::Rejected,
        })
    }

    async fn prune(&self, _: i64, _: u32) -> Result<u64, String> {
        self.pruned.fetch_add(1, Ordering::SeqCst);
        Ok(0)
    }
}

/// A catalogue in memory.
pub(super) struct Book {
    connectors: Mutex<BTreeMap<Uuid, Uuid>>,
    scheduled: Mutex<Vec<Assignment>>,
    changed: watch::Sender<u64>,
}

impl Book {
    pub(super) fn set(&self, scheduled: Vec<Assignment>) {
        *self.scheduled.lock().unwrap() = scheduled;
        self.changed.send_modify(|revision| *revision += 1);
    }
}

#[async_trait]
impl Assignments for Book {
    async fn scheduled(&self) -> Result<Vec<Assignment>, Fault> {
        Ok(self.scheduled.lock().unwrap().clone())
    }

    async fn choose(&self, connector: Uuid, wanted: Option<Uuid>) -> Result<Chosen, NotChosen> {
        let connectors = self.connectors.lock().unwrap();
        let own = *connectors.get(&connector).ok_or(NotChosen::NoConnector)?;
        if wanted.is_some_and(|wanted| wanted != own) {
            return Err(NotChosen::NoProfile);
        }
        Ok(Chosen {
            connector_name: "Contoso".into(),
            profile: own,
            profile_name: "Daily".into(),
        })
    }

    async fn job(&self, profile: Uuid) -> Result<JobParts, Fault> {
        let connectors = self.connectors.lock().unwrap();
        let (connector, _) = connectors
            .iter()
            .find(|(_, own)| **own == profile)
            .ok_or_else(|| fault(FaultKind::Configuration))?;
        Ok(JobParts {
            connector: *connector,
            connector_name: "Contoso".into(),
            profile,
            profile_name: "Daily".into(),
            wanted: "test".parse().unwrap(),
            settings: "{}".into(),
            secrets: BTreeMap::new(),
            map: TransformMap {
                name: "default".into(),
                source_model: "s".into(),
                target_model: "t".into(),
                rules: Vec::new(),
            },
            links: Vec::new(),
            guard: Guard::default(),
        })
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// Everything that work stands on, and work itself.
pub(super) struct Stage {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: ManualClock,
    pub(super) book: Arc<Book>,
    pub(super) script: Arc<Script>,
    pub(super) policy: RunPolicy,
    pub(super) database: Database,
    work: Option<Arc<Work>>,
}

impl Stage {
    /// A stage at the beginning of 2026 where work has begun.
    pub(super) async fn new() -> Self {
        Self::with(RunPolicy::default()).await
    }

    pub(super) async fn with(policy: RunPolicy) -> Self {
        let mut stage = Self::empty(policy).await;
        stage.start().await;
        stage
    }

    /// A stage where work has not begun yet.
    pub(super) async fn empty(policy: RunPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("control.sqlite"))
            .await
            .unwrap();
        Self {
            folder,
            clock: ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()),
            book: Arc::new(Book {
                connectors: Mutex::default(),
                scheduled: Mutex::default(),
                changed: watch::Sender::default(),
            }),
            script: Arc::new(Script {
                gate: Some(Semaphore::new(0)),
                ..Script::default()
            }),
            policy,
            database,
            work: None,
        }
    }

    pub(super) fn queue_file(&self) -> PathBuf {
        self.folder.path().join("queue.sqlite")
    }

    pub(super) async fn start(&mut self) {
        assert!(self.work.is_none());
        let workshop = Workshop {
            database: self.database.clone(),
            queue: self.queue_file(),
            clock: Arc::new(self.clock.clone()),
            assignments: Arc::clone(&self.book) as Arc<dyn Assignments>,
            executor: Arc::clone(&self.script) as Arc<dyn Executor>,
            policy: self.policy.clone(),
        };
        self.work = Some(Arc::new(Work::start(workshop).await.unwrap()));
    }

    /// Work ends as it does where its process dies, and nothing of it is under way any more.
    pub(super) async fn crash(&mut self) {
        let core = Arc::clone(&self.work().core);
        self.work = None;
        core.kill.cancel();
        core.tasks.close();
        core.tasks.wait().await;
        core.queue.close().await;
    }

    pub(super) async fn shut_down(&mut self, grace: Duration) {
        let work = self.work.take().unwrap();
        work.shutdown(grace).await;
    }

    pub(super) fn work(&self) -> &Arc<Work> {
        self.work.as_ref().unwrap()
    }

    /// A connector with a profile that runs by hand.
    pub(super) async fn connector(&self) -> Uuid {
        let connector = Uuid::now_v7();
        let profile = Uuid::now_v7();
        self.book
            .connectors
            .lock()
            .unwrap()
            .insert(connector, profile);
        self.step(connector, Event::Created).await;
        connector
    }

    pub(super) async fn step(&self, connector: Uuid, event: Event) {
        let actor = Actor::system();
        let step = Step {
            connector,
            event,
            cause: "a test",
            actor: &actor,
            run: None,
            at: self.clock.now(),
        };
        self.database
            .write(async |connection| state::step(connection, &step).await)
            .await
            .unwrap();
    }

    /// Gives a connector's profile this schedule, from now on.
    pub(super) fn assignment(
        &self,
        connector: Uuid,
        schedule: Schedule,
        baseline: Baseline,
    ) -> Assignment {
        let profile = self.book.connectors.lock().unwrap()[&connector];
        Assignment {
            connector,
            connector_name: "Contoso".into(),
            profile,
            profile_name: "Daily".into(),
            schedule,
            baseline,
            since: self.clock.now(),
        }
    }

    pub(super) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.acts.lock().unwrap().extend(acts);
    }

    /// Lets so many waiting runs end.
    pub(super) fn open_gate(&self, runs: usize) {
        self.script.gate.as_ref().unwrap().add_permits(runs);
    }

    pub(super) async fn run_now(&self, connector: Uuid) -> Result<Run, WorkError> {
        self.work()
            .run_now(connector, None, Default::default(), caller())
            .await
    }

    /// Waits until a run is in this state.
    pub(super) async fn reaches(&self, run: Uuid, state: RunStatus) -> Run {
        let mut last = None;
        for _ in 0..4_000 {
            let now = self.work().run(run).await.unwrap();
            if now.state == state {
                return now;
            }
            last = Some(now);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("run {run} did not become {state:?}: {last:?}");
    }

    /// Waits until the executor has begun with a run for the nth time.
    pub(super) async fn begins(&self, run: Uuid, times: usize) {
        for _ in 0..4_000 {
            let began = self.began();
            if began.iter().filter(|began| began.run == run).count() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("run {run} did not begin {times} times");
    }

    /// Waits until the newest run of a connector has ended, and there are so many.
    pub(super) async fn ends(&self, connector: Uuid, count: usize) -> Vec<Run> {
        for _ in 0..4_000 {
            let runs = self.runs(connector).await;
            if runs.len() >= count && runs.iter().all(|run| !run.state.is_open()) {
                assert_eq!(runs.len(), count, "{runs:#?}");
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not {count} runs: {:#?}", self.runs(connector).await);
    }

    /// Runs of a connector, newest first.
    pub(super) async fn runs(&self, connector: Uuid) -> Vec<Run> {
        let filter = crate::work::RunFilter {
            connector: Some(connector),
            ..Default::default()
        };
        self.work().runs(&filter, None, 1_000).await.unwrap()
    }

    pub(super) async fn state(&self, connector: Uuid) -> State {
        self.database
            .read(async |connection| state::standing(connection, connector).await)
            .await
            .unwrap()
            .unwrap()
            .state
    }

    pub(super) fn turn(&self, to: &str) {
        self.clock.turn_to(to.parse::<Timestamp>().unwrap());
    }

    /// Long enough that whatever would happen by itself has happened.
    pub(super) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    /// Waits until the queue holds nothing. What is done is told to it when it is looked at the next time.
    pub(super) async fn forgets_jobs(&self) {
        let queue = &self.work().core.queue;
        for _ in 0..200 {
            queue.forget_done().await.unwrap();
            if queue.len().await == 0 {
                return;
            }
            self.settle().await;
        }
        panic!("{} jobs are left", queue.len().await);
    }

    pub(super) fn began(&self) -> Vec<Began> {
        self.script.began.lock().unwrap().clone()
    }
}
