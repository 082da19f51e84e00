//! All users, listed in ranges of their sign-in names, and the proof that these are all of them.

use connector_host::directory::Stream;
use connector_host::run::{Report, WantedMode};
use harness::simulator::{
    Behaviour, FaultAction, FaultRule, Kind, Operation, SimulatorOptions, TenantSpec,
};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::lab::{Lab, status};

/// Requests whose listing is kept to a range.
const RANGES: &str = r"/users\?.*userPrincipalName (ge|le) '";
/// Requests for all users in one chain.
const CHAIN: &str = r"/users\?\$select=[A-Za-z,]*&\$top=999";
const COUNT: &str = r"/users/\$count";

/// Enough users for some ranges, with a few groups.
fn sized(users: usize, seed: u64) -> SimulatorOptions {
    SimulatorOptions {
        tenant: TenantSpec::sized(users, 20, 600, seed),
        ..SimulatorOptions::default()
    }
}

fn logged(report: &Report, text: &str) -> bool {
    report.log.iter().any(|line| line.text.contains(text))
}

/// Refuses every request of this kind, so that a run that made one can't have succeeded.
fn forbid(lab: &Lab, requests: &str) {
    let refusal = status(403, "Authorization_RequestDenied");
    let rule = FaultRule::new(requests, refusal);
    lab.simulator.inject(rule).unwrap();
}

