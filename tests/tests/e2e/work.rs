//! Runs that are queued, carried out with the installed plugin, interrupted, held and decided about.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connector_host::audit::Actor;
use connector_host::clock::{Clock, SystemClock};
use connector_host::contract::Fault;
use connector_host::database::Database;
use connector_host::directory::{Mode, PageRequest, Removable, RunKey, Verdict};
use connector_host::egress::Secrets;
use connector_host::limits::Guard;
use connector_host::plugin::registry::PluginPolicy;
use connector_host::work::state::{self, Event, Step};
use connector_host::work::{
    AskedMode, Assignment, Assignments, Caller, Chosen, JobParts, NotChosen, Plugins, Run,
    RunPolicy, RunStatus, Work, Workshop,
};
use harness::simulator::Operation;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::lab::{Lab, hasty, small};
use crate::registry::Installation;

/// A catalogue of one connector with one profile.
struct Book {
    connector: Uuid,
    profile: Uuid,
    settings: Value,
    map: connector_host::contract::TransformMap,
    changed: watch::Sender<u64>,
}

#[async_trait]
impl Assignments for Book {
    async fn scheduled(&self) -> Result<Vec<Assignment>, Fault> {
        Ok(Vec::new())
    }

    async fn choose(&self, _: Uuid, _: Option<Uuid>) -> Result<Chosen, NotChosen> {
        Ok(Chosen {
            connector_name: "Contoso".into(),
            profile: self.profile,
            profile_name: "Daily".into(),
        })
    }

    async fn job(&self, profile: Uuid) -> Result<JobParts, Fault> {
        Ok(JobParts {
            connector: self.connector,
            connector_name: "Contoso".into(),
            profile,
            profile_name: "Daily".into(),
            wanted: "entra-directory-sync".parse().unwrap(),
            settings: self.settings.to_string(),
            secrets: Secrets::new(),
            map: self.map.clone(),
            links: Vec::new(),
            guard: Guard::default(),
        })
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// A lab whose runs are work's.
struct Office {
    lab: Lab,
    installation: Installation,
    book: Arc<Book>,
    folder: tempfile::TempDir,
    database: Database,
}

fn caller() -> Caller<'static> {
    static ADMIN: std::sync::LazyLock<Actor> = std::sync::LazyLock::new(Actor::system);
    Caller {
        actor: &ADMIN,
        address: None,
    }
}

impl Office {
    async fn new() -> Self {
        let mut lab = Lab::new(small()).await;
        let installation = Installation::with_first(PluginPolicy::default()).await;
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("control.sqlite"))
            .await
            .unwrap();
        let book = Book {
            connector: Uuid::now_v7(),
            profile: Uuid::now_v7(),
            settings: lab.settings.clone(),
            map: crate::lab::plugin().await.description().maps[0].clone(),
            changed: watch::Sender::default(),
        };
        let actor = Actor::system();
        let step = Step {
            connector: book.connector,
            event: Event::Created,
            cause: "a test",
            actor: &actor,
            run: None,
            at: SystemClock.now(),
        };
        database
            .write(async |connection| state::step(connection, &step).await)
            .await
            .unwrap();
        lab.connector = book.connector.to_string();
        Self {
            lab,
            installation,
            book: Arc::new(book),
            folder,
            database,
        }
    }

    async fn work(&self) -> Work {
        let executor = Plugins::new(
            Arc::clone(&self.installation.registry),
            Arc::clone(&self.lab.directory),
            Arc::clone(&self.lab.egress),
            Arc::default(),
            hasty(),
        );
        let queue: &Path = self.folder.path();
        Work::start(Workshop {
            database: self.database.clone(),
            queue: queue.join("queue.sqlite"),
            clock: Arc::new(SystemClock),
            assignments: Arc::clone(&self.book) as Arc<dyn Assignments>,
            executor: Arc::new(executor),
            policy: RunPolicy::default(),
        })
        .await
        .unwrap()
    }

    async fn run(&self, work: &Work) -> Run {
        let run = work
            .run_now(self.book.connector, None, AskedMode::Auto, caller())
            .await
            .unwrap();
        ended(work, run.id).await
    }
}

async fn ended(work: &Work, run: Uuid) -> Run {
    for _ in 0..6_000 {
        let now = work.run(run).await.unwrap();
        if !now.state.is_open() {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("run {run} does not end");
}

/// Waits until a run has stored some pages.
async fn has_stored(work: &Work, run: Uuid) {
    for _ in 0..6_000 {
        if work
            .progress(run)
            .is_some_and(|progress| progress.pages >= 2)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("run {run} stores nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_work_bring_the_tenant_and_what_is_held_goes_when_it_is_allowed() {
    let office = Office::new().await;
    let work = office.work().await;
    let first = office.run(&work).await;
    assert_eq!(first.state, RunStatus::Processed, "{first:#?}");
    assert_eq!(first.mode, Some(Mode::Snapshot));
    let users = office.lab.simulator.truth().grouped_users();
    assert_eq!(first.users.added, users.len() as u64);
    assert!(first.requests > 0 && first.resource_units > 0 && first.cursor_kept);
    office.lab.assert_equals_tenant("by work").await;
    let second = office.run(&work).await;
    assert_eq!(second.mode, Some(Mode::Incremental), "{second:#?}");

    let doomed: Vec<String> = users.into_keys().step_by(3).collect();
    let gone = doomed.len();
    for id in doomed {
        office
            .lab
            .simulator
            .mutate(&Operation::Delete { id })
            .unwrap();
    }
    let held = office.run(&work).await;
    assert_eq!(held.state, RunStatus::Held, "{held:#?}");
    assert_eq!(held.users.removed, gone as u64);
    let key = RunKey(held.directory_run.unwrap());
    let page = PageRequest::first(1_000);
    let removals = office
        .lab
        .directory
        .removals(key, Removable::Users, None, &page)
        .await
        .unwrap();
    assert_eq!(removals.items.len(), gone);
    let allowed = work
        .decide(held.id, Verdict::Allow, "they left", caller())
        .await
        .unwrap();
    assert_eq!(allowed.state, RunStatus::Processed);
    office.lab.assert_equals_tenant("by work").await;
    let next = office.run(&work).await;
    assert_eq!(next.mode, Some(Mode::Incremental), "the cursor went on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_in_the_next_process_and_a_cancelled_one_does_not() {
    let office = Office::new().await;
    office.lab.simulator.set_latency(40, 60);
    let work = office.work().await;
    let start = async |work: &Work| {
        let run = work
            .run_now(office.book.connector, None, AskedMode::Auto, caller())
            .await
            .unwrap();
        has_stored(work, run.id).await;
        run.id
    };
    let cancelled = start(&work).await;
    work.cancel(cancelled, caller()).await.unwrap();
    let cancelled = ended(&work, cancelled).await;
    assert_eq!(cancelled.state, RunStatus::Cancelled, "{cancelled:#?}");

    let run = start(&work).await;
    work.shutdown(Duration::from_secs(20)).await;
    drop(work);
    office.lab.simulator.set_latency(0, 0);
    let work = office.work().await;
    let run = ended(&work, run).await;
    assert_eq!(
        (run.state, run.attempts),
        (RunStatus::Processed, 2),
        "{run:#?}"
    );
    let report = work.report(run.id).await.unwrap().unwrap();
    assert_eq!(report["resumed"], true);
    office.lab.assert_equals_tenant("by work").await;
}
