//! The store against a simple model of the contract, under random runs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Mentioned,
    Present,
    Hidden,
    Gone,
}

#[derive(Debug, Clone)]
struct Thing {
    kind: MemberKind,
    state: State,
    swept: bool,
    profile: Option<Object>,
}

impl Thing {
    fn is(&self, kind: MemberKind) -> bool {
        self.kind == kind && self.state == State::Present
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Hide,
    Remove,
    Sweep,
    Unreferenced,
}

type Edge = (String, String);

/// The removals that a run comes to.
#[derive(Debug, Clone, Default)]
struct Staged {
    things: BTreeMap<String, How>,
    edges: BTreeSet<Edge>,
}

#[derive(Debug, Clone)]
struct Going {
    mode: Mode,
    dropping: bool,
    ended: bool,
    needs_snapshot: bool,
    seen: BTreeSet<String>,
    seen_edges: BTreeSet<Edge>,
    proven: BTreeSet<String>,
    streams: Vec<Stream>,
    unavailable: Vec<String>,
    staged: Staged,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Model {
    things: BTreeMap<String, Thing>,
    edges: BTreeSet<Edge>,
    ended_edges: usize,
    going: Option<Going>,
}

impl Model {
    fn begin(&mut self, mode: Mode, dropping: bool) {
        self.going = Some(Going {
            mode,
            dropping,
            ended: false,
            needs_snapshot: false,
            seen: BTreeSet::new(),
            seen_edges: BTreeSet::new(),
            proven: BTreeSet::new(),
            streams: Vec::new(),
            unavailable: Vec::new(),
            staged: Staged::default(),
            tally: Tally::default(),
        });
    }

    fn restart(&mut self, mode: Mode) {
        let old = self.going.take().unwrap().tally;
        self.begin(mode, false);
        let tally = &mut self.going.as_mut().unwrap().tally;
        for (new, old) in [
            (&mut tally.users, old.users),
            (&mut tally.groups, old.groups),
            (&mut tally.memberships, old.memberships),
        ] {
            new.added = old.added;
            new.updated = old.updated;
        }
    }

    fn apply(&mut self, change: &Change) {
        let run = self.going.as_mut().unwrap();
        match change {
            Change::User(object) => self.upsert(MemberKind::User, object),
            Change::Group(object) => self.upsert(MemberKind::Group, object),
            Change::UserRemoved { id, removal } => {
                run.tally.users.seen += 1;
                let Some(thing) = self.things.get(id) else {
                    return;
                };
                if thing.state == State::Gone || thing.is(MemberKind::Group) {
                    return;
                }
                match (removal, thing.state) {
                    (Removal::Soft, State::Hidden) => run.staged.things.remove(id),
                    (Removal::Soft, _) => run.staged.things.insert(id.clone(), How::Hide),
                    (Removal::Hard, _) => run.staged.things.insert(id.clone(), How::Remove),
                };
            }
            Change::GroupRemoved { id } => {
                run.tally.groups.seen += 1;
                let Some(thing) = self.things.get(id) else {
                    return;
                };
                let other = thing.is(MemberKind::User);
                if !other && !matches!(thing.state, State::Gone | State::Hidden) {
                    run.staged.things.insert(id.clone(), How::Remove);
                }
            }
            Change::MembersAdded { group, members } => {
                run.tally.memberships.seen += members.len() as u64;
                self.mention(group, MemberKind::Group);
                for member in members {
                    self.mention(&member.id, member.kind);
                    let run = self.going.as_mut().unwrap();
                    let edge = (group.clone(), member.id.clone());
                    run.staged.edges.remove(&edge);
                    run.seen_edges.insert(edge.clone());
                    run.tally.memberships.added += u64::from(self.edges.insert(edge));
                }
            }
            Change::MembersRemoved { group, members } => {
                run.tally.memberships.seen += members.len() as u64;
                for member in members {
                    let edge = (group.clone(), member.clone());
                    if self.edges.contains(&edge) {
                        run.staged.edges.insert(edge);
                    }
                }
            }
            Change::MembersComplete { group } => {
                if run.mode == Mode::Incremental {
                    return;
                }
                run.unavailable.retain(|other| other != group);
                run.proven.insert(group.clone());
                if !self.things.contains_key(group) {
                    self.mention(group, MemberKind::Group);
                }
            }
            Change::MembersUnavailable { group, .. } => {
                run.proven.remove(group);
                if !run.unavailable.contains(group) {
                    run.unavailable.push(group.clone());
                }
            }
            Change::StreamComplete(stream) => run.streams.push(*stream),
        }
    }

