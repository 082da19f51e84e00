//! A simple model of the contract: everything in memory, one change after another.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Mentioned,
    Present,
    Hidden,
    Gone,
}

#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) kind: MemberKind,
    pub(super) state: State,
    pub(super) swept: bool,
    /// The run that brought it into sight.
    since: usize,
    pub(super) profile: Option<Object>,
}

impl Thing {
    pub(super) fn is(&self, kind: MemberKind) -> bool {
        self.kind == kind && self.state == State::Present
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Hide,
    Remove,
    Sweep,
    Unreferenced,
    /// Unreferenced, and brought by the same run.
    Passing,
}

pub(super) type Edge = (String, String);

/// The removals that a run comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Staged {
    pub(super) things: BTreeMap<String, How>,
    pub(super) edges: BTreeSet<Edge>,
    /// Of the run's own, which turn out to be nobody's.
    pub(super) taken_back: BTreeSet<Edge>,
}

#[derive(Debug, Clone)]
pub(super) struct Going {
    pub(super) mode: Mode,
    pub(super) dropping: bool,
    pub(super) ended: bool,
    pub(super) needs_snapshot: bool,
    pub(super) seen: BTreeSet<String>,
    pub(super) seen_edges: BTreeSet<Edge>,
    /// Those that were not there before the run.
    pub(super) own_edges: BTreeSet<Edge>,
    pub(super) proven: BTreeSet<String>,
    pub(super) streams: Vec<Stream>,
    pub(super) unavailable: Vec<String>,
    pub(super) staged: Staged,
    pub(super) tally: Tally,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) things: BTreeMap<String, Thing>,
    pub(super) edges: BTreeSet<Edge>,
    pub(super) ended_edges: usize,
    pub(super) going: Option<Going>,
    /// Runs that began.
    runs: usize,
    /// The run that left the cursor.
    cursor: Option<usize>,
    /// The last run ended without having read all.
    unjudged: bool,
}

impl Model {
    pub(super) fn begin(&mut self, mode: Mode, dropping: bool) {
        // A run that is given up has not read all.
        self.unjudged |= self.going.is_some();
        self.runs += 1;
        self.go(mode, dropping);
    }

    fn go(&mut self, mode: Mode, dropping: bool) {
        self.going = Some(Going {
            mode,
            dropping,
            ended: false,
            needs_snapshot: false,
            seen: BTreeSet::new(),
            seen_edges: BTreeSet::new(),
            own_edges: BTreeSet::new(),
            proven: BTreeSet::new(),
            streams: Vec::new(),
            unavailable: Vec::new(),
            staged: Staged::default(),
            tally: Tally::default(),
        });
    }

    pub(super) fn restart(&mut self, mode: Mode) {
        let old = self.going.take().unwrap();
        self.go(mode, false);
        let going = self.going.as_mut().unwrap();
        going.own_edges = old.own_edges;
        let (tally, old) = (&mut going.tally, old.tally);
        for (new, old) in [
            (&mut tally.users, old.users),
            (&mut tally.groups, old.groups),
            (&mut tally.memberships, old.memberships),
        ] {
            new.added = old.added;
            new.updated = old.updated;
        }
    }

