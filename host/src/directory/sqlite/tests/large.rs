//! Reading at full size: what comes is asserted, how long it takes is printed.

use futures::TryStreamExt;
use futures::stream;

use super::load::{Watch, end, id, member, name, named, plan, user_id};
use super::*;
use crate::directory::sqlite::labels::fold;

const GROUPS: u64 = 100_000;
const USERS: u64 = 100_000;
const PER_GROUP: u64 = 10;
const PAGE: u64 = 1_000;
/// Each group has this many groups in it, as far as there are so many: a tree of six layers.
const NESTED: u64 = 10;
/// Whose members are all users.
const EVERYONE: &str = "everyone";

fn group_id(n: u64) -> String {
    id(n, 1)
}

fn members_of(n: u64) -> Vec<Member> {
    let users = (0..PER_GROUP).map(|k| member(n * 7919 + k * k * 131 + k * 977 * n));
    let inner = (n * NESTED + 1..=n * NESTED + NESTED).filter(|inner| *inner < GROUPS);
    let inner = inner.map(|inner| Member {
        id: group_id(inner),
        kind: MemberKind::Group,
    });
    users.chain(inner).collect()
}

/// A page of groups, users and memberships.
fn all(number: u64) -> PageCommit {
    let range = PAGE * number..PAGE * (number + 1);
    let groups = range.clone().map(|n| Change::Group(named(group_id(n), n)));
    let users = range
        .clone()
        .map(|n| Change::User(named(user_id(n), n + GROUPS)));
    let members = range.clone().map(|n| Change::MembersAdded {
        group: group_id(n),
        members: members_of(n),
    });
    let everyone = Change::MembersAdded {
        group: EVERYONE.into(),
        members: range.clone().map(member).collect(),
    };
    PageCommit {
        partition: number.to_string(),
        checkpoint: None,
        ..page(
            groups
                .chain(users)
                .chain(members)
                .chain([everyone])
                .collect(),
        )
    }
}

async fn large() -> Fixture {
    let fixture = Fixture::new().await;
    let pages = GROUPS / PAGE;
    let partitions: Vec<Partition> = (0..pages).map(|n| partition(&n.to_string(), 0)).collect();
    let run = plan(&fixture, Mode::Snapshot, &partitions, false).await;
    fixture
        .store
        .commit(
            run,
            PageCommit {
                partition: "0".into(),
                ..page(vec![group(EVERYONE)])
            },
        )
        .await
        .unwrap();
    {
        let _watch = Watch::start("pages of a first snapshot");
        stream::iter((0..pages).map(Ok))
            .try_for_each_concurrent(32, async |number| {
                fixture.store.commit(run, all(number)).await.map(drop)
            })
            .await
            .unwrap();
    }
    end(&fixture, run).await;
    fixture
}

fn search(text: &str, how: Match) -> Search {
    Search {
        text: Some(text.into()),
        how,
        ..Search::default()
    }
}