    fn upsert(&mut self, kind: MemberKind, object: &Object) {
        let run = self.going.as_mut().unwrap();
        run.staged.things.remove(&object.id);
        run.seen.insert(object.id.clone());
        let tally = match kind {
            MemberKind::User => &mut run.tally.users,
            _ => &mut run.tally.groups,
        };
        tally.seen += 1;
        let old = self.things.get(&object.id);
        match old {
            Some(old) if old.is(kind) => {
                tally.updated += u64::from(old.profile.as_ref() != Some(object));
            }
            _ => tally.added += 1,
        }
        let swept = old.is_some_and(|old| old.swept);
        if swept && kind == MemberKind::User && run.mode == Mode::Incremental {
            run.needs_snapshot = true;
        }
        let thing = Thing {
            kind,
            state: State::Present,
            swept,
            profile: Some(object.clone()),
        };
        self.things.insert(object.id.clone(), thing);
    }

    fn mention(&mut self, id: &str, kind: MemberKind) {
        let state = State::Mentioned;
        match self.things.get_mut(id) {
            Some(thing) if matches!(thing.state, State::Mentioned | State::Gone) => {
                thing.kind = kind;
                thing.state = state;
            }
            Some(_) => {}
            None => {
                let (swept, profile) = (false, None);
                let thing = Thing {
                    kind,
                    state,
                    swept,
                    profile,
                };
                self.things.insert(id.to_owned(), thing);
            }
        }
    }

    fn visible(&self, (group, member): &Edge) -> bool {
        self.things[group].is(MemberKind::Group) && self.things[member].state != State::Hidden
    }

    /// What is staged, with what follows from it and from the proofs.
    fn implied(&self) -> Staged {
        let run = self.going.as_ref().unwrap();
        let mut staged = run.staged.clone();
        if run.mode == Mode::Snapshot {
            for (stream, kind) in [
                (Stream::Users, MemberKind::User),
                (Stream::Groups, MemberKind::Group),
            ] {
                for (id, thing) in &self.things {
                    let unseen = thing.is(kind) && !run.seen.contains(id);
                    if unseen && run.streams.contains(&stream) {
                        staged.things.entry(id.clone()).or_insert(How::Sweep);
                    }
                }
            }
            for edge in &self.edges {
                let hidden = self.things[&edge.1].state == State::Hidden
                    || staged.things.get(&edge.1) == Some(&How::Hide);
                if run.proven.contains(&edge.0) && !run.seen_edges.contains(edge) && !hidden {
                    staged.edges.insert(edge.clone());
                }
            }
        }
        let going = |id: &String| staged.things.get(id).is_some_and(|how| *how != How::Hide);
        let cascade = self
            .edges
            .iter()
            .filter(|(group, member)| going(group) || going(member));
        staged.edges.extend(cascade.cloned());
        if run.dropping && run.ended {
            let touched = |id: &String| {
                run.seen.contains(id) || staged.edges.iter().any(|(_, member)| member == id)
            };
            for (id, thing) in &self.things {
                let user = thing.kind == MemberKind::User
                    && matches!(thing.state, State::Present | State::Hidden);
                let mut left = self
                    .edges
                    .iter()
                    .filter(|edge| !staged.edges.contains(*edge));
                if user
                    && !left.any(|(_, member)| member == id)
                    && (run.mode == Mode::Snapshot || touched(id))
                {
                    staged.things.entry(id.clone()).or_insert(How::Unreferenced);
                }
            }
        }
        staged
    }

