//! Everything that can be read, held against what a plain look through the model finds.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, State};
use super::*;
use crate::directory::sqlite::labels::fold;

/// All pages of a listing, with the total that the first one told.
macro_rules! all {
    ($limit:expr, |$page:ident| $call:expr) => {{
        let mut items = Vec::new();
        let mut request = PageRequest::first($limit);
        let mut total = None;
        loop {
            let $page = &request;
            let page = $call.await.unwrap();
            assert!(page.items.len() <= $limit);
            total = total.or(page.total);
            items.extend(page.items);
            match page.next {
                Some(next) => request = request.next(next),
                None => break (items, total),
            }
        }
    }};
}

pub(super) use all;

pub(super) fn exactly(count: usize) -> Option<Total> {
    let count = count as u64;
    Some(Total { count, exact: true })
}

/// Everything that can be read, held against the model.
pub(super) async fn compare(fixture: &Fixture, model: &Model) {
    check_labels(fixture).await;
    let graph = Graph::of(model);
    for kind in [Kind::Users, Kind::Groups] {
        for text in [None, Some("g")] {
            compare_orders(fixture, model, kind, text).await;
        }
        for text in [
            None,
            Some("a"),
            Some("G1"),
            Some("1"),
            Some(" 0"),
            Some("x 0"),
        ] {
            for how in [Match::Prefix, Match::Substring, Match::Exact] {
                compare_search(fixture, model, kind, text, how).await;
            }
        }
    }
    for group in graph.groups.iter() {
        compare_weight(fixture, &graph, group).await;
        for effective in [false, true] {
            compare_members(fixture, model, &graph, group, effective).await;
        }
    }
    for id in model.things.keys() {
        for effective in [false, true] {
            compare_groups(fixture, model, &graph, id, effective).await;
        }
        for group in model.things.keys() {
            compare_why(fixture, &graph, group, id).await;
        }
        compare_object(fixture, model, id).await;
    }
    let filter = ChangeFilter::default();
    let store = &fixture.store;
    let connector = fixture.connector;
    let (changes, _) = all!(3, |page| store.membership_changes(connector, &filter, page));
    assert_eq!(changes.len(), model.edges.len() + 2 * model.ended_edges);
    for id in model.things.keys() {
        let as_group = changes.iter().filter(|change| change.group.id == *id);
        let as_member = changes.iter().filter(|change| change.member.id == *id);
        let (group, member) = (Some(id.clone()), Some(id.clone()));
        let filter = ChangeFilter {
            group,
            ..ChangeFilter::default()
        };
        let (found, _) = all!(2, |page| store.membership_changes(connector, &filter, page));
        assert_eq!(found, as_group.cloned().collect::<Vec<_>>());
        let filter = ChangeFilter {
            member,
            ..ChangeFilter::default()
        };
        let (found, _) = all!(2, |page| store.membership_changes(connector, &filter, page));
        assert_eq!(found, as_member.cloned().collect::<Vec<_>>());
    }
    let counts = store.counts(connector).await.unwrap().unwrap();
    assert_eq!(counts.users, model.records(MemberKind::User).len() as u64);
    assert_eq!(counts.groups, model.records(MemberKind::Group).len() as u64);
}

/// Every profile has its label, and nothing else has one; those of groups count their members.
pub(super) async fn check_labels(fixture: &Fixture) {
    let wrong = "SELECT count(*) FROM label WHERE kind = 1 AND links <> (
        SELECT count(*) FROM membership AS e JOIN object AS m ON m.key = e.member
        WHERE e.grp = label.object AND m.state <> 2)";
    assert_eq!(fixture.number(wrong).await, 0, "members are counted");
    let wrong = "SELECT count(*) FROM label AS l JOIN object AS o ON o.key = l.object
        WHERE l.kind = 0 AND l.links <> CASE o.state WHEN 2 THEN 0 ELSE (
            SELECT count(*) FROM member_of AS e JOIN object AS g ON g.key = e.grp
            WHERE e.member = l.object AND g.kind = 1 AND g.state = 1
        ) END";
    assert_eq!(
        fixture.number(wrong).await,
        0,
        "groups of users are counted"
    );
    let wrong = "SELECT count(*) FROM label AS l JOIN profile AS p ON p.object = l.object
        WHERE l.group_kind <> p.group_kind";
    assert_eq!(
        fixture.number(wrong).await,
        0,
        "kinds are those of the profiles"
    );
    let rows: Vec<(String, Option<String>, bool)> = sqlx::query_as(
        "SELECT p.name, l.folded, l.kind = o.kind AND l.connector = o.connector
        FROM profile AS p
        JOIN object AS o ON o.key = p.object
        LEFT JOIN label AS l ON l.object = p.object",
    )
    .fetch_all(&fixture.store.readers)
    .await
    .unwrap();
    let astray = "SELECT count(*) FROM (
        SELECT connector, kind, folded, object FROM label
        WHERE object <= (SELECT ordered_to FROM labelling)
        EXCEPT SELECT connector, kind, folded, object FROM label_order)";
    assert_eq!(fixture.number(astray).await, 0, "each has its place");
    let astray = "SELECT count(*) FROM (
        SELECT connector, kind, folded, object FROM label_order
        EXCEPT SELECT connector, kind, folded, object FROM label
        WHERE object <= (SELECT ordered_to FROM labelling))";
    assert_eq!(fixture.number(astray).await, 0, "and nothing else has one");
    let labels = fixture.number("SELECT count(*) FROM label").await;
    assert_eq!(labels, rows.len() as i64);
    for (name, folded, fits) in rows {
        assert_eq!(folded, Some(fold(&name)));
        assert!(fits, "{name}");
    }
}