/// How many records a listing has, and on its first page.
fn told<T>(page: &Page<T>) -> (usize, u64) {
    (page.items.len(), page.total.map_or(0, |total| total.count))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture measure"]
async fn measure_reading_a_large_tenant() {
    let fixture = large().await;
    searches(&fixture).await;
    memberships(&fixture).await;
    history(&fixture).await;
    held(&fixture).await;
    {
        let _watch = Watch::start("copy");
        let copy = fixture.directory.path().join("copy.db");
        fixture.store.backup(&copy).await.unwrap();
    }
    let _watch = Watch::start("forgetting the connector");
    fixture.store.forget(fixture.connector).await.unwrap();
    assert_eq!(fixture.number("SELECT count(*) FROM object").await, 0);
}

async fn searches(fixture: &Fixture) {
    let connectors = [fixture.connector];
    let page = PageRequest::first(50);
    let names: Vec<String> = (0..GROUPS).map(|n| fold(&name(n))).collect();
    for (what, query) in [
        ("search: everything", Search::default()),
        ("  prefix, 400 found", search("mobe", Match::Prefix)),
        ("  prefix, 1 found", search(&name(77), Match::Prefix)),
        ("  substring, many found", search("mobe", Match::Substring)),
        ("  substring, 1 found", search(" 77777", Match::Substring)),
        (
            "  substring, none found",
            search("nobody", Match::Substring),
        ),
        ("  exact", search(&name(4711).to_uppercase(), Match::Exact)),
    ] {
        let text = query.text.as_deref().map(fold).unwrap_or_default();
        let expected = names.iter().filter(|name| match query.how {
            Match::Prefix => name.starts_with(&text),
            Match::Substring => name.contains(&text),
            Match::Exact => **name == text,
        });
        let everyone = u64::from(text.is_empty());
        let expected = expected.count() as u64 + everyone;
        let found = {
            let _watch = Watch::start(what);
            fixture
                .store
                .search(&connectors, Kind::Groups, &query, &page)
                .await
                .unwrap()
        };
        let bounded = if everyone == 1 {
            expected
        } else {
            expected.min(Total::MOST)
        };
        assert_eq!(told(&found), ((expected as usize).min(50), bounded));
    }
    let since = Search {
        changed_since: Some(0),
        ..Search::default()
    };
    let found = {
        let _watch = Watch::start("  changed lately");
        fixture
            .store
            .search(&connectors, Kind::Users, &since, &page)
            .await
            .unwrap()
    };
    assert_eq!(told(&found), (50, Total::MOST));
    for sort in [Sort::Name, Sort::Members, Sort::Changed, Sort::Since] {
        for (what, descending, text, how) in [
            ("  sorted", false, None, Match::Prefix),
            ("  sorted, last first", true, None, Match::Prefix),
            ("  sorted, of a prefix", true, Some("m"), Match::Prefix),
            (
                "  sorted, of a text that none has",
                true,
                Some("nobody"),
                Match::Substring,
            ),
        ] {
            let query = Search {
                sort,
                descending,
                text: text.map(str::to_owned),
                how,
                ..Search::default()
            };
            let store = &fixture.store;
            let first = {
                let _watch = Watch::start(what);
                store.search(&connectors, Kind::Groups, &query, &page).await
            };
            let Some(next) = first.unwrap().next else {
                continue;
            };
            let _watch = Watch::start("    its second page");
            let request = page.next(next);
            store
                .search(&connectors, Kind::Groups, &query, &request)
                .await
                .unwrap();
        }
    }
    let linked: Vec<_> = (0..10_000)
        .map(|n| (fixture.connector, group_id(n * 3)))
        .collect();
    for (what, among, count) in [
        ("  of 10,000", Among::Only(linked.clone()), 10_000),
        (
            "  of all but 10,000",
            Among::Except(linked),
            GROUPS + 1 - 10_000,
        ),
    ] {
        let query = Search {
            among,
            sort: Sort::Members,
            ..Search::default()
        };
        let _watch = Watch::start(what);
        let store = &fixture.store;
        let found = store.search(&connectors, Kind::Groups, &query, &page).await;
        assert_eq!(told(&found.unwrap()), (50, count));
    }
    let mut request = PageRequest::first(1000);
    let mut count = 0;
    let _watch = Watch::start("  100 pages of 1,000 users");
    loop {
        let query = Search::default();
        let page = fixture
            .store
            .search(&connectors, Kind::Users, &query, &request)
            .await
            .unwrap();
        count += page.items.len() as u64;
        match page.next {
            Some(next) => request = request.next(next),
            None => break,
        }
    }
    assert_eq!(count, USERS);
}

async fn memberships(fixture: &Fixture) {
    let connector = fixture.connector;
    let store = &fixture.store;
    let page = PageRequest::first(50);
    let middle = group_id(12);
    let leaf = group_id(99_000);
    let user = user_id(7919 * 99_000);
    let user = user.as_str();
    for (what, group, effective, text, least) in [
        ("members: direct, of 20", middle.as_str(), false, None, 15),
        ("  direct, of 100,000", EVERYONE, false, None, 10_000),
        (
            "  direct, of 100,000, by text",
            EVERYONE,
            false,
            Some("mobe"),
            100,
        ),
        (
            "  effective, 1,111 groups",
            middle.as_str(),
            true,
            None,
            10_000,
        ),
        (
            "  effective, 1,111 groups, by text",
            middle.as_str(),
            true,
            Some("mobe"),
            100,
        ),
        (
            "  effective, 100,000 groups",
            &group_id(0),
            true,
            None,
            10_000,
        ),
    ] {
        let found = {
            let _watch = Watch::start(what);
            store
                .members(connector, group, effective, text, &page)
                .await
                .unwrap()
        };
        let (count, total) = told(&found);
        assert!(
            total >= least && count as u64 == total.min(50),
            "{what}: {total}"
        );
    }
    for (what, effective) in [("groups of a user: direct", false), ("  effective", true)] {
        let found = {
            let _watch = Watch::start(what);
            store
                .groups_of(connector, user, effective, None, &page)
                .await
                .unwrap()
        };
        assert!(told(&found).1 >= if effective { 20 } else { 5 });
    }
    let why = {
        let _watch = Watch::start("why, from the top");
        store.why(connector, &group_id(0), user, 20).await.unwrap()
    };
    assert!(!why.paths.is_empty() && why.paths.iter().all(|path| path.0.len() <= 6));
    let why = {
        let _watch = Watch::start("why, directly");
        store.why(connector, &leaf, user, 20).await.unwrap()
    };
    assert_eq!(
        why.paths
            .iter()
            .map(|path| path.0.len())
            .collect::<Vec<_>>(),
        [1]
    );
    let _watch = Watch::start("object with its document");
    let object = store.object(connector, user).await.unwrap().unwrap();
    assert!(object.target_document.is_some());
}

async fn history(fixture: &Fixture) {
    let run = fixture.begin(Mode::Incremental).await;
    let changes = (0..1000)
        .map(|n| left(&group_id(n), &[&user_id(n * 7919)]))
        .collect();
    fixture.commit(run, changes).await;
    fixture.process(run).await;
    let page = PageRequest::first(50);
    let filter = ChangeFilter::default;
    let group = Some(group_id(17));
    let member = Some(user_id(17 * 7919));
    for (what, filter, least) in [
        ("changes: newest", filter(), 50),
        (
            "  of a run",
            ChangeFilter {
                run: Some(run),
                ..filter()
            },
            50,
        ),
        (
            "  of a run, by name",
            ChangeFilter {
                run: Some(run),
                text: Some("a".into()),
                ..filter()
            },
            1,
        ),
        ("  of a group", ChangeFilter { group, ..filter() }, 15),
        ("  of a user", ChangeFilter { member, ..filter() }, 10),
    ] {
        let found = {
            let _watch = Watch::start(what);
            fixture
                .store
                .membership_changes(fixture.connector, &filter, &page)
                .await
                .unwrap()
        };
        assert!(found.items.len() >= least, "{what}: {}", found.items.len());
    }
}

async fn held(fixture: &Fixture) {
    let run = fixture.begin(Mode::Snapshot).await;
    fixture.commit(run, vec![ALL_USERS, ALL_GROUPS]).await;
    {
        let _watch = Watch::start("weighing the removal of everything");
        fixture.store.assess(run).await.unwrap();
    }
    {
        let _watch = Watch::start("  held");
        fixture.finish(run, RunState::Held, false).await;
    }
    let page = PageRequest::first(50);
    for (what, removable, text, total) in [
        ("  its groups", Removable::Groups, None, Total::MOST),
        ("  its users by text", Removable::Users, Some("nobody"), 0),
        (
            "  its memberships",
            Removable::Memberships,
            None,
            Total::MOST,
        ),
        (
            "  its memberships by text",
            Removable::Memberships,
            Some("nobody"),
            0,
        ),
    ] {
        let _watch = Watch::start(what);
        let found = fixture
            .store
            .removals(run, removable, text, &page)
            .await
            .unwrap();
        assert_eq!(told(&found).1, total);
    }
    let _watch = Watch::start("  allowed");
    let decision = Decision {
        verdict: Verdict::Allow,
        actor: String::new(),
        reason: String::new(),
    };
    let record = fixture.store.decide(run, decision).await.unwrap();
    assert_eq!(record.groups.removed, GROUPS + 1);
}
