//! Fakes of what surrounds work: a catalogue in memory, and an executor by a script.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::audit::Actor;
use crate::contract::{Fault, FaultKind, TransformMap};
use crate::directory::{Mode, RunState, Tally, Verdict};
use crate::egress::Usage;
use crate::limits::Guard;
use crate::run::{Progress, Report};
use crate::work::{
    AskedMode, Assignment, Assignments, Caller, Chosen, DecideError, Executor, Holdings, JobParts,
    NotChosen, Order, Outcome, RunDecision, RunStatus,
};

/// Who asks, in tests.
pub(crate) fn caller() -> Caller<'static> {
    static ADMIN: LazyLock<Actor> = LazyLock::new(Actor::system);
    Caller {
        actor: &ADMIN,
        address: None,
    }
}

pub(crate) fn fault(kind: FaultKind) -> Fault {
    Fault {
        kind,
        code: "test.fault".into(),
        message: "A fault on purpose.".into(),
        remedy: None,
        setting: None,
    }
}

pub(crate) fn report(state: RunState, mode: Mode) -> Report {
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
        guard: None,
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
pub(crate) enum Act {
    /// It ends at once like this.
    End(RunState),
    /// It ends at once with this report, of this run of the directory.
    Report(Box<Report>, Option<i64>),
    /// This is told of it; then it waits as [`Act::Wait`].
    Show(Box<dyn FnOnce(&Progress) + Send>),
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
pub(crate) struct Began {
    pub(crate) run: Uuid,
    pub(crate) connector: Uuid,
    pub(crate) asked: AskedMode,
}

/// An executor by a script; without one, runs are processed at once.
pub(crate) struct Script {
    pub(crate) acts: Mutex<VecDeque<Act>>,
    pub(crate) began: Mutex<Vec<Began>>,
    at_work: Mutex<BTreeMap<Uuid, usize>>,
    pub(crate) most_at_once: AtomicUsize,
    pub(crate) overlaps: AtomicUsize,
    /// Lets waiting runs end, each permit one.
    pub(crate) gate: Semaphore,
    pub(crate) decisions: Mutex<Vec<(i64, Verdict)>>,
    pub(crate) refuses: Mutex<Option<DecideError>>,
    pub(crate) pruned: AtomicUsize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            acts: Mutex::default(),
            began: Mutex::default(),
            at_work: Mutex::default(),
            most_at_once: AtomicUsize::default(),
            overlaps: AtomicUsize::default(),
            gate: Semaphore::new(0),
            decisions: Mutex::default(),
            refuses: Mutex::default(),
            pruned: AtomicUsize::default(),
        }
    }
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
            AskedMode::Snapshot => Mode::Snapshot,
            AskedMode::Auto => Mode::Incremental,
        };
        let ended = |state| Outcome::Ended {
            report: Box::new(report(state, mode)),
            directory_run: Some(7),
            holdings: Some(Holdings {
                users: 3,
                groups: 2,
                memberships: 5,
            }),
        };
        let act = match act.unwrap_or(Act::End(RunState::Processed)) {
            Act::Show(tell) => {
                tell(&order.progress);
                Act::Wait
            }
            act => act,
        };
        match act {
            Act::End(state) => ended(state),
            Act::Report(report, directory_run) => Outcome::Ended {
                report,
                directory_run,
                holdings: None,
            },
            Act::Fail(fault) => Outcome::Failed {
                fault,
                problems: Vec::new(),
            },
            Act::Show(_) | Act::Wait => tokio::select! {
                biased;
                () = order.signals.stop.cancelled() => Outcome::Interrupted,
                () = order.signals.cancel.cancelled() => ended(RunState::Cancelled),
                pass = self.gate.acquire() => {
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
    ) -> Result<(RunStatus, Option<Holdings>), DecideError> {
        if let Some(error) = self.refuses.lock().unwrap().take() {
            return Err(error);
        }
        self.decisions
            .lock()
            .unwrap()
            .push((directory_run, decision.verdict));
        let after = Holdings {
            users: 2,
            groups: 1,
            memberships: 1,
        };
        Ok(match decision.verdict {
            Verdict::Allow => (RunStatus::Processed, Some(after)),
            Verdict::Reject => (RunStatus::Rejected, None),
        })
    }

    async fn prune(&self, _: i64, _: u32) -> Result<u64, String> {
        self.pruned.fetch_add(1, Ordering::SeqCst);
        Ok(0)
    }
}

/// A catalogue in memory.
#[derive(Default)]
pub(crate) struct Book {
    /// The profile of each connector.
    pub(crate) connectors: Mutex<BTreeMap<Uuid, Uuid>>,
    scheduled: Mutex<Vec<Assignment>>,
    changed: watch::Sender<u64>,
}

impl Book {
    pub(crate) fn set(&self, scheduled: Vec<Assignment>) {
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