fn kind_of(kind: Kind) -> MemberKind {
    match kind {
        Kind::Users => MemberKind::User,
        Kind::Groups => MemberKind::Group,
    }
}

async fn compare_search(
    fixture: &Fixture,
    model: &Model,
    kind: Kind,
    text: Option<&str>,
    how: Match,
) {
    let matches = |name: &str| {
        let (name, text) = (fold(name), text.map(fold).unwrap_or_default());
        match how {
            _ if text.is_empty() => true,
            Match::Prefix => name.starts_with(&text),
            Match::Substring => name.contains(&text),
            Match::Exact => name == text,
        }
    };
    let visible = model.memberships(false);
    let mut expected: Vec<(String, String, u64)> = model
        .things
        .values()
        .filter(|thing| thing.is(kind_of(kind)))
        .filter_map(|thing| thing.profile.as_ref())
        .filter(|object| matches(&object.name))
        .map(|object| {
            let links = visible.iter().filter(|(group, member)| match kind {
                Kind::Users => *member == object.id,
                Kind::Groups => *group == object.id,
            });
            (fold(&object.name), object.id.clone(), links.count() as u64)
        })
        .collect();
    expected.sort();
    let query = Search {
        text: text.map(str::to_owned),
        how,
        ..Search::default()
    };
    // The search itself doesn't wait for the memberships by member.
    fixture.store.object(fixture.connector, "a").await.unwrap();
    let connectors = [fixture.connector];
    let (found, total) = all!(2, |page| fixture.store.search(
        &connectors,
        kind,
        &query,
        page
    ));
    assert_eq!(total, exactly(expected.len()));
    let found: Vec<_> = found
        .into_iter()
        .map(|entry| (fold(&entry.name), entry.id, entry.links))
        .collect();
    assert_eq!(found, expected, "{kind:?} {query:?}");
}