    pub(super) fn apply(&mut self, change: &Change) {
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
                    if self.edges.insert(edge.clone()) {
                        run.tally.memberships.added += 1;
                        run.own_edges.insert(edge);
                    }
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
        let since = match old {
            Some(old) if old.state == State::Present => old.since,
            _ => self.runs,
        };
        let swept = old.is_some_and(|old| old.swept);
        if swept && kind == MemberKind::User && run.mode == Mode::Incremental {
            run.needs_snapshot = true;
        }
        let thing = Thing {
            kind,
            state: State::Present,
            swept,
            since,
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
                let thing = Thing {
                    kind,
                    state,
                    swept: false,
                    since: 0,
                    profile: None,
                };
                self.things.insert(id.to_owned(), thing);
            }
        }
    }

    /// Whether it is there as a user or group, and a run that left its cursor, or the one that goes on, brought it.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.things.get(id).is_some_and(|thing| {
            let known = self.cursor.is_none_or(|cursor| thing.since <= cursor);
            (thing.is(MemberKind::User) || thing.is(MemberKind::Group))
                && (known || (self.going.is_some() && thing.since == self.runs))
        })
    }

    fn is_group(&self, id: &str) -> bool {
        let Thing { kind, state, .. } = self.things[id];
        kind == MemberKind::Group && matches!(state, State::Mentioned | State::Present)
    }

    fn visible(&self, (group, member): &Edge) -> bool {
        self.things[group].is(MemberKind::Group) && self.things[member].state != State::Hidden
    }

    /// What is staged, with what follows from it and from the proofs.
    fn implied(&self) -> Staged {
        let run = self.going.as_ref().unwrap();
        let mut staged = run.staged.clone();
        let snapshot = run.mode == Mode::Snapshot;
        let all_members = snapshot && run.ended && run.streams.contains(&Stream::Members);
        for (stream, kind) in [
            (Stream::Users, MemberKind::User),
            (Stream::Groups, MemberKind::Group),
        ] {
            let listed = run.mode == Mode::Snapshot && run.streams.contains(&stream);
            for (id, thing) in &self.things {
                if listed && thing.is(kind) && !run.seen.contains(id) {
                    staged.things.entry(id.clone()).or_insert(How::Sweep);
                }
            }
        }
        for edge in &self.edges {
            let hidden = self.things[&edge.1].state == State::Hidden
                || staged.things.get(&edge.1) == Some(&How::Hide);
            let proven = run.proven.contains(&edge.0)
                || all_members && self.is_group(&edge.0) && !run.unavailable.contains(&edge.0);
            if proven && !run.seen_edges.contains(edge) && !hidden {
                staged.edges.insert(edge.clone());
            }
        }
        let going = |id: &String| staged.things.get(id).is_some_and(|how| *how != How::Hide);
        let cascade = self
            .edges
            .iter()
            .filter(|(group, member)| going(group) || going(member));
        staged.edges.extend(cascade.cloned());
        for (stream, kind) in [
            (Stream::Users, MemberKind::User),
            (Stream::Groups, MemberKind::Group),
        ] {
            let closed = all_members && run.streams.contains(&stream);
            for edge in self.edges.iter().filter(|_| closed) {
                let Thing {
                    kind: own, state, ..
                } = self.things[&edge.1];
                let unknown = own == kind
                    && state == State::Mentioned
                    && staged.things.get(&edge.1) != Some(&How::Hide);
                if unknown && staged.edges.insert(edge.clone()) && run.own_edges.contains(edge) {
                    staged.taken_back.insert(edge.clone());
                }
            }
        }
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
                    && (run.mode == Mode::Snapshot || self.unjudged || touched(id))
                {
                    let how = if thing.profile.is_some() && thing.since == self.runs {
                        How::Passing
                    } else {
                        How::Unreferenced
                    };
                    staged.things.entry(id.clone()).or_insert(how);
                }
            }
        }
        staged
    }

    /// Removed and held of users, groups and memberships. Groups that go need not be read any more.
    pub(super) fn removals(&mut self) -> [Removed; 3] {
        let staged = self.implied();
        let goes = |id: &String| {
            let group = self
                .things
                .get(id)
                .is_some_and(|t| t.kind == MemberKind::Group);
            group && staged.things.get(id).is_some_and(|how| *how != How::Hide)
        };
        let run = self.going.as_mut().unwrap();
        run.unavailable.retain(|id| !goes(id));
        let things = |kind| Removed {
            removed: staged
                .things
                .iter()
                .filter(|(id, how)| **how != How::Passing && self.things[*id].is(kind))
                .count() as u64,
            held: self
                .things
                .iter()
                .filter(|(id, thing)| {
                    thing.is(kind) && staged.things.get(*id) != Some(&How::Passing)
                })
                .count() as u64,
        };
        let memberships = Removed {
            removed: staged
                .edges
                .iter()
                .filter(|edge| self.visible(edge) && !staged.taken_back.contains(*edge))
                .count() as u64,
            held: self.edges.iter().filter(|edge| self.visible(edge)).count() as u64,
        };
        [
            things(MemberKind::User),
            things(MemberKind::Group),
            memberships,
        ]
    }

    pub(super) fn finish(&mut self, state: RunState, remove: bool) -> Tally {
        let removals = (remove || state == RunState::Held).then(|| self.removals());
        let staged = self.implied();
        let run = self.going.take().unwrap();
        let mut tally = run.tally;
        if let Some([users, groups, memberships]) = removals {
            tally.users.removed = users.removed;
            tally.groups.removed = groups.removed;
            tally.memberships.removed = memberships.removed;
        }
        if remove {
            let passing = staged
                .things
                .iter()
                .filter(|(id, how)| **how == How::Passing && self.things[*id].is(MemberKind::User));
            tally.users.added -= passing.count() as u64;
        }
        let proven = |stream| match run.mode {
            Mode::Snapshot => run.streams.contains(&stream),
            Mode::Incremental => run.ended,
        };
        tally.users.complete = proven(Stream::Users);
        tally.groups.complete = proven(Stream::Groups);
        self.unjudged = !tally.groups.complete;
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
        if remove && state != RunState::Held {
            self.cursor = Some(self.runs);
        }
        if remove {
            self.ended_edges += staged.edges.len() - staged.taken_back.len();
            tally.memberships.added -= staged.taken_back.len() as u64;
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

    pub(super) fn records(&self, kind: MemberKind) -> Vec<String> {
        let things = self.things.values().filter(|thing| thing.is(kind));
        let record = |object: &Object| {
            let Object {
                id,
                name,
                document,
                kind,
            } = object;
            let kind = kind
                .as_ref()
                .map_or_else(String::new, |kind| format!(r#","groupKind":"{kind}""#));
            format!(r#"{{"id":"{id}","name":"{name}"{kind},"document":{document}}}"#)
        };
        things
            .map(|thing| record(thing.profile.as_ref().unwrap()))
            .collect()
    }

    pub(super) fn memberships(&self, effective: bool) -> BTreeSet<Edge> {
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

    pub(super) fn documents(&self, effective: bool) -> Vec<String> {
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
