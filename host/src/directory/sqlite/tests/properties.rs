//! The store against the model, under random runs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Edge, Model};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Begin(Mode, bool),
    /// Committed at the same time.
    Pages(Vec<Vec<Change>>),
    Again,
    Assess,
    Restart(Mode),
    Reopen,
    Process,
    End(RunState, bool),
    /// Ended as held, then decided over.
    Decide(Verdict),
}

const IDS: [&str; 7] = ["a", "b", "c", "g1", "g2", "g3", "x"];

fn id() -> impl Strategy<Value = String> {
    select(&IDS[..]).prop_map(str::to_owned)
}

fn any_object() -> impl Strategy<Value = Object> {
    (id(), 0..3u8).prop_map(|(id, version)| Object {
        name: format!("{id} {}", version / 2),
        document: format!(r#"{{"externalId":"{id}","version":{version}}}"#),
        kind: None,
        id,
    })
}

/// A group whose kind depends on its version and not on its document alone.
fn of_some_kind(group: Object) -> Object {
    let kind = match group.document.contains("\"version\":0") {
        true => None,
        false => Some(
            if group.name.ends_with('1') {
                "team"
            } else {
                "list"
            }
            .to_owned(),
        ),
    };
    Object { kind, ..group }
}

fn any_member() -> impl Strategy<Value = Member> {
    let kinds = vec![MemberKind::User, MemberKind::Group, MemberKind::Device];
    (id(), select(kinds)).prop_map(|(id, kind)| Member { id, kind })
}

fn change() -> impl Strategy<Value = Change> {
    let members = || prop::collection::vec(any_member(), 0..4);
    prop_oneof![
        6 => any_object().prop_map(|object| match object.id.as_bytes()[0] {
            b'g' => Change::Group(of_some_kind(object)),
            _ => Change::User(object),
        }),
        1 => any_object().prop_map(Change::User),
        1 => any_object().prop_map(|object| Change::Group(of_some_kind(object))),
        1 => id().prop_map(|id| soft(&id)),
        1 => id().prop_map(|id| hard(&id)),
        1 => id().prop_map(|id| no_group(&id)),
        5 => (id(), members()).prop_map(|(group, members)| Change::MembersAdded { group, members }),
        2 => (id(), prop::collection::vec(id(), 0..3))
            .prop_map(|(group, members)| Change::MembersRemoved { group, members }),
        2 => id().prop_map(|group| complete(&group)),
        1 => id().prop_map(|group| unavailable(&group)),
        2 => select(vec![ALL_USERS, ALL_GROUPS, ALL_MEMBERS]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let mode = || select(vec![Mode::Snapshot, Mode::Incremental]);
    let page = prop::collection::vec(change(), 0..8);
    prop_oneof![
        2 => (mode(), any::<bool>()).prop_map(|(mode, dropping)| Step::Begin(mode, dropping)),
        12 => prop::collection::vec(page, 1..4).prop_map(Step::Pages),
        1 => Just(Step::Again),
        2 => Just(Step::Assess),
        1 => mode().prop_map(Step::Restart),
        1 => Just(Step::Reopen),
        5 => Just(Step::Process),
        1 => Just(Step::End(RunState::Partial, true)),
        1 => Just(Step::End(RunState::Held, false)),
        1 => Just(Step::End(RunState::Failed, false)),
        1 => Just(Step::End(RunState::Cancelled, false)),
        2 => select(vec![Verdict::Allow, Verdict::Reject]).prop_map(Step::Decide),
    ]
}

/// The tally with its unavailable groups in one order. One that is complete and unavailable again on the same page
/// keeps its place in the store and loses it in the model.
fn by_id(mut tally: Tally) -> Tally {
    tally
        .unavailable
        .sort_by(|one, other| one.id.cmp(&other.id));
    tally
}

/// The store and the model side by side.
struct Pair {
    fixture: Fixture,
    model: Model,
    run: RunKey,
    last: Vec<Vec<Change>>,
}

impl Pair {
    async fn new() -> Self {
        let mut pair = Self {
            fixture: Fixture::new().await,
            model: Model::default(),
            run: RunKey(0),
            last: Vec::new(),
        };
        pair.begin(Mode::Snapshot, false).await;
        pair
    }

    async fn begin(&mut self, mode: Mode, dropping: bool) {
        self.run = self.fixture.begin_dropping(mode, dropping).await;
        self.model.begin(mode, dropping);
        self.last.clear();
    }

    async fn take(&mut self, step: Step) {
        let run = self.run;
        match step {
            Step::Begin(mode, dropping) => self.begin(mode, dropping).await,
            Step::Pages(pages) => self.commit(pages).await,
            Step::Again => self.commit(self.last.clone()).await,
            Step::Assess => self.assess().await,
            Step::Restart(mode) => {
                self.fixture
                    .store
                    .restart(run, mode, "again")
                    .await
                    .unwrap();
                let all = [partition("all", 0)];
                self.fixture.store.planned(run, &all, false).await.unwrap();
                self.model.restart(mode);
            }
            Step::Reopen => self.fixture.reopen().await,
            Step::Process => {
                let mut last = page(Vec::new());
                last.checkpoint = None;
                self.fixture.store.commit(run, last).await.unwrap();
                self.model.going.as_mut().unwrap().ended = true;
                self.assess().await;
                self.finish(RunState::Processed, true).await;
            }
            Step::End(state, remove) => {
                if state == RunState::Held {
                    self.assess().await;
                }
                self.finish(state, remove).await;
            }
            Step::Decide(verdict) => self.decide(verdict).await,
        }
    }

    async fn decide(&mut self, verdict: Verdict) {
        let allow = verdict == Verdict::Allow;
        self.assess().await;
        let tally = self.fixture.finish(self.run, RunState::Held, false).await;
        let mut held = self.model.clone();
        assert_eq!(by_id(tally), by_id(held.finish(RunState::Held, false)));
        self.compare_with(&held).await;
        let decision = Decision {
            verdict,
            actor: String::new(),
            reason: String::new(),
        };
        self.fixture.store.decide(self.run, decision).await.unwrap();
        self.model.finish(RunState::Held, allow);
        self.compare().await;
        self.begin(Mode::Incremental, false).await;
    }

    async fn commit(&mut self, pages: Vec<Vec<Change>>) {
        let commits = pages
            .iter()
            .map(|changes| self.fixture.commit(self.run, changes.clone()));
        let committed = futures::future::join_all(commits).await;
        for (committed, changes) in committed.iter().zip(&pages) {
            for change in changes {
                self.model.apply(change);
            }
            let run = self.model.going.as_ref().unwrap();
            assert!(committed.needs_snapshot || !run.needs_snapshot);
        }
        // One may be told already what the page stored beside it says.
        let run = self.model.going.as_ref().unwrap();
        let early = committed.iter().any(|committed| committed.needs_snapshot);
        assert!(run.needs_snapshot || !early);
        self.last = pages;
    }

    async fn assess(&mut self) {
        let assessment = self.fixture.store.assess(self.run).await.unwrap();
        let Removals {
            users,
            groups,
            memberships,
            ..
        } = assessment.removals;
        assert_eq!([users, groups, memberships], self.model.removals());
        let run = self.model.going.as_ref().unwrap();
        assert_eq!(assessment.unavailable, run.unavailable.len() as u64);
    }

    async fn finish(&mut self, state: RunState, remove: bool) {
        let tally = self.fixture.finish(self.run, state, remove).await;
        assert_eq!(by_id(tally), by_id(self.model.finish(state, remove)));
        self.begin(Mode::Incremental, false).await;
    }

    async fn compare(&self) {
        self.compare_with(&self.model).await;
    }

    async fn compare_with(&self, model: &Model) {
        let fixture = &self.fixture;
        let sorted = async |what| {
            let mut records = fixture.export(what).await;
            records.sort();
            records
        };
        assert_eq!(sorted(Export::Users).await, model.records(MemberKind::User));
        assert_eq!(
            sorted(Export::Groups).await,
            model.records(MemberKind::Group)
        );
        for effective in [false, true] {
            let records = fixture.export(Export::Memberships { effective }).await;
            let found: Vec<MembershipRecord> = records
                .iter()
                .map(|text| serde_json::from_str(text).unwrap())
                .collect();
            for record in &found {
                assert_eq!(record.kind, model.things[&record.member].kind);
            }
            let count = found.len();
            let edges: BTreeSet<Edge> = found
                .into_iter()
                .map(|record| (record.group, record.member))
                .collect();
            assert_eq!(edges.len(), count, "each once");
            assert_eq!(
                edges,
                model.memberships(effective),
                "effective: {effective}"
            );
            let documents = sorted(Export::Documents { effective }).await;
            assert_eq!(
                documents,
                model.documents(effective),
                "effective: {effective}"
            );
        }
        let ids: Vec<String> = IDS.iter().map(|id| (*id).to_owned()).collect();
        let held = fixture.store.holds(fixture.connector, &ids).await.unwrap();
        for (id, held) in ids.iter().zip(held) {
            assert_eq!(held, model.holds(id), "{id}");
        }
        let past = fixture.number("SELECT count(*) FROM past_membership").await;
        assert_eq!(past, model.ended_edges as i64);
        fixture.check_counters().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_runs_leave_what_the_contract_says(steps in prop::collection::vec(step(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for step in steps {
                pair.take(step).await;
                pair.compare().await;
            }
            // Not after each step, for it takes longer than all of them.
            comparing::compare(&pair.fixture, &pair.model).await;
        });
    }
}