/// Every order gives the same objects, sorted, and parts of them where only some are looked at.
async fn compare_orders(fixture: &Fixture, model: &Model, kind: Kind, text: Option<&str>) {
    let connector = fixture.connector;
    let read = async |query: Search| {
        let (found, total) = all!(2, |page| fixture.store.search(
            &[connector],
            kind,
            &query,
            page
        ));
        assert_eq!(total, exactly(found.len()), "{query:?}");
        found
    };
    let plain = Search {
        text: text.map(str::to_owned),
        ..Search::default()
    };
    let by_id = |mut found: Vec<Entry>| {
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    };
    let expected = by_id(read(plain.clone()).await);
    for kinds in [vec!["team"], vec!["list", "team"], vec!["none such"]] {
        let is_one = |entry: &Entry| {
            let own = entry.group_kind.as_deref();
            kind == Kind::Users || own.is_some_and(|own| kinds.contains(&own))
        };
        let expected = expected.iter().filter(|entry| is_one(entry)).cloned();
        let query = Search {
            group_kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            ..plain.clone()
        };
        assert_eq!(
            by_id(read(query).await),
            expected.collect::<Vec<_>>(),
            "{kinds:?}"
        );
    }
    let sorts = [
        Sort::Name,
        Sort::Members,
        Sort::Changed,
        Sort::Since,
        Sort::GroupKind,
    ];
    for sort in sorts {
        for descending in [false, true] {
            let query = Search {
                sort,
                descending,
                ..plain.clone()
            };
            let mut found = read(query.clone()).await;
            assert_eq!(by_id(found.clone()), expected, "{query:?}");
            if descending {
                found.reverse();
            }
            let run = |moment: Option<Moment>| moment.map_or(0, |moment| moment.run.0);
            assert!(
                match sort {
                    Sort::Name => found.is_sorted_by_key(|entry| fold(&entry.name)),
                    Sort::Members => found.is_sorted_by_key(|entry| entry.links),
                    Sort::GroupKind => found.is_sorted_by_key(|entry| entry.group_kind.clone()),
                    Sort::Changed => found.is_sorted_by_key(|entry| run(entry.changed)),
                    Sort::Since => found.is_sorted_by_key(|entry| run(entry.since)),
                },
                "{query:?} {found:?}"
            );
            let some = model.things.keys().step_by(2);
            let some: Vec<_> = some.map(|id| (connector, id.clone())).collect();
            let (mut only, mut except) = (query.clone(), query);
            only.among = Among::Only(some.clone());
            except.among = Among::Except(some.clone());
            let is_one = |entry: &Entry| some.iter().any(|(_, id)| *id == entry.id);
            let (only, except) = (read(only).await, read(except).await);
            assert!(only.iter().all(is_one) && !except.iter().any(is_one));
            assert_eq!(by_id([only, except].concat()), expected);
        }
    }
}

/// Visible memberships, and which of the objects are groups that pass members on.
struct Graph {
    groups: BTreeSet<String>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn of(model: &Model) -> Self {
        let groups = model
            .things
            .iter()
            .filter(|(_, thing)| thing.is(MemberKind::Group))
            .map(|(id, _)| id.clone())
            .collect();
        let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (group, member) in model.memberships(false) {
            members.entry(group).or_default().insert(member);
        }
        Self { groups, members }
    }

    fn of_group(&self, group: &str) -> impl Iterator<Item = &String> {
        self.members.get(group).into_iter().flatten()
    }

    /// Every simple way from a group to a member, without the member.
    fn ways(&self, group: &str, member: &str) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        if group != member && self.groups.contains(group) {
            self.go_on(&mut vec![group.to_owned()], member, &mut found);
        }
        found
    }

    fn go_on(&self, way: &mut Vec<String>, member: &str, found: &mut Vec<Vec<String>>) {
        let last = way.last().unwrap().clone();
        for next in self.of_group(&last) {
            if next == member {
                found.push(way.clone());
            } else if self.groups.contains(next) && !way.contains(next) {
                way.push(next.clone());
                self.go_on(way, member, found);
                way.pop();
            }
        }
    }

    fn shortest(&self, group: &str, member: &str) -> Option<usize> {
        self.ways(group, member).iter().map(Vec::len).min()
    }
}

pub(super) fn ids(path: &MembershipPath) -> Vec<String> {
    path.0.iter().map(|group| group.id.clone()).collect()
}

async fn compare_members(
    fixture: &Fixture,
    model: &Model,
    graph: &Graph,
    group: &str,
    effective: bool,
) {
    let store = &fixture.store;
    let connector = fixture.connector;
    for text in [None, Some("1")] {
        let expected: BTreeSet<String> = model
            .memberships(effective)
            .into_iter()
            .filter(|(of, member)| of == group && member != group)
            .map(|(_, member)| member)
            .filter(|member| {
                let profile = model.things[member].profile.as_ref();
                text.is_none_or(|text| profile.is_some_and(|object| object.name.contains(text)))
            })
            .collect();
        let (found, total) = all!(2, |page| store
            .members(connector, group, effective, text, page));
        assert_eq!(total, exactly(expected.len()));
        let order: Vec<_> = found
            .iter()
            .map(|member| (member.name.is_empty(), fold(&member.name)))
            .collect();
        assert!(order.is_sorted(), "{order:?}");
        for member in &found {
            assert_eq!(member.kind, model.things[&member.id].kind);
            let path = ids(&member.path);
            assert!(graph.ways(group, &member.id).contains(&path), "{path:?}");
            let shortest = if effective {
                graph.shortest(group, &member.id)
            } else {
                Some(1)
            };
            assert_eq!(Some(path.len()), shortest);
        }
        let count = found.len();
        let found: BTreeSet<String> = found.into_iter().map(|member| member.id).collect();
        assert_eq!(found.len(), count, "each once");
        assert_eq!(found, expected, "{group} effective: {effective}");
    }
}