    /// Removed and held of users, groups and memberships.
    fn removals(&self) -> [Removed; 3] {
        let staged = self.implied();
        let things = |kind| Removed {
            removed: staged
                .things
                .keys()
                .filter(|id| self.things[*id].is(kind))
                .count() as u64,
            held: self.things.values().filter(|thing| thing.is(kind)).count() as u64,
        };
        let memberships = Removed {
            removed: staged
                .edges
                .iter()
                .filter(|edge| self.visible(edge))
                .count() as u64,
            held: self.edges.iter().filter(|edge| self.visible(edge)).count() as u64,
        };
        [
            things(MemberKind::User),
            things(MemberKind::Group),
            memberships,
        ]
    }

    fn finish(&mut self, state: RunState, remove: bool) -> Tally {
        let removals = self.removals();
        let staged = self.implied();
        let run = self.going.take().unwrap();
        let mut tally = run.tally;
        if remove || state == RunState::Held {
            let [users, groups, memberships] = removals;
            tally.users.removed = users.removed;
            tally.groups.removed = groups.removed;
            tally.memberships.removed = memberships.removed;
        }
        let proven = |stream| match run.mode {
            Mode::Snapshot => run.streams.contains(&stream),
            Mode::Incremental => run.ended,
        };
        tally.users.complete = proven(Stream::Users);
        tally.groups.complete = proven(Stream::Groups);
        tally.memberships.complete =
            tally.groups.complete && run.ended && run.unavailable.is_empty();
        tally.partitions = 1;
        tally.unavailable = run
            .unavailable
            .iter()
            .map(|id| UnavailableGroup {
                id: id.clone(),
                name: None,
                reason: "hidden".into(),
            })
            .collect();
        if remove {
            self.ended_edges += staged.edges.len();
            self.edges.retain(|edge| !staged.edges.contains(edge));
            for (id, how) in staged.things {
                let thing = self.things.get_mut(&id).unwrap();
                if how == How::Hide {
                    thing.kind = MemberKind::User;
                    thing.state = State::Hidden;
                } else {
                    thing.state = State::Gone;
                    thing.swept = how == How::Sweep;
                    thing.profile = None;
                }
            }
            if run.mode == Mode::Snapshot {
                for thing in self.things.values_mut() {
                    thing.swept &= thing.state != State::Present;
                }
            }
        }
        for group in &mut tally.unavailable {
            let profile = self
                .things
                .get(&group.id)
                .and_then(|thing| thing.profile.as_ref());
            group.name = profile.map(|object| object.name.clone());
        }
        tally
    }

