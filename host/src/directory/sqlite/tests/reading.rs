//! Searches, listings and explanations, case by case.

use Mode::{Incremental, Snapshot};

use super::comparing::{all, check_labels, exactly, ids};
use super::*;

fn called(id: &str, name: &str) -> Object {
    Object {
        name: name.into(),
        ..object(id)
    }
}

async fn found(fixture: &Fixture, kind: Kind, query: Search) -> Vec<String> {
    let (found, _) = all!(1, |page| fixture.store.search(&[], kind, &query, page));
    found.into_iter().map(|entry| entry.id).collect()
}

fn text(text: &str, how: Match) -> Search {
    Search {
        text: Some(text.into()),
        how,
        ..Search::default()
    }
}

#[tokio::test]
async fn names_are_found_without_case_and_accents_and_come_in_their_order() {
    let fixture = Fixture::new().await;
    let names = [
        "Zoë Ångström",
        "zoe angstrom",
        "ada",
        "Ärger  100%",
        "Øyvind_x",
    ];
    let users = names.iter().zip(["z2", "z1", "a", "e", "o"]);
    let changes = users
        .map(|(name, id)| Change::User(called(id, name)))
        .collect();
    fixture.run(Snapshot, changes).await;
    let search = async |query| found(&fixture, Kind::Users, query).await;
    assert_eq!(search(Search::default()).await, ["a", "e", "o", "z2", "z1"]);
    for (query, how, expected) in [
        ("ZOË", Match::Prefix, &["z2", "z1"][..]),
        ("angs", Match::Substring, &["z2", "z1"]),
        ("angs", Match::Prefix, &[]),
        ("zoe  angström", Match::Exact, &["z2", "z1"]),
        ("zoe angstro", Match::Exact, &[]),
        // Nothing in a text is a pattern.
        ("%", Match::Substring, &["e"]),
        ("_", Match::Substring, &["o"]),
        ("", Match::Exact, &["a", "e", "o", "z2", "z1"]),
        ("oyv", Match::Prefix, &["o"]),
    ] {
        assert_eq!(search(text(query, how)).await, expected, "{query} {how:?}");
    }
    let groups = found(&fixture, Kind::Groups, Search::default()).await;
    assert_eq!(groups, [""; 0]);
}

#[tokio::test]
async fn a_search_follows_names_as_they_change() {
    let fixture = Fixture::new().await;
    let search = async |query: &str, hidden| {
        let query = Search {
            hidden,
            ..text(query, Match::Prefix)
        };
        found(&fixture, Kind::Users, query).await
    };
    fixture
        .run(Snapshot, vec![Change::User(called("a", "Ada"))])
        .await;
    fixture
        .run(Incremental, vec![Change::User(called("a", "Grace"))])
        .await;
    assert_eq!(search("ada", true).await, [""; 0]);
    assert_eq!(search("grace", false).await, ["a"]);
    fixture.run(Incremental, vec![soft("a")]).await;
    assert_eq!(search("grace", false).await, [""; 0]);
    assert_eq!(search("grace", true).await, ["a"]);
    fixture
        .run(Incremental, vec![Change::User(called("a", "Ada"))])
        .await;
    assert_eq!(search("ada", false).await, ["a"]);
    fixture.run(Incremental, vec![hard("a")]).await;
    assert_eq!(search("", true).await, [""; 0]);
    check_labels(&fixture).await;
}

#[tokio::test]
async fn what_changed_lately_can_be_searched() {
    let fixture = small().await;
    let since = async |run: RunKey| {
        let run = fixture.store.run(run).await.unwrap().unwrap();
        let query = Search {
            changed_since: run.ended,
            hidden: true,
            ..Search::default()
        };
        found(&fixture, Kind::Users, query).await
    };
    // Times are in milliseconds, and such runs take less.
    let pause = async || tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let all = vec![user("a"), user("b"), user("c")];
    let first = fixture.begin(Snapshot).await;
    pause().await;
    fixture.commit(first, all.clone()).await;
    fixture.process(first).await;
    assert_eq!(since(first).await, [""; 0], "nothing was new");
    let mut changes = all;
    changes[0] = Change::User(called("a", "Renamed"));
    let second = fixture.begin(Incremental).await;
    pause().await;
    fixture.commit(second, changes).await;
    fixture.commit(second, vec![soft("b")]).await;
    fixture.process(second).await;
    assert_eq!(since(second).await, ["b", "a"]);
    assert_eq!(since(first).await, ["b", "a"]);
    let record = fixture
        .store
        .object(fixture.connector, "a")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.changed.unwrap().run, second);
    assert!(record.since.unwrap().run < first);
}