/// What the effective members of a group are read from.
async fn compare_weight(fixture: &Fixture, graph: &Graph, group: &str) {
    let mut met = BTreeSet::from([group]);
    let mut edge = vec![group];
    while let Some(group) = edge.pop() {
        let inner = graph.of_group(group).map(String::as_str);
        let inner = inner.filter(|inner| graph.groups.contains(*inner));
        edge.extend(inner.filter(|inner| met.insert(inner)));
    }
    let expected = met.iter().map(|group| graph.of_group(group).count() as u64);
    let expected: u64 = expected.sum();
    let weigh = async |most| {
        let store = &fixture.store;
        store.weight(fixture.connector, group, most).await.unwrap()
    };
    assert_eq!(Some(weigh(expected).await), exactly(expected as usize));
    if let Some(less) = expected.checked_sub(1) {
        let (count, exact) = (less, false);
        assert_eq!(weigh(less).await, Total { count, exact });
    }
}

async fn compare_groups(
    fixture: &Fixture,
    model: &Model,
    graph: &Graph,
    id: &str,
    effective: bool,
) {
    let mut expected: Vec<String> = model
        .memberships(effective)
        .into_iter()
        .filter(|(group, member)| member == id && group != id)
        .map(|(group, _)| group)
        .collect();
    expected.sort();
    let (found, total) = all!(2, |page| fixture.store.groups_of(
        fixture.connector,
        id,
        effective,
        None,
        page
    ));
    assert_eq!(total, exactly(expected.len()));
    for group in &found {
        let path = ids(&group.path);
        assert!(graph.ways(&group.id, id).contains(&path), "{path:?}");
        let shortest = graph.shortest(&group.id, id).filter(|_| effective);
        assert_eq!(path.len(), shortest.unwrap_or(1));
    }
    // Names begin with identifiers here.
    let found: Vec<String> = found.into_iter().map(|group| group.id).collect();
    assert_eq!(found, expected, "{id} effective: {effective}");
}

async fn compare_why(fixture: &Fixture, graph: &Graph, group: &str, member: &str) {
    let mut expected = graph.ways(group, member);
    let ask = async |limit| {
        let store = &fixture.store;
        store
            .why(fixture.connector, group, member, limit)
            .await
            .unwrap()
    };
    let why = ask(10_000).await;
    let mut found: Vec<_> = why.paths.iter().map(ids).collect();
    assert!(found.is_sorted_by_key(Vec::len));
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{group} {member}");
    assert!(!why.more);
    let few = ask(2).await;
    assert_eq!(few.paths.len(), expected.len().min(2));
    assert!(few.more || expected.len() <= 2);
    let lengths = |why: &Why| {
        why.paths
            .iter()
            .map(|path| path.0.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(&few), lengths(&why)[..few.paths.len()]);
}

async fn compare_object(fixture: &Fixture, model: &Model, id: &str) {
    let thing = &model.things[id];
    let found = fixture.store.object(fixture.connector, id).await.unwrap();
    let known = fixture.store.knows(fixture.connector, id).await.unwrap();
    assert_eq!(known, found.is_some(), "{id}");
    let Some(record) = found else {
        // A group that is complete and then unavailable on one page need not be noted at all.
        assert!(matches!(thing.state, State::Mentioned), "{id}");
        return;
    };
    let state = match thing.state {
        State::Mentioned => ObjectState::Mentioned,
        State::Present => ObjectState::Present,
        State::Hidden => ObjectState::Hidden,
        State::Gone => ObjectState::Gone,
    };
    assert_eq!((record.kind, record.state), (thing.kind, state), "{id}");
    let profile = thing.profile.as_ref();
    let name = profile.map(|object| object.name.clone());
    assert_eq!(record.name, name.unwrap_or_default());
    assert_eq!(record.document.is_some(), profile.is_some());
    let target = record.target_document.map(|document| document.to_string());
    let expected = thing.is(MemberKind::User).then(|| {
        let documents = model.documents(false);
        let own = format!(r#""externalId":"{id}""#);
        let start = format!("{{{own}");
        let document = documents
            .into_iter()
            .find(|document| document.starts_with(&start));
        let value: serde_json::Value = serde_json::from_str(&document.unwrap()).unwrap();
        value.to_string()
    });
    assert_eq!(target, expected);
    let known = matches!(state, ObjectState::Present);
    assert!(
        !known || record.since.is_some() && record.changed.is_some(),
        "{id}"
    );
}