fn calls(report: &Report, route: &str) -> u64 {
    let routes = &report.network.requests_by_route;
    routes.get(route).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_many_pages_are_listed_in_ranges_alone_and_equal_the_tenant() {
    let lab = Lab::new(sized(4_500, 21)).await;
    forbid(&lab, CHAIN);
    let report = lab.succeed().await;
    assert!(report.tally.users.complete);
    assert!(report.note.as_ref().unwrap().contains("3 ranges"));
    assert!(
        logged(&report, "All users are there: ranges gave 4500"),
        "{:?}",
        report.log
    );
    lab.assert_equals_tenant("in ranges").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_an_unpleasant_service_equal_the_tenant() {
    for seed in 1..4 {
        let mut options = sized(2_600, seed);
        options.behaviour = Behaviour {
            nastiness: 0.7,
            ..Behaviour::default()
        };
        let lab = Lab::new(options).await;
        let report = lab.succeed().await;
        assert!(logged(&report, "All users are there"), "{:?}", report.log);
        lab.assert_equals_tenant(&format!("seed {seed}")).await;
        lab.simulator.churn(seed, 60);
        lab.sync(WantedMode::Full).await;
        lab.assert_equals_tenant(&format!("seed {seed}, second snapshot"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_refuses_ranges_is_read_in_one_chain() {
    let lab = Lab::new(sized(2_600, 22)).await;
    lab.simulator
        .edit_behaviour(|behaviour| behaviour.range_filters = false);
    let report = lab.succeed().await;
    assert!(logged(&report, "is refused"), "{:?}", report.log);
    assert_eq!(
        calls(&report, "GET /v1.0/users"),
        5,
        "a refusal for each of two ranges, three pages once"
    );
    lab.assert_equals_tenant("in one chain").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_the_ranges_do_not_reach_leads_to_the_chain() {
    // What the tenant counts at the beginning and at the proof.
    let wrong = FaultAction::Status {
        status: 200,
        code: None,
        body: Some("2601".into()),
        headers: Vec::new(),
    };
    let refused = status(400, "Request_UnsupportedQuery");
    for (case, rule) in [
        ("at first", FaultRule::new(COUNT, wrong.clone()).times(1)),
        ("at the proof", FaultRule::new(COUNT, wrong).skip(1)),
        ("no more", FaultRule::new(COUNT, refused).skip(1)),
    ] {
        let lab = Lab::new(sized(2_600, 23)).await;
        lab.simulator.inject(rule).unwrap();
        let report = lab.succeed().await;
        assert!(
            logged(&report, "all are read in one chain too"),
            "{case}: {:?}",
            report.log
        );
        assert!(report.tally.users.complete);
        lab.assert_equals_tenant(case).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_does_not_count_is_read_in_one_chain_from_the_beginning() {
    let lab = Lab::new(sized(2_600, 24)).await;
    let refused = status(400, "Request_BadRequest");
    lab.simulator
        .inject(FaultRule::new(r"/\$count", refused))
        .unwrap();
    forbid(&lab, RANGES);
    let report = lab.succeed().await;
    assert_eq!(calls(&report, "GET /v1.0/users"), 3);
    lab.assert_equals_tenant("without counts").await;
}

/// A user with this sign-in name.
fn person(upn: &str) -> Operation {
    let properties = json!({"displayName": upn, "userPrincipalName": upn});
    Operation::Create {
        kind: Kind::User,
        id: None,
        properties: properties.as_object().unwrap().clone(),
    }
}

fn renamed(id: &str, upn: &str) -> Operation {
    let properties = json!({"userPrincipalName": upn});
    Operation::Update {
        id: id.to_owned(),
        properties: properties.as_object().unwrap().clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_all_begin_alike_are_one_range_and_none_is_lost() {
    for prefix in ["Emp", "0", "zz", "é", "_"] {
        let lab = Lab::new(sized(5, 25)).await;
        for number in 0..2_100 {
            let upn = format!("{prefix}{number:05}@contoso.example");
            lab.simulator.mutate(&person(&upn)).unwrap();
        }
        forbid(&lab, CHAIN);
        let report = lab.succeed().await;
        assert!(logged(&report, "All users are there"), "{:?}", report.log);
        lab.assert_equals_tenant(prefix).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_a_cut_or_hold_anything_else_are_listed() {
    let mut lab = Lab::new(sized(2_400, 26)).await;
    for upn in [
        "kb",
        "KB",
        "ar",
        "k",
        "kb@contoso.example",
        "o'brien@contoso.example",
        "Ünal@contoso.example",
    ] {
        lab.simulator.mutate(&person(upn)).unwrap();
    }
    lab.settings["keepUsersWithoutGroups"] = true.into();
    forbid(&lab, CHAIN);
    lab.succeed().await;
    lab.assert_equals_tenant("unusual names").await;
    let guests = |users: Vec<Value>| {
        let names = users.into_iter();
        names
            .filter(|user| {
                user["userPrincipalName"]
                    .as_str()
                    .unwrap()
                    .contains("#EXT#")
            })
            .count()
    };
    let held = lab.held().await.users.into_values();
    let held = held.map(|user| user["document"]["userData"]["userDetails"].clone());
    let there = guests(lab.simulator.truth().users.into_values().collect());
    assert!(there > 100);
    assert_eq!(guests(held.collect()), there, "guests");
}

/// A run in which something happens when the first of two ranges is stored and before the second is read.
async fn between_ranges(lab: &mut Lab, happens: impl AsyncFnOnce(&Lab)) -> Report {
    lab.patience.transient_retries = 100_000;
    let trouble = status(500, "InternalServerError");
    lab.simulator
        .inject(FaultRule::new(r"userPrincipalName ge 'kb'", trouble))
        .unwrap();
    let first = first_range(lab).len() as u64;
    let lab = &*lab;
    let meanwhile = async {
        let connector = lab.directory.connector(&lab.connector).await.unwrap();
        while lab.directory.seen(connector, Stream::Users).await.unwrap() < first {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        happens(lab).await;
        lab.simulator.clear_faults();
    };
    let (report, ()) = tokio::join!(lab.sync(WantedMode::Full), meanwhile);
    report
}

/// Ids of the users in the first of two ranges.
fn first_range(lab: &Lab) -> Vec<String> {
    let users = lab.simulator.truth().users.into_iter();
    users
        .filter(|(_, user)| {
            let name = user["userPrincipalName"].as_str().unwrap();
            name.to_lowercase().as_str() <= "kb"
        })
        .map(|(id, _)| id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_renamed_out_of_a_range_that_is_still_to_come_is_not_lost() {
    let mut lab = Lab::new(sized(2_600, 27)).await;
    lab.succeed().await;
    let first = first_range(&lab);
    let users = lab.simulator.truth().users.into_keys();
    let later = users.into_iter().find(|id| !first.contains(id)).unwrap();
    let report = between_ranges(&mut lab, async |lab| {
        let operation = renamed(&later, "aaron@contoso.example");
        lab.simulator.mutate(&operation).unwrap();
    })
    .await;
    assert!(
        logged(&report, "Ranges gave 2599 users"),
        "neither range has it: {:?}",
        report.log
    );
    assert!(report.tally.users.complete);
    assert_eq!(report.tally.users.removed, 0);
    lab.assert_equals_tenant("after the renaming").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_renamed_into_a_range_that_is_still_to_come_counts_once() {
    let mut lab = Lab::new(sized(2_600, 28)).await;
    lab.succeed().await;
    let early = first_range(&lab)[0].clone();
    let report = between_ranges(&mut lab, async |lab| {
        let operation = renamed(&early, "zelda@contoso.example");
        lab.simulator.mutate(&operation).unwrap();
    })
    .await;
    assert!(
        logged(&report, "All users are there: ranges gave 2600"),
        "{:?}",
        report.log
    );
    lab.assert_equals_tenant("after the renaming").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_a_filter_leaves_out_are_kept_even_if_as_many_are_created_meanwhile() {
    let mut lab = Lab::new(sized(2_600, 29)).await;
    lab.succeed().await;
    // The second range will lack the first user of each of its pages.
    let report = between_ranges(&mut lab, async |lab| {
        for number in 0..2 {
            let upn = format!("zoe{number}@contoso.example");
            lab.simulator.mutate(&person(&upn)).unwrap();
        }
        lab.simulator.clear_faults();
        let gap = FaultAction::MissingObjects { every: 999 };
        lab.simulator
            .inject(FaultRule::new(r"userPrincipalName ge 'kb'", gap).times(2))
            .unwrap();
    })
    .await;
    assert_eq!(report.tally.users.removed, 0);
    lab.assert_equals_tenant("after all").await;
}

#[test]
fn absence_from_a_listing_that_lacks_something_is_never_a_deletion() {
    let mut runner = TestRunner::new(Config {
        cases: 6,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cases = (1_usize..1_200, 0_u64..4, 0_usize..40, 0_u64..1_000);
    runner
        .run(&cases, |(every, skip, changes, seed)| {
            runtime.block_on(async {
                let mut lab = Lab::new(sized(2_300, seed)).await;
                lab.allow_mass_change = true;
                lab.succeed().await;
                lab.simulator.churn(seed, changes);
                let gap = FaultAction::MissingObjects { every };
                lab.simulator
                    .inject(FaultRule::new(RANGES, gap).skip(skip))
                    .unwrap();
                lab.sync(WantedMode::Full).await;
                lab.assert_equals_tenant("after gaps").await;
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_ten_thousand_users_cost_a_few_calls_more_than_the_fewest() {
    let lab = Lab::new(SimulatorOptions {
        tenant: TenantSpec::sized(10_000, 1_000, 100_000, 1),
        ..SimulatorOptions::default()
    })
    .await;
    let report = lab.succeed().await;
    let users = calls(&report, "GET /v1.0/users");
    // 11 pages are the fewest.
    assert!((11..=14).contains(&users), "{:#?}", report.network);
    lab.assert_equals_tenant("ten thousand users").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_no_rule_of_the_map_reads_are_not_asked_for() {
    let mut lab = Lab::new(sized(300, 30)).await;
    let mut map = crate::lab::plugin().await.description().maps[0].clone();
    let unread = ["jobTitle", "streetAddress", "classification"];
    map.rules.retain(|rule| {
        !unread
            .iter()
            .any(|field| rule.sources.iter().any(|s| s.contains(field)))
    });
    assert!(map.rules.len() < 21);
    for field in unread {
        forbid(&lab, field);
    }
    let report = lab.sync(WantedMode::Auto).await;
    assert_ne!(report.exit_code(), 0, "the map reads them");
    lab.map = Some(map);
    lab.succeed().await;
    lab.simulator.churn(30, 40);
    lab.succeed().await;
}