#[tokio::test]
async fn a_search_can_span_connectors() {
    let mut fixture = Fixture::new().await;
    let first = fixture.connector;
    let second = fixture.store.connector("second").await.unwrap();
    for (connector, names) in [
        (first, ["Ada", "Cleo", "Eve"]),
        (second, ["Ada", "Bo", "Dan"]),
    ] {
        fixture.connector = connector;
        let users = names.iter().map(|name| Change::User(called(name, name)));
        fixture.run(Snapshot, users.collect()).await;
    }
    let search = async |connectors: &[ConnectorKey]| {
        let query = Search::default();
        let (found, total) = all!(2, |page| fixture.store.search(
            connectors,
            Kind::Users,
            &query,
            page
        ));
        assert_eq!(total, exactly(found.len()));
        let found = found.into_iter();
        found
            .map(|entry| (entry.name, entry.connector))
            .collect::<Vec<_>>()
    };
    let all = search(&[]).await;
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Ada", "Ada", "Bo", "Cleo", "Dan", "Eve"]);
    assert_eq!(search(&[second, first, second]).await, all);
    let own = all.iter().filter(|(_, connector)| *connector == second);
    assert_eq!(search(&[second]).await, own.cloned().collect::<Vec<_>>());
    assert_eq!(search(&[ConnectorKey(99)]).await, []);
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_what_stays_while_others_come_and_go() {
    let fixture = Fixture::new().await;
    let users = |ids: &[&str]| ids.iter().map(|id| user(id)).collect();
    fixture.run(Snapshot, users(&["b", "d", "f", "h"])).await;
    let query = Search::default();
    let connectors = [fixture.connector];
    let read = async |page: &PageRequest| {
        let store = &fixture.store;
        let page = store
            .search(&connectors, Kind::Users, &query, page)
            .await
            .unwrap();
        let ids: Vec<String> = page.items.into_iter().map(|entry| entry.id).collect();
        (ids, page.next, page.total)
    };
    let first = PageRequest::first(2);
    let (ids, next, total) = read(&first).await;
    assert_eq!((ids, total), (vec!["b".into(), "d".into()], exactly(4)));
    fixture.run(Incremental, users(&["a", "c", "e"])).await;
    fixture.run(Incremental, vec![hard("d"), hard("h")]).await;
    let (ids, next, total) = read(&first.next(next.unwrap())).await;
    assert_eq!((ids, total), (vec!["e".into(), "f".into()], None));
    assert_eq!(next, None);
    // A limit of nothing is one of one.
    assert_eq!(read(&PageRequest::default()).await.0, ["a"]);
    let strange = first.next("strange".to_owned().into());
    assert!(matches!(
        fixture
            .store
            .search(&[], Kind::Users, &query, &strange)
            .await,
        Err(DirectoryError::Position)
    ));
}

#[tokio::test]
async fn a_membership_is_explained_by_its_shortest_chains_first() {
    let fixture = Fixture::new().await;
    let changes = vec![
        group("g1"),
        group("g2"),
        group("g3"),
        group("g4"),
        user("a"),
        joined("g1", &["g2", "g3", "a"]),
        joined("g2", &["g4", "g1"]),
        joined("g3", &["g4", "a"]),
        joined("g4", &["a", "g2", "gx"]),
        joined("gx", &["b"]),
    ];
    fixture.run(Snapshot, changes).await;
    let why = async |group, member, limit| {
        let store = &fixture.store;
        let why = store
            .why(fixture.connector, group, member, limit)
            .await
            .unwrap();
        let paths: Vec<String> = why.paths.iter().map(|path| ids(path).join(">")).collect();
        (paths, why.more)
    };
    let expected = ["g1", "g1>g3", "g1>g3>g4", "g1>g2>g4"];
    let all = expected.map(str::to_owned).to_vec();
    assert_eq!(why("g1", "a", 20).await, (all.clone(), false));
    assert_eq!(why("g1", "a", 2).await, (all[..2].to_vec(), true));
    let none = (Vec::new(), false);
    // Of `gx` nothing but its identifier is known, so it passes no members on.
    for (group, member) in [
        ("g1", "b"),
        ("a", "g1"),
        ("g1", "g1"),
        ("gx", "b"),
        ("no", "a"),
    ] {
        assert_eq!(why(group, member, 20).await, none, "{group} {member}");
    }
    let (members, _) = all!(2, |page| fixture.store.members(
        fixture.connector,
        "g1",
        true,
        None,
        page
    ));
    let members: Vec<_> = members
        .iter()
        .map(|member| (member.id.as_str(), ids(&member.path).join(">")))
        .collect();
    let path = str::to_owned;
    let expected = [
        ("a", path("g1")),
        ("g2", path("g1")),
        ("g3", path("g1")),
        ("g4", path("g1>g2")),
        ("gx", path("g1>g2>g4")),
    ];
    assert_eq!(members, expected);
}

#[tokio::test]
async fn an_explanation_ends_in_a_graph_that_is_all_cycles() {
    let fixture = Fixture::new().await;
    let groups: Vec<String> = (0..40).map(|n| format!("g{n}")).collect();
    let ids: Vec<&str> = groups.iter().map(String::as_str).collect();
    let mut changes: Vec<Change> = ids.iter().map(|id| group(id)).collect();
    changes.extend(ids.iter().map(|id| joined(id, &ids)));
    changes.push(user("a"));
    changes.push(joined("g39", &["a"]));
    fixture.run(Snapshot, changes).await;
    let why = fixture
        .store
        .why(fixture.connector, "g0", "a", 20)
        .await
        .unwrap();
    let lengths: Vec<usize> = why.paths.iter().map(|path| path.0.len()).collect();
    assert_eq!(lengths, [vec![2], vec![3; 19]].concat());
    assert!(why.more);
}

#[tokio::test]
async fn a_run_that_goes_on_is_read_as_far_as_it_has_come() {
    let fixture = Fixture::new().await;
    let run = fixture.begin(Snapshot).await;
    fixture
        .commit(run, vec![group("g1"), joined("g1", &["a"])])
        .await;
    let (groups, _) = all!(2, |page| fixture.store.groups_of(
        fixture.connector,
        "a",
        true,
        None,
        page
    ));
    assert_eq!(groups.len(), 1);
    let (members, _) = all!(2, |page| fixture.store.members(
        fixture.connector,
        "g1",
        false,
        None,
        page
    ));
    assert_eq!(
        (members[0].id.as_str(), members[0].name.as_str()),
        ("a", "")
    );
}

#[tokio::test]
async fn who_joined_and_left_is_told_with_the_run() {
    let fixture = small().await;
    let (_, tally) = fixture
        .run(Incremental, vec![left("g2", &["c"]), joined("g2", &["x"])])
        .await;
    assert_eq!((tally.memberships.added, tally.memberships.removed), (1, 1));
    fixture
        .run(Incremental, vec![joined("g2", &["c"]), no_group("g1")])
        .await;
    let read = async |filter: ChangeFilter| {
        let (found, _) = all!(2, |page| fixture.store.membership_changes(
            fixture.connector,
            &filter,
            page
        ));
        found
            .iter()
            .map(|change| {
                let sign = match change.what {
                    Turn::Joined => '+',
                    Turn::Left => '-',
                };
                let (run, group, member) = (change.when.run.0, &change.group.id, &change.member.id);
                format!("{run} {group}{sign}{member}")
            })
            .collect::<Vec<_>>()
    };
    let filter = ChangeFilter::default;
    let all = [
        "3 g1-a", "3 g1-g2", "3 g1-b", "3 g2+c", "2 g2-c", "2 g2+x", "1 g1+a", "1 g1+g2", "1 g1+b",
        "1 g2+b", "1 g2+c",
    ];
    let mut found = read(filter()).await;
    let mut expected: Vec<String> = all.iter().map(|text| (*text).to_owned()).collect();
    assert!(found.is_sorted_by(|one, other| one[..1] >= other[..1]));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let of = |text: &str| Some(text.to_owned());
    let c = ["3 g2+c", "2 g2-c", "1 g2+c"];
    assert_eq!(
        read(ChangeFilter {
            member: of("c"),
            ..filter()
        })
        .await,
        c
    );
    let both = ChangeFilter {
        group: of("g2"),
        member: of("x"),
        ..filter()
    };
    assert_eq!(read(both).await, ["2 g2+x"]);
    let run = ChangeFilter {
        run: Some(RunKey(2)),
        ..filter()
    };
    let mut second = read(run).await;
    second.sort();
    assert_eq!(second, ["2 g2+x", "2 g2-c"]);
    let joins = ChangeFilter {
        run: Some(RunKey(2)),
        what: Some(Turn::Joined),
        ..filter()
    };
    assert_eq!(read(joins).await, ["2 g2+x"]);
    let named = ChangeFilter {
        what: Some(Turn::Left),
        text: of("NAME of a"),
        ..filter()
    };
    assert_eq!(read(named).await, ["3 g1-a"]);
    let of_group = ChangeFilter {
        group: of("g2"),
        text: of("of b"),
        ..filter()
    };
    assert_eq!(read(of_group).await, ["1 g2+b"]);
    let of_member = ChangeFilter {
        member: of("b"),
        text: of("of g2"),
        ..filter()
    };
    assert_eq!(read(of_member).await, ["1 g2+b"]);
    let unknown = ChangeFilter {
        group: of("unknown"),
        ..filter()
    };
    assert_eq!(read(unknown).await, [""; 0]);
    let later = ChangeFilter {
        since: Some(i64::MAX),
        ..filter()
    };
    assert_eq!(read(later).await, [""; 0]);
}

#[tokio::test]
async fn an_object_is_shown_with_its_documents_wherever_it_stands() {
    let fixture = small().await;
    fixture
        .run(
            Incremental,
            vec![soft("b"), hard("a"), joined("g1", &["m"])],
        )
        .await;
    let read = async |id| fixture.store.object(fixture.connector, id).await.unwrap();
    let c = read("c").await.unwrap();
    assert_eq!(
        (c.name.as_str(), c.state),
        ("Name of c", ObjectState::Present)
    );
    assert_eq!(
        c.target_document.unwrap(),
        serde_json::json!({"externalId": "c", "info": {"groups": [{"externalId": "g2"}]}})
    );
    let b = read("b").await.unwrap();
    assert_eq!((b.state, b.target_document), (ObjectState::Hidden, None));
    assert!(b.document.is_some());
    assert_eq!(b.changed.unwrap().run, RunKey(2));
    let a = read("a").await.unwrap();
    assert_eq!(
        (a.state, a.document, a.changed),
        (ObjectState::Gone, None, None)
    );
    assert_eq!(read("m").await.unwrap().state, ObjectState::Mentioned);
    assert_eq!(read("g1").await.unwrap().target_document, None);
    assert_eq!(read("unknown").await, None);
}

#[tokio::test]
async fn runs_are_listed_newest_first_with_what_they_did() {
    let fixture = small().await;
    let other = fixture.store.connector("another").await.unwrap();
    let run = fixture.begin(Incremental).await;
    fixture
        .commit(run, vec![soft("a"), unavailable("g1"), unavailable("g9")])
        .await;
    fixture.process(run).await;
    let going = fixture.begin(Incremental).await;
    fixture.commit(going, vec![unavailable("g2")]).await;
    let read = async |filter: &RunFilter| all!(1, |page| fixture.store.runs(filter, page)).0;
    let runs = read(&RunFilter::default()).await;
    let keys: Vec<RunKey> = runs.iter().map(|run| run.key).collect();
    assert_eq!(keys, [going, run, RunKey(1)]);
    let counts: Vec<u64> = runs.iter().map(|run| run.unavailable).collect();
    assert_eq!(counts, [1, 2, 0]);
    assert_eq!((runs[0].state, runs[0].ended), (RunState::Processing, None));
    assert_eq!((runs[1].users.seen, runs[1].users.removed), (1, 1));
    assert_eq!(
        (runs[2].memberships.added, runs[2].users.complete),
        (5, true)
    );
    assert_eq!(fixture.store.run(run).await.unwrap(), Some(runs[1].clone()));
    assert_eq!(fixture.store.run(RunKey(99)).await.unwrap(), None);
    let report = fixture.store.report(run).await.unwrap();
    assert_eq!(report, Some(serde_json::json!({})));
    assert_eq!(fixture.store.report(going).await.unwrap(), None);
    let state = Some(RunState::Processed);
    let connectors = vec![fixture.connector];
    assert_eq!(read(&RunFilter { connectors, state }).await, runs[1..]);
    let connectors = vec![other];
    assert_eq!(
        read(&RunFilter {
            connectors,
            state: None
        })
        .await,
        []
    );
    let (groups, _) = all!(1, |page| fixture.store.unavailable(run, page));
    let names: Vec<_> = groups
        .iter()
        .map(|group| (&*group.id, group.name.as_deref()))
        .collect();
    assert_eq!(names, [("g1", Some("Name of g1")), ("g9", None)]);

    let connectors = fixture.store.connectors().await.unwrap();
    let names: Vec<&str> = connectors
        .iter()
        .map(|connector| &*connector.name)
        .collect();
    assert_eq!(names, ["another", "entra"]);
    let counts = fixture
        .store
        .counts(fixture.connector)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(counts, connectors[1]);
    assert_eq!((counts.users, counts.groups, counts.memberships), (2, 2, 4));
    assert!(counts.cursor_taken.is_some() && connectors[0].cursor_taken.is_none());
    assert_eq!(fixture.store.counts(ConnectorKey(99)).await.unwrap(), None);
    let size = fixture.store.store_size().await.unwrap();
    assert!(size.database > 50_000 && size.log > 0 && size.free < size.database);
}