    fn records(&self, kind: MemberKind) -> Vec<String> {
        let things = self.things.values().filter(|thing| thing.is(kind));
        let record = |object: &Object| {
            let Object { id, name, document } = object;
            format!(r#"{{"id":"{id}","name":"{name}","document":{document}}}"#)
        };
        things
            .map(|thing| record(thing.profile.as_ref().unwrap()))
            .collect()
    }

    fn memberships(&self, effective: bool) -> BTreeSet<Edge> {
        let mut edges: BTreeSet<Edge> = self
            .edges
            .iter()
            .filter(|edge| self.visible(edge))
            .cloned()
            .collect();
        loop {
            let more: Vec<Edge> = edges
                .iter()
                .filter(|(_, middle)| self.things[middle].is(MemberKind::Group))
                .flat_map(|(outer, middle)| {
                    let of = edges.iter().filter(move |(group, _)| group == middle);
                    of.map(move |(_, member)| (outer.clone(), member.clone()))
                })
                .filter(|(group, member)| group != member)
                .filter(|edge| !edges.contains(edge))
                .collect();
            if more.is_empty() || !effective {
                break;
            }
            edges.extend(more);
        }
        if effective {
            edges.retain(|(group, member)| group != member);
        }
        edges
    }

    fn documents(&self, effective: bool) -> Vec<String> {
        let memberships = self.memberships(effective);
        let users = self
            .things
            .values()
            .filter(|thing| thing.is(MemberKind::User));
        users
            .map(|thing| {
                let user = thing.profile.as_ref().unwrap();
                let groups: Vec<&str> = memberships
                    .iter()
                    .filter(|(_, member)| *member == user.id)
                    .map(|(group, _)| self.things[group].profile.as_ref().unwrap())
                    .map(|group| group.document.as_str())
                    .collect();
                let open = user.document.strip_suffix('}').unwrap();
                format!(r#"{open},"info":{{"groups":[{}]}}}}"#, groups.join(","))
            })
            .collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Begin(Mode, bool),
    /// Committed at the same time.
    Pages(Vec<Vec<Change>>),
    Again,
    Restart(Mode),
    Reopen,
    Process,
    End(RunState, bool),
}

fn id() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "c", "g1", "g2", "g3", "x"]).prop_map(str::to_owned)
}

fn any_object() -> impl Strategy<Value = Object> {
    (id(), 0..3u8).prop_map(|(id, version)| Object {
        name: format!("{id} {}", version / 2),
        document: format!(r#"{{"externalId":"{id}","version":{version}}}"#),
        id,
    })
}

fn any_member() -> impl Strategy<Value = Member> {
    let kinds = vec![MemberKind::User, MemberKind::Group, MemberKind::Device];
    (id(), select(kinds)).prop_map(|(id, kind)| Member { id, kind })
}

fn change() -> impl Strategy<Value = Change> {
    let members = || prop::collection::vec(any_member(), 0..4);
    prop_oneof![
        6 => any_object().prop_map(|object| match object.id.as_bytes()[0] {
            b'g' => Change::Group(object),
            _ => Change::User(object),
        }),
        1 => any_object().prop_map(Change::User),
        1 => any_object().prop_map(Change::Group),
        1 => id().prop_map(|id| soft(&id)),
        1 => id().prop_map(|id| hard(&id)),
        1 => id().prop_map(|id| no_group(&id)),
        5 => (id(), members()).prop_map(|(group, members)| Change::MembersAdded { group, members }),
        2 => (id(), prop::collection::vec(id(), 0..3))
            .prop_map(|(group, members)| Change::MembersRemoved { group, members }),
        2 => id().prop_map(|group| complete(&group)),
        1 => id().prop_map(|group| unavailable(&group)),
        1 => select(vec![ALL_USERS, ALL_GROUPS]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let mode = || select(vec![Mode::Snapshot, Mode::Incremental]);
    let page = prop::collection::vec(change(), 0..8);
    prop_oneof![
        2 => (mode(), any::<bool>()).prop_map(|(mode, dropping)| Step::Begin(mode, dropping)),
        12 => prop::collection::vec(page, 1..4).prop_map(Step::Pages),
        1 => Just(Step::Again),
        1 => mode().prop_map(Step::Restart),
        1 => Just(Step::Reopen),
        5 => Just(Step::Process),
        1 => Just(Step::End(RunState::Partial, true)),
        1 => Just(Step::End(RunState::Held, false)),
        1 => Just(Step::End(RunState::Failed, false)),
    ]
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
                    self.assess().await;
                }
                self.finish(state, remove).await;
            }
        }
    }

    async fn commit(&mut self, pages: Vec<Vec<Change>>) {
        let commits = pages
            .iter()
            .map(|changes| self.fixture.commit(self.run, changes.clone()));
        for (committed, changes) in futures::future::join_all(commits).await.iter().zip(&pages) {
            for change in changes {
                self.model.apply(change);
            }
            let run = self.model.going.as_ref().unwrap();
            assert_eq!(committed.needs_snapshot, run.needs_snapshot);
        }
        self.last = pages;
    }

    async fn assess(&self) {
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
        assert_eq!(tally, self.model.finish(state, remove));
        self.begin(Mode::Incremental, false).await;
    }

    async fn compare(&self) {
        let Self { fixture, model, .. } = self;
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
        });
    }
}
