//! The stage on which work is tested.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::fakes::{Act, Began, Book, Script, caller};
use crate::audit::Actor;
use crate::clock::{Clock, ManualClock};
use crate::database::Database;
use crate::schedule::{Baseline, Schedule};
use crate::work::state::{self, Event, State, Step};
use crate::work::{
    Assignment, Assignments, Executor, Run, RunPolicy, RunStatus, Work, WorkError, Workshop,
};

/// Everything that work stands on, and work itself.
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: ManualClock,
    pub(crate) book: Arc<Book>,
    pub(crate) script: Arc<Script>,
    pub(crate) policy: RunPolicy,
    pub(crate) database: Database,
    work: Option<Arc<Work>>,
}

impl Stage {
    /// A stage at the beginning of 2026 where work has begun.
    pub(crate) async fn new() -> Self {
        Self::with(RunPolicy::default()).await
    }

    pub(crate) async fn with(policy: RunPolicy) -> Self {
        let mut stage = Self::empty(policy).await;
        stage.start().await;
        stage
    }

    /// A stage where work has not begun yet.
    pub(crate) async fn empty(policy: RunPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("control.sqlite"))
            .await
            .unwrap();
        Self {
            folder,
            clock: ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()),
            book: Arc::default(),
            script: Arc::default(),
            policy,
            database,
            work: None,
        }
    }

    pub(crate) fn queue_file(&self) -> PathBuf {
        self.folder.path().join("queue.sqlite")
    }

    pub(crate) async fn start(&mut self) {
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
    pub(crate) async fn crash(&mut self) {
        let core = Arc::clone(&self.work().core);
        self.work = None;
        core.kill.cancel();
        core.tasks.close();
        core.tasks.wait().await;
        core.queue.close().await;
    }

    pub(crate) async fn shut_down(&mut self, grace: Duration) {
        let work = self.work.take().unwrap();
        work.shutdown(grace).await;
    }

    pub(crate) fn work(&self) -> &Arc<Work> {
        self.work.as_ref().unwrap()
    }

    /// A connector with a profile that runs by hand.
    pub(crate) async fn connector(&self) -> Uuid {
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

    pub(crate) async fn step(&self, connector: Uuid, event: Event) {
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
    pub(crate) fn assignment(
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

    pub(crate) fn will(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.acts.lock().unwrap().extend(acts);
    }

    /// Lets so many waiting runs end.
    pub(crate) fn open_gate(&self, runs: usize) {
        self.script.gate.add_permits(runs);
    }

    pub(crate) async fn run_now(&self, connector: Uuid) -> Result<Run, WorkError> {
        self.work()
            .run_now(connector, None, Default::default(), caller())
            .await
    }

    /// Waits until a run is in this state.
    pub(crate) async fn reaches(&self, run: Uuid, state: RunStatus) -> Run {
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
    pub(crate) async fn begins(&self, run: Uuid, times: usize) {
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
    pub(crate) async fn ends(&self, connector: Uuid, count: usize) -> Vec<Run> {
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
    pub(crate) async fn runs(&self, connector: Uuid) -> Vec<Run> {
        let filter = crate::work::RunFilter {
            connector: Some(connector),
            ..Default::default()
        };
        self.work().runs(&filter, None, 1_000).await.unwrap()
    }

    pub(crate) async fn state(&self, connector: Uuid) -> State {
        self.database
            .read(async |connection| state::standing(connection, connector).await)
            .await
            .unwrap()
            .unwrap()
            .state
    }

    pub(crate) fn turn(&self, to: &str) {
        self.clock.turn_to(to.parse::<Timestamp>().unwrap());
    }

    /// Long enough that whatever would happen by itself has happened.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    /// Waits until the queue holds nothing.
    pub(crate) async fn forgets_jobs(&self) {
        let queue = &self.work().core.queue;
        for _ in 0..200 {
            if queue.len().await == 0 {
                return;
            }
            self.settle().await;
        }
        panic!("{} jobs are left", queue.len().await);
    }

    pub(crate) fn began(&self) -> Vec<Began> {
        self.script.began.lock().unwrap().clone()
    }
}
