//! Catching up, and the delay.

use super::super::{Due, MOST_MISSED};
use super::*;

fn due(schedule: &Schedule, considered_until: &str, now: &str) -> Option<Due> {
    schedule.due(at(considered_until), at(now), "profile")
}

fn nightly() -> Schedule {
    every("Europe/Berlin", 1, Unit::Days, "2026-01-01T02:00")
}

#[test]
fn nothing_is_due_before_the_next_occurrence() {
    assert_eq!(
        due(&nightly(), "2026-11-24T01:00:00Z", "2026-11-25T00:59:59Z"),
        None
    );
}

#[test]
fn an_occurrence_is_due_from_its_very_instant_and_only_once() {
    let found = due(&nightly(), "2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z").unwrap();
    assert_eq!(found.at, at("2026-11-25T01:00:00Z"));
    assert_eq!(found.missed, 0);
    assert_eq!(
        nightly().due(found.at, at("2026-11-25T01:00:01Z"), "profile"),
        None
    );
}

#[test]
fn after_downtime_one_run_is_due_for_the_latest_occurrence() {
    assert_eq!(
        due(&nightly(), "2026-11-01T01:00:00Z", "2026-11-24T12:00:00Z"),
        Some(Due {
            at: at("2026-11-24T01:00:00Z"),
            missed: 22
        })
    );
}

#[test]
fn a_single_occurrence_missed_while_down_is_caught_up() {
    let once = once("Europe/Berlin", "2026-11-24T02:00");
    let caught_up = Due {
        at: at("2026-11-24T01:00:00Z"),
        missed: 0,
    };
    assert_eq!(
        due(&once, "2026-11-20T00:00:00Z", "2027-11-24T12:00:00Z"),
        Some(caught_up)
    );
    assert_eq!(
        due(&once, "2026-11-24T01:00:00Z", "2027-11-24T12:00:00Z"),
        None
    );
}

#[test]
fn a_run_missed_before_the_end_is_caught_up_after_it() {
    let ended = ending(nightly(), "2026-11-24T03:00");
    let found = due(&ended, "2026-11-20T00:00:00Z", "2026-12-24T12:00:00Z").unwrap();
    assert_eq!(found.at, at("2026-11-24T01:00:00Z"));
}

#[test]
fn a_year_of_missed_minutes_is_one_run_and_counted_to_the_bound() {
    for minutely in [
        every("Europe/Berlin", 1, Unit::Minutes, "2020-01-01T00:00"),
        cron("Europe/Berlin", "* * * * *"),
    ] {
        assert_eq!(
            due(&minutely, "2025-11-24T00:00:00Z", "2026-11-24T02:00:30Z"),
            Some(Due {
                at: at("2026-11-24T02:00:00Z"),
                missed: MOST_MISSED
            })
        );
    }
}

#[test]
fn a_clock_that_goes_back_makes_nothing_due() {
    assert_eq!(
        due(&nightly(), "2026-11-24T01:00:00Z", "2026-11-20T12:00:00Z"),
        None
    );
}

#[test]
fn a_run_is_not_due_before_its_delay_is_over() {
    let nightly = jittery(3_600, nightly());
    let occurrence = at("2026-11-25T01:00:00Z");
    let begin = nightly.jittered(occurrence, "profile");
    assert!(begin > occurrence, "this seed has no delay: take another");
    let considered_until = at("2026-11-24T01:00:00Z");
    let due_at = |now| nightly.due(considered_until, now, "profile");
    assert_eq!(due_at(super::super::rule::before(begin)), None);
    assert_eq!(due_at(begin).map(|due| due.at), Some(occurrence));
    assert_eq!(nightly.wake(considered_until, "profile"), Some(begin));
}

#[test]
fn while_the_latest_is_delayed_the_one_before_is_due() {
    let nightly = jittery(3_600, nightly());
    let found = due(&nightly, "2026-11-20T01:00:00Z", "2026-11-25T01:00:00Z").unwrap();
    assert_eq!((found.at, found.missed), (at("2026-11-24T01:00:00Z"), 3));
}

#[test]
fn a_delay_is_the_same_after_a_restart_and_differs_between_profiles_and_days() {
    let nightly = jittery(3_600, nightly());
    let occurrence = at("2026-11-25T01:00:00Z");
    let delay = |seed| nightly.jittered(occurrence, seed).as_second() - occurrence.as_second();
    // A fixed figure: another release of the program must agree too.
    assert_eq!(delay("profile"), 1_271);
    assert_ne!(delay("profile"), delay("another"));
    let tomorrow = at("2026-11-26T01:00:00Z");
    assert_ne!(
        nightly.jittered(tomorrow, "profile").as_second() - tomorrow.as_second(),
        delay("profile")
    );
}

#[test]
fn delays_are_spread_over_all_that_is_allowed() {
    let nightly = jittery(9, nightly());
    let occurrence = at("2026-11-25T01:00:00Z");
    let delays: std::collections::BTreeSet<i64> = (0..500)
        .map(|seed| nightly.jittered(occurrence, &seed.to_string()))
        .map(|begin| begin.as_second() - occurrence.as_second())
        .collect();
    assert_eq!(delays, (0..=9).collect());
}
